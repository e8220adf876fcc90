#!/usr/bin/python3
# ctest: timeout=240
"""The Python package as a worker: outcomes, checkpoints, stops, leases over a crash, drain with hand-back (I4, I5, I6)."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from integration import fleet
from integration.fleet import LIMIT, SOURCE, FleetTest, eventually

sys.path.insert(0, str(SOURCE / "client" / "python"))

import hirehall


class WorkerTest(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = hirehall.Client(self.fleet.broker.endpoint)
        self.addCleanup(self.client.close, 0)
        self.running = {}  # task id -> how often its attempts began

    def worker(self, **options):
        return hirehall.Worker(self.fleet.broker.endpoint, **({"name": "snake"} | options))

    def start(self, worker, timeout=0.2):
        worker.start()
        self.addCleanup(worker.stop, timeout)
        return worker

    def serve(self, function, *types, **options):
        """A started worker with this one agent."""
        worker = self.worker(**options)

        @worker.agent(*(types or ("job",)), name="job")
        def job(attempt):
            self.running[attempt.id] = self.running.get(attempt.id, 0) + 1
            return function(attempt)
        return self.start(worker)

    def begun(self, id, times=1):
        eventually(lambda: self.running.get(id, 0) >= times, LIMIT, f"attempt {times} of {id}")

    def outcomes(self, id):
        return [record.outcome for record in self.client.wait(id, LIMIT).history]


class Outcomes(WorkerTest):
    def test_a_function_gets_the_task_and_its_value_is_the_result(self):
        seen = []

        def job(attempt):
            seen.append((attempt.id, attempt.number, attempt.type, attempt.data, attempt.labels, attempt.context, attempt.queue))
            return attempt.data["n"] * 2 if attempt.type == "double" else attempt.payload
        self.serve(job, "double", "raw", slots=2)
        id = self.client.submit("double", {"n": 21}, labels={"a": "b"}, context={"k": 1})
        task = self.client.wait(id, LIMIT)
        self.assertEqual((task.value, task.result_type, task.history[0].worker), (42, "application/json", "snake"))
        self.assertEqual(seen, [(id, 1, "double", {"n": 21}, {"a": "b"}, {"k": 1}, "default")])
        self.assertEqual(self.client.run("raw", b"\x00\xff", timeout=LIMIT), b"\x00\xff")

    def test_the_command_line_of_cpp_submits_to_a_python_worker(self):
        self.serve(lambda attempt: attempt.data.upper(), "shout")
        done = subprocess.run([fleet.BIN / "hirehall", "--broker", self.fleet.broker.endpoint, "task", "run", "shout", '"hello"'],
                              capture_output=True, text=True, timeout=LIMIT)
        self.assertEqual((done.returncode, done.stdout.strip()), (0, '"HELLO"'), done.stderr)

    def test_exceptions_are_failures_that_are_tried_again_and_failed_for_good_is_not(self):
        def job(attempt):
            if attempt.type == "never":
                raise hirehall.Failed("no use", code="hopeless", retry=False)
            if attempt.number < 3:
                raise ValueError(f"try {attempt.number}")
            return "third"
        self.serve(job, "flaky", "never")
        id = self.client.submit("flaky", backoff_ms=1)
        self.assertEqual(self.client.wait(id, LIMIT).value, "third")
        history = self.client.get(id).history
        self.assertEqual([(r.outcome, r.error and (r.error.code, r.error.message)) for r in history],
                         [("failed", ("ValueError", "try 1")), ("failed", ("ValueError", "try 2")), ("succeeded", None)])
        task = self.client.wait(self.client.submit("never"), LIMIT)
        self.assertEqual((task.state, task.attempt, task.error.code, task.error.message), ("failed", 1, "hopeless", "no use"))

    def test_results_that_cannot_be_recorded_fail_the_task_with_the_reason(self):
        self.serve(lambda attempt: b"x" * ((1 << 20) + 1) if attempt.type == "big" else object(), "big", "odd")
        for type, code in (("big", "too_large"), ("odd", "invalid")):
            task = self.client.wait(self.client.submit(type), LIMIT)
            self.assertEqual((task.state, task.attempt, task.error.code), ("failed", 1, code))

    def test_a_checkpoint_is_where_the_next_attempt_begins(self):
        def job(attempt):
            if attempt.checkpoint is None:
                attempt.save({"page": 7})
                raise RuntimeError("broke after the checkpoint")
            return attempt.checkpoint_value["page"]
        self.serve(job)
        self.assertEqual(self.client.run("job", backoff_ms=1, timeout=LIMIT), 7)

    def test_snoozed_suspended_and_handed_back_count_as_no_failure(self):
        def job(attempt):
            if attempt.number == 1:
                raise hirehall.Snooze(1, checkpoint="slept")
            if attempt.number == 2:
                raise hirehall.HandBack()
            if attempt.answer is None:
                raise hirehall.Suspend("input", checkpoint=attempt.checkpoint)
            return [attempt.checkpoint_value, attempt.answer_value]
        self.serve(job)
        id = self.client.submit("job", max_attempts=1)
        eventually(lambda: self.client.get(id).state == "suspended", LIMIT, "suspended")
        self.client.answer(id, "yes")
        self.assertEqual(self.client.wait(id, LIMIT).value, ["slept", "yes"])
        self.assertEqual(self.outcomes(id), ["snoozed", "interrupted", "suspended", "succeeded"])

    def test_coroutines_work_and_logs_progress_and_usage_are_taken(self):
        worker = self.worker()

        @worker.agent("async")
        async def slow_agent(attempt):
            for n in range(1000):
                attempt.progress(n, 1000, "on it")
            attempt.log("a line " + "ü" * 9000)
            attempt.usage(tokens=12)
            attempt.save(b"c")
            return attempt.agent
        self.start(worker)
        self.assertEqual(self.client.run("async", timeout=LIMIT), "slow-agent")

    def test_many_tasks_over_few_slots_each_run_once(self):
        self.serve(lambda attempt: attempt.data, slots=4, credit=64)
        ids = self.client.submit_many("job", range(2000), timeout=LIMIT)
        tasks = self.client.wait_all(ids, 3 * LIMIT)
        self.assertEqual([task.value for task in tasks], list(range(2000)))
        self.assertEqual(set(self.running.values()), {1})

    def test_one_name_and_version_with_another_declaration_is_refused_with_the_reason(self):
        self.serve(lambda attempt: None, "job")
        other = self.worker(name="other")
        other.agent("job", "more", name="job")(lambda attempt: None)
        with self.assertRaises(hirehall.Conflict):
            other.start()
        with self.assertRaisesRegex(ValueError, "no agents"):
            self.worker().start()


class Stops(WorkerTest):
    def patient(self, attempt):
        while True:
            attempt.pause(60)

    def test_a_cancel_reaches_the_agent_and_a_timeout_too(self):
        self.serve(self.patient, slots=2)
        cancelled, late = self.client.submit("job"), self.client.submit("job", timeout_ms=200, max_attempts=1)
        self.begun(cancelled)
        self.client.cancel(cancelled, reason="enough")
        self.assertEqual(self.outcomes(cancelled), ["cancelled"])
        self.assertEqual(self.client.get(cancelled).state, "cancelled")
        self.assertEqual(self.outcomes(late), ["timed_out"])

    def test_a_task_that_waits_in_the_worker_is_cancelled_without_a_slot(self):
        self.serve(self.patient, slots=1, credit=2)
        first = self.client.submit("job")
        self.begun(first)
        second = self.client.submit("job")
        eventually(lambda: self.client.get(second).state == "leased", LIMIT, "the second is leased")
        self.client.cancel(second)
        self.assertEqual(self.client.wait(second, LIMIT).state, "cancelled")
        self.assertNotIn(second, self.running)

    def test_an_agent_that_does_not_heed_its_stop_loses_its_lease_and_its_slot(self):
        release = threading.Event()
        self.addCleanup(release.set)
        worker = self.serve(lambda attempt: release.wait(60) and None, slots=1)
        id = self.client.submit("job")
        self.begun(id)
        self.client.cancel(id, grace=0)
        self.assertEqual(self.client.wait(id, 2 * LIMIT).state, "cancelled")
        next_one = self.client.submit("job")
        self.assertEqual(self.client.get(next_one).state, "ready")
        release.set()
        self.assertEqual(self.client.wait(next_one, LIMIT).state, "succeeded")
        self.assertTrue(worker)

    def test_stop_finishes_what_runs_and_hands_back_what_has_not_begun(self):
        release = threading.Event()
        worker = self.serve(lambda attempt: release.wait(LIMIT), slots=1, credit=2)
        first = self.client.submit("job")
        self.begun(first)
        second = self.client.submit("job")
        eventually(lambda: self.client.get(second).state == "leased", LIMIT, "the second is leased")
        stopper = threading.Thread(target=worker.stop, args=(LIMIT,))
        stopper.start()
        eventually(lambda: self.client.get(second).state == "ready", LIMIT, "the second is handed back")
        release.set()
        stopper.join()
        self.assertEqual(self.outcomes(first), ["succeeded"])
        self.assertEqual([r.outcome for r in self.client.get(second).history], ["interrupted"])
        self.assertEqual(self.client.get(second).losses, 0)

    def test_what_runs_when_the_patience_is_over_is_told_and_handed_back(self):
        worker = self.serve(self.patient)
        id = self.client.submit("job")
        self.begun(id)
        worker.stop(0.1)
        task = self.client.get(id)
        self.assertEqual((task.state, [r.outcome for r in task.history], task.failures, task.losses), ("ready", ["interrupted"], 0, 0))

    def test_sigterm_drains_a_worker_program(self):
        program = self.fleet.directory / "program.py"
        program.write_text(
            "import hirehall, sys\n"
            "worker = hirehall.Worker(sys.argv[1], slots=2, stop_timeout=0.2)\n"
            "@worker.agent('job')\n"
            "def job(attempt):\n"
            "    if attempt.data == 'quick': return 'did'\n"
            "    while True: attempt.pause(60)\n"
            "worker.run()\n"
            "print('drained')\n")
        child = subprocess.Popen([sys.executable, program, self.fleet.broker.endpoint], stdout=subprocess.PIPE, text=True,
                                 env=dict(os.environ, PYTHONPATH=str(SOURCE / "client" / "python")))
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.kill)
        self.assertEqual(self.client.run("job", "quick", timeout=LIMIT), "did")
        id = self.client.submit("job", "long")
        eventually(lambda: self.client.get(id).state == "leased", LIMIT, "leased")
        child.send_signal(signal.SIGTERM)
        self.assertEqual((child.communicate(timeout=LIMIT)[0], child.returncode), ("drained\n", 0))
        task = self.client.get(id)
        self.assertEqual((task.state, [r.outcome for r in task.history]), ("ready", ["interrupted"]))


class Crashes(WorkerTest):
    def test_a_worker_that_stood_still_learns_that_its_lease_is_over_and_its_result_changes_nothing(self):
        program = self.fleet.directory / "program.py"
        program.write_text(
            "import hirehall, sys\n"
            "worker = hirehall.Worker(sys.argv[1], name='still')\n"
            "@worker.agent('job')\n"
            "def job(attempt):\n"
            "    print('begun', flush=True)\n"
            "    try: attempt.pause(60)\n"
            "    except hirehall.Stopped: print(attempt.stop_reason, flush=True)\n"
            "    return 'late'\n"
            "worker.run()\n")
        child = subprocess.Popen([sys.executable, program, self.fleet.broker.endpoint], stdout=subprocess.PIPE, text=True,
                                 env=dict(os.environ, PYTHONPATH=str(SOURCE / "client" / "python")))
        self.addCleanup(child.wait)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.kill)
        id = self.client.submit("job")
        self.assertEqual(child.stdout.readline(), "begun\n")
        child.send_signal(signal.SIGSTOP)
        eventually(lambda: self.client.get(id).losses == 1, 2 * LIMIT, "the lease is lost")
        self.client.pause(type="job")
        child.send_signal(signal.SIGCONT)
        self.assertEqual(child.stdout.readline(), "lost\n")
        self.client.cancel(id)
        self.assertEqual(self.client.wait(id, LIMIT).state, "cancelled")
        self.assertEqual(self.outcomes(id), ["lost"])

    def test_a_restart_of_the_broker_repeats_no_running_work(self):
        release = threading.Event()
        self.serve(lambda attempt: release.wait(LIMIT) and attempt.number, slots=3)
        ids = [self.client.submit("job") for _ in range(3)]
        for id in ids:
            self.begun(id)
        for _ in range(2):
            self.fleet.crash()
            eventually(lambda: any(w["name"] == "snake" and w["connected"] and w["held"] == 3 for w in self.client.workers()), LIMIT, "reclaimed")
        release.set()
        self.assertEqual([task.value for task in self.client.wait_all(ids, LIMIT)], [1, 1, 1])
        self.assertEqual(set(self.running.values()), {1})

    def test_results_that_came_while_the_broker_was_away_are_recorded_once(self):
        release, ended = threading.Event(), threading.Event()

        def job(attempt):
            release.wait(LIMIT)
            ended.set()
            return attempt.number
        self.serve(job)
        id = self.client.submit("job")
        self.begun(id)
        self.fleet.broker.kill()
        release.set()
        self.assertTrue(ended.wait(LIMIT))
        self.fleet.start()
        self.assertEqual(self.client.wait(id, LIMIT).value, 1)
        self.assertEqual(self.outcomes(id), ["succeeded"])

    def test_kill_9_of_the_broker_under_load_runs_everything_and_records_it_once(self):
        self.serve(lambda attempt: attempt.data, slots=4, credit=32)
        futures = [self.client.submit_async("job", n) for n in range(3000)]
        for _ in range(3):
            fleet.moment(0.3)
            self.fleet.crash()
        tasks = self.client.wait_all([future.result(LIMIT) for future in futures], 3 * LIMIT)
        self.assertEqual([task.value for task in tasks], list(range(3000)))
        self.assertEqual({task.losses for task in tasks}, {0})
        repeated = sum(times - 1 for times in self.running.values())
        print(f"attempts that ran again: {repeated}", flush=True)
        self.assertEqual(repeated, 0, "a worker that lives takes its leases up again")


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall-worker", "hirehall")
