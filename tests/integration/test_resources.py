#!/usr/bin/python3
"""Resources over the real broker: no more runs on a worker than fits, whoever dies, and who waits is told why."""

import json
import os
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, scripted_worker as hand
from integration.fleet import BIN, SOURCE, FleetTest

sys.path.insert(0, str(SOURCE / "client" / "python"))
import hirehall


class Resources(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = self.fleet.client()

    def cli(self, *arguments, code=0):
        done = subprocess.run([BIN / "hirehall", "--broker", self.fleet.broker.endpoint, *arguments], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def submit(self, *options):
        return json.loads(self.cli("task", "submit", "echo", *options, "-o", "json"))["id"]

    def why(self, id_):
        return {w["what"]: w for w in json.loads(self.cli("task", "explain", id_, "-o", "json"))["why"]}

    def test_no_more_run_than_fit_over_a_crash_and_who_waits_is_told(self):
        worker = self.fleet.worker(name="gpus", slots=8, resources={"gpu": "2", "memory": "8Gi"})
        tasks = [self.submit("--resource", "gpu=1") for _ in range(4)]
        other = self.submit()
        fleet.eventually(lambda: (worker.pump(0.01), len(worker.held))[1] == 3, 30, "two with a gpu each, and the one that asks for nothing")
        states = [json.loads(self.cli("task", "get", id_, "-o", "json"))["state"] for id_ in [*tasks, other]]
        self.assertEqual(states, ["leased", "leased", "ready", "ready", "leased"])
        room = self.why(tasks[2])["no_room"]
        self.assertEqual((room["worker"], room["short_of"]), ("gpus", ["gpu: 1 asked, 0 of 2 free"]))
        self.fleet.crash()
        fleet.eventually(lambda: (worker.pump(0.01), worker.number)[1], 30, "it is back")
        fleet.eventually(lambda: (worker.pump(0.01), "no_room" in self.why(tasks[2]))[1], 30, "the same after a crash")
        for _ in range(5):
            fleet.eventually(lambda: (worker.pump(0.01), worker.held)[1], 30, "an award")
            self.assertLessEqual(sum(hirehall.ids.text(award.id) in tasks for award in worker.held.values()), 2)
            self.assertEqual(worker.finish(next(iter(worker.held.values())), hand.SUCCEEDED), "ok")
        self.assertEqual(self.client.stats()["tasks"]["succeeded"], 5)

    def metrics(self):
        page = urllib.request.urlopen(f"http://{self.fleet.broker.metrics}/metrics", timeout=30).read().decode()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if line.startswith("hirehall_")}

    def test_a_large_task_gets_its_turn_among_small_ones_over_a_crash(self):
        self.fleet.broker_options["extra"] = ["--room-patience", "300ms"]
        self.fleet.crash()
        self.client = self.fleet.client()
        worker = self.fleet.worker(name="gpus", slots=8, resources={"gpu": "4"})
        small = [self.submit("--resource", "gpu=1") for _ in range(30)]
        fleet.eventually(lambda: (worker.pump(0.01), len(worker.held))[1] == 4, 30, "all gpus are used")
        large = self.submit("--resource", "gpu=4")
        fleet.eventually(lambda: (worker.pump(0.01), "room_kept" in self.why(large))[1], 30, "room is kept")
        kept = self.why(large)["room_kept"]
        self.assertEqual((kept["worker"], kept["short_of"]), ("gpus", ["gpu: 4 asked, 0 of 4 free"]))
        self.assertIn("room is kept for the first of its line on gpus", self.cli("task", "explain", large))
        page = fleet.eventually(lambda: (worker.pump(0.01), (m := self.metrics())["hirehall_rooms_kept"] == 1 and m)[1], 30, "it is counted")
        self.assertEqual((page["hirehall_roomless_lines"], page["hirehall_rooms_kept_total"]), (2, 1))
        for left in (3, 2):
            self.assertEqual(worker.finish(next(iter(worker.held.values())), hand.SUCCEEDED), "ok")
            worker.pump(0.05)
            self.assertEqual(len(worker.held), left, "nothing follows")
        held_back = self.why(small[-1])["no_room"]
        self.assertEqual(held_back["kept_on"], "gpus")
        self.assertIn("kept for a task that asks for more", held_back["message"])
        self.fleet.crash()
        fleet.eventually(lambda: (worker.pump(0.01), worker.number)[1], 30, "it is back")
        fleet.eventually(lambda: (worker.pump(0.01), "room_kept" in self.why(large))[1], 30, "the same after a crash")
        while hirehall.ids.text(next(iter(worker.held.values())).id) != large:
            self.assertLessEqual(len(worker.held), 4)
            self.assertEqual(worker.finish(next(iter(worker.held.values())), hand.SUCCEEDED), "ok")
            fleet.eventually(lambda: (worker.pump(0.01), worker.held)[1], 30, "an award")
        self.assertEqual(len(worker.held), 1)
        self.assertLess(self.client.stats()["tasks"]["succeeded"], 20, "small ones still wait")
        self.assertEqual(worker.finish(next(iter(worker.held.values())), hand.SUCCEEDED), "ok")
        fleet.eventually(lambda: (worker.pump(0.01), len(worker.held))[1] == 4, 30, "the small ones go on")

    def test_a_wait_that_ends_gives_the_room_back(self):
        self.fleet.broker_options["extra"] = ["--room-patience", "300ms"]
        self.fleet.crash()
        worker = self.fleet.worker(name="gpus", slots=8, resources={"gpu": "4"})
        for _ in range(12):
            self.submit("--resource", "gpu=1")
        large = self.submit("--resource", "gpu=4")
        fleet.eventually(lambda: (worker.pump(0.01), "room_kept" in self.why(large))[1], 30, "room is kept")
        self.assertEqual(worker.finish(next(iter(worker.held.values())), hand.SUCCEEDED), "ok")
        worker.pump(0.05)
        self.assertEqual(len(worker.held), 3)
        self.cli("task", "cancel", large)
        fleet.eventually(lambda: (worker.pump(0.01), len(worker.held))[1] == 4, 30, "the small ones go on")

    def test_a_patience_that_makes_no_sense_is_refused_by_name(self):
        done = subprocess.run([BIN / "hirehall-broker", "--data", "/nonexistent", "--room-patience", "often"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 64, done.stderr)
        self.assertIn("room-patience", done.stderr)

    def test_what_nobody_offers_is_named(self):
        self.fleet.worker(name="small", slots=2, resources={"gpu": "1"})
        for asked, missing in (("gpu=2", "resource gpu 2"), ("tpu=1", "resource tpu 1"), ("gpu=many", "not a whole amount")):
            why = self.why(self.submit("--resource", asked))["not_capable"]
            self.assertIn(missing, why["message"])
        self.assertIn("--resource takes KEY=VALUE", self.cli("task", "submit", "echo", "--resource", "gpu", code=2))

    def test_nothing_of_something_is_no_offer_and_weights_of_nothing_are_refused(self):
        worker = self.fleet.worker(name="bare", slots=2, resources={"gpu": "0", "memory": "0"})
        self.assertIn("resource gpu 1", self.why(self.submit("--resource", "gpu=1"))["not_capable"]["message"])
        plain = self.submit()
        fleet.eventually(lambda: (worker.pump(0.01), worker.held)[1], 30, "what asks for nothing runs there")
        self.assertEqual(hirehall.ids.text(next(iter(worker.held.values())).id), plain)
        for option, named in (("--weight=0", "weight"), ("--tenant-weight=acme=0", "acme")):
            self.assertIn(named, self.cli("queue", "set", "default", option, code=2))
        with self.assertRaisesRegex(Exception, "at least one slot"):
            self.fleet.worker(name="none", slots=0)

    def test_requirements_of_the_command_line_reach_the_broker(self):
        self.fleet.worker(name="plain", slots=2)
        why = self.why(self.submit("--capability", "vision", "--tool", "browser", "--tier", "3", "--require-label", "zone=eu"))["not_capable"]
        for word in ("capability vision", "tool browser", "tier 3", "label zone=eu"):
            self.assertIn(word, why["message"])


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall")
