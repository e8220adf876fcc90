#!/usr/bin/python3
# ctest: timeout=240
"""The wall clock of one program jumps, forward and back, by hours (F12, I8, I17): nothing starts or expires early, no lease ends
of it, and nothing stops. docs/lifecycle.md: while the clock is in doubt nothing expires.

HIREHALL_EVERYTHING=1   jumps from a minute and a half to ten years instead of three hours
"""

import os
import sys
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire
from integration.fleet import FleetTest, LIMIT, SOURCE, eventually

LIBRARY = next((str(path) for path in Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
HAND = SOURCE / "tests" / "integration" / "scripted_worker.py"
MINUTE, HOUR = 60, 3600
DAY = 24 * HOUR
JUMPS = [3 * HOUR]
if os.environ.get("HIREHALL_EVERYTHING") == "1":
    JUMPS = [90, 40 * MINUTE, 3 * HOUR, DAY, 30 * DAY, 3652 * DAY]
LEASE = 2.0


class Clock(FleetTest):
    extra = ("--lease", "2s")

    def setUp(self):
        self.fleet = fleet.Fleet(extra=self.extra)
        self.addCleanup(self._close)
        self.environment = self.clock("broker")
        self.fleet.broker_options["environment"] = self.environment
        self.fleet.start()
        self.client = self.fleet.client()

    def clock(self, name):
        """The environment of a program whose wall clock is that of jump(name, …)."""
        self.jump(0, name)
        return {"LD_PRELOAD": LIBRARY, "FAKETIME_TIMESTAMP_FILE": str(self.fleet.directory / f"{name}.clock"), "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DISABLE_SHM": "1"}

    def jump(self, seconds, name="broker"):
        """To so many seconds from the true time."""
        path = self.fleet.directory / f"{name}.clock"
        new = path.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.rename(path)

    def gauge(self, name):
        with urllib.request.urlopen(f"http://{self.fleet.broker.metrics}/metrics", timeout=LIMIT) as page:
            return next(float(line.split()[-1]) for line in page.read().decode().splitlines() if line.startswith(name + " "))

    def in_doubt(self, doubt):
        eventually(lambda: self.gauge("hirehall_clock_held") == doubt, what=f"clock_held {doubt}")

    def outcomes(self, id_):
        task = self.client.wait(id_, 30000)
        return task["state"], [entry["outcome"] for entry in task["history"]]


class BrokerClock(Clock):
    def test_no_jump_starts_or_expires_anything_early_or_ends_a_lease(self):
        for seconds in JUMPS:
            for jump in (seconds, -seconds):
                with self.subTest(jump=jump):
                    self.live_through(jump)

    def live_through(self, jump):
        # Types of its own: a worker that was closed is awarded tasks until its lease is over.
        work, later = f"work{jump}", f"later{jump}"
        worker = self.fleet.worker(work, later)
        running = self.client.submit_one(work)
        award = worker.award()
        wall = self.client.call(wire.HEARTBEAT, {})["server_time"]
        patient = self.client.submit_one("nobody", ttl_ms=60_000)
        dated = self.client.submit_one("nobody", deadline=wall + 50_000)
        submitted = time.monotonic()
        delayed = self.client.submit_one(later, delay_ms=2500)
        self.jump(jump)
        self.in_doubt(1)
        impatient = self.client.submit_one("nobody", ttl_ms=300)
        start = worker.award()
        self.assertEqual(start.id, delayed)
        waited = time.monotonic() - submitted
        self.assertGreaterEqual(waited, 2.49, "started early")
        self.assertLess(waited, 2.5 + 5 * fleet.SLOWDOWN)
        self.assertEqual(worker.finish(start), "ok")
        worker.run(1.5 * LEASE)
        self.assertEqual(self.client.get(running)["attempt"], 1)
        self.assertEqual(worker.finish(award), "ok")
        self.assertEqual([self.client.state(id_) for id_ in (patient, dated, impatient)], ["ready"] * 3)
        self.jump(0)
        self.in_doubt(0)
        eventually(lambda: self.client.state(impatient) == "expired", what="what may expire now")
        self.assertEqual([self.client.state(id_) for id_ in (patient, dated)], ["ready"] * 2)
        self.assertEqual([self.outcomes(id_) for id_ in (running, delayed)], [("succeeded", ["succeeded"])] * 2)
        print(f"jump of {jump:+d} s: a delay of 2.5 s took {waited:.2f} s", flush=True)
        self.client.cancel(patient, dated)
        worker.close()

    def test_the_lease_of_a_dead_worker_ends_while_the_clock_is_in_doubt(self):
        for jump in (3 * HOUR, -3 * HOUR):
            with self.subTest(jump=jump):
                type_ = f"echo{jump}"
                dead = self.fleet.script(HAND, self.fleet.broker.endpoint, "--type", type_, "--hold", name="dead")
                dead.event("registered")
                id_ = self.client.submit_one(type_)
                dead.event("award")
                self.jump(jump)
                self.in_doubt(1)
                dead.kill()
                heir = self.fleet.worker(type_)
                award = heir.award(limit=2 * LEASE * fleet.SLOWDOWN)
                self.assertEqual((award.id, award.attempt), (id_, 2))
                self.assertEqual(heir.finish(award), "ok")
                heir.close()
                self.jump(0)
                self.in_doubt(0)

    def test_a_clock_that_went_back_while_the_broker_was_down_delays_nothing(self):
        submitted = time.monotonic()
        delayed = self.client.submit_one("echo", delay_ms=3000)
        self.fleet.broker.kill()
        self.jump(-3 * HOUR)
        self.fleet.start()
        worker = self.fleet.worker("echo")
        now = self.client.submit_one("echo", b"now")
        self.assertEqual(worker.award().id, now)
        self.assertEqual(worker.award().id, delayed)
        waited = time.monotonic() - submitted
        self.assertGreaterEqual(waited, 2.99)
        self.assertLess(waited, 3 + 8 * fleet.SLOWDOWN)

    def test_a_step_of_half_a_minute_is_taken_slowly(self):
        worker = self.fleet.worker("echo")
        running = self.client.submit_one("echo")
        award = worker.award()
        queued = self.client.submit_one("nobody", ttl_ms=10_000)
        for jump in (30, -30):
            self.jump(jump)
            worker.run(1.0)
            self.assertEqual(self.gauge("hirehall_clock_held"), 0)
            self.assertEqual((self.client.state(queued), self.client.state(running)), ("ready", "leased"))
        self.assertEqual(worker.finish(award), "ok")


class WorkerClock(Clock):
    def test_a_jump_of_a_workers_clock_ends_no_attempt(self):
        if not (fleet.BIN / "hirehall-worker").exists():
            self.skipTest("hirehall-worker is not built")
        worker = self.fleet.worker_program("worker", slots=4, agents=("sleep",), environment=self.clock("worker"))
        self.fleet.wait_worker(worker)
        for jump in (3 * HOUR, -3 * HOUR, 0):
            ids = self.client.submit([[0, b"1200"]] * 4, [{"type": "sleep", "timeout_ms": 10_000}])
            eventually(lambda: all(self.client.state(id_) == "leased" for id_ in ids), what="the awards")
            self.jump(jump, "worker")
            for id_ in ids:
                self.assertEqual(self.outcomes(id_), ("succeeded", ["succeeded"]))


if __name__ == "__main__":
    if LIBRARY is None:
        fleet.skip("libfaketime is not installed (package faketime)")
    if "san" in fleet.BIN.parent.name:
        fleet.skip("libfaketime and a sanitizer's runtime do not go together")
    fleet.main()
