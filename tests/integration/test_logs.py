#!/usr/bin/python3
# ctest: timeout=120
"""What a running attempt tells of itself: progress, log lines and pieces of output, for those who look on."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire, scripted_worker as hand
from integration.fleet import BIN, LIMIT, FleetTest


class Logs(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = self.fleet.client()
        self.worker = self.fleet.worker("echo")

    def logs(self, id_, **more):
        return self.client.call(wire.LOGS, dict(more, id=id_))

    def texts(self, answer):
        return [line[4] for line in answer["lines"]]

    def test_progress_lines_and_output_are_shown_while_it_runs_and_after(self):
        id_ = self.client.submit_one("echo")
        award = self.worker.award()
        self.worker.report(award, "progress", {"done": 2, "total": 5, "message": "half"})
        self.worker.report(award, "log", "one")
        self.worker.report(award, "output", b"\x00piece")
        progress = self.client.get(id_)["progress"]
        self.assertEqual((progress["done"], progress["total"], progress["message"]), (2, 5, "half"))
        answer = self.logs(id_)
        self.assertEqual([(l[2], l[3], l[4]) for l in answer["lines"]], [(1, "log", b"one"), (1, "output", b"\x00piece")])
        self.assertEqual((answer["missed"], answer["more"], answer["ended"]), (False, False, False))
        self.assertEqual(self.texts(self.logs(id_, after=answer["lines"][0][0])), [b"\x00piece"])
        self.assertEqual(self.texts(self.logs(id_, limit=1, tail=True)), [b"\x00piece"])
        self.worker.finish(award)
        answer = self.logs(id_, after=answer["next"], wait_ms=30000)
        self.assertEqual((answer["lines"], answer["ended"]), ([], True), "an end answers at once")
        self.assertNotIn("progress", self.client.get(id_))

    def test_who_waits_is_answered_when_a_line_comes(self):
        id_ = self.client.submit_one("echo")
        award = self.worker.award()
        request = self.client.post(wire.LOGS, {"id": id_, "wait_ms": 60000})
        self.worker.report(award, "log", "at last")
        self.assertEqual(self.texts(self.client.fetch(request, LIMIT)), [b"at last"])
        self.assertEqual(self.logs(id_, after=2**63, wait_ms=1)["lines"], [], "and after its time with nothing")

    def test_what_had_to_go_is_told(self):
        id_ = self.client.submit_one("echo")
        award = self.worker.award()
        self.worker.report(award, "log", "first")
        first = self.logs(id_)["next"]
        for n in range(150):
            self.worker.report(award, "log", "x" * 8192)
        answer = self.logs(id_, after=first)
        self.assertTrue(answer["missed"])
        self.assertLess(len(self.logs(id_, limit=1000)["lines"]), 140)

    def test_a_report_of_a_lease_that_is_over_is_stale_and_malformed_ones_are_refused(self):
        id_ = self.client.submit_one("echo")
        award = self.worker.award()
        self.worker.finish(award)
        self.assertEqual(self.worker.report(award, "log", "late"), "stale")
        self.assertEqual(self.logs(id_)["lines"], [])
        self.refused("not_found", self.client.call, wire.LOGS, {"id": b"x" * 16})
        self.refused("bad_message", self.client.call, wire.LOGS, {"id": b"x"})
        self.refused("invalid", self.client.call, wire.LOGS, {"id": id_, "limit": 0})
        self.refused("invalid", self.client.call, wire.LOGS, {"id": id_, "wait_ms": 60001})

    def test_positions_rise_over_a_crash_of_the_broker(self):
        id_ = self.client.submit_one("echo")
        award = self.worker.award()
        self.worker.report(award, "log", "before")
        before = self.logs(id_)["next"]
        self.fleet.crash()
        self.worker.report(award, "log", "after")
        answer = self.logs(id_, after=before)
        self.assertEqual(self.texts(answer), [b"after"])
        self.assertTrue(answer["missed"], "what was told before the crash may be missing")

    def test_the_command_line_follows_to_the_end(self):
        id_ = self.client.submit_one("echo")
        award = self.worker.award()
        text = json.loads(subprocess.run([BIN / "hirehall", "--broker", self.fleet.broker.endpoint, "task", "list", "-o", "jsonl"],
                                         capture_output=True, text=True, timeout=3 * LIMIT).stdout)["id"]
        follower = subprocess.Popen([BIN / "hirehall", "--broker", self.fleet.broker.endpoint, "task", "logs", text, "--follow"],
                                    stdout=subprocess.PIPE, text=True)
        self.addCleanup(follower.kill)
        for n in range(3):
            self.worker.report(award, "log", f"line {n}")
        self.worker.finish(award)
        out, _ = follower.communicate(timeout=3 * LIMIT)
        self.assertEqual(follower.returncode, 0)
        self.assertEqual([line.split("  ", 1)[1] for line in out.splitlines()], ["line 0", "line 1", "line 2"])
        self.assertEqual(id_, self.client.get(id_)["id"])


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall")
