"""A shift: clients under load and workers, all with histories and diaries, and the judgement at its end.

The test breaks what it likes meanwhile: peers through kill_client() and kill_worker(), the broker through crash().
"""

import signal
import time
from pathlib import Path

from fault import diary, history
from integration import fleet
from integration.fleet import eventually

HERE = Path(__file__).resolve().parent


class Shift:
    """`clients_at` and `workers_at` are endpoints if they are not the broker's; `prefix` is a command that runs the peers."""

    def __init__(self, hall, seed, clients=4, hands=6, programs=2, rate=20, lease=6.0, clients_at=None, workers_at=None, prefix=()):
        self.fleet, self.seed, self.rate, self.lease, self.prefix = hall, seed, rate, lease, prefix
        self.clients_at, self.workers_at = clients_at, workers_at
        self.hands = hands
        self.lives = [[time.monotonic(), float("inf")]]  # of the broker: ready and killed
        self.diaries, self.killed = {}, {}               # worker -> its diaries; diary -> when its writer was killed
        self.clients = {n: self._start_client(n) for n in range(clients)}
        self.workers = {n: self._start_worker(n) for n in range(hands + programs)}
        for client in self.clients.values():
            client.event("running")

    def _start_client(self, n):
        return self.fleet.script(HERE / "load_client.py", self.clients_at or self.fleet.broker.endpoint, "--name", f"c{n}",
                                 "--seed", self.seed, "--rate", self.rate, "--history", self._path(n, "history"),
                                 "--session", self._path(n, "session"), name=f"client-{n}", prefix=self.prefix)

    def _path(self, n, what):
        return self.fleet.directory / f"c{n}.{what}"

    def _start_worker(self, n):
        lives = self.diaries.setdefault(n, [])
        name = f"w{n}-{len(lives)}"
        lives.append(self.fleet.directory / f"{name}.diary")
        lives[-1].touch()
        endpoint = self.workers_at or self.fleet.broker.endpoint
        if n >= self.hands and (fleet.BIN / "hirehall-worker").exists():
            return self.fleet.worker_program(name, slots=2, agents=HERE / "agents", extra=["--allow-commands"], endpoint=endpoint,
                                             environment={"HALL_DIARY": str(lives[-1])}, prefix=self.prefix)
        return self.fleet.script(HERE / "load_worker.py", endpoint, "--name", name, "--seed", self.seed, "--diary", lives[-1],
                                 name=f"hand-{n}", prefix=self.prefix)

    def crash(self):
        """kill -9 of the broker and a new one."""
        self.lives[-1][1] = time.monotonic()
        self.fleet.crash()
        self.lives.append([time.monotonic(), float("inf")])

    def kill_worker(self, n):
        self.killed[self.diaries[n][-1]] = time.monotonic()
        self.workers[n].end()
        self.workers[n] = self._start_worker(n)

    def kill_client(self, n):
        self.clients[n].end()
        self.clients[n] = self._start_client(n)

    def look(self):
        """AssertionError when somebody ended who was not told to."""
        self.fleet.lives()
        for peer in [*self.clients.values(), *self.workers.values()]:
            if not peer.running():
                raise AssertionError(f"{peer.command[1:6]} gave up: {peer.text()[-2000:]}")

    def end(self, limit=60 * fleet.SLOWDOWN):
        """No more submits; returns when every client saw the end of what it submitted."""
        for client in self.clients.values():
            if not any(event["event"] == "running" for event in client.events):
                client.event("running", limit)  # before that it does not know what SIGTERM asks of it
            client.signal(signal.SIGTERM)
        until = time.monotonic() + limit
        for client in self.clients.values():
            while not client.said("done"):
                self.fleet.lives()
                if time.monotonic() >= until:
                    raise AssertionError(f"{client.command[-12:]} still misses answers or ends of tasks\n{client.text()[-2000:]}")

    def judge(self, reader):
        """Prints the figures of the shift, one a line; AssertionError with the findings."""
        eventually(lambda: not unfinished(reader), 60, "all tasks to end")
        histories = [self._path(n, "history") for n in self.clients]
        diaries = [path for lives in self.diaries.values() for path in lives]
        tasks, repeated = history.dump(reader)
        verdict = history.Verdict(histories, tasks)
        written = diary.Diaries(diaries, self.killed)
        orphans = written.orphans(self.lives)
        print(f"acknowledged: {verdict.acknowledged}", f"lost: {verdict.lost}", f"recorded twice: {verdict.recorded_twice}",
              f"executed more than once: {written.executed_again()} of {len(tasks)}", sep="\n", flush=True)
        if self.killed:
            print("awarded again after a worker's death: " + diary.spread([took for _, took, _ in orphans if took is not None]),
                  "  of that without a restart of the broker: " + diary.spread([quiet for *_, quiet in orphans if quiet is not None])
                  + f" (bound: two leases, {2 * self.lease:.0f} s)", sep="\n", flush=True)
        if len(self.lives) > 1:
            print("session again after a restart: " + diary.spread(diary.reconnects(histories + diaries, self.lives)), flush=True)
        findings = history.check(histories, tasks, repeated) + written.check(tasks)
        findings += [f"{id_} was not awarded again within two leases of its worker's death: {quiet}"
                     for id_, _, quiet in orphans if quiet is None or quiet > 2 * self.lease]
        stats = reader.stats()
        if not stats["accepted"] == len(tasks) == sum(stats["tasks"].values()) + stats["removed"]:
            findings.append(f"the books do not balance: {stats}, {len(tasks)} are listed")
        if verdict.acknowledged < 100:
            findings.append(f"a load of {verdict.acknowledged} tasks is none")
        if findings or verdict.lost or verdict.recorded_twice:
            raise AssertionError(f"{len(findings)} findings, HIREHALL_SEED={self.seed}\n" + "\n".join(findings[:20]))


def unfinished(reader):
    tasks = reader.stats()["tasks"]
    return sum(tasks.get(state, 0) for state in ("scheduled", "ready", "leased", "suspended"))
