"""Task ids: 16 bytes on the wire, 26 characters (Crockford base 32) for people and for this package's callers."""

from __future__ import annotations

from .errors import Invalid

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in _DIGITS for b in _DIGITS]
_SHIFTS = tuple(range(120, -1, -10))
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_VALUES |= {digit.lower(): value for digit, value in _VALUES.items()}
_VALUES |= {"O": 0, "o": 0, "I": 1, "i": 1, "L": 1, "l": 1}


def text(raw: bytes) -> str:
    number = int.from_bytes(raw, "big")
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


def raw(id: str) -> bytes:
    if len(id) != 26:
        raise Invalid(f"a task id has 26 characters, this has {len(id)}", id[:64])
    try:
        number = 0
        for digit in id:
            number = number << 5 | _VALUES[digit]
        return number.to_bytes(16, "big")
    except (KeyError, OverflowError):
        raise Invalid("a task id has the digits 0-9 and A-Z without I, L, O, U, and begins with 0 to 7", id) from None
