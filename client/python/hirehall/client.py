"""Client: submit tasks, wait for them, look at them, steer them. One client serves any number of threads."""

from __future__ import annotations

import concurrent.futures
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Unpack

from . import errors, ids, keys, payload, task
from .batches import Batches
from .breakers import Breakers
from .errors import HirehallError
from .limits import Limits
from .options import TaskOptions, split, whole_template
from .peer import settle
from .producer import Answer, Item, Receipt, Whole
from .results import Position, Results
from .schedules import Schedules
from .session import Session
from .steering import Steering
from .task import Task
from .usage import Usage
from .wire import BATCH_BYTES_MAX, BATCH_ITEMS_MAX, Kind


def default_endpoint() -> str:
    """$HIREHALL_BROKER, or the broker of this user or machine, as for the command line."""
    if given := os.environ.get("HIREHALL_BROKER"):
        return given
    places = [os.environ["XDG_RUNTIME_DIR"] + "/hirehall/broker.ipc"] if os.environ.get("XDG_RUNTIME_DIR") else []
    for path in [*places, "/run/hirehall/broker.ipc"]:
        if os.path.exists(path):
            return "ipc://" + path
    return "tcp://127.0.0.1:7420"


@dataclass(frozen=True)
class Post:
    """One payload of submit_many() with options of its own."""

    payload: Any
    options: TaskOptions = field(default_factory=lambda: TaskOptions())


class Refused(HirehallError):
    """submit_many() met refusals. `answers` has an id or an error per payload, in order: what has an id is recorded."""

    code = "refused"

    def __init__(self, answers: Sequence[Answer]):
        bad = [answer for answer in answers if isinstance(answer, HirehallError)]
        super().__init__(f"{len(bad)} of {len(answers)} tasks were refused, the first with {bad[0]}", action=bad[0].action)
        self.answers = answers


