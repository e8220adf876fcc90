"""Many light workers in one process: each a DEALER with a session that holds what it was awarded.

    storm_workers.py ENDPOINT --count N --name N [--keys SERVER PUBLIC SECRET]

Prints {"event": "all", "oldest": t, "held": …, "lost": …} whenever all of them think that they have a session; the oldest of these
began at t (CLOCK_MONOTONIC): a worker learns only from its next heartbeat that the broker is another one. SIGUSR1: all finish what they hold, and
{"event": "finished", "recorded": …, "stale": …} follows. SIGUSR2: all drop their connections at once and come back.
"""

import argparse
import json
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import zmq

from integration import hirehall_wire as wire
from integration.scripted_worker import MASK, mix

BEAT, ANSWER = 1.0, 3.0  # seconds: between heartbeats, and until a hello is said again
AGENTS = [{"name": "storm", "version": "1", "digest": "d1", "types": ["storm"]}]


class Light:
    def __init__(self, context, options, name):
        self.context, self.options, self.name = context, options, name
        self.token, self.held, self.last_award, self.lost = b"", set(), 0, 0
        self.request, self.finishing, self.recorded, self.stale = 0, None, 0, 0
        self.socket, self.since = None, 0.0
        self.connect()

    def connect(self):
        if self.socket is not None:
            self.socket.close(0)
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.IMMEDIATE, 1)
        self.socket.setsockopt(zmq.RECONNECT_IVL, 200)
        self.socket.setsockopt(zmq.RECONNECT_IVL_MAX, 2000)
        if self.options.keys:
            self.socket.curve_serverkey, self.socket.curve_publickey, self.socket.curve_secretkey = (
                key.encode() for key in self.options.keys)
        self.socket.connect(self.options.endpoint)
        self.registered, self.due = False, 0.0

    def send(self, kind, body):
        self.request += 1
        try:
            self.socket.send(wire.frame(kind, body, self.request), zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def tick(self, now):
        if now < self.due:
            return
        if self.registered:
            value = 0
            for token in self.held:
                value ^= mix(token)
            self.send(wire.WORKER_HEARTBEAT, [len(self.held), value & MASK, self.last_award, 1])
            self.due = now + BEAT * random.uniform(0.8, 1.2)
        else:
            said = self.send(wire.HELLO, {"min_version": 1, "max_version": 1, "role": "worker", "name": self.name})
            self.due = now + (ANSWER if said else 0.05)

    def take(self, kind, request, body, now):
        if kind == wire.WELCOME:
            register = {"name": self.name, "slots": 1, "credit": 1, "agents": AGENTS}
            if self.token:
                register.update(resume=self.token, last_award=self.last_award, holding=list(self.held))
            self.send(wire.REGISTER_WORKER, register)
        elif kind == wire.ERROR and body.get("code") in ("unknown_session", "unavailable", "busy"):
            self.registered, self.due = False, now + (0 if body["code"] == "unknown_session" else 0.5)
        elif kind == wire.ERROR:
            raise wire.WireError(body)
        elif kind == wire.OK and isinstance(body, dict) and "token" in body:
            self.token, self.registered, self.since, self.due = body["token"], True, now, now
            self.drop(body.get("lost", []))
        elif kind == wire.OK and request == self.finishing:
            self.finishing, self.recorded, self.stale = None, 1 - len(body), len(body)
        elif kind == wire.OK and isinstance(body, list) and len(body) == 2 and body[1] is True:
            self.send(wire.HOLDING, [self.last_award, list(self.held)])
        elif kind == wire.AWARD:
            self.last_award = body[0]
            self.held |= {item[0] for item in body[2]}
        elif kind == wire.LOST:
            self.drop(body)

    def drop(self, tokens):
        self.lost += len(self.held & set(tokens))
        self.held -= set(tokens)

    def finish(self):
        if self.held and self.send(wire.FINISH, [0, [[token, 0, b"done"] for token in self.held], 1, 0]):
            self.finishing = self.request
            self.held.clear()


class Storm:
    def __init__(self, options):
        context = zmq.Context()
        context.set(zmq.MAX_SOCKETS, 2 * options.count + 100)
        self.workers = [Light(context, options, f"{options.name}-{n}") for n in range(options.count)]
        self.poller = zmq.Poller()
        self.by_socket = {}
        for worker in self.workers:
            self.watch(worker)
        self.orders = []
        for order in (signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(order, lambda number, _: self.orders.append(number))
        self.complete = self.finishing = False

    def watch(self, worker):
        self.by_socket[worker.socket] = worker
        self.poller.register(worker.socket, zmq.POLLIN)

    def run(self):
        while True:
            for socket, _ in self.poller.poll(20):
                self.drain(self.by_socket[socket])
            now = time.monotonic()
            for worker in self.workers:
                worker.tick(now)
            while self.orders:
                self.obey(self.orders.pop(0))
            self.tell()

    def drain(self, worker):
        try:
            while True:
                worker.take(*wire.unframe(worker.socket.recv(zmq.NOBLOCK)), time.monotonic())
        except zmq.Again:
            pass

    def obey(self, order):
        if order == signal.SIGUSR1:
            for worker in self.workers:
                worker.finish()
            self.finishing = True
            return
        for worker in self.workers:
            self.poller.unregister(worker.socket)
            del self.by_socket[worker.socket]
            worker.connect()
            self.watch(worker)

    def tell(self):
        complete = all(worker.registered for worker in self.workers)
        if complete and not self.complete:
            say("all", oldest=min(worker.since for worker in self.workers), held=sum(len(worker.held) for worker in self.workers),
                lost=sum(worker.lost for worker in self.workers))
        self.complete = complete
        if self.finishing and not any(worker.finishing for worker in self.workers):
            self.finishing = False
            say("finished", recorded=sum(worker.recorded for worker in self.workers), stale=sum(worker.stale for worker in self.workers))


def say(event, **fields):
    print(json.dumps(dict(fields, event=event)), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("endpoint")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--keys", nargs=3)
    Storm(parser.parse_args()).run()


if __name__ == "__main__":
    main()
