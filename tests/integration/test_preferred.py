#!/usr/bin/python3
# ctest: timeout=180
"""Preferred labels of tasks, and awards that are handed back, over the real broker (docs/scheduler.md)."""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire, scripted_worker as hand
from integration.test_policies import PolicyTest, winner_of

import hirehall

EU = {"zone": "eu"}
QUARTER = 65536 // 4


class LabelledTest(PolicyTest):
    def zoned(self, *zones, slots=1, price=None):
        agent = {"version": "1", "types": ["echo"]} | ({"price": price} if price else {})
        return {zone: self.fleet.worker(name=zone, agents=[agent | {"name": zone + "-agent"}], labels={"zone": zone}, slots=slots) for zone in zones}

    def given(self, workers, **options):
        """A task, who got it, and its award."""
        id_ = self.client.submit_one("echo", **options)
        name = fleet.eventually(lambda: self.holder(workers), 30, "an award")
        award = workers[name].award()
        self.assertEqual(award.id, id_)
        return id_, name, award

    def explained(self, id_):
        return self.client.call(wire.EXPLAIN, {"id": id_})


class Preferred(LabelledTest):
    def test_who_has_the_label_gets_it_and_the_terms_say_so(self):
        workers = self.zoned("us", "eu", "asia")
        for policy in ("least_loaded", "learned", "auction"):
            self.client.queue("default", policy=policy, wait_price=0, preference=4)
            for zone in ("eu", "us", "asia"):
                id_, name, award = self.given(workers, preferred_labels={"zone": zone})
                self.assertEqual(name, zone, policy)
                told = self.explained(id_)
                self.assertEqual(told["preferred_labels"], {"zone": zone})
                (one,) = told["awards"]
                self.assertEqual((one["policy"], winner_of(one["terms"])), (policy, zone))
                worth = QUARTER if policy == "least_loaded" else 4_000_000
                for term in one["terms"]:
                    self.assertEqual(term["preferred_labels"], int(term["worker"] == zone))
                    self.assertEqual(term["preferred"], worth * term["preferred_labels"])
                workers[name].finish(award, hand.SUCCEEDED)
        page = fleet.eventually(lambda: (m := self.metrics()).get('hirehall_preferred_labels_awards_total{has="all"}') == 9 and m, 30, "all are counted")
        self.assertEqual(page['hirehall_preferred_labels_awards_total{has="none"}'], 0)

    def test_nobody_waits_for_a_label_and_load_outweighs_it(self):
        workers = self.zoned("us")
        _id, name, award = self.given(workers, preferred_labels=EU)
        self.assertEqual(name, "us")
        workers["us"].finish(award, hand.SUCCEEDED)
        workers |= self.zoned("eu", slots=4)
        got = [self.given(workers, preferred_labels=EU)[1] for _ in range(3)]
        self.assertEqual(got, ["eu", "us", "eu"], "one of four slots is as much as the label: then the idle one")
        id_, _name, _award = self.given(workers)
        self.assertNotIn("terms", self.explained(id_)["awards"][0], "what prefers nothing goes by load alone")

    def test_they_outlive_kill_9_with_the_task_and_its_terms(self):
        workers = self.zoned("us", "eu")
        id_, name, _award = self.given(workers, preferred_labels=EU)
        told = self.explained(id_)["awards"]
        waiting = self.client.submit_one("echo", preferred_labels=EU, delay_ms=1)
        for worker in workers.values():
            worker.close()
        self.fleet.crash()
        self.client = self.fleet.client()
        self.assertEqual(self.explained(id_)["awards"][0], told[0])
        self.assertEqual(name, "eu")
        workers = self.zoned("eu", "asia", slots=16)
        ids = set()
        while len(ids) < 2:
            name = fleet.eventually(lambda: self.holder(workers), 30, "an award")
            self.assertEqual(name, "eu")
            ids.add(workers[name].award().id)
        self.assertEqual(ids, {id_, waiting})

    def test_the_command_line_schedules_and_clients(self):
        workers = self.zoned("us", "eu")
        self.cli("task", "submit", "echo", "hi", "--prefer-label", "zone=eu")
        name = fleet.eventually(lambda: self.holder(workers), 30, "an award")
        award = workers[name].award()
        id_ = hirehall.ids.text(award.id)
        self.assertEqual(name, "eu")
        self.assertEqual(json.loads(self.cli("task", "get", id_, "-o", "json"))["options"]["preferred_labels"], EU)
        self.assertEqual(json.loads(self.cli("task", "explain", id_, "-o", "json"))["preferred_labels"], EU)
        text = self.cli("task", "explain", id_)
        for word in ("PREFERRED LABELS", "zone=eu"):
            self.assertIn(word, text)
        workers[name].finish(award, hand.SUCCEEDED)
        self.assertIn("--prefer-label", self.cli("task", "submit", "echo", "--prefer-label", "eu", code=2))
        self.cli("schedule", "create", "daily", "--every", "1h", "--type", "echo", "--prefer-label", "zone=eu")
        self.assertEqual(json.loads(self.cli("schedule", "show", "daily", "-o", "json"))["options"]["preferred_labels"], EU)
        self.cli("schedule", "trigger", "daily")
        self.assertEqual(fleet.eventually(lambda: self.holder(workers), 30, "an award"), "eu")
        workers["eu"].finish(workers["eu"].award(), hand.SUCCEEDED)
        with hirehall.Client(self.fleet.broker.endpoint) as client:
            handle = client.submit("echo", 1, preferred_labels=EU)
            self.assertEqual(client.get(handle).options["preferred_labels"], EU)
            self.assertEqual(fleet.eventually(lambda: self.holder(workers), 30, "an award"), "eu")
            with self.assertRaises(hirehall.Invalid) as refused:
                client.submit("echo", 1, preferred_labels={"": "eu"})
            self.assertIn("no key", str(refused.exception))

    def test_bad_ones_are_refused_by_name_and_their_neighbours_are_not(self):
        for wrong, word in (({f"k{i}": "v" for i in range(9)}, "9 pairs"), ({"": "v"}, "no key"), ({"k" * 256: "v"}, "256 bytes"), ({"k": "v" * 256}, "256 bytes")):
            answers = self.client.submit([[0, b""], [1, b""]], [{"type": "echo", "preferred_labels": wrong}, {"type": "echo"}])
            self.assertEqual(answers[0].code, "invalid", wrong)
            self.assertIn(word, answers[0].message)
            self.assertIn("preferred", answers[0].message)
            self.assertIsInstance(answers[1], bytes)
        (both,) = self.client.submit([[0, b""]], [{"type": "echo", "preferred_labels": EU, "requires": {"labels": EU}}])
        self.assertIn("zone=eu is required as well", both.message)


