#!/usr/bin/python3
# ctest: timeout=240
"""Questions, approvals and the inbox over the real broker: command line, Python client, another task; kill -9 in the middle; bad input."""

import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from integration import fleet
from integration.fleet import LIMIT, SOURCE, FleetTest, eventually

sys.path.insert(0, str(SOURCE / "client" / "python"))

import hirehall


class Inbox(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = hirehall.Client(self.fleet.broker.endpoint)
        self.addCleanup(self.client.close, 0)

    def cli(self, *arguments, code=0):
        done = subprocess.run([fleet.BIN / "hirehall", "--broker", self.fleet.broker.endpoint, *arguments, "-o", "json"],
                              capture_output=True, text=True, timeout=LIMIT)
        self.assertEqual(done.returncode, code, done.stderr)
        return json.loads(done.stdout) if done.stdout and code == 0 else done.stderr

    def work(self):
        worker = self.fleet.worker_program("hand", agents=SOURCE / "configs" / "agents", extra=("--allow-commands",))
        self.fleet.wait_worker(worker)

    def refused(self, code, function, *arguments, **options):
        with self.assertRaises(hirehall.HirehallError) as caught:
            function(*arguments, **options)
        self.assertEqual(caught.exception.code, code, caught.exception)
        return caught.exception

    def suspended(self, id):
        eventually(lambda: self.client.get(id).state == "suspended", LIMIT, f"{id} suspended")

    def test_an_agent_asks_and_the_command_line_answers(self):
        self.work()
        id = self.client.submit("ask", {"question": "How many?", "form": {"n": {"type": "integer", "min": 1}}})
        self.suspended(id)
        listed = self.cli("inbox")
        self.assertEqual([(row["id"], row["asks"], row["on"]) for row in listed], [(id, "How many?", "input")])
        self.assertEqual(self.cli("inbox", "show", id)["question"]["form"], {"n": {"type": "integer", "min": 1}})
        self.assertIn("bad_answer", self.cli("inbox", "answer", id, '{"n": 0}', code=2))
        self.assertIn("accepted: 1", self.cli("inbox", "answer", id, '{"n": 0}', code=2))
        self.assertIn("JSON", self.cli("inbox", "answer", id, "five", code=2))
        self.cli("inbox", "answer", id, '{"n": 5}', "--reason", "counted")
        task = self.client.wait(id, LIMIT)
        self.assertEqual(task.value, {"answer": {"n": 5}, "checkpoint": {"asked_in": 1}})
        decision = self.cli("task", "get", id)["decisions"][0]
        self.assertEqual((decision["decision"], decision["by"], decision["reason"], decision["stage"]), ("answered", "local", "counted", "agent"))
        self.assertEqual(self.cli("inbox"), [])

    def test_another_task_answers(self):
        self.work()
        asking = self.client.submit("ask", {"question": "What is it?"})
        self.suspended(asking)
        self.assertEqual(self.client.run("ask", {"of": asking, "value": {"it": "that"}}, timeout=LIMIT), "told")
        self.assertEqual(self.client.wait(asking, LIMIT).value["answer"], {"it": "that"})
        self.assertTrue(self.cli("task", "get", asking)["decisions"][0]["by"].startswith("task "))

    def test_time_is_over_with_a_default_and_without(self):
        self.work()
        with_default = self.client.submit("ask", {"options": ["yes", "no"], "timeout_ms": 300, "default": "no"})
        without = self.client.submit("ask", {"timeout_ms": 300})
        self.assertEqual(self.client.wait(with_default, LIMIT).value["answer"], "no")
        task = self.client.wait(without, LIMIT)
        self.assertEqual((task.state, task.error.code), ("failed", "unanswered"))
        self.assertEqual([dead.id for dead in self.client.dead()], [without])
        self.refused("terminal", self.client.answer, without, "late")

    def test_a_faulty_question_fails_the_attempt_for_good(self):
        self.work()
        task = self.client.wait(self.client.submit("ask", {"options": ["yes"], "timeout_ms": 1000, "default": "maybe"}), LIMIT)
        self.assertEqual((task.state, task.error.code), ("failed", "invalid"))

    def test_questions_and_answers_survive_kill_nine(self):
        self.work()
        asking = [self.client.submit("ask", {"options": ["yes", "no"]}) for _ in range(20)]
        for id in asking:
            self.suspended(id)
        self.fleet.crash()
        eventually(lambda: len(list(self.client.inbox())) == 20, LIMIT, "the inbox after the crash")
        for id in asking[:10]:
            self.client.answer(id, "yes")
        self.fleet.crash()
        for id in asking[:10]:
            self.assertEqual(self.client.wait(id, LIMIT).value["answer"], "yes")
            self.refused("terminal", self.client.answer, id, "no")
        for id in asking[10:]:
            self.client.answer(id, "no")
        for id in asking[10:]:
            self.assertEqual(self.client.wait(id, LIMIT).value["answer"], "no")

    def test_approval_before_the_award(self):
        self.cli("queue", "set", "payments", "--approval", "award")
        self.work()
        approved, edited, rejected = (self.client.submit("echo", {"amount": n}, queue="payments") for n in (1, 2, 3))
        self.assertEqual(self.client.get(approved).state, "suspended")
        self.assertIn("approved before its award", self.cli("task", "explain", approved)["reasons"][0])
        self.assertIn("bad_answer", self.cli("inbox", "answer", approved, "true", code=2))
        self.cli("inbox", "approve", approved, "--reason", "fine")
        self.cli("inbox", "edit", edited, '{"amount": 20}', "--reason", "more")
        self.cli("inbox", "reject", rejected, "--reason", "not this month")
        self.assertEqual(self.client.wait(approved, LIMIT).value, {"amount": 1})
        self.assertEqual(self.client.wait(edited, LIMIT).value, {"amount": 20})
        self.assertEqual(json.loads(self.client.get(edited).payload), {"amount": 20})
        task = self.client.wait(rejected, LIMIT)
        self.assertEqual((task.state, task.reason), ("cancelled", "not this month"))
        self.assertIn("invalid", self.cli("queue", "set", "payments", "--approval", "sometimes", code=2))

    def test_approval_before_the_release(self):
        self.work()
        id = self.client.submit("echo", 1, policies={"approval": "release"})
        other = self.client.submit("echo", 2, policies={"approval": "release"})
        for each in (id, other):
            self.suspended(each)
            self.assertIsNone(self.client.get(each).result)
        self.fleet.crash()
        self.client.approve(id, reason="good work")
        self.client.edit(other, 3)
        self.assertEqual(self.client.wait(id, LIMIT).value, 1)
        self.assertEqual(self.client.wait(other, LIMIT).value, 3)

    def test_bad_input_is_named(self):
        for policies, word in (({"approval": "maybe"}, "accepted: none, award, release, both"), ({"approval_timeout_ms": -1}, "0 to a year"),
                               ({"approval": 1}, "wrong type")):
            with self.assertRaises(hirehall.HirehallError) as caught:
                self.client.submit("echo", 1, policies=policies)
            self.assertEqual(caught.exception.code, "invalid")
            self.assertIn(word, caught.exception.message)
        id = self.client.submit("echo", 1)
        self.refused("invalid", self.client.answer, id, 1)
        self.refused("invalid", lambda: list(self.client.inbox(on="money")))
        self.refused("not_found", lambda: list(self.client.inbox(queue="nowhere")))
        self.assertIn("waits for no answer", self.cli("inbox", "show", id, code=3))


if __name__ == "__main__":
    fleet.main()
