"""Frames of docs/protocol.md: a header of 16 bytes and one msgpack value."""

import enum
import struct
from typing import Any

import msgpack

FRAME_BYTES_MAX = 2 << 20
BATCH_ITEMS_MAX = 4096
BATCH_BYTES_MAX = 1 << 20
PAYLOAD_BYTES_MAX = 1 << 20
BATCHES_IN_FLIGHT_MAX = 1024
FINISHES_IN_FLIGHT_MAX = 64
LOG_LINE_BYTES_MAX = 8192
VERSION = 1

_MAGIC = 0x4848
_HEADER = struct.Struct("<HBBHHQ")


class Kind(enum.IntEnum):
    HELLO, WELCOME, OK, ERROR, HEARTBEAT = 1, 2, 3, 4, 5
    SUBMIT, SUBMITTED, GET, WAIT, CANCEL, LIST, ANSWER, SUBSCRIBE = 16, 17, 18, 19, 20, 21, 22, 23
    RESULTS, SEEN, UNSUBSCRIBE = 25, 26, 27
    QUEUE_LIST, QUEUE_SHOW, QUEUE_SET, PAUSE, RESUME, DEAD_LIST, DEAD_RETRY = 32, 33, 34, 35, 36, 37, 38
    WORKER_LIST, STATS, EXPLAIN, AGENT_LIST, AGENT_SHOW, AGENT_FORGET, DEAD_PURGE, WORKER_DRAIN = 39, 40, 41, 42, 43, 44, 45, 46
    DEAD_GROUPS, BULK_START, BULK_LIST, BULK_STOP, LOGS, TENANT_LIST = 96, 97, 98, 99, 100, 101
    INBOX, BATCH_LIST, BATCH_SHOW, BATCH_CLOSE, BATCH_WAIT = 64, 65, 66, 67, 68
    AUDIT_LIST, USAGE, BUDGET_SET, BUDGET_LIST, BUDGET_DELETE = range(117, 122)
    BREAKER_LIST, BREAKER_SHOW, BREAKER_RESET, BREAKER_TRIP = range(122, 126)
    CALL_FOR_BIDS, BID = 126, 127
    LANE_LIST = 130
    REGISTER_WORKER, AWARD, FINISH, WORKER_HEARTBEAT, HOLDING, STOP, LOST, REPORT, DRAIN = 48, 49, 50, 51, 52, 53, 54, 55, 56
    SCHEDULE_SET, SCHEDULE_LIST, SCHEDULE_SHOW, SCHEDULE_DELETE, SCHEDULE_PAUSE, SCHEDULE_RESUME, SCHEDULE_TRIGGER = range(80, 87)
    LIMIT_SET, LIMIT_LIST, LIMIT_SHOW, LIMIT_DELETE, LIMIT_PAUSE = range(88, 93)


class Outcome(enum.IntEnum):
    SUCCEEDED, FAILED, FAILED_FOR_GOOD, TIMED_OUT, INTERRUPTED, CANCELLED, SNOOZED, SUSPENDED = 0, 1, 2, 3, 4, 5, 6, 7


class Malformed(Exception):
    """A frame that is not of this protocol."""


def pack(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value, use_bin_type=True)
    return packed


def unpack(body: bytes | memoryview) -> Any:
    return msgpack.unpackb(body, raw=False, strict_map_key=False)


def header(kind: int, request: int = 0) -> bytes:
    return _HEADER.pack(_MAGIC, VERSION, 0, kind, 0, request)


def read(frame: bytes) -> tuple[int, int, Any]:
    """(kind, request, body) of a frame."""
    if len(frame) < _HEADER.size:
        raise Malformed("a frame without a header")
    magic, version, _flags, kind, _reserved, request = _HEADER.unpack_from(frame)
    if magic != _MAGIC or version != VERSION:
        raise Malformed("a header of another protocol or version")
    try:
        return kind, request, unpack(memoryview(frame)[_HEADER.size :])
    except (ValueError, msgpack.UnpackException) as error:
        raise Malformed(f"a body that is not msgpack: {error}") from error
