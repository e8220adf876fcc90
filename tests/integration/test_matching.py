#!/usr/bin/python3
# ctest: timeout=120
"""Tasks of a turn that are matched with each other, over the real broker (docs/scheduler.md, Rounds)."""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire, scripted_worker as hand
from integration.test_policies import PolicyTest, winner_of

import hirehall


class Matching(PolicyTest):
    """An artist can write and draw, a clerk can write."""

    def hire(self):
        def agent(name, *types):
            return self.fleet.worker(name=name, slots=1, agents=[{"name": name + "-agent", "version": "1", "types": list(types)}])

        self.workers = {"artist": agent("artist", "draw", "write"), "clerk": agent("clerk", "write")}

    def setUp(self):
        super().setUp()
        self.hire()

    def both(self):
        """A letter and a picture that wait in the same turn, and who got which."""
        ids = self.client.submit([[0, b"null"], [1, b"null"]], [{"type": "write"}, {"type": "draw"}])
        got = {name: worker.award() for name, worker in self.workers.items()}
        self.assertEqual({got["clerk"].id, got["artist"].id}, set(ids))
        return ids, got

    def finish(self, got):
        for name, award in got.items():
            self.workers[name].finish(award, hand.SUCCEEDED)

    def explained(self, id_):
        return self.client.call(wire.EXPLAIN, {"id": id_})["awards"][0]

    def test_both_are_placed_and_the_prices_say_why(self):
        one_by_one = []
        for policy in ("learned", "auction"):
            self.client.queue("default", policy=policy, match_from_ms=1)
            for _ in range(5):
                (letter, picture), got = self.both()
                self.assertEqual((got["clerk"].id, got["artist"].id), (letter, picture))
                for id_, name in ((letter, "clerk"), (picture, "artist")):
                    award = self.explained(id_)
                    self.assertEqual((award["policy"], award["worker"], award["matched_with"]), (policy, name, name))
                    self.assertEqual((award["matched_tasks"], award["matched_places"]), (2, 2))
                    self.assertIn(award["one_by_one_tasks"], (1, 2))
                    self.assertEqual(winner_of(award["terms"]), name)
                    self.assertNotIn("propensity", award)
                one_by_one.append(self.explained(letter)["one_by_one_tasks"])
                self.finish(got)
        page = fleet.eventually(lambda: (m := self.metrics()).get('hirehall_matched_tasks_total{went="as_matched"}') == 20 and m, 30, "all are counted")
        self.assertEqual(page["hirehall_matched_rounds_total"], 10)
        self.assertEqual(page['hirehall_matched_tasks_total{went="otherwise"}'], 0)
        alone = sum(2 - tasks for tasks in one_by_one)
        self.assertEqual(page["hirehall_matched_placed_more_total"], alone)

    def test_the_terms_outlive_kill_9(self):
        self.client.queue("default", policy="learned", match_from_ms=1)
        (letter, picture), _got = self.both()
        told = [self.explained(id_) for id_ in (letter, picture)]
        for worker in self.workers.values():
            worker.close()
        self.fleet.crash()
        self.client = self.fleet.client()
        self.assertEqual([self.explained(id_) for id_ in (letter, picture)], told)
        self.assertEqual(self.client.queue_show("default")["match_from_ms"], 1)

    def test_a_task_alone_and_a_short_one_are_awarded_as_ever(self):
        self.client.queue("default", policy="learned", match_from_ms=1)
        letter = self.client.submit_one("write")
        name = fleet.eventually(lambda: self.holder(self.workers), 30, "an award")
        award = self.workers[name].award()
        self.assertEqual(award.id, letter)
        self.assertNotIn("matched_with", self.explained(letter))
        self.finish({name: award})
        self.client.queue("default", match_from_ms=3_600_000)
        ids = self.client.submit([[0, b"null"], [0, b"null"]], [{"type": "write"}])
        for worker in self.workers.values():
            self.assertNotIn("matched_with", self.explained(worker.award().id))
        self.assertEqual(len(ids), 2)

    def test_the_command_line_and_what_it_refuses(self):
        self.cli("queue", "set", "default", "--policy", "learned", "--match-from", "1ms")
        self.assertEqual(json.loads(self.cli("queue", "show", "default", "-o", "json"))["match_from_ms"], 1)
        (letter, _picture), _got = self.both()
        told = json.loads(self.cli("task", "explain", hirehall.ids.text(letter), "-o", "json"))["awards"][0]
        self.assertEqual(told["matched_with"], "clerk")
        text = self.cli("task", "explain", hirehall.ids.text(letter))
        for word in ("MATCHED WITH", "SLOT PRICE"):
            self.assertIn(word, text)
        self.assertIn("match-from", self.cli("queue", "set", "default", "--match-from", "soon", code=2))
        for wrong in (-1, 1 << 40):
            with self.assertRaises(wire.WireError) as refused:
                self.client.queue("default", match_from_ms=wrong)
            self.assertIn("match_from_ms", str(refused.exception))


if __name__ == "__main__":
    fleet.main("hirehall-broker", "hirehall")
