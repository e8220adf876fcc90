#!/usr/bin/python3
# ctest: timeout=180
"""The Python package as a client: submits, batches, waits, lists, subscriptions; nothing lost and nothing twice (I1, I2)."""

import asyncio
import os
import subprocess
import sys
import threading
import time
import unittest
from datetime import timedelta
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from integration import fleet
from integration.fleet import LIMIT, SOURCE, Fleet, FleetTest, eventually

sys.path.insert(0, str(SOURCE / "client" / "python"))

import hirehall
from hirehall import ids, link
from hirehall.wire import Outcome


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class ClientTest(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = self.connect()

    def connect(self, **options):
        client = hirehall.Client(self.fleet.broker.endpoint, **options)
        self.addCleanup(client.close, 0)
        return client

    def cpp_worker(self, *agents):
        self.fleet.wait_worker(self.fleet.worker_program("hands", agents=agents or ("echo",)))

    def total(self):
        stats = self.client.stats()
        self.assertEqual(stats["accepted"], sum(stats["tasks"].values()) + stats["removed"])
        return stats["accepted"]


class Submitting(ClientTest):
    def test_a_worker_in_cpp_runs_what_python_submits(self):
        self.cpp_worker()
        id = self.client.submit("echo", {"a": [1, "ü"]}, labels={"k": "v"}, priority=9)
        task = self.client.wait(id, LIMIT)
        self.assertEqual((task.id, task.state, task.value, task.priority), (id, "succeeded", {"a": [1, "ü"]}, 9))
        self.assertEqual(task.labels, {"k": "v"})
        self.assertEqual([record.outcome for record in task.history], ["succeeded"])
        self.assertEqual(self.client.run("echo", "text", timeout=LIMIT), "text")
        self.assertEqual(self.client.run("echo", b"\x00raw", content_type="application/octet-stream", timeout=LIMIT), b"\x00raw")

    def test_options_reach_the_broker_in_its_units(self):
        id = self.client.submit("t", delay_ms=timedelta(hours=1), timeout_ms=1500, idempotency_key="i", unique_key="u", trace=TRACE)
        task = self.client.get(id)
        self.assertEqual(task.state, "scheduled")
        self.assertAlmostEqual((task.not_before - task.submitted_at).total_seconds(), 3600, delta=5)
        self.assertEqual({name: task.options.get(name) for name in ("timeout_ms", "idempotency_key", "unique_key", "trace")},
                         {"timeout_ms": 1500, "idempotency_key": "i", "unique_key": "u", "trace": TRACE})
        with self.assertRaisesRegex(TypeError, "prioritty.*options are"):
            self.client.submit("t", prioritty=1)
        with self.assertRaisesRegex(hirehall.Invalid, "delay_ms is '5s'; give milliseconds"):
            self.client.submit("t", delay_ms="5s")

    def test_a_key_gives_the_first_id_again_and_another_payload_is_a_conflict_that_names_it(self):
        id = self.client.submit("t", 1, idempotency_key="k")
        self.assertEqual(self.client.submit("t", 1, idempotency_key="k"), id)
        with self.assertRaises(hirehall.Conflict) as caught:
            self.client.submit("t", 2, idempotency_key="k")
        self.assertEqual(caught.exception.task_id, id)
        self.assertEqual(self.total(), 1)

    def test_refusals_have_a_class_each_and_leave_the_other_tasks_of_a_batch_alone(self):
        with self.assertRaises(hirehall.NotFound):
            self.client.submit("t", queue="nowhere")
        with self.assertRaises(hirehall.Invalid):
            self.client.submit("t", priority=11)
        with self.assertRaises(hirehall.TooLarge):
            self.client.submit("t", b"x" * ((1 << 20) + 1))
        with self.assertRaises(hirehall.Refused) as caught:
            self.client.submit_many("t", [1, hirehall.Post(2, {"queue": "nowhere"}), 3], timeout=LIMIT)
        good, bad, other = caught.exception.answers
        self.assertIsInstance(bad, hirehall.NotFound)
        self.assertEqual([self.client.get(id).payload for id in (good, other)], [b"1", b"3"])

    def test_an_atomic_submit_is_all_or_nothing_and_the_next_batches_go_on(self):
        futures = [self.client.submit_async("t", n) for n in range(10)]
        with self.assertRaises(hirehall.Refused):
            self.client.submit_many("t", [1, hirehall.Post(2, {"priority": 99})], atomic=True, timeout=LIMIT)
        futures += [self.client.submit_async("t", n) for n in range(10)]
        self.assertEqual(len(self.client.submit_many("t", [1, 2], atomic=True, timeout=LIMIT)), 2)
        self.assertEqual(len({future.result(LIMIT) for future in futures}), 20)
        self.assertEqual(self.total(), 22)

    def test_batches_that_are_refused_whole_among_many_on_their_way_free_their_numbers(self):
        client = self.connect(batch_items=1)
        bad = hirehall.Post(0, {"priority": 99})
        futures = [client.submit_many_async("t", [n, bad if n % 7 == 3 else n], atomic=True) for n in range(300)]
        answers = [future.result(LIMIT) for future in futures]
        for n, pair in enumerate(answers):
            self.assertEqual({type(answer) for answer in pair}, {hirehall.Invalid if n % 7 == 3 else str}, (n, pair))
        good = [id for n, pair in enumerate(answers) if n % 7 != 3 for id in pair]
        self.assertEqual([task.id for task in self.client.list()], good)

    def test_payloads_of_a_mebibyte_go_alone_and_small_ones_share_frames(self):
        large = self.client.submit_many("t", [b"x" * (1 << 20)] * 3, timeout=LIMIT)
        self.assertEqual(len(self.client.get(large[2]).payload), 1 << 20)
        before = self.client.stats()["commits"]
        self.assertEqual(len(set(self.client.submit_many("t", range(20000), timeout=LIMIT))), 20000)
        self.assertLess(self.client.stats()["commits"] - before, 200, "tasks under load travel in batches")

    def test_threads_share_a_client(self):
        got, errors = [], []

        def run(part):
            try:
                got.extend(self.client.submit("t", [part, n]) for n in range(50))
            except Exception as error:
                errors.append(error)
        threads = [threading.Thread(target=run, args=(part,)) for part in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((errors, len(set(got)), self.total()), ([], 400, 400))


class Bell(unittest.TestCase):
    def test_a_ring_is_heard_also_when_it_meets_the_end_of_a_wait(self):
        for early in (True, False):
            one = link.Link("ipc:///nowhere", None)
            self.addCleanup(one.close)

            def read(*arguments):
                if early:
                    one.ring()
                data = os.read(*arguments)
                if not early:
                    one.ring()
                return data
            one.ring()
            with mock.patch.object(link, "os", mock.Mock(wraps=os, read=read)):
                one.wait(LIMIT)
            one.ring()
            began = time.monotonic()
            one.wait(LIMIT)
            self.assertLess(time.monotonic() - began, LIMIT / 2)


class Crashes(ClientTest):
    def test_kill_9_of_the_broker_during_submits_loses_nothing_and_makes_nothing_twice(self):
        stop, futures = threading.Event(), []

        def run(part):
            n = 0
            while not stop.is_set():
                futures.extend(self.client.submit_async("t", [part, n + i]) for i in range(20))
                n += 20
                fleet.moment(0.002)
        threads = [threading.Thread(target=run, args=(part,)) for part in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            fleet.moment(0.3)
            self.fleet.crash()
        fleet.moment(0.3)
        stop.set()
        for thread in threads:
            thread.join()
        got = [future.result(LIMIT) for future in futures]
        self.assertGreater(len(got), 100)
        self.assertEqual(len(set(got)), len(got))
        self.assertEqual({task.id for task in self.client.list()}, set(got))
        self.assertEqual(self.total(), len(got))

    def test_a_session_that_was_taken_away_comes_back_and_what_was_on_its_way_is_recorded_once(self):
        client = self.connect(batch_items=1)  # every task is a batch: many are on their way at once
        for _ in range(3):
            client.submit("t")
            thief = self.fleet.client(start=False)
            thief.session = client._session._token
            thief.hello()
            answers = client.submit_many_async("t", range(500)).result(LIMIT)
            self.assertEqual([answer for answer in answers if not isinstance(answer, str)], [])
            thief.close()
        self.assertEqual(self.total(), 3 * 501)

    def test_waits_and_subscriptions_survive_a_crash_and_give_each_result_once(self):
        results = self.client.results()
        waiting = self.client.submit("echo", "w")
        future = self.client.wait_async(waiting)
        many = self.client.submit_many("echo", range(200), timeout=LIMIT)
        self.fleet.crash()
        worker = self.fleet.worker("echo", credit=32)
        left = 201
        while left:
            for award in worker.awards(left, limit=0.2):
                left -= worker.finish(award, result=award.payload) == "ok"
            if left == 101:
                self.fleet.crash()
        self.assertEqual(future.result(LIMIT).value, "w")
        got = [results.next(LIMIT).id for _ in range(201)]
        self.assertEqual(sorted(got), sorted([waiting, *many]))
        with self.assertRaises(hirehall.TimedOut):
            results.next(0.3)
        self.assertEqual(results.gaps, 0)

    def test_a_position_that_was_kept_is_where_another_client_goes_on(self):
        worker = self.fleet.worker("echo")
        results = self.client.results(queue="default")
        first = self.client.submit("echo", 1)
        worker.finish(worker.award(), result=b"1")
        self.assertEqual(results.next(LIMIT).value, 1)
        with self.assertRaises(hirehall.TimedOut):
            results.next(0.1)
        position = results.position
        self.client.close()
        other = self.client = self.connect()
        second = other.submit("echo", 2)
        worker.finish(worker.award(), Outcome.FAILED_FOR_GOOD, error="no", error_code="why")
        other.wait(second, LIMIT)
        result = other.results(queue="default", position=position).next(LIMIT)
        self.assertEqual((result.id, result.state, result.error.code), (second, "failed", "why"))
        self.assertEqual(other.results(queue="default", position=(0, 0)).next(LIMIT).id, first)


class Steering(ClientTest):
    def test_logs_of_a_task_that_tells_nothing_are_empty(self):
        answer = self.client.logs(self.client.submit("echo"), wait=0.1)
        self.assertEqual((list(answer["lines"]), answer["missed"], answer["ended"]), ([], False, False))

    def test_expressions_and_bulk_work(self):
        for customer in "7778":
            self.client.submit("echo", labels={"customer": customer})
        self.assertEqual(len(list(self.client.list(where="label.customer=7"))), 3)
        self.assertEqual(self.client.count("label.customer=8"), 1)
        bulk = self.client.start_bulk("cancel", "label.customer=7", reason="left us")
        shown = eventually(lambda: [b for b in self.client.bulks(bulk) if b["state"] != "running"], what="bulk work ends")[0]
        self.assertEqual((shown["state"], shown["done"], shown["reason"]), ("done", 3, "left us"))
        self.assertEqual(self.client.count("state=ready"), 1)

    def test_list_cancel_answer_explain_and_dead_letters(self):
        worker = self.fleet.worker("echo")
        gone, kept = self.client.submit("other", 1), self.client.submit("other", 2)
        unknown = ids.text(bytes(16))
        answers = self.client.cancel(gone, unknown, reason="wrong")
        self.assertIsNone(answers[gone])
        self.assertIsInstance(answers[unknown], hirehall.NotFound)
        with self.assertRaisesRegex(hirehall.TaskCancelled, "wrong"):
            self.client.wait(gone, LIMIT).result_or_raise()
        self.assertEqual([task.id for task in self.client.list(state="ready", type="other")], [kept])
        self.assertTrue(self.client.explain(kept)["reasons"])
        asked = self.client.submit("echo")
        worker.finish(worker.award(), Outcome.SUSPENDED, on="input")
        eventually(lambda: self.client.get(asked).suspended_on == "input", LIMIT, "suspended")
        self.client.answer(asked, {"yes": True})
        award = worker.award()
        self.assertEqual(award.extras["answer"], b'{"yes":true}')
        worker.finish(award, Outcome.FAILED_FOR_GOOD, error="broken", error_code="odd")
        with self.assertRaisesRegex(hirehall.TaskFailed, "broken"):
            self.client.wait(asked, LIMIT).result_or_raise()
        self.assertEqual([task.id for task in self.client.dead()], [asked])
        again = self.client.retry(asked)[asked]
        self.assertEqual(self.client.get(again).options["replay_of"] is not None, True)
        self.client.set_queue("mail", weight=7)
        self.assertEqual(self.client.queue("mail")["weight"], 7)

    def test_lists_of_many_pages_come_to_their_end(self):
        made = self.client.submit_many("t", range(2500), timeout=LIMIT)
        self.assertEqual([task.id for task in self.client.list()], made)

    def test_a_wait_that_is_not_worth_it_ends_in_time_and_can_be_asked_again(self):
        id = self.client.submit("t")
        with self.assertRaises(hirehall.TimedOut):
            self.client.wait(id, 0.1)
        self.assertIsInstance(hirehall.TimedOut("x"), TimeoutError)
        self.client.cancel(id)
        self.assertEqual(self.client.wait_all([id], LIMIT)[0].state, "cancelled")
        with self.assertRaises(hirehall.Invalid):
            self.client.get("short")

    def test_nobody_there_is_said_with_endpoint_and_remedy(self):
        place = f"ipc://{self.fleet.directory}/nobody.ipc"
        with self.assertRaisesRegex(hirehall.Unreachable, f"{place}.*--listen") as caught:
            hirehall.Client(place, connect_timeout=0.3)
        self.assertIsInstance(caught.exception, ConnectionError)
        with self.assertRaisesRegex(hirehall.Invalid, "tcp://127.0.0.1:7420"):
            hirehall.Client("nonsense")

    def test_close_fails_what_is_open_and_calls_after_it_say_so(self):
        id = self.client.submit("t")
        future = self.client.wait_async(id)
        results = self.client.results()
        self.fleet.broker.kill()
        submitted = self.client.submit_async("t")
        self.client.close(0.1)
        for one in (future, submitted):
            with self.assertRaises(hirehall.Unreachable):
                one.result(LIMIT)
        with self.assertRaises(hirehall.Unreachable):
            results.next(LIMIT)
        with self.assertRaisesRegex(hirehall.Unreachable, "closed"):
            self.client.submit("t")
        self.client.close()

    def test_asyncio_has_the_same_calls(self):
        self.cpp_worker()

        async def talk():
            async with hirehall.AsyncClient(self.fleet.broker.endpoint) as client:
                values = await asyncio.gather(*(client.run("echo", n) for n in range(50)))
                id = await client.submit("nobody")
                with self.assertRaises(TimeoutError):
                    await asyncio.wait_for(client.wait(id), 0.2)
                self.assertIsNone((await client.cancel(id))[id])
                return values, (await client.get(id)).state
        self.assertEqual(asyncio.run(talk()), (list(range(50)), "cancelled"))

    def test_a_client_carried_over_a_fork_says_so_and_one_that_nobody_closed_lets_its_program_end(self):
        program = ("import hirehall, os, sys\n"
                   "client = hirehall.Client(sys.argv[1])\n"
                   "worker = hirehall.Worker(sys.argv[1])\n"
                   "worker.agent('echo')(lambda attempt: attempt.data)\n"
                   "worker.start()\n"
                   "child = os.fork()\n"
                   "for call in (lambda: client.submit('t'), client.stats):\n"
                   "    try: call()\n"
                   "    except hirehall.Internal: child or print('fork', flush=True)\n"
                   "if not child: os._exit(0)\n"
                   "os.waitpid(child, 0)\n"
                   "client.results()\n"
                   "print(client.run('echo', 5), flush=True)\n")
        done = subprocess.run([sys.executable, "-c", program, self.fleet.broker.endpoint], capture_output=True, text=True, timeout=LIMIT,
                              env=dict(os.environ, PYTHONPATH=str(SOURCE / "client" / "python")))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "fork\nfork\n5\n", ""))

    def test_every_code_of_the_protocol_has_its_class(self):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in (SOURCE / "docs/protocol.md").read_text().splitlines()]
        table = {row[0]: (int(row[1]), row[2]) for row in rows if len(row) == 4 and row[1].isdigit() and row[2] in ("retry", "fix", "give_up")}
        self.assertGreater(len(table), 20)
        classes = {kind.code: (kind.number, kind.action) for kind in hirehall.errors.CLASSES}
        self.assertEqual({code: classes.get(code) for code in table}, table)


