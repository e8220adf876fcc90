#!/usr/bin/python3
# ctest: timeout=300 processors=2
"""kill -9 of broker, workers and clients at random times under load (F1, F7, F13), judged by the history checker.

HIREHALL_KILLS=N   kills of the broker before the run ends (default: as many as fit into 25 s)
HIREHALL_SEED=N    the same choices again
"""

import os
import random
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from fault.shift import Shift
from integration import fleet
from integration.fleet import Fleet, moment

SECONDS = 25
KILLS = int(os.environ.get("HIREHALL_KILLS", "0"))
LEASE = 2 * fleet.SLOWDOWN
SEED = fleet.seed()


class Kill9(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)
        self.fleet = Fleet(extra=["--lease", f"{LEASE:.0f}s"]).start()
        self.ok = False
        self.addCleanup(lambda: self.fleet.close(keep=not self.ok))
        self.kills = {"broker": 0, "worker": 0, "client": 0}
        self.shift = Shift(self.fleet, SEED, clients=4, hands=6, programs=2, lease=LEASE)

    def kill_something(self):
        victim = self.random.choices(["broker", "worker", "client"], [6, 2, 1])[0]
        self.kills[victim] += 1
        if victim == "broker":
            self.shift.crash()
        elif victim == "worker":
            self.shift.kill_worker(self.random.choice(sorted(self.shift.workers)))
        else:
            self.shift.kill_client(self.random.choice(sorted(self.shift.clients)))

    def test_every_acknowledged_task_ends_once_with_its_result(self):
        until = time.monotonic() + SECONDS
        while time.monotonic() < until if not KILLS else self.kills["broker"] < KILLS:
            moment(self.random.choice([self.random.uniform(0.01, 0.2), self.random.uniform(0.2, 1.2)]))
            self.shift.look()
            self.kill_something()
        self.shift.end()
        print(f"seed {SEED}: kills of broker {self.kills['broker']}, workers {self.kills['worker']}, clients {self.kills['client']}")
        self.shift.judge(self.fleet.client())
        self.ok = True


if __name__ == "__main__":
    fleet.need("hirehall-broker")
    unittest.main(verbosity=2)
