#!/usr/bin/python3
# ctest: timeout=180
"""Lists by expression with stable cursors, counts, dead letters by what went wrong, and bulk work that outlives a kill -9."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire, scripted_worker as hand
from integration.fleet import BIN, LIMIT, FleetTest, eventually


class Bulk(FleetTest):
    def setUp(self):
        super().setUp()
        self.client = self.fleet.client()

    def listed(self, where, **more):
        return [task["id"] for task in self.client.walk(where=where, **more)]

    def counted(self, where, kind=wire.LIST, **more):
        total, cursor = 0, None
        while True:
            body = dict(more, where=where, count=True, **({"cursor": cursor} if cursor else {}))
            answer = self.client.call(kind, body)
            total, cursor = total + answer["count"], answer["cursor"]
            if cursor is None:
                return total

    def start(self, verb, where, **more):
        return self.client.call(wire.BULK_START, dict(more, verb=verb, where=where))["bulk"]

    def show(self, bulk):
        return self.client.call(wire.BULK_LIST, {"bulk": bulk})["bulks"][0]

    def ended(self, bulk):
        return eventually(lambda: self.show(bulk)["state"] != "running" and self.show(bulk), what="bulk work ends")

    def fails(self, count, error, type_="echo", **options):
        """Makes dead letters."""
        ids = self.client.submit([[0, b'"%d"' % n] for n in range(count)], [dict(options, type=type_, max_attempts=1)])
        worker = self.fleet.worker(type_, slots=8)
        for n in range(count):
            worker.finish(worker.award(), hand.FAILED_FOR_GOOD, error=error % n, error_code="e")
        worker.close()
        return ids

    # Lists.

    def test_an_expression_picks_what_it_says(self):
        self.client.queue("mail")
        seven = self.client.submit_one("echo", queue="mail", labels={"customer": "7"})
        eight = self.client.submit_one("echo", queue="mail", labels={"customer": "8"}, priority=9)
        other = self.client.submit_one("write")
        self.assertEqual(self.listed("queue=mail and label.customer=7"), [seven])
        self.assertEqual(self.listed("queue=mail"), [seven, eight])
        self.assertEqual(self.listed("priority>=9 or type=write"), [eight, other])
        self.assertEqual(self.listed("not queue=mail"), [other])
        self.assertEqual(self.listed("age<1h", newest_first=True), [other, eight, seven])
        self.assertEqual(self.listed("age>1h"), [])
        self.assertEqual(self.counted("state=ready"), 3)
        self.fleet.crash()
        self.assertEqual(self.listed("queue=mail and label.customer=7"), [seven], "history is there after a crash")

    def test_a_mistake_is_told_with_its_place(self):
        for where, at in (("staet=failed", "at byte 0"), ("state=failed and", "at byte 16"), ("age<soon", "at byte 4")):
            error = self.refused("invalid", self.client.call, wire.LIST, {"where": where})
            self.assertIn(at, error.message)
            self.assertEqual(error.context, "where")
        self.refused("not_found", self.client.call, wire.LIST, {"where": "queue=nowhere"})

    def test_a_cursor_stays_good_whatever_ends_and_comes_meanwhile(self):
        ids = self.client.submit([[0, b"%d" % n] for n in range(300)], [{"type": "echo", "labels": {"a": "b"}}])
        seen, cursor = [], None
        while True:
            page = self.client.call(wire.LIST, {"where": "label.a=b", "limit": 7, **({"cursor": cursor} if cursor else {})})
            seen += [task["id"] for task in page["tasks"]]
            cursor = page["cursor"]
            if cursor is None:
                break
            self.client.cancel(ids[len(seen) - 1])
            self.client.submit_one("echo", labels={"a": "c"})
        self.assertEqual(seen, ids)

    def test_a_list_larger_than_a_message_leaves_nothing_out(self):
        labels = {f"label{n}": "x" * 250 for n in range(40)}
        ids = self.client.submit([[0, b""]] * 250, [{"type": "echo", "labels": labels}])
        self.assertEqual([task["id"] for task in self.client.walk(limit=1000)], ids)

    # Dead letters by what went wrong.

    def test_errors_that_differ_in_numbers_only_are_one_group(self):
        self.fails(5, "connection %d refused")
        self.fails(3, "no address in row %d", type_="write")
        groups = self.client.call(wire.DEAD_GROUPS, {})["groups"]
        self.assertEqual(sorted((g["count"], g["type"], g["code"]) for g in groups), [(3, "write", "e"), (5, "echo", "e")])
        most = max(groups, key=lambda g: g["count"])
        self.assertEqual(self.counted(f"fingerprint={most['fingerprint']}", wire.DEAD_LIST), 5)
        self.assertEqual(self.client.call(wire.DEAD_GROUPS, {"where": "type=write"})["groups"][0]["count"], 3)

    # Bulk work.

    def test_cancel_of_all_matches_keeps_the_reason_and_leaves_the_rest(self):
        some = self.client.submit([[0, b"x"]] * 700, [{"type": "echo", "labels": {"go": "yes"}}])
        rest = self.client.submit([[0, b"x"]] * 20, [{"type": "echo"}])
        bulk = self.ended(self.start("cancel", "label.go=yes", reason="left us"))
        self.assertEqual((bulk["state"], bulk["done"], bulk["passed"]), ("done", 700, 0))
        self.assertEqual((bulk["reason"], bulk["by"], bulk["verb"]), ("left us", "local", "cancel"))
        self.assertEqual(self.client.get(some[0])["reason"], "left us")
        self.assertEqual(self.counted("state=ready"), len(rest))

    def test_bulk_work_goes_on_after_kill_9_and_does_nothing_twice(self):
        dead = self.fails(60, "broken %d")
        bulk = self.start("retry", "state=failed", rate=40, reason="mended")
        for _ in range(3):
            eventually(lambda: self.show(bulk)["done"] >= 1, what="it goes on")
            self.fleet.crash()
        shown = self.ended(bulk)
        self.assertEqual((shown["state"], shown["done"], shown["passed"]), ("done", len(dead), 0))
        again = [t["options"]["replay_of"] for t in (self.client.get(id_) for id_ in self.listed("state in (ready, leased, scheduled)"))]
        self.assertEqual(len(again), len(set(again)), "no dead letter was submitted twice")
        self.assertEqual(len(again), len(dead))
        self.assertEqual(self.counted("state=failed", wire.DEAD_LIST), 0)

    def test_retry_with_edited_input_into_another_queue(self):
        self.client.queue("second")
        self.fails(3, "no address in row %d")
        self.ended(self.start("retry", "error=e", payload=b'"mended"', queue="second", priority=8))
        tasks = [self.client.get(id_) for id_ in self.listed("queue=second")]
        self.assertEqual([(t["payload"], t["priority"]) for t in tasks], [(b'"mended"', 8)] * 3)

    def test_move_goes_on_under_a_new_id_that_the_old_record_names(self):
        self.client.queue("post")
        old = self.client.submit_one("echo", b'"letter"', labels={"k": "v"})
        later = self.client.submit_one("echo", delay_ms=3_600_000, labels={"k": "v"})
        bulk = self.ended(self.start("move", "label.k=v", queue="post", priority=2, reason="by hand"))
        self.assertEqual((bulk["done"], bulk["passed"]), (2, 0))
        record = self.client.get(old)
        self.assertEqual(record["state"], "cancelled")
        self.assertRegex(record["reason"], "^goes on as .*: by hand$")
        moved = {t["options"]["replay_of"]: t for t in (self.client.get(i) for i in self.listed("queue=post"))}
        self.assertEqual(len(moved), 2)
        self.assertEqual({t["state"] for t in moved.values()}, {"ready", "scheduled"})
        self.assertEqual({(t["payload"], t["priority"]) for t in moved.values()}, {(b'"letter"', 2), (b"", 2)})
        self.assertEqual(self.client.get(later)["state"], "cancelled")

    def test_purge_takes_dead_letters_off_the_list(self):
        self.fails(4, "broken %d")
        self.assertEqual(self.ended(self.start("purge", "message~broken"))["done"], 4)
        self.assertEqual(self.counted("", wire.DEAD_LIST), 0)

    def test_a_rate_is_kept_and_a_stop_stops(self):
        self.client.submit([[0, b"x"]] * 200, [{"type": "echo"}])
        bulk = self.start("cancel", "type=echo", rate=5)
        eventually(lambda: self.show(bulk)["done"] >= 2, what="it goes on")
        self.assertLess(self.show(bulk)["done"], 150)
        self.client.call(wire.BULK_STOP, {"bulk": bulk})
        stopped = self.show(bulk)
        self.assertEqual((stopped["state"], stopped["message"]), ("stopped", "stopped by local"))
        self.refused("terminal", self.client.call, wire.BULK_STOP, {"bulk": bulk})
        self.fleet.crash()
        self.assertEqual(self.show(bulk)["done"], stopped["done"])

    def test_the_same_token_is_the_same_work(self):
        first = self.start("cancel", "type=echo", token=b"once")
        self.assertEqual(self.start("cancel", "type=echo", token=b"once"), first)
        self.assertNotEqual(self.start("cancel", "type=echo", token=b"twice"), first)

    def test_bulk_work_refuses_what_is_wrong(self):
        for wrong in ({"verb": "dance", "where": "type=a"}, {"verb": "cancel", "where": " "}, {"verb": "cancel"},
                      {"verb": "cancel", "where": "type"}, {"verb": "move", "where": "type=a"},
                      {"verb": "cancel", "where": "type=a", "rate": -1}, {"verb": "purge", "where": "type=a", "priority": 3},
                      {"verb": "cancel", "where": "type=a", "payload": b"x"}):
            self.refused("invalid", self.client.call, wire.BULK_START, wrong)
        self.refused("not_found", self.client.call, wire.BULK_START, {"verb": "move", "where": "type=a", "queue": "none"})
        self.refused("not_found", self.client.call, wire.BULK_STOP, {"bulk": 99})
        self.assertEqual(self.client.call(wire.BULK_LIST, {})["bulks"], [])

    # The command line.

    def hirehall(self, *arguments):
        done = subprocess.run([BIN / "hirehall", "--broker", self.fleet.broker.endpoint, *arguments], capture_output=True,
                              text=True, timeout=3 * LIMIT)
        return done.returncode, done.stdout, done.stderr

    def test_the_command_line_counts_first_and_points_at_mistakes(self):
        self.client.submit([[0, b"x"]] * 3, [{"type": "echo"}])
        code, _, err = self.hirehall("task", "cancel", "--where", "type=echo")
        self.assertEqual((code, "3 tasks match" in err, "--yes" in err), (2, True, True), err)
        code, _, err = self.hirehall("task", "list", "--where", "type=echo and staet=ready")
        self.assertEqual(code, 2)
        self.assertIn("  type=echo and staet=ready\n                ^\n", err)
        code, out, err = self.hirehall("task", "cancel", "--where", "type=echo", "--yes", "--reason", "r", "-o", "json")
        self.assertEqual((code, json.loads(out)["done"]), (0, 3), err)
        code, out, _ = self.hirehall("bulk", "list", "-o", "json")
        self.assertEqual([b["reason"] for b in json.loads(out)], ["r"])
        self.fails(2, "broken %d")
        code, out, _ = self.hirehall("dead", "groups", "-o", "json")
        self.assertEqual([g["count"] for g in json.loads(out)], [2])
        code, out, err = self.hirehall("dead", "retry", "--where", "state=failed", "--payload", '"new"', "--yes", "-o", "json")
        self.assertEqual((code, json.loads(out)["done"]), (0, 2), err)
        self.client.submit([[0, b"x"]] * 2, [{"type": "kept"}])
        code, out, err = self.hirehall("task", "move", "--where", "type=kept", "--to-priority", "9", "--yes", "-o", "json")
        self.assertEqual((code, json.loads(out)["done"]), (0, 2), err)


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall")
