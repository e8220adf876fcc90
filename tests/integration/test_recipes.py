#!/usr/bin/python3
# ctest: timeout=180
"""The console blocks of the pages below, as a person would paste them: they succeed and print what the page says."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from integration import fleet
from integration.fleet import BIN, LIMIT, SOURCE, FleetTest

MARK = "@@ step"


def steps(page):
    """[(command, expected lines)]"""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", (SOURCE / page).read_text(), re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif found:
                found[-1][1].append(line.rstrip())
    return found


def pattern(expected):
    """… in a line is any text, a line of it alone any lines; spaces of columns may be wider or narrower."""
    text = ""
    for line in expected:
        if line == "…":
            text += r"(?:[^\n]*\n)*?"
        else:
            text += r"[^\n]*".join(re.sub(r"(?:\\ )+", r" +", re.escape(part)) for part in line.split("…")) + r" *\n"
    return text + (r"\Z" if expected else "")


class Recipes(FleetTest):
    def setUp(self):
        self.copies = tempfile.mkdtemp(prefix="hirehall-backups-")
        self.addCleanup(shutil.rmtree, self.copies, ignore_errors=True)
        self.extra = ("--backups", self.copies)
        super().setUp()

    def run_page(self, page):
        shell = "\n".join(f"{command}\nprintf '\\n{MARK} %d\\n' $?" for command, _ in steps(page))
        done = subprocess.run(
            ["bash", "-u"], input=shell, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=6 * LIMIT,
            cwd=self.fleet.directory, check=False,
            env=dict(os.environ, PATH=f"{BIN}:{os.environ['PATH']}", HIREHALL_BROKER=self.fleet.broker.endpoint, COLUMNS="200"))
        printed = re.split(rf"\n{MARK} (\d+)\n", done.stdout)
        self.assertEqual(len(printed) // 2, len(steps(page)), done.stdout[-2000:])
        for (command, expected), output, code in zip(steps(page), printed[0::2], printed[1::2]):
            with self.subTest(command):
                self.assertEqual(code, "0", output)
                if expected:
                    self.assertRegex(output.rstrip("\n") + "\n", re.compile(r"\A" + pattern(expected)))

    def start_worker(self):
        self.fleet.wait_worker(self.fleet.worker_program("first", agents=SOURCE / "configs" / "agents", extra=["--allow-commands"]))

    def test_recipes(self):
        self.assertGreater(len(steps("docs/recipes.md")), 30)
        self.start_worker()
        self.run_page("docs/recipes.md")

    def test_coming_from_elsewhere(self):
        self.start_worker()
        self.run_page("docs/coming-from.md")

    def test_the_skill_of_agents(self):
        self.start_worker()
        self.run_page("docs/SKILL.md")

    def test_pages_that_are_named_are_there(self):
        for page in ("docs/llms.txt", "docs/SKILL.md", "docs/recipes.md", "docs/coming-from.md", "README.md"):
            text = (SOURCE / page).read_text()
            for target in re.findall(r"\]\(([^)#:]+)\)", text):
                with self.subTest(page=page, target=target):
                    self.assertTrue((SOURCE / page).parent.joinpath(target).exists())

    def test_commands_that_the_skill_names_are_there(self):
        known = subprocess.run([BIN / "hirehall", "help", "--json"], capture_output=True, text=True, check=True, timeout=LIMIT).stdout
        commands = {(c["noun"], c["verb"]) for c in json.loads(known)["commands"]}
        named = re.findall(r"`hirehall ([a-z]+) ([a-z][a-z-]*)", (SOURCE / "docs/SKILL.md").read_text())
        self.assertGreater(len(named), 8)
        for noun, verb in named:
            self.assertIn((noun, verb), commands)


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall-worker", "hirehall")
