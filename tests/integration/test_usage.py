#!/usr/bin/python3
# ctest: timeout=120
"""Usage and budgets over the real broker: sums, kill -9, explain, metrics, bad input, Python client (docs/usage.md)."""

import os
import sys
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire, scripted_worker as hand
from integration.fleet import SOURCE, FleetTest

sys.path.insert(0, str(SOURCE / "client" / "python"))
import hirehall

USAGE, SET, LIST, DELETE = range(118, 122)


class Usage(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = self.fleet.client()

    def metrics(self):
        with urllib.request.urlopen(f"http://{self.fleet.broker.metrics}/metrics", timeout=fleet.LIMIT) as answer:
            return answer.read().decode()

    def usage(self, *by, **filters):
        return self.client.call(USAGE, {"by": list(by), **filters})["usage"]

    def budget(self, name="b"):
        return {b["name"]: b for b in self.client.call(LIST, {})["budgets"]}[name]

    def test_attempts_add_up_once_per_task_tenant_queue_and_day_over_kill_9(self):
        worker = self.fleet.worker("t")
        task = self.client.submit_one("t", tenant="acme", backoff_ms=1)
        worker.finish(worker.award(), hand.FAILED, error="again", usage={"tokens": 10, "cost_usd": 0.1})
        worker.finish(worker.award(), usage={"tokens": 5, "cost_usd": 0.25, "bad": -1, "text": "x"})
        for _ in range(2):
            self.assertEqual(self.client.get(task)["usage"], {"tokens": 15, "cost_usd": 0.35})
            self.assertEqual([a["usage"] for a in self.client.get(task)["history"]],
                             [{"tokens": 10, "cost_usd": 0.1}, {"tokens": 5, "cost_usd": 0.25}])
            (row,) = self.usage("tenant", "queue")
            self.assertEqual(row, {"tenant": "acme", "queue": "default", "attempts": 2, "usage": {"tokens": 15, "cost_usd": 0.35}})
            (row,) = self.usage("day", "agent")
            self.assertRegex(row["day"], r"^\d{4}-\d\d-\d\d$")
            self.assertNotEqual(row["agent"], "")
            self.assertEqual(self.usage("day", tenant="other"), [])
            self.fleet.crash()
            self.client = self.fleet.client()
        self.assertIn('hirehall_usage_total{queue="default",unit="tokens"} 15', self.metrics())
        self.assertEqual(self.ok("usage", "--by", "queue")[0]["usage"]["tokens"], 15)
        self.assertIn("cost_usd=0.35 tokens=15", self.run_cli("usage", "--since", "1d")[1])

    def test_a_hard_budget_holds_and_says_so_over_kill_9(self):
        made = self.ok("budget", "set", "b", "--tenant", "acme", "--unit", "tokens", "--soft", 5, "--hard", 10)
        self.assertEqual((made["state"], made["used"], made["period"]), ("open", 0, "day"))
        worker = self.fleet.worker("t", slots=2)
        self.client.submit_one("t", tenant="acme")
        worker.finish(worker.award(), usage={"tokens": 7})
        self.assertEqual(self.budget()["state"], "warning")
        self.client.submit_one("t", tenant="acme")
        worker.finish(worker.award(), usage={"tokens": 3.5})
        self.fleet.crash()
        self.client = self.fleet.client()
        held = self.client.submit_one("t", tenant="acme")
        free = self.client.submit_one("t", tenant="other")
        self.assertEqual(worker.award().id, free, "nobody else waits behind it")
        (why,) = [w for w in self.client.call(wire.EXPLAIN, {"id": held})["why"] if w["what"] == "budget"]
        self.assertEqual((why["budget"], why["unit"]), ("b", "tokens"))
        self.assertIn("budget b is used up", self.run_cli("task", "explain", hirehall.ids.text(held))[1])
        self.assertEqual((self.budget()["state"], self.budget()["used"], self.budget()["waiting"]), ("used_up", 10.5, 1))
        self.assertIn('hirehall_budgets{state="used_up"} 1', self.metrics())
        self.ok("budget", "set", "b", "--hard", 20)
        self.assertEqual(worker.award().id, held)
        self.assertTrue(self.ok("budget", "delete", "b")["deleted"])
        self.assertEqual(self.ok("budget", "list"), [])
        self.assertEqual(self.run_cli("budget", "delete", "b")[0], 3)

    def test_bad_input_is_named_and_changes_nothing(self):
        good = {"name": "b", "unit": "tokens", "hard": 1}
        for change, code, context in [
                ({"unit": ""}, "invalid", "unit"), ({"hard": 0}, "invalid", "hard"), ({"hard": -1}, "invalid", "hard"),
                ({"hard": float("nan")}, "invalid", "hard"), ({"hard": 1e30}, "invalid", "hard"), ({"soft": 2}, "invalid", "soft"),
                ({"period": "year"}, "invalid", "period"), ({"name": ""}, "invalid", "name"), ({"tenant": "a*b"}, "invalid", "tenant"),
                ({"hard": "much"}, "bad_message", "hard")]:
            with self.assertRaises(wire.WireError, msg=change) as caught:
                self.client.call(SET, good | change)
            self.assertEqual((caught.exception.code, caught.exception.context), (code, context), change)
        self.assertEqual(self.client.call(LIST, {})["budgets"], [])
        with self.assertRaises(wire.WireError) as caught:
            self.usage("hour")
        self.assertEqual((caught.exception.code, caught.exception.context), ("invalid", "by"))
        self.assertEqual(self.run_cli("budget", "set", "b", "--unit", "tokens", "--hard", "much")[0], 2)
        self.assertEqual(self.run_cli("usage", "--by", "hour")[0], 2)

    def test_the_python_client(self):
        worker = self.fleet.worker("t")
        self.client.submit_one("t", tenant="acme")
        worker.finish(worker.award(), usage={"tokens": 2})
        with hirehall.Client(self.fleet.broker.endpoint) as client:
            self.assertEqual(client.usage(["tenant"], tenant="acme"), [{"tenant": "acme", "attempts": 1, "usage": {"tokens": 2}}])
            self.assertEqual(client.set_budget("b", tenant="acme", unit="tokens", hard=2)["state"], "used_up")
            self.assertEqual([b["name"] for b in client.budgets()], ["b"])
            client.delete_budget("b")
            self.assertEqual(list(client.budgets()), [])


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall")
