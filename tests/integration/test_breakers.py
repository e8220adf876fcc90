#!/usr/bin/python3
# ctest: timeout=180
"""Breakers over the real broker and worker: opening, fallbacks, probes, services, by hand, explain, kill -9, bad input, Python."""

import os
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire, scripted_worker as hand
from integration.fleet import BIN, FleetTest, LIMIT, SOURCE, eventually

sys.path.insert(0, str(SOURCE / "client" / "python"))
import hirehall
from hirehall.wire import Kind

LIST, SHOW, RESET, TRIP = range(122, 126)

DEFINITION = """---
name: {name}
version: {version}
description: An agent of a test.
kind: process
{run}
types: [{types}]
{more}
---
"""
# Fails until there is a file.
FAILING = "per_task: true\ncommand: [/bin/sh, -c, 'test -e {file} || {{ echo no such luck >&2; exit 1; }}; echo done by {name}']"
# Says whose fault it is.
SERVED = """
import json, sys
for line in sys.stdin:
    if "run" in json.loads(line):
        print(json.dumps({"failed": {"error": "mail server says no", "service": "smtp", "delay_ms": DELAY}}), flush=True)
"""
ONCE = {"max_attempts": 1}


class Breakers(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = self.fleet.client()
        self.folder = self.fleet.directory / "agents"
        self.folder.mkdir()
        self.file = self.fleet.directory / "works"

    def define(self, name, run, types="echo", more="", version=1):
        (self.folder / f"{name}.md").write_text(DEFINITION.format(name=name, run=run, types=types, more=more, version=version))

    def work(self, slots=2):
        worker = self.fleet.worker_program("real", slots=slots, agents=self.folder, extra=("--allow-commands",))
        self.fleet.wait_worker(worker)
        return worker

    def run_task(self, type_="echo", **options):
        return self.client.wait(self.client.submit_one(type_, **(ONCE | options)))

    def state(self, name):
        return self.client.call(SHOW, {"name": name})["state"]

    def why(self, task):
        return {w["what"]: w for w in self.client.call(wire.EXPLAIN, {"id": task})["why"]}

    def page(self):
        return urllib.request.urlopen(f"http://{self.fleet.broker.metrics}/metrics", timeout=LIMIT).read().decode()

    def hired(self, name, guard, types=("echo",), **options):
        """A worker by hand whose agent says this of breakers."""
        agent = {"name": name, "version": "1", "types": list(types), **guard}
        return self.fleet.worker(*types, agents=[agent], **options)

    def fail_tasks(self, worker, count, **extras):
        for _ in range(count):
            task = self.client.submit_one("echo", **ONCE)
            award = worker.award()
            self.assertEqual(award.id, task)
            self.assertEqual(worker.finish(award, hand.FAILED, error="trouble", **extras), "ok")

    def test_an_agent_that_fails_is_left_alone_and_its_fallback_works_until_it_is_well(self):
        self.define("shaky", FAILING.format(file=self.file, name="shaky"), more="breaker: {failures: 2, open: 1s, probes: 1}\nfallbacks: [absent, steady]")
        self.define("steady", "per_task: true\ncommand: [/bin/echo, done by steady]", types="other")
        self.work()
        self.assertEqual([self.run_task()["state"] for _ in range(2)], ["failed"] * 2)
        told = self.client.call(SHOW, {"name": "shaky"})
        self.assertIn(told["state"], ("open", "half_open"))
        self.assertEqual((told["kind"], told["opened"], told["fallbacks"]), ("agent", 1, ["absent", "steady"]))
        self.assertIn("no such luck", told["error"])
        ends = [self.run_task() for _ in range(5)]
        self.assertIn(b"done by steady\n", [end["result"] for end in ends])
        self.file.touch()

        def well():
            end = self.run_task()
            return end["state"] == "succeeded" and end["result"] == b"done by shaky\n" and self.state("shaky") == "closed"

        eventually(well, what="it works again")

    def test_without_a_fallback_work_waits_and_explain_says_why(self):
        worker = self.hired("shaky", {"breaker": {"failures": 2, "open_ms": 3_600_000, "probes": 1}, "fallbacks": ["nobody"]})
        self.fail_tasks(worker, 2)
        waits = self.client.submit_one("echo")
        why = self.why(waits)["breaker"]
        self.assertEqual((why["agent"], why["state"], why["fallbacks"]), ("shaky", "open", ["nobody"]))
        self.assertGreater(why["until"], 0)
        self.assertNotIn("not_capable", self.why(waits))
        text = self.run_cli("task", "explain", hirehall.ids.text(waits))[1]
        self.assertIn("the breaker of agent shaky is open for another", text)
        self.assertEqual(worker.awards(1, limit=0.3), [])
        eventually(lambda: 'hirehall_breaker_state{of="agent",name="shaky"} 1' in self.page(), what="the gauge says open")
        self.assertIn('hirehall_breaker_opened_total{of="agent",name="shaky"} 1', self.page())
        code, out, _ = self.run_cli("check", "-o", "json")
        self.assertIn("breaker is not closed: agent shaky open", out)
        # By hand it works at once.
        told = self.ok("breaker", "reset", "shaky", "--reason", "key renewed")
        self.assertEqual(told["state"], "closed")
        self.assertEqual(worker.award().id, waits)
        acts = self.ok("audit", "list")
        self.assertIn(("breaker_reset", "key renewed"), [(act["act"], act["reason"]) for act in acts])

    def test_the_command_line(self):
        self.hired("writer", {"breaker": {}, "services": ["smtp", "writer"]})
        rows = {(row["kind"], row["name"]): row for row in self.ok("breaker", "list")}
        self.assertEqual(sorted(rows), [("agent", "writer"), ("service", "smtp"), ("service", "writer")])
        usual = rows["agent", "writer"]
        self.assertEqual((usual["failures_to_open"], usual["open_ms"], usual["probes"], usual["state"]), (3, 60_000, 3, "closed"))
        self.assertEqual((rows["service", "smtp"]["failures_to_open"], rows["service", "smtp"]["agents"]), (5, ["writer"]))
        tripped = self.ok("breaker", "trip", "writer", "--service", "--for", "10m", "--reason", "maintenance")
        self.assertEqual((tripped["kind"], tripped["state"], tripped["error"]), ("service", "open", "maintenance"))
        self.assertEqual(self.ok("breaker", "show", "writer")["state"], "closed")
        self.assertIn("maintenance", self.run_cli("breaker", "list")[1])
        code, _, error = self.run_cli("breaker", "reset", "nobody")
        self.assertEqual(code, 3)
        self.assertIn("no agent with a breaker is called nobody", error)
        code, out, _ = self.run_cli("breaker", "--help")
        self.assertIn("trip", out)
        done = subprocess.run([BIN / "hirehall", "__complete", "--broker", self.fleet.broker.endpoint, "breaker", "reset", "sm"],
                              capture_output=True, text=True, timeout=LIMIT)
        self.assertIn("smtp\tservice, closed", done.stdout)

    def test_a_service_keeps_all_from_work_that_list_it(self):
        program = self.fleet.directory / "served.py"
        program.write_text(SERVED.replace("DELAY", "0"))
        run = f"command: [/usr/bin/python3, {program}]"
        self.define("mailer", run, more="breaker: on\nservices: [smtp]")
        self.define("newsletter", run, types="news", more="services: smtp")
        self.work()
        for _ in range(5):
            self.assertEqual(self.run_task()["error"]["message"], "mail server says no")
        told = self.client.call(SHOW, {"name": "smtp"})
        self.assertEqual((told["state"], told["kind"], told["agents"]), ("open", "service", ["mailer", "newsletter"]))
        self.assertEqual(self.state("mailer"), "closed")
        why = self.why(self.client.submit_one("news"))["breaker"]
        self.assertEqual((why["agent"], why["service"]), ("newsletter", "smtp"))

    def test_a_plugin_says_whose_fault_it_is_in_a_child_and_in_the_worker(self):
        for name, in_process in (("apart", "false"), ("inside", "true")):
            folder = self.fleet.directory / name
            folder.mkdir()
            (folder / f"{name}.md").write_text(f"---\nname: {name}\ndescription: Blames.\nlibrary: trouble.so\nin_process: {in_process}\n"
                                               f"types: [blame]\nservices: [{name}-service]\n---\n")  # fmt: skip
            worker = self.fleet.worker_program(name, agents=folder)
            self.fleet.wait_worker(worker)
            for _ in range(5):
                end = self.client.wait(self.client.submit_one("blame", f"{name}-service".encode(), **ONCE))
                self.assertEqual(end["error"]["message"], "it was not me")
            self.assertEqual(self.state(f"{name}-service"), "open")
            worker.end()

    def test_a_service_that_says_when_to_come_back_is_paused_until_then(self):
        worker = self.hired("mailer", {"services": ["smtp"]})
        self.fail_tasks(worker, 1, service="smtp", delay_ms=3000)
        self.assertEqual(self.state("smtp"), "paused")
        waits = self.client.submit_one("echo")
        self.assertEqual(self.why(waits)["breaker"]["state"], "paused")
        self.assertEqual(worker.award().id, waits)
        self.assertEqual(self.state("smtp"), "closed")

    def test_after_kill_9_breakers_are_closed_and_nothing_is_lost(self):
        worker = self.hired("shaky", {"breaker": {"failures": 1, "open_ms": 3_600_000}})
        self.fail_tasks(worker, 1)
        waits = self.client.submit_one("echo")
        self.assertEqual(self.state("shaky"), "open")
        self.fleet.crash()
        self.assertEqual(worker.award(limit=2 * LIMIT).id, waits)
        self.assertEqual(self.state("shaky"), "closed")

    def test_bad_input_is_refused_by_name(self):
        for guard, what in (({"breaker": {"failures": 0}}, "breaker: a breaker needs at least 1 failure"), ({"breaker": {"probes": -1}}, "1 probe"),
                            ({"breaker": {"open_ms": 0}}, "1 ms to 24 h"), ({"breaker": {"failures": 5000}}, "at most 1000"),
                            ({"fallbacks": ["other"]}, "say `breaker: on`"), ({"breaker": {}, "fallbacks": ["bad"]}, "no fallback of itself"),
                            ({"services": [str(i) for i in range(17)]}, "services: at most 16"), ({"services": ["a", "a"]}, "named twice")):  # fmt: skip
            error = self.refused("invalid", self.hired, "bad", guard)
            self.assertIn(what, error.message)
            self.assertIn("agent bad", error.message)
        self.refused("bad_message", self.hired, "bad", {"breaker": "on"})
        self.assertEqual(self.refused("invalid", self.client.call, SHOW, {"name": "x", "kind": "worker"}).context, "kind")
        self.assertEqual(self.refused("invalid", self.client.call, TRIP, {"name": "x", "for_ms": -1}).context, "for_ms")
        self.refused("not_found", self.client.call, TRIP, {"name": "x"})
        for more, line, what in (("breaker: perhaps", 8, "breaker: give on, off, or a map"), ("breaker: {after: 3}", 8, "failures, open and probes"),
                                 ("breaker:\n  failures: 0", 9, "give a number from 1 to 1000"), ("breaker: {open: 48h}", 8, "1 ms to 24h"),
                                 ("breaker: on\nfallbacks: [a, a]", 9, "named twice")):  # fmt: skip
            self.define("bad", "command: [/bin/true]", more=more)
            done = subprocess.run([BIN / "hirehall-worker", "--broker", self.fleet.broker.endpoint, "--agents", self.folder, "--allow-commands"],
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(f"bad.md:{line}", done.stderr)
            self.assertIn(what, done.stderr)

    def test_the_python_client_and_worker(self):
        worker = hirehall.Worker(self.fleet.broker.endpoint, name="python")

        @worker.agent("echo", name="mailer", breaker={"failures": 1, "open_ms": 3_600_000}, fallbacks=["other"], services=["smtp"])
        def mailer(attempt):
            raise hirehall.Failed("no", service="smtp", delay_ms=3_600_000)

        with worker, hirehall.Client(self.fleet.broker.endpoint) as client:
            self.client.wait(self.client.submit_one("echo", **ONCE))
            self.assertEqual({b["name"]: b["state"] for b in client.breakers()}, {"mailer": "closed", "smtp": "paused"})
            self.assertEqual(client.breaker("mailer")["fallbacks"], ["other"])
            self.assertEqual(client.reset_breaker("smtp")["state"], "closed")
            self.assertEqual(client.trip_breaker("mailer", duration=60_000, reason="test")["state"], "open")
            self.assertEqual(Kind.BREAKER_TRIP, TRIP)


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall-worker", "hirehall")
