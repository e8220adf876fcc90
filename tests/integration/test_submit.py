#!/usr/bin/python3
# ctest: timeout=180
"""Submitting: one answer per item, resends that create nothing twice (I1, I3), refusals that name the item."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire
from integration.fleet import FleetTest, LIMIT
from integration.hirehall_wire import Refused, WireError


class Submitting(FleetTest):
    def codes(self, answers):
        return [answer.code if isinstance(answer, Refused) else "ok" for answer in answers]

    def test_a_submitted_task_can_be_read_back_byte_for_byte(self):
        client = self.fleet.client()
        payload = bytes(range(256))
        id_ = client.submit_one("echo", payload, priority=7, labels={"a": "b"}, content_type="application/octet-stream")
        task = client.get(id_)
        self.assertEqual(len(id_), 16)
        self.assertEqual((task["id"], task["state"], task["type"], task["priority"]), (id_, "ready", "echo", 7))
        self.assertEqual((task["queue"], task["tenant"], task["payload"]), ("default", client.welcome["tenant"], payload))
        self.assertEqual((task["labels"], task["attempt"], task["failures"], task["losses"]), ({"a": "b"}, 0, 0, 0))
        self.assertNotIn("payload", client.get(id_, payload=False))

    def test_items_override_their_template(self):
        client = self.fleet.client()
        client.queue("other")
        templates = [{"type": "a", "priority": 3}, {"type": "b"}]
        ids = client.submit([[0, b"1"], [0, b"2", 9], [1, b"3", 0, None, "other"], [1, b"4", None, None, None, "c"],
                             [1, b"5", 0, None, None, None, {"priority": 2, "labels": {"x": "y"}}]], templates)
        tasks = [client.get(id_) for id_ in ids]
        self.assertEqual([(t["type"], t["priority"], t["queue"]) for t in tasks],
                         [("a", 3, "default"), ("a", 9, "default"), ("b", 5, "other"), ("c", 5, "default"), ("b", 2, "default")])
        self.assertEqual(tasks[4]["labels"], {"x": "y"})

    def test_trailing_elements_and_unknown_options_are_ignored(self):
        client = self.fleet.client()
        body = [1, 0, [{"type": "echo", "from_the_future": 1}], [[0, b"x", 0, None, None, None, None, "later"]], False, "later"]
        batch, items = client.call(wire.SUBMIT, body)
        self.assertEqual((batch, len(items), len(items[0])), (1, 1, 16))

    def test_one_bad_item_refuses_itself_and_no_other(self):
        client = self.fleet.client()
        answers = client.submit(
            [[0, b"good"], [9, b"no such template"], [0, b"", 11], [0, b"good"],
             [0, b"", 0, None, "nowhere"], [1, b"bad template"], [0, b"", 0, None, None, None, {"max_attempts": 0}],
             [0, b"", 0, None, None, None, {"priority": "high"}], [2, b"no type"], [0, b"good"]],
            [{"type": "echo"}, {"type": "echo", "priority": -1}, {}])
        self.assertEqual(self.codes(answers), ["ok", "invalid", "invalid", "ok", "not_found", "invalid", "invalid", "invalid",
                                               "invalid", "ok"])
        for answer in answers:
            if isinstance(answer, Refused):
                self.assertTrue(answer.message)
        self.assertEqual(client.stats()["accepted"], 3)

    def test_a_payload_of_a_mebibyte_fits_and_one_byte_more_is_too_large(self):
        client = self.fleet.client()
        big = os.urandom(1 << 20)
        id_ = client.submit_one("echo", big)
        self.assertEqual(client.get(id_)["payload"], big)
        self.assertEqual(client.submit_one("echo", big + b"!").code, "too_large")

    def test_too_many_items_are_refused_as_a_whole_and_the_number_stays_free(self):
        client = self.fleet.client()
        self.refused("too_large", client.submit, [[0, b""]] * 4097, [{"type": "echo"}])
        self.refused("too_large", client.submit, [[0, b"x" * 600_000]] * 2, [{"type": "echo"}])
        self.refused("bad_message", client.submit, [], [{"type": "echo"}])
        self.assertEqual(len(client.submit([[0, b""]] * 4096, [{"type": "echo"}])), 4096)
        self.assertEqual(client.next_batch, 2)

    def test_a_skipped_number_is_out_of_order_and_a_missing_one_heals_it(self):
        client = self.fleet.client()
        error = self.refused("out_of_order", client.call, wire.SUBMIT, [2, 0, [{"type": "echo"}], [[0, b"second"]]])
        self.assertEqual(error.action, "retry")
        client.call(wire.SUBMIT, [1, 0, [{"type": "echo"}], [[0, b"first"]]])
        client.call(wire.SUBMIT, [2, 0, [{"type": "echo"}], [[0, b"second"]]])
        self.assertEqual(client.stats()["accepted"], 2)

    def test_a_batch_whose_answer_was_acknowledged_is_out_of_order(self):
        client = self.fleet.client()
        for number in (1, 2, 3):
            client.call(wire.SUBMIT, [number, number - 1, [{"type": "echo"}], [[0, b""]]])
        self.refused("out_of_order", client.call, wire.SUBMIT, [1, 0, [{"type": "echo"}], [[0, b""]]])
        self.refused("out_of_order", client.call, wire.SUBMIT, [2, 1, [{"type": "echo"}], [[0, b""]]])
        self.assertEqual(client.stats()["accepted"], 3)

    def test_an_acknowledgement_of_what_was_not_answered_is_a_bad_message(self):
        client = self.fleet.client()
        self.refused("bad_message", client.call, wire.SUBMIT, [1, 1, [{"type": "echo"}], [[0, b""]]])

    def test_more_than_the_window_is_busy(self):
        client = self.fleet.client()
        for number in range(1, wire.WINDOW + 1):
            client.call(wire.SUBMIT, [number, 0, [{"type": "echo"}], [[0, b""]]])
        self.refused("busy", client.call, wire.SUBMIT, [wire.WINDOW + 1, 0, [{"type": "echo"}], [[0, b""]]])
        client.call(wire.SUBMIT, [wire.WINDOW + 1, 1, [{"type": "echo"}], [[0, b""]]])

    def test_a_resent_batch_gets_the_first_answer_and_creates_nothing(self):
        client = self.fleet.client()
        first = client.call(wire.SUBMIT, [1, 0, [{"type": "echo"}], [[0, b"a"], [7, b"bad"]]])
        again = client.call(wire.SUBMIT, [1, 0, [{"type": "echo"}], [[0, b"a"], [7, b"bad"]]])
        self.assertEqual(first[1][0], again[1][0])
        self.assertEqual(first[1][1][0], again[1][1][0])
        self.assertEqual(client.stats()["accepted"], 1)

    def test_a_resend_after_a_crash_of_the_broker_creates_nothing(self):
        client = self.fleet.client()
        body = [1, 0, [{"type": "echo"}], [[0, b"a"], [0, b"b"]]]
        first = client.call(wire.SUBMIT, body)
        self.fleet.crash()
        again = client.call(wire.SUBMIT, body, limit=LIMIT)
        self.assertEqual(first, again)
        self.assertTrue(client.welcome["resumed"])
        self.assertEqual(client.welcome["next_batch"], 2)
        self.assertEqual(client.stats()["accepted"], 2)

    def test_batches_in_flight_over_a_crash_are_recorded_exactly_once(self):
        client = self.fleet.client()
        batches = [client.submit_later([[0, f"{n}-{i}".encode()] for i in range(20)], [{"type": "echo"}]) for n in range(40)]
        self.fleet.crash()
        client.settle(LIMIT)
        ids = [id_ for batch in batches for id_ in batch.answer]
        self.assertTrue(all(isinstance(id_, bytes) for id_ in ids))
        self.assertEqual(len(set(ids)), 800)
        self.assertEqual(client.stats()["accepted"], 800)
        for number, batch in enumerate(batches):
            self.assertEqual(client.get(batch.answer[7])["payload"], f"{number}-7".encode())

    def test_a_refused_batch_in_the_middle_lets_the_others_through_in_order(self):
        client = self.fleet.client()
        good = [client.submit_later([[0, b"1"]], [{"type": "echo"}])]
        bad = client.submit_later([[0, b""]] * 4097, [{"type": "echo"}])
        good += [client.submit_later([[0, b"2"]], [{"type": "echo"}]) for _ in range(5)]
        client.settle(LIMIT)
        self.assertIsInstance(bad.answer, WireError)
        self.assertEqual({len(batch.answer[0]) for batch in good}, {16})
        self.assertEqual(client.stats()["accepted"], 6)

    def test_atomic_is_all_or_nothing(self):
        client = self.fleet.client()
        error = self.refused("not_found", client.submit, [[0, b"a"], [0, b"b", 0, None, "nowhere"]], [{"type": "echo"}], True)
        self.assertIn("1", error.context)
        self.assertEqual(client.stats()["accepted"], 0)
        self.assertEqual(self.codes(client.submit([[0, b"a"], [0, b"b"]], [{"type": "echo"}], True)), ["ok", "ok"])

    def test_an_idempotency_key_gives_the_first_id_from_any_producer_and_after_a_crash(self):
        one, two = self.fleet.client(), self.fleet.client()
        first = one.submit_one("echo", b"p", idempotency_key="k")
        self.assertEqual(one.submit_one("echo", b"p", idempotency_key="k"), first)
        self.assertEqual(two.submit_one("echo", b"p", idempotency_key="k"), first)
        other = two.submit_one("echo", b"other", idempotency_key="k")
        self.assertEqual((other.code, other.id), ("conflict", first))
        self.fleet.crash()
        self.assertEqual(two.submit_one("echo", b"p", idempotency_key="k", limit=LIMIT), first)
        self.assertEqual(two.stats()["accepted"], 1)

    def test_a_unique_key_holds_until_the_task_is_over(self):
        client = self.fleet.client()
        first = client.submit_one("echo", b"p", unique_key="u")
        self.assertEqual(client.submit_one("echo", b"p", unique_key="u"), first)
        self.assertEqual(client.submit_one("echo", b"q", unique_key="u").code, "conflict")
        client.cancel(first)
        self.assertNotEqual(client.submit_one("echo", b"q", unique_key="u"), first)

    def test_a_full_queue_refuses_and_accepts_again_when_there_is_room(self):
        client = self.fleet.client()
        client.queue("small", cap=2)
        answers = client.submit([[0, b"1"], [0, b"2"], [0, b"3"]], [{"type": "echo", "queue": "small"}])
        self.assertEqual(self.codes(answers), ["ok", "ok", "queue_full"])
        client.cancel(answers[0])
        self.assertEqual(self.codes(client.submit([[0, b"3"]], [{"type": "echo", "queue": "small"}])), ["ok"])

    def test_dead_letters_that_fill_the_cap_say_so(self):
        client, worker = self.fleet.client(), self.fleet.worker("bad")
        client.queue("small", cap=1)
        client.submit_one("bad", queue="small", max_attempts=1)
        self.assertEqual(worker.finish(worker.award(), 2, error="no"), "ok")
        self.assertEqual(client.submit_one("bad", queue="small").code, "dead_letters_full")

    def test_an_option_out_of_range_is_invalid_and_named(self):
        client = self.fleet.client()
        for options in ({"priority": 0, "type": "t" * 256}, {"priority": 11}, {"max_attempts": 1001}, {"delay_ms": -1}, {"delay_ms": "5s"},
                        {"deadline": 1}, {"affinity_key": "k" * 513}, {"limit_keys": ["k"] * 9},
                        {"delivery": "sometimes"}, {"description": "d" * 10001}, {"timeout_ms": 1.5},
                        {"labels": {str(n): "" for n in range(65)}}, {"context": {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}}):
            with self.subTest(options=str(options)[:60]):
                answer = client.submit([[0, b""]], [dict({"type": "echo"}, **options)])[0]
                self.assertIsInstance(answer, Refused)
                self.assertEqual(answer.code, "invalid")
                self.assertTrue(any(name in answer.message for name in options), answer.message)


if __name__ == "__main__":
    fleet.main()
