"""Real programs for the tests: a broker and workers in a directory of their own, ended with the test.

Fleet        starts `hirehall-broker` and `hirehall-worker` from $HIREHALL_BIN, waits for their ready files, kills what is left,
             keeps directory and logs when the test failed.
eventually   waits for a condition with a generous limit.
FleetTest    a TestCase with a fleet; seed() prints the seed of the run, HIREHALL_SEED repeats it.
"""

import json
import os
import random
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

from integration.hirehall_wire import Client
from integration.scripted_worker import Worker

SOURCE = Path(os.environ.get("HIREHALL_SOURCE", Path(__file__).resolve().parents[2]))
BIN = Path(os.environ.get("HIREHALL_BIN", SOURCE / "build" / "release" / "bin"))
SLOWDOWN = float(os.environ.get("HIREHALL_SLOWDOWN", "1"))
LIMIT = 20.0 * SLOWDOWN  # seconds to wait for what should come in milliseconds
SKIP = 77

_never = threading.Event()


def moment(seconds=0.02):
    """A breath between two looks at something that tells nobody when it changes."""
    _never.wait(seconds)


def eventually(predicate, limit=LIMIT, what="", every=0.02):
    """The first true value of predicate(); AssertionError when the limit (seconds) is over."""
    until = time.monotonic() + limit
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= until:
            raise AssertionError(f"not within {limit:.1f} s: {what or getattr(predicate, '__doc__', '') or predicate}")
        moment(every)


def seed():
    """The seed of this run, said on the first line; HIREHALL_SEED=N repeats a run."""
    value = int(os.environ.get("HIREHALL_SEED") or random.SystemRandom().randrange(1, 1 << 32))
    print(f"HIREHALL_SEED={value}", flush=True)
    return value


def skip(reason):
    print(f"skipped: {reason}", flush=True)
    sys.exit(SKIP)


def need(*programs):
    """Ends the script as skipped when a program is not built."""
    for program in programs:
        if not (BIN / program).exists():
            skip(f"{program} is not built in {BIN.name}")


class Process:
    """A started program with its log file; end() is safe at any time."""

    def __init__(self, command, log, environment=None):
        self.command, self.log = [str(part) for part in command], Path(log)
        with open(self.log, "ab") as output:
            self.child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                          env=dict(os.environ, **(environment or {})))

    @property
    def pid(self):
        return self.child.pid

    def running(self):
        return self.child.poll() is None

    def signal(self, number):
        if self.running():
            self.child.send_signal(number)

    def kill(self):
        """kill -9, and the corpse is taken away."""
        self.signal(signal.SIGKILL)
        return self.child.wait()

    def stop(self, limit=LIMIT):
        """SIGTERM; the exit code."""
        self.signal(signal.SIGTERM)
        return self.exit_code(limit)

    def exit_code(self, limit=LIMIT):
        try:
            return self.child.wait(limit)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.command[0]} did not end within {limit} s\n{self.text()[-2000:]}") from None

    def end(self):
        if self.running():
            self.child.kill()
        self.child.wait()

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class Broker(Process):
    """`endpoint` and `metrics` are known once ready() returned."""

    def __init__(self, directory, data=None, listen=None, extra=(), name="broker", metrics="127.0.0.1:0", environment=None):
        directory = Path(directory)
        self.data = Path(data or directory / "data")
        self.ready_file = directory / f"{name}.ready"
        self.ready_file.unlink(missing_ok=True)
        listen = listen or f"ipc://{directory}/{name}.sock"
        loopback = ["--insecure"] if listen.startswith("tcp://") and not any("key" in str(e) for e in extra) else []
        super().__init__([BIN / "hirehall-broker", "--data", self.data, "--listen", listen, "--metrics", metrics,
                          "--ready-file", self.ready_file, *loopback, *extra], directory / f"{name}.log", environment)
        self.endpoint, self.endpoints, self.metrics = None, [], None

    def ready(self, limit=LIMIT):
        ready = _ready(self, self.ready_file, limit)
        self.endpoints, self.metrics = ready["listen"], ready["metrics"]
        self.endpoint = self.endpoints[0]
        return self


def _ready(process, path, limit):
    def look():
        if not process.running():
            raise AssertionError(f"{' '.join(process.command)}\nended with {process.child.returncode} before it was ready:\n"
                                 f"{process.text()[-3000:]}")
        try:
            return json.loads(path.read_text())
        except (OSError, ValueError):
            return None
    try:
        return eventually(look, limit, f"{process.command[0]} ready", every=0.01)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{process.text()[-2000:]}") from None


