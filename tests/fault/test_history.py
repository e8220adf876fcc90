#!/usr/bin/python3
"""The checkers of histories and diaries find what they are there for: each planted lie about the same small run is named."""

import copy
import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from fault import diary, history

ROWS = [["send", 1, ["p1", "p2"]], ["ack", 1, ["a1", "a2"]], ["send", 2, ["p3"]], ["end", "a1", "succeeded", "p1"],
        ["end", "a2", "succeeded", "p2"]]


def task(payload):
    return {"state": "succeeded", "payload": payload.encode(), "result": payload.encode(), "history": [{"outcome": "succeeded"}]}


class Checker(unittest.TestCase):
    def setUp(self):
        self.tasks = {"a1": task("p1"), "a2": task("p2")}

    def findings(self, rows=ROWS, repeated=()):
        with tempfile.NamedTemporaryFile("w", suffix=".history") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows) + '["send", 3, ["torn')
            file.flush()
            return " ".join(history.check([file.name], self.tasks, list(repeated)))

    def test_a_true_history_is_clean(self):
        self.assertEqual(self.findings(), "")

    def test_a_batch_of_unknown_outcome_may_be_there_once(self):
        self.tasks["a3"] = task("p3")
        self.assertEqual(self.findings(), "")
        self.tasks["a4"] = task("p3")
        self.assertIn("'p3' was recorded 2 times", self.findings())

    def test_an_acknowledged_task_that_is_gone(self):
        del self.tasks["a2"]
        self.assertIn("a2 ('p2') was acknowledged and is gone", self.findings())

    def test_a_wrong_result_or_end(self):
        self.tasks["a1"]["result"] = b"other"
        self.assertIn("a1 ('p1') ended as", self.findings())
        self.assertIn("a1 was pushed as succeeded 'p1'", self.findings())
        self.tasks["a1"] = dict(task("p1"), state="failed")
        self.assertIn("a1 ('p1') ended as", self.findings())

    def test_a_phantom_a_mixed_up_payload_and_a_task_listed_twice(self):
        self.tasks["a9"] = task("p9")
        self.assertIn("'p9' was never sent", self.findings())
        self.tasks["a1"]["payload"] = b"p2"
        self.assertIn("a1 holds b'p2'", self.findings())
        self.assertIn("a1 is listed twice", self.findings(repeated=["a1"]))

    def test_two_successful_attempts_an_id_given_twice_and_a_push_that_never_came(self):
        self.tasks["a1"]["history"] *= 2
        self.assertIn("a1 has 2 successful attempts", self.findings())
        rows = copy.deepcopy(ROWS) + [["ack", 2, ["a1"]]]
        self.assertIn("a1 was given out 2 times", self.findings(rows))
        self.assertIn("the end of a2 was never pushed", self.findings(ROWS[:-1]))

    def test_the_figures_count_what_is_gone_and_what_is_there_twice(self):
        with tempfile.NamedTemporaryFile("w", suffix=".history") as file:
            file.write("".join(json.dumps(row) + "\n" for row in ROWS))
            file.flush()
            del self.tasks["a2"]
            self.tasks["a7"] = task("p1")
            verdict = history.Verdict([file.name], self.tasks)
        self.assertEqual((verdict.acknowledged, verdict.lost, verdict.recorded_twice), (2, 1, 1))


class Diaries(unittest.TestCase):
    """Worker one is killed at 12 over task b; worker two does both again and ends a."""

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.one = self.write("one", ["begin", 10, "a", 1], ["end", 11, "a", 1], ["begin", 11, "b", 1])
        self.two = self.write("two", ["session", 15.5], ["begin", 16, "b", 2], ["end", 17, "b", 2])

    def write(self, name, *rows):
        path = os.path.join(self.directory.name, name)
        with open(path, "w") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows) + '["begin", 9')
        return path

    def diaries(self):
        return diary.Diaries([self.one, self.two], {self.one: 12})

    def success(self, attempt):
        return dict(task("p"), history=[{"outcome": "succeeded", "attempt": attempt}])

    def test_true_diaries_are_clean(self):
        self.assertEqual(self.diaries().check({"a": self.success(1), "b": self.success(2)}), [])
        self.assertEqual(self.diaries().executed_again(), 1)

    def test_a_success_that_nobody_began_and_an_attempt_that_began_twice(self):
        self.assertIn("attempt 3 of a is recorded as succeeded", " ".join(self.diaries().check({"a": self.success(3)})))
        self.two = self.write("two", ["begin", 16, "b", 1])
        self.assertIn("attempt 1 of b was begun 2 times", " ".join(self.diaries().check({})))

    def test_an_orphan_waits_from_the_death_of_its_worker_and_lives_of_the_broker_part_that(self):
        self.assertEqual(self.diaries().orphans([[0, 99]]), [("b", 4, 4)])
        self.assertEqual(self.diaries().orphans([[0, 13], [15, 99]]), [("b", 4, 1)])
        self.two = self.write("two")
        self.assertEqual(self.diaries().orphans([[0, 99]]), [("b", None, None)])

    def test_a_session_counts_from_the_start_of_the_life_that_it_is_in(self):
        self.assertEqual(diary.reconnects([self.two], [[0, 13], [15, 99]]), [0.5])
        self.assertEqual(diary.reconnects([self.two], [[0, 13], [14, 15], [16, 99]]), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
