"""Live bids: what an agent is told of a task that is auctioned, and the threads in which agents are asked."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

log = logging.getLogger("hirehall")

_WAITING_MAX = 64  # calls to one agent


@dataclass(frozen=True)
class Call:
    """A task that is put up for bids. `left_ms`: how long an answer may take; `deadline` of the task in milliseconds since 1970, 0: none."""

    round: int
    agent: str
    type: str
    queue: str
    tenant: str
    content_type: str
    payload_bytes: int
    priority: int
    left_ms: int
    deadline: int = 0
    effort_ms: int = 0
    features: Mapping[str, Any] = field(default_factory=dict, hash=False)  # numbers and texts that its submitter says of it


Bid = Callable[[Call], "float | None"]
Answer = Callable[[list[Any]], None]


def calls_of(body: Mapping[str, Any]) -> list[Call]:
    told = {name: body[name] for name in ("round", "type", "queue", "tenant", "content_type", "payload_bytes", "priority", "left_ms")}
    return [Call(agent=agent, deadline=body.get("deadline", 0), effort_ms=body.get("effort_ms", 0), features=body.get("features", {}), **told) for agent in body["agents"]]


class Bidders:
    """One thread for each agent that bids: whoever hangs in its bid holds up nothing but its own bids."""

    def __init__(self, bids: Mapping[str, Bid], answer: Answer):
        self._answer, self._bids, self._ended = answer, dict(bids), threading.Event()
        self._waiting: dict[str, queue.Queue[tuple[Call, float] | None]] = {name: queue.Queue(_WAITING_MAX) for name in bids}
        self._started: set[str] = set()

    def call(self, calls: Sequence[Call]) -> None:
        for call in calls:
            waiting = self._waiting.get(call.agent)
            if waiting is None:
                continue
            if call.agent not in self._started:
                self._started.add(call.agent)
                threading.Thread(target=self._serve, args=(self._bids[call.agent], waiting), name=f"hirehall-bid-{call.agent}", daemon=True).start()
            if not waiting.full():
                waiting.put_nowait((call, time.monotonic() + call.left_ms / 1000))

    def end(self) -> None:
        self._ended.set()
        for waiting in self._waiting.values():
            if not waiting.full():  # else its thread sees the event after the call that it is in
                waiting.put_nowait(None)

    def _serve(self, bid: Bid, waiting: queue.Queue[tuple[Call, float] | None]) -> None:
        while (item := waiting.get()) is not None and not self._ended.is_set():
            call, until = item
            if time.monotonic() >= until:
                continue
            try:
                price = bid(call)
                price = None if price is None else float(price)
            except BaseException as error:  # the agent's mistake costs it this round
                log.warning("agent %s: its bid raised %r: it declines", call.agent, error)
                price = None
            if time.monotonic() < until:
                self._answer([call.round, call.agent, price])
