#!/usr/bin/python3
# ctest: timeout=120
"""`hirehall stats` over the real broker: agents with trends, types with supply, the bottleneck, and recommendations with their evidence."""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, scripted_worker as hand
from integration.test_policies import PolicyTest


class FleetStats(PolicyTest):
    def told(self):
        return json.loads(self.cli("stats", "-o", "json"))["fleet"]

    def run_all(self, worker, count, outcome):
        for _ in range(count):
            self.client.submit_one("echo", max_attempts=1)
            award = worker.award()
            worker.finish(award, outcome)

    def test_an_agent_that_begins_to_fail_is_told_with_its_evidence(self):
        worker = self.fleet.worker(name="w", agents=[{"name": "falling", "version": "1", "types": ["echo"]}], slots=1)
        self.run_all(worker, 30, hand.SUCCEEDED)
        (agent,) = self.told()["agents"]
        self.assertEqual((agent["agent"], agent["type"], agent["trend"]["trend"]), ("falling", "echo", "unknown"))
        self.run_all(worker, 30, hand.FAILED)
        told = self.told()
        (agent,) = told["agents"]
        self.assertEqual(agent["trend"]["trend"], "worsening")
        self.assertEqual((agent["trend"]["ends"], agent["trend"]["success_before"], agent["trend"]["success_after"]), (60, 1, 0))
        advice = next(a for a in told["recommendations"] if a["what"] == "worsening")
        self.assertEqual((advice["evidence"]["agent"], advice["evidence"]["type"]), ("falling", "echo"))
        self.assertLess(advice["evidence"]["success_z"], -2.58)
        self.assertIn("0 % after 100 %", advice["message"])
        self.run_all(worker, 128, hand.SUCCEEDED)
        self.assertEqual(self.told()["agents"][0]["trend"]["trend"], "stable")
        self.cli("agent", "unlearn", "falling")
        self.assertEqual(self.told()["agents"], [])

    def test_waiting_work_names_the_bottleneck_and_work_that_nobody_can_do(self):
        worker = self.fleet.worker(name="w", agents=[{"name": "only", "version": "1", "types": ["echo"]}], slots=1)
        for _ in range(5):
            self.client.submit_one("echo")
        worker.award()
        self.client.submit_one("rare")
        types = fleet.eventually(lambda: (t := {row["type"]: row for row in self.told()["types"]}) and t.get("rare", {}).get("ready") and t, 30, "both are counted")
        echo, rare = types["echo"], types["rare"]
        self.assertEqual((echo["ready"], echo["running"], echo["slots"], echo["workers"], echo["load"]), (4, 1, 1, 1, 1))
        self.assertEqual((rare["ready"], rare["workers"]), (1, 0))
        told = self.told()
        self.assertIn(told["bottleneck"], ("echo", "rare"))
        (advice,) = (a for a in told["recommendations"] if a["what"] == "no_supply")
        self.assertEqual(advice["evidence"]["type"], "rare")
        self.assertEqual((told["slots"], told["busy"]), (1, 1))
        text = self.cli("stats")
        for word in ("accepted", "recommendations", "no_supply", "echo"):
            self.assertIn(word, text)

    def test_without_the_flag_the_numbers_are_as_ever_and_nonsense_is_left_out(self):
        self.assertNotIn("fleet", self.client.call(40, {}))
        self.assertNotIn("fleet", self.client.call(40, {"fleet": "yes"}))
        self.assertIn("fleet", self.client.call(40, {"fleet": True}))


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall")
