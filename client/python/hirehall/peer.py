"""What client and worker share: a thread that owns the connection, says hello, numbers requests and sends them again after a
lost connection until they are answered."""

from __future__ import annotations

import enum
import itertools
import logging
import os
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Any, TypeVar

from . import errors, wire
from .errors import HirehallError, Internal, TimedOut, Unreachable
from .keys import Keys
from .link import Link
from .wire import Kind

log = logging.getLogger("hirehall")
T = TypeVar("T")

EAGER_SECONDS = 10.0  # so long an outage is met with quick retries: a restarting broker is back soon
REOPEN_SECONDS_MAX = 10.0
SILENT_INTERVALS_MAX = 3
PAUSE_SECONDS = 0.05  # after `busy` or `unavailable` without a hint of the broker's


class Phase(enum.Enum):
    CLOSED, GREETING, READY, REFUSED = range(4)


class Request:
    __slots__ = ("kind", "body", "future", "number")

    def __init__(self, kind: Kind, body: bytes):
        self.kind, self.body, self.number = kind, body, 0
        self.future: Future[Any] = Future()


def settle(future: Future[Any], value: Any = None, error: BaseException | None = None) -> None:
    """Answers a future; one that was cancelled or answered meanwhile stays as it is."""
    try:
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)
    except InvalidStateError:
        pass


