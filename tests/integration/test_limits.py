#!/usr/bin/python3
# ctest: timeout=120
"""Limits by name over the real broker: command line, kill -9, explain, bad input, Python client (I12)."""

import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire
from integration.fleet import SOURCE, FleetTest
from integration.scripted_worker import INTERRUPTED

sys.path.insert(0, str(SOURCE / "client" / "python"))
import hirehall

SET, LIST, SHOW, DELETE, PAUSE = range(88, 93)


class Limits(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = self.fleet.client()

    def set(self, name, **rule):
        return self.client.call(SET, {"name": name, **rule})

    def submit(self, count, **options):
        return [self.client.submit_one("t", **options) for _ in range(count)]

    def why(self, task):
        return {w["what"]: w for w in self.client.call(wire.EXPLAIN, {"id": task})["why"]}

    def test_the_command_line(self):
        made = self.ok("limit", "set", "smtp", "--key", "smtp", "--concurrency", 2, "--rate", "100/1m", "--rate", "2000/1h")
        self.assertEqual((made["key"], made["concurrency"], made["rates"]), ("smtp", 2, [[100, 60_000], [2000, 3_600_000]]))
        self.assertEqual(self.ok("limit", "set", "smtp", "--concurrency", 3)["rates"], made["rates"])
        self.assertEqual([l["name"] for l in self.ok("limit", "list")], ["smtp"])
        self.assertIn("100/1m 2000/1h", self.run_cli("limit", "list")[1])
        paused = self.ok("limit", "pause-until", "smtp", "10m", "--reason", "told to")
        self.assertTrue(paused["paused"] and paused["paused_until"] > time.time() * 1000 + 590_000)
        self.assertEqual(self.ok("limit", "pause-until", "smtp")["paused_until"], -1)
        self.assertFalse(self.ok("limit", "resume", "smtp")["paused"])
        self.assertTrue(self.ok("limit", "delete", "smtp")["deleted"])
        self.assertEqual(self.run_cli("limit", "show", "smtp")[0], 3)

    def test_concurrency_over_queues_and_explain_says_which(self):
        self.client.queue("other")
        self.set("all", concurrency=1)
        tasks = [self.client.submit_one("t"), self.client.submit_one("t", queue="other")]
        worker = self.fleet.worker("t", slots=4)
        award = worker.award()
        waits = tasks[1] if award.id == tasks[0] else tasks[0]
        why = self.why(waits)["limit"]
        self.assertEqual((why["limit"], why["running"], why["max"]), ("all", 1, 1))
        self.assertIn("limit all", self.run_cli("task", "explain", hirehall.ids.text(waits))[1])
        self.assertEqual(self.client.call(SHOW, {"name": "all"})["waiting"], 1)
        worker.finish(award)
        self.assertEqual(worker.award().id, waits)

    def test_kill_9_does_not_give_a_rate_back(self):
        self.set("slow", rates=[[3, 60_000]])
        tasks = self.submit(8)
        worker = self.fleet.worker("t", slots=8)
        awards = worker.awards(3)
        for award in awards:
            worker.finish(award)
        for _ in range(2):
            self.fleet.crash()
            self.client = self.fleet.client()
            worker.pump(0.2)
            used = self.client.call(SHOW, {"name": "slow"})["used"]
            self.assertEqual(used[0]["rates"], [3])
        ready = [task for task in tasks if self.client.state(task) == "ready"]
        self.assertEqual(len(ready), 5)
        why = self.why(ready[0])["limit"]
        self.assertEqual((why["limit"], why["units"], why["window_ms"]), ("slow", 3, 60_000))
        self.client.call(DELETE, {"name": "slow"})
        self.assertEqual(len(worker.awards(5)), 5)

    def test_what_is_handed_back_unbegun_gives_its_unit_back_once_over_kill_9(self):
        self.set("slow", rates=[[2, 3_600_000]])
        self.submit(3)
        worker = self.fleet.worker("t", slots=3, timed=True)
        first, second = worker.awards(2)
        self.fleet.crash()
        self.client = self.fleet.client()
        worker.pump(0.2)
        self.assertEqual(worker.finish(first, INTERRUPTED), "ok")
        self.assertEqual(worker.award().id, first.id, "its unit is free, and it is first")
        self.assertEqual(worker.finish(second, INTERRUPTED, started_at=1_700_000_000_000, ended_at=1_700_000_000_005), "ok")
        self.fleet.crash()
        self.client = self.fleet.client()
        worker.pump(0.5)
        self.assertEqual(self.client.call(SHOW, {"name": "slow"})["used"][0]["rates"], [2], "what had begun costs its unit")
        self.assertEqual(worker.fresh, [], "and nobody else has one")

    def test_paused_until_resumed(self):
        self.set("all", concurrency=9)
        self.client.call(PAUSE, {"name": "all", "reason": "told to"})
        (task,) = self.submit(1)
        worker = self.fleet.worker("t")
        self.fleet.crash()
        self.client = self.fleet.client()
        self.assertIn("told to", self.why(task)["limit"]["message"])
        self.client.call(PAUSE, {"name": "all", "until": 0})
        self.assertEqual(worker.award().id, task)

    def test_paused_until_a_time_it_goes_on_by_itself(self):
        self.set("all", concurrency=9)
        self.client.call(PAUSE, {"name": "all", "until": int(time.time() * 1000) + 1500})
        (task,) = self.submit(1)
        worker = self.fleet.worker("t")
        self.assertEqual(worker.award().id, task)
        self.assertFalse(self.client.call(SHOW, {"name": "all"})["paused"])

    def test_bad_input_is_named_and_changes_nothing(self):
        good = {"name": "l", "concurrency": 1}
        for change, code, context, message in [
                ({"concurrency": 0}, "invalid", "concurrency", "a concurrency or a rate"),
                ({"concurrency": -1}, "invalid", "concurrency", "0 (none)"),
                ({"name": ""}, "invalid", "name", "1 to 255"),
                ({"per": "worker"}, "invalid", "per", "queue, type, tenant, key"),
                ({"per": "key"}, "invalid", "key", "which keys"),
                ({"type": "a*b"}, "invalid", "type", "ending"),
                ({"rates": [[0, 1000]]}, "invalid", "rates", "1 unit"),
                ({"rates": [[5]]}, "bad_message", "", ""),
                ({"rates": [[5, 1]]}, "invalid", "rates", "100 ms to 31 days"),
                ({"rates": [[1, 1000], [2, 1000]]}, "invalid", "rates", "same window"),
                ({"rates": [[1, 1000 + i] for i in range(5)]}, "invalid", "rates", "at most 4"),
                ({"rates": 5}, "bad_message", "", ""),
                ({"queue": 5}, "bad_message", "queue", "")]:
            with self.assertRaises(wire.WireError, msg=change) as caught:
                self.client.call(SET, good | change)
            self.assertEqual(caught.exception.code, code, (change, caught.exception))
            if context:
                self.assertEqual(caught.exception.context, context, change)
            self.assertIn(message, caught.exception.message, change)
        self.assertEqual(self.client.call(LIST, {})["limits"], [])
        for kind in (SHOW, DELETE, PAUSE):
            with self.assertRaises(wire.WireError) as caught:
                self.client.call(kind, {"name": "nobody"})
            self.assertEqual(caught.exception.code, "not_found")
        code, _, err = self.run_cli("limit", "set", "x", "--rate", "many")
        self.assertEqual(code, 2)
        self.assertIn("UNITS/WINDOW", err)

    def test_the_python_client(self):
        with hirehall.Client(self.fleet.broker.endpoint) as client:
            made = client.set_limit("p", key="customer/*", per="key", concurrency=2, rates=[(5, 1000)])
            self.assertEqual((made["per"], made["rates"]), ("key", [[5, 1000]]))
            self.assertEqual([l["name"] for l in client.limits()], ["p"])
            self.assertEqual(client.limit("p")["concurrency"], 2)
            self.assertTrue(client.pause_limit("p", reason="why")["paused"])
            self.assertFalse(client.resume_limit("p")["paused"])
            client.delete_limit("p")
            with self.assertRaises(hirehall.NotFound):
                client.limit("p")


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall")
