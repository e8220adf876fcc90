#!/usr/bin/python3
# ctest: timeout=180 serial
"""A full disk (F5, I11): submits are refused long before, running tasks complete, nothing acknowledged is lost.

Needs the right to mount a tmpfs; skipped without it.
"""

import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire
from integration.fleet import FleetTest, LIMIT, eventually
from integration.hirehall_wire import NoAnswer, Refused, WireError

DISK, WATERMARK = 1 << 30, 384 << 20


class FullDisk(FleetTest):
    def setUp(self):
        self.fleet = fleet.Fleet()
        self.disk = self.fleet.directory / "disk"
        self.disk.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "hirehall-test", self.disk], capture_output=True, text=True)
        if done.returncode:
            self.fleet.close()
            fleet.skip(f"mounting a tmpfs is not permitted here: {done.stderr.strip()}")
        self.addCleanup(self._close_disk)
        self.fleet.broker_options.update(data=self.disk / "data", extra=["--free-space-min", str(WATERMARK)])
        self.fleet.start()
        self.client = self.fleet.client()

    def _close_disk(self):
        self._close_processes()
        subprocess.run(["umount", "-l", self.disk], check=True)
        self.fleet.close()

    def _close_processes(self):
        for process in self.fleet.processes:
            process.end()

    def submit_until_refused(self):
        """(acknowledged ids, the first refusal); it comes as an item or as a whole batch."""
        ids = []
        payload = os.urandom(1 << 19)
        for n in range(DISK // len(payload) + 10):
            try:
                answer = self.client.submit_one("nobody", payload[:-8] + n.to_bytes(8, "big"))
            except WireError as error:
                return ids, error
            if isinstance(answer, Refused):
                return ids, answer
            ids.append(answer)
        self.fail(f"{len(ids)} payloads of {len(payload)} bytes on a disk of {DISK}, and no refusal")

    def free(self):
        disk = os.statvfs(self.disk)
        return disk.f_bavail * disk.f_frsize

    def test_submits_are_refused_and_running_work_completes(self):
        worker = self.fleet.worker("echo", slots=8)
        held = [self.client.submit_one("echo", b"%d" % n) for n in range(8)]
        awards = worker.awards(8)
        ids, refusal = self.submit_until_refused()
        self.assertEqual(refusal.code, "disk_full", refusal)
        self.assertRegex(refusal.message, r"free|space|disk")
        self.assertGreater(self.free(), WATERMARK // 4, "the refusal came too late")
        for award in awards[:4]:
            self.assertEqual(worker.finish(award, result=award.payload), "ok")
        # A neighbour takes the rest of the disk.
        with open(self.disk / "neighbour", "wb") as neighbour:
            try:
                while True:
                    neighbour.write(bytes(1 << 20))
                    neighbour.flush()
            except OSError:
                pass
        for award in awards[4:]:
            self.finish_or_end(worker, award)
        os.unlink(self.disk / "neighbour")
        if not self.fleet.broker.running():
            self.assertEqual(self.fleet.broker.exit_code(), 3, self.fleet.broker.text()[-2000:])
            self.fleet.start()
        self.nothing_is_lost(worker, ids, held)

    def finish_or_end(self, worker, award):
        """Recorded from the reserve, or the broker ends with its own code; never a claim that is not true."""
        try:
            self.assertEqual(worker.finish(award, result=award.payload, limit=5), "ok")
        except NoAnswer:
            self.assertFalse(self.fleet.broker.running(), "neither recorded, nor refused, nor ended")

    def nothing_is_lost(self, worker, ids, held):
        client = self.fleet.client()
        worker.run(1.0)  # recovers the session and resends what was not answered
        for n, id_ in enumerate(held):
            self.assertEqual(client.wait(id_, 15000)["result"], b"%d" % n)
        for id_ in ids:
            self.assertEqual(client.get(id_, payload=False)["state"], "ready")
        self.assertEqual(client.stats()["accepted"], len(ids) + len(held))

    def test_acts_go_on_and_are_in_the_audit_log_also_after_kill_9(self):
        _, refusal = self.submit_until_refused()
        self.assertEqual(refusal.code, "disk_full", refusal)
        self.client.call(wire.PAUSE, {"queue": "default", "reason": "the disk is full"})
        self.refused("not_found", self.client.call, wire.WORKER_DRAIN, {"name": "nobody", "reason": "why not"})
        self.fleet.crash()
        entries = self.fleet.client().call(wire.AUDIT_LIST, {})["entries"]
        self.assertEqual([(entry["act"], entry["reason"], entry["result"]) for entry in entries],
                         [("pause", "the disk is full", "ok"), ("worker_drain", "why not", "not_found")])

    def test_a_disk_with_room_again_accepts_again(self):
        filler = self.disk / "neighbour"
        with open(filler, "wb") as file:
            file.write(bytes(self.free() - WATERMARK // 2))

        def accepted():
            try:
                return isinstance(self.client.submit_one("echo"), bytes)
            except WireError as error:
                self.assertEqual(error.code, "disk_full")
                return False
        eventually(lambda: not accepted(), LIMIT, "disk_full")
        filler.unlink()
        eventually(accepted, LIMIT, "accepted again")


if __name__ == "__main__":
    fleet.main()
