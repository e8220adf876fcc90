"""The worker's half of a connection: leases held, heartbeats over them, reports, and reclaiming after a reconnect."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from . import errors, wire
from .agents import Agent
from .attempt import Attempt
from .bids import Bidders, calls_of
from .errors import HirehallError, Stale
from .finishes import Finishes
from .keys import Keys
from .peer import Peer, Phase, Request, settle
from .wire import Kind, Outcome

log = logging.getLogger("hirehall")

_PROGRESS_SECONDS = 0.1  # ten a second
_GIVE_UP_SECONDS = 10.0  # beyond the grace of a stop
_WORD = (1 << 64) - 1

Report = tuple[Attempt, str, Any, Future[Any]]


def mix(token: int) -> int:
    token = (token ^ (token >> 30)) * 0xBF58476D1CE4E5B9 & _WORD
    token = (token ^ (token >> 27)) * 0x94D049BB133111EB & _WORD
    return token ^ (token >> 31)


class Hand(Peer):
    """`offer` takes attempts as they are awarded, `ended` hears why the connection is over for good."""

    role = "worker"

    def __init__(self, endpoint: str, name: str, keys: Keys | None, agents: Sequence[Agent], slots: int, credit: int, labels: Mapping[str, str],
                 resources: Mapping[str, Any], offer: Callable[[Attempt], None], ended: Callable[[HirehallError], None]):  # fmt: skip
        super().__init__(endpoint, name, keys)
        self._registration = {"name": name, "slots": slots, "timed": True, "agents": [agent.offer() for agent in agents],
                              "labels": dict(labels), "resources": dict(resources)}  # fmt: skip
        self._credit, self._offer, self._ended_by = credit, offer, ended
        self._held: dict[int, Attempt] = {}
        self._hash = 0
        self._given_up: set[int] = set()  # told to stop, never ended: each keeps a slot
        self._finishes = Finishes(lambda body: self._send(Kind.FINISH, body), self._credit_now)
        self._reports: deque[Report] = deque()
        self._progressing: set[Attempt] = set()
        self._token = b""
        self._last_award = 0
        self._register_number = self._beat_number = self._holding_number = 0
        self._draining = False
        self._bidders = Bidders({agent.name: agent.bid for agent in agents if agent.bid}, lambda bid: self.post(lambda: self._bid(bid)))
        self.quiet = threading.Event()  # nothing is held
        self.quiet.set()

    # Any thread

    def finish(self, attempt: Attempt, outcome: Outcome, result: bytes = b"", extras: Mapping[str, Any] | None = None) -> None:
        item = [attempt.token, int(outcome), result, dict(extras) if extras else None]
        self.post(lambda: self._finish(item))

    def report(self, attempt: Attempt, what: str, value: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.post(lambda: self._report((attempt, what, value, future)))
        return future

    def progressed(self, attempt: Attempt) -> None:
        self.post(lambda: self._progressing.add(attempt))

    def drain(self) -> None:
        """No more awards; what has not begun is handed back."""
        self.post(self._drain)

    def stop_all(self, reason: str) -> None:
        def stop() -> None:
            for attempt in self._held.values():
                attempt.stop(reason)

        self.post(stop)

    def hand_back_all(self) -> None:
        """What still runs is reported as interrupted; what it comes to later is dropped."""
        def hand_back() -> None:
            for token, attempt in list(self._held.items()):
                self._finish([token, int(Outcome.INTERRUPTED), b"", attempt.times() if attempt.started else None])

        self.post(hand_back)

    # Registration

    def _welcomed(self, body: dict[str, Any]) -> None:
        registration = self._registration | {"credit": self._credit_now(), "resume": self._token, "last_award": self._last_award,
                                             "holding": [*self._held, *self._finishes.tokens()]}  # fmt: skip
        self._register_number = self._send(Kind.REGISTER_WORKER, wire.pack(registration))

    def _registered(self, body: dict[str, Any]) -> None:
        self._token, resumed = body["token"], bool(body["resumed"])
        self.heartbeat = max(0.01, body.get("heartbeat_ms", 2000) / 1000)
        if not resumed:
            self._last_award = 0
        for token in body.get("lost") or ():
            self._lose(token)
        self._enter()
        self._finishes.registered(resumed, int(body["next_finish"]))
        self._beat()

    def _failed_in_greeting(self, number: int, error: HirehallError) -> None:
        if number != self._register_number:
            return
        if error.action == "retry":
            self._close(time.monotonic())
        else:
            self._refuse(error)

    def _answered(self, number: int, body: Any) -> None:
        if number == self._register_number and self._phase == Phase.GREETING:
            self._registered(body)
        elif number == self._beat_number:
            if body[1]:
                self._holding_number = self._send(Kind.HOLDING, wire.pack([self._last_award, list(self._held)]))
        elif number == self._holding_number:
            for token in body:
                self._lose(token)
        else:
            for item in self._finishes.answered(number, body) or ():
                self._finishes.add(item)

    def _failed(self, number: int, error: HirehallError) -> bool:
        try:
            return self._finishes.failed(number, error)
        except HirehallError:
            self._refuse(error)
            return True

    # Work

    def _push(self, kind: int, body: Any, size: int) -> None:
        if kind == Kind.AWARD:
            self._awarded(*body[:3])
        elif kind == Kind.CALL_FOR_BIDS:
            self._bidders.call(calls_of(body))
        elif kind == Kind.STOP:
            for token, grace_ms, reason, *_ in body:
                self._stop_one(token, grace_ms / 1000, reason)
        elif kind == Kind.LOST:
            for token in body:
                self._lose(token)

    def _bid(self, bid: list[Any]) -> None:
        """Once: a bid that is lost on the way was none."""
        if self._phase == Phase.READY:
            self._send(Kind.BID, wire.pack([bid]))

    def _awarded(self, number: int, shapes: list[Any], items: list[Any]) -> None:
        self._last_award = max(self._last_award, number)
        for item in items:
            if item[0] not in self._held:
                attempt = Attempt(item, shapes[item[3]], self)
                self._hold(attempt)
                self._offer(attempt)

    def _hold(self, attempt: Attempt) -> None:
        self._held[attempt.token] = attempt
        self._hash ^= mix(attempt.token)
        self.quiet.clear()

    def _release(self, token: int) -> Attempt | None:
        attempt = self._held.pop(token, None)
        if attempt is not None:
            self._hash ^= mix(token)
            self._progressing.discard(attempt)
        if not self._held:
            self.quiet.set()
        return attempt

    def _stop_one(self, token: int, grace: float, reason: str) -> None:
        attempt = self._held.get(token)
        if attempt is None:
            return
        attempt.stop(reason or "cancelled", grace + _GIVE_UP_SECONDS)
        if attempt.claim():
            self._finish([token, int(Outcome.TIMED_OUT if reason == "timeout" else Outcome.CANCELLED), b"", None])

    def _lose(self, token: int) -> None:
        attempt = self._release(token)
        if attempt is not None:
            attempt.claim()  # one that has not begun will not
            attempt.stop("lost")
            self._finishes.forget(token)

    def _finish(self, item: list[Any]) -> None:
        if item[0] in self._given_up:
            self._given_up.discard(item[0])
            self._beat()
        elif item[0] in self._held:
            self._finishes.forget(item[0])  # handed back, and ended after all before that left
            self._finishes.add(item)

    def _report(self, report: Report) -> None:
        if report[0].token in self._held and not self._ended:
            self._reports.append(report)
        else:
            settle(report[3], error=Stale("the lease is over; the report changed nothing"))

    def _drain(self) -> None:
        if self._draining:
            return
        self._draining = True
        if self._phase == Phase.READY:
            self._send(Kind.DRAIN, wire.pack({}))
        for token, attempt in list(self._held.items()):
            if attempt.claim():
                self._finish([token, int(Outcome.INTERRUPTED), b"", None])

    def _credit_now(self) -> int:
        return 0 if self._draining else max(0, self._credit - len(self._given_up))

    def _beat(self) -> None:
        self._give_up_on_the_hung()
        body = [len(self._held), self._hash, self._last_award, self._credit_now()]
        self._beat_number = self._send(Kind.WORKER_HEARTBEAT, wire.pack(body))

    def _give_up_on_the_hung(self) -> None:
        """The broker hears that the lease is not held any more, and gives the task to others. A thread cannot be ended, so the slot
        stays taken until the agent returns."""
        now = time.monotonic()
        for token, attempt in list(self._held.items()):
            if attempt.give_up_at <= now:
                log.error("task %s: the agent %s does not heed its stop (%s); its lease is let go", attempt.id, attempt.agent, attempt.stop_reason)
                self._lose(token)
                self._given_up.add(token)

    def _work(self, now: float) -> float:
        due = self._flush_progress(now)
        while self._reports:
            self._flush_reports()
        for token in self._finishes.pump():
            self._release(token)
        return due

    def _flush_progress(self, now: float) -> float:
        due = now + 3600
        for attempt in list(self._progressing):
            if now - attempt.progress_sent_at < _PROGRESS_SECONDS:
                due = min(due, attempt.progress_sent_at + _PROGRESS_SECONDS)
                continue
            self._progressing.discard(attempt)
            attempt.progress_sent_at, value, attempt.latest_progress = now, attempt.latest_progress, None
            self._report((attempt, "progress", value, Future()))
        return due

    def _flush_reports(self) -> None:
        some: list[Report] = []
        size = 0
        while self._reports and (not some or size + _size(self._reports[0]) <= wire.BATCH_BYTES_MAX):
            some.append(self._reports.popleft())
            size += _size(some[-1])
        request = Request(Kind.REPORT, wire.pack([[attempt.token, what, value] for attempt, what, value, _ in some]))
        request.future.add_done_callback(lambda done: self._reported(some, done))
        self._ask(request)

    def _reported(self, some: list[Report], done: Future[Any]) -> None:
        error = done.exception()
        refused = {} if error else {index: errors.of_number(code) for index, code, *_ in done.result()}
        for index, (attempt, what, _, future) in enumerate(some):
            problem = error or refused.get(index)
            if isinstance(problem, Stale):
                self._lose(attempt.token)
            elif problem is not None:
                log.warning("task %s: a report (%s) was refused: %s", attempt.id, what, problem)
            settle(future, None, problem)

    def _idle(self) -> bool:
        return self._finishes.idle and not self._reports

    def _gone(self, error: HirehallError) -> None:
        self._bidders.end()
        for token in list(self._held):
            self._lose(token)
        for *_, future in self._reports:
            settle(future, error=error)
        self._reports.clear()
        self._ended_by(error)


def _size(report: Report) -> int:
    value = report[2]
    return len(value) + 64 if isinstance(value, (bytes, str)) else 1024
