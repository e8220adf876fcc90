#!/usr/bin/python3
# ctest: timeout=300
"""A client that dies between submit and answer, and the one that comes after it (F13, I3).

HIREHALL_EVERYTHING=1   ten times as many deaths
HIREHALL_SEED=N         the same choices again
"""

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from fault import history
from integration import fleet
from integration.fleet import BIN, FleetTest, LIMIT, eventually, moment

HERE = Path(__file__).resolve().parent
MANY = 10 if os.environ.get("HIREHALL_EVERYTHING") == "1" else 1


class Clients(FleetTest):
    def setUp(self):
        super().setUp()
        self.random = random.Random(random.random())
        self.history, self.session = self.fleet.directory / "c.history", self.fleet.directory / "c.session"

    def start(self):
        client = self.fleet.script(HERE / "load_client.py", self.fleet.broker.endpoint, "--name", "c", "--seed", 1, "--rate", 200, "--open", 1_000_000,
                                   "--history", self.history, "--session", self.session, name="client")
        client.event("running")
        return client

    def unanswered(self):
        sent, acked, _ended = history.read(self.history)
        return sorted(set(sent) - set(acked))

    def broker_stands_still(self):
        """The signal takes its time on a busy machine."""
        status = Path(f"/proc/{self.fleet.broker.pid}/stat").read_text()
        return status.rpartition(")")[2].split()[0] == "T"

    def wait_for_answers(self):
        """More than its window: by then the client has subscribed, too, and does nothing but submit."""
        answered = self.answered()
        eventually(lambda: self.answered() > answered + 6, what="answers")

    def answered(self):
        return len(history.read(self.history)[1]) if self.history.exists() else 0

    def judge(self, client):
        worker = self.fleet.worker("echo", slots=64)
        client.signal(signal.SIGTERM)
        worker.echo(lambda: client.said("done", patience=0.01), LIMIT)
        self.assertEqual(self.unanswered(), [])
        reader = self.fleet.client()
        tasks, repeated = history.dump(reader)
        self.assertEqual(history.check([self.history], tasks, repeated), [])
        return len(tasks)

    def test_what_a_dead_client_sent_and_nobody_answered_is_created_once(self):
        """The broker stands still: batches lie in its socket, their sender dies, the next one sends them again."""
        deaths = 0
        client = self.start()
        self.wait_for_answers()
        for _ in range(4 * MANY):
            self.fleet.broker.signal(signal.SIGSTOP)
            eventually(self.broker_stands_still, what="the broker stands still")
            before = set(history.read(self.history)[0])
            eventually(lambda: set(history.read(self.history)[0]) - before, what="a batch that nobody can answer")
            moment(self.random.uniform(0, 0.1))
            client.end()
            deaths += bool(self.unanswered())
            self.fleet.broker.signal(signal.SIGCONT)
            client = self.start()
            self.wait_for_answers()
        self.assertEqual(deaths, 4 * MANY)
        print(f"{deaths} deaths between submit and answer, {self.judge(client)} tasks, each once", flush=True)

    def test_deaths_at_any_moment(self):
        client = self.start()
        for _ in range(8 * MANY):
            moment(self.random.uniform(0, 0.15))
            client.end()
            client = self.start()
        self.judge(client)

    def test_a_command_that_is_killed_and_said_again_with_its_key_makes_one_task(self):
        if not (BIN / "hirehall").exists():
            self.skipTest("the command line is not built")
        ids, killed = [], 0
        for n in range(6 * MANY):
            command = [BIN / "hirehall", "--broker", self.fleet.broker.endpoint, "task", "submit", "echo", "--payload", str(n),
                       "--idempotency-key", f"key-{n}", "-o", "jsonl"]
            while True:
                with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as child:
                    try:
                        out, _ = child.communicate(timeout=self.random.uniform(0.002, 0.06))
                        break
                    except subprocess.TimeoutExpired:
                        child.kill()
                        killed += 1
            self.assertEqual(child.returncode, 0)
            ids.append(json.loads(out)["id"])
        tasks = self.fleet.client().walk()
        print(f"{killed} of {killed + len(ids)} commands killed, {len(tasks)} tasks", flush=True)
        self.assertEqual(len(tasks), len(set(ids)))
        self.assertEqual(Counter(ids).most_common(1)[0][1], 1)


if __name__ == "__main__":
    fleet.main()
