"""One class for each code of docs/protocol.md, section 1.1; `except hirehall.QueueFull` is all there is to it.

Every one carries `code`, `message`, `action` ("retry", "fix" or "give_up"), `retry_after` (seconds, 0 = no hint) and `context`
(which input). Codes of a newer broker come as HirehallError with their `action`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class HirehallError(Exception):
    code = "error"
    number = 0
    action = "give_up"

    def __init__(self, message: str, context: str = "", retry_after: float = 0.0, action: str = "", code: str = ""):
        self.code = code or self.code
        super().__init__(f"{self.code}: {message}" + (f" [{context}]" if context else ""))
        self.message, self.context, self.retry_after = message, context, retry_after
        self.action = action or self.action


class BadMessage(HirehallError):
    """Frame or body cannot be decoded."""

    code, number, action = "bad_message", 1, "fix"


class Unsupported(HirehallError):
    """The broker does not know this request."""

    code, number, action = "unsupported", 2, "fix"


class VersionMismatch(HirehallError):
    """No version of the protocol in common."""

    code, number, action = "version_mismatch", 3, "fix"


class UnknownSession(HirehallError):
    """The connection has no session; the library says hello again by itself."""

    code, number, action = "unknown_session", 4, "retry"


class SessionExpired(HirehallError):
    """The broker forgot this producer: whether what was unanswered has been recorded is unknown."""

    code, number, action = "session_expired", 5, "give_up"


class Denied(HirehallError):
    """The principal may not do this."""

    code, number, action = "denied", 6, "fix"


class NotFound(HirehallError):
    """No such task, queue, agent or worker."""

    code, number, action = "not_found", 7, "give_up"


class Conflict(HirehallError):
    """The same key with another payload (`task_id` is the first one), or one agent version with two digests."""

    code, number, action = "conflict", 8, "fix"
    task_id: str | None = None


class Invalid(HirehallError):
    """A value is out of range; `context` names it."""

    code, number, action = "invalid", 9, "fix"


class TooLarge(HirehallError):
    """Over a size limit."""

    code, number, action = "too_large", 10, "fix"


class QueueFull(HirehallError):
    """The queue's cap is reached."""

    code, number, action = "queue_full", 11, "retry"


class DeadLettersFull(HirehallError):
    """Dead letters fill the queue's cap."""

    code, number, action = "dead_letters_full", 12, "retry"


class DiskFull(HirehallError):
    """The broker's disk is nearly full: submits are refused, running work completes."""

    code, number, action = "disk_full", 13, "retry"


class Busy(HirehallError):
    """Out of credit, or a bounded table of the broker is full."""

    code, number, action = "busy", 14, "retry"


class OutOfOrder(HirehallError):
    """A batch number skipped one; the library resends by itself."""

    code, number, action = "out_of_order", 15, "retry"


class TimedOut(HirehallError, TimeoutError):
    """The wait ended first."""

    code, number, action = "timeout", 16, "retry"


class Stale(HirehallError):
    """The lease is over; the report changed nothing."""

    code, number, action = "stale", 17, "give_up"


class Terminal(HirehallError):
    """The task has ended already."""

    code, number, action = "terminal", 18, "give_up"


class Expired(HirehallError):
    """The task ended and its retention is over."""

    code, number, action = "expired", 19, "give_up"


class Unavailable(HirehallError):
    """The broker is stopping or starting."""

    code, number, action = "unavailable", 20, "retry"


class NotLeader(HirehallError):
    code, number, action = "not_leader", 21, "retry"


class Moved(HirehallError):
    code, number, action = "moved", 22, "retry"


class Unreachable(HirehallError, ConnectionError):
    """No broker answers; the message names the endpoint and what to try."""

    code, number, action = "unreachable", 23, "retry"


class Corrupt(HirehallError):
    """The broker found damage in its store."""

    code, number, action = "corrupt", 24, "give_up"


class Io(HirehallError):
    """The broker, or this machine, could not read or write."""

    code, number, action = "io", 25, "give_up"


class Internal(HirehallError):
    """A fault of the broker or of this library."""

    code, number, action = "internal", 26, "give_up"


class BadAnswer(HirehallError):
    """An answer is not what the question takes; the message says what is."""

    code, number, action = "bad_answer", 27, "fix"


class NotUnique(HirehallError):
    """The unique key is taken; `task_id` is the task that has it."""

    task_id: str | None = None
    code, number, action = "not_unique", 42, "give_up"


class AlreadyStarted(HirehallError):
    """What has the unique key (`task_id`) has begun: it is neither replaced nor coalesced."""

    task_id: str | None = None
    code, number, action = "already_started", 43, "give_up"


CLASSES: tuple[type[HirehallError], ...] = (
    BadMessage, Unsupported, VersionMismatch, UnknownSession, SessionExpired, Denied, NotFound, Conflict, Invalid, TooLarge,
    QueueFull, DeadLettersFull, DiskFull, Busy, OutOfOrder, TimedOut, Stale, Terminal, Expired, Unavailable, NotLeader, Moved,
    Unreachable, Corrupt, Io, Internal, BadAnswer,
    NotUnique, AlreadyStarted,
)  # fmt: skip
_BY_CODE = {kind.code: kind for kind in CLASSES}
_BY_NUMBER = {kind.number: kind for kind in CLASSES}


def of_code(code: str, message: str, context: str = "", retry_after: float = 0.0, action: str = "") -> HirehallError:
    return _BY_CODE.get(code, HirehallError)(message, context, retry_after, action, code)


def of_number(number: int, message: str = "", context: str = "") -> HirehallError:
    """The error of an item answer, where codes stand as numbers."""
    kind = _BY_NUMBER.get(number)
    if kind is None:
        return HirehallError(message or f"code {number} of a newer broker", context, code=f"code_{number}")
    return kind(message or (kind.__doc__ or "").splitlines()[0], context)


def of_body(body: Mapping[str, Any]) -> HirehallError:
    """The error of an `error` answer."""
    return of_code(str(body.get("code", "internal")), str(body.get("message", "")), str(body.get("context", "")),
                   int(body.get("retry_after_ms", 0)) / 1000, str(body.get("action", "")))  # fmt: skip
