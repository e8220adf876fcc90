#!/usr/bin/python3
# ctest: timeout=180
"""Award policies over the real broker: learned moves work to who succeeds, sticky follows keys, decisions say why (I21)."""

import json
import os
import random
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire, scripted_worker as hand
from integration.fleet import BIN, SOURCE, FleetTest

sys.path.insert(0, str(SOURCE / "client" / "python"))
import hirehall

AGENT = """---
name: {name}
version: 1
description: Fails so often.
kind: process
command: [/usr/bin/python3, {program}, "{failing}", "{seed}"]
types: [gamble]
---
"""

PROGRAM = """
import random, sys
sys.path.insert(0, {library!r})
import hirehall_agent
failing, chance = int(sys.argv[1]), random.Random(int(sys.argv[2]))
def run(task):
    if chance.randrange(100) < failing:
        raise hirehall_agent.Failed("bad luck")
    return 1
hirehall_agent.serve(run)
"""


def winner_of(terms):
    """By what is shown alone: greatest score, then the lesser load, then the lesser numbers."""
    for term in terms:
        assert term["score"] == term["value"] + term["preferred"] - term["cost"] - term["wait"] - term.get("slot_price", 0), term
    return min(terms, key=lambda t: (-t["score"], t["load"], t["worker_number"], t["agent_number"]))["worker"]


