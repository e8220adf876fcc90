"""One try at a task, as an agent sees it, and the ways to end it that are neither a result nor a failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Protocol

from . import ids, payload, wire
from .options import Duration, plain

LOG_BYTES_MAX = 1 << 20
_ANSWER_SECONDS = 60.0  # a checkpoint waits so long for the broker; the attempt is likely lost by then


class Ending(Exception):
    """What an agent raises to end its attempt in a way of its own."""


class Failed(Ending):
    """The attempt failed. `retry=False`: no other attempt would do better; `delay_ms`: the next one not before. `service`: the
    outside service whose fault it is, one that the agent lists; with `delay_ms` nobody who lists it gets work before."""

    def __init__(self, message: str, *, code: str = "failed", retry: bool = True, delay_ms: Duration = 0, service: str = ""):
        super().__init__(message)
        self.code, self.retry, self.delay_ms, self.service = code, retry, delay_ms, service


class Snooze(Ending):
    """Again after a delay; counts as no failure."""

    def __init__(self, delay_ms: Duration, checkpoint: Any = None):
        super().__init__(f"snoozed for {plain(delay_ms, 'delay_ms')} ms")
        self.delay_ms, self.checkpoint = delay_ms, checkpoint


class Suspend(Ending):
    """The task waits for an answer, without a slot; the next attempt finds it in `answer`. `asked` may hold options (a list)
    or form (a map of fields), timeout_ms, default (any JSON value) and who (docs/inbox.md)."""

    def __init__(self, on: str = "input", checkpoint: Any = None, question: str | None = None, **asked: Any):
        super().__init__(f"suspended on {on}")
        self.on, self.checkpoint = on, checkpoint
        self.question = {name: plain(value, name) for name, value in asked.items()}
        if "default" in self.question:
            self.question["default"] = payload.encode(self.question["default"])[0]
        if question is not None:
            self.question["question"] = question


class HandBack(Ending):
    """Unfinished, for somebody else; counts as nothing."""

    def __init__(self, checkpoint: Any = None):
        super().__init__("handed back")
        self.checkpoint = checkpoint


class Stopped(Ending):
    """check() raises it once the attempt was told to stop. Let it through."""


class Reporter(Protocol):
    def report(self, attempt: Attempt, what: str, value: Any) -> Future[Any]: ...
    def progressed(self, attempt: Attempt) -> None: ...


class Attempt:
    """Given to the agent. Methods are for the agent's thread and those it starts."""

    def __init__(self, item: list[Any], shape: list[Any], reporter: Reporter):
        self.token, self._raw_id, self.number = int(item[0]), bytes(item[1]), int(item[2])
        data = item[4]
        self.payload: bytes = data.encode() if isinstance(data, str) else bytes(data or b"")
        extras: Mapping[str, Any] = item[5] if len(item) > 5 and item[5] else {}
        self.type, self.agent, self.content_type, self.queue, self.tenant, self.timeout_ms = shape[:6]
        self.context: Mapping[str, Any] = extras.get("context") or {}
        self.labels: Mapping[str, str] = extras.get("labels") or {}
        self.features: Mapping[str, int | float | str] = extras.get("features") or {}
        self.description: str = extras.get("description", "")
        self.checkpoint: bytes | None = extras.get("checkpoint")
        self.answer: bytes | None = extras.get("answer")
        self.trace: str = extras.get("trace", "")  # the attempt's own; the parent of what the agent does
        self.trace_origin: str = extras.get("trace_origin", "")
        self.tracestate: str = extras.get("tracestate", "")
        self.baggage: str = extras.get("baggage", "")
        self.idempotency_key: str = extras.get("idempotency_key", "")
        self.deadline_ms: int = extras.get("deadline", 0)
        self.stop_reason = ""
        self.give_up_at = float("inf")  # told to stop, and not over by then: the lease is let go
        self.latest_progress: dict[str, Any] | None = None
        self.progress_sent_at = 0.0
        self._stop = threading.Event()
        self._claimed = threading.Lock()
        self._began = time.monotonic()
        self._reporter = reporter
        self._logged = 0

    @property
    def id(self) -> str:
        """The task's id: the same in every attempt, so a good key for effects that may be repeated."""
        return ids.text(self._raw_id)

    @property
    def data(self) -> Any:
        """The payload: the JSON value if it is one, else bytes."""
        return payload.decode(self.payload, self.content_type)

    @property
    def checkpoint_value(self) -> Any:
        return payload.decode(self.checkpoint, payload.JSON)

    @property
    def answer_value(self) -> Any:
        return payload.decode(self.answer, payload.JSON)

    @property
    def cancelled(self) -> bool:
        """Told to stop: cancelled, timed out, lease lost or worker stopping; `stop_reason` says which."""
        return self._stop.is_set()

    def check(self) -> None:
        """Raises Stopped once the attempt was told to stop."""
        if self._stop.is_set():
            raise Stopped(self.stop_reason)

    def pause(self, seconds: float) -> None:
        """A pause that a stop ends at once, by raising Stopped."""
        self._stop.wait(seconds)
        self.check()

    def save(self, checkpoint: Any) -> None:
        """Records a checkpoint; it is durable once this returns. Stale when the lease is over."""
        data, _ = payload.encode(checkpoint)
        self._reporter.report(self, "checkpoint", data).result(_ANSWER_SECONDS)

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """At most ten a second are sent, the latest always."""
        value: dict[str, Any] = {"done": done, "message": message}
        first = self.latest_progress is None
        self.latest_progress = value if total is None else value | {"total": total}
        if first:
            self._reporter.progressed(self)

    def log(self, line: str) -> None:
        """A line of the attempt's log; cut at 8 KiB, and after 1 MiB nothing more is kept."""
        data = line.encode()[: wire.LOG_LINE_BYTES_MAX]
        self._logged += len(data)
        if self._logged <= LOG_BYTES_MAX:
            self._reporter.report(self, "log", data.decode(errors="ignore"))

    def answer_task(self, id: str, value: Any, reason: str = "") -> None:
        """Answers another task that waits for input."""
        self._reporter.report(self, "answer", {"id": ids.raw(id), "value": payload.encode(value)[0], "reason": reason})

    def usage(self, **units: float) -> None:
        """What it cost: tokens, money, units of your own."""
        self._reporter.report(self, "usage", units)

    # For the worker

    def claim(self) -> bool:
        """True for the first who asks: a slot that runs it, or whoever ends it before it ran."""
        first = self._claimed.acquire(blocking=False)
        if first:
            self._began = time.monotonic()
        return first

    def times(self) -> dict[str, int]:
        """How long it has run, for its finish; less than a millisecond is not told."""
        ran, now = int((time.monotonic() - self._began) * 1000), int(time.time() * 1000)
        return {"started_at": now - ran, "ended_at": now} if ran else {}

    @property
    def started(self) -> bool:
        return self._claimed.locked()

    def stop(self, reason: str, patience: float = float("inf")) -> None:
        if not self._stop.is_set():
            self.stop_reason = reason
        self.give_up_at = min(self.give_up_at, time.monotonic() + patience)
        self._stop.set()
