"""Runs one bench with a few thousand tasks and looks at what it printed: the keys, that every task came, no speed."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

BIN = Path(os.environ["HIREHALL_BIN"])
SKIP = 77

KEYS = ("bench tasks payload_bytes batched lanes priorities records durability sync_delay_ms tasks_per_s p50_ms p99_ms "
        "rss_mb limit_tasks_per_s ratio_to_limit cpu_us_per_task commits syncs configuration").split()


class BenchTest(unittest.TestCase):
    def bench(self, name, *arguments):
        """The measurements, one per line of stdout."""
        with tempfile.TemporaryDirectory(prefix="bench-") as directory:
            done = subprocess.run([BIN / "hirehall-bench", name, "--dir", directory, *map(str, arguments)],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(os.listdir(directory), [], "data is left behind")
        measurements = [json.loads(line) for line in done.stdout.splitlines()]
        for measurement in measurements:
            self.assertEqual(list(measurement)[:len(KEYS)], KEYS)
            self.assertEqual(measurement["bench"], name)
            self.assertEqual(sorted(measurement["cpu_us_per_task"]), ["broker", "client", "worker"])
            self.assertGreater(measurement["tasks_per_s"], 0)
            self.assertTrue(measurement["configuration"])
        return measurements

    def refused(self, *arguments):
        """Exit code and message of a call that cannot be done."""
        done = subprocess.run([BIN / "hirehall-bench", *map(str, arguments)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.stdout, "")
        return done.returncode, done.stderr


def main():
    programs = ("hirehall-bench", "hirehall-broker", "hirehall-worker")
    if missing := [name for name in programs if not (BIN / name).exists()]:
        print(f"skipped: not built: {', '.join(missing)}")
        raise SystemExit(SKIP)
    unittest.main()
