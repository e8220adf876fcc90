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
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from fault import diary, history
from integration import fleet
from integration.fleet import Fleet, eventually, moment

HERE = Path(__file__).resolve().parent
CLIENTS, HANDS, PROGRAMS = 4, 6, 2
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
        self.lives = [[time.monotonic(), float("inf")]]  # of the broker: ready and killed
        self.diaries, self.killed = {}, {}               # worker -> its diaries; diary -> when its writer was killed
        self.clients = {n: self.start_client(n) for n in range(CLIENTS)}
        self.workers = {n: self.start_worker(n) for n in range(HANDS + PROGRAMS)}

    def start_client(self, n):
        return self.fleet.script(HERE / "load_client.py", self.fleet.broker.endpoint, "--name", f"c{n}", "--seed", SEED, "--rate", 20,
                                 "--history", self.path(n, "history"), "--session", self.path(n, "session"), name=f"client-{n}")

    def path(self, n, what):
        return self.fleet.directory / f"c{n}.{what}"

    def start_worker(self, n):
        lives = self.diaries.setdefault(n, [])
        lives.append(self.fleet.directory / f"w{n}-{len(lives)}.diary")
        lives[-1].touch()
        if n >= HANDS and (fleet.BIN / "hirehall-worker").exists():
            return self.fleet.worker_program(f"w{n}-{len(lives)}", slots=2, agents=HERE / "agents", extra=["--allow-commands"],
                                             environment={"HALL_DIARY": str(lives[-1])})
        return self.fleet.script(HERE / "load_worker.py", self.fleet.broker.endpoint, "--name", f"w{n}-{len(lives)}", "--seed", SEED,
                                 "--diary", lives[-1], name=f"hand-{n}")

    def kill_something(self):
        victim = self.random.choices(["broker", "worker", "client"], [6, 2, 1])[0]
        self.kills[victim] += 1
        if victim == "broker":
            self.lives[-1][1] = time.monotonic()
            self.fleet.crash()
            self.lives.append([time.monotonic(), float("inf")])
        elif victim == "worker":
            n = self.random.choice(sorted(self.workers))
            self.killed[self.diaries[n][-1]] = time.monotonic()
            self.workers[n].end()
            self.workers[n] = self.start_worker(n)
        else:
            n = self.random.choice(sorted(self.clients))
            self.clients[n].end()
            self.clients[n] = self.start_client(n)

    def test_every_acknowledged_task_ends_once_with_its_result(self):
        for client in self.clients.values():
            client.event("running")
        until = time.monotonic() + SECONDS
        while time.monotonic() < until if not KILLS else self.kills["broker"] < KILLS:
            moment(self.random.choice([self.random.uniform(0.01, 0.2), self.random.uniform(0.2, 1.2)]))
            self.fleet.lives()
            self.kill_something()
            for n, peer in [*self.clients.items(), *self.workers.items()]:
                self.assertTrue(peer.running(), f"{peer.command[1:5]} gave up: {peer.text()[-2000:]}")
        self.let_all_end()
        self.judge(self.fleet.client())
        self.ok = True

    def let_all_end(self):
        for client in self.clients.values():
            client.signal(15)
        until = time.monotonic() + 60 * fleet.SLOWDOWN
        for client in self.clients.values():
            while not client.said("done"):
                self.fleet.lives()
                self.assertLess(time.monotonic(), until, f"{client.command[2:5]} still misses answers or ends of tasks")

    def judge(self, reader):
        eventually(lambda: not self.unfinished(reader), 60, "all tasks to end")
        histories = [self.path(n, "history") for n in range(CLIENTS)]
        diaries = [path for lives in self.diaries.values() for path in lives]
        tasks, repeated = history.dump(reader)
        verdict = history.Verdict(histories, tasks)
        written = diary.Diaries(diaries, self.killed)
        orphans = written.orphans(self.lives)
        print(f"seed {SEED}: kills of broker {self.kills['broker']}, workers {self.kills['worker']}, clients {self.kills['client']}",
              f"acknowledged: {verdict.acknowledged}", f"lost: {verdict.lost}", f"recorded twice: {verdict.recorded_twice}",
              f"executed more than once: {written.executed_again()} of {len(tasks)}",
              "awarded again after a worker's death: " + diary.spread([took for _, took, _ in orphans if took is not None]),
              "  of that without a restart of the broker: " + diary.spread([quiet for *_, quiet in orphans if quiet is not None])
              + f" (bound: two leases, {2 * LEASE:.0f} s)",
              "session again after a restart: " + diary.spread(diary.reconnects(histories + diaries, self.lives)), sep="\n", flush=True)
        findings = history.check(histories, tasks, repeated) + written.check(tasks)
        findings += [f"{id_} was not awarded again within two leases of its worker's death: {quiet}"
                     for id_, _, quiet in orphans if quiet is None or quiet > 2 * LEASE]
        self.assertEqual(findings[:20], [], f"{len(findings)} findings, HIREHALL_SEED={SEED}")
        self.assertEqual((verdict.lost, verdict.recorded_twice), (0, 0))
        stats = reader.stats()
        self.assertEqual(stats["accepted"], sum(stats["tasks"].values()) + stats["removed"])
        self.assertEqual(stats["accepted"], len(tasks))
        self.assertGreater(len(tasks), 100)

    def unfinished(self, reader):
        tasks = reader.stats()["tasks"]
        return sum(tasks.get(state, 0) for state in ("scheduled", "ready", "leased", "suspended"))


if __name__ == "__main__":
    fleet.need("hirehall-broker")
    unittest.main(verbosity=2)
