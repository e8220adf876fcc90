#!/usr/bin/python3
# ctest: timeout=240
"""The life of a task: delays, deadlines, retries, losses, dead letters, priorities, pauses, limits (I5, I7, I8)."""

import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire, scripted_worker as hand
from integration.fleet import FleetTest, LIMIT, eventually


class Lifecycle(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = self.fleet.client()

    def reaches(self, id_, state, limit=LIMIT):
        eventually(lambda: self.client.state(id_) == state, limit, f"{state} (is {self.client.state(id_)})")
        return self.client.get(id_)

    def test_a_delayed_task_is_scheduled_and_never_starts_early(self):
        worker = self.fleet.worker("echo")
        before = self.client.call(wire.HEARTBEAT, {})["server_time"]
        id_ = self.client.submit_one("echo", delay_ms=700)
        task = self.client.get(id_)
        self.assertEqual(task["state"], "scheduled")
        self.assertGreaterEqual(task["not_before"], before + 700)
        worker.award()
        self.assertGreaterEqual(self.client.call(wire.HEARTBEAT, {})["server_time"], task["not_before"])

    def test_a_delayed_task_keeps_its_time_over_a_crash(self):
        id_ = self.client.submit_one("echo", delay_ms=1500)
        due = self.client.get(id_)["not_before"]
        self.fleet.crash()
        worker = self.fleet.worker("echo")
        award = worker.award()
        self.assertEqual(award.id, id_)
        self.assertGreaterEqual(self.client.call(wire.HEARTBEAT, {})["server_time"], due)

    def test_a_queued_task_past_its_time_to_live_is_expired(self):
        id_ = self.client.submit_one("nobody", ttl_ms=300)
        task = self.reaches(id_, "expired")
        self.assertEqual(task["error"]["code"], "ttl")
        self.assertEqual(self.client.cancel(id_), ["terminal"])

    def test_a_time_to_live_does_not_count_the_delay(self):
        worker = self.fleet.worker("echo")
        id_ = self.client.submit_one("echo", ttl_ms=5000, delay_ms=5500)
        self.assertEqual(worker.award().id, id_)

    def test_a_queued_task_past_its_deadline_is_expired(self):
        id_ = self.client.submit_one("nobody", deadline=self.client.call(wire.HEARTBEAT, {})["server_time"] + 300)
        self.assertEqual(self.reaches(id_, "expired")["error"]["code"], "deadline")

    def test_a_leased_task_past_its_deadline_is_expired_and_its_finish_is_stale(self):
        worker = self.fleet.worker("echo")
        id_ = self.client.submit_one("echo", deadline=self.client.call(wire.HEARTBEAT, {})["server_time"] + 800)
        award = worker.award()
        self.reaches(id_, "expired")
        worker.run(0.5)
        self.assertIn(award.token, worker.losts)
        self.assertEqual(worker.finish(award), "stale")

    def test_the_earliest_deadline_goes_first_within_a_priority(self):
        now = self.client.call(wire.HEARTBEAT, {})["server_time"]
        plain = self.client.submit_one("echo")
        late = self.client.submit_one("echo", deadline=now + 500_000)
        soon = self.client.submit_one("echo", deadline=now + 400_000)
        self.assertEqual([a.id for a in self.fleet.worker("echo", slots=3).awards(3)], [soon, late, plain])

    def test_higher_priority_goes_first_and_equal_priority_in_order(self):
        ids = {n: self.client.submit_one("echo", b"%d" % n, priority=p) for n, p in enumerate([5, 1, 10, 5, 10])}
        worker = self.fleet.worker("echo", slots=1, credit=1)
        order = []
        for _ in range(5):
            award = worker.award()
            order.append(award.id)
            worker.finish(award)
        self.assertEqual(order, [ids[n] for n in (2, 4, 0, 3, 1)])

    def test_a_failure_is_retried_with_backoff_until_its_attempts_are_used_up(self):
        worker = self.fleet.worker("echo")
        id_ = self.client.submit_one("echo", max_attempts=3, backoff_ms=1)
        for attempt in (1, 2, 3):
            award = worker.award()
            self.assertEqual(award.attempt, attempt)
            self.assertEqual(worker.finish(award, hand.FAILED, error=f"no {attempt}", error_code="e"), "ok")
        task = self.client.wait(id_)
        self.assertEqual((task["state"], task["failures"], task["attempt"]), ("failed", 3, 3))
        self.assertEqual(task["error"], dict(task["error"], code="e", message="no 3"))
        self.assertEqual([h["outcome"] for h in task["history"]], ["failed"] * 3)
        self.assertEqual([h["error"]["message"] for h in task["history"]], ["no 1", "no 2", "no 3"])
        for h in task["history"]:
            self.assertTrue(task["submitted_at"] <= h["started_at"] <= h["ended_at"] <= task["finished_at"], h)

    def test_a_retry_waits_at_least_the_delay_its_agent_asked_for(self):
        worker = self.fleet.worker("echo")
        id_ = self.client.submit_one("echo", backoff_ms=1)
        worker.finish(worker.award(), hand.FAILED, delay_ms=800)
        began = time.monotonic()
        self.assertEqual(self.client.state(id_), "scheduled")
        worker.award()
        self.assertGreater(time.monotonic() - began, 0.7)

    def test_failed_for_good_is_not_retried(self):
        worker = self.fleet.worker("echo")
        id_ = self.client.submit_one("echo")
        worker.finish(worker.award(), hand.FAILED_FOR_GOOD, error="never")
        self.assertEqual(self.client.wait(id_)["state"], "failed")

    def test_interrupted_and_snoozed_count_as_no_failure(self):
        worker = self.fleet.worker("echo")
        id_ = self.client.submit_one("echo", max_attempts=1, max_losses=1)
        worker.finish(worker.award(), hand.INTERRUPTED)
        worker.finish(worker.award(), hand.SNOOZED, delay_ms=50)
        worker.finish(worker.award(), result=b"done")
        task = self.client.wait(id_)
        self.assertEqual((task["state"], task["attempt"], task["failures"], task["losses"]), ("succeeded", 3, 0, 0))
        self.assertEqual([h["outcome"] for h in task["history"]], ["interrupted", "snoozed", "succeeded"])

    def test_a_suspended_task_frees_its_slot_and_starts_again_with_the_answer(self):
        worker = self.fleet.worker("echo", slots=1, credit=1)
        id_ = self.client.submit_one("echo")
        worker.finish(worker.award(), hand.SUSPENDED, on="input", checkpoint=b"so far")
        task = self.client.get(id_)
        self.assertEqual((task["state"], task["suspended_on"]), ("suspended", "input"))
        other = self.client.submit_one("echo")
        worker.finish(worker.award())
        self.assertEqual(self.client.wait(other)["state"], "succeeded")
        self.refused("terminal", self.client.call, wire.ANSWER, {"id": other, "value": b"?"})
        self.fleet.crash()
        self.client.call(wire.ANSWER, {"id": id_, "value": b"yes"}, limit=LIMIT)
        award = worker.award()
        self.assertEqual((award.extras.get("answer"), award.extras.get("checkpoint")), (b"yes", b"so far"))
        worker.finish(award)
        self.assertEqual(self.client.wait(id_)["failures"], 0)

    def test_losses_up_to_the_limit_end_the_task(self):
        worker = self.fleet.worker("echo", beats=False)
        id_ = self.client.submit_one("echo", max_losses=2)
        for _ in range(2):
            worker.award()
            worker.held.clear()
            worker.heartbeat()
            worker.say_holding()
        task = self.reaches(id_, "failed")
        self.assertEqual((task["losses"], task["failures"], task["error"]["code"]), (2, 0, "lost"))

    def test_at_most_once_ends_with_its_first_award(self):
        worker = self.fleet.worker("echo", beats=False)
        failed, lost = self.client.submit([[0, b"1"], [0, b"2"]], [{"type": "echo", "delivery": "at_most_once"}])
        first, _second = worker.awards(2)
        worker.finish(first, hand.FAILED, error="once")
        worker.held.clear()
        worker.heartbeat()
        worker.say_holding()
        for id_ in (failed, lost):
            self.assertEqual(self.reaches(id_, "failed")["attempt"], 1)

    def test_an_attempt_over_its_timeout_is_told_to_stop_and_counts_as_a_failure(self):
        worker = self.fleet.worker("echo")
        id_ = self.client.submit_one("echo", timeout_ms=500, max_attempts=1)
        award = worker.award()
        eventually(lambda: worker.pump(0.1) and award.token in worker.stops, what="stop")
        self.assertEqual(worker.stops[award.token][1], "timeout")
        self.assertEqual(worker.finish(award, hand.TIMED_OUT), "ok")
        task = self.client.wait(id_)
        self.assertEqual((task["state"], task["failures"], task["error"]["code"]), ("failed", 1, "timed_out"))

    def test_cancel_ends_a_queued_task_for_ever(self):
        id_ = self.client.submit_one("echo")
        self.assertEqual(self.client.cancel(id_, reason="enough"), ["ok"])
        task = self.client.get(id_)
        self.assertEqual((task["state"], task["reason"]), ("cancelled", "enough"))
        self.assertEqual(self.client.cancel(id_, os.urandom(16)), ["terminal", "not_found"])
        self.assertEqual(self.fleet.worker("echo").awards(1, limit=0.5), [])

    def test_cancel_of_a_leased_task_stops_the_worker(self):
        worker = self.fleet.worker("echo")
        stopped, finished, failed = self.client.submit([[0, b""]] * 3, [{"type": "echo"}])
        awards = {award.id: award for award in worker.awards(3)}
        self.assertEqual(self.client.cancel(stopped, finished, failed, grace_ms=5000), ["ok"] * 3)
        eventually(lambda: worker.pump(0.1) and len(worker.stops) == 3, what="three stops")
        self.assertEqual(worker.finish(awards[stopped], hand.CANCELLED), "ok")
        self.assertEqual(worker.finish(awards[finished], result=b"after all"), "ok")
        self.assertEqual(worker.finish(awards[failed], hand.FAILED), "ok")
        self.assertEqual([self.client.wait(id_)["state"] for id_ in (stopped, finished, failed)],
                         ["cancelled", "succeeded", "cancelled"])

    def test_a_limit_key_bounds_what_runs_at_once(self):
        self.client.queue("default", limits={"db": 2})
        self.client.submit([[0, b"l"]] * 5 + [[1, b"f"]] * 3, [{"type": "echo", "limit_keys": ["db"]}, {"type": "echo"}])
        worker = self.fleet.worker("echo", slots=8)
        awards = worker.awards(8, limit=1)
        self.assertEqual(sorted(award.payload for award in awards), [b"f"] * 3 + [b"l"] * 2)
        for left in (2, 2, 1):
            limited = next(award for award in awards if award.payload == b"l")
            awards.remove(limited)
            worker.finish(limited)
            if left:
                awards += worker.awards(2, limit=0.5)
            self.assertLessEqual(sum(award.payload == b"l" for award in awards), 2)
        self.assertEqual(self.client.queue_show("default")["limits"], {"db": 2})

    def test_a_pause_holds_awards_also_over_a_crash_and_resume_lets_them_go(self):
        for keys in ({"queue": "default"}, {"type": "echo"}, {"queue": "default", "type": "echo"},
                     {"tenant": self.client.welcome["tenant"]}):
            with self.subTest(keys=keys):
                self.client.call(wire.PAUSE, dict(keys, reason="test"))
                id_ = self.client.submit_one("echo")
                self.fleet.crash()
                worker = self.fleet.worker("echo")
                self.assertEqual(worker.awards(1, limit=0.6), [])
                self.client.call(wire.RESUME, keys)
                award = worker.award()
                self.assertEqual(award.id, id_)
                worker.finish(award)
                worker.close()

    def test_a_purged_dead_letter_is_off_the_list_and_is_not_retried(self):
        worker = self.fleet.worker("echo")
        dead = self.client.submit_one("echo", b"old", max_attempts=1)
        worker.finish(worker.award(), hand.FAILED)
        self.client.wait(dead)
        open_ = self.client.submit_one("nobody")
        invalid, unknown = (wire.CODES.index(code) for code in ("invalid", "not_found"))
        self.assertEqual(self.client.call(wire.DEAD_PURGE, {"ids": [dead, dead, open_, os.urandom(16)], "reason": "old"}),
                         [0, invalid, invalid, unknown])
        self.assertEqual(self.client.walk(wire.DEAD_LIST), [])
        self.assertEqual(self.client.queue_show("default")["dead"], 0)
        self.assertEqual(self.client.get(dead)["state"], "failed")
        self.fleet.crash()
        client = self.fleet.client()
        self.assertEqual(client.call(wire.DEAD_PURGE, {"ids": [dead]}), [invalid])
        self.assertEqual(client.call(wire.DEAD_RETRY, {"ids": [dead]}), [invalid])

    def test_a_dead_letter_is_listed_and_retried_as_a_new_task(self):
        worker = self.fleet.worker("echo")
        dead = self.client.submit_one("echo", b"again", max_attempts=1, labels={"k": "v"})
        worker.finish(worker.award(), hand.FAILED, error="no")
        self.client.wait(dead)
        self.assertEqual([t["id"] for t in self.client.walk(wire.DEAD_LIST)], [dead])
        self.assertEqual(self.client.queue_show("default")["dead"], 1)
        new = self.client.call(wire.DEAD_RETRY, {"ids": [dead]})[0]
        self.assertEqual(self.client.call(wire.DEAD_RETRY, {"ids": [dead]}), [new])
        award = worker.award()
        self.assertEqual((award.id, award.payload, award.attempt), (new, b"again", 1))
        worker.finish(award)
        task = self.client.wait(new)
        self.assertEqual((task["state"], task["labels"]), ("succeeded", {"k": "v"}))
        self.assertTrue(task["options"]["replay_of"])
        self.assertEqual(self.client.get(dead)["state"], "failed")
        self.assertEqual(self.client.walk(wire.DEAD_LIST), [])
        self.assertEqual(self.client.call(wire.DEAD_RETRY, {"ids": [new, os.urandom(16)]}),
                         [wire.CODES.index("invalid"), wire.CODES.index("not_found")])

    def test_a_terminal_record_is_gone_after_its_retention_and_the_id_is_expired(self):
        worker = self.fleet.worker("echo")
        id_ = self.client.submit_one("echo", retention_ms=1)
        worker.finish(worker.award())

        def gone():
            try:
                self.client.get(id_)
            except wire.WireError as error:
                return error.code == "expired"
            return False
        eventually(gone, LIMIT, "expired")

    def test_ended_tasks_are_removed_in_pieces_and_the_books_balance_also_over_a_crash(self):
        self.fleet.broker_options["extra"] = ["--snapshot-bytes", "4KiB"]
        self.fleet.crash()
        self.client.queue("default", retention_ms=1)
        ids = self.client.submit([[0, b""]] * 3000, [{"type": "echo"}])
        worker = self.fleet.worker("echo", slots=64)
        worker.echo(lambda: worker.recorded >= 3000)

        def removed():
            self.client.submit_one("nobody")  # a snapshot comes with the work that goes on
            return self.client.stats()["removed"] >= 1023
        eventually(removed, LIMIT, "removed")
        self.fleet.crash()
        self.assertEqual(self.refused("expired", self.client.get, ids[0]).action, "give_up")
        self.refused("expired", self.client.wait, ids[0])
        self.assertEqual(self.client.cancel(ids[0]), ["terminal"])
        stats = self.client.stats()
        self.assertEqual(stats["accepted"], sum(stats["tasks"].values()) + stats["removed"])
        self.assertEqual(self.client.state(self.client.submit_one("nobody")), "ready")

    def test_open_tasks_and_dead_letters_outlive_their_neighbours(self):
        self.fleet.broker_options["extra"] = ["--snapshot-bytes", "4KiB"]
        self.fleet.crash()
        self.client.queue("default", retention_ms=1)
        waiting, running = self.client.submit_one("nobody", b"waits"), self.client.submit_one("slow", b"runs")
        slow = self.fleet.worker("slow")
        long_one = slow.award()
        worker = self.fleet.worker("echo", slots=64)
        dead = self.client.submit_one("echo", b"fails", max_attempts=1)
        worker.finish(worker.award(), hand.FAILED, error="broken", error_code="e")
        self.client.submit([[0, b""]] * 3000, [{"type": "echo"}])
        worker.echo(lambda: worker.recorded >= 3001)

        def removed():
            self.client.submit_one("nobody")  # a snapshot comes with the work that goes on
            return self.client.stats()["removed"] >= 1000
        eventually(removed, LIMIT, "removed")
        self.fleet.crash()
        self.assertEqual([t["id"] for t in self.client.walk(wire.LIST, limit=2)][:3], [waiting, running, dead])
        task = self.client.get(waiting)
        self.assertEqual((task["state"], task["payload"]), ("ready", b"waits"))
        task = self.client.get(dead)
        self.assertEqual((task["state"], task["payload"], task["error"]["message"]), ("failed", b"fails", "broken"))
        self.assertEqual(slow.finish(long_one, result=b"at last"), "ok")
        self.assertEqual(self.client.cancel(waiting), ["ok"])
        self.assertNotEqual(self.client.call(wire.DEAD_RETRY, {"ids": [dead]})[0], dead)
        for id_ in (waiting, running, dead):
            eventually(lambda: self.is_expired(id_), LIMIT, "expired")
        stats = self.client.stats()
        self.assertEqual(stats["accepted"], sum(stats["tasks"].values()) + stats["removed"])

    def is_expired(self, id_):
        try:
            self.client.get(id_)
        except wire.WireError as error:
            return error.code == "expired"
        return False

    def test_every_terminal_state_survives_a_crash_and_the_books_balance(self):
        worker = self.fleet.worker("echo")
        done, dead = self.client.submit([[0, b"1"], [0, b"2"]], [{"type": "echo", "max_attempts": 1}])
        awards = {a.id: a for a in worker.awards(2)}
        worker.finish(awards[done], result=b"r")
        worker.finish(awards[dead], hand.FAILED)
        cancelled = self.client.submit_one("nobody")
        self.client.cancel(cancelled)
        expired = self.client.submit_one("nobody", ttl_ms=1)
        self.reaches(expired, "expired")
        queued = self.client.submit_one("nobody")
        self.fleet.crash()
        states = [self.client.get(id_)["state"] for id_ in (done, dead, cancelled, expired, queued)]
        self.assertEqual(states, ["succeeded", "failed", "cancelled", "expired", "ready"])
        self.assertEqual(self.client.get(done)["result"], b"r")
        stats = self.client.stats()
        self.assertEqual(stats["accepted"], sum(stats["tasks"].values()) + stats["removed"])
        self.assertEqual(stats["accepted"], 5)


if __name__ == "__main__":
    fleet.main()
