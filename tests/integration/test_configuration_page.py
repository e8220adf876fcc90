#!/usr/bin/python3
# ctest: timeout=60
"""docs/configuration.md is what the programs say of themselves. `test_configuration_page.py --update` writes it anew."""

import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from integration import fleet
from integration.fleet import BIN, LIMIT, SOURCE

PAGE = SOURCE / "docs" / "configuration.md"
PROGRAMS = ("hirehall-broker", "hirehall-worker", "hirehall")
HEAD = """# Configuration

Every option of a program may stand on its command line (`--name VALUE`), in a variable (`HIREHALL_NAME`, with `_` for `-`), or in a file that `--config FILE` names; the command
line wins over variables, variables win over the file. Names and values are checked at start: a mistake is told with its name and what is accepted, and nothing is started.
Below is what `PROGRAM --print-config` prints: all options with their defaults. Files of principals, queues and schedules have pages of their own:
[security](security.md), [operating](operating.md), [schedules](schedules.md). Commands with more options than these: [cli](cli.md).
"""


def page():
    text = HEAD
    for program in PROGRAMS:
        options = ["check"] if program == "hirehall" else []
        said = subprocess.run([BIN / program, *options, "--print-config"], capture_output=True, text=True, check=True, timeout=LIMIT).stdout
        text += f"\n## {' '.join([program, *options])}\n\n```ini\n{said.rstrip()}\n```\n"
    return text


class ConfigurationPage(unittest.TestCase):
    def test_it_says_what_the_programs_say(self):
        self.assertEqual(PAGE.read_text(), page(), "docs/configuration.md is old: tests/integration/test_configuration_page.py --update")


if __name__ == "__main__":
    if sys.argv[1:] == ["--update"]:
        PAGE.write_text(page())
    else:
        fleet.main(*PROGRAMS)
