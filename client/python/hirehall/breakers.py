"""Breakers of agents and of the services they share (docs/breakers.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from . import options
from .wire import Kind


class Breakers:
    """Part of Client."""

    def _map(self, kind: Kind, body: Any) -> dict[str, Any]:
        raise NotImplementedError

    def breakers(self) -> Iterator[Mapping[str, Any]]:
        after = ""
        while True:
            page = self._map(Kind.BREAKER_LIST, {"after": after})
            yield from page["breakers"]
            if not page["more"] or not page["breakers"]:
                return
            after = "{kind}/{name}".format(**page["breakers"][-1])

    def breaker(self, name: str, kind: str = "") -> Mapping[str, Any]:
        """Of an agent or service; `kind` says which where both have the name."""
        return self._map(Kind.BREAKER_SHOW, {"name": name, "kind": kind})

    def reset_breaker(self, name: str, kind: str = "", reason: str = "") -> Mapping[str, Any]:
        """Closes it: the agent gets work at once."""
        return self._map(Kind.BREAKER_RESET, {"name": name, "kind": kind, "reason": reason})

    def trip_breaker(self, name: str, kind: str = "", duration: int | timedelta = 0, reason: str = "") -> Mapping[str, Any]:
        """Opens it for so long, or as long as it usually stays open; then a few probes."""
        body = {"name": name, "kind": kind, "for_ms": options.plain(duration, "duration"), "reason": reason}
        return self._map(Kind.BREAKER_TRIP, body)
