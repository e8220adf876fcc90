#!/usr/bin/python3
# ctest: timeout=240
"""Traces: what agents are given, and what a collector is sent, slow, away, refusing or not there at all."""

import json
import os
import re
import subprocess
import sys
import unittest
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, otlp_receiver
from integration.fleet import BIN, SOURCE, FleetTest, eventually
from integration.scripted_worker import FAILED, SUCCEEDED

sys.path.insert(0, str(SOURCE / "client" / "python"))

from hirehall import ids

ORIGIN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSAMPLED = ORIGIN[:-2] + "00"
TRACE, PARENT = ORIGIN[3:35], ORIGIN[36:52]


class Schema(unittest.TestCase):
    """The receiver's own checks: each of these requests has a fault that it has to name."""

    SPAN = {"traceId": "ab" * 16, "spanId": "cd" * 8, "name": "n", "kind": 5, "startTimeUnixNano": "1", "endTimeUnixNano": "2"}

    def faults(self, **changes):
        span = {name: value for name, value in {**self.SPAN, **changes}.items() if value is not None}
        return otlp_receiver.faults({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})

    def test_the_receiver_sees_what_is_wrong(self):
        self.assertEqual(self.faults(), [])
        for wrong in ({"traceId": "AB" * 16}, {"traceId": "0" * 32}, {"spanId": "cd" * 7}, {"name": None}, {"kind": "SPAN_KIND_CONSUMER"}, {"kind": 6},
                      {"startTimeUnixNano": 1}, {"endTimeUnixNano": "0"}, {"trace_id": "x"}, {"status": {"code": 3}}, {"links": [{"traceId": "ab" * 16}]},
                      {"attributes": [{"key": "a", "value": {"intValue": 5}}]}, {"attributes": [{"key": "a", "value": "b"}]},
                      {"attributes": [{"key": "a", "value": {"stringValue": "b"}}] * 2}):
            self.assertTrue(self.faults(**wrong), wrong)


