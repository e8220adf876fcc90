"""A client under load that writes a history: what it sent, what was acknowledged, what it saw end.

    load_client.py ENDPOINT --name N --seed S --history FILE --session FILE [--type echo]

Runs until SIGTERM: stops submitting then, waits for answers and ends. One JSON array per line:
    ["send", batch, [payloads]]   before the batch leaves; a batch without "ack" has an unknown outcome
    ["ack", batch, [ids]]         after its answer; an id is hex, a refusal its code
    ["end", id, state, result]    a result push
    ["session", t]                a session, also after a lost connection; t as in diary.py
A history belongs to the checker: the client survives kill -9 because a new one reads session and history and resends.
"""

import argparse
import json
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration.hirehall_wire import RESULTS, SEEN, STATES, Batch, Client, NoAnswer


class Load:
    def __init__(self, options):
        self.options = options
        self.random = random.Random(f"{options.seed}-{options.name}-{os.getpid()}")
        torn = self.read_history()
        self.history = open(options.history, "a", buffering=1)
        if torn:
            self.history.write("\n")
        self.client = Client(options.endpoint, name=options.name)
        self.client.after_hello = lambda: self.write("session", time.monotonic())
        self.stopping = False
        self.next_send = time.monotonic()
        self.subscribed_on = None
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "stopping", True))

    def read_history(self):
        """What an earlier life of this client left behind."""
        self.sent, self.acked, self.open_ids, ended = {}, set(), set(), set()
        torn = False
        if os.path.exists(self.options.history):
            for line in open(self.options.history):
                try:
                    row = json.loads(line)
                except ValueError:
                    torn = True  # the line that was being written when this client was killed: nothing was sent after it
                    continue
                if row[0] == "send":
                    self.sent[row[1]] = row[2]
                elif row[0] == "ack":
                    self.acked.add(row[1])
                    self.open_ids |= set(row[2])
                elif row[0] == "end":
                    ended.add(row[1])
        self.open_ids -= ended
        self.ended = ended
        return torn

    def write(self, *row):
        self.history.write(json.dumps(row) + "\n")

    def begin(self):
        if os.path.exists(self.options.session):
            with open(self.options.session, "rb") as file:
                self.client.session = file.read()
        self.client.hello(60)
        self.client.after_hello()
        with open(self.options.session + ".new", "wb") as file:
            file.write(self.client.session)
        os.rename(self.options.session + ".new", self.options.session)
        # Batches without an answer in the history go again, with their numbers and their items.
        unanswered = sorted(set(self.sent) - self.acked)
        client = self.client
        client.next_batch = max(self.sent, default=client.welcome["next_batch"] - 1) + 1
        client.acked = (unanswered[0] if unanswered else client.next_batch) - 1
        for number in unanswered:
            batch = Batch(number, [self.template()], [[0, p.encode()] for p in self.sent[number]], False)
            client.pending[number] = batch
            client._post_batch(batch)
        self.flying = [batch for batch in client.pending.values()]

    def template(self):
        return {"type": self.options.type, "max_losses": 1000, "max_attempts": 1000, "backoff_ms": 1, "backoff_max_ms": 50,
                "retention_ms": 3_600_000}

    def run(self):
        self.begin()
        print(json.dumps({"event": "running"}), flush=True)
        number = len(self.sent) * 1000
        while not self.stopping or self.flying or self.open_ids:
            try:
                if self.may_send():
                    payloads = [f"{self.options.name}:{self.client.next_batch}:{number + i}"
                                for i in range(self.random.randrange(1, self.options.batch))]
                    number += len(payloads)
                    self.write("send", self.client.next_batch, payloads)
                    self.flying.append(self.client.submit_later([[0, p.encode()] for p in payloads], [self.template()]))
                self.client.turn(0.02)
            except NoAnswer:
                pass
            self.collect()
            self.follow()
        print(json.dumps({"event": "done"}), flush=True)

    def may_send(self):
        now = time.monotonic()
        if self.stopping or now < self.next_send or len(self.flying) >= self.options.window or len(self.open_ids) >= self.options.open:
            return False
        self.next_send = max(self.next_send, now - 1) + 1 / self.options.rate
        return True

    def collect(self):
        for batch in [b for b in self.flying if b.answer is not None]:
            self.flying.remove(batch)
            if isinstance(batch.answer, list):
                answers = [a.hex() if isinstance(a, bytes) else a.code for a in batch.answer]
                self.write("ack", batch.number, answers)
                self.open_ids |= set(answers) - self.ended
            else:
                raise SystemExit(f"batch {batch.number} was refused: {batch.answer}")

    def follow(self):
        """Keeps one subscription per connection, from where the last one ended."""
        client = self.client
        if self.subscribed_on != client.lost_connections:
            self.subscribed_on = client.lost_connections
            position = list(max(client.positions.values(), default=(0, 0)))
            try:
                answer = client.subscribe(position=position)
                client.positions = {answer["subscription"]: tuple(position)}
            except NoAnswer:
                self.subscribed_on = None
        while client.pushes:
            kind, body = client.pushes.popleft()
            if kind == RESULTS:
                for item in body[3]:
                    self.write("end", item[0].hex(), STATES[item[1]], item[2].decode() if item[2] else "")
                    self.ended.add(item[0].hex())
                    self.open_ids.discard(item[0].hex())
                client.positions[body[0]] = (body[1], body[2])
                client.note(SEEN, body[:3])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("endpoint")
    parser.add_argument("--name", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--history", required=True)
    parser.add_argument("--session", required=True)
    parser.add_argument("--type", default="echo")
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--window", type=int, default=4)
    parser.add_argument("--rate", type=float, default=40, help="batches a second")
    parser.add_argument("--open", type=int, default=400, help="most acknowledged tasks whose end was not seen")
    Load(parser.parse_args()).run()


if __name__ == "__main__":
    main()
