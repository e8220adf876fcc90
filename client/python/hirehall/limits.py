"""Limits by name: how many tasks run at once, and how many begin in a time (docs/limits.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from . import options
from .wire import Kind


class Limits:
    """Part of Client."""

    def _map(self, kind: Kind, body: Any) -> dict[str, Any]:
        raise NotImplementedError

    def set_limit(self, name: str, *, queue: str | None = None, type: str | None = None, tenant: str | None = None,
                  key: str | None = None, per: str | None = None, concurrency: int | None = None,
                  rates: Sequence[tuple[int, int | timedelta]] | None = None) -> Mapping[str, Any]:
        """Makes a limit, or changes what is given. A rate is (units, window); a final * stands for any ending."""
        given = {"queue": queue, "type": type, "tenant": tenant, "key": key, "per": per, "concurrency": concurrency}
        body = {name: value for name, value in given.items() if value is not None}
        if rates is not None:
            body["rates"] = [[units, options.plain(window, "rates")] for units, window in rates]
        return self._map(Kind.LIMIT_SET, {"name": name, **body})

    def limit(self, name: str) -> Mapping[str, Any]:
        return self._map(Kind.LIMIT_SHOW, {"name": name})

    def limits(self) -> Iterator[Mapping[str, Any]]:
        after = ""
        while True:
            page = self._map(Kind.LIMIT_LIST, {"after": after})
            yield from page["limits"]
            if not page["more"] or not page["limits"]:
                return
            after = page["limits"][-1]["name"]

    def pause_limit(self, name: str, until: int | datetime | None = None, reason: str = "") -> Mapping[str, Any]:
        """Nothing that it counts begins before `until`; without a time, until it is resumed."""
        time = -1 if until is None else options.plain(until, "until")
        return self._map(Kind.LIMIT_PAUSE, {"name": name, "until": time, "reason": reason})

    def resume_limit(self, name: str) -> Mapping[str, Any]:
        return self._map(Kind.LIMIT_PAUSE, {"name": name, "until": 0})

    def delete_limit(self, name: str) -> None:
        self._map(Kind.LIMIT_DELETE, {"name": name})
