"""Worker: runs agents, which are functions, on the tasks of a broker."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import queue
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import keys, payload
from .agents import Agent, Function
from .attempt import Attempt, Failed, HandBack, Snooze, Stopped, Suspend
from .bids import Bid
from .client import default_endpoint
from .errors import HirehallError
from .hand import Hand
from .options import plain
from .wire import Outcome

log = logging.getLogger("hirehall")

_ERROR_CHARACTERS_MAX = 1000
_LAST_WORDS_SECONDS = 5.0  # for attempts that were told to stop, and for the last reports

End = tuple[Outcome, bytes, dict[str, Any]]


class Worker:
    """
    broker          endpoint; default: $HIREHALL_BROKER, then the broker of this user or machine
    name            shown in lists; default: host and process
    slots           attempts at the same time, each in a thread
    credit          most tasks held at once, running or waiting here; default: as many as slots
    key_file        this worker's secret CURVE key, server_key_file the broker's public one
    stop_timeout    seconds that running attempts get to end when the worker stops; then they are told to, and handed back
    """

    def __init__(
        self, broker: str | None = None, *, name: str | None = None, slots: int = 1, credit: int | None = None,
        key_file: keys.Path | None = None, server_key_file: keys.Path | None = None, labels: Mapping[str, str] | None = None,
        resources: Mapping[str, Any] | None = None, connect_timeout: float = 5.0, stop_timeout: float = 30.0,
    ):  # fmt: skip
        if slots < 1:
            raise ValueError("a worker has at least one slot")
        self.broker, self.name = broker or default_endpoint(), name or f"{socket.gethostname()}-{os.getpid()}"
        self.slots, self.credit = slots, credit or slots
        self.stop_timeout, self._connect_timeout = stop_timeout, connect_timeout
        self._keys = keys.load(key_file, server_key_file)
        self._labels, self._resources = labels or {}, resources or {}
        self._agents: dict[str, Agent] = {}
        self._attempts: queue.SimpleQueue[Attempt | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._hand: Hand | None = None
        self._stopping = threading.Event()
        self._problem: HirehallError | None = None
        self._hurry = False

    def agent(self, *types: str, name: str | None = None, version: str = "1", description: str = "", capabilities: Sequence[str] = (),
              tools: Sequence[str] = (), labels: Mapping[str, str] | None = None, tier: int = 0,
              price: float | Mapping[str, Any] | None = None, breaker: bool | Mapping[str, int] = False,
              fallbacks: Sequence[str] = (), services: Sequence[str] = (), bid: Bid | None = None,
              max_instances: int = 0) -> Callable[[Function], Function]:  # fmt: skip
        """Decorator: the function does tasks of these types. It is given an Attempt and returns the result. `breaker` (True, or
        failures, open_ms, probes), `fallbacks` and `services`: docs/breakers.md. `bid`, a function of a Call, says what it wants for a task
        that is auctioned with live bids: cost units, or None when it does not want it.
        `max_instances`: so many attempts of it at a time at most; 0: as many as the worker has slots."""

        def register(function: Function) -> Function:
            called = name or function.__name__.replace("_", "-")
            if called in self._agents:
                raise ValueError(f"this worker has an agent {called} already: give it another name")
            if self._hand:
                raise RuntimeError("agents are registered before the worker starts")
            self._agents[called] = Agent(called, types, function, version, description, capabilities, tools, labels or {}, tier, price, breaker,
                                         fallbacks, services, bid, max_instances)  # fmt: skip
            return function

        return register

    def start(self) -> Worker:
        """Registers with the broker and goes to work on threads of its own."""
        if not self._agents:
            raise ValueError("this worker has no agents: register one with @worker.agent(\"type\")")
        self._hand = Hand(self.broker, self.name, self._keys, list(self._agents.values()), self.slots, self.credit, self._labels,
                          self._resources, self._attempts.put, self._ended)  # fmt: skip
        self._hand.start(self._connect_timeout)
        self._threads = [threading.Thread(target=self._slot, name=f"hirehall-slot-{n}", daemon=True) for n in range(self.slots)]
        for thread in self._threads:
            thread.start()
        return self

    def run(self) -> None:
        """start(), then until SIGTERM or SIGINT (a second one does not wait for running attempts) or request_stop(), then stop()."""
        former = {}
        if threading.current_thread() is threading.main_thread():
            former = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            self.start()
            self._stopping.wait()
            self.stop()
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)
        if self._problem:
            raise self._problem

    def request_stop(self) -> None:
        """Makes run() stop and return; for any thread."""
        self._stopping.set()

    def stop(self, timeout: float | None = None) -> None:
        """Takes no more; hands back what has not begun; waits for what runs, then tells it to stop, then hands it back. Safe to repeat."""
        self._stopping.set()
        hand = self._hand
        if hand is None:
            return
        hand.drain()
        if not self._wait_quiet(hand, self.stop_timeout if timeout is None else timeout):
            hand.stop_all("drain")
            if not hand.quiet.wait(_LAST_WORDS_SECONDS):
                log.warning("agents that do not heed their stop: their tasks are handed back")
                hand.hand_back_all()
        for _ in self._threads:
            self._attempts.put(None)
        hand.end(_LAST_WORDS_SECONDS)

    def __enter__(self) -> Worker:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _wait_quiet(self, hand: Hand, patience: float) -> bool:
        """Looks up now and then, since a second signal shortens the patience."""
        until = time.monotonic() + patience
        while not hand.quiet.wait(min(0.1, max(0.0, until - time.monotonic()))):
            if self._hurry or time.monotonic() >= until:
                return False
        return True

    def _on_signal(self, number: int, _frame: object) -> None:
        self._hurry = self._stopping.is_set()
        self._stopping.set()

    def _ended(self, error: HirehallError) -> None:
        if not self._stopping.is_set():
            self._problem = error
            self._stopping.set()

    def _slot(self) -> None:
        while (attempt := self._attempts.get()) is not None:
            if attempt.claim():
                outcome, result, extras = self._try(attempt)
                extras |= attempt.times()
                assert self._hand is not None
                self._hand.finish(attempt, outcome, result, extras)

    def _try(self, attempt: Attempt) -> End:
        """Whatever the agent does, the attempt comes to something."""
        try:
            return self._end_of(attempt)
        except BaseException as error:  # SystemExit of an agent is its own, not the worker's
            return _stopped(attempt, error) if attempt.cancelled else _failed(attempt, error)

    def _end_of(self, attempt: Attempt) -> End:
        try:
            return self._succeed(self._call(attempt))
        except Suspend as ending:
            asked = {"question": ending.question} if ending.question else {}
            return Outcome.SUSPENDED, b"", {"on": ending.on, **asked, **_checkpoint(ending.checkpoint)}
        except Snooze as ending:
            return Outcome.SNOOZED, b"", {"delay_ms": plain(ending.delay_ms, "delay_ms"), **_checkpoint(ending.checkpoint)}
        except HandBack as ending:
            return Outcome.INTERRUPTED, b"", _checkpoint(ending.checkpoint)

    def _call(self, attempt: Attempt) -> Any:
        agent = self._agents.get(attempt.agent)
        if agent is None:
            raise Failed(f"this worker has no agent {attempt.agent}", code="no_agent")
        if inspect.iscoroutinefunction(agent.function):
            return asyncio.run(agent.function(attempt))
        return agent.function(attempt)

    def _succeed(self, value: Any) -> End:
        if value is None:
            return Outcome.SUCCEEDED, b"", {}
        try:
            result, kind = payload.encode(value)
        except HirehallError as error:
            raise Failed(f"its result cannot be recorded: {error.message}", code=error.code, retry=False) from None
        return Outcome.SUCCEEDED, result, {"result_type": kind}


def _checkpoint(value: Any) -> dict[str, Any]:
    return {} if value is None else {"checkpoint": payload.encode(value)[0]}


def _stopped(attempt: Attempt, error: BaseException) -> End:
    """It was told to stop and did not come to a result."""
    said = "" if isinstance(error, Stopped) else str(error)[:_ERROR_CHARACTERS_MAX]
    outcome = {"timeout": Outcome.TIMED_OUT, "drain": Outcome.INTERRUPTED}.get(attempt.stop_reason, Outcome.CANCELLED)
    return outcome, b"", {"error": said} if said else {}


def _failed(attempt: Attempt, error: BaseException) -> End:
    text = str(error)[:_ERROR_CHARACTERS_MAX]
    if isinstance(error, Failed):
        extras: dict[str, Any] = {"error_code": error.code, "error": text}
        if delay := plain(error.delay_ms, "delay_ms"):
            extras["delay_ms"] = delay
        if error.service:
            extras["service"] = error.service
        return Outcome.FAILED if error.retry else Outcome.FAILED_FOR_GOOD, b"", extras
    log.warning("task %s: agent %s raised %r", attempt.id, attempt.agent, error)
    attempt.log(traceback.format_exc())
    return Outcome.FAILED, b"", {"error_code": type(error).__name__, "error": text or repr(error)}
