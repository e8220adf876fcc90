#!/usr/bin/python3
# ctest: timeout=240
"""Live bids over the real broker: calls, sealed bids, deadlines, bad bids, and agents of all kinds that bid or hang (I21)."""

import json
import math
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire, scripted_worker as hand
from integration.fleet import SOURCE
from integration.test_policies import PolicyTest, hirehall

PLUGIN = """---
name: {name}
description: Echoes, for a price.
kind: plugin
library: bidder.so
{more}types: [echo]
bids: true
---
{prompt}
"""
PROCESS = """---
name: {name}
description: Echoes, for a price.
kind: process
command: [/usr/bin/python3, {program}]
types: [echo]
{more}---
"""
PROGRAM = """
import sys, threading
sys.path.insert(0, {library!r})
import hirehall_agent
def bid(call):
    if {price!r} == "hang":
        threading.Event().wait()
    if {price!r} == "tokens":
        return 0.0001 * call["features"]["tokens"] if call.get("features", {{}}).get("topic") == "law" else None
    return {price!r}
hirehall_agent.serve(lambda task: task.payload, bid)
"""


class LiveBids(PolicyTest):
    def bidder(self, name, price=None, bids=True, **options):
        agent = {"name": name + "-agent", "version": "1", "types": ["echo"], "bids": bids} | ({"price": price} if price else {})
        return self.fleet.worker(name=name, agents=[agent], slots=1, **options)

    def called(self, worker, count=1):
        """The latest call that a worker has got."""
        return fleet.eventually(lambda: (worker.pump(0.005), len(worker.calls) >= count and worker.calls[-1])[1], 30, "a call for bids")

    def bid(self, worker, price, call=None, agent=None):
        call = call or worker.calls[-1]
        return {index: wire.code_name(code) for index, code in worker.call(wire.BID, [[call["round"], agent or call["agents"][0], price]])}

    def live(self, **settings):
        self.client.queue("default", **({"policy": "auction", "live_bids_from_ms": 1, "bid_deadline_ms": 5000} | settings))

    def counted(self, name, wanted):
        fleet.eventually(lambda: self.metrics().get(name) == wanted, 30, f"{name} is {wanted}")

    def test_the_lowest_of_sealed_bids_wins_before_the_deadline_and_all_is_told(self):
        workers = {"dear": self.bidder("dear"), "cheap": self.bidder("cheap"), "proxy": self.bidder("proxy", {"base": 4}, bids=False)}
        self.live(wait_price=0)
        id_ = self.client.submit_one("echo", b"x" * 3000, max_attempts=1, priority=7)
        calls = [self.called(workers[name]) for name in ("dear", "cheap")]
        for name, call in zip(("dear", "cheap"), calls):
            self.assertEqual({key: call[key] for key in ("agents", "type", "queue", "tenant", "payload_bytes", "priority", "left_ms")},
                             {"agents": [name + "-agent"], "type": "echo", "queue": "default", "tenant": "default", "payload_bytes": 3000,
                              "priority": 7, "left_ms": 5000})  # fmt: skip
        self.assertEqual(calls[0]["round"], calls[1]["round"])
        self.assertEqual(self.bid(workers["dear"], 1.75), {})
        (why,) = (w for w in self.client.call(wire.EXPLAIN, {"id": id_})["why"] if w["what"] == "bidding")
        self.assertEqual((why["asked"], why["answered"], why["round"]), (2, 1, calls[0]["round"]))
        self.assertNotIn("1750000", json.dumps(why), "what is bid is sealed")
        self.counted("hirehall_bid_rounds_open", 1)
        began = time.monotonic()
        self.assertEqual(self.bid(workers["cheap"], 0.25), {})
        self.assertEqual(fleet.eventually(lambda: self.holder(workers), 30, "an award"), "cheap")
        self.assertLess(time.monotonic() - began, 4, "not at the deadline")
        (told,) = self.awards_of(id_)
        self.check_sale(told)
        self.assertEqual((told["first_price"], told["paid"], told["round"], told["absent"]), (250_000, told["second_price"], calls[0]["round"], []))
        self.assertEqual({t["worker"]: (t["bid"], t["cost"]) for t in told["terms"]},
                         {"dear": ("live", 1_750_000), "cheap": ("live", 250_000), "proxy": ("proxy", 4_000_000)})  # fmt: skip
        self.assertEqual(self.bid(workers["dear"], 0.1, calls[0]), {0: "stale"}, "its round is over")
        self.assertEqual(workers["proxy"].calls, [])
        text = self.cli("task", "explain", hirehall.ids.text(id_))
        for word in ("ROUND", "live", "proxy"):
            self.assertIn(word, text)
        self.counted('hirehall_live_bids_total{what="late"}', 1)
        self.counted('hirehall_bid_rounds_total{outcome="sold"}', 1)
        self.counted('hirehall_bid_rounds_closed_total{by="answers"}', 1)

    def test_who_does_not_answer_takes_no_part_and_holds_nobody_up(self):
        workers = {"quick": self.bidder("quick"), "silent": self.bidder("silent", {"base": 0})}
        self.cli("queue", "set", "default", "--policy", "auction", "--live-bids-from", "1ms", "--bid-deadline", "3s")
        id_ = self.client.submit_one("echo", max_attempts=1)
        call = self.called(workers["quick"])
        self.assertEqual(self.bid(workers["quick"], 0.5), {})
        self.assertEqual(fleet.eventually(lambda: self.holder(workers), 30, "an award"), "quick")
        (told,) = self.awards_of(id_)
        self.check_sale(told)
        self.assertEqual(told["absent"], [{"worker": "silent", "agent": "silent-agent", "why": "late"}])
        self.assertIn("late", self.cli("task", "explain", hirehall.ids.text(id_)))
        self.called(workers["silent"])
        self.assertEqual(self.bid(workers["silent"], 0.0, call, "silent-agent"), {0: "stale"})
        self.counted('hirehall_bid_rounds_closed_total{by="deadline"}', 1)
        self.counted('hirehall_live_bids_total{what="silent"}', 1)

    def test_bad_bids_are_refused_by_a_named_code_and_lose_nothing(self):
        workers = {"good": self.bidder("good"), "bad": self.bidder("bad"), "proxy": self.bidder("proxy", {"base": 5}, bids=False)}
        self.live()
        id_ = self.client.submit_one("echo", max_attempts=1)
        call = self.called(workers["good"])
        self.called(workers["bad"])
        self.assertEqual(self.bid(workers["bad"], 0.1, call, "good-agent"), {0: "denied"})
        self.assertEqual(self.bid(workers["proxy"], 0.1, call, "proxy-agent"), {0: "denied"})
        self.assertEqual(self.bid(workers["good"], 0.1, {"round": 2**40, "agents": ["good-agent"]}), {0: "stale"})
        for wrong in ("cheap", {"price": 1}):
            self.refused("bad_message", workers["bad"].call, wire.BID, [[call["round"], "bad-agent", wrong]])
        self.refused("bad_message", workers["bad"].call, wire.BID, {"round": 1})
        self.refused("bad_message", workers["bad"].call, wire.BID, [[call["round"], "bad-agent"]])
        self.refused("denied", self.client.call, wire.BID, [[call["round"], "good-agent", 0.1]])
        self.assertEqual(self.bid(workers["bad"], math.nan), {0: "invalid"})
        self.assertEqual(self.bid(workers["bad"], 0.1), {0: "conflict"})
        self.assertEqual(self.bid(workers["good"], 0.5), {})
        self.assertEqual(fleet.eventually(lambda: self.holder(workers), 30, "an award"), "good")
        (told,) = self.awards_of(id_)
        self.check_sale(told)
        self.assertEqual([(a["agent"], a["why"]) for a in told["absent"]], [("bad-agent", "invalid")])
        workers["good"].finish(workers["good"].award(), hand.SUCCEEDED)
        for wrong in (-1, math.inf, -math.inf, 1e9):
            id_ = self.client.submit_one("echo", max_attempts=1)
            call = self.called(workers["bad"], len(workers["bad"].calls) + 1)
            self.called(workers["good"], len(workers["good"].calls) + (workers["good"].calls[-1]["round"] != call["round"]))
            self.assertEqual(self.bid(workers["bad"], wrong), {0: "invalid"})
            self.assertEqual(self.bid(workers["good"], 1), {})
            self.assertEqual(fleet.eventually(lambda: self.holder(workers), 30, "an award"), "good")
            workers["good"].finish(workers["good"].award(), hand.SUCCEEDED)
        self.counted('hirehall_live_bids_total{what="invalid"}', 5)
        self.counted('hirehall_live_bids_total{what="uninvited"}', 2)
        self.counted('hirehall_live_bids_total{what="second"}', 1)
        for wrong in ({"live_bids_from_ms": -1}, {"bid_deadline_ms": 0}, {"bid_deadline_ms": 60_000}):
            error = self.refused("invalid", self.client.queue, "default", **wrong)
            self.assertIn(next(iter(wrong)), error.message + error.context)

    def test_when_all_decline_it_waits_and_says_so_and_is_offered_again(self):
        workers = {"shy": self.bidder("shy")}
        self.live()
        id_ = self.client.submit_one("echo", max_attempts=1)
        self.called(workers["shy"])
        self.assertEqual(self.bid(workers["shy"], None), {})
        why = fleet.eventually(lambda: [w for w in self.client.call(wire.EXPLAIN, {"id": id_})["why"] if w["what"] == "no_bid"], 30, "no bid")
        self.assertEqual((why[0]["bids"], why[0]["asked"]), (0, 1))
        self.called(workers["shy"], 2)
        self.assertEqual(self.bid(workers["shy"], 0.5), {})
        fleet.eventually(lambda: self.holder(workers), 30, "an award")

    def serve_bids(self, prices, workers):
        """Everybody answers each call once, until somebody has the task: who."""
        answered = {name: 0 for name in prices}

        def look():
            got = self.holder(workers)
            for name, worker in workers.items():
                if got is None and len(worker.calls) > answered[name]:
                    answered[name] = len(worker.calls)
                    self.bid(worker, prices[name])
            return got
        return fleet.eventually(look, 30, "an award")

    def test_the_runner_up_gets_it_when_the_winner_can_not(self):
        workers = {name: self.bidder(name) for name in ("best", "next", "last")}
        self.live()
        id_ = self.client.submit_one("echo", max_attempts=1)
        for worker in workers.values():
            self.called(worker)
        self.bid(workers["best"], 0.1)
        self.bid(workers["next"], 2.2)
        workers["best"].call(wire.DRAIN, {})
        self.bid(workers["last"], 4.3)
        self.assertEqual(fleet.eventually(lambda: self.holder(workers), 30, "an award"), "next")
        (told,) = self.awards_of(id_)
        self.check_sale(told)
        self.assertEqual(told["absent"], [{"worker": "best", "agent": "best-agent", "why": "busy"}])

    def test_a_crash_in_the_middle_loses_rounds_and_no_task(self):
        workers = {name: self.bidder(name) for name in ("one", "two")}
        self.live(bid_deadline_ms=500)
        id_ = self.client.submit_one("echo", max_attempts=1)
        old = self.called(workers["one"])
        self.called(workers["two"])
        self.bid(workers["one"], 0.1)
        self.fleet.crash()  # SIGKILL, and a new life
        def both_are_back():
            for worker in workers.values():
                worker.pump(0.02)
            return sum(row["connected"] for row in self.client.call(wire.WORKER_LIST, {})["workers"]) == 2
        fleet.eventually(both_are_back, 30, "both are back")
        self.assertEqual(self.bid(workers["two"], 0.1, old, "two-agent"), {0: "stale"}, "a round of the life before")
        for worker in workers.values():
            worker.calls.clear()
        name = self.serve_bids({"one": 0.5, "two": 2.5}, workers)
        (told,) = self.awards_of(id_)
        self.check_sale(told)
        self.assertEqual((told["worker"], {t["bid"] for t in told["terms"]}), (name, {"live"}))
        self.assertNotEqual(told["round"], old["round"])
        workers[name].finish(workers[name].award(), hand.SUCCEEDED)
        fleet.eventually(lambda: self.client.get(id_)["state"] == "succeeded", 30, "an end")
        shown = json.loads(self.cli("queue", "show", "default", "-o", "json"))
        self.assertEqual((shown["policy"], shown["live_bids_from_ms"], shown["bid_deadline_ms"]), ("auction", 1, 500))

    def definition(self, directory, name, text):
        folder = self.fleet.directory / directory
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.md").write_text(text)
        return folder

    def process(self, directory, name, price, more="bids: true\n"):
        program = self.fleet.directory / f"{name}.py"
        program.write_text(PROGRAM.format(library=str(SOURCE / "configs" / "agents" / "bin"), price=price))
        return self.definition(directory, name, PROCESS.format(name=name, program=program, more=more))

    def test_agents_of_all_kinds_bid_and_one_that_hangs_stalls_nothing(self):
        folders = {
            "threads": self.definition("threads", "inside", PLUGIN.format(name="inside", more="in_process: true\n", prompt="0.5")),
            "plugin": self.definition("plugin", "child", PLUGIN.format(name="child", more="", prompt="0.25")),
            "process": self.process("process", "program", 0.125),
            "hanging": self.definition("hanging", "hanging", PLUGIN.format(name="hanging", more="", prompt="hang")),
            "stuck": self.process("stuck", "stuck", "hang"),
            "shy": self.definition("shy", "shy", PLUGIN.format(name="shy", more="", prompt="decline")),
        }
        for name, folder in folders.items():
            self.fleet.wait_worker(self.fleet.worker_program(name, slots=1, agents=folder, extra=("--allow-commands",)))
        self.live(bid_deadline_ms=2000, wait_price=0)
        # A program takes a moment to start, and until then it does not answer.
        def all_three():
            id_ = self.client.submit_one("echo", b"1", max_attempts=1)
            fleet.eventually(lambda: self.client.get(id_)["state"] == "succeeded", 60, "an end")
            (told,) = self.awards_of(id_)
            self.check_sale(told)
            return told if {t["agent"] for t in told["terms"]} == {"inside", "child", "program"} else None
        told = fleet.eventually(all_three, 90, "three bids")
        self.assertEqual({t["agent"]: (t["bid"], t["cost"]) for t in told["terms"]},
                         {"inside": ("live", 500_000), "child": ("live", 250_000), "program": ("live", 125_000)})  # fmt: skip
        self.assertEqual({a["agent"]: a["why"] for a in told["absent"]}, {"hanging": "late", "stuck": "late", "shy": "declined"})
        # Those that hang in their bids still run what they are given.
        self.client.queue("default", policy="least_loaded")
        ids = [self.client.submit_one("echo", b"1", agent="hanging", max_attempts=1) for _ in range(12)]
        for id_ in ids:
            fleet.eventually(lambda i=id_: self.client.get(i)["state"] == "succeeded", 60, "an end")

    def test_a_call_tells_the_features_of_its_task(self):
        worker = self.bidder("one")
        self.live()
        for features in ({"tokens": 12000, "topic": "law", "share": 0.25}, None):
            id_ = self.client.submit_one("echo", max_attempts=1, **({"features": features} if features else {}))
            call = self.called(worker, len(worker.calls) + 1)
            self.assertEqual(call.get("features"), features)
            self.assertEqual(self.bid(worker, 0.5), {})
            award = worker.award()
            self.assertEqual(award.id, id_)
            worker.finish(award, hand.SUCCEEDED)

    def test_agents_of_all_kinds_price_by_features(self):
        folders = {
            "threads": self.definition("threads", "inside", PLUGIN.format(name="inside", more="in_process: true\n", prompt="0.0004 tokens")),
            "plugin": self.definition("plugin", "child", PLUGIN.format(name="child", more="", prompt="0.0002 tokens")),
            "process": self.process("process", "program", "tokens"),
        }
        for name, folder in folders.items():
            self.fleet.wait_worker(self.fleet.worker_program(name, slots=1, agents=folder, extra=("--allow-commands",)))
        self.live(bid_deadline_ms=2000, wait_price=0)
        def all_three():
            id_ = self.client.submit_one("echo", b"1", max_attempts=1, features={"tokens": 1000, "topic": "law"})
            fleet.eventually(lambda: self.client.get(id_)["state"] == "succeeded", 60, "an end")
            (told,) = self.awards_of(id_)
            self.check_sale(told)
            return told if len(told["terms"]) == 3 else None
        told = fleet.eventually(all_three, 90, "three bids")
        self.assertEqual({t["agent"]: (t["bid"], t["cost"]) for t in told["terms"]},
                         {"inside": ("live", 400_000), "child": ("live", 200_000), "program": ("live", 100_000)})  # fmt: skip
        self.assertEqual(told["features"], {"tokens": 1000, "topic": "law"})

    def test_a_python_worker_bids(self):
        worker = hirehall.Worker(self.fleet.broker.endpoint, name="snake", stop_timeout=0.2)
        asked = []

        @worker.agent("echo", name="cheap", bid=lambda call: (asked.append(call), 0.1)[1])
        def cheap(attempt):
            return attempt.data

        @worker.agent("echo", name="broken", bid=lambda call: 1 / 0)
        def broken(attempt):
            return attempt.data

        worker.start()
        self.addCleanup(worker.stop)
        self.live(wait_price=0)
        id_ = self.client.submit_one("echo", b"7", max_attempts=1, features={"tokens": 5})
        fleet.eventually(lambda: self.client.get(id_)["state"] == "succeeded", 60, "an end")
        (told,) = self.awards_of(id_)
        self.check_sale(told)
        self.assertEqual([(t["agent"], t["cost"], t["bid"]) for t in told["terms"]], [("cheap", 100_000, "live")])
        self.assertEqual([(a["agent"], a["why"]) for a in told["absent"]], [("broken", "declined")])
        self.assertEqual((asked[0].type, asked[0].payload_bytes, asked[0].agent, asked[0].left_ms), ("echo", 1, "cheap", 5000))
        self.assertEqual(asked[0].features, {"tokens": 5})


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall-worker", "hirehall")
