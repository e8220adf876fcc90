#!/usr/bin/python3
# ctest: timeout=300
"""kill -9 in the middle of recovery, again and again (F15, I1, I10), and a record that no start can digest.

HIREHALL_EVERYTHING=1   500 deaths instead of 40
HIREHALL_SEED=N         the same choices again
"""

import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet
from integration.fleet import Broker, FleetTest, LIMIT, moment

DEATHS = 500 if os.environ.get("HIREHALL_EVERYTHING") == "1" else 40
TASKS, BATCH = 30_000, 1000


class Recovery(FleetTest):
    """A snapshot every MiB: some starts find one to read, others facts to replay, and all of them change files."""

    extra = ("--snapshot-bytes", "1MiB")

    def setUp(self):
        super().setUp()
        self.random = random.Random(random.random())
        self.client = self.fleet.client()

    def fill(self):
        batches = [self.client.submit_later([[0, b"%d" % n] for n in range(at, at + BATCH)], [{"type": "nobody"}])
                   for at in range(0, TASKS, BATCH)]
        self.client.settle()
        return {id_: b"%d" % n for at, batch in enumerate(batches) for n, id_ in enumerate(batch.answer, at * BATCH)}

    def same(self, expected):
        client = self.fleet.client()
        listed = [task["id"] for task in client.walk(limit=1000)]
        self.assertEqual(len(listed), len(expected))
        self.assertEqual(set(listed), set(expected))
        for id_ in self.random.sample(listed, 200):
            task = client.get(id_)
            self.assertEqual((task["state"], task["payload"]), ("ready", expected[id_]))
        stats = client.stats()
        self.assertEqual((stats["accepted"], stats["tasks"]["ready"]), (len(expected), len(expected)))
        return client

    def time_of_a_start(self):
        self.fleet.broker.kill()
        began = time.monotonic()
        self.fleet.start()
        return time.monotonic() - began

    def test_a_start_that_dies_at_any_moment_leaves_all_to_the_next(self):
        expected = self.fill()
        whole = self.time_of_a_start()
        self.fleet.broker.kill()
        before = after = 0
        for n in range(DEATHS):
            broker = self.fleet.adopt(Broker(self.fleet.directory, listen=self.fleet.broker_options["listen"], extra=self.extra))
            moment(self.random.uniform(0.005, 1.1 * whole))
            served = broker.ready_file.exists()
            self.assertEqual(broker.kill(), -signal.SIGKILL, f"start {n} ended by itself:\n{broker.text()[-2000:]}")
            self.fleet.processes.remove(broker)
            before, after = before + (not served), after + served
            if n % 100 == 99:
                self.fleet.start()
                self.same(expected)
                self.fleet.broker.kill()
        last = self.time_of_a_start()
        print(f"{before} deaths before serving, {after} after; a start took {whole:.2f} s before them and {last:.2f} s after", flush=True)
        self.same(expected)
        self.assertGreater(before, DEATHS // 10, "hardly a start was cut off")
        worker = self.fleet.worker("nobody")
        self.assertEqual(worker.award().payload, b"0")


class Poison(FleetTest):
    def test_a_record_that_cannot_be_read_is_named_and_the_exit_code_says_that_starting_again_does_not_help(self):
        client = self.fleet.client()
        client.submit([[0, os.urandom(900)] for _ in range(200)], [{"type": "nobody"}])
        self.fleet.broker.stop()
        found = sorted((path for path in self.fleet.broker.data.rglob("*.sst")), key=lambda path: path.stat().st_size)
        found += sorted((path for path in self.fleet.broker.data.rglob("*.log") if path.stat().st_size > 4096))
        self.assertTrue(found, "a store has files")
        path = found[-1]
        data = bytearray(path.read_bytes())
        data[len(data) // 3] ^= 0xff
        path.write_bytes(data)
        said = set()
        for n in range(3):
            broker = self.fleet.adopt(Broker(self.fleet.directory, data=self.fleet.broker.data, name=f"start-{n}"))
            self.assertEqual(broker.exit_code(LIMIT), 65, broker.text())
            self.assertIn(str(self.fleet.broker.data), broker.text())
            said.add(broker.text().strip().splitlines()[-1].split(" ", 1)[-1].split("] ")[-1])
        self.assertEqual(len(said), 1, said)
        print(f"three starts: {said.pop()[:300]}", flush=True)


if __name__ == "__main__":
    fleet.main()
