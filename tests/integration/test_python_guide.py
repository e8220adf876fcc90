#!/usr/bin/python3
# ctest: timeout=120
"""The examples of docs/python.md, in their order, against a real broker: each prints what the page says."""

import contextlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from integration import fleet
from integration.fleet import LIMIT, SOURCE, FleetTest

PACKAGE = SOURCE / "client" / "python"
sys.path.insert(0, str(PACKAGE))


def examples(page):
    return re.findall(r"^```python\n(.*?)^```", (SOURCE / page).read_text(), re.MULTILINE | re.DOTALL)


class Guide(FleetTest):
    def setUp(self):
        super().setUp()
        os.environ["HIREHALL_BROKER"] = self.fleet.broker.endpoint

    def start_worker(self, text):
        program = self.fleet.directory / "worker.py"
        program.write_text(text)
        child = subprocess.Popen([sys.executable, program], env=dict(os.environ, PYTHONPATH=str(PACKAGE)))
        self.addCleanup(child.wait, LIMIT)
        self.addCleanup(child.terminate)

    def test_every_example_prints_what_the_page_says(self):
        worker, *rest = examples("docs/python.md")
        self.assertTrue(worker.startswith("# worker.py"))
        self.start_worker(worker)
        space, expected = {}, []
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            for text in rest:
                expected += re.findall(r"# → (.*)$", text, re.MULTILINE)
                exec(compile(text, "docs/python.md", "exec"), space)
        got = printed.getvalue().replace(space["parked"], "PARKED").splitlines()
        self.assertEqual(got, expected)
        self.assertGreater(len(got), 10)

    def test_the_example_of_the_readme_runs(self):
        text, = (text for text in examples("README.md") if "import hirehall" in text)
        self.start_worker("import hirehall\nworker = hirehall.Worker()\n"
                          "worker.agent('wordcount')(lambda attempt: len(attempt.data.split()))\nworker.run()\n")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(text, "README.md", "exec"), {})
        self.assertEqual(printed.getvalue(), "6\n")


if __name__ == "__main__":
    fleet.main("hirehall-broker")
