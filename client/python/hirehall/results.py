"""Results as they come: a subscription that goes on by itself after lost connections."""

from __future__ import annotations

import queue
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import ids, payload
from .errors import HirehallError, TimedOut
from .task import STATES, Failure, failure

if TYPE_CHECKING:
    from .session import Session

_REMEMBERED_IDS = 65_536  # at least once on the wire, once for the caller, as far back as this
_WINDOW_MIN, _WINDOW_MAX = 4096, 64 << 20  # what the broker makes of other windows
Position = tuple[int, int]


@dataclass(frozen=True)
class Result:
    id: str
    state: str
    result: bytes | None
    result_type: str
    error: Failure | None

    @property
    def succeeded(self) -> bool:
        return self.state == "succeeded"

    @property
    def value(self) -> Any:
        return payload.decode(self.result, self.result_type)


class Results(Iterator[Result]):
    """`for result in client.results():` never ends by itself; next(timeout) waits so long. For one thread.

    position   after the last message whose results have all been taken: keep it to go on later
    gaps       how often results were lost to the stream (older than the retention): read those tasks with get()
    """

    def __init__(self, session: Session, options: dict[str, Any], position: Position | None):
        self._session, self.options = session, options
        self.position = self.received = position
        self.window = min(max(int(options.get("window_bytes", 4 << 20)), _WINDOW_MIN), _WINDOW_MAX)
        self.number: int | None = None  # of the connection that stands now
        self.asking: Future[Any] | None = None
        self.gaps = 0
        self._pushes: queue.SimpleQueue[tuple[Position, list[Any], bool, int] | HirehallError | None] = queue.SimpleQueue()
        self._items: Iterator[Any] = iter(())
        self._current: tuple[Position, int] | None = None
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._unseen_bytes = 0
        self._open = True

    def __iter__(self) -> Results:
        return self

    def __next__(self) -> Result:
        return self.next(None)

    def next(self, timeout: float | None = None) -> Result:
        """The next result; TimedOut when none came within `timeout` seconds, StopIteration once closed."""
        while True:
            for id, state, *rest in self._items:
                result, kind, error = (rest + [None] * 3)[:3]
                if self._is_new(id):
                    return Result(ids.text(id), STATES.get(state, str(state)), result, kind or "", failure(error))
            self._finish_push()
            self._take_push(timeout)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._session.unsubscribe(self)
            self._pushes.put(None)

    def __enter__(self) -> Results:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _is_new(self, id: bytes) -> bool:
        if id in self._known:
            return False
        self._known[id] = None
        if len(self._known) > _REMEMBERED_IDS:
            self._known.popitem(last=False)
        return True

    def _take_push(self, timeout: float | None) -> None:
        try:
            push = self._pushes.get(timeout=timeout) if self._open or not self._pushes.empty() else None
        except queue.Empty:
            raise TimedOut("no result came in time") from None
        if push is None:
            raise StopIteration
        if isinstance(push, HirehallError):
            self._pushes.put(push)  # the next call hears of it too
            raise push
        position, items, gap, size = push
        self.gaps += gap
        self._items, self._current = iter(items), (position, size)

    def _finish_push(self) -> None:
        if self._current is None:
            return
        self.position, size = self._current
        self._current = None
        self._unseen_bytes += size
        if self._unseen_bytes * 4 >= self.window or self._pushes.empty():
            self._unseen_bytes = 0
            self._session.seen(self, self.position)

    # The connection's thread

    def subscribed(self, body: dict[str, Any]) -> None:
        self.number = int(body["subscription"])
        commit, index = body["position"]
        position = (commit, index)
        if body.get("gap"):
            self.gaps += 1
        if self.received is None or body.get("gap"):
            self.received = position
            if self.position is None:
                self.position = position

    def pushed(self, position: Position, items: list[Any], gap: bool, size: int) -> None:
        if self.received is None or position > self.received or gap:
            self.received = position
            self._pushes.put((position, items, gap, size))

    def failed(self, error: HirehallError) -> None:
        self._pushes.put(error)