class Peer:
    """Methods with a leading underscore run on the inner thread, the others on any."""

    role = "client"

    def __init__(self, endpoint: str, name: str, keys: Keys | None):
        self.endpoint, self.name = endpoint, name
        self.heartbeat = 2.0
        self.ready = threading.Event()  # the first welcome, or a refusal, has come
        self.refusal: HirehallError | None = None
        self._link = Link(endpoint, keys)
        self._posted: deque[Callable[[], None]] = deque()
        self._numbers = itertools.count(1)
        self._requests: dict[int, Request] = {}
        self._delayed: list[tuple[float, Request]] = []
        self._phase = Phase.CLOSED
        self._hello_number = 0
        self._reopen_at = self._greeting_until = self._heartbeat_at = self._heard_at = 0.0
        self._outage_since: float | None = time.monotonic()
        self._failed_openings = 0
        self._closing = self._ended = False
        self._process = os.getpid()
        self._end_at = float("inf")
        self._thread = threading.Thread(target=self._run, name=f"hirehall-{self.role}", daemon=True)

    # Any thread

    def start(self, patience: float) -> None:
        """Connects; raises when the broker refuses, or does not answer within `patience` seconds (0: does not wait)."""
        try:
            self._link.open()  # a bad endpoint is told to the caller
        except HirehallError:
            self._link.close()
            raise
        self._link.hang_up()
        self._thread.start()
        if patience > 0:
            self.ready.wait(patience)
            if not self.ready.is_set() or self.refusal:
                problem = self.refusal or self.no_answer("connect")
                self.end(0)
                raise problem

    def post(self, act: Callable[[], None]) -> None:
        self._check_process()
        self._posted.append(act)
        self._link.ring()
        if self._ended:
            self._act()

    def request(self, kind: Kind, body: Any) -> Future[Any]:
        request = Request(kind, wire.pack(body))
        if len(request.body) > wire.FRAME_BYTES_MAX - 16:
            raise errors.TooLarge(f"a request of {len(request.body)} bytes; a frame has at most {wire.FRAME_BYTES_MAX}")
        self.check_open()
        request.future.add_done_callback(lambda future: self._forget_if_cancelled(request))
        self.post(lambda: self._ask(request))
        return request.future

    def call(self, kind: Kind, body: Any, timeout: float) -> Any:
        return self.result(self.request(kind, body), timeout, kind.name.lower())

    def result(self, future: Future[T], timeout: float | None, what: str) -> T:
        try:
            return future.result(timeout)
        except HirehallError:
            raise
        except TimeoutError:
            future.cancel()
            raise self.no_answer(what) from None

    def no_answer(self, what: str) -> HirehallError:
        if self._phase == Phase.READY:
            return TimedOut(f"the broker at {self.endpoint} did not answer {what} in time")
        if self._link.keys_refused:
            return Unreachable(f"{self.endpoint} answers, but not to these keys: key_file must be in the broker's principals, and "
                               "server_key_file be its public key (docs/security.md)")  # fmt: skip
        return Unreachable(f"no broker answers at {self.endpoint}: is hirehall-broker running with --listen {self.endpoint}? Another "
                           "place is named by Client(broker=…) or HIREHALL_BROKER")  # fmt: skip

    def _check_process(self) -> None:
        if self._process != os.getpid():
            raise Internal("this client was made before a fork: connections do not survive it, make a client in the child")

    def check_open(self) -> None:
        self._check_process()
        if self.refusal:
            raise self.refusal
        if self._closing:
            raise Unreachable("this client is closed")

    def end(self, patience: float) -> None:
        """Ends the thread, after `patience` seconds even when something is unanswered. Safe to repeat."""
        if self._process != os.getpid() or not self._thread.ident:
            return
        self.post(lambda: self._begin_end(patience))
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # For the heirs

    def _hello(self) -> dict[str, Any]:
        """What goes into hello beside role, name and versions."""
        return {}

    def _welcomed(self, body: dict[str, Any]) -> None:
        """After a welcome: leads to _enter(), now or when more is settled."""
        self._enter()

    def _push(self, kind: int, body: Any, size: int) -> None:
        """A message that answers no request."""

    def _failed(self, number: int, error: HirehallError) -> bool:
        """True: the error was about something of the heir's."""
        return False

    def _failed_in_greeting(self, number: int, error: HirehallError) -> None:
        """For heirs whose greeting has more steps than hello."""

    def _answered(self, number: int, body: Any) -> None:
        """An `ok` to a request of the heir's own."""

    def _work(self, now: float) -> float:
        """What is due; the time of the next thing due."""
        return now + 3600

    def _beat(self) -> None:
        """The heartbeat of the role."""
        self._send(Kind.HEARTBEAT, wire.pack({}))

    def _hello_failed(self, error: HirehallError) -> bool:
        """True: say hello again at once."""
        return False

    def _idle(self) -> bool:
        """Nothing is left that close() waits for."""
        return True

    def _gone(self, error: HirehallError) -> None:
        """The peer ends with this: what is open fails with it."""

    # The thread

    def _run(self) -> None:
        try:
            self._loop()
            self._perish(Unreachable("this client was closed before the broker answered: whether it took effect is unknown"))
        except Exception as error:  # a fault of ours may not leave callers waiting for ever
            log.exception("the connection's thread ended by a fault")
            self._perish(Internal(f"the connection's thread ended by a fault: {error!r}"))
        finally:
            self._closing = self._ended = True
            self._link.close()
            self._act()

    def _loop(self) -> None:
        while True:
            self._act()
            now = time.monotonic()
            if self._closing and (now >= self._end_at or self._idle() or self._phase == Phase.REFUSED):
                return
            due = min(self._tick(now), self._work(now) if self._phase == Phase.READY else now + 3600, self._end_at)
            self._link.wait(0 if self._posted else min(due - time.monotonic(), 60))
            for frame in self._link.receive():
                self._received(frame)
            if self._link.lost and self._phase in (Phase.GREETING, Phase.READY):
                self._close(time.monotonic())

    def _act(self) -> None:
        while True:
            try:
                act = self._posted.popleft()
            except IndexError:
                return
            act()

    def _begin_end(self, patience: float) -> None:
        self._closing = True
        self._end_at = min(self._end_at, time.monotonic() + patience)

    def _perish(self, error: HirehallError) -> None:
        self.refusal = self.refusal or (error if isinstance(error, Internal) else None)
        self._closing = True
        self._gone(error)
        self._act()  # posted after the last look: each finds its answer
        for request in [*self._requests.values(), *(request for _, request in self._delayed)]:
            settle(request.future, error=error)
        self._requests.clear()
        self.ready.set()

    def _tick(self, now: float) -> float:
        """Connection and liveness; the time of the next look."""
        if self._phase == Phase.CLOSED:
            if now < self._reopen_at:
                return self._reopen_at
            self._link.open()
            self._say_hello(now)
        if self._phase == Phase.GREETING:
            if now < self._greeting_until:
                return self._greeting_until
            self._close(now)
            return self._reopen_at
        if self._phase == Phase.REFUSED:
            return now + 3600
        return self._tick_ready(now)

    def _tick_ready(self, now: float) -> float:
        if now - self._heard_at > SILENT_INTERVALS_MAX * self.heartbeat:
            log.warning("%s: nothing heard of the broker for %.1f s, connecting anew", self.endpoint, now - self._heard_at)
            self._close(now)
            return self._reopen_at
        if now >= self._heartbeat_at:
            self._heartbeat_at = now + self.heartbeat
            self._beat()
        due = [request for at, request in self._delayed if at <= now]
        self._delayed = [entry for entry in self._delayed if entry[0] > now]
        for request in due:
            self._ask(request)
        return min([self._heartbeat_at, *(at for at, _ in self._delayed)])

    def _say_hello(self, now: float) -> None:
        self._phase = Phase.GREETING
        eager = self._outage_since is None or now - self._outage_since < EAGER_SECONDS
        self._greeting_until = now + (1.0 if eager else 5.0)
        body = {"min_version": wire.VERSION, "max_version": wire.VERSION, "role": self.role, "name": self.name,
                "software": "hirehall-python 0.1.0", **self._hello()}  # fmt: skip
        self._hello_number = self._send(Kind.HELLO, wire.pack(body))

    def _close(self, now: float) -> None:
        """Hangs up. Quick retries first, then full jitter, so that a thousand peers spread out."""
        self._link.hang_up()
        self._phase = Phase.CLOSED
        if self._outage_since is None:
            self._outage_since = now
            log.warning("%s: %s; trying on", self.endpoint, "the connection is lost" if self.ready.is_set() else "no broker answers")
        if now - self._outage_since < EAGER_SECONDS:
            self._failed_openings, pause = 0, random.uniform(0.2, 0.4)
        else:
            self._failed_openings = min(self._failed_openings + 1, 6)
            pause = random.uniform(0, min(REOPEN_SECONDS_MAX, 0.4 * 2**self._failed_openings))
        self._reopen_at = now + pause

    def _enter(self) -> None:
        """The session stands: everything unanswered is sent (again), oldest first."""
        now = time.monotonic()
        self._phase, self._outage_since, self._failed_openings = Phase.READY, None, 0
        self._heard_at, self._heartbeat_at = now, now + self.heartbeat
        for request in sorted(self._requests.values(), key=lambda request: request.number):
            if not request.future.cancelled():
                self._link.send(wire.header(request.kind, request.number) + request.body)
        self.ready.set()

    def _send(self, kind: Kind, body: bytes) -> int:
        number = next(self._numbers)
        self._link.send(wire.header(kind, number) + body)
        return number

    def _ask(self, request: Request) -> None:
        if self._ended or self.refusal:
            return settle(request.future, error=self.refusal or Unreachable("this client is closed"))
        if request.future.cancelled():
            return None
        request.number = next(self._numbers)
        self._requests[request.number] = request
        if self._phase == Phase.READY:
            self._link.send(wire.header(request.kind, request.number) + request.body)
        return None

    def _forget_if_cancelled(self, request: Request) -> None:
        if request.future.cancelled() and not self._ended:
            self.post(lambda: self._forget(request))

    def _forget(self, request: Request) -> None:
        self._requests.pop(request.number, None)

    def _received(self, frame: bytes) -> None:
        try:
            kind, number, body = wire.read(frame)
        except wire.Malformed as error:
            log.warning("%s: ignored %s", self.endpoint, error)
            return
        self._heard_at = time.monotonic()
        if kind == Kind.WELCOME:
            if self._phase == Phase.GREETING and number == self._hello_number:
                self.heartbeat = max(0.01, body.get("heartbeat_ms", 2000) / 1000)
                self._welcomed(body)
        elif kind == Kind.ERROR:
            self._on_error(number, errors.of_body(body))
        elif kind == Kind.OK:
            request = self._requests.pop(number, None)
            if request:
                settle(request.future, body)
            else:
                self._answered(number, body)
        elif self._phase == Phase.READY:
            self._push(kind, body, len(frame))

    def _on_error(self, number: int, error: HirehallError) -> None:
        if self._phase == Phase.GREETING:
            # What is not about this hello concerns things sent before it; they are sent again after the welcome.
            if number == self._hello_number:
                self._on_hello_error(error)
            else:
                self._failed_in_greeting(number, error)
        elif isinstance(error, errors.UnknownSession):
            self._say_hello(time.monotonic())
        elif request := self._requests.pop(number, None):
            if isinstance(error, (errors.Busy, errors.Unavailable)):
                self._delayed.append((time.monotonic() + (error.retry_after or PAUSE_SECONDS) * random.uniform(1, 1.5), request))
            else:
                settle(request.future, error=error)
        elif not self._failed(number, error) and number == 0:
            log.error("%s: the broker says %s", self.endpoint, error)

    def _on_hello_error(self, error: HirehallError) -> None:
        now = time.monotonic()
        if self._hello_failed(error):
            self._say_hello(now)
        elif error.action == "retry":
            self._close(now)
            self._reopen_at = max(self._reopen_at, now + error.retry_after)
        else:
            self._refuse(error)

    def _refuse(self, error: HirehallError) -> None:
        """The broker will not have us: every call says why."""
        self._phase, self.refusal = Phase.REFUSED, error
        self._perish(error)
