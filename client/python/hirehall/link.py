"""One DEALER, the bell that other threads ring, and what ZeroMQ tells of the connection."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator

import zmq
from zmq.utils.monitor import recv_monitor_message

from . import wire
from .errors import Invalid
from .keys import Keys

_KEYS_REFUSED = (zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL, zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL, zmq.EVENT_HANDSHAKE_FAILED_AUTH)
_WATCHED = zmq.EVENT_DISCONNECTED | sum(_KEYS_REFUSED)


class Link:
    """For one thread; ring() for any."""

    def __init__(self, endpoint: str, keys: Keys | None):
        self.endpoint, self._keys = endpoint, keys
        self._context = zmq.Context(1)
        self._socket: zmq.Socket[bytes] | None = None
        self._monitor: zmq.Socket[bytes] | None = None
        self._outbox: deque[bytes] = deque()
        self._bell, self._rope = os.pipe()
        self._rings = False
        self._rope_lock = threading.Lock()  # nobody rings while the rope is cut
        os.set_blocking(self._bell, False)
        self._poller = zmq.Poller()
        self._poller.register(self._bell, zmq.POLLIN)
        self.lost = False
        self.keys_refused = False

    def open(self) -> None:
        """A fresh connection; what the former one still had to send is dropped."""
        self.hang_up()
        self.keys_refused = False
        socket = self._context.socket(zmq.DEALER)
        for option, value in ((zmq.LINGER, 0), (zmq.IMMEDIATE, 1), (zmq.RECONNECT_IVL, 200), (zmq.RECONNECT_IVL_MAX, 10_000),
                              (zmq.HANDSHAKE_IVL, 5_000), (zmq.MAXMSGSIZE, wire.FRAME_BYTES_MAX), (zmq.RCVHWM, 0)):  # fmt: skip
            socket.setsockopt(option, value)
        if self._keys:
            socket.curve_serverkey, socket.curve_publickey = self._keys.server_public, self._keys.own_public
            socket.curve_secretkey = self._keys.own_secret
        self._socket, self._monitor = socket, socket.get_monitor_socket(_WATCHED)
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._monitor, zmq.POLLIN)
        try:
            socket.connect(self.endpoint)
        except zmq.ZMQError as error:
            self.hang_up()
            raise Invalid(f"not an endpoint to connect to ({error}); it looks like ipc:///run/hirehall/broker.ipc or "
                          "tcp://127.0.0.1:7420", self.endpoint) from None  # fmt: skip

    def hang_up(self) -> None:
        self._outbox.clear()
        self.lost = False
        if self._socket is not None:
            self._socket.disable_monitor()
            assert self._monitor is not None
            self._poller.unregister(self._monitor)
            self._poller.unregister(self._socket)
            self._monitor.close(0)
            self._socket.close(0)
            self._socket = self._monitor = None

    def close(self) -> None:
        if self._rope < 0:
            return
        self.hang_up()
        self._context.term()
        with self._rope_lock:
            os.close(self._rope)
            self._rope = -1
        os.close(self._bell)

    def ring(self) -> None:
        """Ends a wait. What is to be found after it has to be there before."""
        if self._rings:
            return
        with self._rope_lock:
            if self._rope >= 0:
                self._rings = True
                os.write(self._rope, b"!")

    def send(self, frame: bytes) -> None:
        self._outbox.append(frame)

    def _flush(self) -> None:
        assert self._socket is not None
        while self._outbox:
            try:
                self._socket.send(self._outbox[0], zmq.DONTWAIT)
            except zmq.Again:
                return
            self._outbox.popleft()

    def wait(self, seconds: float) -> None:
        """Until something came, the bell rang, or the time is over."""
        if self._socket is not None:
            self._flush()
            self._poller.modify(self._socket, zmq.POLLIN | (zmq.POLLOUT if self._outbox else 0))  # type: ignore[no-untyped-call]
        ready = dict(self._poller.poll(max(0, int(seconds * 1000 + 0.999))))
        if self._bell in ready:
            os.read(self._bell, 4096)
            # After the read, so that no ring is read that still counts as ringing; before the look at what was left.
            self._rings = False
        if self._monitor is not None and self._monitor in ready:
            self._hear_of_the_connection()

    def _hear_of_the_connection(self) -> None:
        assert self._monitor is not None
        while self._monitor.poll(0):
            event = recv_monitor_message(self._monitor)["event"]
            if event in _KEYS_REFUSED:
                self.keys_refused = True
            elif event == zmq.EVENT_DISCONNECTED:
                self.lost = True

    def receive(self, most: int = 512) -> Iterator[bytes]:
        for _ in range(most):
            if self._socket is None:  # hung up by what the last frame led to
                return
            try:
                yield self._socket.recv(zmq.DONTWAIT)
            except zmq.Again:
                return
