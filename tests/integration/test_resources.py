#!/usr/bin/python3
"""Resources over the real broker: no more runs on a worker than fits, whoever dies, and who waits is told why."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, scripted_worker as hand
from integration.fleet import BIN, SOURCE, FleetTest

sys.path.insert(0, str(SOURCE / "client" / "python"))
import hirehall


class Resources(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = self.fleet.client()

    def cli(self, *arguments, code=0):
        done = subprocess.run([BIN / "hirehall", "--broker", self.fleet.broker.endpoint, *arguments], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def submit(self, *options):
        return json.loads(self.cli("task", "submit", "echo", *options, "-o", "json"))["id"]

    def why(self, id_):
        return {w["what"]: w for w in json.loads(self.cli("task", "explain", id_, "-o", "json"))["why"]}

    def test_no_more_run_than_fit_over_a_crash_and_who_waits_is_told(self):
        worker = self.fleet.worker(name="gpus", slots=8, resources={"gpu": "2", "memory": "8Gi"})
        tasks = [self.submit("--resource", "gpu=1") for _ in range(4)]
        other = self.submit()
        fleet.eventually(lambda: (worker.pump(0.01), len(worker.held))[1] == 3, 30, "two with a gpu each, and the one that asks for nothing")
        states = [json.loads(self.cli("task", "get", id_, "-o", "json"))["state"] for id_ in [*tasks, other]]
        self.assertEqual(states, ["leased", "leased", "ready", "ready", "leased"])
        room = self.why(tasks[2])["no_room"]
        self.assertEqual((room["worker"], room["short_of"]), ("gpus", ["gpu: 1 asked, 0 of 2 free"]))
        self.fleet.crash()
        fleet.eventually(lambda: (worker.pump(0.01), worker.number)[1], 30, "it is back")
        fleet.eventually(lambda: (worker.pump(0.01), "no_room" in self.why(tasks[2]))[1], 30, "the same after a crash")
        for _ in range(5):
            fleet.eventually(lambda: (worker.pump(0.01), worker.held)[1], 30, "an award")
            self.assertLessEqual(sum(hirehall.ids.text(award.id) in tasks for award in worker.held.values()), 2)
            self.assertEqual(worker.finish(next(iter(worker.held.values())), hand.SUCCEEDED), "ok")
        self.assertEqual(self.client.stats()["tasks"]["succeeded"], 5)

    def test_what_nobody_offers_is_named(self):
        self.fleet.worker(name="small", slots=2, resources={"gpu": "1"})
        for asked, missing in (("gpu=2", "resource gpu 2"), ("tpu=1", "resource tpu 1"), ("gpu=many", "not a whole amount")):
            why = self.why(self.submit("--resource", asked))["not_capable"]
            self.assertIn(missing, why["message"])
        self.assertIn("--resource takes KEY=VALUE", self.cli("task", "submit", "echo", "--resource", "gpu", code=2))

    def test_requirements_of_the_command_line_reach_the_broker(self):
        self.fleet.worker(name="plain", slots=2)
        why = self.why(self.submit("--capability", "vision", "--tool", "browser", "--tier", "3", "--require-label", "zone=eu"))["not_capable"]
        for word in ("capability vision", "tool browser", "tier 3", "label zone=eu"):
            self.assertIn(word, why["message"])


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall")
