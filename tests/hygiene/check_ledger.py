"""docs/ledger.tsv says for each requirement what shows that it is met; a named test must exist and be enabled.

Columns: issue, requirement, evidence. The evidence is one of
  test: NAME                 a test of the release tree, as `ctest -N` prints it; several are joined by ", "; a trailing *
                             means any of that beginning
  command: COMMAND => FIGURE measured by hand, with what it gave
  weaker: WHAT AND WHY       met in part
  not built: REASON
"""

import re
import sys
from pathlib import Path

import house

LEDGER = "docs/ledger.tsv"
HEADER = ["issue", "requirement", "evidence"]


def check(root=None, tests=None):
    root = Path(root or house.SOURCE)
    report = house.Report("ledger")
    path = root / LEDGER
    if not path.exists():
        house.skip(f"there is no {LEDGER} yet")
    tests = house.ctest_listing() if tests is None else tests
    seen = {}
    count = 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        if cells == HEADER:
            continue
        if len(cells) != 3 or not all(cells):
            report.add(LEDGER, f"want three columns separated by tabs (issue, requirement, evidence), got {len(cells)}", number)
            continue
        count += 1
        issue, requirement, evidence = cells
        if (issue, requirement) in seen:
            report.add(LEDGER, f"the requirement stands in line {seen[issue, requirement]} already", number)
        seen[issue, requirement] = number
        kind, _, value = evidence.partition(":")
        value = value.strip()
        if kind == "test" and value:
            for name in re.split(r",\s+", value):
                found = [t for t in tests if t == name or (name.endswith("*") and t.startswith(name[:-1]))]
                if not found:
                    report.add(LEDGER, f"no test of the name {name}", number)
                elif all(tests[t]["disabled"] or not tests[t]["command"] for t in found):
                    report.add(LEDGER, f"test {name} is disabled or not built", number)
        elif kind == "command":
            command, arrow, figure = value.partition("=>")
            if not (arrow and command.strip() and figure.strip()):
                report.add(LEDGER, "want `command: COMMAND => FIGURE`", number)
        elif kind not in ("weaker", "not built") or not value:
            report.add(LEDGER, f"evidence is one of test:, command:, weaker:, not built: -- not {evidence!r}", number)
    print(f"{count} requirement(s)")
    return report


if __name__ == "__main__":
    sys.exit(check().finish())
