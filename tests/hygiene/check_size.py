"""Files stay below 500 lines; those that are longer stand in ratchet.txt with a figure that only goes down.

check_size.py --update  lowers the figures to what the files have and removes lines that are not needed any more.
"""

import sys
from pathlib import Path

import house

LIMIT = 500
RATCHET = house.HERE / "ratchet.txt"
ENDS = (".h", ".cpp", ".cc", ".c", ".py", ".sh", ".cmake", "CMakeLists.txt")


def entries(root):
    for number, line in enumerate(house.read(RATCHET, root).splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            path, _, lines = line.rpartition(" ")
            yield number, path.strip(), int(lines)


def count(path, root):
    return house.read(path, root).count("\n")


def check(root=None):
    root = Path(root or house.SOURCE)
    report = house.Report("size")
    allowed = {path: (number, lines) for number, path, lines in entries(root)}
    for path in house.files(ends=ENDS, root=root):
        lines = count(path, root)
        number, limit = allowed.pop(path.as_posix(), (None, LIMIT))
        if lines > limit:
            report.add(path, f"{lines} lines, may have {limit}: split it")
        elif number and lines <= LIMIT:
            report.add(RATCHET, f"{path} has {lines} lines now: remove the line (check_size.py --update)", number)
    for path, (number, _) in allowed.items():
        report.add(RATCHET, f"{path} is gone: remove the line (check_size.py --update)", number)
    return report


def update(root=None):
    root = Path(root or house.SOURCE)
    kept = []
    for line in house.read(RATCHET, root).splitlines():
        if line.strip() and not line.startswith("#"):
            path, _, limit = line.rpartition(" ")
            if not (root / path).exists() or count(path, root) <= LIMIT:
                continue
            line = f"{path} {min(int(limit), count(path, root))}"
        kept.append(line)
    (root / RATCHET).write_text("\n".join(kept) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["--update"]:
        update()
    sys.exit(check().finish())
