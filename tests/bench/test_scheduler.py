# ctest: timeout=120
"""The figures of the scheduler: each names its aim and says whether it is met; the aims that need no quiet machine are."""

import json
import os
import random
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

    def test_recorded_arrivals_go_through_the_whole_engine(self):
        chance = random.Random(5)
        with tempfile.TemporaryDirectory() as folder:
            for name in ("code", "conv"):
                seconds = sorted(chance.uniform(0, 59) for _ in range(400))
                rows = [f"2023-11-16 18:17:{s:010.7f},{chance.randrange(100, 4000)},{chance.randrange(10, 200)}" for s in seconds]
                Path(folder, f"AzureLLMInferenceTrace_{name}.csv").write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + "\n".join(rows) + "\n")
            rows = self.figures("traces", "--traces", folder, "--charts", folder)
            self.assertEqual(rows, self.figures("traces", "--traces", folder))
            self.assertEqual(len(list(Path(folder).glob("scheduler-traces-*.svg"))), 4)
            self.assertEqual(len(rows), 28)
            for trace in ("code", "conv"):
                p99 = {row["what"].split("workers, ")[1].split(":")[0]: row["value"] for row in rows
                       if row["what"].startswith(trace) and " equal " in row["what"]}
                for policy in ("least_loaded", "learned"):
                    self.assertLess(p99[f"engine, {policy}"], p99["random"], p99)
                    self.assertGreaterEqual(p99[f"engine, {policy}"] * 1.3, p99["ideal central queue"], p99)
            with open(Path(folder, "AzureLLMInferenceTrace_conv.csv"), "a") as trace:
                trace.write("yesterday,1\n")
            done = run("--figure", "traces", "--traces", folder)
            self.assertEqual(done.returncode, 1)
            self.assertIn("AzureLLMInferenceTrace_conv.csv", done.stderr)

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
