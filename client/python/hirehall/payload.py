"""Payloads and results: bytes go as they are, everything else as JSON."""

from __future__ import annotations

import json
from typing import Any

from .errors import Invalid, TooLarge
from .wire import PAYLOAD_BYTES_MAX

JSON = "application/json"
BYTES = "application/octet-stream"


def encode(value: Any, content_type: str | None = None) -> tuple[bytes, str]:
    """(bytes, content type). Text with a content type of its own that is not JSON goes as UTF-8."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        data, kind = bytes(value), content_type or BYTES
    elif isinstance(value, str) and content_type and not is_json(content_type):
        data, kind = value.encode(), content_type
    else:
        data, kind = _json(value), content_type or JSON
    if len(data) > PAYLOAD_BYTES_MAX:
        raise TooLarge(f"{len(data)} bytes; a payload, result, checkpoint or answer has at most {PAYLOAD_BYTES_MAX}")
    return data, kind


def decode(data: bytes | None, content_type: str) -> Any:
    """The JSON value if it is one, else the bytes."""
    if data is None or not is_json(content_type):
        return data
    try:
        return json.loads(data) if data else None
    except ValueError:
        return data


def is_json(content_type: str) -> bool:
    kind = content_type.split(";")[0].strip().lower()
    return not kind or kind == JSON or kind.endswith("+json")


def _json(value: Any) -> bytes:
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise Invalid(f"not a JSON value ({error}); encode it yourself and pass bytes", "payload") from None
