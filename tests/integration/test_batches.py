#!/usr/bin/python3
# ctest: timeout=180
"""Batches over the real broker: counts, waiting, the completion task over kill -9, cancel and retry, bad input, clients (I1, I20)."""

import json
import os
import random
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire, scripted_worker as hand
from integration.fleet import BIN, LIMIT, SOURCE, FleetTest, eventually

sys.path.insert(0, str(SOURCE / "client" / "python"))
import hirehall


class Batches(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = self.fleet.client()

    def start_cli(self, *arguments):
        return subprocess.Popen([BIN / "hirehall", "--broker", self.fleet.broker.endpoint, *map(str, arguments)],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ok(self, *arguments):
        code, out, err = self.run_cli(*arguments, "-o", "json")
        self.assertEqual(code, 0, f"{arguments}: {err}")
        return json.loads(out)

    def submit(self, count, batch="b", type_="echo", **options):
        return self.client.submit([[0, b"%d" % n] for n in range(count)], [dict(options, type=type_, batch=batch)])

    def close(self, batch="b", **more):
        return self.client.call(wire.BATCH_CLOSE, {"batch": batch, **more})

    def show(self, batch="b", **more):
        return self.client.call(wire.BATCH_SHOW, {"batch": batch, **more})

    def counts(self, batch="b"):
        shown = self.show(batch)
        return {key: shown[key] for key in ("state", "total", "open", "succeeded", "failed", "cancelled", "expired")}

    def refused(self, kind, body):
        with self.assertRaises(wire.WireError, msg=body) as caught:
            self.client.call(kind, body)
        return caught.exception

    def test_counts_and_progress_survive_kill_9(self):
        tasks = self.submit(4)
        self.submit(1, batch="other")
        worker = self.fleet.worker("echo", slots=4)
        first, second, *_ = (award for award in worker.awards(4))
        worker.finish(first)
        worker.finish(second, hand.FAILED_FOR_GOOD)
        left = dict(state="open", total=4, open=2, succeeded=1, failed=1, cancelled=0, expired=0)
        self.assertEqual(self.counts(), left)
        self.assertEqual(self.show()["progress"], 0.5)
        for _ in range(2):
            self.fleet.crash()
            self.client = self.fleet.client()
            self.assertEqual(self.counts(), left)
        self.assertEqual([t["id"] for t in self.client.walk(batch="b")], tasks)
        self.assertEqual([t["id"] for t in self.client.walk(where="batch=b and tenant=default and state=succeeded")], [first.id])
        self.assertEqual([b["batch"] for b in self.client.call(wire.BATCH_LIST, {})["batches"]], ["b", "other"])

    def test_a_list_reads_only_between_the_first_and_the_last_task_of_its_batch(self):
        self.submit(300, batch="before")
        mine = self.submit(3, tenant="one")
        others = self.submit(2, tenant="two")
        self.submit(300, batch="after")
        for filters, wanted, most in (({"tenant": "one"}, mine, 3), ({}, mine + others, 5), ({"where": "state=ready"}, mine + others, 5)):
            page = self.client.call(wire.LIST, {"batch": "b", **filters})
            self.assertEqual(sorted(t["id"] for t in page["tasks"]), sorted(wanted), filters)
            self.assertLessEqual(page["scanned"], most, filters)

    def test_the_completion_task_follows_once_whenever_the_broker_is_killed(self):
        chance = random  # seeded by main()
        worker = self.fleet.worker("echo", slots=8)
        rounds = 5
        for n in range(rounds):
            name = f"b{n}"
            self.submit(6, batch=name)
            awards = worker.awards(6)
            killed = chance.randrange(7)
            closing = {"complete": {"type": "report"}}
            if chance.random() < 0.5:
                self.close(name, **closing)
            for i, award in enumerate(awards):
                if i == killed:
                    self.fleet.crash()
                    self.client = self.fleet.client()
                worker.finish(award, chance.choice([hand.SUCCEEDED, hand.FAILED_FOR_GOOD]))
            if self.show(name)["state"] == "idle":
                self.close(name, **closing)
            if killed == 6:
                self.fleet.crash()
                self.client = self.fleet.client()
            self.assertEqual(self.show(name)["state"], "completed", name)
        reports = list(self.client.walk(type="report"))
        self.assertEqual(len(reports), rounds)
        for n, report in enumerate(reports):
            task = self.client.get(report["id"])
            shown = self.show(f"b{n}")
            self.assertEqual(task["options"]["trigger"], f"batch/b{n}")
            self.assertEqual(shown["completion"], report["id"])
            told = json.loads(task["payload"])
            self.assertEqual(told, {key: shown[key] for key in told})
            self.assertEqual((told["total"], told["succeeded"] + told["failed"]), (6, 6))

    def test_a_wait_ends_with_the_last_task(self):
        self.submit(2)
        waiting = self.start_cli("batch", "wait", "b", "-o", "json")
        self.addCleanup(waiting.kill)
        self.assertEqual(self.run_cli("batch", "wait", "b", "--wait-timeout", "1ms")[0], 6)
        self.close(complete={"type": "report"}, payload=b'"done"')
        worker = self.fleet.worker("echo", "report", slots=2)
        for award in worker.awards(2):
            self.assertIsNone(waiting.poll())
            worker.finish(award)
        out, err = waiting.communicate(timeout=LIMIT)
        self.assertEqual(waiting.returncode, 0, err)
        self.assertEqual(json.loads(out)["state"], "completed")
        self.assertEqual(worker.award().payload, b'"done"')
        self.submit(1, batch="c")
        worker.finish(worker.award(), hand.FAILED_FOR_GOOD)
        self.assertEqual(self.run_cli("batch", "wait", "c")[0], 10)

    def test_a_closed_batch_takes_no_further_tasks(self):
        self.submit(1)
        self.assertEqual(self.close()["state"], "closed")
        self.assertEqual(self.refused(wire.BATCH_CLOSE, {"batch": "b"}).code, "conflict")
        late, = self.submit(1)
        self.assertEqual(late.code, "conflict")
        self.assertIn("batch b is closed", late.message)
        self.assertEqual(self.show()["total"], 1)

    def test_cancel_and_retry_of_all(self):
        self.submit(30)
        self.submit(2, batch="other")
        code, _, err = self.run_cli("batch", "cancel", "b")
        self.assertEqual(code, 2)
        self.assertIn("30 tasks match", err)
        self.assertEqual(self.ok("batch", "cancel", "b", "--yes", "--reason", "wrong")["done"], 30)
        self.assertEqual(self.counts()["cancelled"], 30)
        self.assertEqual(self.counts("other")["open"], 2)
        self.submit(3, batch="c", max_attempts=1)
        worker = self.fleet.worker("echo", slots=8)
        for award in worker.awards(5):
            worker.finish(award, hand.FAILED)
        eventually(lambda: self.counts("c")["failed"] == 3, what="three have failed")
        self.close("c")
        self.assertEqual(self.ok("batch", "retry", "c", "--yes")["done"], 3)
        self.assertEqual(self.counts("c"), dict(state="completed", total=6, open=3, succeeded=0, failed=3, cancelled=0, expired=0))
        for award in worker.awards(3):
            worker.finish(award)
        self.assertEqual(self.counts("c")["succeeded"], 3)
        self.assertEqual(self.run_cli("batch", "retry", "nobody", "--yes")[0], 3)

    def test_the_command_line(self):
        for n in range(2):
            self.ok("task", "submit", "echo", n, "--batch", "it's")
        self.assertEqual([b["batch"] for b in self.ok("batch", "list")], ["it's"])
        self.assertIn("it's", self.run_cli("batch", "list")[1])
        self.assertEqual(len(self.ok("task", "list", "--batch", "it's")), 2)
        closed = self.ok("batch", "close", "it's", "--then", "report", "--payload", '{"n": 1}')
        self.assertEqual((closed["state"], closed["open"]), ("closed", 2))
        self.assertEqual(self.ok("batch", "cancel", "it's", "--yes")["done"], 2)
        self.assertEqual(self.ok("batch", "show", "it's")["state"], "completed")
        self.assertEqual(self.run_cli("batch", "show", "nobody")[0], 3)
        self.assertEqual(self.run_cli("batch", "show")[0], 2)
        self.assertEqual(self.run_cli("batch", "close", "it's", "--payload", "{}")[0], 2)
        self.assertEqual(self.run_cli("batch", "close", "it's", "--then", "t", "--payload", "{")[0], 2)
        with urllib.request.urlopen(f"http://{self.fleet.broker.metrics}/metrics", timeout=LIMIT) as answer:
            self.assertIn("hirehall_batch_open_tasks", answer.read().decode())

    def test_bad_input_is_named_and_changes_nothing(self):
        self.submit(1)
        for kind, body, code, context in [
                (wire.BATCH_SHOW, {"batch": "nobody"}, "not_found", "batch"),
                (wire.BATCH_SHOW, {"batch": "b", "tenant": "other"}, "not_found", "batch"),
                (wire.BATCH_SHOW, {}, "invalid", "batch"),
                (wire.BATCH_SHOW, {"batch": 5}, "bad_message", None),
                (wire.BATCH_WAIT, {"batch": "nobody"}, "not_found", "batch"),
                (wire.BATCH_WAIT, {"batch": "b", "timeout_ms": 1}, "timeout", "batch"),
                (wire.BATCH_WAIT, {"batch": "b", "timeout_ms": -1}, "invalid", "timeout_ms"),
                (wire.BATCH_WAIT, {"batch": "b", "timeout_ms": 3_600_001}, "invalid", "timeout_ms"),
                (wire.BATCH_CLOSE, {"batch": "nobody"}, "not_found", "batch"),
                (wire.BATCH_CLOSE, {"batch": "b", "payload": b"x"}, "invalid", "payload"),
                (wire.BATCH_CLOSE, {"batch": "b", "complete": {"type": "r"}, "payload": bytes(70_000)}, "too_large", "payload"),
                (wire.BATCH_CLOSE, {"batch": "b", "complete": {}}, "invalid", None),
                (wire.BATCH_CLOSE, {"batch": "b", "complete": 5}, "bad_message", None),
                (wire.BATCH_CLOSE, {"batch": "b", "complete": {"type": "r", "batch": "c"}}, "invalid", "complete"),
                (wire.BATCH_CLOSE, {"batch": "b", "complete": {"type": "r", "unique_key": "c"}}, "invalid", "complete"),
                (wire.BATCH_CLOSE, {"batch": "b", "complete": {"type": "r", "queue": "nowhere"}}, "not_found", "queue"),
                (wire.BATCH_LIST, {"after": 5}, "bad_message", None)]:
            error = self.refused(kind, body)
            self.assertEqual(error.code, code, (body, error))
            if context:
                self.assertEqual(error.context, context, (body, error))
        self.assertEqual(self.counts(), dict(state="open", total=1, open=1, succeeded=0, failed=0, cancelled=0, expired=0))
        self.assertEqual(self.submit(1, batch="x" * 256)[0].code, "invalid")
        self.assertEqual(len(self.client.call(wire.BATCH_LIST, {})["batches"]), 1)

    def test_a_list_goes_on_behind_its_last_pair(self):
        for tenant in ("a", "b"):
            self.client.submit([[n, b""] for n in range(600)],
                               [{"type": "echo", "tenant": tenant, "batch": f"{n:03}"} for n in range(600)])
        first = self.client.call(wire.BATCH_LIST, {})
        self.assertTrue(first["more"])
        last = first["batches"][-1]
        rest = self.client.call(wire.BATCH_LIST, {"after_tenant": last["tenant"], "after": last["batch"]})
        self.assertFalse(rest["more"])
        names = [(b["tenant"], b["batch"]) for b in first["batches"] + rest["batches"]]
        self.assertEqual(names, [(t, f"{n:03}") for t in ("a", "b") for n in range(600)])
        self.assertEqual(len(self.ok("batch", "list")), 1200)

    def test_the_python_client(self):
        with hirehall.Client(self.fleet.broker.endpoint) as client:
            tasks = client.submit_many("echo", range(3), batch="p")
            self.assertEqual([task.id for task in client.list(batch="p")], tasks)
            self.assertEqual([b["batch"] for b in client.batches()], ["p"])
            with self.assertRaises(hirehall.TimedOut):
                client.wait_batch("p", timeout=0.01)
            self.assertEqual(client.close_batch("p", "report", {"for": "p"}, priority=9)["state"], "closed")
            with self.assertRaises(hirehall.Conflict):
                client.submit("echo", batch="p")
            client.cancel(*tasks)
            done = client.wait_batch("p")
            self.assertEqual((done["state"], done["cancelled"]), ("completed", 3))
            report = client.get(done["completion"])
            self.assertEqual((report.type, json.loads(report.payload), report.priority), ("report", {"for": "p"}, 9))


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall")
