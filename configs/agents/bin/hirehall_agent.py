"""Agents in Python: JSON lines on stdin and stdout (docs/agents.md). Copy this file beside your agent; it needs nothing.

    import hirehall_agent

    def run(task):
        task.progress(1, 2, "halfway")
        return {"words": 3}          # any JSON value is the result

    hirehall_agent.serve(run)
"""

import base64
import json
import math
import queue
import sys
import threading


class Failed(Exception):
    """Raise it to fail an attempt with a code; final=True when another attempt would fail as well."""

    def __init__(self, error, code="failed", final=False, delay_ms=0, service=""):
        super().__init__(error)
        self.said = {"failed": {"error": error, "code": code, "final": final, "delay_ms": delay_ms, "service": service}}


class Suspended(Exception):
    """Raise it to wait for an answer; the task runs again with task.answer set. `asked` may hold options or form, timeout_ms,
    default and who (docs/inbox.md)."""

    def __init__(self, on="input", question=None, **asked):
        super().__init__(on)
        self.said = {"suspended": {"on": on, "question": question, **asked}}


class Cancelled(Exception):
    """Raised by task.check() once the worker asked the attempt to stop."""

    said = {"cancelled": {}}


class Task:
    def __init__(self, run, cancelled):
        self.id = run["id"]
        self.type = run["type"]
        self.attempt = run["attempt"]
        self.content_type = run["content_type"]
        self.payload = _value(run, "payload")
        self.checkpoint = _value(run, "checkpoint")
        self.answer = _value(run, "answer")
        self.run = run
        self._cancelled = cancelled

    def cancelled(self):
        return self._cancelled.is_set()

    def check(self):
        if self.cancelled():
            raise Cancelled()

    def wait(self, seconds):
        """Sleeps, but not beyond a request to stop."""
        if self._cancelled.wait(seconds):
            raise Cancelled()

    def progress(self, done, total, message=""):
        _say({"progress": {"done": done, "total": total, "message": message}})

    def save(self, state):
        """Saves a checkpoint; the next attempt finds it in task.checkpoint."""
        _say({"checkpoint": state})

    def ask(self, question, **asked):
        """The answer of an earlier attempt, or the end of this one until there is one."""
        if self.answer is None:
            raise Suspended("input", question, **asked)
        return self.answer

    def answer_task(self, id, value, reason=""):
        """Answers another task that waits for input."""
        _say({"answer": {"task": id, "value": value, "reason": reason}})

    def log(self, text):
        _say({"log": text})

    def usage(self, **amounts):
        _say({"usage": amounts})


def _value(run, key):
    if key + "_base64" in run:
        return base64.b64decode(run[key + "_base64"])
    return run.get(key)


def _say(line):
    _out.write(json.dumps(line) + "\n")
    _out.flush()


def _listen(tasks, cancelled):
    for line in sys.stdin:
        said = json.loads(line)
        if "cancel" in said:
            cancelled.set()
        elif "run" in said or "bid" in said:
            tasks.put(said)
    tasks.put(None)


def _end(result):
    if isinstance(result, bytes):
        _say({"result_base64": base64.b64encode(result).decode()})
    else:
        _say({"result": result})


def _bid(bid, call):
    try:
        price = bid(call) if bid else None
        price = None if price is None else float(price)
        _say({"bid": price if price is not None and math.isfinite(price) else None})
    except Exception as error:  # it declines
        _say({"bid": None})
        print(f"bid: {type(error).__name__}: {error}")


def serve(run, bid=None):
    """Runs tasks until the worker closes stdin. With `bids: true` in its definition `bid` is called, in a process that only bids
    (HIREHALL_ROLE=bidder): it is given a map (docs/agents.md) and returns the price in cost units, or None to decline."""
    tasks = queue.Queue()
    cancelled = threading.Event()
    threading.Thread(target=_listen, args=(tasks, cancelled), daemon=True).start()
    while (said := tasks.get()) is not None:
        if "bid" in said:
            _bid(bid, said["bid"])
            continue
        cancelled.clear()
        try:
            _end(run(Task(said["run"], cancelled)))
        except (Failed, Suspended, Cancelled) as end:
            _say(end.said)
        except Exception as error:  # the agent's mistake ends the attempt, not the program
            _say({"failed": {"error": f"{type(error).__name__}: {error}", "code": "exception"}})


# What an agent prints is for people: it goes to the log, and the words of the protocol have stdout for themselves.
_out = sys.stdout
sys.stdout = sys.stderr
