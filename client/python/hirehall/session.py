"""The client's half of a connection: producer, subscriptions, and waits that outlive it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from . import errors, task, wire
from .errors import HirehallError
from .keys import Keys
from .peer import Peer, settle
from .producer import Item, Producer, Whole
from .results import Position, Results
from .task import Task
from .wire import Kind

_WAIT_MS_MAX = 3_600_000


class Session(Peer):
    def __init__(self, endpoint: str, name: str, keys: Keys | None, batch_items: int, batch_bytes: int, buffer_bytes: int,
                 reason: str = ""):  # fmt: skip
        super().__init__(endpoint, name, keys)
        self._reason = reason
        self._token = b""
        self.principal = self.tenant = ""
        self.producer = Producer(self._send_submit, self._link.ring, batch_items, batch_bytes, buffer_bytes)
        self._subscriptions: list[Results] = []
        self._sent_since_beat = False

    # Any thread

    def put(self, parcels: Sequence[Item | Whole]) -> None:
        self.check_open()
        self.producer.put(parcels)

    def wait(self, id: bytes, timeout: float | None) -> Future[Task]:
        """Answers with the task once it is terminal; asks again when the broker's longest wait is over."""
        outer: Future[Task] = Future()
        until = None if timeout is None else time.monotonic() + timeout

        def ask() -> None:
            left = _WAIT_MS_MAX if until is None else max(0, min(_WAIT_MS_MAX, round((until - time.monotonic()) * 1000)))
            inner = self.request(Kind.WAIT, {"id": id, "timeout_ms": left})
            outer.add_done_callback(lambda _: inner.cancel() and None)
            inner.add_done_callback(answered)

        def answered(inner: Future[Any]) -> None:
            if inner.cancelled():
                return
            error = inner.exception()
            if error is None:
                settle(outer, task.of_body(inner.result()))
            elif isinstance(error, errors.TimedOut) and (until is None or time.monotonic() < until):
                again()
            else:
                settle(outer, error=error)

        def again() -> None:
            try:
                ask()
            except HirehallError as error:
                settle(outer, error=error)

        ask()
        return outer

    def subscribe(self, options: dict[str, Any], position: Position | None, timeout: float) -> Results:
        results = Results(self, options, position)
        future = self.request(Kind.SUBSCRIBE, self._subscribe_body(results))
        future.add_done_callback(lambda _: self._first_answer(results, future))
        self.result(future, timeout, "subscribe")
        return results

    def unsubscribe(self, results: Results) -> None:
        self.post(lambda: self._unsubscribe(results))

    def seen(self, results: Results, position: Position) -> None:
        self.post(lambda: self._seen(results, position))

    # The connection's thread

    def _hello(self) -> dict[str, Any]:
        return ({"session": self._token} if self._token else {}) | ({"reason": self._reason} if self._reason else {})

    def _hello_failed(self, error: HirehallError) -> bool:
        if not isinstance(error, errors.SessionExpired) or not self._token:
            return False
        self._token = b""  # the welcome of a new session settles what was unanswered
        return True

    def _welcomed(self, body: dict[str, Any]) -> None:
        self._token = body["session"]
        self.principal, self.tenant = body.get("principal", ""), body.get("tenant", "")
        self.producer.welcomed(body)
        for results in self._subscriptions:
            results.number = None
            if results.asking:
                results.asking.cancel()
        self._enter()
        self.producer.resend()
        for results in () if self._closing else self._subscriptions:
            self._subscribe_again(results)

    def _work(self, now: float) -> float:
        due = self.producer.pump(now)
        if self.producer.stuck:
            self._close(now)
        return due

    def _beat(self) -> None:
        # Also when something was sent but nothing came back: silence has to be told from a lost connection.
        if not self._sent_since_beat or time.monotonic() - self._heard_at >= self.heartbeat:
            super()._beat()
        self._sent_since_beat = False

    def _send_submit(self, body: bytes) -> int:
        self._sent_since_beat = True
        return self._send(Kind.SUBMIT, body)

    def _failed(self, number: int, error: HirehallError) -> bool:
        return self.producer.failed(number, error)

    def _push(self, kind: int, body: Any, size: int) -> None:
        if kind == Kind.SUBMITTED:
            self.producer.submitted(body)
        elif kind == Kind.RESULTS:
            number, commit, index, items = body[:4]
            gap = len(body) > 4 and bool(body[4])
            for results in self._subscriptions:
                if results.number == number:
                    results.pushed((commit, index), items, gap, size)

    def _idle(self) -> bool:
        return self.producer.idle

    def _gone(self, error: HirehallError) -> None:
        self.producer.end(error)
        for results in self._subscriptions:
            results.failed(error)

    def _subscribe_body(self, results: Results) -> dict[str, Any]:
        return {"what": "results", **results.options, **({"position": list(results.received)} if results.received else {})}

    def _first_answer(self, results: Results, future: Future[Any]) -> None:
        if not future.cancelled() and not future.exception():
            results.subscribed(future.result())
            self._subscriptions.append(results)

    def _subscribe_again(self, results: Results) -> None:
        future = results.asking = self.request(Kind.SUBSCRIBE, self._subscribe_body(results))

        def answered(_: Future[Any]) -> None:
            if future.cancelled():
                return
            if error := future.exception():
                results.failed(error if isinstance(error, HirehallError) else errors.Internal(str(error)))
            else:
                results.subscribed(future.result())

        future.add_done_callback(answered)

    def _unsubscribe(self, results: Results) -> None:
        if results in self._subscriptions:
            self._subscriptions.remove(results)
            if results.number is not None and not self._ended:
                self._send(Kind.UNSUBSCRIBE, wire.pack({"subscription": results.number}))

    def _seen(self, results: Results, position: Position) -> None:
        if results.number is not None and not self._ended:
            self._link.send(wire.header(Kind.SEEN) + wire.pack([results.number, *position]))
