"""What the broker says of a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from . import ids, payload
from .errors import HirehallError

TERMINAL = frozenset(("succeeded", "failed", "cancelled", "expired"))
STATES = {5: "succeeded", 6: "failed", 7: "cancelled", 8: "expired"}


@dataclass(frozen=True)
class Failure:
    code: str
    message: str


@dataclass(frozen=True)
class AttemptRecord:
    """One line of a task's history."""

    attempt: int
    worker: str
    agent: str
    outcome: str
    started_at: datetime | None
    ended_at: datetime | None
    error: Failure | None


@dataclass(frozen=True)
class Task:
    id: str
    state: str
    queue: str = ""
    tenant: str = ""
    type: str = ""
    priority: int = 0
    attempt: int = 0
    failures: int = 0
    losses: int = 0
    worker: str = ""
    agent: str = ""
    suspended_on: str = ""
    submitted_at: datetime | None = None
    not_before: datetime | None = None
    finished_at: datetime | None = None
    result: bytes | None = None
    result_type: str = ""
    error: Failure | None = None
    reason: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes | None = None
    history: tuple[AttemptRecord, ...] = ()

    @property
    def done(self) -> bool:
        return self.state in TERMINAL

    @property
    def succeeded(self) -> bool:
        return self.state == "succeeded"

    @property
    def value(self) -> Any:
        """The result: the JSON value if it is one, else bytes; None when there is none."""
        return payload.decode(self.result, self.result_type)

    def result_or_raise(self) -> Any:
        """value of a task that succeeded; TaskFailed, TaskCancelled or TaskExpired of one that did not."""
        if self.succeeded:
            return self.value
        raise _ENDS.get(self.state, TaskError)(self)


class TaskError(HirehallError):
    """A task ended without success; `task` tells more."""

    code = "task_failed"

    def __init__(self, task: Task):
        said = task.error.message or task.error.code if task.error else task.reason
        super().__init__(f"task {task.id} {task.state}" + (f": {said}" if said else ""), code=self.code)
        self.task = task


class TaskFailed(TaskError):
    pass


class TaskCancelled(TaskError):
    code = "task_cancelled"


class TaskExpired(TaskError):
    code = "task_expired"


_ENDS = {"failed": TaskFailed, "cancelled": TaskCancelled, "expired": TaskExpired}
_SAME = ("state", "queue", "tenant", "type", "priority", "attempt", "failures", "losses", "worker", "agent", "suspended_on",
         "result", "result_type", "reason", "labels", "options", "payload")  # fmt: skip


def _time(value: int | None) -> datetime | None:
    return datetime.fromtimestamp(value / 1000, timezone.utc) if value else None


def failure(body: Mapping[str, Any] | None) -> Failure | None:
    return Failure(str(body.get("code", "")), str(body.get("message", ""))) if body else None


def _attempt(body: Mapping[str, Any]) -> AttemptRecord:
    return AttemptRecord(body.get("attempt", 0), body.get("worker", ""), body.get("agent", ""), body.get("outcome", ""),
                         _time(body.get("started_at")), _time(body.get("ended_at")), failure(body.get("error")))  # fmt: skip


def of_body(body: Mapping[str, Any]) -> Task:
    return Task(id=ids.text(body["id"]), submitted_at=_time(body.get("submitted_at")), not_before=_time(body.get("not_before")),
                finished_at=_time(body.get("finished_at")), error=failure(body.get("error")),
                history=tuple(map(_attempt, body.get("history", ()))),
                **{name: body[name] for name in _SAME if name in body})  # fmt: skip
