"""Batches: tasks that were submitted under one name, counted together (docs/batches.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from . import ids, options, payload as payloads
from .session import Session
from .wire import Kind


class Batches:
    """Part of Client."""

    _session: Session
    _request_timeout: float

    def _map(self, kind: Kind, body: Any) -> dict[str, Any]:
        raise NotImplementedError

    def batches(self) -> Iterator[Mapping[str, Any]]:
        """All of them, by tenant and name; each as `batch` tells of it."""
        behind: dict[str, str] = {}
        while True:
            page = self._map(Kind.BATCH_LIST, behind)
            yield from map(_shown, page["batches"])
            if not page["more"] or not page["batches"]:
                return
            behind = {"after_tenant": page["batches"][-1]["tenant"], "after": page["batches"][-1]["batch"]}

    def batch(self, name: str, *, tenant: str | None = None) -> Mapping[str, Any]:
        """Its counts: `state` (open, idle, closed, completed), `total`, `open`, `succeeded`, `failed`, `cancelled`, `expired`,
        `progress` (0 to 1), and `completion`, the id of the task that followed. NotFound when nothing was submitted to it."""
        return _shown(self._map(Kind.BATCH_SHOW, _named(name, tenant)))

    def close_batch(self, name: str, then: str = "", payload: Any = None, *, tenant: str | None = None,
                    **task: Any) -> Mapping[str, Any]:
        """No further tasks. Once all have ended, a task of type `then` is submitted; without a payload it gets the counts as JSON.
        Conflict when it is closed already."""
        body: dict[str, Any] = _named(name, tenant)
        content_type = ""
        if payload is not None:
            body["payload"], content_type = payloads.encode(payload)
        if then or task:
            body["complete"] = options.mapping(then, task, content_type)
        return _shown(self._map(Kind.BATCH_CLOSE, body))

    def wait_batch(self, name: str, timeout: float = 60.0, *, tenant: str | None = None) -> Mapping[str, Any]:
        """Its counts once nothing of it is open; TimedOut after `timeout` seconds (an hour at most)."""
        body = _named(name, tenant) | {"timeout_ms": round(timeout * 1000)}
        answer: dict[str, Any] = self._session.call(Kind.BATCH_WAIT, body, timeout + self._request_timeout)
        return _shown(answer)


def _named(name: str, tenant: str | None) -> dict[str, Any]:
    return {"batch": name} if tenant is None else {"batch": name, "tenant": tenant}


def _shown(batch: dict[str, Any]) -> dict[str, Any]:
    return batch | {"completion": batch["completion"] and ids.text(batch["completion"])}
