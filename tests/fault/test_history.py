#!/usr/bin/python3
"""The history checker finds what it is there for: each planted lie about the same small history is named."""

import copy
import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from fault import history

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


if __name__ == "__main__":
    unittest.main(verbosity=2)
