#!/usr/bin/python3
"""max_instances at the award: what an agent may not run yet goes to another worker, over crashes and new lists of agents."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, scripted_worker as hand
from integration.fleet import BIN, SOURCE, FleetTest

sys.path.insert(0, str(SOURCE / "client" / "python"))
import hirehall


def agent(name, types, most):
    return {"name": name, "version": "1", "types": types, "max_instances": most}


class Instances(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = self.fleet.client()

    def why(self, id_):
        done = subprocess.run([BIN / "hirehall", "--broker", self.fleet.broker.endpoint, "task", "explain", hirehall.ids.text(id_), "-o", "json"],
                              capture_output=True, text=True, timeout=60, check=True)
        return {w["what"]: w for w in json.loads(done.stdout)["why"]}

    def holds(self, worker, count):
        fleet.eventually(lambda: (worker.pump(0.01), len(worker.held))[1] == count, 30, f"{count} tasks")

    def test_an_agent_at_its_most_leaves_tasks_to_others_and_slots_to_other_agents(self):
        narrow = self.fleet.worker(name="narrow", slots=8, agents=[agent("browser", ["echo"], 2), agent("any", ["other"], 0)])
        tasks = [self.client.submit_one("echo") for _ in range(5)]
        self.holds(narrow, 2)
        told = self.why(tasks[4])["no_instance"]
        self.assertEqual((told["workers"], told["agent"]), (1, "browser"))
        self.assertIn("max_instances", told["message"])
        self.client.submit_one("other")
        self.holds(narrow, 3)
        second = self.fleet.worker(name="second", slots=8, agents=[agent("browser-too", ["echo"], 1)])
        self.holds(second, 1)
        self.assertEqual(second.finish(next(iter(second.held.values())), hand.SUCCEEDED), "ok")
        self.holds(second, 1)

    def test_what_runs_is_counted_over_a_crash_and_a_new_list_of_agents(self):
        worker = self.fleet.worker(name="narrow", slots=8, agents=[agent("browser", ["echo"], 2)])
        for _ in range(6):
            self.client.submit_one("echo")
        self.holds(worker, 2)
        self.fleet.crash()
        fleet.eventually(lambda: (worker.pump(0.01), worker.number)[1], 30, "it is back")
        worker.pump(0.2)
        self.assertEqual(len(worker.held), 2)
        for _ in range(6):
            self.assertLessEqual(len(worker.held), 2)
            self.assertEqual(worker.finish(next(iter(worker.held.values())), hand.SUCCEEDED), "ok")
            fleet.eventually(lambda: (worker.pump(0.01), worker.held or self.client.stats()["tasks"]["succeeded"] == 6)[1], 30, "the next one")
        self.assertEqual(self.client.stats()["tasks"]["succeeded"], 6)


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall")
