#!/usr/bin/python3
# ctest: timeout=600
"""What becomes of the work when a worker or its agent dies, stands still, crashes, grows or hangs (F7, F8, I4, I5, I7).

HIREHALL_EVERYTHING=1   the worker stands still for 1 to 60 s at a time, for three minutes, instead of once
HIREHALL_SEED=N         the same choices again
"""

import math
import os
import random
import signal
import sys
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire
from integration.fleet import FleetTest, LIMIT, eventually

EVERYTHING = os.environ.get("HIREHALL_EVERYTHING") == "1"


def agent(name, library, types, *lines):
    return f"---\nname: {name}\nversion: 1\ndescription: For the tests of faults.\nkind: plugin\nlibrary: {library}.so\n" \
           f"types: [{types}]\n" + "\n".join(lines) + "\n---\n"


class WorkerFaults(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = self.fleet.client()

    def agents(self, *definitions):
        directory = self.fleet.directory / f"agents-{self.fleet.count}"
        directory.mkdir()
        for n, text in enumerate(definitions):
            (directory / f"agent-{n}.md").write_text(text)
        return directory

    def start(self, name, agents, slots=4):
        worker = self.fleet.worker_program(name, slots=slots, agents=agents)
        self.fleet.wait_worker(worker)
        return worker

    def leased_to(self, id_, attempt):
        task = self.client.get(id_, payload=False)
        return task["state"] == "leased" and task["attempt"] >= attempt or task["state"] in wire.STATES.values()

    def counter(self, name):
        with urllib.request.urlopen(f"http://{self.fleet.broker.metrics}/metrics", timeout=LIMIT) as page:
            return sum(float(line.split()[-1]) for line in page.read().decode().splitlines()
                       if line.startswith(name) and line[len(name)] in " {")

    def outcomes(self, id_, timeout_ms=30000):
        task = self.client.wait(id_, timeout_ms)
        return task["state"], [entry["outcome"] for entry in task["history"]], task


class Dead(WorkerFaults):
    """Killed with the default lease of 6 s."""

    def test_the_tasks_of_a_killed_worker_run_elsewhere_within_two_leases(self):
        agents = self.agents(agent("sleeper", "sleep", "sleep"))
        victim = self.start("victim", agents)
        ids = self.client.submit([[0, b"1500"]] * 4, [{"type": "sleep"}])
        for id_ in ids:
            eventually(lambda: self.leased_to(id_, 1), what="the first award")
        self.start("heir", agents)
        began = time.monotonic()
        victim.kill()
        bound = 12 * fleet.SLOWDOWN
        for id_ in ids:
            eventually(lambda: self.leased_to(id_, 2), bound, "the second award")
        print(f"awarded again {time.monotonic() - began:.2f} s after the death of their worker (bound {bound:.0f} s)", flush=True)
        for id_ in ids:
            state, outcomes, task = self.outcomes(id_)
            self.assertEqual((state, outcomes, task["losses"], task["failures"]), ("succeeded", ["lost", "succeeded"], 1, 0))


class Frozen(WorkerFaults):
    extra = ("--lease", "2s")

    def test_a_worker_that_stood_still_finds_its_work_done_elsewhere(self):
        chance = random.Random(random.random())
        agents = self.agents(agent("sleeper", "sleep", "sleep"))
        frozen = self.start("frozen", agents)
        pauses, until = [5.0], time.monotonic() + 180
        if EVERYTHING:
            pauses = iter(lambda: math.exp(chance.uniform(0, math.log(60))) if time.monotonic() < until else None, None)
        for pause in pauses:
            self.stand_still(frozen, agents, pause * fleet.SLOWDOWN)

    def stand_still(self, frozen, agents, pause):
        stale = self.counter("hirehall_stale_results_total")
        ids = self.client.submit([[0, b"800"]] * 4, [{"type": "sleep", "max_losses": 100}])
        for id_ in ids:
            eventually(lambda: self.leased_to(id_, 1), what="the first award")
        frozen.signal(signal.SIGSTOP)
        until = time.monotonic() + pause
        heir = self.start("heir", agents)
        for id_ in ids:
            state, outcomes, _task = self.outcomes(id_)
            self.assertEqual((state, outcomes[-1]), ("succeeded", "succeeded"))
            self.assertIn("lost", outcomes)
        recorded = [self.client.get(id_) for id_ in ids]
        fleet.moment(max(0.0, until - time.monotonic()))
        heir.stop()
        frozen.signal(signal.SIGCONT)
        # Awake, it offers what it thinks it did: refused, and it goes on with new work.
        self.assertEqual(self.outcomes(self.client.submit_one("sleep", b"1"))[0], "succeeded")
        self.assertEqual([self.client.get(id_) for id_ in ids], recorded)
        print(f"stood still for {pause:.1f} s: {self.counter('hirehall_stale_results_total') - stale:.0f} late results refused", flush=True)


class Crashing(WorkerFaults):
    extra = ("--lease", "2s")

    def test_a_crash_in_a_child_costs_its_task_an_attempt_and_nobody_else_anything(self):
        worker = self.start("worker", self.agents(agent("trouble", "trouble", "crash, exit"), agent("sleeper", "sleep", "sleep")))
        others = self.client.submit([[0, b"700"]] * 2, [{"type": "sleep"}])
        crash = self.client.submit_one("crash", max_attempts=3, backoff_ms=1)
        state, outcomes, task = self.outcomes(crash)
        self.assertEqual((state, outcomes, task["losses"]), ("failed", ["failed"] * 3, 0))
        self.assertEqual(task["error"]["code"], "crashed")
        self.assertIn("SIGSEGV", task["error"]["message"])
        state, outcomes, task = self.outcomes(self.client.submit_one("exit", max_attempts=1))
        self.assertEqual((state, task["error"]["code"]), ("failed", "exit"))
        for id_ in others:
            self.assertEqual(self.outcomes(id_)[:2], ("succeeded", ["succeeded"]))
        self.assertTrue(worker.running())

    def test_a_child_that_is_killed_from_outside_is_replaced(self):
        worker = self.start("worker", self.agents(agent("sleeper", "sleep", "sleep")), slots=1)
        id_ = self.client.submit_one("sleep", b"1500", backoff_ms=1)
        child = eventually(lambda: self.children(worker.pid), what="the child of the agent")[0]
        eventually(lambda: self.leased_to(id_, 1), what="the first award")
        os.kill(child, signal.SIGKILL)
        state, outcomes, task = self.outcomes(id_)
        self.assertEqual((state, outcomes, task["losses"]), ("succeeded", ["failed", "succeeded"], 0))
        self.assertIn("SIGKILL", task["history"][0]["error"]["message"])
        self.assertTrue(worker.running())

    def children(self, pid):
        found = []
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found += [int(child) for child in file.read().split()]
        return found

    def test_a_task_that_kills_its_worker_ends_with_its_losses_and_the_others_are_done(self):
        agents = self.agents(agent("poison", "trouble", "crash", "in_process: true"), agent("sleeper", "sleep", "sleep"))
        poison = self.client.submit_one("crash", max_losses=3)
        others = self.client.submit([[0, b"300"]] * 6, [{"type": "sleep", "max_losses": 10}])
        deaths = 0
        while self.client.state(poison) != "failed":
            worker = self.fleet.worker_program(f"worker-{deaths}", agents=agents)
            eventually(lambda: not worker.running() or self.client.state(poison) == "failed", LIMIT, "the worker's death")
            deaths += not worker.running()
            self.assertLessEqual(deaths, 3, "more workers died than the task may have losses")
            eventually(lambda: self.client.state(poison) != "leased", LIMIT, "the end of the lease")
        _state, outcomes, task = self.outcomes(poison)
        self.assertEqual((outcomes, task["error"]["code"], deaths), (["lost"] * 3, "lost", 3))
        self.start("survivor", agents)
        for id_ in others:
            self.assertEqual(self.outcomes(id_)[0], "succeeded")
        self.assertEqual([dead["id"] for dead in self.client.walk(kind=wire.DEAD_LIST)], [poison])


class Greedy(WorkerFaults):
    def test_a_child_that_grows_ends_at_its_limit_and_the_worker_does_not_grow(self):
        worker = self.start("worker", self.agents(agent("greedy", "trouble", "grow", "limits:", "  memory: 192MiB"),
                                                  agent("sleeper", "sleep", "sleep")))
        other = self.client.submit_one("sleep", b"500")
        before = self.resident(worker.pid)
        state, outcomes, task = self.outcomes(self.client.submit_one("grow", max_attempts=2, backoff_ms=1))
        self.assertEqual((state, outcomes, task["losses"]), ("failed", ["failed"] * 2, 0))
        self.assertEqual(task["error"]["code"], "out_of_memory")
        self.assertEqual(self.outcomes(other)[:2], ("succeeded", ["succeeded"]))
        self.assertTrue(worker.running())
        self.assertLess(self.resident(worker.pid) - before, 32 << 20)

    def resident(self, pid):
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Hanging(WorkerFaults):
    def test_an_agent_that_hangs_is_killed_at_its_timeout_or_when_it_is_silent_for_too_long(self):
        worker = self.start("worker", self.agents(agent("hanging", "trouble", "hang", "stall_ms: 700"),
                                                  agent("sleeper", "sleep", "sleep")), slots=3)
        other = self.client.submit_one("sleep", b"1500")
        stalled = self.client.submit_one("hang", max_attempts=1)
        overdue = self.client.submit_one("hang", max_attempts=1, timeout_ms=300)
        _state, outcomes, task = self.outcomes(stalled)
        self.assertEqual((outcomes, task["error"]["code"]), (["failed"], "hung"))
        _state, outcomes, task = self.outcomes(overdue)
        self.assertEqual((outcomes, task["error"]["code"]), (["timed_out"], "timed_out"))
        self.assertEqual(self.outcomes(other)[:2], ("succeeded", ["succeeded"]))
        self.assertTrue(worker.running())

    def test_an_agent_that_is_only_slow_keeps_its_lease(self):
        self.start("worker", self.agents(agent("hanging", "trouble", "hang")), slots=1)
        id_ = self.client.submit_one("hang", max_attempts=1, timeout_ms=9000)
        state, outcomes, task = self.outcomes(id_, 60000)
        self.assertEqual((state, outcomes, task["losses"]), ("failed", ["timed_out"], 0))


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall-worker")
