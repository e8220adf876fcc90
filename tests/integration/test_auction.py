#!/usr/bin/python3
# ctest: timeout=180
"""Auctions over the real broker: workers register prices, the best bid wins, and what was bid, won and paid is told (I21)."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire, scripted_worker as hand
from integration.fleet import BIN
from integration.test_policies import PolicyTest, hirehall

UNIT = 1_000_000
AGENT = """---
name: {name}
description: Answers.
kind: plugin
library: echo.so
in_process: true
types: [echo]
{price}---
"""


def ask(term):
    """What the price function of a candidate gives, from what is shown alone."""
    loaded = term["price_base"] + int(term["price_load_slope"] * term["load"])
    return min(term["price_cap"], loaded * term["price_multiplier_milli"] // 1000)


class Auction(PolicyTest):
    def bidder(self, name, price, slots=1, **options):
        agent = {"name": name + "-agent", "version": "1", "types": ["echo"], "price": price}
        return self.fleet.worker(name=name, agents=[agent], slots=slots, **options)

    def one(self, workers):
        """A task, and who got it."""
        id_ = self.client.submit_one("echo", max_attempts=1)
        name = fleet.eventually(lambda: self.holder(workers), 30, "an award")
        return id_, name, workers[name].award()

    def check(self, award):
        self.assertEqual(award["policy"], "auction")
        for term in award["terms"]:
            self.assertEqual(term["cost"], ask(term), term)
        self.check_sale(award)

    def test_the_cheaper_of_equals_wins_and_every_term_is_told(self):
        workers = {"dear": self.bidder("dear", {"base": 2.5}), "cheap": self.bidder("cheap", {"base": 0.2, "load_slope": 0.1, "types": {"echo": 1.5}})}
        self.client.queue("default", policy="auction", wait_price=0)
        for settlement in ("second_price", "first_price"):
            self.client.queue("default", settlement=settlement)
            id_, name, award = self.one(workers)
            self.assertEqual(name, "cheap")
            (told,) = self.awards_of(id_)
            self.check(told)
            self.assertEqual((told["first_price"], told["settlement"], told["runner_up"]), (300_000, settlement, "dear"))
            workers[name].finish(award, hand.SUCCEEDED)
        text = self.cli("task", "explain", hirehall.ids.text(id_))
        for word in ("auction", "PAID", "PRICE BASE", "cheap-agent"):
            self.assertIn(word, text)
        page = fleet.eventually(lambda: (m := self.metrics()).get('hirehall_choices_total{policy="auction"}') == 2 and m, 30, "both are counted")
        self.assertGreater(page['hirehall_auction_price_units{type="echo",capabilities=""}'], 0.2)
        self.assertGreater(page["hirehall_auction_paid_units_total"], 0.5)

    def test_who_underbids_and_fails_loses_its_share(self):
        workers = {"liar": self.bidder("liar", {"base": 0}), "honest": self.bidder("honest", {"base": 0.3})}
        self.client.queue("default", policy="auction")
        got = dict.fromkeys(workers, 0)
        for round_ in range(120):
            id_, name, award = self.one(workers)
            if round_ % 10 == 0:
                self.check(self.awards_of(id_)[-1])
            workers[name].finish(award, hand.FAILED if name == "liar" else hand.SUCCEEDED)
            got[name] += round_ >= 60
        self.assertLess(got["liar"], 15, got)

    def test_above_the_reserve_nobody_gets_it_and_explain_says_so(self):
        workers = {"dear": self.bidder("dear", {"base": 0.7})}
        self.cli("queue", "set", "default", "--policy", "auction", "--reserve", "0.5")
        id_ = self.client.submit_one("echo", max_attempts=1)
        why = fleet.eventually(lambda: [w for w in self.client.call(wire.EXPLAIN, {"id": id_})["why"] if w["what"] == "no_bid"], 30, "no bid")
        self.assertEqual((why[0]["bids"], why[0]["lowest"], why[0]["reserve"], why[0]["agent"]), (1, 700_000, 500_000, "dear-agent"))
        self.assertIn("--reserve", why[0]["message"])
        fleet.eventually(lambda: self.metrics()["hirehall_auction_unsold_lines"] == 1, 30, "it is counted")
        # A worker that asks less comes, and the task is offered to it without anybody doing anything.
        workers["cheap"] = self.bidder("cheap", {"base": 0.4})
        self.assertEqual(fleet.eventually(lambda: self.holder(workers), 30, "an award"), "cheap")
        (told,) = self.awards_of(id_)
        self.check(told)
        self.assertEqual((told["over_reserve"], told["reserve"]), (1, 500_000))
        workers["cheap"].award()
        other = self.client.submit_one("echo", max_attempts=1)
        fleet.eventually(lambda: any(w["what"] == "no_bid" for w in self.client.call(wire.EXPLAIN, {"id": other})["why"]), 30, "only the dear one is free")
        self.cli("queue", "set", "default", "--reserve", "0")
        self.assertEqual(fleet.eventually(lambda: self.holder({"dear": workers["dear"]}), 30, "an award"), "dear")

    def test_settings_and_terms_outlive_a_crash(self):
        workers = {"a": self.bidder("a", {"base": 0.1}), "b": self.bidder("b", {"base": 0.2})}
        settings = ("--policy", "auction", "--success-value", "2.5", "--wait-price", "0", "--preference", "0.125", "--reserve", "3", "--settlement", "first_price")
        self.cli("queue", "set", "default", *settings)
        id_, name, _award = self.one(workers)
        told = self.awards_of(id_)
        self.check_sale(told[0])
        self.fleet.crash()
        shown = json.loads(self.cli("queue", "show", "default", "-o", "json"))
        wanted = {"policy": "auction", "success_value": 2.5, "wait_price": 0, "preference": 0.125, "reserve": 3, "settlement": "first_price"}
        self.assertEqual({key: shown[key] for key in wanted}, wanted)
        self.assertEqual(self.awards_of(id_), told)
        # Workers that come back bid again with what they register.
        for worker in workers.values():
            fleet.eventually(lambda w=worker: (w.pump(0.01), w.number)[1], 30, "it is back")
        workers[name].finish(next(iter(workers[name].held.values())), hand.SUCCEEDED)
        id_, _name, _award = self.one(workers)
        self.check(self.awards_of(id_)[-1])

    def test_tasks_of_one_run_tell_the_same_terms_after_a_crash(self):
        workers = {name: self.bidder(name, {"base": base}, slots=8) for name, base in (("a", 0.1), ("b", 0.2))}
        self.client.queue("default", policy="auction")
        self.serve(workers, 40, dict.fromkeys(workers, 1.0))  # so they are known to be short
        ids = self.client.submit([(0, b"")] * 6, ({"type": "echo", "max_attempts": 1},))
        fleet.eventually(lambda: ([w.pump(0.005) for w in workers.values()], sum(len(w.held) for w in workers.values()) == 6)[1], 30, "all are awarded")
        told = [self.awards_of(id_) for id_ in ids]
        for (award,) in told:
            self.check(award)
        self.assertLess(len({award["seed"] for (award,) in told}), 6, "one choice was for several tasks")
        self.fleet.crash()
        self.assertEqual([self.awards_of(id_) for id_ in ids], told)

    def test_what_is_paid_is_charged_to_a_budget_and_survives_a_crash(self):
        workers = {"only": self.bidder("only", {"base": 0.25}, slots=4)}
        self.cli("queue", "set", "default", "--policy", "auction", "--settlement", "first_price")
        self.cli("budget", "set", "bids", "--unit", "auction_paid", "--hard", "0.5")
        for _ in range(2):
            self.one(workers)
        waits = self.client.submit_one("echo", max_attempts=1)

        def held_back():
            (budget,) = json.loads(self.cli("budget", "list", "-o", "json"))
            (row,) = json.loads(self.cli("usage", "--by", "tenant,agent", "-o", "json"))
            why = [w["what"] for w in self.client.call(wire.EXPLAIN, {"id": waits})["why"]]
            return (budget["used"], row["agent"], row["usage"], "budget" in why) == (0.5, "only-agent", {"auction_paid": 0.5}, True)

        fleet.eventually(held_back, 30, "half a unit is paid, and the third task waits for the budget")
        self.fleet.crash()
        fleet.eventually(held_back, 30, "the same after a crash")
        self.cli("budget", "set", "bids", "--hard", "0.75")
        fleet.eventually(lambda: (workers["only"].pump(0.01), self.client.get(waits)["state"])[1] == "leased", 30, "it goes when the budget is raised")

    def test_learned_uses_the_settings_of_its_queue(self):
        workers = self.pair()
        self.client.queue("default", policy="learned", success_value=4, preference=0.5)
        id_ = self.client.submit_one("echo", max_attempts=1, agent="second-agent")
        fleet.eventually(lambda: self.holder(workers), 30, "an award")
        (told,) = self.awards_of(id_)
        self.assertEqual((told["success_value"], told["preference"]), (4 * UNIT, UNIT // 2))
        self.assertEqual({t["preferred"] for t in told["terms"]}, {0, UNIT // 2})
        for term in told["terms"]:
            self.assertEqual(term["value"], 4 * term["chance_ppm"])

    def test_prices_of_definitions_and_of_the_worker_itself(self):
        directory = self.fleet.directory / "priced"
        directory.mkdir()
        (directory / "own.md").write_text(AGENT.format(name="own-price", price="price: {base: 0.25, load_slope: 0, cap: 1, types: {echo: 2}}\n"))
        (directory / "none.md").write_text(AGENT.format(name="no-price", price=""))
        self.fleet.wait_worker(self.fleet.worker_program("real", slots=1, agents=directory, extra=("--price", "base=0.125,load_slope=0.5")))
        self.client.queue("default", policy="auction")
        id_ = self.client.submit_one("echo", max_attempts=1)
        fleet.eventually(lambda: self.client.get(id_)["state"] == "succeeded", 30, "an end")
        (told,) = self.awards_of(id_)
        self.check(told)
        self.assertEqual({t["agent"]: (t["cost"], t["price_load_slope"]) for t in told["terms"]}, {"own-price": (500_000, 0), "no-price": (125_000, 500_000)})

    def test_bad_prices_are_refused_by_name(self):
        for price, what in (({"base": -1}, "base"), ({"base": float("nan")}, "base"), ({"cap": float("inf")}, "cap"), ({"load_slope": 1e7}, "load_slope"),
                            ({"types": {"echo": -2}}, "echo"), ({"types": {str(i): 1 for i in range(65)}}, "types")):  # fmt: skip
            error = self.refused("invalid", self.bidder, "bad", price)
            self.assertIn("price of bad-agent", error.message)
            self.assertIn(what, error.context)
        self.refused("bad_message", self.bidder, "bad", {"base": "cheap"})
        for wrong in ({"reserve": -1}, {"reserve": float("nan")}, {"success_value": 1e7}, {"settlement": "third_price"}):
            error = self.refused("invalid", self.client.queue, "default", **wrong)
            self.assertEqual(error.context, next(iter(wrong)))
        self.assertIn("cost units", self.cli("queue", "set", "default", "--reserve", "much", code=2))
        arguments = ("--broker", self.fleet.broker.endpoint, "--agents", self.fleet.agents("echo"), "--price", "base=cheap")
        done = subprocess.run([BIN / "hirehall-worker", *arguments], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("--price", done.stderr)


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall-worker", "hirehall")
