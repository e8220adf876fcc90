"""Every planted bug is in the simulation's list, and every bug of the list is planted: a mark that no table shows proves nothing."""

import re
import sys
from pathlib import Path

import house

LIST = Path("tests/simulation/mutants.h")
MARK = re.compile(r'\bHH_MUTANT\("([a-z0-9_]+)"\)')
LISTED = re.compile(r'\bMutant\{"([a-z0-9_]+)"')


def check(root=None):
    root = Path(root or house.SOURCE)
    report = house.Report("mutants")
    listed = {}
    for number, line in enumerate(house.read(LIST, root).splitlines(), 1):
        for name in LISTED.findall(line):
            if name in listed:
                report.add(LIST, f"{name} is listed twice", number)
            listed[name] = number
    planted = set()
    for path in house.files("common", "scheduler", "broker", "worker", "client", "tests/simulation", root=root):
        code = house.code_of(house.read(path, root), keep_strings=True)
        for number, line in enumerate(code.splitlines(), 1):
            for name in MARK.findall(line):
                planted.add(name)
                if name not in listed:
                    report.add(path, f"the planted bug {name} is not in {LIST}: list it, and prove that it is found", number)
    for name, number in listed.items():
        if name not in planted:
            report.add(LIST, f"{name} is planted nowhere: remove it", number)
    return report


if __name__ == "__main__":
    sys.exit(check().finish())
