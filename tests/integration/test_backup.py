#!/usr/bin/python3
# ctest: timeout=240
"""Backups of a running broker: under load, over the wire and the command line; what a restore means for workers and clients
of the future that is lost (I3, I4); kill -9 in the middle."""

import json
import os
import shutil
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire
from integration.fleet import BIN, FleetTest, eventually

CREATE, STATUS, LIST, VERIFY, DELETE = 112, 113, 114, 115, 116
COMMIT_BITS = 48


class Backups(FleetTest):
    def setUp(self):
        super().setUp()
        self.folder = self.fleet.directory / "backups"
        self.begin("--backup-keep", "3")
        self.client = self.fleet.client()

    def begin(self, *extra, folder=True):
        """The broker anew, on the same endpoint and store."""
        self.fleet.broker.kill()
        self.broker = self.fleet.start(extra=[*(["--backups", self.folder] if folder else []), *extra]).broker

    def job(self, kind, **body):
        number = self.client.call(kind, body)["job"]
        return eventually(lambda: self.ended(number), what=f"job {number}")

    def ended(self, number):
        status = self.client.call(STATUS, {})
        return status if status["job"] == number and not status["running"] else None

    def back_up(self):
        status = self.job(CREATE)
        self.assertNotIn("error", status)
        return status["made"]

    def tool(self, *words, code=0):
        ended = subprocess.run([BIN / "hirehall-broker", *map(str, words)], capture_output=True, text=True)
        self.assertEqual(ended.returncode, code, ended.stdout + ended.stderr)
        return ended.stdout + ended.stderr

    def restore(self, backup=0):
        """Ends the broker for good and goes on from a backup, on the same endpoint."""
        self.broker.kill()
        shutil.rmtree(self.broker.data)
        said = self.tool("restore", "--backups", self.folder, "--data", self.broker.data, "--backup", backup)
        self.assertIn("sound", self.tool("verify", "--data", self.broker.data))
        self.begin()
        return said

    def cli(self, *words, code=0):
        ended = subprocess.run([BIN / "hirehall", *words, "--broker", self.broker.endpoint], capture_output=True, text=True)
        self.assertEqual(ended.returncode, code, ended.stdout + ended.stderr)
        return ended.stdout

    def test_a_backup_under_load_comes_back_sound_with_all_that_was_acknowledged_before(self):
        before = self.client.submit([[0, b"%d" % n] for n in range(500)], [{"type": "echo"}])
        over = threading.Event()

        def load():
            other = self.fleet.client()
            while not over.is_set():
                other.submit([[0, b"x" * 2000] for _ in range(50)], [{"type": "echo"}])
            other.close()

        thread = threading.Thread(target=load)
        thread.start()
        first = self.back_up()
        second = self.back_up()
        over.set()
        thread.join()
        self.assertGreater(second["commit"], first["commit"])
        self.restore(first["backup"])
        client = self.fleet.client()
        for id_ in before:
            self.assertEqual(client.get(id_)["state"], "ready")

    def test_the_command_line(self):
        made = json.loads(self.cli("backup", "create", "-o", "json"))
        self.assertEqual(made["backup"], 1)
        self.assertEqual([one["backup"] for one in json.loads(self.cli("backup", "list", "-o", "json"))], [1])
        self.assertIn("sound", self.cli("backup", "verify", "1"))
        self.cli("backup", "verify", "7", code=3)
        self.cli("backup", "verify", "seven", code=2)
        self.cli("backup", "delete", "1")
        self.assertEqual(json.loads(self.cli("backup", "list", "-o", "json")), [])

    def test_retention_and_what_is_refused(self):
        for _ in range(4):
            self.client.submit_one("echo")
            status = self.job(CREATE)
        self.assertEqual(status["removed"], [1])
        self.assertEqual([one["backup"] for one in self.client.call(LIST, {})["backups"]], [2, 3, 4])
        self.refused("invalid", self.client.call, VERIFY, {})
        self.refused("bad_message", self.client.call, DELETE, {"backup": "two"})
        self.assertEqual(self.job(DELETE, backup=99)["error"]["code"], "not_found")

    def test_damage_is_found_and_a_damaged_backup_is_not_restored(self):
        self.client.submit([[0, b"x" * 1000] for _ in range(1000)], [{"type": "echo"}])
        made = self.back_up()
        table = max((self.folder / "tables").iterdir(), key=lambda path: path.stat().st_size)
        data = bytearray(table.read_bytes())
        data[len(data) // 2] ^= 1
        table.write_bytes(data)
        place = self.fleet.directory / "place"
        self.assertIn("not what was copied", self.tool("restore", "--backups", self.folder, "--data", place, code=65))
        self.assertFalse((place / "db").exists())
        self.assertEqual(self.job(VERIFY, backup=made["backup"])["error"]["code"], "corrupt")
        self.back_up()  # brings the table again
        self.assertNotIn("error", self.job(VERIFY, backup=made["backup"]))

    def test_ids_of_the_lost_future_mean_nothing_and_are_never_given_again(self):
        kept = self.client.submit_one("echo", b"kept")
        made = self.back_up()
        lost = self.client.submit([[0, b"lost"] for _ in range(20)], [{"type": "echo"}])
        self.restore(made["backup"])
        client = self.fleet.client()
        self.assertEqual(client.get(kept)["payload"], b"kept")
        new = client.submit([[0, b"new"] for _ in range(20)], [{"type": "echo"}])
        self.assertFalse(set(new) & set(lost))
        for id_ in lost:
            self.assertIn("lost", self.refused("not_found", client.get, id_).message)
        listed = {task["id"] for task in client.call(wire.LIST, {"limit": 100})["tasks"]}
        self.assertEqual(listed, {kept, *new})
        # The same backup once more: neither future's ids come again.
        client.close()
        self.restore(made["backup"])
        third = self.fleet.client().submit([[0, b"third"] for _ in range(20)], [{"type": "echo"}])
        self.assertFalse(set(third) & {kept, *new, *lost})

    def test_a_producer_is_told_and_its_batches_are_not_taken_for_others(self):
        made = self.back_up()
        self.client.submit_one("echo", b"lost")
        session = self.client.session
        self.restore(made["backup"])
        other = self.fleet.client(start=False, recover=False)
        other.session = session
        self.refused("session_expired", other.hello)

    def test_a_stale_worker_loses_its_leases_and_its_finishes_change_nothing(self):
        self.client.submit_one("echo", b"before")
        made = self.back_up()
        worker = self.fleet.worker("echo", slots=8)
        stale = [worker.award()]
        for n in range(5):
            self.client.submit_one("echo", b"lost %d" % n)
            stale.append(worker.award())
        tokens = {award.token for award in stale}
        self.restore(made["backup"])
        client = self.fleet.client()
        new = [client.submit_one("echo", b"new %d" % n) for n in range(8)]
        # It comes back by itself, with the token of a worker that this store never knew.
        eventually(lambda: tokens <= set(worker.losts) or worker.pump(0.05), what="all leases are lost")
        self.assertFalse(worker.registration["resumed"])
        fresh = [worker.award() for _ in range(8)]
        self.assertFalse({award.token for award in fresh} & tokens)
        for token in tokens:
            self.assertEqual(worker.finish(token, result=b"of the lost future"), "stale")
        for award in fresh:
            worker.finish(award, result=b"right")
        eventually(lambda: all(client.state(award.id) == "succeeded" for award in fresh) or worker.pump(0.05))
        self.assertEqual({client.get(award.id)["result"] for award in fresh}, {b"right"})
        self.assertEqual(len(new), 8)

    def test_a_stream_of_the_lost_future_tells_its_gap_and_misses_nothing(self):
        made = self.back_up()
        self.client.submit_one("echo", b"x")
        asked = self.client.call(wire.SUBSCRIBE, {"of": "queue", "queue": "default"})["position"]
        self.assertEqual(asked[0] >> COMMIT_BITS, 0)
        self.restore(made["backup"])
        client = self.fleet.client()
        answer = client.call(wire.SUBSCRIBE, {"of": "queue", "queue": "default", "position": [asked[0] + 1000, 0]})
        self.assertTrue(answer["gap"])
        self.assertEqual(answer["position"][0] >> COMMIT_BITS, 1)
        early = client.call(wire.SUBSCRIBE, {"of": "queue", "queue": "default", "position": [1, 0]})
        self.assertFalse(early["gap"], "before the backup nothing is lost")

    def test_kill_9_in_the_middle_leaves_the_older_backups(self):
        self.client.submit([[0, os.urandom(4000)] for _ in range(250)], [{"type": "echo"}])
        first = self.back_up()
        for round_ in range(3):
            self.client.submit([[0, os.urandom(4000)] for _ in range(250)], [{"type": "echo"}])
            self.client.call(CREATE, {})
            eventually(lambda: any(path.name.endswith(".creating") for path in self.folder.iterdir())
                       or len(self.client.call(LIST, {})["backups"]) > 1, every=0.001)
            self.begin()
            self.assertFalse([path for path in self.folder.iterdir() if path.name.endswith(".creating")])
            self.client = self.fleet.client()
            for one in self.client.call(LIST, {})["backups"]:
                self.assertNotIn("error", self.job(VERIFY, backup=one["backup"]))
        self.assertIn(first["backup"], [one["backup"] for one in self.client.call(LIST, {})["backups"]])

    def test_kill_9_in_a_restore_leaves_no_store_and_the_next_one_works(self):
        self.client.submit([[0, os.urandom(4000)] for _ in range(250)], [{"type": "echo"}])
        self.back_up()
        place = self.fleet.directory / "place"
        child = subprocess.Popen([BIN / "hirehall-broker", "restore", "--backups", self.folder, "--data", place],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: child.poll() is not None or (place / "db.restoring").exists(), every=0.001)
        child.kill()
        child.wait()
        if not (place / "db").exists():
            self.tool("restore", "--backups", self.folder, "--data", place)
        self.assertIn("sound", self.tool("verify", "--data", place))

    def test_a_broker_without_a_folder_says_so(self):
        self.begin(folder=False)
        self.refused("unsupported", self.fleet.client().call, CREATE, {})

    def test_a_broker_makes_backups_by_itself(self):
        self.begin("--backup-every", "1s", "--backup-keep", "2")
        client = self.fleet.client()

        def two_later_ones():
            numbers = [one["backup"] for one in client.call(LIST, {})["backups"]]
            return len(numbers) == 2 and numbers[-1] > 2

        eventually(two_later_ones, what="a third backup, and the first one gone")


if __name__ == "__main__":
    fleet.main()
