"""CURVE keys from files, as `hirehall key new` writes them."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field

import zmq

from .errors import Denied, Invalid, Io

Path = str | os.PathLike[str]


@dataclass(frozen=True)
class Keys:
    server_public: bytes
    own_public: bytes
    own_secret: bytes = field(repr=False)


def load(key_file: Path | None, server_key_file: Path | None) -> Keys | None:
    """None when neither is given: an ipc:// endpoint, or tcp:// without keys."""
    if not key_file and not server_key_file:
        return None
    if not server_key_file:
        raise Invalid("a key of our own is of no use without the broker's public key: give server_key_file", "server_key_file")
    if not key_file:
        raise Invalid("the broker's public key alone lets nobody in: give key_file, made by `hirehall key new`", "key_file")
    server, secret = _read(server_key_file, "the broker's public key"), _read(key_file, "the secret key")
    if not _keeps_secret(os.stat(key_file)):
        raise Denied("group or others may read this secret key: chmod 600, and make a new one", os.fspath(key_file))
    try:
        return Keys(server, zmq.curve_public(secret), secret)
    except (zmq.ZMQError, ValueError):
        raise Invalid("not a CURVE secret key; make one with `hirehall key new`", os.fspath(key_file)) from None


def _keeps_secret(file: os.stat_result) -> bool:
    """Nobody but the owner may read it; of root's its group may, where we are somebody else: so systemd's credentials come."""
    others = file.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    return others == 0 or (others == stat.S_IRGRP and file.st_uid == 0 and os.geteuid() != 0)


def _read(path: Path, what: str) -> bytes:
    try:
        with open(path, "rb") as file:
            words = file.read(65536).split()
    except OSError as error:
        raise Io(f"cannot read {what}: {error.strerror}", os.fspath(path)) from None
    keys = [word for word in words if len(word) == 40]
    if not keys:
        raise Invalid(f"no key of 40 characters in the file with {what}; make one with `hirehall key new`", os.fspath(path))
    return keys[-1]
