#!/usr/bin/python3
# ctest: timeout=240
"""Workers on the wire: registration, awards, finishes, heartbeats, leases lost and reclaimed (I4, I5, I6)."""

import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire, scripted_worker as hand
from integration.hirehall_wire import WireError
from integration.fleet import BIN, FleetTest, LIMIT, eventually

TEST_WORKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "scripted_worker.py")


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Working(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = self.fleet.client()

    def test_an_award_carries_the_task_and_its_result_comes_back(self):
        worker = self.fleet.worker("echo")
        id_ = self.client.submit_one("echo", b"hi", labels={"a": "b"}, context={"k": [1]}, content_type="text/plain",
                                     timeout_ms=70000, description="d", trace=TRACE, effort_ms=5, idempotency_key="i")
        award = worker.award()
        self.assertEqual((award.id, award.attempt, award.payload, award.type, award.agent), (id_, 1, b"hi", "echo", "scripted"))
        self.assertEqual((award.content_type, award.queue, award.timeout_ms), ("text/plain", "default", 70000))
        self.assertEqual(award.extras, dict(award.extras, labels={"a": "b"}, context={"k": [1]}, description="d", trace_origin=TRACE,
                                            effort_ms=5, idempotency_key="i"))
        task = self.client.get(id_)
        self.assertEqual((task["state"], task["attempt"], task["agent"]), ("leased", 1, "scripted"))
        self.assertEqual(worker.finish(award, result=b"ho", result_type="text/x"), "ok")
        task = self.client.wait(id_)
        self.assertEqual((task["state"], task["result"], task["result_type"]), ("succeeded", b"ho", "text/x"))
        self.assertEqual([(h["attempt"], h["outcome"]) for h in task["history"]], [(1, "succeeded")])

    def test_a_worker_gets_only_types_it_declared_and_never_more_than_its_credit(self):
        self.client.submit([[0, b""]] * 5 + [[1, b""]] * 5, [{"type": "mine"}, {"type": "other"}])
        worker = self.fleet.worker("mine", slots=1, credit=3)
        first = worker.awards(4, limit=1)
        self.assertEqual([award.type for award in first], ["mine"] * 3)
        self.assertEqual(worker.finish(first[0]), "ok")
        self.assertEqual(len(worker.awards(2, limit=1)), 1)

    def test_credit_may_change_with_a_heartbeat_and_zero_stops_awards(self):
        worker = self.fleet.worker("echo", credit=0)
        self.client.submit([[0, b""]] * 3, [{"type": "echo"}])
        self.assertEqual(worker.awards(1, limit=0.7), [])
        worker.credit = 2
        self.assertEqual(len(worker.awards(3, limit=2)), 2)

    def test_a_token_is_good_once_and_a_finish_after_it_is_stale(self):
        worker = self.fleet.worker("echo")
        self.client.submit_one("echo")
        award = worker.award()
        self.assertEqual(worker.finish(award, result=b"1"), "ok")
        self.assertEqual(worker.finish(award, result=b"2"), "stale")
        self.assertEqual(worker.finish(12345), "stale")
        self.assertEqual(self.client.wait(award.id)["result"], b"1")

    def test_a_finish_by_another_worker_is_stale(self):
        one, two = self.fleet.worker("echo"), self.fleet.worker("elsewhere")
        self.client.submit_one("echo")
        award = one.award()
        self.assertEqual(two.finish(award), "stale")
        self.assertEqual(one.finish(award), "ok")

    def test_a_resent_finish_is_answered_as_the_first_time(self):
        worker = self.fleet.worker("echo")
        self.client.submit_one("echo")
        award = worker.award()
        worker.held.clear()
        body = [worker.credit, [[award.token, 0, b"r"], [999, 0, b""]], 1, 0]
        first = worker.call(wire.FINISH, body)
        self.assertEqual(first, [[1, wire.CODES.index("stale")]])
        self.assertEqual(worker.call(wire.FINISH, body), first)
        self.refused("out_of_order", worker.call, wire.FINISH, [worker.credit, [], 3, 0])

    def test_a_resent_finish_after_a_crash_is_answered_as_the_first_time(self):
        worker = self.fleet.worker("echo")
        self.client.submit_one("echo")
        award = worker.award()
        body = [worker.credit, [[award.token, 0, b"r"]], 1, 0]
        worker.held.clear()
        self.assertEqual(worker.call(wire.FINISH, body), [])
        self.fleet.crash()
        self.assertEqual(worker.call(wire.FINISH, body, limit=LIMIT), [])
        self.assertTrue(worker.registration["resumed"])
        self.assertEqual(self.client.wait(award.id)["result"], b"r")

    def test_a_finish_of_no_known_outcome_leaves_the_lease_as_it_was(self):
        worker = self.fleet.worker("echo")
        self.client.submit_one("echo")
        award = worker.award()
        for outcome, extras in ((42, {}), (hand.CANCELLED, {}), (hand.SUSPENDED, {})):
            self.assertEqual(worker.finish(award, outcome, **extras), "invalid")
        self.assertEqual(worker.finish(award, result=b"x" * ((1 << 20) + 1)), "too_large")
        worker.held[award.token] = award
        self.assertEqual(worker.heartbeat()[1], False)
        self.assertEqual(worker.finish(award, result=b"x" * (1 << 20)), "ok")

    def test_an_operator_takes_a_worker_out_of_the_awards_and_puts_it_back(self):
        worker = self.fleet.worker("echo")
        self.refused("not_found", self.client.call, wire.WORKER_DRAIN, {"name": "nobody"})
        self.refused("invalid", self.client.call, wire.WORKER_DRAIN, {})
        self.assertEqual(self.client.call(wire.WORKER_DRAIN, {"name": worker.name})["workers"], [worker.number])
        self.assertTrue(self.client.call(wire.WORKER_LIST, {})["workers"][0]["draining"])
        self.client.submit_one("echo", b"1")
        self.assertEqual(worker.awards(1, limit=0.5), [])
        self.client.call(wire.WORKER_DRAIN, {"worker": worker.number, "undo": True})
        self.assertEqual(worker.award().payload, b"1")

    def test_one_name_and_version_with_two_digests_is_a_conflict(self):
        self.fleet.worker("echo")
        other = self.fleet.worker("echo", start=False)
        other.agents[0]["digest"] = "d2"
        other.hello()
        self.refused("conflict", other.register)
        other.agents[0]["version"] = "2"
        other.register()

    def test_a_definition_stays_registered_without_its_worker_and_over_a_restart_until_it_is_forgotten(self):
        one = self.fleet.worker("echo")
        self.refused("conflict", self.client.call, wire.AGENT_FORGET, {"name": "scripted", "version": "1"})
        one.close()
        self.fleet.crash()
        self.client = self.fleet.client()
        other = self.fleet.worker("echo", start=False)
        other.agents[0]["digest"] = "d2"
        other.hello()
        with self.assertRaises(WireError) as refused:
            other.register()
        self.assertRegex(str(refused.exception), "d1.*d2")
        shown = self.client.call(wire.AGENT_SHOW, {"name": "scripted"})
        self.assertEqual((shown["version"], shown["digest"], shown["types"], shown["workers"]), ("1", "d1", ["echo"], []))
        self.client.call(wire.AGENT_FORGET, {"name": "scripted", "version": "1"})
        self.refused("not_found", self.client.call, wire.AGENT_SHOW, {"name": "scripted"})
        other.register()
        listed = self.client.call(wire.AGENT_LIST, {})
        self.assertEqual([(agent["digest"], agent["workers"]) for agent in listed["agents"]], [("d2", 1)])
        self.assertFalse(listed["more"])
        self.assertEqual(self.client.call(wire.AGENT_LIST, {"name": "scripted", "version": "1"})["agents"], [])
        self.fleet.broker.stop()
        verified = subprocess.run([BIN / "hirehall-broker", "verify", "--data", self.fleet.directory / "data"], capture_output=True, text=True)
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)

    def test_a_registration_without_slots_or_agents_is_invalid(self):
        for changes in ({"slots": 0}, {"agents": []}):
            worker = self.fleet.worker("echo", start=False)
            worker.hello()
            self.refused("invalid", worker.call, wire.REGISTER_WORKER, dict(worker.register_body(), **changes))

    def test_before_registering_a_worker_is_told_to(self):
        worker = self.fleet.worker("echo", start=False, recover=False)
        worker.hello()
        self.refused("unknown_session", worker.call, wire.WORKER_HEARTBEAT, [0, 0, 0, 0])

    def test_after_drain_no_award_comes_and_what_is_held_may_finish(self):
        worker = self.fleet.worker("echo", credit=1)
        self.client.submit([[0, b""]] * 2, [{"type": "echo"}])
        award = worker.award()
        worker.drain()
        self.assertEqual(worker.finish(award), "ok")
        self.assertEqual(worker.awards(1, limit=0.7), [])
        worker.register()
        self.assertEqual(len(worker.awards(1)), 1)

    def test_reports_are_accepted_for_held_tasks_and_stale_for_others(self):
        worker = self.fleet.worker("echo")
        self.client.submit_one("echo")
        award = worker.award()
        self.assertEqual(worker.report(award, "progress", {"done": 1, "total": 2, "message": "half"}), "ok")
        self.assertEqual(worker.report(award, "log", "a line"), "ok")
        self.assertEqual(worker.report(award, "usage", {"tokens": 5}), "ok")
        self.assertEqual(worker.report(award, "checkpoint", b"saved"), "ok")
        self.assertEqual(worker.finish(award, hand.FAILED, error="again", delay_ms=1), "ok")
        self.assertEqual(worker.report(award, "log", "late"), "stale")

    def test_the_next_attempt_starts_from_the_checkpoint(self):
        worker = self.fleet.worker("echo")
        self.client.submit_one("echo", backoff_ms=1)
        award = worker.award()
        self.assertEqual(worker.report(award, "checkpoint", b"saved"), "ok")
        self.assertEqual(worker.finish(award, hand.FAILED, error="again"), "ok")
        again = worker.award()
        self.assertEqual((again.attempt, again.extras.get("checkpoint")), (2, b"saved"))
        self.assertGreater(again.token, award.token)

    def test_worker_list_shows_who_is_there(self):
        worker = self.fleet.worker("echo", slots=3, credit=7, name="ada")
        self.client.submit_one("echo")
        worker.award()
        shown = {w["name"]: w for w in self.client.call(wire.WORKER_LIST, {})["workers"]}["ada"]
        self.assertEqual((shown["worker"], shown["slots"], shown["credit"], shown["held"]), (worker.number, 3, 7, 1))
        self.assertEqual((shown["connected"], shown["draining"], "echo" in shown["types"]), (True, False, True))


