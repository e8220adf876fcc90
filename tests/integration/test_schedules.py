#!/usr/bin/python3
# ctest: timeout=120
"""Schedules over the real broker: command line, kill -9, file, bad input, Python client (I8)."""

import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire
from integration.fleet import SOURCE, FleetTest, eventually

sys.path.insert(0, str(SOURCE / "client" / "python"))
import hirehall

SET, LIST, SHOW, DELETE, PAUSE, RESUME, TRIGGER = range(80, 87)


class Schedules(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = self.fleet.client()

    def show(self, name="s"):
        return self.client.call(SHOW, {"name": name})

    def ticks(self):
        """trigger → number of tasks, of all tasks that there are."""
        found = {}
        for task in self.client.walk():
            trigger = self.client.get(task["id"])["options"].get("trigger", "")
            found[trigger] = found.get(trigger, 0) + 1
        return found

    def test_the_command_line_from_create_to_delete(self):
        made = self.ok("schedule", "create", "nightly", "--cron", "0 3 * * MON-FRI", "--zone", "Europe/Berlin", "--type", "report",
                       "--payload", '{"n": 1}', "--overlap", "skip", "--label", "team=sales")
        self.assertEqual((made["cron"], made["zone"], made["overlap"], made["payload"]), ("0 3 * * MON-FRI", "Europe/Berlin", "skip", {"n": 1}))
        shown = self.ok("schedule", "show", "nightly", "--next", 20)
        self.assertEqual(len(shown["upcoming"]), 20)
        for tick in shown["upcoming"]:
            local = subprocess.run(["date", "-d", f"@{tick // 1000}", "+%u %H:%M:%S"], env={"TZ": "Europe/Berlin"}, capture_output=True, text=True).stdout
            self.assertRegex(local, r"^[1-5] 03:00:00$")
        edited = self.ok("schedule", "edit", "nightly", "--every", "2h")
        self.assertEqual((edited.get("cron"), edited["every_ms"], edited["overlap"], edited["options"]["labels"]), (None, 7_200_000, "skip", {"team": "sales"}))
        self.assertTrue(self.ok("schedule", "pause", "nightly", "--reason", "holidays")["paused"])
        self.assertEqual(self.show("nightly")["paused_reason"], "holidays")
        self.assertFalse(self.ok("schedule", "resume", "nightly")["paused"])
        task = self.ok("schedule", "trigger", "nightly")["id"]
        self.assertEqual(self.ok("task", "get", task)["payload"], {"n": 1})
        self.assertEqual([s["name"] for s in self.ok("schedule", "list")], ["nightly"])
        self.assertIn("NEXT AT", self.run_cli("schedule", "list")[1])
        self.assertTrue(self.ok("schedule", "delete", "nightly")["deleted"])
        self.assertEqual(self.run_cli("schedule", "show", "nightly")[0], 3)
        self.assertEqual(self.ok("task", "get", task)["state"], "ready")

    def test_kill_9_in_the_middle_repeats_no_tick_and_loses_none(self):
        self.client.call(SET, {"name": "s", "every_ms": 1000, "catch_up": "all", "catch_up_max": 1000, "options": {"type": "t"}})
        self.client.call(SET, {"name": "c", "cron": "* * * * * *", "catch_up": "all", "catch_up_max": 1000, "options": {"type": "t"}})
        for lives in range(1, 4):
            eventually(lambda: self.show()["fired"] >= 2 * lives and self.show("c")["fired"] >= 2 * lives, what="ticks")
            self.fleet.crash()
            self.client = self.fleet.client()
        for name in ("s", "c"):
            self.client.call(PAUSE, {"name": name})
        schedules, ticks = {name: self.show(name) for name in ("s", "c")}, self.ticks()
        self.assertEqual(set(ticks.values()), {1}, ticks)
        for name, schedule in schedules.items():
            mine = sorted(int(t.split("/")[2]) for t in ticks if t.startswith(f"schedule/{name}/"))
            self.assertEqual((len(mine), schedule["missed"]), (schedule["fired"], 0))
            self.assertEqual({later - earlier for earlier, later in zip(mine, mine[1:])}, {1000}, "none is left out")

    def test_a_trigger_that_is_sent_again_is_one_task(self):
        self.client.call(SET, {"name": "s", "every_ms": 3_600_000, "options": {"type": "t"}})
        first = self.client.call(TRIGGER, {"name": "s", "key": "k"})
        self.fleet.crash()
        self.client = self.fleet.client()
        self.assertEqual(self.client.call(TRIGGER, {"name": "s", "key": "k"}), first)
        self.assertNotEqual(self.client.call(TRIGGER, {"name": "s", "key": "other"}), first)

    def test_overlap_cancel_stops_what_runs(self):
        worker = self.fleet.worker("t")
        self.client.call(SET, {"name": "s", "every_ms": 1000, "overlap": "cancel", "options": {"type": "t"}})
        award = worker.award()

        def waits():
            worker.pump(0.01)
            return self.show()["waiting"] == 1

        eventually(waits, what="the next tick waits")
        self.assertEqual(self.show()["fired"], 1)
        worker.finish(award, outcome=5)
        self.assertEqual(self.client.wait(award.id)["state"], "cancelled")
        self.assertNotEqual(worker.award().id, award.id)

    def test_bad_input_is_named_and_changes_nothing(self):
        good = {"name": "s", "cron": "@daily", "options": {"type": "t"}}
        bad = [({"cron": "61 * * * *"}, "invalid", "cron", "'61' in the field minute"),
               ({"cron": "0 0 30 2 *"}, "invalid", "cron", "never comes"),
               ({"every_ms": 10}, "invalid", "every_ms", "1 s to 366 days"),
               ({"zone": "Mars/Phobos"}, "invalid", "zone", "Europe/Berlin"),
               ({"zone": "../../etc/passwd"}, "invalid", "zone", "no time zone"),
               ({"overlap": "both"}, "invalid", "overlap", "allow, skip, queue, cancel"),
               ({"catch_up": "some"}, "invalid", "catch_up", "last, skip, all"),
               ({"catch_up_max": 0}, "invalid", "catch_up_max", "1 to 1000"),
               ({"jitter_ms": -1}, "invalid", "jitter_ms", "7 days"),
               ({"mode": "put"}, "invalid", "mode", "create, edit"),
               ({"name": ""}, "invalid", "name", "1 to 255"),
               ({"payload": bytes(70_000)}, "too_large", "payload", "64 KiB"),
               ({"options": {"type": "t", "queue": "nowhere"}}, "not_found", "queue", "queue set"),
               ({"options": {"type": "t", "deadline": 5}}, "invalid", "options", "ttl_ms"),
               ({"options": {"type": "t", "unique_key": "k"}}, "invalid", "options", "overlap"),
               ({"options": {}}, "invalid", "", "type"),
               ({"options": 7}, "bad_message", "options", ""),
               ({"cron": 7}, "bad_message", "cron", "")]
        for change, code, context, message in bad:
            with self.assertRaises(wire.WireError, msg=change) as caught:
                self.client.call(SET, good | change)
            self.assertEqual(caught.exception.code, code, (change, caught.exception))
            if context:
                self.assertEqual(caught.exception.context, context, change)
            self.assertIn(message, caught.exception.message, change)
        self.assertEqual(self.client.call(LIST, {})["schedules"], [])
        self.client.call(SET, good)
        self.client.call(SET, good)
        with self.assertRaises(wire.WireError) as caught:
            self.client.call(SET, good | {"cron": "@hourly"})
        self.assertEqual(caught.exception.code, "conflict")
        for kind in (SHOW, DELETE, PAUSE, RESUME, TRIGGER):
            with self.assertRaises(wire.WireError) as caught:
                self.client.call(kind, {"name": "nobody"})
            self.assertEqual(caught.exception.code, "not_found")
        code, _, err = self.run_cli("schedule", "create", "x", "--cron", "0 25 * * *", "--type", "t")
        self.assertEqual(code, 2)
        self.assertIn("'25' in the field hour is not accepted; give 0 to 23", err)

    def test_a_file_is_desired_state(self):
        file = self.fleet.directory / "schedules.yaml"
        file.write_text("schedules:\n  a: {every: 1h, type: t}\n  b: {cron: '@daily', zone: Europe/Berlin, type: t}\n")
        self.fleet.broker.stop()
        self.fleet.broker_options.update(extra=["--schedules", file])
        self.fleet.start()
        self.client = self.fleet.client()
        names = lambda: [s["name"] for s in self.client.call(LIST, {})["schedules"]]
        self.assertEqual(names(), ["a", "b"])
        self.assertTrue(self.show("b")["from_file"])
        self.client.call(SET, {"name": "a", "mode": "edit", "every_ms": 7_200_000})

        def reload(text):
            said = len(self.fleet.broker.text())
            self.fleet.broker.signal(signal.SIGHUP)
            eventually(lambda: re.search(text, self.fleet.broker.text()[said:]), what=text)

        file.write_text("schedules:\n  a: {every: 3h, type: t}\n")
        reload("set_by_hand=1")
        self.assertEqual((names(), self.show("a")["every_ms"]), (["a"], 7_200_000))
        file.write_text("schedules:\n  a: {evry: 3h}\n")
        reload(r"unknown key 'evry'[^\n]*schedules\.yaml:2")
        self.fleet.broker.stop()
        broker = self.fleet.adopt(fleet.Broker(self.fleet.directory, **self.fleet.broker_options))
        self.assertEqual(broker.exit_code(), 64, broker.text())

    def test_the_python_client(self):
        with hirehall.Client(self.fleet.broker.endpoint) as client:
            made = client.create_schedule("p", "t", {"n": 1}, cron="*/5 * * * *", zone="Asia/Kolkata", labels={"a": "b"})
            self.assertEqual((made["zone"], made["options"]["labels"], made["payload"]), ("Asia/Kolkata", {"a": "b"}, b'{"n":1}'))
            self.assertEqual(client.edit_schedule("p", overlap="queue")["overlap"], "queue")
            self.assertEqual([s["name"] for s in client.schedules()], ["p"])
            self.assertEqual(len(client.schedule("p", next=3)["upcoming"]), 3)
            self.assertTrue(client.pause_schedule("p", "why")["paused"])
            self.assertFalse(client.resume_schedule("p")["paused"])
            self.assertEqual(client.get(client.trigger_schedule("p")).payload, b'{"n":1}')
            client.delete_schedule("p")
            with self.assertRaises(hirehall.NotFound):
                client.schedule("p")


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall")
