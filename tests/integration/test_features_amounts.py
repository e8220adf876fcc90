#!/usr/bin/python3
# ctest: timeout=180
"""What tasks take and cost by their features, over the real broker: learned, weighed, foretold, shown, kept (docs/features.md)."""

import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire, scripted_worker as hand
from integration.test_policies import PolicyTest, winner_of

import hirehall


class Amounts(PolicyTest):
    def setUp(self):
        super().setUp()
        seed = int(os.environ.get("HIREHALL_SEED") or random.randrange(2**32))
        print(f"HIREHALL_SEED={seed}")
        self.chance = random.Random(seed)

    def hire(self, *names):
        return {name: self.fleet.worker(name=name, agents=[{"name": name, "version": "1", "types": ["answer"]}], slots=1) for name in names}

    def submit(self, tokens, **options):
        return self.client.submit_one("answer", max_attempts=1, features={"tokens": tokens}, **options)

    def route(self, workers, tokens):
        """One task; who got it. The metered one asks by the token, the flat one the same for all."""
        id_ = self.submit(tokens)
        name = fleet.eventually(lambda: self.holder(workers), 30, "an award")
        cost = 2e-5 * tokens if name == "metered" else 0.1
        award = workers[name].award()
        self.assertEqual(award.id, id_)
        workers[name].finish(award, hand.SUCCEEDED, usage={"cost": cost * self.chance.uniform(0.8, 1.25)})
        return name, id_

    def settle(self, workers):
        for _ in range(120):
            self.route(workers, round(100 * 200 ** self.chance.random()))

    def stats(self, **query):
        return self.client.call(wire.AGENT_STATS, {"type": "answer"} | query)["agents"]

    def test_long_tasks_go_to_who_asks_the_same_for_all_and_explain_says_why(self):
        workers = self.hire("metered", "flat")
        self.client.queue("default", policy="learned", wait_price=0)
        self.settle(workers)
        got = {tokens: [self.route(workers, tokens)[0] for _ in range(10)] for tokens in (200, 20000)}
        self.assertGreater(got[200].count("metered"), 7, got)
        self.assertGreater(got[20000].count("flat"), 7, got)
        _name, id_ = self.route(workers, 20000)
        (award,) = self.awards_of(id_)
        self.assertEqual(winner_of(award["terms"]), award["worker"])
        terms = {t["agent"]: t for t in award["terms"]}
        self.assertTrue(150_000 < terms["metered"]["cost"] < 900_000, terms)
        self.assertLess(2 * terms["metered"]["cost_without_features"], terms["metered"]["cost"], terms)
        self.assertTrue(70_000 < terms["flat"]["cost"] < 140_000, terms)
        for term in award["terms"]:
            self.assertEqual(term["score"], term["value"] + term["preferred"] - term["cost"] - term["wait"])
            self.assertEqual(term["expected_ms"], term["run_ms"], "a free slot: it begins at once")
            self.assertIn("run_without_features_ms", term)
        text = self.cli("task", "explain", hirehall.ids.text(id_))
        for word in ("RUN WITHOUT FEATURES", "COST WITHOUT FEATURES"):
            self.assertIn(word, text)
        plain = self.client.submit_one("answer", max_attempts=1)
        fleet.eventually(lambda: self.holder(workers), 30, "an award")
        (award,) = self.awards_of(plain)
        self.assertFalse({"run_ms", "cost_without_features"} & set(award["terms"][0]), "of tasks with features only")

    def test_agent_stats_tell_the_factors_and_they_outlive_kill_9(self):
        workers = self.hire("metered")
        for _ in range(60):
            self.route(workers, round(100 * 200 ** self.chance.random()))
        (row,) = self.stats()
        (cost,), (duration,) = row["cost_features"], row["duration_features"]
        self.assertEqual((cost["feature"], cost["kind"], cost["seen"], cost["believed"]), ("tokens", "number", 60, True))
        self.assertTrue(2 < cost["factor_low"] < cost["factor"] < cost["factor_high"] < 10, cost)
        self.assertEqual(duration["seen"], 60)
        self.assertNotIn("cost_features", self.client.call(wire.AGENT_STATS, {})["agents"][0], "asked for by type only")
        text = self.cli("agent", "stats", "metered", "--type", "answer")
        for word in ("FACTOR", "duration", "cost", "tokens", "BELIEVED"):
            self.assertIn(word, text)
        shown = json.loads(self.cli("agent", "stats", "metered", "--type", "answer", "-o", "json"))[0]
        self.assertEqual(shown["cost_features"][0]["feature"], "tokens")
        for worker in workers.values():
            worker.close()
        self.fleet.crash()
        self.client = self.fleet.client()
        after = self.stats()
        # What was learned in the last seconds may be lost with the crash, what was kept before is not.
        self.assertEqual(after[0]["cost_features"][0]["feature"], "tokens")
        self.assertEqual(set(after[0]), set(row))
        self.cli("agent", "unlearn", "metered")
        self.assertEqual(self.stats(), [])

    def test_a_deadline_of_a_long_task_is_told_by_what_long_ones_take(self):
        workers = self.hire("only")
        worker = workers["only"]
        for n in range(24):
            tokens = 12000 if n % 2 else 300
            self.submit(tokens)
            award = worker.award()
            worked = time.monotonic() + (0.2 if n % 2 else 0)
            fleet.eventually(lambda: (worker.pump(0.02), time.monotonic() > worked)[1], 30, "its work")
            worker.finish(award, hand.SUCCEEDED)
        self.client.call(wire.PAUSE, {"queue": "default", "reason": "no awards for now"})

        def foretold(tokens):
            id_ = self.submit(tokens, deadline=int(time.time() * 1000) + 60_000)
            told = self.client.call(wire.EXPLAIN, {"id": id_})["deadline"]
            self.client.cancel(id_)
            return told["p50_ms"]

        lengthy, brief = foretold(12000), foretold(300)
        self.assertTrue(100 < lengthy < 1000, (lengthy, brief))
        self.assertLess(4 * brief, lengthy)

    def test_costs_that_are_no_costs_change_nothing(self):
        workers = self.hire("only")
        worker = workers["only"]
        for wrong in (0, 1e-9, 0):
            self.submit(500)
            worker.finish(worker.award(), hand.SUCCEEDED, usage={"cost": wrong})
        (row,) = self.stats()
        self.assertFalse({"cost", "cost_features"} & set(row), "what is less than a millionth was not told")
        self.submit(500)
        worker.finish(worker.award(), hand.FAILED, usage={"cost": 0.5})
        (row,) = self.stats()
        self.assertEqual(row["cost_features"][0]["seen"], 1, row)
        self.assertEqual(row["duration_features"][0]["seen"], 3, "failures teach no durations")


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall")
