"""The systemd units are well formed, hardened, and say why: a comment stands above each hardening line.

The score of `systemd-analyze security` is a linter over privileges and not proof; the limit is 2.0 of 10.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import house

UNITS = house.SOURCE / "systemd"
LIMIT = 20  # in tenths
PLAIN = {  # what a reader of units knows without a reason
    "Description", "Documentation", "After", "Wants", "Before", "Type", "ExecStart", "ExecReload", "WantedBy", "Also", "DefaultInstance",
}


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


def check():
    report = house.Report("units")
    for path in sorted(UNITS.glob("*.service")):
        explained = False
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.startswith("#"):
                explained = True
            elif not line.strip() or line.startswith("["):
                explained = False
            elif (match := re.match(r"(\w+)=", line)) and match.group(1) not in PLAIN and not explained:
                report.add(path.relative_to(house.SOURCE), f"{match.group(1)} has no reason: a comment above it", number)
    if shutil.which("systemd-analyze") is None:
        print("systemd-analyze is not installed: comments checked, hardening not")
        if report.findings:
            return report
        sys.exit(house.SKIP)
    with tempfile.TemporaryDirectory() as scratch:
        for path in sorted(UNITS.glob("*.service")):
            # A template is judged as an instance; the program need not be installed to judge its unit.
            copy = Path(scratch) / path.name.replace("@.", "@1.")
            copy.write_text(re.sub(r"(?m)^(Exec\w+=)\S+", r"\1/bin/true", path.read_text(encoding="utf-8")), encoding="utf-8")
            name = path.relative_to(house.SOURCE)
            code, output = run("systemd-analyze", "security", "--offline=true", f"--threshold={LIMIT}", "--no-pager", str(copy))
            verdict = [line for line in output.splitlines() if "Overall exposure" in line]
            print(name, verdict[0].strip() if verdict else output[-300:])
            if code != 0:
                report.add(name, f"exposure over {LIMIT / 10}: systemd-analyze security --offline=true {name}")
            code, output = run("systemd-analyze", "verify", "--man=no", str(copy))
            ours = [line for line in output.splitlines() if copy.name in line]
            if ours:
                report.add(name, "systemd-analyze verify: " + "; ".join(ours))
            elif code != 0:
                print(f"systemd-analyze verify cannot run here ({output[:200]})")
    return report


if __name__ == "__main__":
    sys.exit(check().finish())
