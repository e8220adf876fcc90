#!/usr/bin/python3
# ctest: timeout=120
"""A worker whose loop hangs ends as stuck and its tasks go to others; one that stood still as a whole goes on (I4, F8)."""

import fcntl
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire
from integration.fleet import BIN, LIMIT, FleetTest, eventually


class StuckWorker(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = self.fleet.client()

    def start(self, name, stderr):
        agents = self.fleet.agents("echo", "sleep")
        ready = self.fleet.directory / f"{name}.ready"
        worker = subprocess.Popen([BIN / "hirehall-worker", "--broker", self.fleet.broker.endpoint, "--agents", agents, "--plugins",
                                   os.environ["HIREHALL_PLUGINS"], "--name", name, "--slots", "1", "--ready-file", ready],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr)
        self.addCleanup(worker.wait)
        self.addCleanup(worker.kill)
        eventually(ready.exists, LIMIT, "the worker is registered")
        return worker

    def leased_by(self, id_):
        task = self.client.get(id_)
        return task.get("worker") if task["state"] == "leased" else None

    def test_a_loop_that_hangs_in_its_log_ends_the_worker_and_the_task_is_awarded_again(self):
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        worker = self.start("hung", writing)
        long = self.client.submit_one("sleep", b"600000")
        eventually(lambda: self.leased_by(long) == "hung", LIMIT, "an award")
        full = os.open(f"/proc/self/fd/{writing}", os.O_WRONLY | os.O_NONBLOCK)
        os.close(writing)
        self.addCleanup(os.close, full)
        fcntl.fcntl(full, fcntl.F_SETPIPE_SZ, 4096)
        try:
            while True:
                os.write(full, b"x" * 4096)
        except BlockingIOError:
            pass
        try:
            while True:
                os.write(full, b"x")
        except BlockingIOError:
            pass
        other = self.client.submit_one("sleep", b"600000")
        self.client.cancel(long)  # the worker logs that, and nobody reads
        self.assertEqual(worker.wait(60), 70)
        self.assertEqual(self.client.wait(long, 30_000)["state"], "cancelled")
        second = self.start("second", subprocess.DEVNULL)
        eventually(lambda: self.leased_by(other) == "second", LIMIT, "the other task goes on elsewhere")
        second.terminate()

    def test_a_worker_that_was_stopped_as_a_whole_goes_on_afterwards(self):
        worker = self.start("asleep", subprocess.DEVNULL)
        worker.send_signal(signal.SIGSTOP)
        id_ = self.client.submit_one("echo", b"1")
        eventually(lambda: self.client.call(wire.STATS, {})["uptime_ms"] > 13_000, 30, "more than its patience has passed")
        worker.send_signal(signal.SIGCONT)
        self.assertEqual(self.client.wait(id_, 30_000)["state"], "succeeded")
        self.assertIsNone(worker.poll())


if __name__ == "__main__":
    fleet.main("hirehall-worker")
