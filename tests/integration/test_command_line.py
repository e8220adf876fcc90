"""`hirehall` as scripts use it: objects on stdout, chatter on stderr, exit codes that mean something."""

import fcntl
import json
import os
import pty
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from integration.fleet import BIN, LIMIT, SOURCE, FleetTest, eventually, main


class CommandLine(FleetTest):
    def ok(self, *arguments, **more):
        code, out, err = self.run_cli(*arguments, **more)
        self.assertEqual(code, 0, f"{arguments}: {err}")
        return out

    def workers(self):
        self.fleet.wait_worker(self.fleet.worker_program("hand", agents=("echo", "trouble", "sleep"), extra=["--allow-commands"]))

    def test_manual_is_docs_cli_md(self):
        self.assertEqual(self.ok("help", "--markdown"), (SOURCE / "docs" / "cli.md").read_text(),
                         "docs/cli.md is old: hirehall help --markdown > docs/cli.md")

    def test_explain_shows_words_and_messages(self):
        id_ = json.loads(self.ok("task", "submit", "nobody", "-o", "jsonl"))["id"]
        text = self.ok("task", "explain", id_)
        self.assertRegex(text, r"no_worker +no worker is connected")
        why = json.loads(self.ok("task", "explain", id_, "-o", "json"))["why"]
        self.assertEqual([one["what"] for one in why], ["no_worker"])

    def test_submit_prints_one_object_per_task(self):
        lines = self.ok("task", "submit", "echo", "--payload", '{"n": 1}', "--count", 5, "-o", "jsonl").splitlines()
        ids = {json.loads(line)["id"] for line in lines}
        self.assertEqual(len(ids), 5)
        task = json.loads(self.ok("task", "get", ids.pop(), "-o", "json"))
        self.assertEqual((task["state"], task["payload"]), ("ready", {"n": 1}))

    def test_payload_from_stdin_and_file(self):
        one = self.ok("task", "submit", "echo", "--payload", "-", stdin="[1]").strip()
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write("[2]")
            file.flush()
            two = self.ok("task", "submit", "echo", "--payload", f"@{file.name}").strip()
        shown = [json.loads(self.ok("task", "get", i, "-o", "jsonl"))["payload"] for i in (one, two)]
        self.assertEqual(shown, [[1], [2]])

    def test_run_prints_the_result_and_exits_with_the_outcome(self):
        self.workers()
        self.assertEqual(self.ok("task", "run", "echo", "hi"), '"hi"\n')
        code, out, err = self.run_cli("task", "run", "crash", "--max-attempts", 1)
        self.assertEqual((code, out.strip()), (10, ""))
        self.assertIn("failed", err)
        code, _, _ = self.run_cli("task", "submit", "nobody-does-this", "--ttl", "10ms", "--wait")
        self.assertEqual(code, 12)

    def test_agents_are_listed_shown_and_forgotten(self):
        self.workers()
        names = [json.loads(line)["name"] for line in self.ok("agent", "list", "-o", "jsonl").splitlines()]
        self.assertEqual(names, ["echo", "sleep", "trouble"])
        shown = json.loads(self.ok("agent", "show", "echo", "-o", "json"))
        self.assertEqual(shown["workers"], ["hand"])
        self.assertEqual(self.run_cli("agent", "show", "nobody")[0], 3)
        self.assertEqual(self.run_cli("agent", "forget", "echo", "--agent-version", shown["version"])[0], 5)

    def test_a_worker_is_shown_with_what_it_does(self):
        self.workers()
        shown = json.loads(self.ok("worker", "show", "hand", "-o", "json"))
        self.assertEqual((shown["name"], shown["slots"]), ("hand", 4))
        self.assertLessEqual({"echo", "sleep", "crash"}, set(shown["types"]))
        self.assertRegex(self.ok("worker", "show", "hand"), r"(?m)^agents +(echo|sleep|trouble)$")
        code, _, err = self.run_cli("worker", "show", "nobody")
        self.assertEqual(code, 3)
        self.assertIn("hirehall worker list", err)

    def test_a_purge_shows_the_count_first_and_wants_yes(self):
        self.ok("queue", "set", "mail")
        self.ok("task", "submit", "nobody", "--queue", "mail", "--count", 1500, "-o", "none")
        self.ok("task", "submit", "nobody", "--queue", "mail", "--delay", "1h", "--max-losses", 7, "-o", "none")
        kept = self.ok("task", "submit", "nobody").strip()
        code, _, err = self.run_cli("queue", "purge", "mail")
        self.assertEqual(code, 2)
        self.assertIn("1501 tasks are queued", err)
        self.assertEqual(self.run_cli("queue", "purge", "nowhere", "--yes")[0], 3)
        purged = json.loads(self.ok("queue", "purge", "mail", "--yes", "--reason", "sent by hand", "-o", "json"))
        self.assertEqual(purged, {"queue": "mail", "cancelled": 1501})
        last = json.loads(self.ok("task", "list", "--queue", "mail", "--newest-first", "--limit", 1, "-o", "jsonl"))
        self.assertEqual((last["state"], last["reason"]), ("cancelled", "sent by hand"))
        self.assertEqual(json.loads(self.ok("task", "get", last["id"], "-o", "json"))["options"]["max_losses"], 7)
        self.assertEqual(json.loads(self.ok("task", "get", kept, "-o", "json"))["state"], "ready")

    def test_dead_letters_are_purged_and_a_worker_is_drained(self):
        self.workers()
        for _ in range(2):
            self.run_cli("task", "run", "crash", "--max-attempts", 1)
        dead = [json.loads(line)["id"] for line in self.ok("dead", "list", "-o", "jsonl").splitlines()]
        self.assertEqual(json.loads(self.ok("dead", "purge", dead[0], "-o", "jsonl"))["outcome"], "purged")
        self.assertEqual(self.run_cli("dead", "purge", "--all")[0], 2)
        self.ok("dead", "purge", "--all", "--yes")
        self.assertEqual(self.ok("dead", "list", "-o", "jsonl"), "")
        self.assertEqual(json.loads(self.ok("worker", "drain", "hand", "-o", "json")), {"name": "hand", "draining": True, "workers": 1})
        self.assertEqual(self.run_cli("task", "run", "echo", "hi", "--wait-timeout", "300ms")[0], 6)
        self.ok("worker", "drain", "hand", "--undo")
        self.assertEqual(self.ok("task", "run", "echo", "hi"), '"hi"\n')

    def test_a_watch_that_is_piped_appends(self):
        lines = self.ok("queue", "list", "--watch", "--interval", "100ms", "--times", 3, "-o", "jsonl").splitlines()
        self.assertEqual([json.loads(line)["queue"] for line in lines], ["default"] * 3)
        text = self.ok("watch", "queue", "list", "--interval", "100ms", "--times", 2)
        self.assertEqual(text.count("QUEUE"), 2)
        self.assertNotIn("\x1b", text)

    def test_colours_are_for_terminals_or_on_demand(self):
        self.assertNotIn("\x1b", self.ok("queue", "list"))
        self.assertIn("\x1b[1m", self.ok("queue", "list", "--color", "always"))
        self.assertNotIn("\x1b", self.ok("queue", "list", "--color", "always", "-o", "json"))
        self.assertIn("\x1b[1m", self.at_terminal("queue", "list"))
        self.assertNotIn("\x1b", self.at_terminal("queue", "list", NO_COLOR="1"))
        self.assertNotIn("\x1b", self.at_terminal("queue", "list", "--color", "never"))

    def at_terminal(self, *arguments, keys=b"", **variables):
        """What hirehall writes to a terminal of 24 lines, where these keys are pressed once it shows something."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.update(TERM="xterm", HIREHALL_BROKER=self.fleet.broker.endpoint, **variables)
            os.execv(BIN / "hirehall", ["hirehall", *arguments])
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        said = b""
        try:
            while chunk := os.read(terminal, 65536):
                if not said and keys:
                    os.write(terminal, keys)
                said += chunk
        except OSError:
            pass  # how Linux says that the other end is closed
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 0, said)
        return said.decode()

    def test_top_on_a_terminal_gives_it_back(self):
        self.workers()
        said = self.at_terminal("top", keys=b"2q")
        self.assertTrue(said.startswith("\x1b[?1049h"))
        self.assertIn("hand", said)
        self.assertTrue(said.endswith("\x1b[?25h\x1b[?1049l"))

    def test_top_once(self):
        self.workers()
        self.ok("task", "submit", "nobody", "--count", 3, "-o", "none")
        top = json.loads(self.ok("top", "--once", "--interval", "250ms", "-o", "json"))
        self.assertEqual([w["name"] for w in top["workers"]], ["hand"])
        self.assertEqual(top["queues"][0]["ready"], 3)
        self.assertEqual(sum(t["ready"] for t in top["tenants"]), 3)
        self.assertEqual(top["rates"]["accepted"], 0)
        self.assertEqual(self.run_cli("top")[0], 2, "no terminal")

    def test_check_in_four_forms(self):
        code, out, _ = self.run_cli("check")
        self.assertEqual(code, 2, "no worker")
        self.assertIn("workers", out)
        self.workers()
        self.ok("check")
        self.assertEqual(json.loads(self.ok("check", "-o", "json"))["checks"]["store"]["status"], "ok")
        self.assertTrue(self.ok("check", "-o", "nagios").startswith("HIREHALL OK - answers within"))
        code, out, _ = self.run_cli("check", "-o", "nagios", "--workers", 2)
        self.assertEqual(code, 1)
        self.assertTrue(out.startswith("HIREHALL WARNING - 1 worker takes tasks, 2 are wanted |"), out)
        metrics = self.ok("check", "-o", "prometheus")
        if shutil.which("promtool"):
            lint = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, text=True, timeout=LIMIT)
            self.assertEqual(lint.returncode, 0, lint.stdout + lint.stderr)
        self.run_cli("task", "run", "crash", "--max-attempts", 1)
        self.run_cli("task", "run", "crash", "--max-attempts", 1)
        self.assertEqual(self.run_cli("check", "--dead-warning", 1)[0], 1)
        self.assertEqual(self.run_cli("check", "--dead-critical", 1)[0], 2)
        gone = subprocess.run([BIN / "hirehall", "check", "-o", "nagios", "--broker", "ipc:///nowhere/b.ipc", "--request-timeout", "100ms"],
                              capture_output=True, text=True, timeout=LIMIT)
        self.assertEqual(gone.returncode, 2)
        self.assertTrue(gone.stdout.startswith("HIREHALL CRITICAL"), gone.stdout)

    def test_wait_for_many_shows_each_end_once(self):
        self.workers()
        lines = self.ok("task", "submit", "echo", "--count", 3000, "--wait", "-o", "jsonl").splitlines()
        ended = [json.loads(line) for line in lines]
        self.assertEqual({task["state"] for task in ended}, {"succeeded"})
        self.assertEqual(len({task["id"] for task in ended}), 3000)

    def test_cancelled_task_is_waited_for_with_11(self):
        task = self.ok("task", "submit", "nobody-does-this").strip()
        self.ok("task", "cancel", task)
        self.assertEqual(self.run_cli("task", "wait", task)[0], 11)
        self.assertEqual(self.run_cli("task", "cancel", task)[0], 5)

    def test_wait_ends_with_6_in_time(self):
        task = self.ok("task", "submit", "nobody-does-this").strip()
        code, _, err = self.run_cli("task", "wait", task, "--wait-timeout", "20ms")
        self.assertEqual(code, 6)
        self.assertIn("has not ended", err)

    def test_errors_have_their_codes_and_name_the_thing(self):
        for code, word, arguments in [
            (2, "26 characters", ["task", "get", "nonsense"]),
            (3, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", ["task", "get", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"]),
            (3, "nowhere", ["queue", "show", "nowhere"]),
            (3, "nowhere", ["task", "submit", "echo", "--queue", "nowhere"]),
            (2, "priority", ["task", "submit", "echo", "--priority", 11]),
            (2, "JSON", ["task", "submit", "echo", "--payload", "{"]),
        ]:
            got, out, err = self.run_cli(*arguments)
            self.assertEqual((got, out), (code, ""), f"{arguments}: {err}")
            self.assertIn(word, err)

    def test_idempotency_key_gives_the_first_id_and_another_payload_is_a_conflict(self):
        first = self.ok("task", "submit", "echo", "1", "--idempotency-key", "k")
        self.assertEqual(self.ok("task", "submit", "echo", "1", "--idempotency-key", "k"), first)
        code, _, err = self.run_cli("task", "submit", "echo", "2", "--idempotency-key", "k")
        self.assertEqual(code, 5)
        self.assertIn(first.strip(), err)

    def test_queue_verbs(self):
        self.ok("queue", "set", "mail", "--weight", 3, "--limit", "smtp=2")
        self.ok("queue", "pause", "mail", "--reason", "moving")
        queue = json.loads(self.ok("queue", "show", "mail", "-o", "json"))
        self.assertEqual((queue["weight"], queue["paused"], queue["paused_reason"], queue["limits"]),
                         (3, True, "moving", {"smtp": 2}))
        self.ok("queue", "resume", "mail")
        self.assertFalse(json.loads(self.ok("queue", "show", "mail", "-o", "json"))["paused"])
        self.assertIn("mail", self.ok("queue", "list"))

    def test_dead_letters_are_listed_and_retried(self):
        self.workers()
        self.run_cli("task", "run", "crash", "--max-attempts", 1)
        dead = json.loads(self.ok("dead", "list", "-o", "json"))
        self.assertEqual(len(dead), 1)
        code, _, err = self.run_cli("dead", "retry", "--all")
        self.assertEqual(code, 2)
        self.assertIn("1 dead letters", err)
        again = json.loads(self.ok("dead", "retry", "--all", "--yes", "-o", "jsonl"))
        self.assertEqual(again["dead"], dead[0]["id"])
        self.assertEqual(self.run_cli("task", "wait", again["id"])[0], 10)

    def test_list_walks_pages(self):
        self.ok("task", "submit", "nobody-does-this", "--count", 2500, "-o", "none")
        lines = self.ok("task", "list", "--state", "ready", "--limit", 2400, "-o", "jsonl").splitlines()
        self.assertEqual(len({json.loads(line)["id"] for line in lines}), 2400)

    def test_a_list_that_stops_says_so_unless_it_was_told_where(self):
        self.ok("task", "submit", "nobody-does-this", "--count", 60, "-o", "none")
        code, out, err = self.run_cli("task", "list")
        self.assertEqual((code, len(out.splitlines())), (0, 51))
        self.assertIn("stopped after 50, there may be more: --limit N, --newest-first", err)
        for arguments in (["--limit", 50], ["-o", "json"], ["--where", "priority=9"]):
            with self.subTest(arguments):
                self.assertEqual(self.run_cli("task", "list", *arguments)[2], "")

    # I1, I2: what was acknowledged is there, and nothing twice, although the broker died in the middle of it.
    def test_submits_survive_a_killed_broker(self):
        total = 400_000
        with open(self.fleet.directory / "ids", "w+b") as ids:
            child = subprocess.Popen([BIN / "hirehall", "--broker", self.fleet.broker.endpoint, "task", "submit",
                                      "nobody-does-this", "--count", str(total), "-o", "text"], stdout=ids)
            eventually(lambda: os.fstat(ids.fileno()).st_size > 0 or child.poll() is not None, what="the first ids")
            self.fleet.crash()
            self.assertEqual(child.wait(3 * LIMIT), 0)
            ids.seek(0)
            given = ids.read().split()
        self.assertEqual(len(given), total)
        self.assertEqual(len(set(given)), total)
        self.assertEqual(json.loads(self.ok("stats", "-o", "json"))["accepted"], total)


class Dev(FleetTest):
    agents = ["--agents", SOURCE / "configs" / "agents"]  # found by itself where the build tree lies in the source tree

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="hirehall-dev-")
        self.addCleanup(self.folder.cleanup)

    def test_demo_shows_results_and_ends_with_0(self):
        done = subprocess.run([BIN / "hirehall", "dev", "--once", *self.agents], capture_output=True, text=True, timeout=5 * LIMIT)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("hello, hall", done.stdout)
        self.assertIn("task run echo hi", done.stdout)

    def test_interrupt_ends_the_whole_fleet(self):
        endpoint = f"ipc://{self.folder.name}/b.ipc"
        child = subprocess.Popen([BIN / "hirehall", "dev", "--data", f"{self.folder.name}/data", "--listen", endpoint,
                                  *self.agents], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        self.addCleanup(child.stdout.close)
        for line in child.stdout:
            if "Ctrl-C" in line:
                break
        again = subprocess.run([BIN / "hirehall", "dev", "--data", f"{self.folder.name}/two", "--listen", endpoint],
                               capture_output=True, text=True, timeout=LIMIT)
        self.assertEqual(again.returncode, 5, again.stderr)
        child.send_signal(signal.SIGINT)
        self.assertEqual(child.wait(LIMIT), 0)
        gone = subprocess.run([BIN / "hirehall", "--broker", endpoint, "--request-timeout", "200ms", "stats"],
                              capture_output=True, text=True, timeout=LIMIT)
        self.assertEqual(gone.returncode, 7, "no broker is left")


if __name__ == "__main__":
    main("hirehall-broker", "hirehall-worker", "hirehall")
