"""Reports of ended attempts: numbered, sent once or many times, recorded once (docs/protocol.md, section 7)."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from . import errors, wire
from .errors import HirehallError
from .wire import Outcome

log = logging.getLogger("hirehall")

_BYTES_MAX = wire.BATCH_BYTES_MAX
_ITEMS_MAX = 1024
_EXTRAS_BYTES = 4096 + 256  # an error text is cut to 4 KiB

Item = list[Any]  # [token, outcome, result, extras]


@dataclass(eq=False)
class Finish:
    items: list[Item]
    number: int
    request: int = 0
    answered: bool = False
    replaced: bool = False


class Finishes:
    """For the connection's thread."""

    def __init__(self, transmit: Callable[[bytes], int], credit: Callable[[], int]):
        self._transmit_body, self._credit = transmit, credit
        self._waiting: deque[Item] = deque()
        self._sent: deque[Finish] = deque()
        self._next = 1

    @property
    def idle(self) -> bool:
        return not self._waiting and not self._sent

    def add(self, item: Item) -> None:
        self._waiting.append(item)

    def forget(self, token: int) -> None:
        """The lease is over before the report was sent."""
        self._waiting = deque(item for item in self._waiting if item[0] != token)

    def tokens(self) -> Iterator[int]:
        """Of what was sent and not answered: held again after a reconnect."""
        return (item[0] for finish in self._sent if not finish.answered for item in finish.items)

    def registered(self, resumed: bool, next_finish: int) -> None:
        self._sent = deque(finish for finish in self._sent if not finish.answered)
        if not resumed or self._sent and next_finish < self._sent[0].number:
            for number, finish in enumerate(self._sent, next_finish):
                finish.number = number
            self._next = next_finish + len(self._sent)
        for finish in self._sent:
            self._transmit(finish)

    def pump(self) -> list[int]:
        """Sends what may leave; the tokens that are held no more."""
        tokens: list[int] = []
        while self._waiting and len(self._sent) < wire.FINISHES_IN_FLIGHT_MAX:
            items, size = [self._waiting.popleft()], 0
            size = len(items[0][2]) + _EXTRAS_BYTES
            while self._waiting and len(items) < _ITEMS_MAX and size + len(self._waiting[0][2]) + _EXTRAS_BYTES <= _BYTES_MAX:
                items.append(self._waiting.popleft())
                size += len(items[-1][2]) + _EXTRAS_BYTES
            finish = Finish(items, self._next)
            self._next += 1
            self._sent.append(finish)
            self._transmit(finish)
            tokens += [item[0] for item in items]
        return tokens

    def answered(self, request: int, refused: list[list[int]]) -> list[Item] | None:
        """None: not about a finish. Else what has to be finished otherwise: its lease is as it was."""
        finish = self._of(request)
        if finish is None:
            return None
        again: list[Item] = []
        for index, code, *_ in refused:
            token, error = finish.items[index][0], errors.of_number(code)
            log.warning("lease %d: the report of the attempt was not recorded: %s", token, error)
            if not isinstance(error, errors.Stale):
                again.append(_failed(token, error))
        finish.answered, finish.items = True, []
        while self._sent and self._sent[0].answered:
            self._sent.popleft()
        return again

    def failed(self, request: int, error: HirehallError) -> bool:
        """A finish that was refused whole, which has not used up its number. Raises when there is no way on."""
        finish = self._of(request)
        if finish is None:
            return False
        if error.action != "retry":
            if finish.replaced:
                raise error
            log.error("a report of %d attempts was refused, they are reported as failed: %s", len(finish.items), error)
            finish.items, finish.replaced = [_failed(item[0], error) for item in finish.items], True
        for later in self._sent:
            if not later.answered:
                self._transmit(later)
        return True

    def _of(self, request: int) -> Finish | None:
        return next((finish for finish in self._sent if finish.request == request and not finish.answered), None)

    def _transmit(self, finish: Finish) -> None:
        acked = self._sent[0].number - 1
        finish.request = self._transmit_body(wire.pack([self._credit(), finish.items, finish.number, acked]))


def _failed(token: int, error: HirehallError) -> Item:
    return [token, int(Outcome.FAILED_FOR_GOOD), b"", {"error_code": error.code, "error": error.message}]
