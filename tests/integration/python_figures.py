#!/usr/bin/python3
"""Tasks per second of the Python package: python_figures.py [--tasks N]. A measurement, no test; it says what docs/python.md quotes."""

import argparse
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from integration.fleet import SOURCE, Fleet

sys.path.insert(0, str(SOURCE / "client" / "python"))

import hirehall

PAYLOAD = b"x" * 100


def rate(what, count, function):
    start = time.perf_counter()
    function()
    print(f"{what:58} {count / (time.perf_counter() - start):10,.0f} tasks/s", flush=True)


def threads(number, function):
    running = [threading.Thread(target=function) for _ in range(number)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def submits(client, count):
    few = count // 50
    rate("submit(), one thread, each waits for its id", few, lambda: [client.submit("t", PAYLOAD) for _ in range(few)])
    rate("submit(), 16 threads on one client", few * 16,
         lambda: threads(16, lambda: [client.submit("t", PAYLOAD) for _ in range(few)]))
    rate("submit_async(), then all ids", count, lambda: [f.result() for f in [client.submit_async("t", PAYLOAD) for _ in range(count)]])
    rate("submit_many()", count, lambda: client.submit_many("t", [PAYLOAD] * count))


def work(client, endpoint, count):
    worker = hirehall.Worker(endpoint, slots=2, credit=256)
    worker.agent("echo")(lambda attempt: attempt.payload)
    with worker, client.results() as results:
        def all_of_it():
            client.submit_many("echo", [PAYLOAD] * count)
            for _ in range(count):
                next(results)
        rate("submit, run in a Python worker of 2 slots, result told", count, all_of_it)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--tasks", type=int, default=50_000)
    count = options.parse_args().tasks
    fleet = Fleet()
    try:
        fleet.start()
        with hirehall.Client(fleet.broker.endpoint) as client:
            submits(client, count)
            work(client, fleet.broker.endpoint, count // 5)
    finally:
        fleet.close()


if __name__ == "__main__":
    main()
