#!/usr/bin/python3
"""clang-tidy over the named sources with the compile database of the release tree, two at a time.

A file whose own text, headers of the tree and rules are as they were when it was last clean is not read again. The time is
bounded (--minutes, or HIREHALL_TIDY_MINUTES): what was not reached is named, so that a large landing still ends.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import house

INCLUDE_FOLDERS = ("", "client/include", "worker/include")


def closure(path, seen=None):
    """The file and every header of the tree that it reaches by includes."""
    seen = set() if seen is None else seen
    if path in seen:
        return seen
    seen.add(path)
    for _, name, _ in house.includes(house.read(path)):
        for folder in (*INCLUDE_FOLDERS, path.parent):
            candidate = house.SOURCE / folder / name
            if candidate.is_file():
                closure(candidate.resolve().relative_to(house.SOURCE.resolve()), seen)
                break
    return seen


def key_of(path, rules):
    digest = hashlib.sha256(rules)
    for part in sorted(closure(path)):
        digest.update(part.as_posix().encode() + b"\0" + (house.SOURCE / part).read_bytes())
    return digest.hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=float(os.environ.get("HIREHALL_TIDY_MINUTES", "8")))
    parser.add_argument("sources", nargs="+")
    options = parser.parse_args()
    database = {entry["file"] for entry in json.loads((house.BUILD / "compile_commands.json").read_text(encoding="utf-8"))}
    rules = (house.SOURCE / ".clang-tidy").read_bytes()
    stamps = house.BUILD / "tidy"
    stamps.mkdir(exist_ok=True)
    deadline = time.monotonic() + options.minutes * 60

    def lint(name):
        path = Path(name)
        if str(house.SOURCE / path) not in database:
            return name, "absent", ""
        stamp = stamps / (name.replace("/", "__") + ".clean")
        key = key_of(path, rules)
        if stamp.exists() and stamp.read_text(encoding="utf-8") == key:
            return name, "known", ""
        if time.monotonic() > deadline:
            return name, "late", ""
        done = subprocess.run(
            ["clang-tidy-14", "--quiet", "-p", str(house.BUILD), "--extra-arg=-Wno-unknown-warning-option", name],
            capture_output=True, text=True, cwd=house.SOURCE, check=False,
        )
        if done.returncode == 0:
            stamp.write_text(key, encoding="utf-8")
            return name, "clean", ""
        text = re.sub(r"^\d+ warnings.*\n", "", done.stdout + done.stderr, flags=re.MULTILINE)
        return name, "findings", text.strip()

    counts = {}
    late = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=options.jobs) as pool:
        for name, verdict, text in pool.map(lint, options.sources):
            counts[verdict] = counts.get(verdict, 0) + 1
            if text:
                print(text, flush=True)
            if verdict == "late":
                late.append(name)
    if late:
        print(f"clang-tidy: {len(late)} file(s) not reached in {options.minutes:g} minutes: {' '.join(late)}")
    print("clang-tidy: " + ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))
    return 1 if counts.get("findings") else 0


if __name__ == "__main__":
    sys.exit(main())
