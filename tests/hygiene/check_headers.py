"""Each header compiles alone, with our warnings: what it needs, it includes.

Only the front end runs, two at a time. A stamp per header remembers what was read, so that an unchanged header costs nothing.
"""

import concurrent.futures
import hashlib
import json
import os
import shlex
import subprocess
import sys

import house

FLAGS = ["-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-Wno-restrict"]
FOLDERS = ["", "client/include", "worker/include"]


def digest(path):
    try:
        return hashlib.sha256((house.SOURCE / path).read_bytes()).hexdigest()
    except OSError:
        return "gone"


def dependencies(rule):
    """Files of the tree in a make rule."""
    words = shlex.split(rule.replace("\\\n", " ").partition(":")[2])
    found = set()
    for word in words:
        path = os.path.normpath(os.path.join(house.SOURCE, word))
        if path.startswith(str(house.SOURCE) + os.sep):
            found.add(os.path.relpath(path, house.SOURCE))
    return sorted(found)


def compile_one(compiler, header, stamps):
    stamp = stamps / (header.as_posix().replace("/", "__") + ".json")
    if stamp.exists():
        try:
            known = json.loads(stamp.read_text(encoding="utf-8"))
            if known["compiler"] == compiler and all(digest(p) == h for p, h in known["read"].items()):
                return None
        except (ValueError, KeyError):
            pass
    # The C interface of plugins must be C as well.
    languages = ["c++"]
    if header.as_posix().startswith("worker/include/") and "extern \"C\"" in house.read(header):
        languages.append("c")
    for language in languages:
        flags = FLAGS if language == "c++" else ["-std=c11", *FLAGS[1:]]
        rule = stamp.with_suffix(".d")
        command = [compiler if language == "c++" else "cc", *flags, "-MD", "-MF", str(rule)]
        command += [f"-I{house.SOURCE / folder}" for folder in FOLDERS] + ["-x", language, "-"]
        done = subprocess.run(
            command, input=f'#include "{house.SOURCE / header}"\n', capture_output=True, text=True, cwd=house.SOURCE, check=False
        )
        if done.returncode != 0:
            return f"does not compile alone as {language}:\n{done.stderr.strip()[:3000]}"
    read = {path: digest(path) for path in dependencies(rule.read_text(encoding="utf-8"))}
    stamp.write_text(json.dumps({"compiler": compiler, "read": read}), encoding="utf-8")
    return None


def check():
    report = house.Report("headers alone")
    compiler = os.environ.get("CXX", "c++")
    stamps = house.BUILD / "header_check"
    stamps.mkdir(parents=True, exist_ok=True)
    headers = house.files(*house.ROOMS, "tests/support", "tests/simulation", ends=(".h", ".hpp"))
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        results = pool.map(lambda header: compile_one(compiler, header, stamps), headers)
        for header, problem in zip(headers, results):
            if problem:
                report.add(header, problem)
    print(f"{len(headers)} header(s)")
    return report


if __name__ == "__main__":
    sys.exit(check().finish())
