"""Peers that mean harm, in a process of their own: each line on stdin is "go", "rest", "crowd N" or "greeted N": N connections at once that say
nothing, or nothing behind the handshake; "rest" ends them.
Says {"event": "rests", "counts": …} after each rest and {"event": "crowd", "open": N} when they all stand.

    hostile_peers.py HOST PORT --seed S

    garbage     random bytes, then gone                      half        a greeting, or half of one, and silence
    endless     a message of ever more parts                 oversized   a frame that announces up to 2^63 bytes
    malformed   a proper session with bodies bent at random  crowd       hundreds of connections that say nothing
"""

import argparse
import json
import os
import random
import selectors
import socket
import sys

import zmq

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration.hirehall_wire import HELLO, HEADER, SUBMIT, frame

GREETING = b"\xff" + b"\0" * 8 + b"\x7f" + b"\x03\x00" + b"NULL" + b"\0" * 16 + b"\0" + b"\0" * 31
READY = b"\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06DEALER"
CROWD = 300
PAUSE_MS = 3  # between two misdeeds: the broker is to be hurt, not the processor that all share


class Hostile:
    def __init__(self, host, port, seed):
        self.address, self.random = (host, port), random.Random(seed)
        self.context = zmq.Context()
        self.open, self.counts = [], {}
        self.kinds = [self.garbage, self.half, self.endless, self.oversized, self.malformed, self.crowd]

    def connect(self):
        peer = socket.create_connection(self.address, 2)
        peer.settimeout(0.2)
        self.open.append(peer)
        while len(self.open) > CROWD:
            self.open.pop(0).close()
        return peer

    def garbage(self):
        peer = self.connect()
        peer.sendall(self.random.randbytes(self.random.randrange(1, 20000)))
        self.open.pop().close()

    def half(self):
        self.connect().sendall(GREETING[:self.random.randrange(1, len(GREETING) + 1)])

    def endless(self):
        peer = self.connect()
        peer.sendall(GREETING + READY)
        for _ in range(20):
            peer.sendall(b"\x01\x40" + bytes(64))  # more to come, and never the last

    def oversized(self):
        peer = self.connect()
        size = self.random.choice([1 << 22, 1 << 31, 1 << 40, (1 << 63) - 1])
        peer.sendall(GREETING + READY + b"\x02" + size.to_bytes(8, "big") + b"x" * 100)

    def malformed(self):
        peer = self.context.socket(zmq.DEALER)
        peer.linger = 0
        peer.connect(f"tcp://{self.address[0]}:{self.address[1]}")
        peer.send(frame(HELLO, {"min_version": 1, "max_version": 1, "role": "client", "name": "bent"}, 1))
        for number in range(1, 11):
            kind = self.random.choice([SUBMIT, self.random.randrange(65536)])
            bent = bytearray(frame(kind, [number, 0, [{"type": "nobody"}], [[0, b"x" * 40]]], number + 1))
            for _ in range(self.random.randrange(1, 4)):
                bent[self.random.randrange(HEADER.size, len(bent))] = self.random.randrange(256)
            peer.send(bytes(bent[:self.random.randrange(HEADER.size, len(bent) + 1)]))
        peer.close(linger=20)

    def crowd(self):
        for _ in range(5):
            self.connect()

    def fill(self, count, greeting=b""):
        """So many silent connections; what the broker was too slow to take is tried again."""
        silent, tries = [], 0
        while len(silent) < count and tries < 2 * count:
            tries += 1
            try:
                peer = socket.create_connection(self.address, 5)
                peer.sendall(greeting)
                silent.append(peer)
            except OSError:
                continue
        self.open += silent
        return len(silent)

    def rest(self):
        while self.open:
            self.open.pop().close()

    def work(self):
        kind = self.random.choice(self.kinds)
        self.counts[kind.__name__] = self.counts.get(kind.__name__, 0) + 1
        try:
            kind()
        except OSError:
            self.counts["cut off"] = self.counts.get("cut off", 0) + 1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args()
    hostile, going = Hostile(options.host, options.port, options.seed), False
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            if selector.select(PAUSE_MS / 1000 if going else None):
                word = sys.stdin.readline().strip()
                if not word:
                    return
                going = word == "go"
                if word.startswith(("crowd ", "greeted ")):
                    kind, count = word.split()
                    stand = hostile.fill(int(count), GREETING + READY if kind == "greeted" else b"")
                    print(json.dumps({"event": "crowd", "open": stand}), flush=True)
                elif not going:
                    hostile.rest()
                    print(json.dumps({"event": "rests", "counts": hostile.counts}), flush=True)
            if going:
                hostile.work()


if __name__ == "__main__":
    main()
