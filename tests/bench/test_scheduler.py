# ctest: timeout=120
"""The figures of the scheduler: each names its aim and says whether it is met; the aims that need no quiet machine are."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["HIREHALL_SOURCE"])
BENCH = Path(os.environ["HIREHALL_BIN"]) / "hirehall-bench"


def run(*arguments):
    return subprocess.run([BENCH, "scheduler", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, cwd=SOURCE)


class Scheduler(unittest.TestCase):
    def figures(self, name, *arguments):
        done = run("--figure", name, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("seeds", done.stderr)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        for row in rows:
            self.assertEqual(list(row)[:6], ["bench", "figure", "what", "value", "aim", "met"])
        return rows

    def test_aims_are_met(self):
        for name in ("off_policy", "starvation", "outcomes", "features"):
            for row in self.figures(name):
                self.assertTrue(row["met"], row)

    def test_regret_and_its_chart(self):
        with tempfile.TemporaryDirectory() as charts:
            rows = self.figures("regret", "--seeds", 6, "--charts", charts)
            self.assertEqual(sorted(os.listdir(charts)), [f"scheduler-regret-{case}.svg" for case in
                                                          ("delayed", "shifts", "stationary")])
        for row in rows:
            self.assertTrue(row["met"], row)

    def test_a_round_is_matched_exactly(self):
        self.assertEqual([row["value"] for row in self.figures("matching") if "share" in row["what"]], [1])

    def test_the_best_of_many_agents_gets_most_of_the_work(self):
        share = [row["value"] for row in self.figures("many_agents") if "share" in row["what"]]
        self.assertLess(share[0], 0.2)
        self.assertGreater(share[1], 0.7)

    def test_the_same_seed_gives_the_same_figures(self):
        self.assertEqual(self.figures("duration", "--seeds", 2), self.figures("duration", "--seeds", 2))

    def test_without_traces_their_figures_are_left_out_and_said_so(self):
        done = run("--figure", "traces", "--traces", "/nonexistent")
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertIn("skipped", done.stderr)

    def test_unknown_figures_and_files_are_named(self):
        done = run("--figure", "speed")
        self.assertEqual(done.returncode, 2)
        self.assertIn("speed", done.stderr)
        done = run("--figure", "outcomes", "--outcomes", "/nonexistent.csv")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nonexistent.csv", done.stderr)


if not BENCH.exists():
    print("skipped: not built: hirehall-bench")
    raise SystemExit(77)
unittest.main()
