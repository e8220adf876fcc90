"""Options of a task: the names of docs/protocol.md, section 3. Durations are milliseconds or timedelta, times are
milliseconds since the epoch or datetime with a zone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypedDict

from . import wire
from .errors import Invalid

Duration = int | timedelta
Time = int | datetime


class TaskOptions(TypedDict, total=False):
    description: str
    content_type: str
    queue: str
    tenant: str
    priority: int
    delay_ms: Duration
    not_before: Time
    deadline: Time
    ttl_ms: Duration
    timeout_ms: Duration
    max_attempts: int
    backoff_ms: Duration
    backoff_max_ms: Duration
    max_losses: int
    labels: Mapping[str, str]
    context: Mapping[str, Any]
    requires: Mapping[str, Any]
    preferred_labels: Mapping[str, str]
    agent: str
    affinity_key: str
    features: Mapping[str, int | float | str]
    unique_key: str
    unique_until: str
    unique_for_ms: Duration
    on_conflict: str
    limit_keys: Sequence[str]
    idempotency_key: str
    effort_ms: Duration
    retention_ms: Duration
    trace: str
    tracestate: str
    baggage: str
    parent: str
    workflow: str
    trigger: str
    replay_of: str
    schema: str
    delivery: str
    policies: Mapping[str, Any]
    batch: str


# These differ from task to task; the rest is said once for all tasks of a batch that share it.
_OF_ITEM = frozenset(("idempotency_key", "unique_key", "affinity_key", "trace", "tracestate", "baggage", "parent", "features"))
_KNOWN = TaskOptions.__optional_keys__


def plain(value: Any, name: str) -> Any:
    """The value as it goes over the wire."""
    if isinstance(value, timedelta):
        return round(value / timedelta(milliseconds=1))
    if isinstance(value, str) and name.endswith("_ms"):
        raise Invalid(f"{name} is {value!r}; give milliseconds as a number, or a timedelta", name)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise Invalid("a time without a zone; use datetime.now(timezone.utc) + …", name)
        return round(value.timestamp() * 1000)
    return value


def split(type: str, options: Mapping[str, Any], content_type: str) -> tuple[bytes, bytes]:
    """(template, options of the item), packed; the second is empty when there are none."""
    template: dict[str, Any] = {"type": type} if type else {}
    own: dict[str, Any] = {}
    for name, value in options.items():
        if name not in _KNOWN:
            raise TypeError(f"a task has no option {name!r}; options are {', '.join(sorted(_KNOWN))}")
        if value is not None:
            (own if name in _OF_ITEM else template)[name] = plain(value, name)
    template["content_type"] = content_type
    return _pack(template), _pack(own) if own else b""


def whole_template(type: str, options: Mapping[str, Any], content_type: str) -> bytes:
    """All options as one template."""
    template, own = split(type, options, content_type)
    return _pack(wire.unpack(template) | wire.unpack(own)) if own else template


def mapping(type: str, options: Mapping[str, Any], content_type: str) -> dict[str, Any]:
    """All options as a map; without a content type when none is given."""
    named: dict[str, Any] = wire.unpack(whole_template(type, options, content_type))
    return {key: value for key, value in named.items() if key != "content_type" or value}


def _pack(options: dict[str, Any]) -> bytes:
    try:
        return wire.pack(options)
    except (TypeError, ValueError, OverflowError) as error:
        raise Invalid(f"an option has a value that cannot be sent: {error}") from None
