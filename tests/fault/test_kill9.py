#!/usr/bin/python3
# ctest: timeout=240 serial processors=2
"""kill -9 of broker, workers and clients at random times under load (F1, F7, F13), judged by the history checker.

HIREHALL_KILLS=N   kills of the broker before the run ends (default: as many as fit into 30 s)
HIREHALL_SEED=N    the same choices again
"""

import os
import random
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from fault import history
from integration import fleet
from integration.fleet import Fleet, eventually, moment

HERE = os.path.dirname(os.path.abspath(__file__))
HAND = os.path.join(fleet.SOURCE, "tests", "integration", "scripted_worker.py")
CLIENTS, HANDS, WORKERS = 4, 2, 2
SECONDS = 30
KILLS = int(os.environ.get("HIREHALL_KILLS", "0"))
SEED = fleet.seed()


class Kill9(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)
        self.fleet = Fleet().start()
        self.ok = False
        self.addCleanup(lambda: self.fleet.close(keep=not self.ok))
        self.lives = 0
        self.kills = {"broker": 0, "worker": 0, "client": 0}
        self.clients = {n: self.start_client(n) for n in range(CLIENTS)}
        self.workers = {n: self.start_worker(n) for n in range(HANDS + WORKERS)}

    def start_client(self, n):
        return self.fleet.script(os.path.join(HERE, "load_client.py"), self.fleet.broker.endpoint, "--name", f"c{n}",
                                 "--seed", SEED, "--history", self.path(n, "history"), "--session", self.path(n, "session"),
                                 name=f"client-{n}")

    def path(self, n, what):
        return self.fleet.directory / f"c{n}.{what}"

    def start_worker(self, n):
        self.lives += 1
        if n >= HANDS and (fleet.BIN / "hirehall-worker").exists():
            return self.fleet.worker_program(f"worker-{n}-{self.lives}")
        return self.fleet.script(HAND, self.fleet.broker.endpoint, "--name", f"hand-{n}-{self.lives}", "--quiet",
                                 name=f"hand-{n}")

    def kill_something(self):
        victim = self.random.choices(["broker", "worker", "client"], [5, 3, 2])[0]
        self.kills[victim] += 1
        if victim == "broker":
            self.fleet.crash()
            return
        table, start = (self.workers, self.start_worker) if victim == "worker" else (self.clients, self.start_client)
        n = self.random.choice(sorted(table))
        table[n].end()
        table[n] = start(n)

    def test_every_acknowledged_task_ends_once_with_its_result(self):
        for client in self.clients.values():
            client.event("running")
        until = time.monotonic() + SECONDS
        while time.monotonic() < until if not KILLS else self.kills["broker"] < KILLS:
            moment(self.random.uniform(0.05, 1.2))
            self.fleet.lives()
            self.kill_something()
            for n, client in self.clients.items():
                self.assertTrue(client.running(), f"client {n} gave up: {client.text()[-2000:]}")
        for client in self.clients.values():
            client.signal(15)
        until = time.monotonic() + 60 * fleet.SLOWDOWN
        for client in self.clients.values():
            while not client.said("done"):
                self.fleet.lives()
                self.assertLess(time.monotonic(), until, f"{client.command[2:5]} still misses answers or ends of tasks")
        reader = self.fleet.client()
        eventually(lambda: not self.unfinished(reader), 60, "all tasks to end")
        tasks, repeated = history.dump(reader)
        findings = history.check([self.path(n, "history") for n in range(CLIENTS)], tasks, repeated)
        print(f"seed {SEED}: {len(tasks)} tasks, kills {self.kills}", flush=True)
        self.assertEqual(findings[:20], [], f"{len(findings)} findings, HIREHALL_SEED={SEED}")
        stats = reader.stats()
        self.assertEqual(stats["accepted"], sum(stats["tasks"].values()) + stats["removed"])
        self.assertEqual(stats["accepted"], len(tasks))
        self.assertGreater(len(tasks), 100)
        self.ok = True

    def unfinished(self, reader):
        tasks = reader.stats()["tasks"]
        return sum(tasks.get(state, 0) for state in ("scheduled", "ready", "leased", "suspended"))


if __name__ == "__main__":
    fleet.need("hirehall-broker")
    unittest.main(verbosity=2)
