"""A test that does not run is a comment: every source is compiled and every test_*.py is registered.

It reads the compile database and the list of ctest of the tree at hand.
"""

import json
import sys

import house

# Compiled elsewhere or only in one kind of build, with the reason.
ELSEWHERE = {
    "client/examples/submit_and_wait.cpp": "a project of its own: built against the installed library by test_client_library.py",
    "client/examples/operate.cpp": "a project of its own: built against the installed library by test_client_library.py",
}


def check():
    report = house.Report("built")
    database = house.BUILD / "compile_commands.json"
    if not database.exists():
        house.skip(f"{database} does not exist: build the release tree first")
    compiled = {entry["file"] for entry in json.loads(database.read_text(encoding="utf-8"))}
    for path in house.files(*house.ROOMS, "tests", ends=(".cpp", ".cc", ".c"), root=house.SOURCE):
        # A folder that fixtures live in is data for a test, not a part of the build.
        if "fixtures" in path.parts or path.as_posix() in ELSEWHERE:
            continue
        if path.name == "replay.cc" and not house.files("tests/fuzz", ends=(".cpp",)):
            continue
        if str(house.SOURCE / path) not in compiled:
            report.add(path, "is not part of the build: move it to where the build looks (tests/CMakeLists.txt) or configure again")
    tests = house.ctest_listing()
    commands = {argument for test in tests.values() for argument in test["command"]}
    for path in house.files("tests", ends=(".py",)):
        if path.name.startswith("test_") and "fixtures" not in path.parts and str(house.SOURCE / path) not in commands:
            report.add(path, "is not registered with ctest: tests in Python lie in tests/integration, tests/fault or tests/hygiene")
    for name, test in tests.items():
        if test["disabled"]:
            report.add(name, "is disabled: mend it, or skip it at run time with an issue number")
        elif not test["command"]:
            report.add(name, "has no command: its program was not built")
    return report


if __name__ == "__main__":
    sys.exit(check().finish())
