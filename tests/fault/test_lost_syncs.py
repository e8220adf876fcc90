#!/usr/bin/python3
# ctest: timeout=900 processors=2
"""The real broker on a disk that loses, in a power cut, whatever was not synced (F2, F6, I1, I3, I10), that lies, and that fails.

Needs FUSE and the right to mount; skipped without.

HIREHALL_EVERYTHING=1   ten times as many power cuts
HIREHALL_SEED=N         the same choices again
"""

import os
import random
import signal
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from fault import history, lossy_mount
from fault.lossy_mount import LossyDisk
from fault.shift import Shift
from integration import fleet
from integration.fleet import Broker, Fleet, eventually, moment

TIMES = 10 if os.environ.get("HIREHALL_EVERYTHING") == "1" else 1
CUTS, BIRTHS, FAILURES = 5 * TIMES, 15 * TIMES, 4 * TIMES
LEASE = 2 * fleet.SLOWDOWN
FAILED, WRITE_FAILED, REFUSED = 1, 3, 65


def sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class DiskTest(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(f"{SEED} {self.id()}")
        self.fleet = Fleet(extra=["--lease", f"{LEASE:.0f}s", "--snapshot-bytes", "1MiB"])
        self.ok = False
        self.addCleanup(self.close)
        self.disk = LossyDisk(self.fleet.directory)
        self.fleet.broker_options["data"] = self.disk.mount / "of" / "the" / "broker"  # which makes it
        self.dropped = {"bytes": 0, "writes": 0, "names": 0}

    def close(self):
        for process in self.fleet.processes:
            process.end()
        self.disk.close()
        self.fleet.close(keep=not self.ok)

    def plan_cut(self, parts, nth=1):
        self.disk.say("cut", self.random.getrandbits(32), self.random.randrange(nth) + 1, self.random.choice(parts))

    def cut_now(self):
        self.disk.say("cut", self.random.getrandbits(32))

    def after_cut(self, codes):
        """The broker goes with the power; what it saw of the disk may have ended it before, with one of these codes."""
        counts = self.disk.counts()
        for what in self.dropped:
            self.dropped[what] += counts[f"dropped_{what}"]
        moment(self.random.choice([0, self.random.uniform(0, 0.3)]))
        self.end_broker(codes)
        self.disk.again()

    def is_cut(self):
        return self.disk.counts()["cut"]

    def end_broker(self, codes):
        code, words = self.fleet.broker.kill(), self.fleet.broker.text()[-3000:]
        self.assertIn(code, (-signal.SIGKILL, *codes), words)
        self.assertNotIn("acknowledged commits are missing", words)

    def cut_load(self):
        """At any time, or in the middle of a sync of what a loaded broker syncs."""
        if self.random.random() < 0.3:
            self.cut_now()
        else:
            self.plan_cut([".log", ".log", "watermark"], nth=3)
            eventually(self.is_cut)
        self.after_cut([WRITE_FAILED])

    def cut_start(self):
        """A start that ends in a power cut, somewhere; True when it had got so far as to be ready."""
        if self.random.random() < 0.8:
            self.plan_cut([".log", ".sst", "MANIFEST", "CURRENT", "dbtmp", "data", "db", "format", "watermark", "reserve", ""], nth=2)
        self.fleet.broker = self.fleet.adopt(Broker(self.fleet.directory, **self.fleet.broker_options))
        until = time.monotonic() + self.random.uniform(0.005, 0.4)
        while not self.is_cut() and not self.fleet.broker.ready_file.exists() and time.monotonic() < until:
            moment(0.005)
        ready = self.fleet.broker.ready_file.exists()
        if not self.is_cut():
            self.cut_now()
        # What cannot be read for want of power may be told as lost; what counts is that the next start opens.
        self.after_cut([FAILED, WRITE_FAILED, REFUSED])
        return ready

    def shift(self, **more):
        return Shift(self.fleet, SEED, **dict(dict(clients=3, hands=4, programs=0, lease=LEASE), **more))

    def say(self, what):
        print(f"seed {SEED}: {what}", flush=True)


class LostSyncs(DiskTest):
    def test_a_power_cut_loses_nothing_that_was_acknowledged(self):
        self.fleet.start()
        shift = self.shift()
        starts = 0
        for _ in range(CUTS):
            moment(self.random.uniform(0.5, 2))
            shift.look()
            self.cut_load()
            shift.lives[-1][1] = time.monotonic()
            while self.random.random() < 0.5:
                self.cut_start()
                starts += 1
            self.fleet.start()
            shift.lives.append([time.monotonic(), float("inf")])
        shift.end()
        self.say(f"{CUTS} power cuts under load and {starts} during a start; they dropped {self.dropped['bytes']} bytes "
                 f"in {self.dropped['writes']} writes and {self.dropped['names']} names")
        shift.judge(self.fleet.client())
        self.assertGreater(self.dropped["bytes"], 0, "cuts that lose nothing show nothing")
        self.ok = True

    def test_a_power_cut_during_the_birth_of_a_store_leaves_one_that_opens(self):
        ready = sum(self.cut_start() for _ in range(BIRTHS))
        client = self.fleet.start().client()
        ids = [client.submit_one("nobody", b"%d" % n) for n in range(10)]
        self.cut_now()
        self.after_cut([WRITE_FAILED])
        client = self.fleet.start().client()
        self.assertEqual([client.get(id_)["payload"] for id_ in ids], [b"%d" % n for n in range(10)])
        self.say(f"{BIRTHS} power cuts during the first start ({ready} when it was ready), {self.dropped['names']} names dropped")
        self.ok = True

    def test_a_failed_sync_ends_the_broker_and_loses_nothing(self):
        """What the failed sync was for is seen until the power goes, and never becomes durable."""
        self.fleet.start()
        shift = self.shift()
        for n in range(FAILURES):
            moment(self.random.uniform(0.5, 1.5))
            shift.look()
            self.disk.say("fail", self.random.choice([".log", "watermark", ""]))
            self.assertEqual(self.fleet.broker.exit_code(), WRITE_FAILED, self.fleet.broker.text()[-3000:])
            self.assertGreater(self.disk.counts()["failures"], 0)
            shift.lives[-1][1] = time.monotonic()
            self.fleet.start()
            shift.lives.append([time.monotonic(), float("inf")])
            if n % 2:
                moment(self.random.uniform(0.2, 1))
                self.cut_load()
                shift.lives[-1][1] = time.monotonic()
                self.fleet.start()
                shift.lives.append([time.monotonic(), float("inf")])
        shift.end()
        self.say(f"{FAILURES} failed syncs")
        shift.judge(self.fleet.client())
        self.ok = True


class LyingDisk(DiskTest):
    """Nothing can be promised on such a disk; what it did must not stay unnoticed."""

    def work_and_lie(self, *which):
        """Load until the disk has lied about much; the clients, who have their histories, are gone after it."""
        self.fleet.start()
        self.worked = self.shift()
        self.acknowledged_before = eventually(self.acknowledged)
        self.disk.say("lie", *which)
        eventually(lambda: self.acknowledged() > self.acknowledged_before + 200)
        moment(1)  # the watermark is written twice
        self.assertGreater(self.disk.counts()["lies"], 0)
        self.disk.say("drop")
        for peer in [*self.worked.clients.values(), *self.worked.workers.values()]:
            peer.kill()
        self.end_broker([WRITE_FAILED])
        self.disk.again()

    def histories(self):
        return [self.fleet.directory / f"c{n}.history" for n in self.worked.clients]

    def acknowledged(self):
        return history.Verdict(self.histories(), {}).acknowledged

    def test_a_log_that_was_lost_is_refused(self):
        self.work_and_lie(".log")
        for _ in range(2):
            broker = self.fleet.adopt(Broker(self.fleet.directory, **self.fleet.broker_options))
            self.assertEqual(broker.exit_code(), REFUSED, broker.text()[-3000:])
        self.assertRegex(broker.text(), r"fewer commits|acknowledged")
        self.say(f"{self.acknowledged()} acknowledged, the log went back: refused with {REFUSED}")
        self.ok = True

    def test_a_disk_that_went_back_with_its_watermark_is_found_by_the_checker(self):
        """The limit of the watermark, which storage.md names: it lies on the same disk."""
        self.work_and_lie()
        broker = self.fleet.adopt(Broker(self.fleet.directory, **self.fleet.broker_options))
        eventually(lambda: not broker.running() or broker.ready_file.exists())
        if not broker.running():
            self.assertEqual(broker.exit_code(), REFUSED, broker.text()[-3000:])
            self.say(f"refused with {REFUSED}")
        else:
            self.fleet.broker = broker.ready()
            tasks, repeated = history.dump(self.fleet.client())
            verdict = history.Verdict(self.histories(), tasks)
            findings = [f for f in history.check(self.histories(), tasks, repeated) if "acknowledged and is gone" in f]
            self.assertGreaterEqual(verdict.lost, 200)
            self.assertEqual(len(findings), verdict.lost)
            self.say(f"{verdict.acknowledged} acknowledged, {verdict.lost} lost on a lying disk, as the checker says")
        self.ok = True


class TheDisk(DiskTest):
    """The disk itself: what is synced survives, what is not goes."""

    def setUp(self):
        super().setUp()
        self.folder = self.disk.mount / "folder"
        self.folder.mkdir()
        sync(self.disk.mount)

    def write(self, name, data, durable=True):
        (self.folder / name).write_bytes(data)
        if durable:
            sync(self.folder / name)

    def left(self, *cut):
        self.disk.say(*cut)
        with self.assertRaises(OSError):
            os.listdir(self.folder)
        self.disk.again()
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}

    def test_synced_bytes_and_names_survive(self):
        self.write("whole", b"synced")
        self.write("named late", b"synced")
        self.write("bytes not synced", b"lost", durable=False)
        sync(self.folder)
        self.write("name not synced", b"synced")
        with open(self.folder / "whole", "ab") as file:
            file.write(b", and not")
        os.rename(self.folder / "named late", self.folder / "renamed")
        self.assertEqual(self.left("drop"), {"whole": b"synced", "named late": b"synced", "bytes not synced": b""})
        self.ok = True

    def test_without_a_cut_all_survives(self):
        self.write("whole", b"not synced", durable=False)
        self.disk.again()
        self.assertEqual((self.folder / "whole").read_bytes(), b"not synced")
        self.ok = True

    def test_a_seed_keeps_all_or_nothing_or_a_part(self):
        before, after = bytes(8192), b"x" * 8192
        kinds = set()
        for seed in range(40):
            self.write("whole", before)
            sync(self.folder)
            with open(self.folder / "whole", "r+b") as file:
                file.write(after)
            found = self.left("cut", seed)["whole"]
            self.assertEqual(len(found), 8192)
            prefix = len(found) - len(found.lstrip(b"x"))
            kinds.add("all" if found == after else "nothing" if found == before else
                      "prefix" if found == after[:prefix] + before[prefix:] else "part")
            self.assertTrue(all(len(set(found[at:at + 512])) == 1 for at in range(0, 8192, 512)) or "prefix" in kinds)
        self.assertEqual(kinds, {"all", "nothing", "prefix", "part"})
        self.ok = True

    def test_a_lie_and_a_failure(self):
        self.write("failed", b"")
        self.write("lied", b"")
        sync(self.folder)
        self.disk.say("fail")
        with self.assertRaises(OSError):
            self.write("failed", b"lost")
        sync(self.folder / "failed")
        self.disk.say("lie", "lied")
        self.write("lied", b"lost")
        self.write("other", b"synced")
        sync(self.folder)
        self.assertEqual(self.left("drop"), {"failed": b"", "lied": b"", "other": b"synced"})
        self.ok = True


if __name__ == "__main__":
    fleet.need("hirehall-broker")
    with tempfile.TemporaryDirectory(prefix="hirehall-") as probe:
        lossy_mount.need(Path(probe))
    SEED = fleet.seed()
    unittest.main(verbosity=2)
