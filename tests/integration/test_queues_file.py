#!/usr/bin/python3
# ctest: timeout=60
"""Queues from a file: desired state at start and on SIGHUP, with what people set by hand above it."""

import os
import re
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire
from integration.fleet import FleetTest, eventually


class QueuesFile(FleetTest):
    def setUp(self):
        self.fleet = fleet.Fleet()
        self.addCleanup(self._close)
        self.file = self.fleet.directory / "queues.yaml"
        self.write("mail: {weight: 5, retention: 7d, limits: {smtp: 2}}")
        self.fleet.broker_options.update(extra=["--queues", self.file])
        self.fleet.start()
        self.client = self.fleet.client()

    def write(self, queues):
        self.file.write_text(f"queues:\n  {queues}\n")

    def show(self, queue="mail"):
        return self.client.call(wire.QUEUE_SHOW, {"queue": queue})

    def reload(self, text):
        said = len(self.fleet.broker.text())
        self.fleet.broker.signal(signal.SIGHUP)
        eventually(lambda: re.search(text, self.fleet.broker.text()[said:]), what=text)

    def commit(self):
        return self.client.stats()["commit"]

    def test_a_queue_of_the_file_is_there_from_the_start_and_after_a_restart(self):
        for _ in range(2):
            queue = self.show()
            self.assertEqual((queue["weight"], queue["retention_ms"], queue["limits"]), (5, 7 * 86_400_000, {"smtp": 2}))
            self.fleet.crash()
            self.client = self.fleet.client()

    def test_a_reload_changes_what_the_file_changes_and_records_nothing_when_it_says_the_same(self):
        self.write("mail: {weight: 6}")
        self.reload("changed=3")
        self.assertEqual((self.show()["weight"], self.show()["limits"]), (6, {}))
        before = self.commit()
        self.reload("changed=0")
        self.assertEqual(self.commit(), before)

    def test_what_was_set_by_hand_stays(self):
        self.client.call(wire.QUEUE_SET, {"queue": "mail", "weight": 9})
        self.write("mail: {weight: 6, cap: 10}")
        self.reload("set_by_hand=1")
        self.assertEqual((self.show()["weight"], self.show()["cap"]), (9, 10))
        self.fleet.broker_options["extra"].append("--queues-force")
        self.fleet.broker.stop()
        self.fleet.start()
        self.client = self.fleet.client()
        self.assertEqual(self.show()["weight"], 6)

    def test_a_mistake_changes_nothing_at_a_reload_and_stops_a_start(self):
        self.write("mail: {wait: 6}")
        self.reload(r"unknown key 'wait'[^\n]*queues\.yaml:2")
        self.assertEqual(self.show()["weight"], 5)
        self.fleet.broker.stop()
        broker = self.fleet.adopt(fleet.Broker(self.fleet.directory, **self.fleet.broker_options))
        self.assertEqual(broker.exit_code(), 64, broker.text())


if __name__ == "__main__":
    fleet.main()