class Leases(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = self.fleet.client()

    def test_a_heartbeat_that_counts_the_same_asks_for_nothing(self):
        worker = self.fleet.worker("echo")
        self.client.submit([[0, b""]] * 3, [{"type": "echo"}])
        worker.awards(3)
        self.assertIs(worker.heartbeat()[1], False)

    def test_a_heartbeat_that_counts_otherwise_asks_for_the_list_and_what_is_missing_is_lost(self):
        worker = self.fleet.worker("echo", beats=False)
        self.client.submit([[0, b""]] * 2, [{"type": "echo"}])
        kept, dropped = worker.awards(2)
        del worker.held[dropped.token]
        self.assertIs(worker.heartbeat()[1], True)
        self.assertEqual(worker.say_holding(), [])
        again = worker.award()
        self.assertEqual((again.id, again.attempt), (dropped.id, 2))
        self.assertEqual(self.client.get(dropped.id)["losses"], 1)
        self.assertEqual(worker.finish(dropped), "stale")
        self.assertEqual(worker.finish(kept), "ok")
        self.assertEqual(worker.finish(again), "ok")

    def test_a_token_nobody_gave_out_is_answered_as_lost(self):
        worker = self.fleet.worker("echo")
        self.assertEqual(worker.say_holding([4711]), [4711])

    def test_a_stopped_worker_loses_its_lease_and_its_late_finish_is_stale(self):
        stopped = self.fleet.script(TEST_WORKER, self.fleet.broker.endpoint, "--hold", name="stopped")
        stopped.event("registered")
        id_ = self.client.submit_one("echo", b"x")
        token = stopped.event("award")["token"]
        stopped.signal(signal.SIGSTOP)
        worker = self.fleet.worker("echo")
        again = worker.award(limit=LIMIT + 15)
        self.assertEqual((again.id, again.attempt), (id_, 2))
        self.assertNotEqual(again.token, token)
        stopped.signal(signal.SIGCONT)
        self.assertEqual(stopped.event("lost")["token"], token)
        self.assertEqual(worker.finish(again, result=b"second"), "ok")
        task = self.client.wait(id_)
        self.assertEqual((task["result"], task["losses"], task["failures"]), (b"second", 1, 0))
        self.assertEqual([h["outcome"] for h in task["history"]], ["lost", "succeeded"])

    def test_a_killed_worker_loses_its_lease_within_two_lease_times(self):
        killed = self.fleet.script(TEST_WORKER, self.fleet.broker.endpoint, "--hold", name="killed")
        killed.event("registered")
        id_ = self.client.submit_one("echo")
        killed.event("award")
        killed.kill()
        self.assertEqual(self.fleet.worker("echo").award(limit=12 * fleet.SLOWDOWN).id, id_)

    def test_a_worker_that_reconnects_keeps_its_leases(self):
        worker = self.fleet.worker("echo")
        self.client.submit([[0, b""]] * 2, [{"type": "echo"}])
        awards = worker.awards(2)
        number = worker.number
        worker.reconnect()
        self.assertEqual((worker.number, worker.registration["lost"]), (number, []))
        self.assertEqual([worker.finish(award) for award in awards], ["ok", "ok"])

    def test_a_restart_of_the_broker_repeats_no_running_work(self):
        worker = self.fleet.worker("echo")
        self.client.submit([[0, b"%d" % n] for n in range(4)], [{"type": "echo"}])
        awards = worker.awards(4)
        self.fleet.crash()
        worker.run(1.0)
        self.assertEqual(worker.registration["lost"], [])
        self.assertEqual([worker.finish(award, result=award.payload) for award in awards], ["ok"] * 4)
        for award in awards:
            task = self.client.wait(award.id)
            self.assertEqual((task["result"], task["attempt"]), (award.payload, 1))

    def test_a_worker_that_never_comes_back_after_a_restart_loses_its_leases(self):
        gone = self.fleet.worker("echo")
        ids = self.client.submit([[0, b""]] * 4, [{"type": "echo"}])
        gone.awards(4)
        gone.close()
        self.fleet.crash()
        worker = self.fleet.worker("echo")
        self.assertEqual({award.id for award in worker.awards(4)}, set(ids))
        self.assertEqual(self.client.get(ids[0])["losses"], 1)

    def test_what_a_reconnected_worker_does_not_list_is_lost_at_once(self):
        worker = self.fleet.worker("echo")
        self.client.submit([[0, b""]] * 2, [{"type": "echo"}])
        kept, dropped = worker.awards(2)
        del worker.held[dropped.token]
        worker.reconnect()
        self.assertEqual(worker.award(limit=4).id, dropped.id)
        self.assertEqual(worker.finish(kept), "ok")

    def test_an_award_that_never_arrived_is_given_again_and_is_no_loss(self):
        worker = self.fleet.worker("echo")
        id_ = self.client.submit_one("echo")
        eventually(lambda: self.client.state(id_) == "leased", what="the award left")
        worker.reconnect()  # the award lay unread in the old connection
        again = worker.award(limit=4)
        self.assertEqual(again.id, id_)
        self.assertEqual(self.client.get(id_)["losses"], 0)
        self.assertEqual(worker.finish(again), "ok")

    def test_an_award_that_no_heartbeat_confirms_is_taken_back_after_a_lease_time(self):
        deaf, worker = self.fleet.worker("echo", slots=1, beats=False), self.fleet.worker("echo", credit=0)
        id_ = self.client.submit_one("echo")
        eventually(lambda: self.client.state(id_) == "leased", what="the award left")
        worker.credit = 1

        def taken_back():
            deaf.call(wire.WORKER_HEARTBEAT, [0, 0, 0, 0])  # it lives, and never saw an award
            return worker.awards(1, limit=0.3)
        again = eventually(taken_back, LIMIT)[0]
        self.assertEqual((again.id, self.client.get(id_)["losses"]), (id_, 0))

    def test_an_unknown_worker_token_is_a_new_worker_that_holds_nothing(self):
        worker = self.fleet.worker("echo", start=False)
        worker.token, worker.last_award = os.urandom(16), 9
        worker.held = {77: None}
        worker.hello()
        self.assertEqual(worker.register()["lost"], [77])
        self.assertFalse(worker.registration["resumed"])
        self.assertEqual(worker.registration["next_finish"], 1)

    def test_a_long_task_is_kept_as_long_as_its_worker_beats(self):
        worker = self.fleet.worker("echo")
        id_ = self.client.submit_one("echo")
        award = worker.award()
        worker.run(8.0)
        self.assertEqual(self.client.get(id_)["attempt"], 1)
        self.assertEqual(worker.finish(award), "ok")


class ShortLease(FleetTest):
    extra = ("--lease", "1s")

    def test_workers_are_told_to_beat_often_enough_and_keep_what_they_work_on(self):
        client, worker = self.fleet.client(), self.fleet.worker("elsewhere")
        self.assertEqual((worker.welcome["lease_ms"], worker.lease_ms), (1000, 1000))
        self.assertLessEqual(worker.heartbeat_ms, 333)
        self.assertEqual(worker.welcome["heartbeat_ms"], worker.heartbeat_ms)
        if not (BIN / "hirehall-worker").exists():
            self.skipTest("hirehall-worker is not built")
        self.fleet.wait_worker(self.fleet.worker_program("program", agents=("sleep",)))
        task = client.wait(client.submit_one("sleep", b"3500"))
        self.assertEqual([entry["outcome"] for entry in task["history"]], ["succeeded"])

    def test_a_silent_worker_loses_its_lease_also_where_nothing_else_happens(self):
        client, worker = self.fleet.client(), self.fleet.worker("echo", beats=False)
        id_ = client.submit_one("echo", b"1", max_losses=1)
        worker.award()
        task = client.wait(id_)  # one request, and then nobody says anything
        self.assertEqual((task["state"], task["error"]["code"]), ("failed", "lost"))


if __name__ == "__main__":
    fleet.main()
