#!/usr/bin/python3
# ctest: timeout=180
"""Features of tasks over the real broker: kept, refused by name, learned, weighed, shown, forgotten (docs/features.md)."""

import json
import math
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire, scripted_worker as hand
from integration.test_policies import PolicyTest, winner_of

import hirehall

LONG, SHORT = {"tokens": 12000, "topic": "law"}, {"tokens": 300, "topic": "law"}
CALL = {"cheap": 0.02, "good": 0.3}


class Features(PolicyTest):
    def setUp(self):
        super().setUp()
        seed = int(os.environ.get("HIREHALL_SEED") or random.randrange(2**32))
        print(f"HIREHALL_SEED={seed}")
        self.chance = random.Random(seed)

    def models(self):
        return {name: self.fleet.worker(name=name, agents=[{"name": name, "version": "1", "types": ["answer"]}], slots=1)
                for name in ("cheap", "good")}

    def route(self, workers, count, features_of):
        """Tasks one after another, half of them long: the cheap model fails at those. How many of each the good one got."""
        got = {"long": [0, 0], "short": [0, 0]}
        for _ in range(count):
            kind = self.chance.choice(("long", "short"))
            id_ = self.client.submit_one("answer", max_attempts=1, **features_of(kind))
            name = fleet.eventually(lambda: self.holder(workers), 30, "an award")
            award = workers[name].award()
            self.assertEqual(award.id, id_)
            succeeds = self.chance.random() < (0.95 if name == "good" else 0.05 if kind == "long" else 0.95)
            workers[name].finish(award, hand.SUCCEEDED if succeeds else hand.FAILED, usage={"cost": CALL[name]})
            got[kind][name == "good"] += 1
        return {kind: good / max(1, cheap + good) for kind, (cheap, good) in got.items()}

    def told(self, kind):
        """Never twice the same length: what is learned is a slope, and no list of cases."""
        base = LONG if kind == "long" else SHORT
        return {"features": base | {"tokens": round(base["tokens"] * self.chance.uniform(0.6, 1.6))}}

    def test_long_prompts_go_to_the_good_model_and_short_ones_to_the_cheap_one(self):
        workers = self.models()
        self.client.queue("default", policy="learned", wait_price=0)
        self.route(workers, 100, self.told)
        for _ in range(8):  # how soon it is sure of the cheap one is a matter of luck
            share = self.route(workers, 50, self.told)
            if share["long"] > 0.75 and share["short"] < 0.25:
                break
        self.assertGreater(share["long"], 0.75, share)
        self.assertLess(share["short"], 0.25, share)
        (cheap,) = [row for row in json.loads(self.cli("agent", "stats", "--type", "answer", "-o", "json")) if row["name"] == "cheap"]
        weights = {one["feature"]: one for one in cheap["features"]}
        self.assertEqual((weights["tokens"]["kind"], weights["topic=law"]["kind"]), ("number", "word"))
        self.assertLess(weights["tokens"]["weight"] + 2 * weights["tokens"]["sd"], 0, weights)
        self.assertTrue(50 < weights["tokens"]["low"] < weights["tokens"]["high"] < 40000, weights)
        text = self.cli("agent", "stats", "cheap", "--type", "answer")
        for word in ("tokens", "topic=law", "WEIGHT", "SEEN"):
            self.assertIn(word, text)
        self.assertNotIn("features", json.loads(self.cli("agent", "stats", "cheap", "-o", "json"))[0], "asked for by type only")
        self.assertGreaterEqual(self.metrics()["hirehall_learned_feature_weights"], 4)

    def test_what_was_learned_of_them_outlives_kill_9_and_is_unlearned(self):
        worker = self.fleet.worker("answer", slots=16)
        self.client.submit([[0, b"", None, None, None, None, {"features": LONG if n % 2 else SHORT}] for n in range(16)], [{"type": "answer", "max_attempts": 1}])
        number = worker.finish_later([(award, hand.FAILED if award.extras["features"] == LONG else hand.SUCCEEDED, b"", None) for award in worker.awards(16)])
        while number not in worker.finish_answers:
            worker.pump(0.2)
        query = {"type": "answer", "name": "scripted"}
        before = self.client.call(wire.AGENT_STATS, query)["agents"]
        weights = {one["feature"]: (one["seen"], one["weight"]) for one in before[0]["features"]}
        self.assertEqual((weights["tokens"][0], weights["topic=law"][0]), (16, 16))
        self.assertLess(weights["tokens"][1], 0)
        worker.close()
        self.fleet.crash()
        self.client = self.fleet.client()
        self.assertEqual(self.client.call(wire.AGENT_STATS, query)["agents"], before)
        self.cli("agent", "unlearn", "scripted")
        self.assertEqual(self.client.call(wire.AGENT_STATS, query)["agents"], [])

    def test_without_features_the_same_tasks_cannot_be_told_apart(self):
        workers = self.models()
        self.client.queue("default", policy="learned", wait_price=0)
        self.route(workers, 100, lambda kind: {})
        share = self.route(workers, 60, lambda kind: {})
        self.assertLess(abs(share["long"] - share["short"]), 0.4, share)

    def test_explain_tells_the_features_and_what_they_changed(self):
        workers = self.models()
        self.client.queue("default", policy="learned", wait_price=0)
        self.route(workers, 80, self.told)
        id_ = self.client.submit_one("answer", max_attempts=1, features=LONG)
        name = fleet.eventually(lambda: self.holder(workers), 30, "an award")
        (award,) = self.awards_of(id_)
        self.assertEqual((award["policy"], award["worker"], award["features"]), ("learned", name, LONG))
        self.assertEqual(winner_of(award["terms"]), name, award)
        (cheap,) = [t for t in award["terms"] if t["agent"] == "cheap"]
        self.assertLess(cheap["success_per_mille"], cheap["success_without_features"], award)
        self.assertTrue(0 < award["propensity"] < 1, award)
        self.assertEqual(json.loads(self.cli("task", "explain", hirehall.ids.text(id_), "-o", "json"))["awards"][0]["features"], LONG)
        text = self.cli("task", "explain", hirehall.ids.text(id_))
        for word in ("tokens", "12000", "law", "WITHOUT FEATURES"):
            self.assertIn(word, text)
        workers[name].finish(workers[name].award(), hand.SUCCEEDED)
        plain = self.client.submit_one("answer", max_attempts=1)
        fleet.eventually(lambda: self.holder(workers), 30, "an award")
        self.assertNotIn("features", self.awards_of(plain)[0])

    def test_they_come_back_unchanged_with_get_award_and_after_kill_9(self):
        worker = self.fleet.worker("answer")
        mixed = {"tokens": 12000, "share": 0.25, "below": -3, "language": "nan"}
        ids = [self.client.submit_one("answer", features=mixed)]
        award = worker.award()
        self.assertEqual(award.extras["features"], mixed)
        worker.finish(award, hand.INTERRUPTED)
        self.fleet.crash()
        worker = self.fleet.worker("answer", name="another")
        self.assertEqual(worker.award().extras["features"], mixed)
        self.client = self.fleet.client()
        shown = json.loads(self.cli("task", "get", hirehall.ids.text(ids[0]), "-o", "json"))
        self.assertEqual(shown["options"]["features"], mixed)

    def test_the_command_line_gives_them(self):
        worker = self.fleet.worker("answer")
        self.cli("task", "submit", "answer", "hi", "--feature", "tokens=1e3", "--feature", "language=de", "--feature", "share=0.5")
        self.assertEqual(worker.award().extras["features"], {"tokens": 1000, "language": "de", "share": 0.5})
        for given, word in (("Tokens=1", "'Tokens'"), ("tokens", "NAME=VALUE"), ("tokens=", "0 bytes"), ("tokens=1e99", "1e15"), ("a=" + "x" * 65, "65 bytes")):
            said = self.cli("task", "submit", "answer", "--feature", given, code=2)
            self.assertIn(word, said)
            self.assertIn("--feature", said)
        self.assertIn("given twice", self.cli("task", "submit", "answer", "--feature", "a=1", "--feature", "a=2", code=2))
        self.cli("schedule", "create", "daily", "--every", "1h", "--type", "answer", "--feature", "tokens=7", "--feature", "topic=law")
        shown = json.loads(self.cli("schedule", "show", "daily", "-o", "json"))
        self.assertEqual(shown["options"]["features"], {"tokens": 7, "topic": "law"})
        self.cli("schedule", "trigger", "daily")
        self.assertEqual(worker.award().extras["features"], {"tokens": 7, "topic": "law"})

    def test_bad_ones_are_refused_by_name_and_their_neighbours_are_not(self):
        for wrong, word in (({"a": math.nan}, "'a' is nan"), ({"a": math.inf}, "'a' is inf"), ({"a": 1e16}, "1e15"), ({"a": {}}, "'a' is neither"), ({"a": [1]}, "'a' is neither"),
                            ({"a": True}, "'a' is neither"), ({"a": None}, "'a' is neither"), ({"": 1}, "1 to 32"), ({"A": 1}, "'A'"), ({"a" * 33: 1}, "1 to 32"), ({"a": ""}, "0 bytes"),
                            ({"a": "x" * 65}, "65 bytes"), ({f"f{i}": i for i in range(17)}, "17"), ([1], "not a map"), ("de", "not a map")):
            for own in (False, True):
                template = {"type": "answer"} | ({} if own else {"features": wrong})
                item = [0, b"", None, None, None, None, {"features": wrong}] if own else [0, b""]
                good = [1, b""]
                answers = self.client.submit([item, good], [template, {"type": "answer"}])
                self.assertEqual(answers[0].code, "invalid", (wrong, answers))
                self.assertIn(word, answers[0].message)
                self.assertIsInstance(answers[1], bytes)

    def test_the_python_client(self):
        worker = self.fleet.worker("answer")
        with hirehall.Client(self.fleet.broker.endpoint) as client:
            handle = client.submit("answer", 1, features={"tokens": 5, "topic": "law"})
            self.assertEqual(worker.award().extras["features"], {"tokens": 5, "topic": "law"})
            self.assertEqual(client.get(handle).options["features"], {"tokens": 5, "topic": "law"})
            with self.assertRaises(hirehall.Invalid) as refused:
                client.submit("answer", 1, features={"tokens": math.nan})
            self.assertIn("tokens", str(refused.exception))


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall")
