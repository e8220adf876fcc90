#!/usr/bin/python3
# ctest: timeout=400 processors=2
"""A network that drops, stalls, delays, resets and refuses, one way or both, for clients, workers or all (F9, F10, I3 to I6, I9).

HIREHALL_EVERYTHING=1   five times through all kinds of fault instead of once
HIREHALL_SEED=N         the same choices again
"""

import itertools
import os
import random
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from fault.proxy import Proxy
from fault.shift import Shift
from integration import fleet
from integration.fleet import Fleet, moment

ROUNDS = 5 if os.environ.get("HIREHALL_EVERYTHING") == "1" else 1
LEASE = 2 * fleet.SLOWDOWN
SEED = fleet.seed()
ONE_WAY_OR_BOTH = [way for way in itertools.product(["pass", "drop", "stall"], repeat=2) if way != ("pass", "pass")]
FAULTS = [*ONE_WAY_OR_BOTH, (0.3, 0.05), "reset", "flap", "refuse"]
HEALED = 30 * fleet.SLOWDOWN  # seconds after which nothing may be left to do (I9)


class Network(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)
        self.fleet = Fleet(listen="tcp://127.0.0.1:*", extra=["--lease", f"{LEASE:.0f}s"]).start()
        self.ok = False
        self.addCleanup(lambda: self.fleet.close(keep=not self.ok))
        server = ("127.0.0.1", int(self.fleet.broker.endpoint.rsplit(":", 1)[1]))
        self.proxies = [Proxy(server), Proxy(server)]  # of the clients, of the workers
        for proxy in self.proxies:
            self.addCleanup(proxy.close)
        self.shift = Shift(self.fleet, SEED, clients=3, hands=3, programs=2, rate=15, lease=LEASE,
                           clients_at=self.proxies[0].endpoint, workers_at=self.proxies[1].endpoint)

    def test_after_healing_all_is_done_and_recorded_once(self):
        for fault in [fault for _ in range(ROUNDS) for fault in self.random.sample(FAULTS, len(FAULTS))]:
            proxies = self.random.choice([self.proxies, self.proxies[:1], self.proxies[1:]])
            self.break_(proxies, fault, self.random.choice([self.random.uniform(0.1, 0.6), self.random.uniform(0.6, 2.5 * LEASE)]))
            for proxy in proxies:
                proxy.heal()
            moment(self.random.uniform(0.1, 1.0))
            self.shift.look()
        healed = time.monotonic()
        self.shift.end(HEALED)
        print(f"seed {SEED}: {ROUNDS * len(FAULTS)} faults, all done {time.monotonic() - healed:.1f} s after the last one "
              f"(bound {HEALED:.0f} s)")
        for proxy, who in zip(self.proxies, ("clients", "workers")):
            print(f"{who}: {proxy.counts['connections']} connections, {proxy.counts['reset']} reset, {proxy.counts['torn']} with a hole, "
                  f"{proxy.counts['dropped']} of {proxy.counts['dropped'] + proxy.counts['passed']} bytes dropped", flush=True)
        self.assertGreater(sum(proxy.counts["dropped"] for proxy in self.proxies), 0, "a network without losses shows nothing")
        self.shift.judge(self.fleet.client())
        self.ok = True

    def break_(self, proxies, fault, seconds):
        until = time.monotonic() + seconds
        for proxy in proxies:
            if fault in ("reset", "flap"):
                proxy.reset()
            elif fault == "refuse":
                proxy.refuse(True)
                proxy.reset()
            else:
                proxy.fault(*fault)
        while fault == "flap" and time.monotonic() < until:
            moment(self.random.uniform(0.02, 0.3))
            for proxy in proxies:
                proxy.reset()
        moment(max(0.0, until - time.monotonic()))


if __name__ == "__main__":
    fleet.need("hirehall-broker")
    unittest.main(verbosity=2)
