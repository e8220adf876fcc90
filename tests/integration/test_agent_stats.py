#!/usr/bin/python3
# ctest: timeout=120
"""What the broker learns of its agents: by the ends of attempts, kept over a crash, forgotten on demand."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire, scripted_worker as hand
from integration.fleet import BIN, FleetTest


class AgentStats(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = self.fleet.client()

    def rows(self, **query):
        return self.client.call(wire.AGENT_STATS, query)["agents"]

    def row(self, **query):
        (row,) = self.rows(**query)
        return row

    def ends(self, worker, type_, outcomes):
        """Attempts that end so, told in one message: what is learned of them is in the same commit."""
        self.client.submit([[0, b""]] * len(outcomes), [{"type": type_, "max_attempts": 1}])
        awards = worker.awards(len(outcomes))
        number = worker.finish_later([(award, outcome, b"", None) for award, outcome in zip(awards, outcomes)])
        while number not in worker.finish_answers:
            worker.pump(0.2)

    def test_successes_and_failures_are_learned_by_type_and_the_rest_is_not(self):
        self.assertEqual(self.rows(), [])
        worker = self.fleet.worker("echo", "draw", slots=16)
        self.ends(worker, "echo", [hand.SUCCEEDED] * 11 + [hand.FAILED])
        self.ends(worker, "draw", [hand.FAILED] * 6 + [hand.INTERRUPTED])
        draw, echo = self.rows()
        self.assertEqual((draw["type"], draw["outcomes"], echo["type"], echo["outcomes"]), ("draw", 6, "echo", 12))
        self.assertEqual((echo["name"], echo["version"]), ("scripted", "1"))
        self.assertGreater(echo["success_per_mille"], 600)
        self.assertLess(draw["success_per_mille"], 350)
        self.assertLess(echo["success_low"], echo["success_per_mille"])
        self.assertLess(echo["success_per_mille"], echo["success_high"])
        self.assertLessEqual(echo["p50_ms"], echo["p90_ms"])
        self.assertNotIn("p50_ms", draw, "nothing succeeded")
        self.assertEqual(self.rows(after_name="scripted", after_type="draw"), [echo])
        self.assertEqual(self.rows(name="nobody"), [])

    def test_a_finish_that_comes_twice_is_learned_once(self):
        worker = self.fleet.worker("echo")
        self.client.submit_one("echo")
        award = worker.award()
        self.assertEqual(worker.finish(award), "ok")
        self.assertEqual(worker.finish(award), "stale")
        self.assertEqual(self.row()["outcomes"], 1)

    def test_what_was_learned_outlives_kill_9_and_the_store_stays_sound(self):
        worker = self.fleet.worker("echo", slots=16)
        self.ends(worker, "echo", [hand.SUCCEEDED] * 12)
        before = self.row()
        worker.close()
        self.fleet.crash()
        self.client = self.fleet.client()
        self.assertEqual(self.row(), before)
        self.fleet.broker.stop()
        verified = subprocess.run([BIN / "hirehall-broker", "verify", "--data", self.fleet.directory / "data"],
                                  capture_output=True, text=True)
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)

    def test_an_agent_is_unlearned_and_an_unknown_one_is_not_found(self):
        worker = self.fleet.worker("echo")
        self.ends(worker, "echo", [hand.FAILED] * 3)
        self.client.call(wire.AGENT_UNLEARN, {"name": "scripted"})
        self.assertEqual(self.rows(), [])
        self.refused("not_found", self.client.call, wire.AGENT_UNLEARN, {"name": "nobody"})
        self.refused("bad_message", self.client.call, wire.AGENT_UNLEARN, {"name": 7})
        self.refused("bad_message", self.client.call, wire.AGENT_STATS, [1])

    def command(self, *arguments):
        return subprocess.run([BIN / "hirehall", "--broker", self.fleet.broker.endpoint, *arguments],
                              capture_output=True, text=True)

    def test_the_command_line_shows_and_forgets_it(self):
        worker = self.fleet.worker("echo")
        self.ends(worker, "echo", [hand.SUCCEEDED] * 3)
        shown = self.command("agent", "stats", "-o", "jsonl")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertEqual(json.loads(shown.stdout), self.row())
        self.assertIn("SUCCESS", self.command("agent", "stats", "scripted").stdout)
        self.assertEqual(self.command("agent", "unlearn", "scripted").returncode, 0)
        self.assertEqual(self.rows(), [])
        gone = self.command("agent", "unlearn", "nobody")
        self.assertEqual(gone.returncode, 3)
        self.assertIn("nobody", gone.stderr)


if __name__ == "__main__":
    fleet.main()
