#!/usr/bin/python3
# ctest: timeout=120
"""Long tasks behind short ones: what a worker holds beyond its slots goes to who can begin it, and is not tried twice (I4)."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire
from integration.fleet import LIMIT, FleetTest, eventually

FOR_EVER = b"600000"


class LateBinding(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = self.fleet.client()

    def start(self, name, slots):
        self.fleet.wait_worker(self.fleet.worker_program(name, slots=slots, agents=("echo", "sleep")))

    def credit_of(self, name):
        (row,) = [w for w in self.client.call(wire.WORKER_LIST, {})["workers"] if w["name"] == name]
        return row["credit"]

    def holders(self, ids):
        tasks = [self.client.get(id_) for id_ in ids]
        return [task.get("worker") if task["state"] == "leased" else None for task in tasks]

    def test_long_tasks_that_were_awarded_on_short_ones_credit_go_on_to_a_free_worker(self):
        self.start("first", 2)
        for id_ in self.client.submit([[0, b"x"]] * 2000, [{"type": "echo"}]):
            self.client.wait(id_)
        self.assertGreaterEqual(self.credit_of("first"), 7, "short tasks are fetched ahead")
        long = self.client.submit([[0, FOR_EVER]] * 6, [{"type": "sleep"}])
        once = self.client.submit_one("sleep", FOR_EVER, delivery="at_most_once")
        self.start("second", 4)
        eventually(lambda: sorted(map(str, self.holders(long))) == ["first"] * 2 + ["second"] * 4, LIMIT, "each runs")
        self.assertEqual(self.credit_of("first"), 2, "no more than begins at once, for a while")
        moved = [id_ for id_, holder in zip(long, self.holders(long)) if holder == "second"]
        for id_ in moved:
            task = self.client.get(id_)
            self.assertEqual([attempt["outcome"] for attempt in task["history"]], ["interrupted"], "the first worker held them all")
            self.assertEqual(task["attempt"], 2)
        self.assertEqual(self.client.get(once)["attempt"], 1, "it has one award, and is not handed back")
        for id_ in [once, *long]:
            self.client.cancel(id_)
        for id_ in long:
            self.assertEqual(self.client.wait(id_, 30_000)["state"], "cancelled")


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall-worker")
