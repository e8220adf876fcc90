#!/usr/bin/python3
# ctest: timeout=300 serial processors=2
"""Tasks that cannot run hide nobody: a million of them, and ten of another kind start at once (I13).

HIREHALL_MANY=N   another number than a million.
"""

import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet
from integration.fleet import FleetTest

MANY = int(os.environ.get("HIREHALL_MANY", "1000000"))
BOUND = 0.100 * fleet.SLOWDOWN
BATCH = 4096


class Starvation(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = self.fleet.client()

    def submit_many(self, **options):
        left = MANY
        began = time.monotonic()
        while left:
            self.client.submit_later([[0, b"x"]] * min(BATCH, left), [options], limit=60)
            left -= min(BATCH, left)
        self.client.settle(120)
        self.assertEqual(self.client.stats()["accepted"], MANY)
        print(f"{MANY} tasks submitted in {time.monotonic() - began:.1f} s", flush=True)

    def ten_start_within_the_bound(self, worker, type_):
        began = time.monotonic()
        self.client.submit_later([[0, b"%d" % n] for n in range(10)], [{"type": type_}])
        awards = worker.awards(10, limit=10)
        took = time.monotonic() - began
        print(f"ten started after {took * 1000:.1f} ms", flush=True)
        self.assertEqual(sorted(award.payload for award in awards), sorted(b"%d" % n for n in range(10)))
        self.assertLess(took, BOUND)
        self.client.settle()

    def test_a_million_that_nobody_can_do_hide_nobody(self):
        worker = self.fleet.worker("other", slots=10)
        self.submit_many(type="nobody")
        worker.run(0.5)
        self.ten_start_within_the_bound(worker, "other")

    def test_a_million_under_a_full_limit_key_hide_nobody(self):
        self.client.queue("default", limits={"full": 1})
        worker = self.fleet.worker("work", slots=20)
        self.submit_many(type="work", limit_keys=["full"])
        self.assertEqual(len(worker.awards(2, limit=1)), 1)
        self.ten_start_within_the_bound(worker, "work")


if __name__ == "__main__":
    fleet.main()