class HandedBack(LabelledTest):
    def left(self, workers, count):
        """So many are connected still; those give signs of life."""
        def look():
            for worker in workers.values():
                worker.pump(0.005)
            return sum(w["connected"] for w in self.client.call(wire.WORKER_LIST, {})["workers"]) == count
        fleet.eventually(look, 30, f"{count} are left")

    def refused_by(self, workers, **options):
        """A task that its first worker hands back: who that was, and the runner-up of the award."""
        id_, name, award = self.given(workers, **options)
        (told,) = self.explained(id_)["awards"]
        workers[name].finish(award, hand.INTERRUPTED)
        return id_, name, told["runner_up"]

    def test_the_runner_up_gets_it_and_is_paid_what_it_asks(self):
        prices = {"cheap": 0.1, "middling": 0.2, "dear": 0.3}
        workers = {}
        for name, base in prices.items():
            workers |= self.zoned(name, price={"base": base})
        self.client.queue("default", policy="auction", wait_price=0)
        id_, first, second = self.refused_by(workers)
        name = fleet.eventually(lambda: self.holder(workers), 30, "an award")
        self.assertEqual(name, second)
        told = self.explained(id_)["awards"][-1]
        self.assertEqual((told["handed_back_by"], told["went_to"], told["worker"]), (first, "runner_up", second))
        self.assertEqual((told["paid"], told["settlement"]), (round(prices[second] * 1e6), "first_price"))
        self.check_sale(told)
        text = self.cli("task", "explain", hirehall.ids.text(id_))
        for word in ("HANDED BACK BY", "runner_up", first):
            self.assertIn(word, text)
        workers[name].finish(workers[name].award(), hand.SUCCEEDED)
        fleet.eventually(lambda: self.metrics()['hirehall_handed_back_awards_total{to="runner_up"}'] == 1, 30, "it is counted")

    def test_another_one_gets_it_when_the_runner_up_is_gone_and_a_lone_one_gets_it_again(self):
        workers = self.zoned("a", "b", "c", price={"base": 0.1})
        self.client.queue("default", policy="auction", wait_price=0)
        id_, name, award = self.given(workers)
        (told,) = self.explained(id_)["awards"]
        gone = workers.pop(told["runner_up"])
        gone.close()
        self.left(workers, 2)
        workers[name].finish(award, hand.INTERRUPTED)
        other = fleet.eventually(lambda: self.holder(workers), 30, "an award")
        self.assertNotEqual(other, name)
        told = self.explained(id_)["awards"][-1]
        self.assertEqual((told["handed_back_by"], told["went_to"]), (name, "another"))
        alone = {other: workers[other]}
        workers[name].close()
        self.left(alone, 1)
        alone[other].finish(alone[other].award(), hand.INTERRUPTED)
        self.assertEqual(fleet.eventually(lambda: self.holder(alone), 30, "an award"), other)
        self.assertEqual(self.explained(id_)["awards"][-1]["went_to"], "same")

    def test_a_worker_of_the_same_name_is_somebody_else(self):
        workers = {}
        for agent in ("one", "two"):
            workers[agent] = self.fleet.worker(name="twin", agents=[{"name": agent, "version": "1", "types": ["echo"]}], slots=1)
        self.client.queue("default", policy="learned")
        id_, first, award = self.given(workers)
        workers[first].finish(award, hand.INTERRUPTED)
        second = fleet.eventually(lambda: self.holder(workers), 30, "an award")
        self.assertNotEqual(second, first)
        told = self.explained(id_)["awards"][-1]
        self.assertEqual((told["handed_back_by"], told["worker"]), ("twin", "twin"))
        self.assertEqual(told["handed_back_by_number"], workers[first].number)
        self.assertEqual([term["worker_number"] for term in told["terms"]], [workers[second].number])

    def test_a_restart_awards_it_anew_and_loses_nothing(self):
        workers = self.zoned("a", "b")
        self.client.queue("default", policy="learned")
        id_, first, _second = self.refused_by(workers)
        self.fleet.crash()
        for worker in workers.values():
            fleet.eventually(lambda w=worker: (w.pump(0.01), w.number)[1], 30, "it is back")
        fleet.eventually(lambda: self.holder(workers), 30, "an award, or the one that was made")
        self.client = self.fleet.client()
        told = self.explained(id_)["awards"]
        self.assertEqual(told[0]["worker"], first)
        self.assertGreaterEqual(len(told), 2)


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall")
