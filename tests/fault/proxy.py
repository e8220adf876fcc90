"""A TCP proxy that breaks what goes through it: between a broker and its peers, or any two others.

    with Proxy(("127.0.0.1", port)) as proxy:      # peers connect to proxy.endpoint
        proxy.fault(toward_server="drop")          # one way: bytes are read and vanish
        proxy.heal()

Per direction: "pass", "drop" (read and thrown away), "stall" (not read at all: the sender's buffers fill), a number (seconds of
delay of each chunk). A connection that lost bytes is reset by heal(): a stream with a hole is none. reset() cuts all
connections with RST; refuse(True) accepts none, as a dead host with a live port does.

One thread of its own; calls may come from any other.
"""

import collections
import selectors
import socket
import struct
import threading
import time

CHUNK, BUFFERED_MAX = 65536, 1 << 20
RST = struct.pack("ii", 1, 0)  # SO_LINGER on with no time: close() resets


class Pipe:
    """One direction of one connection."""

    def __init__(self, source, target, mode):
        self.source, self.target, self.mode = source, target, mode
        self.waiting = collections.deque()  # (when, bytes)
        self.buffered = 0
        self.ended = False  # the source has said its last byte
        self.torn = False   # bytes were thrown away


class Proxy:
    def __init__(self, server):
        self.server = server
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.listener.setblocking(False)
        self.endpoint = "tcp://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.modes = {"toward_server": "pass", "toward_peer": "pass"}
        self.refusing = False
        self.connections = set()  # pairs of pipes
        self.counts = collections.Counter()
        self.orders = collections.deque()
        self.wake, self.woken = socket.socketpair()
        self.woken.setblocking(False)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # What a test says.

    def fault(self, toward_server="pass", toward_peer="pass"):
        self._order(lambda: self._set(toward_server, toward_peer))

    def heal(self):
        self._order(self._heal)

    def reset(self):
        self._order(lambda: [self._cut(connection, "reset") for connection in list(self.connections)])

    def refuse(self, refusing):
        self._order(lambda: setattr(self, "refusing", refusing))

    def close(self):
        if self.thread.is_alive():
            self._order(None)
            self.thread.join()

    def _order(self, what):
        """Returns once it is done."""
        done = threading.Event()
        self.orders.append((what, done))
        self.wake.send(b"x")
        done.wait()

    # The thread.

    def _set(self, toward_server, toward_peer):
        self.modes = {"toward_server": toward_server, "toward_peer": toward_peer}
        for up, down in self.connections:
            up.mode, down.mode = toward_server, toward_peer

    def _heal(self):
        self.refusing = False
        self._set("pass", "pass")
        for connection in [pair for pair in self.connections if any(pipe.torn for pipe in pair)]:
            self._cut(connection, "torn")

    def _run(self):
        while True:
            with selectors.DefaultSelector() as selector:
                self._register(selector)
                ready = {key.fileobj: mask for key, mask in selector.select(self._patience())}
            if self.woken in ready and not self._obey():
                break
            if self.listener in ready:
                self._accept()
            now = time.monotonic()
            for pair in list(self.connections):
                if not all(self._move(pipe, ready, now) for pipe in pair):
                    self._cut(pair, "ended")
        for connection in list(self.connections):
            self._cut(connection, "closed")
        for end in (self.listener, self.wake, self.woken):
            end.close()

    def _register(self, selector):
        selector.register(self.woken, selectors.EVENT_READ)
        selector.register(self.listener, selectors.EVENT_READ)
        now = time.monotonic()
        masks = collections.Counter()
        for pair in self.connections:
            for pipe in pair:
                if pipe.mode != "stall" and not pipe.ended and pipe.buffered < BUFFERED_MAX:
                    masks[pipe.source] |= selectors.EVENT_READ
                if pipe.waiting and pipe.waiting[0][0] <= now:
                    masks[pipe.target] |= selectors.EVENT_WRITE
        for end, mask in masks.items():
            selector.register(end, mask)

    def _patience(self):
        due = [pipe.waiting[0][0] for pair in self.connections for pipe in pair if pipe.waiting]
        now = time.monotonic()
        later = [at - now for at in due if at > now]
        return min(later, default=None)

    def _obey(self):
        self.woken.recv(4096)
        while self.orders:
            what, done = self.orders.popleft()
            if what is not None:
                what()
            done.set()
            if what is None:
                return False
        return True

    def _accept(self):
        try:
            peer, _address = self.listener.accept()
        except OSError:
            return
        server = None
        try:
            if not self.refusing:
                server = socket.create_connection(self.server, timeout=5)
        except OSError:
            pass
        if server is None:
            self._close(peer, abruptly=True)
            return
        for end in (peer, server):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.counts["connections"] += 1
        self.connections.add((Pipe(peer, server, self.modes["toward_server"]), Pipe(server, peer, self.modes["toward_peer"])))

    def _move(self, pipe, ready, now):
        """False when the connection is over."""
        try:
            if ready.get(pipe.source, 0) & selectors.EVENT_READ and pipe.mode != "stall" and not pipe.ended \
                    and pipe.buffered < BUFFERED_MAX:
                self._read(pipe, now)
            if ready.get(pipe.target, 0) & selectors.EVENT_WRITE:
                self._write(pipe, now)
        except OSError:
            return False
        return not (pipe.ended and not pipe.waiting)

    def _read(self, pipe, now):
        try:
            data = pipe.source.recv(CHUNK)
        except BlockingIOError:
            return
        if not data:
            pipe.ended = True
        elif pipe.mode == "drop":
            pipe.torn = True
            self.counts["dropped"] += len(data)
        else:
            at = now + (pipe.mode if isinstance(pipe.mode, (int, float)) else 0)
            pipe.waiting.append((max(at, pipe.waiting[-1][0]) if pipe.waiting else at, data))
            pipe.buffered += len(data)

    def _write(self, pipe, now):
        while pipe.waiting and pipe.waiting[0][0] <= now:
            at, data = pipe.waiting.popleft()
            try:
                sent = pipe.target.send(data)
            except BlockingIOError:
                sent = 0
            pipe.buffered -= sent
            self.counts["passed"] += sent
            if sent < len(data):
                pipe.waiting.appendleft((at, data[sent:]))
                return

    def _cut(self, connection, why):
        self.connections.discard(connection)
        self.counts[why] += 1
        for pipe in connection:
            self._close(pipe.source, abruptly=why in ("reset", "torn"))

    def _close(self, end, abruptly):
        if abruptly:
            try:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
            except OSError:
                pass
        end.close()
