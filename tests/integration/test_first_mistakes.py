#!/usr/bin/python3
# ctest: timeout=120
"""Mistakes of the first hour: each is told, with what it is about and what to do."""

import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration.fleet import BIN, LIMIT, FleetTest, eventually, main

DEFINITION = """---
name: {name}
description: a sample
kind: process
command: [{command}]
types: [{name}]
---
"""


class FirstMistakes(FleetTest):
    def definition(self, name, command, **more):
        folder = self.fleet.directory / "agents-of-mine"
        folder.mkdir(exist_ok=True)
        text = DEFINITION.format(name=name, command=command)
        (folder / f"{name}.md").write_text(text.replace("types:", "".join(f"{k}: {v}\n" for k, v in more.items()) + "types:"))
        return folder

    def handles_interrupt(self, pid):
        """Whether the process has a handler for SIGINT by now."""
        with open(f"/proc/{pid}/status") as status:
            caught = next(int(line.split()[1], 16) for line in status if line.startswith("SigCgt:"))
        return caught >> (signal.SIGINT - 1) & 1

    def test_a_worker_without_a_broker_says_so_and_begins_when_there_is_one(self):
        endpoint = f"ipc://{self.fleet.directory}/later.sock"
        worker = self.fleet.worker_program("early", endpoint=endpoint)
        eventually(lambda: "no broker answers" in worker.text(), what="the worker says why it does nothing")
        self.assertIn(endpoint, worker.text())
        self.fleet.broker.stop()
        self.fleet.start(listen=endpoint)
        self.fleet.wait_worker(worker)
        self.assertEqual(self.run_cli("task", "run", "echo", "hi")[1], '"hi"\n')
        self.assertEqual(worker.text().count("no broker answers"), 1, "not more than once a minute")

    def test_a_program_that_is_not_there_is_told_before_the_first_task(self):
        folder = self.definition("lost-one", "/nowhere/program")
        worker = self.fleet.worker_program("hand", agents=folder, extra=["--allow-commands"])
        self.fleet.wait_worker(worker)
        self.assertRegex(worker.text(), r"lost-one\.md: there is no program /nowhere/program for 'lost-one'")
        code, _, err = self.run_cli("task", "run", "lost-one", "--max-attempts", 1)
        self.assertEqual(code, 10)
        self.assertIn("/nowhere/program", err)

    def test_a_changed_definition_names_the_command_that_forgets_the_old_one(self):
        first = self.fleet.worker_program("hand", agents=self.definition("mine", "/bin/cat", per_task="true"), extra=["--allow-commands"])
        self.fleet.wait_worker(first)
        first.stop()
        changed = self.fleet.worker_program("hand", agents=self.definition("mine", "/bin/cat", per_task="true", tier=2),
                                            extra=["--allow-commands"])
        self.assertEqual(changed.exit_code(), 5)
        command = "agent forget mine --agent-version 1"
        self.assertIn(f"`hirehall {command}`", changed.text())
        code, _, err = self.run_cli(*command.split())
        if code != 0:  # the worker that has stopped was heard of too lately
            self.assertIn("try again in some seconds", err)
        eventually(lambda: self.run_cli(*command.split())[0] in (0, 3), what="the definition is forgotten", every=0.3)
        again = self.fleet.worker_program("hand", agents=self.definition("mine", "/bin/cat", per_task="true", tier=2),
                                          extra=["--allow-commands"])
        self.fleet.wait_worker(again)
        self.assertEqual(self.run_cli("task", "run", "mine", '"cat"')[1], '"cat"\n')

    def test_a_task_that_failed_explains_with_its_error(self):
        self.fleet.wait_worker(self.fleet.worker_program("hand", agents=("trouble",)))
        self.run_cli("task", "run", "crash", "--max-attempts", 1)
        (dead,) = self.ok("dead", "list")
        (why,) = self.ok("task", "explain", dead["id"])["why"]
        self.assertIn("in attempt 1: crashed: signal 11", why["message"])

    def test_a_payload_that_begins_as_json_and_is_none_is_no_text(self):
        code, out, err = self.run_cli("task", "submit", "echo", '{"a": 1')
        self.assertEqual((code, out), (2, ""))
        self.assertIn("not JSON", err)
        self.assertEqual(self.ok("task", "list"), [])

    def test_a_key_that_is_missing_is_thought_of(self):
        done = subprocess.run([BIN / "hirehall", "stats", "--broker", "tcp://127.0.0.1:1", "--request-timeout", "100ms"],
                              capture_output=True, text=True, timeout=LIMIT)
        self.assertEqual(done.returncode, 7)
        self.assertIn("--server-key-file", done.stderr)

    def test_a_variable_that_goes_before_the_context_is_told(self):
        for variable, told in (("ipc:///elsewhere.ipc", True), ("", False)):
            with self.subTest(variable=variable):
                environment = dict(os.environ, XDG_CONFIG_HOME=str(self.fleet.directory), HIREHALL_BROKER=variable)
                done = subprocess.run([BIN / "hirehall", "context", "set", "here", "--broker", self.fleet.broker.endpoint],
                                      capture_output=True, text=True, timeout=LIMIT, env=environment)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual("HIREHALL_BROKER is set in this shell" in done.stderr, told, done.stderr)

    def test_ctrl_c_ends_the_wait_and_names_the_task_that_goes_on(self):
        waiting = subprocess.Popen([BIN / "hirehall", "--broker", self.fleet.broker.endpoint, "task", "run", "nobody-does-this"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        eventually(lambda: self.ok("task", "list"), what="the task is there")
        eventually(lambda: self.handles_interrupt(waiting.pid), what="it waits")
        waiting.send_signal(signal.SIGINT)
        out, err = waiting.communicate(timeout=LIMIT)
        (task,) = self.ok("task", "list")
        self.assertEqual((waiting.returncode, out, task["state"]), (-signal.SIGINT, "", "ready"))
        self.assertIn(f"`hirehall task wait {task['id']}`", err)


if __name__ == "__main__":
    main("hirehall-broker", "hirehall-worker", "hirehall")
