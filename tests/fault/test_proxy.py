#!/usr/bin/python3
"""The TCP proxy of these tests does what it says, and no more."""

import os
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from fault.proxy import Proxy
from integration.fleet import LIMIT, eventually


class Echo:
    """A server that says everything back."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.heard = b""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                stream, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(stream,), daemon=True).start()

    def _talk(self, stream):
        with stream:
            try:
                while data := stream.recv(65536):
                    self.heard += data
                    stream.sendall(data)
            except OSError:
                pass


class TheProxy(unittest.TestCase):
    def setUp(self):
        self.echo = Echo()
        self.proxy = Proxy(self.echo.listener.getsockname())
        self.addCleanup(self.echo.listener.close)
        self.addCleanup(self.proxy.close)

    def connect(self):
        stream = socket.create_connection(("127.0.0.1", int(self.proxy.endpoint.rsplit(":", 1)[1])), timeout=LIMIT)
        self.addCleanup(stream.close)
        return stream

    def says(self, stream, data):
        stream.sendall(data)
        return self.hears(stream, len(data))

    def hears(self, stream, count):
        data = b""
        while len(data) < count:
            data += stream.recv(count - len(data)) or self.fail("the connection ended")
        return data

    def silent(self, stream, seconds=0.2):
        stream.settimeout(seconds)
        with self.assertRaises(TimeoutError):
            stream.recv(1)
        stream.settimeout(LIMIT)

    def test_bytes_pass_whole_and_in_order(self):
        stream, data = self.connect(), os.urandom(3 << 20)
        sender = threading.Thread(target=stream.sendall, args=(data,))
        sender.start()
        self.assertEqual(self.hears(stream, len(data)), data)
        sender.join()

    def test_drop_is_one_way_and_healing_resets_what_has_a_hole(self):
        stream, other = self.connect(), self.connect()
        self.assertEqual(self.says(stream, b"one") + self.says(other, b"1"), b"one1")
        self.proxy.fault(toward_peer="drop")
        stream.sendall(b"two")
        eventually(lambda: self.echo.heard.endswith(b"two"), what="the way to the server")
        self.silent(stream)
        self.proxy.heal()
        with self.assertRaises(ConnectionResetError):
            stream.recv(1)
        self.assertEqual(self.says(other, b"2"), b"2")
        self.assertEqual(self.says(self.connect(), b"new"), b"new")

    def test_what_was_stalled_comes_after_healing(self):
        stream = self.connect()
        self.proxy.fault(toward_server="stall")
        stream.sendall(b"later")
        self.silent(stream)
        self.assertEqual(self.echo.heard, b"")
        self.proxy.heal()
        self.assertEqual(self.hears(stream, 5), b"later")

    def test_delay_and_reset_and_refuse(self):
        stream = self.connect()
        self.proxy.fault(toward_server=0.15, toward_peer=0.15)
        began = time.monotonic()
        self.assertEqual(self.says(stream, b"slow"), b"slow")
        self.assertGreaterEqual(time.monotonic() - began, 0.3)
        self.proxy.reset()
        with self.assertRaises(ConnectionResetError):
            stream.recv(1)
        self.proxy.refuse(True)
        with self.assertRaises(ConnectionError):
            self.says(self.connect(), b"anybody")
        self.proxy.heal()
        self.assertEqual(self.says(self.connect(), b"again"), b"again")


if __name__ == "__main__":
    unittest.main(verbosity=2)
