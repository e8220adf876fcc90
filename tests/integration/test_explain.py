#!/usr/bin/python3
# ctest: timeout=120
"""Why a task does not run: each reason that keeps one from a worker, by its word and its details."""

import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire, scripted_worker as hand
from integration.fleet import FleetTest


class Explain(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = self.fleet.client()

    def why(self, id_):
        answer = self.client.call(wire.EXPLAIN, {"id": id_})
        self.assertEqual([one["message"] for one in answer["why"]], answer["reasons"])
        return answer["state"], {one["what"]: one for one in answer["why"]}

    def only(self, id_, what, state="ready"):
        shown, why = self.why(id_)
        self.assertEqual((shown, list(why)), (state, [what]), why)
        return why[what]

    def test_without_workers_then_with_the_wrong_one_the_nearest_is_named(self):
        id_ = self.client.submit_one("draw", requires={"labels": {"zone": "eu"}, "tools": ["brush"]})
        self.only(id_, "no_worker")
        far = self.fleet.worker("write", name="far")
        near = self.fleet.worker(name="near", agents=[{"name": "a", "types": ["draw"], "tools": ["brush"]}])
        why = self.only(id_, "not_capable")
        self.assertEqual(why["missing"], ["label zone=eu"])
        self.assertEqual((why["connected"], why["nearest"], why["nearest_lacks"]), (2, "near", ["label zone=eu"]))
        near.close()
        far.close()

    def test_what_is_scheduled_snoozed_or_waits_after_a_failure_says_until_when(self):
        later = int(time.time() * 1000) + 3_600_000
        id_ = self.client.submit_one("echo", not_before=later)
        self.assertAlmostEqual(self.why(id_)[1]["scheduled"]["until"], later, delta=2000)
        worker = self.fleet.worker("echo", "nap")
        failing = self.client.submit_one("echo", backoff_ms=3_600_000, backoff_max_ms=3_600_000)
        worker.finish(worker.award(), hand.FAILED, error="no ink", delay_ms=600_000)
        why = self.only(failing, "backoff", "scheduled")
        self.assertEqual((why["failures"], why["max_attempts"], why["error"]), (1, 3, "no ink"))
        sleepy = self.client.submit_one("nap")
        worker.finish(worker.award(), hand.SNOOZED, delay_ms=600_000)
        self.assertEqual(self.only(sleepy, "snoozed", "scheduled")["attempt"], 1)

    def test_what_is_suspended_says_on_what(self):
        id_ = self.client.submit_one("echo")
        worker = self.fleet.worker("echo")
        worker.finish(worker.award(), hand.SUSPENDED, on="approval")
        self.assertEqual(self.only(id_, "suspended", "suspended")["on"], "approval")

    def test_pauses_say_who_when_and_why_and_survive_a_crash(self):
        id_ = self.client.submit_one("echo")
        self.fleet.worker("other")
        self.client.call(wire.PAUSE, {"queue": "default", "type": "echo", "reason": "repair"})
        before = self.why(id_)[1]["paused"]
        self.assertEqual((before["queue"], before["type"], before["reason"], before["by"]), ("default", "echo", "repair", "local"))
        self.assertAlmostEqual(before["since"], time.time() * 1000, delta=60_000)
        self.fleet.crash()
        after = self.why(id_)[1]["paused"]
        # Engine time goes on from where it was; the wall clock beside it may have been read a moment later.
        self.assertAlmostEqual(after.pop("since"), before.pop("since"), delta=1000)
        self.assertEqual(after, before)

    def test_a_pause_of_a_type_in_one_queue_leaves_the_type_alone_in_others(self):
        self.client.queue("other")
        held = self.client.submit_one("echo")
        self.client.call(wire.PAUSE, {"queue": "default", "type": "echo"})
        free = self.client.submit_one("echo", queue="other")
        worker = self.fleet.worker("echo")
        award = worker.award()
        self.assertEqual(award.id, free)
        self.assertIn("paused", self.why(held)[1])
        self.client.call(wire.RESUME, {"queue": "default", "type": "echo"})
        self.assertEqual(worker.award().id, held)

    def test_a_full_limit_parks_and_says_under_which_key(self):
        self.client.queue("default", limits={"smtp": 1})
        first, second = (self.client.submit_one("echo", limit_keys=["smtp"]) for _ in range(2))
        worker = self.fleet.worker("echo", slots=4)
        award = worker.award()
        why = self.only(second if award.id == first else first, "limit")
        self.assertEqual((why["key"], why["running"], why["max"]), ("smtp", 1, 1))

    def test_full_and_draining_workers_and_the_place_in_line(self):
        ids = [self.client.submit_one("echo") for _ in range(5)]
        urgent = self.client.submit_one("echo", priority=9)
        worker = self.fleet.worker("echo", slots=1, name="only")
        self.assertEqual(worker.award().id, urgent)
        state, why = self.why(ids[3])
        self.assertEqual((why["no_slot"]["held"], why["no_slot"]["credit"]), (1, 1))
        self.assertEqual((why["behind"]["tasks"], why["behind"]["exact"]), (3, 1))
        self.assertNotIn("behind", self.why(ids[0])[1])
        self.assertEqual(self.why(urgent)[1]["running"]["worker"], "only")
        self.client.call(wire.WORKER_DRAIN, {"name": "only"})
        self.assertIn("draining", self.why(ids[0])[1])

    def test_a_deadline_says_how_likely_it_is_met_and_a_submit_warns(self):
        def outlook(id_):
            return self.client.call(wire.EXPLAIN, {"id": id_})["deadline"]

        soon = int(time.time() * 1000) + 60_000
        self.assertEqual(outlook(self.client.submit_one("echo", deadline=soon))["outlook"], "unknown")
        worker = self.fleet.worker(slots=1)
        award = worker.award()
        worked = time.monotonic() + 0.3
        fleet.eventually(lambda: (worker.pump(0.05), time.monotonic() > worked)[1], 30, "work of 0.3 s")
        worker.finish(award, hand.SUCCEEDED)
        self.client.call(wire.PAUSE, {"queue": "default", "reason": "no awards for now"})
        likely = outlook(self.client.submit_one("echo", deadline=soon))
        self.assertEqual(likely["outlook"], "likely")
        self.assertAlmostEqual(likely["at"], soon, delta=2)  # engine time and the wall clock are whole milliseconds apart
        self.assertLess(likely["p50_ms"], likely["left_ms"])
        for _ in range(60):  # the earlier deadline goes first
            self.client.submit_one("echo", deadline=int(time.time() * 1000) + 10_000)
        code, _out, err = self.run_cli("task", "submit", "echo", "--deadline", "11s")
        self.assertEqual(code, 0)
        self.assertRegex(err, "its deadline is met is (unlikely|doubtful): .* left, an end is expected in")

    def test_a_lease_whose_worker_went_away_says_so(self):
        id_ = self.client.submit_one("echo")
        worker = self.fleet.worker("echo")
        worker.award()
        worker.close()
        self.fleet.crash()
        self.assertIn("away", self.why(id_)[1])


if __name__ == "__main__":
    fleet.main("hirehall-broker")