class PolicyTest(FleetTest):
    """What tests of policies have in common, those of auctions as well."""

    def setUp(self):
        super().setUp()
        self.client = self.fleet.client()

    def awards_of(self, id_):
        return self.client.call(wire.EXPLAIN, {"id": id_})["awards"]

    def cli(self, *arguments, code=0):
        done = subprocess.run([BIN / "hirehall", "--broker", self.fleet.broker.endpoint, *arguments], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def metrics(self):
        """The page is made anew once a second."""
        with urllib.request.urlopen(f"http://{self.fleet.broker.metrics}/metrics", timeout=10) as page:
            lines = [line.rsplit(" ", 1) for line in page.read().decode().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in lines}

    def serve(self, workers, count, chance_of, type_="echo", **options):
        """So many tasks one after another, each ended as its worker's chance has it; how many each got."""
        got = dict.fromkeys(workers, 0)
        for _ in range(count):
            id_ = self.client.submit_one(type_, max_attempts=1, **options)
            name = fleet.eventually(lambda: self.holder(workers), 30, "an award")
            award = workers[name].award()
            self.assertEqual(award.id, id_)
            got[name] += 1
            lucky = random.random() < chance_of[name]
            self.assertEqual(workers[name].finish(award, hand.SUCCEEDED if lucky else hand.FAILED), "ok")
        return got

    def check_sale(self, award):
        """Winner and prices of an award by auction follow from its terms alone."""
        self.assertEqual(winner_of(award["terms"]), award["worker"], award)
        won = next(t for t in award["terms"] if t["worker"] == award["worker"])
        self.assertEqual(award["first_price"], won["cost"])
        rivals = sorted((t["score"] for t in award["terms"] if t is not won), reverse=True)
        second = won["score"] + won["cost"] - max(0, rivals[0] if rivals else 0)
        if award["reserve"]:
            second = min(second, award["reserve"])
        self.assertEqual(award["second_price"], max(won["cost"], second), award)
        self.assertEqual(award["paid"], award[award["settlement"]])

    @staticmethod
    def holder(workers):
        """Who has got the task."""
        for name, worker in workers.items():
            worker.pump(0.005)
            if worker.fresh:
                return name
        return None

    def pair(self):
        return {name: self.fleet.worker(name=name, agents=[{"name": name + "-agent", "version": "1", "types": ["echo"]}], slots=1)
                for name in ("first", "second")}


class Policies(PolicyTest):
    def test_two_real_workers_the_one_that_fails_loses_its_share(self):
        program = self.fleet.directory / "gamble.py"
        program.write_text(PROGRAM.format(library=str(SOURCE / "configs" / "agents" / "bin")))
        for name, failing in (("steady", 5), ("shaky", 90)):
            directory = self.fleet.directory / f"agents of {name}"
            directory.mkdir()
            (directory / f"{name}.md").write_text(AGENT.format(name=name, program=program, failing=failing, seed=random.randrange(10**6)))
            self.fleet.wait_worker(self.fleet.worker_program(name, slots=1, agents=directory, extra=("--allow-commands",)))
        self.client.queue("default", policy="learned")
        got = {"steady": 0, "shaky": 0}
        for round_ in range(150):
            id_ = self.client.submit_one("gamble", max_attempts=1)
            fleet.eventually(lambda: self.client.get(id_)["state"] in ("succeeded", "failed"), 60, "an end")
            award = self.awards_of(id_)[-1]
            self.assertEqual(award["policy"], "learned")
            self.assertEqual(winner_of(award["terms"]), award["worker"], award)
            if round_ >= 50:
                got[award["worker"]] += 1
        self.assertGreater(got["steady"], 80, got)
        rows = {row["name"]: row for row in self.client.call(wire.AGENT_STATS, {})["agents"]}
        self.assertGreater(rows["steady"]["success_per_mille"], rows["shaky"]["success_per_mille"])

    def test_what_attempts_cost_is_learned_shown_and_weighed(self):
        workers = self.pair()
        cost = {"first": 0.5, "second": 0.125}
        self.client.queue("default", policy="learned", wait_price=0)
        got = dict.fromkeys(workers, 0)
        for round_ in range(40):
            id_ = self.client.submit_one("echo", max_attempts=1)
            name = fleet.eventually(lambda: self.holder(workers), 30, "an award")
            award = workers[name].award()
            workers[name].finish(award, hand.SUCCEEDED, usage={"cost": cost[name], "quality": 0.75, "tokens": 3})
            got[name] += round_ >= 10
        self.assertGreater(got["second"], 24, got)
        (told,) = self.awards_of(id_)
        self.assertEqual(winner_of(told["terms"]), told["worker"], told)
        self.assertEqual({t["worker"]: t["cost"] for t in told["terms"]}["second"], 125_000)
        (row,) = json.loads(self.cli("agent", "stats", "second-agent", "-o", "json"))
        self.assertEqual((row["cost"], row["quality"]), (0.125, 0.75))
        rows = {row["agent"]: row for row in json.loads(self.cli("stats", "-o", "json"))["fleet"]["agents"]}
        self.assertEqual(rows["second-agent"]["cost"], 0.125)

    def test_a_queue_changes_its_policy_while_it_works_and_keeps_it_over_a_crash(self):
        workers = self.pair()
        chance = {"first": 0.05, "second": 0.95}
        self.assertEqual(self.serve(workers, 12, chance)["first"], 12, "of equals the lesser number")
        self.client.queue("default", policy="learned")
        self.serve(workers, 60, chance)
        self.assertGreater(self.serve(workers, 40, chance)["second"], 30)
        self.fleet.crash()
        shown = self.client.queue_show("default")
        self.assertEqual((shown["policy"], shown["shadow"]), ("learned", "none"))
        self.client.queue("default", policy="least_loaded")
        self.assertEqual(self.client.queue_show("default")["policy"], "least_loaded")

    def test_explain_tells_terms_interval_and_propensity_also_after_a_crash(self):
        workers = self.pair()
        self.client.queue("default", policy="learned")
        id_ = self.client.submit_one("echo", max_attempts=1, agent="second-agent")
        name = fleet.eventually(lambda: self.holder(workers), 30, "an award")
        (award,) = self.awards_of(id_)
        self.assertEqual((award["policy"], award["worker"], award["candidates"], award["outcomes"]), ("learned", name, 2, 0))
        self.assertEqual(winner_of(award["terms"]), name)
        self.assertEqual({t["agent"] for t in award["terms"]}, {"first-agent", "second-agent"})
        self.assertEqual({t["agent"]: t["preferred"] > 0 for t in award["terms"]}, {"first-agent": False, "second-agent": True})
        for term in award["terms"]:
            self.assertLess(term["success_low"], term["success_per_mille"])
            self.assertLess(term["success_per_mille"], term["success_high"])
            self.assertGreater(term["expected_ms"], 0)
        self.assertTrue(0 < award["propensity"] < 1, award)
        text = self.cli("task", "explain", hirehall.ids.text(id_))
        for word in ("learned", "terms", "CHANCE PPM", "PROPENSITY", "second-agent"):
            self.assertIn(word, text)
        self.fleet.crash()
        self.assertEqual(self.awards_of(id_), [award], "the same to the last digit")

    def test_sticky_follows_the_key_and_falls_back(self):
        workers = self.pair()
        self.client.queue("default", policy="sticky")
        home = {}
        for key in map(str, range(12)):
            got = self.serve(workers, 2, {"first": 1, "second": 1}, affinity_key=key)
            self.assertIn(2, got.values(), "both at one worker")
            home[key] = max(got, key=got.get)
        self.assertEqual(set(home.values()), {"first", "second"})
        workers.pop("second").close()
        fleet.eventually(lambda: all(w["name"] != "second" or not w["connected"] for w in self.client.call(wire.WORKER_LIST, {})["workers"]), 30, "it is gone")
        for key, name in home.items():
            self.assertEqual(self.serve(workers, 1, {"first": 1}, affinity_key=key), {"first": 1})

    def test_a_shadow_acts_not_and_is_counted(self):
        workers = self.pair()
        self.cli("queue", "set", "default", "--shadow", "learned")
        shown = json.loads(self.cli("queue", "show", "default", "-o", "json"))
        self.assertEqual((shown["policy"], shown["shadow"]), ("least_loaded", "learned"))
        self.assertEqual(self.serve(workers, 30, {"first": 0.1, "second": 0.9})["first"], 30)
        agrees = 'hirehall_shadow_choices_total{agrees="%s"}'
        fleet.eventually(lambda: sum(self.metrics()[agrees % word] for word in ("yes", "no")) == 30, 30, "thirty were counted")
        self.cli("queue", "set", "default", "--shadow", "none")
        self.assertEqual(self.client.queue_show("default")["shadow"], "none")

    def test_bad_words_are_named(self):
        for wrong in ({"policy": "auctions"}, {"policy": "whim"}, {"shadow": "whim"}, {"policy": ""}):
            error = self.refused("invalid", self.client.queue, "default", **wrong)
            self.assertIn("accepted: ", error.message)
            self.assertEqual(error.context, next(iter(wrong)))
        self.assertIn("least_loaded, sticky, learned or auction", self.cli("queue", "set", "default", "--policy", "clever", code=2))

    def test_the_file_of_queues_names_policies(self):
        path = self.fleet.directory / "queues.yaml"
        path.write_text("queues:\n  clever:\n    policy: learned\n    shadow: sticky\n  plain:\n")
        self.fleet.broker.stop()
        self.fleet.start(extra=["--queues", path])
        client = self.fleet.client()
        shown = {q["queue"]: (q["policy"], q["shadow"]) for q in client.call(wire.QUEUE_LIST, {})["queues"]}
        self.assertEqual((shown["clever"], shown["plain"]), (("learned", "sticky"), ("least_loaded", "none")))


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall-worker", "hirehall")
