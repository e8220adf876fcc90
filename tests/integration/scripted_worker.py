"""A worker that does what a test tells it, on the wire of docs/protocol.md (section 7).

As a program it is a worker of its own process, to be stopped and killed:
    scripted_worker.py ENDPOINT --type T [--name N] [--slots N] [--hold] [--quiet]
It echoes payloads (with --hold it keeps them) and prints one JSON object per event.
"""

import argparse
import json
import time

from integration import hirehall_wire as wire
from integration.hirehall_wire import Peer, WireError, code_name

SUCCEEDED, FAILED, FAILED_FOR_GOOD, TIMED_OUT, INTERRUPTED, CANCELLED, SNOOZED, SUSPENDED = range(8)
MASK = (1 << 64) - 1


def mix(x):
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


class Award:
    def __init__(self, number, shape, item):
        self.award = number
        self.type, self.agent = shape[0], shape[1]
        self.content_type, self.queue, self.tenant, self.timeout_ms = (list(shape[2:]) + ["", "", "", 0])[:4]
        self.token, self.id, self.attempt, _shape, self.payload = item[:5]
        self.extras = (item[5] if len(item) > 5 else None) or {}


class Worker(Peer):
    """Beats by itself whenever it is pumped, unless beats=False. Tokens of hall pushes lie in stops and losts."""

    role = "worker"

    def __init__(self, endpoint, types=("echo",), slots=4, credit=None, agents=None, beats=True, resources=None, labels=None, timed=False, **options):
        super().__init__(endpoint, **options)
        self.agents = agents or [{"name": "scripted", "version": "1", "digest": "d1", "types": list(types)}]
        self.resources, self.labels, self.timed = resources or {}, labels or {}, timed
        self.slots, self.credit, self.beats = slots, slots if credit is None else credit, beats
        self.token, self.number, self.last_award = b"", 0, 0
        self.held = {}        # token -> Award, in order of arrival
        self.fresh = []       # awards that no test has looked at
        self.stops, self.losts = {}, []
        self.calls = []       # for bids
        self.next_finish, self.finish_acked = 1, 0
        self.finishing = {}   # finish number -> (request, tokens)
        self.finish_answers, self.recorded = {}, 0

    def start(self, limit=wire.PATIENCE):
        self.hello(limit)
        self.register(limit)
        return self

    def register_body(self):
        body = {"name": self.name, "slots": self.slots, "credit": self.credit, "agents": self.agents, "resources": self.resources}
        if self.labels:
            body["labels"] = self.labels
        if self.timed:
            body["timed"] = True
        if self.token:
            body.update(resume=self.token, last_award=self.last_award, holding=self.holding_tokens())
        return body

    def holding_tokens(self):
        """A task whose finish is unanswered is still held when the connection is new."""
        tokens = list(self.held)
        for _request, finishing in self.finishing.values():
            tokens += [token for token in finishing if token not in self.held]
        return tokens

    def register(self, limit=wire.PATIENCE):
        request = self._send_now(wire.REGISTER_WORKER, self.register_body())
        answer = self._await_raw(request, limit)
        if not answer["resumed"]:
            self._forget_finishes()
        self.number, self.token = answer["worker"], answer["token"]
        self.registration = answer
        self.lease_ms, self.heartbeat_ms = answer["lease_ms"], answer["heartbeat_ms"]
        finishing = {token for _request, tokens in self.finishing.values() for token in tokens}
        for token in answer.get("lost", []):
            if token not in finishing:
                self._lose(token)
        return answer

    def _forget_finishes(self):
        """The broker knows another worker now: the leases are over, their finishes have nobody to go to."""
        for request, _tokens in self.finishing.values():
            self.unanswered.pop(request, None)
        self.finishing.clear()
        self.next_finish, self.finish_acked = 1, 0

    def after_hello(self):
        self.unanswered.pop(self.ping_request, None)
        if self.token:
            self.register()

    def on_push(self, kind, body):
        if kind == wire.AWARD:
            number, shapes, items = body[:3]
            self.last_award = max(self.last_award, number)
            for item in items:
                award = Award(number, shapes[item[3]], item)
                self.held[award.token] = award
                self.fresh.append(award)
        elif kind == wire.CALL_FOR_BIDS:
            self.calls.append(body)
        elif kind == wire.STOP:
            for token, grace_ms, reason in body:
                self.stops[token] = (grace_ms, reason)
        elif kind == wire.LOST:
            for token in body:
                self._lose(token)

    def _lose(self, token):
        self.held.pop(token, None)
        self.fresh = [award for award in self.fresh if award.token != token]
        self.losts.append(token)

    def pump(self, limit):
        came = super().pump(limit)
        self._read_beat()
        self._read_finishes()
        return came

    def ping(self):
        """The heartbeat of a worker; its answer is read when it comes."""
        if self.beats and self.token:
            self.unanswered.pop(self.ping_request, None)
            self.ping_request = self.post(wire.WORKER_HEARTBEAT, self.beat_body())

    def beat_body(self):
        value = 0
        for token in self.held:
            value ^= mix(token)
        return [len(self.held), value, self.last_award, self.credit]

    def _read_beat(self):
        found = self.answers.pop(self.ping_request, None)
        if found and found[0] == wire.OK and found[1][1]:
            self.say_holding()

    def heartbeat(self, body=None):
        """A heartbeat with its answer [server_time, list]; a test may send a wrong one."""
        return self.call(wire.WORKER_HEARTBEAT, body or self.beat_body())

    def say_holding(self, tokens=None):
        lost = self.call(wire.HOLDING, [self.last_award, list(self.held) if tokens is None else tokens])
        for token in lost:
            self._lose(token)
        return lost

    # What a test says.

    def awards(self, count=1, limit=wire.PATIENCE):
        """The next awards; fewer if the limit (seconds) is over first."""
        until = time.monotonic() + limit
        while len(self.fresh) < count:
            left = until - time.monotonic()
            if left <= 0:
                break
            self.pump(left)
        taken, self.fresh = self.fresh[:count], self.fresh[count:]
        return taken

    def award(self, limit=wire.PATIENCE):
        taken = self.awards(1, limit)
        if not taken:
            raise wire.NoAnswer(f"{self.name}: no award within {limit} s")
        return taken[0]

    def run(self, seconds):
        """Beats and listens for a while: time passes for the broker, the worker lives."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.pump(until - time.monotonic())

    def finish_later(self, items):
        """items: (award or token, outcome, result, extras). Returns the number of the finish."""
        number, self.next_finish = self.next_finish, self.next_finish + 1
        rows, tokens = [], []
        for award, outcome, result, extras in items:
            token = award.token if isinstance(award, Award) else award
            rows.append([token, outcome, result] + ([extras] if extras else []))
            tokens.append(token)
            self.held.pop(token, None)
        request = self.post(wire.FINISH, [self.credit, rows, number, self.finish_acked])
        self.finishing[number] = (request, tokens)
        return number

    def _read_finishes(self):
        for number, (request, tokens) in list(self.finishing.items()):
            if request not in self.answers:
                continue
            kind, body = self.answers.pop(request)
            if kind == wire.ERROR:
                raise WireError(body)
            del self.finishing[number]
            self.finish_answers[number] = [code_name(code) for _index, code in body]
            self.recorded += len(tokens) - len(body)
        self.finish_acked = min(self.finishing, default=self.next_finish) - 1

    def finish(self, award, outcome=SUCCEEDED, result=b"", limit=wire.PATIENCE, **extras):
        """One finish; "ok" or the code of its refusal."""
        number = self.finish_later([(award, outcome, result, extras)])
        until = time.monotonic() + limit
        while number not in self.finish_answers:
            if time.monotonic() >= until:
                raise wire.NoAnswer(f"{self.name}: finish {number} was not answered within {limit} s")
            self.pump(0.2)
        refused = self.finish_answers.pop(number)
        return refused[0] if refused else "ok"

    def report(self, award, what, value):
        refused = self.call(wire.REPORT, [[award.token, what, value]])
        return code_name(refused[0][1]) if refused else "ok"

    def drain(self):
        return self.call(wire.DRAIN, {})

    def echo(self, done, limit=wire.PATIENCE):
        """Succeeds every award with its payload until done() or the limit."""
        until = time.monotonic() + limit
        while not done() and time.monotonic() < until:
            self.pump(0.05)
            taken, self.fresh = self.fresh, []
            if taken:
                self.finish_later([(award, SUCCEEDED, award.payload, None) for award in taken])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("endpoint")
    parser.add_argument("--type", default="echo")
    parser.add_argument("--name", default="scripted")
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--hold", action="store_true")
    parser.add_argument("--quiet", action="store_true", help="no events: nobody reads them, and a full pipe would stop the worker")
    options = parser.parse_args()
    worker = Worker(options.endpoint, types=[options.type], slots=options.slots, name=options.name).start()

    def say(event, **fields):
        if not options.quiet:
            print(json.dumps(dict(fields, event=event)), flush=True)

    say("registered", worker=worker.number)
    known_losts = 0
    while True:
        worker.pump(0.1)
        for token in worker.losts[known_losts:]:
            say("lost", token=token)
        known_losts = len(worker.losts)
        taken, worker.fresh = worker.fresh, []
        for award in taken:
            say("award", token=award.token, id=award.id.hex(), attempt=award.attempt)
        if taken and not options.hold:
            worker.finish_later([(award, SUCCEEDED, award.payload, None) for award in taken])


if __name__ == "__main__":
    main()