class Traces(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = self.fleet.client()

    def collected(self, *more, receiver=None):
        """A broker that sends to a receiver of its own."""
        self.receiver = receiver or otlp_receiver.Receiver()
        self.addCleanup(self.receiver.close)
        self.again("--traces", self.receiver.url, *more)

    def again(self, *options):
        self.fleet.broker.stop()
        self.fleet.broker_options["extra"] = options
        self.fleet.start()
        self.client = self.fleet.client()

    def spans(self, count):
        spans = eventually(lambda: len(self.receiver.spans) >= count and self.receiver.spans, what=f"{count} spans")
        self.assertEqual(self.receiver.faults, [])
        self.assertEqual(len(spans), count, [span["name"] for span in spans])
        return spans

    def metric(self, outcome):
        text = urllib.request.urlopen(f"http://{self.fleet.broker.metrics}/metrics").read().decode()
        found = re.search(rf'hirehall_trace_spans_total{{outcome="{outcome}"}} (\d+)', text)
        return int(found.group(1)) if found else None

    def end(self, worker, **options):
        award = worker.award()
        self.assertEqual(worker.finish(award, **options), "ok")
        return award

    def test_what_is_no_traceparent_is_refused(self):
        for wrong in ("x", ORIGIN.upper(), "00-" + "0" * 32 + ORIGIN[35:], ORIGIN[:36] + "0" * 16 + "-01", "ff" + ORIGIN[2:], ORIGIN + "-x", ORIGIN[:-1]):
            answer = self.client.submit_one("echo", b"1", trace=wrong)
            self.assertEqual(answer.code, "invalid", wrong)
            self.assertIn("traceparent", answer.message)
        code, _, errors = self.run_cli("task", "submit", "echo", "--trace", "x")
        self.assertEqual(code, 2, errors)
        self.assertIn("traceparent", errors)
        self.assertIsInstance(self.client.submit_one("echo", b"1", trace="01" + ORIGIN[2:] + "-later"), bytes)

    def test_each_attempt_is_given_a_trace_of_its_own_without_any_collector(self):
        worker = self.fleet.worker("echo")
        self.client.submit_one("echo", b"1", trace=ORIGIN, backoff_ms=1)
        given = []
        for outcome in (FAILED, SUCCEEDED):
            given.append(self.end(worker, outcome=outcome).extras)
        self.assertEqual([extras["trace_origin"] for extras in given], [ORIGIN, ORIGIN])
        first, second = (extras["trace"] for extras in given)
        for trace in (first, second):
            self.assertRegex(trace, r"^00-[0-9a-f]{32}-[0-9a-f]{16}-01$")
        self.assertEqual(len({first[3:35], second[3:35], TRACE}), 3)
        self.client.submit_one("echo", b"1")
        self.assertNotIn("trace", worker.award().extras or {})

    def test_attempts_are_told_with_a_link_to_where_the_task_came_from(self):
        self.collected()
        worker = self.fleet.worker("echo")
        id_ = self.client.submit_one("echo", b"1", trace=ORIGIN, backoff_ms=1)
        first = self.end(worker, outcome=FAILED, error="no luck", error_code="luck").extras["trace"]
        second = self.end(worker, result=b"2", usage={"tokens": 12, "cost": 0.5}).extras["trace"]
        spans = self.spans(3)
        task, = (span for span in spans if span["traceId"] == TRACE)
        attempts = sorted((span for span in spans if span is not task), key=lambda span: span["attributes"]["hirehall.attempt"])
        self.assertEqual([(span["traceId"], span["spanId"]) for span in attempts], [(t[3:35], t[36:52]) for t in (first, second)])
        for span in attempts:
            self.assertEqual((span["name"], span["kind"], span.get("parentSpanId")), ("process default", 5, None))
            self.assertEqual([(link["traceId"], link["spanId"]) for link in span["links"]], [(TRACE, PARENT)])
            self.assertEqual({key: span["attributes"][key] for key in ("messaging.system", "messaging.message.id", "messaging.destination.name", "hirehall.task.type",
                                                                       "hirehall.agent", "messaging.operation.type")},
                             {"messaging.system": "hirehall", "messaging.message.id": ids.text(id_), "messaging.destination.name": "default", "hirehall.task.type": "echo",
                              "hirehall.agent": "scripted", "messaging.operation.type": "process"})
        self.assertEqual(attempts[0]["status"], {"code": 2, "message": "no luck"})
        self.assertEqual((attempts[0]["attributes"]["error.type"], attempts[0]["attributes"]["hirehall.next_state"]), ("luck", "scheduled"))
        self.assertNotIn("status", attempts[1])
        self.assertEqual((attempts[1]["attributes"]["hirehall.usage.tokens"], attempts[1]["attributes"]["hirehall.usage.cost"]), (12, 0.5))
        self.assertEqual((task["name"], task["kind"], task["parentSpanId"], task["attributes"]["hirehall.state"]), ("task default", 1, PARENT, "succeeded"))
        self.assertEqual({(link["traceId"], link["spanId"]) for link in task["links"]}, {(t[3:35], t[36:52]) for t in (first, second)})
        self.assertLess(int(task["startTimeUnixNano"]), int(task["endTimeUnixNano"]))
        # The same moment of engine time, told beside the wall clock of two turns.
        self.assertAlmostEqual(int(task["endTimeUnixNano"]), int(attempts[1]["endTimeUnixNano"]), delta=2_000_000)
        resource = self.receiver.requests[0][2]["resourceSpans"][0]["resource"]["attributes"]
        self.assertIn({"key": "service.name", "value": {"stringValue": "hirehall-broker"}}, resource)
        eventually(lambda: self.metric("sent") == 3, what="counted")

    def test_what_goes_beside_a_trace_reaches_agents_and_the_collector(self):
        self.collected()
        worker = self.fleet.worker("echo")
        self.client.submit_one("echo", b"1", trace=ORIGIN, tracestate="rojo=1,congo=2", baggage="user=alice;p=1")
        given = self.end(worker).extras
        self.assertEqual((given["tracestate"], given["baggage"]), ("rojo=1,congo=2", "user=alice;p=1"))
        task, = (span for span in self.spans(2) if span["traceId"] == TRACE)
        attempt, = (span for span in self.receiver.spans if span is not task)
        self.assertEqual((task["traceState"], attempt["links"][0]["traceState"]), ("rojo=1,congo=2", "rojo=1,congo=2"))
        self.assertNotIn("traceState", attempt, "the attempt's trace is new")
        self.client.submit_one("echo", b"1", baggage="user=bob")
        self.assertEqual(self.end(worker).extras["baggage"], "user=bob")

    def test_what_is_no_tracestate_or_baggage_is_refused(self):
        for wrong, word in (({"trace": ORIGIN, "tracestate": "no pair"}, "tracestate"), ({"tracestate": "a=1"}, "trace"), ({"baggage": "no pair"}, "baggage"),
                            ({"trace": ORIGIN, "tracestate": "a=" + "x" * 2000}, "tracestate"), ({"baggage": "a=" + "x" * 9000}, "baggage")):
            answer = self.client.submit_one("echo", b"1", **wrong)
            self.assertEqual(answer.code, "invalid", wrong)
            self.assertIn(word, answer.message)
        code, _, errors = self.run_cli("task", "submit", "echo", "--baggage", "x")
        self.assertEqual(code, 2, errors)
        self.assertIn("baggage", errors)

    def test_tasks_that_no_attempt_ends_are_told_with_the_reason(self):
        self.collected()
        given = {"trace": ORIGIN, "tracestate": "rojo=1"}
        worker = self.fleet.worker("tried")
        tried = self.client.submit_one("tried", b"1", backoff_ms=600_000, backoff_max_ms=600_000, **given)
        first = self.end(worker, outcome=FAILED).extras["trace"]
        cancelled = self.client.submit_one("echo", b"1", **given)
        self.client.submit_one("echo", b"2", trace=UNSAMPLED)
        self.client.submit_one("echo", b"3")
        replaced = self.client.submit_one("echo", b"4", unique_key="k", on_conflict="replace", **given)
        for wanted in (b"5", b"6"):
            self.client.submit_one("echo", wanted, unique_key="k", on_conflict="replace")
        expired = self.client.submit_one("echo", b"7", ttl_ms=1, **given)
        refused = self.client.submit_one("echo", b"8", policies={"approval": "award"}, **given)
        code, _, errors = self.run_cli("inbox", "reject", ids.text(refused), "--reason", "too dear")
        self.assertEqual(code, 0, errors)
        code, _, errors = self.run_cli("task", "cancel", ids.text(tried), "--reason", "had enough")
        self.assertEqual(code, 0, errors)
        code, _, errors = self.run_cli("task", "cancel", "--where", "queue=default", "--yes", "--reason", "cleared")
        self.assertEqual(code, 0, errors)
        spans = self.spans(6)
        tasks = {span["attributes"]["messaging.message.id"]: span for span in spans if span["traceId"] == TRACE}
        self.assertEqual(set(tasks), {ids.text(id_) for id_ in (tried, cancelled, replaced, expired, refused)})
        for id_, state, words in ((tried, "cancelled", "had enough"), (cancelled, "cancelled", "cleared"), (replaced, "cancelled", "replaced"),
                                  (expired, "expired", None), (refused, "cancelled", "too dear")):
            span = tasks[ids.text(id_)]
            self.assertEqual((span["name"], span["kind"], span["parentSpanId"], span["traceState"], span["attributes"]["hirehall.state"]),
                             ("task default", 1, PARENT, "rojo=1", state))
            self.assertEqual(span["attributes"]["hirehall.attempts"], 1 if id_ == tried else 0)
            self.assertLessEqual(int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"]))
            if words:
                self.assertIn(words, span["attributes"]["hirehall.reason"])
        self.assertEqual([(link["traceId"], link["spanId"]) for link in tasks[ids.text(tried)]["links"]], [(first[3:35], first[36:52])])
        self.assertEqual((tasks[ids.text(expired)]["attributes"]["error.type"], tasks[ids.text(expired)]["status"]["code"]), ("ttl", 2))

    def test_tasks_without_a_trace_are_traced_by_share_and_unsampled_ones_never(self):
        self.collected()
        worker = self.fleet.worker("echo", credit=4)
        self.client.submit_one("echo", b"1", trace=UNSAMPLED)
        self.assertEqual(self.end(worker).extras["trace"][-2:], "00")
        self.client.submit_one("echo", b"2")
        given = self.end(worker).extras["trace"]
        span, = self.spans(1)
        self.assertEqual((span["traceId"], span["links"]), (given[3:35], []))
        self.collected("--traces-share", "0")
        worker = self.fleet.worker("echo")
        self.client.submit_one("echo", b"3")
        self.assertNotIn("trace", self.end(worker).extras or {})
        self.client.submit_one("echo", b"4", trace=ORIGIN)
        self.end(worker)
        self.spans(2)

    def test_an_attempt_whose_worker_was_killed_is_told_as_lost_also_after_a_restart(self):
        self.collected("--lease", "1s")
        worker = self.fleet.worker("echo", beats=False)
        self.client.submit_one("echo", b"1", trace=ORIGIN, max_losses=1)
        given = worker.award().extras["trace"]
        self.fleet.broker.kill()
        self.fleet.start()
        spans = self.spans(2)
        lost, = (span for span in spans if span["traceId"] == given[3:35])
        self.assertEqual((lost["attributes"]["hirehall.outcome"], lost["attributes"]["error.type"], lost["status"]["code"]), ("lost", "lost", 2))

    def test_a_collector_that_is_busy_gets_the_batch_again_and_nothing_is_lost(self):
        self.collected()
        self.receiver.answers = [(503, {}, b"busy"), (429, {"Retry-After": "1"}, b"slow down")]
        worker = self.fleet.worker("echo")
        self.client.submit_one("echo", b"1", trace=ORIGIN)
        self.end(worker)
        self.spans(2)
        self.assertEqual([status for status, _, _ in self.receiver.requests][:3], [503, 429, 200])
        eventually(lambda: self.metric("sent") == 2 and self.metric("dropped") == 0, what="counted as sent")
        self.assertIn("does not take spans", self.fleet.broker.text())
        eventually(lambda: "takes spans again" in self.fleet.broker.text(), what="said that it is back")

    def test_refused_and_rejected_spans_are_counted_with_the_collectors_words(self):
        self.collected()
        self.receiver.answers = [(400, {}, b"I dislike it")]
        worker = self.fleet.worker("echo")
        self.client.submit_one("echo", b"1")
        self.end(worker)
        eventually(lambda: self.metric("dropped") == 1, what="dropped")
        self.assertIn("I dislike it", self.fleet.broker.text())
        self.receiver.answers = [(200, {}, json.dumps({"partialSuccess": {"rejectedSpans": "1", "errorMessage": "too old"}}).encode())]
        self.client.submit_one("echo", b"1")
        self.end(worker)
        eventually(lambda: self.metric("rejected") == 1, what="rejected")
        self.assertIn("too old", self.fleet.broker.text())

    def test_a_collector_that_hangs_holds_up_nothing_and_what_is_too_much_is_counted(self):
        self.collected()
        self.receiver.held.clear()
        tasks = 10_000
        code, _, errors = self.run_cli("task", "submit", "echo", "--count", tasks, "-o", "none")
        self.assertEqual(code, 0, errors)
        self.fleet.worker_program("hands", agents=("echo",))
        eventually(lambda: self.metric("dropped") >= 1, limit=fleet.LIMIT * 6, what="some dropped while the collector hangs")
        self.receiver.held.set()
        eventually(lambda: self.metric("sent") + self.metric("dropped") == tasks, limit=fleet.LIMIT * 3, what="each span counted once")
        self.assertEqual(self.receiver.faults, [])

    def test_what_waits_is_sent_when_the_broker_stops_and_an_absent_collector_does_not_hold_it_up(self):
        self.collected()
        worker = self.fleet.worker("echo")
        self.client.submit_one("echo", b"1")
        self.end(worker)
        self.assertEqual(self.fleet.broker.stop(), 0)
        self.spans(1)
        self.receiver.close()
        self.fleet.start()
        self.client = self.fleet.client()
        worker = self.fleet.worker("echo")
        self.client.submit_one("echo", b"1")
        self.end(worker)
        self.assertEqual(self.fleet.broker.stop(), 0)

    def test_headers_come_from_a_file_and_mistakes_are_named(self):
        headers = self.fleet.directory / "headers"
        headers.write_text("# for the collector\nAuthorization: Bearer abc\n")
        self.collected("--traces-headers", str(headers))
        worker = self.fleet.worker("echo")
        self.client.submit_one("echo", b"1")
        self.end(worker)
        self.spans(1)
        self.assertEqual(self.receiver.requests[0][1]["Authorization"], "Bearer abc")
        for wrong, words in ((("--traces", "localhost:4318"), "http://HOST:PORT"), (("--traces", "http://:4318"), "host is missing"),
                             (("--traces", self.receiver.url, "--traces-headers", "/nowhere"), "/nowhere")):
            done = subprocess.run([BIN / "hirehall-broker", "--data", self.fleet.directory / "none", "--listen", f"ipc://{self.fleet.directory}/n.sock", *wrong],
                                  capture_output=True, text=True, timeout=fleet.LIMIT)
            self.assertEqual(done.returncode, 64, done.stderr)
            self.assertIn(words, done.stderr)
        headers.write_text("no header\n")
        done = subprocess.run([BIN / "hirehall-broker", "--data", self.fleet.directory / "none", "--listen", f"ipc://{self.fleet.directory}/n.sock",
                               "--traces", self.receiver.url, "--traces-headers", headers], capture_output=True, text=True, timeout=fleet.LIMIT)
        self.assertEqual(done.returncode, 64)
        self.assertIn("line 1", done.stderr)

    def test_programs_have_it_in_their_environment_and_so_does_the_command_line(self):
        folder = self.fleet.directory / "agents"
        folder.mkdir()
        (folder / "env.md").write_text("---\nname: env\nversion: 1\ndescription: Says what trace it is in.\nkind: process\nper_task: true\ncommand: [/bin/sh, -c, 'cat >/dev/null; echo \"$TRACEPARENT $HIREHALL_TRACE_ORIGIN $TRACESTATE $BAGGAGE\"']\ntypes: [env]\n---\n")
        self.fleet.wait_worker(self.fleet.worker_program("hands", agents=folder, extra=("--allow-commands",)))
        done = subprocess.run([BIN / "hirehall", "--broker", self.fleet.broker.endpoint, "task", "run", "env"], capture_output=True, text=True,
                              timeout=fleet.LIMIT, env=dict(os.environ, TRACEPARENT=ORIGIN, TRACESTATE="rojo=1", BAGGAGE="user=alice"))
        self.assertEqual(done.returncode, 0, done.stderr)
        trace, *others = done.stdout.split()
        self.assertEqual(others, [ORIGIN, "rojo=1", "user=alice"])
        self.assertNotEqual(trace[3:35], TRACE)


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall", "hirehall-worker")