class Keys(FleetTest):
    def setUp(self):
        self.fleet = Fleet()
        self.addCleanup(self._close)
        for name in ("broker", "shop", "hand", "stranger"):
            subprocess.run([fleet.BIN / "hirehall", "key", "new", name], cwd=self.fleet.directory, check=True, stdout=subprocess.DEVNULL)
        people = {"shop": "roles: [developer], tenants: [blue]", "hand": 'roles: [worker], tenants: "*", queues: "*", types: [echo]'}
        lines = ("  - {name: %s, public_key: '%s', %s}\n" % (name, self.public(name), rights) for name, rights in people.items())
        self.file("principals.yaml").write_text("principals:\n" + "".join(lines))
        self.fleet.broker_options.update(listen="tcp://127.0.0.1:*",
                                         extra=["--key-file", self.file("broker.key"), "--principals", self.file("principals.yaml")])
        self.fleet.start()

    def file(self, name):
        return self.fleet.directory / name

    def public(self, name):
        return self.file(f"{name}.pub").read_text().split()[-1].replace("'", "''")

    def connect(self, **options):
        return hirehall.Client(self.fleet.broker.endpoint, connect_timeout=options.pop("connect_timeout", 1.5), **options)

    def test_a_known_key_is_its_principal_and_stays_it_over_a_crash(self):
        with self.connect(key_file=self.file("shop.key"), server_key_file=self.file("broker.pub"), connect_timeout=LIMIT) as client:
            id = client.submit("t")
            self.assertEqual(client.get(id).tenant, "blue")
            with self.assertRaises(hirehall.Denied):
                client.submit("t", tenant="red")
            self.fleet.crash()
            self.assertEqual({task.id for task in client.list()}, {id})

    def test_a_worker_with_a_key_of_its_role_serves_and_a_client_may_not_be_one(self):
        worker, wrong = (hirehall.Worker(self.fleet.broker.endpoint, name=name, key_file=self.file(f"{name}.key"),
                                         server_key_file=self.file("broker.pub"), connect_timeout=LIMIT) for name in ("hand", "shop"))
        for one in (worker, wrong):
            one.agent("echo")(lambda attempt: [attempt.tenant, attempt.data])
        with self.assertRaises(hirehall.Denied):
            wrong.start()
        with worker, self.connect(key_file=self.file("shop.key"), server_key_file=self.file("broker.pub"), connect_timeout=LIMIT) as client:
            self.assertEqual(client.run("echo", 1, timeout=LIMIT), ["blue", 1])

    def test_strangers_are_told_where_and_why(self):
        for options in ({}, {"key_file": self.file("stranger.key"), "server_key_file": self.file("broker.pub")},
                        {"key_file": self.file("shop.key"), "server_key_file": self.file("stranger.pub")}):
            with self.subTest(**options), self.assertRaisesRegex(hirehall.Unreachable, "but not to these keys.*principals"):
                self.connect(**options)

    def test_key_files_that_cannot_be_are_named(self):
        with self.assertRaisesRegex(hirehall.Io, "nothing.key"):
            self.connect(key_file="nothing.key", server_key_file=self.file("broker.pub"))
        with self.assertRaises(hirehall.Invalid):
            self.connect(key_file=self.file("shop.key"))
        os.chmod(self.file("shop.key"), 0o644)
        with self.assertRaisesRegex(hirehall.Denied, "chmod 600"):
            self.connect(key_file=self.file("shop.key"), server_key_file=self.file("broker.pub"))


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall-worker", "hirehall")
