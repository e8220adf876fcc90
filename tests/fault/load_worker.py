"""A light worker that keeps a diary (diary.py) of what it began and ended.

    load_worker.py ENDPOINT --name N --diary FILE [--seed S] [--type echo] [--slots 8] [--longest 0.3]

It answers with the payload after a pause between nothing and a few hundredths of a second, for one task in fifty up to the
longest.
"""

import argparse
import heapq
import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration.hirehall_wire import NoAnswer, WireError
from integration.scripted_worker import SUCCEEDED, Worker


class Diarist(Worker):
    def __init__(self, options):
        self.diary = open(options.diary, "a", buffering=1)
        super().__init__(options.endpoint, types=[options.type], slots=options.slots, name=options.name)

    def write(self, *row):
        self.diary.write(json.dumps(row) + "\n")

    def after_hello(self):
        super().after_hello()
        self.write("session", time.monotonic())


def work(worker, options):
    chance = random.Random(f"{options.seed}-{options.name}")
    due = []
    while True:
        try:
            worker.pump(max(0.0, min(0.1, due[0][0] - time.monotonic())) if due else 0.1)
        except NoAnswer:
            continue  # the broker is away, and will be back
        except WireError as error:
            if error.action != "retry":
                raise
        now = time.monotonic()
        taken, worker.fresh = worker.fresh, []
        for award in taken:
            worker.write("begin", now, award.id.hex(), award.attempt)
            pause = chance.uniform(0, options.longest) if chance.random() < 0.02 else chance.uniform(0, 0.03)
            heapq.heappush(due, (now + pause, award.token, award))
        done = []
        while due and due[0][0] <= now:
            award = heapq.heappop(due)[2]
            if award.token in worker.held:
                worker.write("end", now, award.id.hex(), award.attempt)
                done.append((award, SUCCEEDED, award.payload, None))
        if done:
            worker.finish_later(done)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("endpoint")
    parser.add_argument("--name", required=True)
    parser.add_argument("--diary", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--type", default="echo")
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--longest", type=float, default=0.3, help="seconds")
    options = parser.parse_args()
    worker = Diarist(options)
    worker.hello(60)
    worker.register(60)
    worker.write("session", time.monotonic())
    print(json.dumps({"event": "registered", "worker": worker.number}), flush=True)
    work(worker, options)


if __name__ == "__main__":
    main()