class Client(Steering, Schedules, Limits, Breakers, Usage, Batches):
    """
    broker            endpoint; default: $HIREHALL_BROKER, then the broker of this user or machine
    reason            of what it does, for the audit log, where a call has none of its own
    key_file          this program's secret CURVE key, server_key_file the broker's public one; for tcp:// with keys
    connect_timeout   seconds to wait for the broker at first; 0: go on without waiting
    request_timeout   seconds a call may wait for its answer
    batch_items, batch_bytes   at which a batch is full; buffer_bytes  what may wait to be sent before submits block
    """

    def __init__(
        self, broker: str | None = None, *, name: str = "python", reason: str = "", key_file: keys.Path | None = None,
        server_key_file: keys.Path | None = None, connect_timeout: float = 5.0, request_timeout: float = 30.0,
        batch_items: int = 1024, batch_bytes: int = 512 << 10, buffer_bytes: int = 16 << 20,
    ):  # fmt: skip
        self._request_timeout = request_timeout
        self._session = Session(broker or default_endpoint(), name, keys.load(key_file, server_key_file), batch_items, batch_bytes, buffer_bytes,
                                reason)  # fmt: skip
        self._session.start(connect_timeout)

    # Submitting

    def submit(self, type: str, data: Any = None, **options: Unpack[TaskOptions]) -> str:
        """The id of one task, recorded on disk once this returns. `data`: bytes as they are, anything else as JSON."""
        return self._session.result(self.submit_async(type, data, **options), self._request_timeout, "submit")

    def submit_async(self, type: str, data: Any = None, **options: Unpack[TaskOptions]) -> Future[str]:
        """As submit(), without waiting: the future has the id, or the refusal as its exception."""
        receipt = Receipt(1)
        single: Future[str] = Future()
        receipt.future.add_done_callback(lambda done: _pass_on(done.result()[0], single))
        self._session.put([_item(type, data, options, receipt, 0)])
        return single

    def submit_many(self, type: str, posts: Iterable[Any], *, atomic: bool = False, timeout: float | None = None,
                    **options: Unpack[TaskOptions]) -> list[str]:  # fmt: skip
        """The ids of many tasks that share options, in order. A post is a payload, or a Post with options of its own. Refused
        if any is refused; `atomic`: then none is recorded, and at most 4,096 tasks and 1 MiB may be given."""
        answers = self._session.result(self.submit_many_async(type, posts, atomic=atomic, **options), timeout, "submit_many")
        if any(isinstance(answer, HirehallError) for answer in answers):
            raise Refused(answers)
        return [str(answer) for answer in answers]

    def submit_many_async(self, type: str, posts: Iterable[Any], *, atomic: bool = False,
                          **options: Unpack[TaskOptions]) -> Future[list[Answer]]:  # fmt: skip
        """The future has an id or an error per task, in order."""
        posts = list(posts)
        receipt = Receipt(len(posts))
        if not posts:
            receipt.future.set_result([])
            return receipt.future
        templates: dict[str, bytes] = {}
        items = [_item_of_many(type, post, options, receipt, index, templates) for index, post in enumerate(posts)]
        if atomic:
            self._session.put([_whole(items)])
        else:
            self._session.put(items)
        return receipt.future

    # Waiting

    def run(self, type: str, data: Any = None, *, timeout: float | None = None, **options: Unpack[TaskOptions]) -> Any:
        """Submits, waits, and gives the result: the JSON value if it is one, else bytes. TaskFailed, TaskCancelled or
        TaskExpired when the task ended otherwise."""
        return self.wait(self.submit(type, data, **options), timeout).result_or_raise()

    def wait(self, id: str, timeout: float | None = None) -> Task:
        """The task once it has ended, however it ended; TimedOut after `timeout` seconds."""
        return self._session.result(self.wait_async(id, timeout), None if timeout is None else timeout + 1.0, f"wait for {id}")

    def wait_async(self, id: str, timeout: float | None = None) -> Future[Task]:
        return self._session.wait(ids.raw(id), timeout)

    def wait_all(self, tasks: Iterable[str], timeout: float | None = None) -> list[Task]:
        """All of them, in order, once the last has ended."""
        until = None if timeout is None else time.monotonic() + timeout
        futures = [self.wait_async(id, timeout) for id in tasks]
        return [self._session.result(future, None if until is None else max(0.0, until - time.monotonic()) + 1.0, "wait") for future in futures]

    def as_completed(self, tasks: Iterable[str], timeout: float | None = None) -> Iterator[Task]:
        """Each task as it ends."""
        for future in concurrent.futures.as_completed([self.wait_async(id, timeout) for id in tasks]):
            yield future.result()

    def results(self, *, queue: str | None = None, position: Position | None = None, window_bytes: int = 4 << 20) -> Results:
        """Results as they come: of the tasks this client submits, or of a whole queue; from now, or from a position that was kept
        ((0, 0): from the oldest that is retained)."""
        of: dict[str, Any] = {"of": "queue", "queue": queue} if queue else {"of": "session"}
        return self._session.subscribe({**of, "window_bytes": window_bytes}, position, self._request_timeout)

    # Reading and steering; more in Steering

    def get(self, id: str, *, payload: bool = True, result: bool = True, history: bool = True) -> Task:
        """The task as it is now."""
        body = {"id": ids.raw(id), "payload": payload, "result": result, "history": history}
        return task.of_body(self._call(Kind.GET, body))

    def list(self, *, queue: str | None = None, state: str | None = None, type: str | None = None, tenant: str | None = None,
             batch: str | None = None, where: str | None = None, newest_first: bool = False) -> Iterator[Task]:  # fmt: skip
        """Tasks in order of submission (without payload, result, options and history), fetched as the loop asks for them;
        `where` is an expression: "age>1h and label.customer=7"."""
        asked = {"queue": queue, "state": state, "type": type, "tenant": tenant, "batch": batch, "where": where}
        body: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
        return self._walk(Kind.LIST, body | {"newest_first": newest_first, "limit": 1000})

    def logs(self, id: str, *, after: int = 0, wait: float = 0.0) -> Mapping[str, Any]:
        """Log lines of its attempts behind a position: `lines` (position, time, attempt, stream, bytes), `next` to go on from, `missed`
        (some are gone), `ended`, and `progress` when it told some. Waits up to `wait` seconds (60 at most) for a line."""
        body = {"id": ids.raw(id), "after": after, "wait_ms": round(wait * 1000)}
        answer: dict[str, Any] = self._session.call(Kind.LOGS, body, self._request_timeout + wait)
        return answer

    def cancel(self, *tasks: str, reason: str = "", grace: float = 10.0) -> dict[str, HirehallError | None]:
        """Ends queued tasks and tells the workers of running ones, which get `grace` seconds. None per task that was cancelled or
        told, else why not (Terminal, NotFound)."""
        body = {"reason": reason, "grace_ms": round(grace * 1000)}
        return self._by_id(Kind.CANCEL, tasks, body)

    def answer(self, id: str, value: Any, content_type: str | None = None, *, reason: str = "") -> None:
        """Answers a suspended task; its next attempt gets the value. BadAnswer when the question takes another."""
        data, kind = payload.encode(value, content_type)
        self._call(Kind.ANSWER, {"id": ids.raw(id), "value": data, "content_type": kind, "reason": reason})

    def approve(self, id: str, *, reason: str = "") -> None:
        """Approves a task before its award, or its result before it is released."""
        self._call(Kind.ANSWER, {"id": ids.raw(id), "decision": "approve", "reason": reason})

    def reject(self, id: str, *, reason: str = "") -> None:
        """The task ends as cancelled, with the reason."""
        self._call(Kind.ANSWER, {"id": ids.raw(id), "decision": "reject", "reason": reason})

    def edit(self, id: str, value: Any, *, reason: str = "") -> None:
        """Approves it with another payload, or another result."""
        self._call(Kind.ANSWER, {"id": ids.raw(id), "decision": "edit", "value": payload.encode(value)[0], "reason": reason})

    def inbox(self, *, queue: str | None = None, tenant: str | None = None, on: str | None = None) -> Iterator[Mapping[str, Any]]:
        """What waits for somebody: id, queue, type, attempt and question of each."""
        body: dict[str, Any] = {name: value for name, value in (("queue", queue), ("tenant", tenant), ("on", on)) if value is not None}
        while True:
            page = self._call(Kind.INBOX, body | {"limit": 1000})
            for item in page["tasks"]:
                yield {**item, "id": ids.text(item["id"])}
            if not page.get("cursor"):
                return
            body = body | {"cursor": page["cursor"]}

    def explain(self, id: str) -> Mapping[str, Any]:
        """Why the task is where it is: `state`, `reasons`, `awards`."""
        return self._map(Kind.EXPLAIN, {"id": ids.raw(id)})

    @property
    def endpoint(self) -> str:
        return self._session.endpoint

    @property
    def buffer_full(self) -> bool:
        """The next submit blocks until something has left."""
        return self._session.producer.full

    def close(self, timeout: float = 5.0) -> None:
        """Waits so long for acknowledgements; what is unanswered then fails as Unreachable. Safe to repeat."""
        self._session.end(timeout)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _item(type: str, data: Any, options: Mapping[str, Any], receipt: Receipt, index: int) -> Item:
    body, kind = payload.encode(data, options.get("content_type"))
    template, own = split(type, options, kind)
    return Item(template, body, own, receipt, index)


def _item_of_many(type: str, post: Any, options: Mapping[str, Any], receipt: Receipt, index: int, templates: dict[str, bytes]) -> Item:
    if isinstance(post, Post):
        return _item(type, post.payload, {**options, **post.options}, receipt, index)
    body, kind = payload.encode(post, options.get("content_type"))
    if kind not in templates:
        # Keys that stand for one task apply to all of a submit_many when given for all, so they are part of the template.
        templates[kind] = whole_template(type, options, kind)
    return Item(templates[kind], body, b"", receipt, index)


def _whole(items: Sequence[Item]) -> Whole:
    whole = Whole(items)
    if len(items) > BATCH_ITEMS_MAX or len(items) > 1 and whole.size > BATCH_BYTES_MAX - 65536:
        raise errors.TooLarge(f"{len(items)} tasks of {whole.size} bytes: an atomic submit has at most {BATCH_ITEMS_MAX} and 1 MiB")
    return whole


def _pass_on(answer: Answer, single: Future[str]) -> None:
    if isinstance(answer, HirehallError):
        settle(single, error=answer)
    else:
        settle(single, answer)
