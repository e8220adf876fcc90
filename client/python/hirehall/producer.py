"""Submits: numbered batches, sent once or many times, recorded once (docs/protocol.md, section 4).

A batch leaves when it is full or when nothing is in flight: a lone task waits for nobody, and load makes batches by itself."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgpack

from . import errors, ids, wire
from .errors import HirehallError
from .peer import settle
from .wire import Kind

_BATCH_ROOM = wire.BATCH_BYTES_MAX - 1024  # beside the items: batch numbers, array lengths
_TEMPLATE_OVERHEAD = 8
_HOLD_SECONDS = 0.05
_ROUNDS_BEFORE_HELLO = 4
_NO_OVERRIDES = b"\x00\xc0\xc0\xc0"  # priority, tenant, queue, type as in the template

Answer = str | HirehallError


class Receipt:
    """Collects the answers of one call."""

    __slots__ = ("future", "answers", "open")

    def __init__(self, count: int):
        self.future: Future[list[Answer]] = Future()
        self.answers: list[Answer] = [""] * count
        self.open = count

    def settle(self, index: int, answer: Answer) -> None:
        self.answers[index] = answer
        self.open -= 1
        if not self.open:
            settle(self.future, self.answers)


class Item(NamedTuple):
    template: bytes
    payload: bytes
    own: bytes
    receipt: Receipt
    place: int

    @property
    def size(self) -> int:
        return len(self.payload) + len(self.own) + 24

    def packed(self, template: int) -> bytes:
        start = b"\x97" if self.own else b"\x92"
        return start + wire.pack(template) + wire.pack(self.payload) + (_NO_OVERRIDES + self.own if self.own else b"")


@dataclass(frozen=True)
class Whole:
    """Items of which all or none are recorded."""

    items: Sequence[Item]

    @property
    def size(self) -> int:
        return sum(item.size for item in self.items)


@dataclass(eq=False)
class Batch:
    items: Sequence[Item]
    content: bytes  # templates, items, atomic
    number: int = 0
    request: int = 0  # of the latest transmission: errors about earlier ones are about the past
    answered: bool = False
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = len(self.content)

    def settle(self, answers: Sequence[Answer]) -> None:
        for item, answer in zip(self.items, answers, strict=True):
            item.receipt.settle(item.place, answer)
        self.answered, self.items, self.content = True, (), b""


def seal(items: Sequence[Item], atomic: bool = False) -> Batch:
    packer = msgpack.Packer(autoreset=False)
    templates: dict[bytes, int] = {}
    packed = [item.packed(templates.setdefault(item.template, len(templates))) for item in items]
    packer.pack_array_header(len(templates))
    head = packer.bytes()
    packer.reset()
    packer.pack_array_header(len(items))
    parts = [head, *templates, packer.bytes(), *packed, b"\xc3" if atomic else b"\xc2"]
    return Batch(items, b"".join(parts))


class Producer:
    """put() is for any thread, all else for the connection's."""

    def __init__(self, transmit: Callable[[bytes], int], ring: Callable[[], None], batch_items: int, batch_bytes: int, buffer_bytes: int):
        self._transmit_body, self._ring = transmit, ring
        self._items_max = max(1, min(batch_items, wire.BATCH_ITEMS_MAX))
        self._bytes_max = max(1, min(batch_bytes, _BATCH_ROOM))
        self._buffer_bytes = buffer_bytes
        self._room = threading.Condition()
        self._waiting: deque[Item | Whole] = deque()
        self._waiting_bytes = 0
        self._sent: deque[Batch] = deque()  # every batch above `acked`, by rising number
        self._by_request: dict[int, Batch] = {}
        self._unanswered = 0
        self._next = 1
        self._credit = wire.BATCHES_IN_FLIGHT_MAX
        self._credit_bytes = 1 << 62
        self._held_until: float | None = None
        self._unanswered_bytes = 0
        self._rounds = 0
        self._end: HirehallError | None = None

    # Any thread

    def put(self, parcels: Sequence[Item | Whole]) -> None:
        """Blocks while the buffer is full, so that a caller cannot outrun the broker without limit."""
        for parcel in parcels:
            with self._room:
                if self._waiting_bytes > self._buffer_bytes:
                    self._ring()
                    self._room.wait_for(lambda: self._waiting_bytes <= self._buffer_bytes or self._end)
                if self._end:
                    raise self._end
                self._waiting.append(parcel)
                self._waiting_bytes += parcel.size
        # While something is in flight its answer makes the connection's thread look for what is next.
        if not self._unanswered or self._is_full():
            self._ring()

    @property
    def full(self) -> bool:
        return self._waiting_bytes > self._buffer_bytes

    # The connection's thread

    @property
    def idle(self) -> bool:
        return not self._waiting and not self._unanswered

    def welcomed(self, body: dict[str, Any]) -> None:
        self._credit = max(1, min(int(body.get("credit_batches") or wire.BATCHES_IN_FLIGHT_MAX), wire.BATCHES_IN_FLIGHT_MAX))
        self._credit_bytes = int(body.get("credit_bytes") or 1 << 62)
        if body.get("resumed"):
            self._renumber(int(body["next_batch"]))
        else:
            self._give_up(errors.SessionExpired("the broker no longer knows this session: whether these tasks were recorded is unknown; submit "
                                                "them again with idempotency keys to be safe"))  # fmt: skip
            self._next = int(body.get("next_batch", 1))
        self._held_until = None

    def resend(self) -> None:
        for batch in self._sent:
            if not batch.answered:
                self._transmit(batch)

    def pump(self, now: float) -> float:
        """Sends what may leave; the time of the next look."""
        if self._held_until is not None:
            if now < self._held_until:
                return self._held_until
            self._held_until = None
            self.resend()
        while self._window_open() and (batch := self._take()):
            batch.number, self._next = self._next, self._next + 1
            self._sent.append(batch)
            self._unanswered += 1
            self._unanswered_bytes += batch.size
            self._transmit(batch)
        return now + 3600

    def submitted(self, body: Sequence[Sequence[Any]]) -> None:
        for _request, number, answers, *_ in body:
            batch = self._at(number)
            if batch and not batch.answered and len(answers) == len(batch.items):
                self._by_request.pop(batch.request, None)
                self._settle(batch, [_answer(entry) for entry in answers])
        self._settle_front()

    def failed(self, request: int, error: HirehallError) -> bool:
        """An error that is about a whole batch; True when it was one."""
        batch = self._by_request.pop(request, None)
        if batch is None:
            return False
        if isinstance(error, (errors.OutOfOrder, errors.Busy, errors.Unavailable)):
            self._hold(batch, error)
        else:
            self._drop(batch, error)
        return True

    def end(self, error: HirehallError) -> None:
        self._give_up(error)
        with self._room:
            self._end = error
            waiting, self._waiting, self._waiting_bytes = self._waiting, deque(), 0
            self._room.notify_all()
        for parcel in waiting:
            for item in [parcel] if isinstance(parcel, Item) else parcel.items:
                item.receipt.settle(item.place, error)

    @property
    def stuck(self) -> bool:
        """Resending does not help: a new hello tells which number the broker expects."""
        if self._rounds <= _ROUNDS_BEFORE_HELLO:
            return False
        self._rounds = 0
        return True

    def _window_open(self) -> bool:
        if not self._unanswered:
            return len(self._sent) < wire.BATCHES_IN_FLIGHT_MAX
        return (self._unanswered < self._credit and len(self._sent) < wire.BATCHES_IN_FLIGHT_MAX
                and self._unanswered_bytes < self._credit_bytes)  # fmt: skip

    def _take(self) -> Batch | None:
        with self._room:
            if not self._waiting or self._unanswered and not self._is_full():
                return None
            if isinstance(self._waiting[0], Whole):
                whole = self._waiting.popleft()
                self._waiting_bytes -= whole.size
                self._room.notify_all()
                return seal(whole.items, atomic=True)
            items: list[Item] = []
            templates: set[bytes] = set()
            size = 0
            while self._waiting and len(items) < self._items_max:
                item = self._waiting[0]
                if isinstance(item, Whole):
                    break
                more = item.size + (0 if item.template in templates else len(item.template) + _TEMPLATE_OVERHEAD)
                if items and size + more > self._bytes_max:
                    break
                items.append(item)
                templates.add(item.template)
                size += more
                self._waiting.popleft()
                self._waiting_bytes -= item.size
            self._room.notify_all()
        return seal(items)

    def _is_full(self) -> bool:
        return len(self._waiting) >= self._items_max or self._waiting_bytes >= self._bytes_max

    def _transmit(self, batch: Batch) -> None:
        self._by_request.pop(batch.request, None)
        acked = self._sent[0].number - 1
        batch.request = self._transmit_body(b"\x95" + wire.pack(batch.number) + wire.pack(acked) + batch.content)
        self._by_request[batch.request] = batch

    def _at(self, number: int) -> Batch | None:
        index = number - self._sent[0].number if self._sent else -1
        return self._sent[index] if 0 <= index < len(self._sent) else None

    def _settle_front(self) -> None:
        while self._sent and self._sent[0].answered:
            self._sent.popleft()
            self._rounds = 0

    def _settle(self, batch: Batch, answers: Sequence[Answer]) -> None:
        self._unanswered -= 1
        self._unanswered_bytes -= batch.size
        batch.settle(answers)

    def _hold(self, batch: Batch, error: HirehallError) -> None:
        """Later, all that is unanswered again; answers of those behind this one to the former transmission are about the past."""
        pause = error.retry_after or (0.0 if isinstance(error, errors.OutOfOrder) else _HOLD_SECONDS)
        self._held_until = time.monotonic() + pause
        self._rounds += 1
        for later in self._behind(batch):
            self._by_request.pop(later.request, None)

    def _drop(self, batch: Batch, error: HirehallError) -> None:
        """Nothing of it was recorded and its number is free: those behind it move up by one."""
        behind = self._behind(batch)
        self._sent.remove(batch)
        self._settle(batch, [error] * len(batch.items))
        self._next -= 1
        for later in behind:
            later.number -= 1
        self._settle_front()
        for later in behind:
            self._by_request.pop(later.request, None)
            if self._held_until is None and not later.answered:
                self._transmit(later)

    def _behind(self, batch: Batch) -> list[Batch]:
        return [other for other in self._sent if other.number > batch.number]

    def _renumber(self, first: int) -> None:
        """A resumed producer goes on where the broker says. That is behind us only when it never recorded what is
        unanswered (a restored store): those batches get the numbers it expects."""
        if not self._sent:
            self._next = first
        elif first >= self._sent[0].number:
            self._next = max(self._next, first)
        else:
            self._sent = deque(batch for batch in self._sent if not batch.answered)
            for number, batch in enumerate(self._sent, first):
                batch.number = number
            self._next = first + len(self._sent)

    def _give_up(self, error: HirehallError) -> None:
        for batch in self._sent:
            if not batch.answered:
                batch.settle([error] * len(batch.items))
        self._sent.clear()
        self._by_request.clear()
        self._unanswered, self._unanswered_bytes, self._held_until = 0, 0, None


def _answer(entry: bytes | list[Any]) -> Answer:
    if isinstance(entry, bytes):
        return ids.text(entry)
    code, message, first = (entry + [None] * 2)[:3]
    error = errors.of_number(code, message or "")
    if isinstance(error, (errors.Conflict, errors.NotUnique, errors.AlreadyStarted)) and first:
        error.task_id = ids.text(first)
    return error
