#!/usr/bin/python3
# ctest: timeout=120
"""Unique keys by rule over the real broker: command line, kill -9, resends, bad input, Python client (docs/unique.md)."""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, scripted_worker as hand
from integration.fleet import SOURCE, FleetTest

sys.path.insert(0, str(SOURCE / "client" / "python"))
import hirehall


class Unique(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = self.fleet.client()

    def cli(self, *arguments):
        code, out, err = self.run_cli(*arguments)
        self.assertEqual(code, 0, f"{arguments}: {err}")
        return out

    def submit(self, payload=b"", type="t", **options):
        return self.client.submit_one(type, payload, unique_key="k", **options)

    def test_the_command_line(self):
        first = self.cli("task", "submit", "t", "1", "--unique", "k", "--on-conflict", "replace", "--delay", "1h").strip()
        second = self.cli("task", "submit", "t", "2", "--unique", "k", "--on-conflict", "replace", "--unique-for", "10m").strip()
        self.assertNotEqual(first, second)
        self.assertEqual(json.loads(self.cli("task", "get", first, "-o", "json"))["state"], "cancelled")
        shown = json.loads(self.cli("task", "get", second, "-o", "json"))
        self.assertEqual(shown["unique"], {"holds": True, "coalesced": 0})
        self.assertEqual({key: shown["options"][key] for key in ("unique_key", "on_conflict", "unique_for_ms")},
                         {"unique_key": "k", "on_conflict": "replace", "unique_for_ms": 600_000})
        code, _, err = self.run_cli("task", "submit", "t", "3", "--unique", "k", "--on-conflict", "reject")
        self.assertEqual(code, 5)
        self.assertIn("not_unique", err)
        self.assertIn(second, err)
        for options in (["--on-conflict", "never"], ["--unique-until", "dawn"], ["--unique-for", "32d"]):
            code, _, err = self.run_cli("task", "submit", "t", "--unique", "x", *options)
            self.assertEqual(code, 2, (options, err))
        self.assertEqual(self.run_cli("task", "submit", "t", "--on-conflict", "replace")[0], 2, "a rule without a key")

    def test_coalesced_payload_and_count_survive_kill_9(self):
        first = self.submit(b"1", on_conflict="coalesce", delay_ms=1000)
        for payload in (b"2", b"3"):
            self.assertEqual(self.submit(payload, on_conflict="coalesce", delay_ms=1000), first)
        self.fleet.crash()
        self.client = self.fleet.client()
        self.assertEqual(self.client.get(first)["unique"], {"holds": True, "coalesced": 2})
        worker = self.fleet.worker("t")
        award = worker.award()
        self.assertEqual((award.id, award.payload), (first, b"3"))
        second = self.submit(b"4", on_conflict="coalesce")
        self.assertNotEqual(second, first, "what runs takes nothing more")
        worker.finish(award)
        self.assertEqual(worker.award().payload, b"4")
        self.assertEqual(self.client.get(first)["payload"], b"3")
        self.assertEqual(self.client.get(first)["unique"], {"holds": False, "coalesced": 2})

    def test_a_ready_task_that_nobody_took_yet_coalesces_as_well(self):
        first = self.submit(b"1", on_conflict="coalesce")
        for payload in (b"2", b"3"):
            self.assertEqual(self.submit(payload, on_conflict="coalesce"), first)
        self.assertEqual(self.fleet.worker("t").award().payload, b"3")

    def test_kill_9_keeps_who_has_the_key(self):
        first = self.submit(on_conflict="reject")
        worker = self.fleet.worker("t")
        award = worker.award()
        self.fleet.crash()
        self.client = self.fleet.client()
        refused = self.submit(on_conflict="reject")
        self.assertEqual(refused.code, "not_unique")
        self.assertEqual(refused.id, first)
        worker.pump(0.2)
        worker.finish(award)
        self.assertIsInstance(self.submit(on_conflict="reject"), bytes)

    def test_started_ones_are_left_alone(self):
        first = self.submit(on_conflict="replace", unique_until="end")
        worker = self.fleet.worker("t")
        award = worker.award()
        self.assertEqual(self.submit(on_conflict="replace").code, "already_started")
        self.assertEqual(self.submit(on_conflict="existing"), first)
        worker.finish(award, hand.FAILED, error="again", delay_ms=60_000)
        self.assertEqual(self.submit(on_conflict="replace").code, "already_started")

    def test_a_batch_of_one_key_leaves_the_last(self):
        options = {"type": "t", "unique_key": "k", "on_conflict": "replace"}
        ids = self.client.submit([[0, b"1"], [0, b"2"], [0, b"3"]], [options])
        self.assertEqual([self.client.state(id) for id in ids], ["cancelled", "cancelled", "ready"])

    def test_bad_input_is_named(self):
        for options, message in [({"on_conflict": "never"}, "reject, existing, replace, coalesce"), ({"on_conflict": 7}, "accepted"),
                                 ({"unique_until": "dawn"}, "start, end"), ({"unique_for_ms": -1}, "0 to"),
                                 ({"unique_for_ms": 40 * 86_400_000}, "0 to")]:
            refused = self.submit(**options)
            self.assertEqual(refused.code, "invalid", options)
            self.assertIn(message, refused.message)
        refused = self.client.submit_one("t", on_conflict="replace")
        self.assertIn("give unique_key", refused.message)

    def test_the_python_client(self):
        with hirehall.Client(self.fleet.broker.endpoint) as client:
            first = client.submit("t", 1, unique_key="k", on_conflict="reject")
            with self.assertRaises(hirehall.NotUnique) as caught:
                client.submit("t", 2, unique_key="k", on_conflict="reject")
            self.assertEqual(caught.exception.task_id, first)


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall")
