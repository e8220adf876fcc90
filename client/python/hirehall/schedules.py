"""Schedules: tasks that are submitted again and again (docs/schedules.md)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from . import ids, options, payload as payloads
from .wire import Kind


class Schedules:
    """Part of Client."""

    def _map(self, kind: Kind, body: Any) -> dict[str, Any]:
        raise NotImplementedError

    def create_schedule(self, name: str, type: str, payload: Any = None, *, cron: str = "", every: int | timedelta = 0,
                        zone: str = "", overlap: str = "", catch_up: str = "", catch_up_max: int = 0,
                        jitter: int | timedelta = 0, **task: Any) -> Mapping[str, Any]:
        """A task of this type at each tick of `cron`, or `every` so long. Asked again with the same values it changes nothing."""
        packed, content_type = payloads.encode(payload)
        body = _timing(cron, every, zone, overlap, catch_up, catch_up_max, jitter)
        template = options.mapping(type, task, content_type)
        return self._map(Kind.SCHEDULE_SET, {"name": name, **body, "payload": packed, "options": template})

    def edit_schedule(self, name: str, *, cron: str = "", every: int | timedelta = 0, zone: str = "", overlap: str = "",
                      catch_up: str = "", catch_up_max: int = 0, jitter: int | timedelta | None = None,
                      **task: Any) -> Mapping[str, Any]:
        """Changes what is given."""
        body = _timing(cron, every, zone, overlap, catch_up, catch_up_max, jitter or 0)
        if jitter is not None:
            body["jitter_ms"] = options.plain(jitter, "jitter")
        return self._map(Kind.SCHEDULE_SET, {"name": name, "mode": "edit", **body, "options": options.mapping("", task, "")})

    def schedule(self, name: str, next: int = 5) -> Mapping[str, Any]:
        return self._map(Kind.SCHEDULE_SHOW, {"name": name, "next": next})

    def schedules(self) -> Iterator[Mapping[str, Any]]:
        after = ""
        while True:
            page = self._map(Kind.SCHEDULE_LIST, {"after": after})
            yield from page["schedules"]
            if not page["more"] or not page["schedules"]:
                return
            after = page["schedules"][-1]["name"]

    def pause_schedule(self, name: str, reason: str = "") -> Mapping[str, Any]:
        return self._map(Kind.SCHEDULE_PAUSE, {"name": name, "reason": reason})

    def resume_schedule(self, name: str) -> Mapping[str, Any]:
        return self._map(Kind.SCHEDULE_RESUME, {"name": name})

    def delete_schedule(self, name: str) -> None:
        self._map(Kind.SCHEDULE_DELETE, {"name": name})

    def trigger_schedule(self, name: str) -> str:
        """Submits its task now; the id. Sent again after a lost connection it is the same task."""
        return ids.text(self._map(Kind.SCHEDULE_TRIGGER, {"name": name, "key": str(uuid.uuid4())})["id"])


def _timing(cron: str, every: int | timedelta, zone: str, overlap: str, catch_up: str, catch_up_max: int,
            jitter: int | timedelta) -> dict[str, Any]:
    given = {"cron": cron, "every_ms": options.plain(every, "every"), "zone": zone, "overlap": overlap, "catch_up": catch_up,
             "catch_up_max": catch_up_max, "jitter_ms": options.plain(jitter, "jitter")}
    return {key: value for key, value in given.items() if value}
