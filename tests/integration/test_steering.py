#!/usr/bin/python3
# ctest: timeout=180
"""Reading and steering: wait, list, queues, result streams that resume from a position, numbers and health."""

import os
import sys
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire, scripted_worker as hand
from integration.fleet import FleetTest, LIMIT, eventually


class Steering(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = self.fleet.client()

    def done(self, count, type_="echo", **options):
        """Submits and executes tasks; their ids in order."""
        ids = self.client.submit([[0, b"%d" % n] for n in range(count)], [dict(options, type=type_)])
        worker = self.fleet.worker(type_, slots=16)
        worker.echo(lambda: worker.recorded >= count)
        worker.close()
        return ids

    # Reading.

    def test_wait_answers_when_the_task_ends_and_times_out_when_it_does_not(self):
        id_ = self.client.submit_one("echo", b"x")
        began = time.monotonic()
        self.assertEqual(self.refused("timeout", self.client.wait, id_, 300).action, "retry")
        self.assertGreater(time.monotonic() - began, 0.28)
        self.refused("timeout", self.client.wait, id_, 0)
        request = self.client.post(wire.WAIT, {"id": id_, "timeout_ms": 30000})
        worker = self.fleet.worker("echo")
        worker.finish(worker.award(), result=b"y")
        self.assertEqual(self.client.fetch(request)["result"], b"y")
        self.assertEqual(self.client.wait(id_, 0)["state"], "succeeded")
        self.refused("invalid", self.client.call, wire.WAIT, {"id": id_, "timeout_ms": 3_600_001})

    def test_a_wait_over_a_crash_of_the_broker_is_answered(self):
        id_ = self.client.submit_one("echo", b"x")
        request = self.client.post(wire.WAIT, {"id": id_, "timeout_ms": 30000})
        self.fleet.crash()
        worker = self.fleet.worker("echo")
        worker.finish(worker.award(), result=b"y")
        self.assertEqual(self.client.fetch(request, LIMIT)["result"], b"y")

    def test_mistyped_and_unknown_ids_are_not_found_everywhere(self):
        known = self.client.submit_one("echo")
        wrong = [bytes(16), b"\xff" * 16, os.urandom(16)] + [
            known[:n] + bytes([known[n] ^ 1]) + known[n + 1:] for n in range(16)]
        for id_ in wrong:
            for kind, body in ((wire.GET, {}), (wire.WAIT, {"timeout_ms": 0}), (wire.EXPLAIN, {}), (wire.ANSWER, {"value": b""})):
                error = self.refused("not_found", self.client.call, kind, dict(body, id=id_))
                self.assertEqual(error.action, "give_up")
        self.assertEqual(set(self.client.cancel(*wrong)), {"not_found"})
        self.assertEqual(self.client.state(known), "ready")

    def test_payload_and_result_that_do_not_fit_one_frame_come_one_by_one(self):
        payload = os.urandom(1 << 20)
        id_ = self.client.submit_one("echo", payload)
        worker = self.fleet.worker("echo")
        worker.finish(worker.award(), result=payload)
        self.client.wait(id_)
        task = self.client.get(id_)
        self.assertEqual((task["result"], task["omitted"]), (payload, ["payload"]))
        self.assertEqual(self.client.get(id_, result=False)["payload"], payload)

    def test_list_walks_all_tasks_in_order_page_by_page(self):
        ids = self.client.submit([[n % 2, b""] for n in range(250)], [{"type": "a"}, {"type": "b", "labels": {"l": "1"}}])
        tasks = self.client.walk(limit=100)
        self.assertEqual([t["id"] for t in tasks], ids)
        self.assertFalse(any(key in t for t in tasks for key in ("payload", "result", "history")))
        self.assertEqual([t["id"] for t in self.client.walk(newest_first=True)], ids[::-1])
        self.assertEqual([t["id"] for t in self.client.walk(type="b", limit=7)], ids[1::2])
        self.client.cancel(*ids[:10])
        self.assertEqual([t["id"] for t in self.client.walk(state="cancelled")], ids[:10])
        self.assertEqual(len(self.client.walk(state="ready", queue="default")), 240)

    def test_list_refuses_what_it_does_not_know(self):
        for wrong in ({"state": "waiting"}, {"limit": 0}, {"limit": 1001}, {"cursor": b"junk"}):
            self.refused("invalid", self.client.call, wire.LIST, wrong)
        self.refused("not_found", self.client.call, wire.LIST, {"queue": "nowhere"})

    def test_explain_says_why_a_task_does_not_run_and_why_it_was_awarded(self):
        id_ = self.client.submit_one("nobody")
        answer = self.client.call(wire.EXPLAIN, {"id": id_})
        self.assertEqual(answer["state"], "ready")
        self.assertTrue(any("worker" in reason for reason in answer["reasons"]), answer)
        self.client.call(wire.PAUSE, {"queue": "default", "reason": "repair"})
        self.assertTrue(any("pause" in reason for reason in self.client.call(wire.EXPLAIN, {"id": id_})["reasons"]))
        self.client.call(wire.RESUME, {"queue": "default"})
        done = self.done(1)[0]
        award = self.client.call(wire.EXPLAIN, {"id": done})["awards"][0]
        self.assertEqual((award["attempt"], award["policy"]), (1, "least_loaded"))
        self.assertEqual((award["candidates"], award["load"]), (1, 0.0), "also when the task has ended")

    def test_tenants_are_counted_truly_also_beyond_a_thousand_tasks_and_a_crash(self):
        self.client.queue("q")
        for tenant, queue, count in (("a", "default", 1500), ("a", "q", 30), ("b", "q", 2)):
            for _ in range(0, count, 500):
                self.client.submit([[0, b""]] * min(500, count), [{"type": "nobody", "tenant": tenant, "queue": queue}])
        self.client.cancel(self.client.walk(tenant="b")[0]["id"])
        expected = [("a", 2, 1530, 0), ("b", 1, 1, 1)]
        shown = lambda: [(t["tenant"], t["queues"], t["ready"], t["cancelled"])
                         for t in self.client.call(wire.TENANT_LIST, {})["tenants"]]
        self.assertEqual(shown(), expected)
        self.fleet.crash()
        self.assertEqual(shown(), expected)

    # Queues.

    def test_a_queue_is_created_changed_and_durable(self):
        shown = self.client.queue("q", weight=7, cap=100, retention_ms=5000, timeout_ms=600, tenants={"t": 3}, limits={"k": 2})
        self.assertEqual((shown["queue"], shown["weight"], shown["cap"], shown["policy"]), ("q", 7, 100, "least_loaded"))
        self.client.queue("q", limits={"l": 1})
        self.fleet.crash()
        again = self.client.queue_show("q")
        self.assertEqual((again["weight"], again["retention_ms"], again["timeout_ms"]), (7, 5000, 600))
        self.assertEqual((again["limits"], again["tenants"]), ({"k": 2, "l": 1}, {"t": 3}))
        self.assertEqual({q["queue"] for q in self.client.call(wire.QUEUE_LIST, {})["queues"]}, {"default", "q"})

    def test_queue_verbs_refuse_what_is_wrong(self):
        for wrong in ({"weight": 0}, {"weight": 1001}, {"policy": "whim"}, {"cap": -1}):
            error = self.refused("invalid", self.client.queue, "q", **wrong)
            self.assertIn(next(iter(wrong)), error.context + error.message)
        self.refused("invalid", self.client.queue, "")
        self.refused("not_found", self.client.queue_show, "nowhere")
        self.refused("not_found", self.client.call, wire.PAUSE, {"queue": "nowhere"})
        self.refused("invalid", self.client.call, wire.PAUSE, {"reason": "of nothing"})
        self.refused("not_found", self.client.call, wire.DEAD_LIST, {"queue": "nowhere"})

    # Results as they come.

    def test_results_of_this_session_are_pushed(self):
        other = self.fleet.client()
        self.client.subscribe()
        foreign = other.submit_one("echo", b"foreign")
        ids = self.done(50)
        got = {}
        for id_, state, result, _error in self.client.results(lambda: len(got) >= 50):
            got[id_] = (state, result)
        self.assertEqual(got, {id_: ("succeeded", b"%d" % n) for n, id_ in enumerate(ids)})
        self.assertNotIn(foreign, got)

    def test_a_queue_stream_tells_every_way_to_end(self):
        self.client.queue("q")
        self.fleet.client().call(wire.QUEUE_SHOW, {"queue": "q"})
        self.client.subscribe(of="queue", queue="q")
        worker = self.fleet.worker("echo")
        bad = self.client.submit_one("echo", queue="q", max_attempts=1)
        worker.finish(worker.award(), hand.FAILED, error="no", error_code="e")
        cancelled = self.client.submit_one("nobody", queue="q")
        self.client.cancel(cancelled)
        expired = self.client.submit_one("nobody", queue="q", ttl_ms=1)
        got = {}
        for id_, state, _result, error in self.client.results(lambda: len(got) >= 3):
            got[id_] = (state, (error or {}).get("code"))
        self.assertEqual({id_: state for id_, (state, _) in got.items()},
                         {bad: "failed", cancelled: "cancelled", expired: "expired"})
        self.assertEqual(got[bad][1], "e")

    def test_a_stream_resumes_from_its_position_without_a_hole_also_after_a_crash(self):
        answer = self.client.subscribe()
        first = self.done(20)
        seen = set()
        for id_, *_ in self.client.results(lambda: len(seen) >= 20):
            seen.add(id_)
        position = list(self.client.positions[answer["subscription"]])
        second = self.done(20)
        self.fleet.crash()
        self.client.call(wire.HEARTBEAT, {}, LIMIT)
        self.client.pushes.clear()
        again = self.client.subscribe(position=position)
        self.assertFalse(again["gap"])
        got = set()
        for id_, *_ in self.client.results(lambda: got >= set(second)):
            got.add(id_)
        self.assertEqual(seen, set(first))
        self.assertEqual(got, set(second))

    def test_position_zero_means_from_the_oldest(self):
        ids = self.done(10)
        self.client.subscribe(position=[0, 0])
        got = set()
        for id_, *_ in self.client.results(lambda: len(got) >= 10):
            got.add(id_)
        self.assertEqual(got, set(ids))

    def test_a_stream_that_lags_goes_live_while_tasks_keep_ending_and_tells_each_once(self):
        count, batch = 20_000, 4_000
        ids = set()
        for _ in range(count // batch):
            ids |= set(self.client.submit([[0, b"5"]] * batch, [{"type": "sleep"}]))
        reader = self.fleet.client()
        self.fleet.wait_worker(self.fleet.worker_program("sleepers", slots=32, agents=("sleep",)))
        eventually(lambda: self.client.stats()["tasks"]["succeeded"] > 500, LIMIT, "some have ended")
        reader.subscribe(of="queue", queue="default", position=[0, 0], window_bytes=64 << 20)
        live, got = False, []

        def look():
            nonlocal live
            stats = self.client.stats()
            live = live or (stats["subscriptions_lagging"] == 0 and stats["tasks"]["ready"] > 1000)
            return live
        for id_, *_ in reader.results(look, limit=4 * LIMIT):
            got.append(id_)
        self.assertTrue(live, "it lagged until nothing ended any more")
        for id_, *_ in reader.results(lambda: len(got) >= count, limit=4 * LIMIT):
            got.append(id_)
        self.assertEqual(len(got), count)
        self.assertEqual(set(got), ids)

    def test_a_window_stops_the_stream_until_it_is_seen(self):
        ids = self.client.submit([[0, os.urandom(60_000)] for _ in range(16)], [{"type": "echo"}])
        subscription = self.client.subscribe(window_bytes=100_000)["subscription"]
        worker = self.fleet.worker("echo", slots=16)
        worker.echo(lambda: worker.recorded >= 16)
        eventually(lambda: self.client.pump(0.05) and self.client.pushes, what="the first push")
        for _ in range(10):
            self.client.pump(0.05)
        unseen = sum(len(item[2]) for _kind, body in self.client.pushes for item in body[3])
        self.assertLessEqual(unseen, 120_000)
        got = set()
        for id_, *_ in self.client.results(lambda: len(got) >= 16):
            got.add(id_)
        self.assertEqual(got, set(ids))
        self.client.call(wire.UNSUBSCRIBE, {"subscription": subscription})

    def test_subscribe_refuses_what_it_does_not_know(self):
        self.refused("invalid", self.client.call, wire.SUBSCRIBE, {"what": "weather"})
        self.refused("invalid", self.client.call, wire.SUBSCRIBE, {"what": "results", "of": "moon"})
        self.refused("not_found", self.client.call, wire.SUBSCRIBE, {"what": "results", "of": "queue", "queue": "nowhere"})
        self.client.note(wire.SEEN, [99, 1, 1])
        self.assertEqual(len(self.client.submit_one("echo")), 16)

    # Numbers and health.

    def test_metrics_and_health_are_served(self):
        self.done(3)
        page = self.http("/metrics")
        self.assertIn("hirehall_", page)
        self.assertEqual([line for line in page.splitlines() if line and not line.startswith(("#", "hirehall_", "process_"))], [])
        self.http("/healthz")
        self.http("/readyz")

    def http(self, path):
        with urllib.request.urlopen(f"http://{self.fleet.broker.metrics}{path}", timeout=LIMIT) as answer:
            self.assertEqual(answer.status, 200)
            return answer.read().decode()

    def test_the_books_balance(self):
        self.done(30, retention_ms=1)
        self.done(10, retention_ms=600_000)
        self.client.submit([[0, b""]] * 5, [{"type": "nobody"}])

        def balanced():
            stats = self.client.stats()
            return stats["accepted"] == 45 == sum(stats["tasks"].values()) + stats["removed"]
        eventually(balanced, what="accepted = kept + removed")


if __name__ == "__main__":
    fleet.main()
