"""Tests wait for events, not for time: a sleep is refused unless sleep_exceptions.tsv names the file and the reason."""

import re
import sys
from pathlib import Path

import house

SLEEP = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep)\b|\btime\.sleep\s*\(|\basyncio\.sleep\s*\((?!0\))|(?<![\w.])sleep\s*\(")
EXCEPTIONS = house.HERE / "sleep_exceptions.tsv"


def check(root=None):
    root = Path(root or house.SOURCE)
    report = house.Report("sleeps")
    allowed = {path: line for line, path, _reason in house.table(EXCEPTIONS, 2, root)}
    used = set()
    for path in house.files("tests", ends=(".h", ".cpp", ".cc", ".py", ".sh"), root=root):
        if path.parent == house.HERE:
            continue
        text = house.read(path, root)
        code = house.code_of(text) if path.suffix in (".h", ".cpp", ".cc") else re.sub(r"#[^\n]*", "", text)
        for number, line in enumerate(code.splitlines(), 1):
            match = SLEEP.search(line)
            if match:
                used.add(path.as_posix())
                if path.as_posix() not in allowed:
                    report.add(path, f"sleeps ({match.group(0)}): wait for the event with a generous limit", number)
    for path, line in allowed.items():
        if path not in used:
            report.add(EXCEPTIONS, f"{path} does not sleep any more: remove the line", line)
    return report


if __name__ == "__main__":
    sys.exit(check().finish())
