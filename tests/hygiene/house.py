"""What the house rules share: the tree, its files, its C++ without comments, and one way to report.

Every check_*.py beside this file is one ctest test (hygiene/NAME). It prints one line per finding, FILE:LINE: what, and
how to put it right, and exits with 0 (clean), 1 (findings) or 77 (cannot be judged here, with the reason).
"""

import os
import re
import subprocess
import sys
from pathlib import Path

SOURCE = Path(os.environ.get("HIREHALL_SOURCE") or Path(__file__).resolve().parents[2])
BUILD = Path(os.environ.get("HIREHALL_BUILD") or SOURCE / "build" / "release")
HERE = Path("tests/hygiene")
ROOMS = ("common", "scheduler", "broker/engine", "broker/store", "broker/server", "worker", "client")
# Rooms whose code decides: no clock, no device, no thread, no order that a library may choose.
PURE = ("scheduler", "broker/engine", "tests/simulation")
SKIP = 77


class Report:
    """Collects findings; finish() prints them and gives the exit code."""

    def __init__(self, what):
        self.what = what
        self.findings = []

    def add(self, where, message, line=None):
        self.findings.append(f"{where}{f':{line}' if line else ''}: {message}")

    def finish(self):
        for finding in self.findings:
            print(finding)
        print(f"{self.what}: {len(self.findings)} finding(s)" if self.findings else f"{self.what}: clean")
        return 1 if self.findings else 0


def skip(reason):
    print(f"SKIPPED: {reason}")
    sys.exit(SKIP)


def files(*folders, ends=(".h", ".cpp"), root=None):
    """Paths relative to the tree, sorted; build trees and hidden folders are not part of it."""
    root = root or SOURCE
    found = []
    for folder in folders or ("",):
        base = root / folder
        for directory, inner, names in os.walk(base):
            inner[:] = sorted(n for n in inner if not n.startswith((".", "build", "__pycache__")))
            for name in names:
                if name.endswith(tuple(ends)):
                    found.append((Path(directory) / name).relative_to(root))
    return sorted(set(found))


def room_of(path):
    """The room of a path of the tree, or None."""
    text = Path(path).as_posix()
    for room in ROOMS:
        if text.startswith(room + "/"):
            return room
    return None


_TOKENS = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"(?P<delim>[^\s()\\]{0,16})\(.*?\)(?P=delim)"|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+'""",
    re.DOTALL,
)


def code_of(text, keep_strings=False):
    """The text with comments (and strings) blanked, every line where it was. Digit separators survive."""

    def blank(match):
        token = match.group(0)
        if token.startswith(("//", "/*")):
            return re.sub(r"[^\n]", " ", token)
        if keep_strings:
            return token
        if token[0] == "'":
            before = text[match.start() - 1 : match.start()]
            if before.isalnum():  # 1'000'000
                return token
        return token[0] + re.sub(r"[^\n]", " ", token[1:-1]) + token[-1]

    return _TOKENS.sub(blank, text)


_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)


def includes(text):
    """(line, path, quoted) of every include that is not in a comment."""
    code = code_of(text, keep_strings=True)
    for match in _INCLUDE.finditer(code):
        line = code.count("\n", 0, match.start()) + 1
        yield line, match.group(1) or match.group(2), match.group(1) is not None


def read(path, root=None):
    return ((root or SOURCE) / path).read_text(encoding="utf-8", errors="replace")


def table(path, columns, root=None):
    """Rows of a tab-separated list with # comments; a row with another number of columns ends the check."""
    rows = []
    full = (root or SOURCE) / path
    if not full.exists():
        return rows
    for number, line in enumerate(full.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) != columns or not all(cells):
            print(f"{path}:{number}: want {columns} columns separated by tabs, none empty: {line!r}")
            sys.exit(1)
        rows.append((number, *cells))
    return rows


def ctest_listing(build=None):
    """The tests of a tree as ctest lists them: {name: {command, labels, disabled}}."""
    import json

    build = build or BUILD
    done = subprocess.run(
        ["ctest", "--test-dir", str(build), "--show-only=json-v1"], capture_output=True, text=True, check=False
    )
    start = done.stdout.find("{")
    if done.returncode != 0 or start < 0:
        print(done.stdout[-2000:], done.stderr[-2000:])
        print(f"ctest could not list the tests of {build}")
        sys.exit(1)
    listing, _ = json.JSONDecoder().raw_decode(done.stdout[start:])
    tests = {}
    for test in listing["tests"]:
        properties = {p["name"]: p["value"] for p in test.get("properties", [])}
        tests[test["name"]] = {
            "command": test.get("command", []),
            "labels": properties.get("LABELS", []),
            "disabled": bool(properties.get("DISABLED", False)),
        }
    return tests
