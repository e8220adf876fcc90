"""What attempts have used, and budgets (docs/usage.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from . import options
from .wire import Kind


class Usage:
    """Part of Client."""

    def _map(self, kind: Kind, body: Any) -> dict[str, Any]:
        raise NotImplementedError

    def usage(self, by: Sequence[str] = ("tenant", "queue"), *, since: int | datetime | None = None,
              until: int | datetime | None = None, tenant: str | None = None, queue: str | None = None,
              agent: str | None = None) -> list[Mapping[str, Any]]:
        """Sums by any of day, tenant, queue and agent; whole days."""
        given = {"tenant": tenant, "queue": queue, "agent": agent,
                 "since": None if since is None else options.plain(since, "since"),
                 "until": None if until is None else options.plain(until, "until")}
        body = {name: value for name, value in given.items() if value is not None}
        rows: list[Mapping[str, Any]] = self._map(Kind.USAGE, {"by": list(by), **body})["usage"]
        return rows

    def set_budget(self, name: str, *, tenant: str | None = None, queue: str | None = None, unit: str | None = None,
                   period: str | None = None, hard: float | None = None, soft: float | None = None) -> Mapping[str, Any]:
        """Makes a budget, or changes what is given of it; an amount of 0 is none."""
        given = {"tenant": tenant, "queue": queue, "unit": unit, "period": period, "hard": hard, "soft": soft}
        return self._map(Kind.BUDGET_SET, {"name": name, **{key: value for key, value in given.items() if value is not None}})

    def budgets(self) -> Iterator[Mapping[str, Any]]:
        after = ""
        while True:
            page = self._map(Kind.BUDGET_LIST, {"after": after})
            yield from page["budgets"]
            if not page["more"] or not page["budgets"]:
                return
            after = page["budgets"][-1]["name"]

    def delete_budget(self, name: str) -> None:
        self._map(Kind.BUDGET_DELETE, {"name": name})
