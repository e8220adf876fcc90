#!/usr/bin/python3
# ctest: timeout=300 processors=2
"""A thousand workers lose the broker at once and come back, with keys, leases and all (F14, I4, I9, I12).

HIREHALL_EVERYTHING=1   20 restarts and 20 storms on a broker that lives, instead of one and three
HIREHALL_WORKERS=N      another number than a thousand
"""

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import zmq

from integration import fleet
from integration.fleet import FleetTest, eventually

HERE = Path(__file__).resolve().parent
EVERYTHING = os.environ.get("HIREHALL_EVERYTHING") == "1"
WORKERS, PROCESSES = int(os.environ.get("HIREHALL_WORKERS", "1000")), 4
RESTARTS, STORMS = (20, 20) if EVERYTHING else (1, 3)
BACK = 30 * fleet.SLOWDOWN  # seconds until all have to be back


class Storm(FleetTest):
    def setUp(self):
        self.fleet = fleet.Fleet()
        self.addCleanup(self._close)
        self.keys = {name: self.keypair() for name in ("broker", "boss", "hand")}
        principals, secret = self.fleet.directory / "principals.yaml", self.fleet.directory / "broker.key"
        principals.write_text("principals:\n" + self.principal("boss", "admin", "    tenant: default\n")
                              + self.principal("hand", "worker", "    queues: \"*\"\n    types: [storm]\n"))
        secret.touch(0o600)
        secret.write_text(self.keys["broker"][1])
        self.fleet.broker_options.update(listen="tcp://127.0.0.1:*", extra=["--key-file", secret, "--principals", principals,
                                                                            "--lease", f"{BACK:.0f}s"])
        self.fleet.start()
        self.client = self.fleet.client(keys=(self.keys["broker"][0], *self.keys["boss"]))
        self.began = time.monotonic()
        self.crews = [self.fleet.script(HERE / "storm_workers.py", self.fleet.broker.endpoint, "--count", WORKERS // PROCESSES,
                                        "--name", f"crew-{n}", "--keys", self.keys["broker"][0], *self.keys["hand"], name=f"crew-{n}")
                      for n in range(PROCESSES)]

    @staticmethod
    def keypair():
        """Its halves can be said on a command line: one in 85 begins as an option does."""
        while True:
            pair = tuple(part.decode() for part in zmq.curve_keypair())
            if not any(part.startswith("-") for part in pair):
                return pair

    def principal(self, name, role, more):
        public = self.keys[name][0].replace("'", "''")
        return f"  - name: {name}\n    public_key: '{public}'\n    roles: [{role}]\n    tenants: \"*\"\n{more}"

    def all_back(self, began, what):
        told = [self.back(crew, began) for crew in self.crews]
        print(f"{WORKERS} workers {what} after {time.monotonic() - began:.2f} s (bound {BACK:.0f} s)", flush=True)
        return told

    def back(self, crew, began):
        while True:
            told = crew.event("all", BACK)
            if told["oldest"] >= began:
                return told

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.fleet.broker.pid}/fd"))

    def resident(self):
        with open(f"/proc/{self.fleet.broker.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def test_a_thousand_workers_come_back_with_what_they_hold(self):
        self.all_back(self.began, "registered")
        ids = self.client.submit([[0, b""]] * WORKERS, [{"type": "storm"}])
        eventually(lambda: self.client.stats()["tasks"].get("leased") == WORKERS, what="a task for each")
        for _ in range(RESTARTS):
            self.fleet.broker.kill()
            began = time.monotonic()
            self.fleet.start()
            for told in self.all_back(began, "had a session again"):
                self.assertEqual((told["lost"], told["held"]), (0, WORKERS // PROCESSES))
        self.storms_on_a_living_broker()
        for crew in self.crews:
            crew.signal(signal.SIGUSR1)
        finished = [crew.event("finished", BACK) for crew in self.crews]
        self.assertEqual((sum(f["recorded"] for f in finished), sum(f["stale"] for f in finished)), (WORKERS, 0))
        for id_ in ids[::97]:
            self.assertEqual([entry["outcome"] for entry in self.client.get(id_)["history"]], ["succeeded"])
        self.assertEqual(self.client.stats()["tasks"]["succeeded"], WORKERS)
        self.goes_quiet()

    def storms_on_a_living_broker(self):
        descriptors, resident = [], []
        for _ in range(STORMS):
            began = time.monotonic()
            for crew in self.crews:
                crew.signal(signal.SIGUSR2)
            self.all_back(began, "dropped their connections and had a session again")
            # Old connections end a little later than new ones begin.
            eventually(lambda: self.descriptors() < WORKERS + 200, what="the end of the old connections")
            descriptors.append(self.descriptors())
            resident.append(self.resident())
        print(f"descriptors of the broker after each storm: {descriptors[0]} to {descriptors[-1]}, "
              f"memory {resident[0] >> 20} to {resident[-1] >> 20} MiB", flush=True)
        self.assertLess(descriptors[-1], descriptors[0] + 50)
        # The allocator keeps what the first storms needed at once; after some twenty it levels out.
        self.assertLess(resident[-1], resident[0] + (64 << 20))

    def goes_quiet(self):
        """With nothing to do the broker costs little more than the heartbeats: no peer is in a loop."""
        def spent():
            with open(f"/proc/{self.fleet.broker.pid}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        def quiet():
            before = spent()
            fleet.moment(1.0)
            return spent() - before < 0.5
        eventually(quiet, 60, "a quiet broker")


if __name__ == "__main__":
    fleet.main()
