"""The verbs about queues, dead letters, workers and numbers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from . import errors, ids, task
from .errors import HirehallError
from .session import Session
from .task import Task
from .wire import Kind

_IDS_MAX = 4096


class Steering:
    """Part of Client."""

    _session: Session
    _request_timeout: float

    def stats(self, fleet: bool = False) -> Mapping[str, Any]:
        """Numbers of the broker; with `fleet` also what agents and types do, and what is recommended."""
        return self._map(Kind.STATS, {"fleet": True} if fleet else {})

    def queues(self) -> Sequence[Mapping[str, Any]]:
        return list(self._map(Kind.QUEUE_LIST, {})["queues"])

    def queue(self, name: str) -> Mapping[str, Any]:
        return self._map(Kind.QUEUE_SHOW, {"queue": name})

    def set_queue(self, name: str, **settings: Any) -> Mapping[str, Any]:
        """Makes or changes a queue: weight, cap, policy, shadow, success_value, wait_price, preference, reserve, settlement, retention_ms, retention_bytes, timeout_ms, tenants, limits."""
        return self._map(Kind.QUEUE_SET, {"queue": name, **settings})

    def pause(self, *, queue: str | None = None, type: str | None = None, tenant: str | None = None, reason: str = "") -> None:
        """No awards of what matches all that is named; submits and running work go on."""
        self._call(Kind.PAUSE, _named(queue=queue, type=type, tenant=tenant) | {"reason": reason})

    def resume(self, *, queue: str | None = None, type: str | None = None, tenant: str | None = None) -> None:
        self._call(Kind.RESUME, _named(queue=queue, type=type, tenant=tenant))

    def dead(self, queue: str | None = None, where: str | None = None) -> Iterator[Task]:
        """The dead letters."""
        return self._walk(Kind.DEAD_LIST, _named(queue=queue, where=where) | {"limit": 1000})

    def count(self, where: str, *, dead: bool = False) -> int:
        """How many tasks match, or dead letters."""
        total, body = 0, {"where": where, "count": True}
        while True:
            part = self._call(Kind.DEAD_LIST if dead else Kind.LIST, body)
            total += part["count"]
            if not part.get("cursor"):
                return total
            body["cursor"] = part["cursor"]

    def start_bulk(self, verb: str, where: str, *, reason: str = "", rate: int = 0, queue: str | None = None, priority: int = 0,
                   payload: bytes | None = None, grace: float = 10.0) -> int:  # fmt: skip
        """The broker cancels, moves, retries or purges all that match (the last two: dead letters), also over restarts; the number
        of the work, for `bulks` and `stop_bulk`."""
        body = _named(verb=verb, where=where, queue=queue) | {"reason": reason, "rate": rate, "priority": priority}
        body |= {"token": os.urandom(16), "grace_ms": round(grace * 1000)}
        return int(self._map(Kind.BULK_START, body | ({} if payload is None else {"payload": payload}))["bulk"])

    def bulks(self, number: int = 0) -> Sequence[Mapping[str, Any]]:
        """Bulk work that runs and the last that has ended, or one of them: state, done, passed, where, by, reason."""
        return list(self._map(Kind.BULK_LIST, {"bulk": number} if number else {})["bulks"])

    def stop_bulk(self, number: int) -> None:
        self._call(Kind.BULK_STOP, {"bulk": number})

    def retry(self, *tasks: str) -> dict[str, str | HirehallError]:
        """A new task for each dead letter: its id, or why there is none. Asking again within 24 hours gives the same id."""
        answers: dict[str, str | HirehallError] = {}
        for some, got in self._in_pieces(Kind.DEAD_RETRY, tasks, {}):
            answers[some] = ids.text(got) if isinstance(got, bytes) else errors.of_number(got)
        return answers

    def purge(self, *tasks: str, reason: str = "") -> dict[str, HirehallError | None]:
        """Takes dead letters away for good; None per task that was purged."""
        return self._by_id(Kind.DEAD_PURGE, tasks, {"reason": reason})

    def tenants(self) -> Sequence[Mapping[str, Any]]:
        """Tenants with their tasks by state, those with most open ones first; ended ones are counted since ever."""
        return list(self._map(Kind.TENANT_LIST, {})["tenants"])

    def shares(self, queue: str | None = None) -> Sequence[Mapping[str, Any]]:
        """Lanes, all or those of a queue, with what they had of the fleet in milliseconds of a slot; those that had most lately first."""
        return list(self._map(Kind.LANE_LIST, {"queue": queue} if queue else {})["lanes"])

    def workers(self) -> Sequence[Mapping[str, Any]]:
        return list(self._map(Kind.WORKER_LIST, {})["workers"])

    def drain_worker(self, name: str, *, undo: bool = False) -> Sequence[int]:
        """No more awards to workers of this name; what they hold they finish."""
        return list(self._map(Kind.WORKER_DRAIN, {"name": name, "undo": undo})["workers"])

    def audit(self, *, who: str = "", act: str = "", since: float = 0.0, refused: bool = False) -> Iterator[Mapping[str, Any]]:
        """The audit log, oldest first: index, at, who, from, act, target, reason, result, link. `since`: seconds since the Unix epoch."""
        body = {"after": 0, "limit": 1000, "who": who, "act": act, "since": round(since * 1000), "refused": refused}
        while True:
            page = self._map(Kind.AUDIT_LIST, body)
            yield from page["entries"]
            if not page["cursor"]:
                return
            body["after"] = page["cursor"]

    def _call(self, kind: Kind, body: Any) -> Any:
        return self._session.call(kind, body, self._request_timeout)

    def _map(self, kind: Kind, body: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._call(kind, body)
        return answer

    def _walk(self, kind: Kind, body: dict[str, Any]) -> Iterator[Task]:
        while True:
            page = self._call(kind, body)
            yield from map(task.of_body, page["tasks"])
            if not page.get("cursor"):
                return
            body = body | {"cursor": page["cursor"]}

    def _by_id(self, kind: Kind, tasks: Sequence[str], body: dict[str, Any]) -> dict[str, HirehallError | None]:
        return {id: errors.of_number(code) if code else None for id, code in self._in_pieces(kind, tasks, body)}

    def _in_pieces(self, kind: Kind, tasks: Sequence[str], body: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        for start in range(0, len(tasks), _IDS_MAX):
            some = tasks[start : start + _IDS_MAX]
            yield from zip(some, self._call(kind, body | {"ids": list(map(ids.raw, some))}), strict=True)


def _named(**values: str | None) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
