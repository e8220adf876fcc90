#!/usr/bin/python3
# ctest: timeout=180
"""Tenants share slot time over the real broker and workers, whatever their tasks take; who had how much is told (I13)."""

import json
import os
import sys
import threading
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire, scripted_worker as hand
from integration.fleet import SOURCE, FleetTest

sys.path.insert(0, str(SOURCE / "client" / "python"))
import hirehall


class Shares(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = self.fleet.client()

    def lanes(self, *queue):
        return {lane["tenant"]: lane for lane in self.ok("queue", "shares", *queue)}

    def cost(self, id_):
        return self.ok("task", "explain", hirehall.ids.text(id_))["cost"]

    def submit(self, tenant, type_, payload=b"", count=1):
        return self.client.submit([[0, payload]] * count, [{"type": type_, "tenant": tenant}])

    def counter(self, name, **labels):
        with urllib.request.urlopen(f"http://{self.fleet.broker.metrics}/metrics", timeout=10) as page:
            for line in page.read().decode().splitlines():
                if line.startswith(f"hirehall_{name}{{") and all(f'{k}="{v}"' in line for k, v in labels.items()):
                    return float(line.rsplit(" ", 1)[1])
        return None

    def test_long_and_short_tasks_get_the_same_time_from_real_workers(self):
        self.submit("long", "sleep", b"400", 300)
        self.submit("short", "sleep", b"40", 3000)
        self.fleet.wait_worker(self.fleet.worker_program("sleepers", slots=4, agents=("sleep",)))

        def served():
            lanes = self.lanes()
            return len(lanes) == 2 and all(lane["used_ms"] > 10_000 for lane in lanes.values()) and lanes

        fleet.eventually(served, 60 * fleet.SLOWDOWN, "ten seconds of a slot for each", every=0.2)
        lanes = self.lanes("default")
        self.assertAlmostEqual(lanes["long"]["used_ms"] / lanes["short"]["used_ms"], 1, delta=0.25)
        self.assertGreater(lanes["short"]["attempts"], 5 * lanes["long"]["attempts"])
        for lane in lanes.values():
            self.assertEqual(lane["used_ms"], lane["charged_ms"] + lane["added_ms"] - lane["back_ms"])
            self.assertAlmostEqual(lane["share_per_mille"], 500, delta=120)
        last = self.submit("short", "sleep", b"40")[0]
        self.assertAlmostEqual(self.cost(last)["expected_ms"], 45, delta=25)
        self.assertIn("of a slot expected", self.run_cli("task", "explain", hirehall.ids.text(last))[1])

        def shown():
            charged = self.counter("share_charged_seconds_total", queue="default") or 0
            added = self.counter("share_corrected_seconds_total", queue="default", direction="added") or 0
            back = self.counter("share_corrected_seconds_total", queue="default", direction="given_back") or 0
            return charged + added - back >= (lanes["long"]["used_ms"] + lanes["short"]["used_ms"]) / 1000

        fleet.eventually(shown, what="the same in the metrics")
        with hirehall.Client(self.fleet.broker.endpoint) as python:
            self.assertEqual({lane["tenant"] for lane in python.shares("default")}, {"long", "short"})

    def test_what_runs_is_charged_on_and_counts_anew_after_a_crash(self):
        worker = self.fleet.worker(name="holder", slots=2)
        first, second = self.submit("a", "echo", count=2)

        def holds():
            worker.pump(0.01)
            return worker.held

        fleet.eventually(lambda: len(holds()) == 2, what="two awards")

        def charged(id_):
            holds()
            return self.cost(id_)["charged_ms"]

        fleet.eventually(lambda: charged(first) > 700, what="charged on while it runs")
        one = next(award for award in worker.held.values() if award.id == first)
        now = int(time.time() * 1000)
        self.assertEqual(worker.finish(one, hand.SUCCEEDED, started_at=now - 50, ended_at=now), "ok")
        self.assertGreater(self.lanes()["a"]["back_ms"], 600)
        self.fleet.crash()
        fleet.eventually(lambda: (holds(), worker.registration and self.lanes())[1], what="it is back")
        before = self.lanes()["a"]["used_ms"]
        self.assertLess(before, 30_000 * fleet.SLOWDOWN)
        fleet.eventually(lambda: charged(second) > 100, what="charged on from the start")
        other = next(iter(worker.held.values()))
        # Said to have run since before the crash, which is not counted.
        self.assertEqual(worker.finish(other, hand.SUCCEEDED, started_at=now - 10_000_000, ended_at=now), "ok")
        lane = self.lanes()["a"]
        self.assertLess(lane["used_ms"], 60_000 * fleet.SLOWDOWN)
        self.assertEqual(lane["attempts"], 0, "none was awarded since")

    def test_workers_in_python_tell_how_long_attempts_ran(self):
        worker = hirehall.Worker(self.fleet.broker.endpoint, name="python", slots=1, credit=4)

        @worker.agent("nap")
        def nap(attempt):
            threading.Event().wait(float(attempt.payload))

        ids = self.submit("a", "nap", b"0.3", 4)
        with worker:
            fleet.eventually(lambda: self.client.stats()["tasks"]["succeeded"] == len(ids), what="all have ended")
        used = self.lanes()["a"]["used_ms"]
        self.assertGreaterEqual(used, 1200, "what waits in the worker costs nothing")
        self.assertLess(used, 1200 + 1200 * fleet.SLOWDOWN)

    def test_what_is_asked_wrongly_is_refused_by_name(self):
        code, _, error = self.run_cli("queue", "shares", "nowhere")
        self.assertEqual(code, 3, error)
        self.assertIn("no queue is named nowhere", error)
        self.refused("not_found", self.client.call, wire.LANE_LIST, {"queue": "nowhere"})
        self.refused("bad_message", self.client.call, wire.LANE_LIST, {"queue": 7})
        self.refused("bad_message", self.client.call, wire.LANE_LIST, [])
        self.assertEqual(self.client.call(wire.LANE_LIST, {"unknown": 1}), {"lanes": [], "more": False})
        worker = self.fleet.worker(name="odd", slots=1)
        self.submit("a", "echo")
        fleet.eventually(lambda: (worker.pump(0.01), worker.held)[1], what="an award")
        times = {"started_at": -(1 << 63), "ended_at": (1 << 63) - 1}
        self.assertEqual(worker.finish(next(iter(worker.held.values())), hand.SUCCEEDED, **times), "ok")
        self.assertLess(self.lanes()["a"]["used_ms"], 60_000 * fleet.SLOWDOWN)


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall-worker", "hirehall")
