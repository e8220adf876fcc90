"""The verdict of the lint that ran before the tests: .ci/run leaves it in HIREHALL_LINT_STATUS, so that it is one of them."""

import os
import sys

import house

if __name__ == "__main__":
    status = os.environ.get("HIREHALL_LINT_STATUS", "")
    if not status:
        house.skip("no lint ran before the tests (./dev lint; .ci/run does both)")
    print("lint: clean" if status == "0" else f"lint failed with {status}: its findings stand above the tests (./dev lint)")
    sys.exit(0 if status == "0" else 1)