class Script(Process):
    """A Python program of the tests that prints one JSON object per line."""

    def __init__(self, path, arguments, log, prefix=(), piped=False):
        self.log = Path(log)
        self.command = [*prefix, sys.executable, str(path), *map(str, arguments)]
        with open(self.log, "ab") as errors:
            self.child = subprocess.Popen(self.command, stdin=subprocess.PIPE if piped else subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
                                          env=dict(os.environ, PYTHONPATH=str(SOURCE / "tests")))
        self.buffer = b""
        self.events = []

    def say(self, word):
        self.child.stdin.write(word.encode() + b"\n")
        self.child.stdin.flush()

    def event(self, name, limit=LIMIT):
        """The next event of that name."""
        until = time.monotonic() + limit
        while True:
            found = self.said(name)
            if found:
                return found
            if time.monotonic() >= until:
                raise AssertionError(f"{self.command[1]} did not say {name!r} within {limit} s\n{self.text()[-2000:]}")

    def said(self, name, patience=0.2):
        """The next event of that name if it comes very soon; others are kept in `events`."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.child.stdout, selectors.EVENT_READ)
            while True:
                while b"\n" in self.buffer:
                    line, self.buffer = self.buffer.split(b"\n", 1)
                    self.events.append(json.loads(line))
                    if self.events[-1]["event"] == name:
                        return self.events[-1]
                if not selector.select(patience):
                    return None
                data = os.read(self.child.stdout.fileno(), 65536)
                if not data:
                    raise AssertionError(f"{self.command[1]} ended before {name!r}\n{self.text()[-2000:]}")
                self.buffer += data

    def end(self):
        super().end()
        self.child.stdout.close()
        if self.child.stdin:
            self.child.stdin.close()


class Fleet:
    """Everything of one test; close(keep=True) leaves the directory and says where it is."""

    def __init__(self, **broker_options):
        self.directory = Path(tempfile.mkdtemp(prefix="hirehall-"))
        self.broker_options = broker_options
        self.processes, self.peers = [], []
        self.broker = None
        self.count = 0

    def start(self, **more):
        self.broker = self.adopt(Broker(self.directory, **dict(self.broker_options, **more))).ready()
        # The kernel's port of the first start is asked for again later: peers reconnect to what they know.
        self.broker_options["listen"] = self.broker.endpoint
        return self

    def adopt(self, process):
        self.processes.append(process)
        return process

    def crash(self):
        """kill -9 of the broker and a new one on the same store and endpoint."""
        self.lives()
        self.broker.kill()
        return self.start()

    def lives(self):
        """AssertionError with its last words if the broker ended by itself."""
        if not self.broker.running():
            raise AssertionError(f"the broker ended by itself with {self.broker.child.returncode}:\n{self.broker.text()[-3000:]}")

    def client(self, name=None, start=True, **options):
        self.count += 1
        client = Client(self.broker.endpoint, name=name or f"client-{self.count}", **options)
        self.peers.append(client)
        return client.start(LIMIT) if start else client

    def worker(self, *types, start=True, **options):
        self.count += 1
        options.setdefault("name", f"hand-{self.count}")
        worker = Worker(self.broker.endpoint, types=types or ("echo",), **options)
        self.peers.append(worker)
        return worker.start(LIMIT) if start else worker

    def agents(self, *names):
        """A directory with these sample agents only."""
        directory = self.directory / ("agents-" + "-".join(names))
        if not directory.exists():
            directory.mkdir()
            for name in names:
                shutil.copy(SOURCE / "configs" / "agents" / f"{name}.md", directory)
        return directory

    def worker_program(self, name, slots=4, agents=("echo",), extra=(), endpoint=None, environment=None, prefix=()):
        """A real hirehall-worker with sample agents, or those of a directory."""
        self.count += 1
        ready_file = self.directory / f"{name}-{self.count}.ready"
        agents = agents if isinstance(agents, Path) else self.agents(*agents)
        process = self.adopt(Process([*prefix, BIN / "hirehall-worker", "--broker", endpoint or self.broker.endpoint, "--name", name,
                                      "--agents", agents, "--slots", slots,
                                      "--ready-file", ready_file, *extra], self.directory / f"{name}.log", environment))
        process.ready_file = ready_file
        return process

    def wait_worker(self, process, limit=LIMIT):
        return _ready(process, process.ready_file, limit)

    def script(self, path, *arguments, name="script", prefix=()):
        self.count += 1
        return self.adopt(Script(path, arguments, self.directory / f"{name}-{self.count}.log", prefix))

    def close(self, keep=False):
        for peer in self.peers:
            peer.close()
        dead = self.broker and not self.broker.running() and self.broker.child.returncode
        if dead and dead != -signal.SIGKILL:
            print(f"the broker ended with {dead}:\n{self.broker.text()[-3000:]}", flush=True)
        for process in reversed(self.processes):
            process.signal(signal.SIGCONT)
            process.end()
        if keep:
            print(f"kept for a look: {self.directory}", flush=True)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)


class FleetTest(unittest.TestCase):
    """A fresh fleet for each test. `listen` and `extra` may be set by the class."""

    listen = None
    extra = ()

    def setUp(self):
        self.fleet = Fleet(listen=self.listen, extra=self.extra)
        self.addCleanup(self._close)
        self.fleet.start()

    def _close(self):
        outcome = self._outcome
        failed = any(error for _test, error in getattr(outcome, "errors", []) or []) or bool(
            outcome.result and any(test is self for test, _ in outcome.result.failures + outcome.result.errors))
        self.fleet.close(keep=failed)

    def run_cli(self, *arguments, stdin=None):
        """(exit code, stdout, stderr) of hirehall with the broker of this test."""
        done = subprocess.run([BIN / "hirehall", "--broker", self.fleet.broker.endpoint, *map(str, arguments)],
                              input=stdin, capture_output=True, text=True, timeout=3 * LIMIT)
        return done.returncode, done.stdout, done.stderr

    def ok(self, *arguments):
        """What hirehall says as JSON; it has to succeed."""
        code, out, err = self.run_cli(*arguments, "-o", "json")
        self.assertEqual(code, 0, f"{arguments}: {err}")
        return json.loads(out)

    def refused(self, code, function, *arguments, **options):
        """The WireError of a call that has to be refused with that code."""
        from integration.hirehall_wire import WireError
        with self.assertRaises(WireError) as caught:
            function(*arguments, **options)
        self.assertEqual(caught.exception.code, code, caught.exception)
        self.assertTrue(caught.exception.message, "an error says what happened")
        self.assertIn(caught.exception.action, ("retry", "fix", "give_up"))
        return caught.exception


def main(*programs):
    """The last line of a test script."""
    need(*(programs or ("hirehall-broker",)))
    value = seed()
    random.seed(value)
    unittest.main(module="__main__", verbosity=2)
