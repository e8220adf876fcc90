#!/usr/bin/python3
# ctest: timeout=240
"""The audit log: every privileged act leaves one entry, in a chain that shows what was done to it, also after kill -9."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import zmq

from integration import fleet, hirehall_wire as wire
from integration.fleet import BIN, SOURCE, FleetTest, eventually
from integration.hirehall_wire import WireError

KINDS = {name.lower(): getattr(wire, name) for name in dir(wire) if name.isupper() and isinstance(getattr(wire, name), int)}
KINDS.update(backup_create=112, backup_verify=115, backup_delete=116, schedule_set=80, schedule_delete=83, schedule_pause=84, schedule_resume=85,
             schedule_trigger=86, limit_set=88, limit_delete=91, limit_pause=92, breaker_reset=124, breaker_trip=125, budget_set=119,
             budget_delete=121)
# Whoever may do them, these look or submit.
LOOKING = {"submit", "backup_status", "backup_list", "audit_list"}


def privileged():
    """By the rule of docs/audit.md from the table of docs/security.md: neither a viewer nor a worker may."""
    kinds = []
    for line in (SOURCE / "docs" / "security.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 6 and re.fullmatch(r"[a-z_]+", cells[0]) and cells[1] != "x" and cells[5] != "x" and cells[4] == "x":
            kinds.append(cells[0])
    return [kind for kind in kinds if kind not in LOOKING]


def varint(value):
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def link_of(before, entry):
    """As docs/audit.md says, written from it alone."""
    fields = varint(entry["index"]) + varint(entry["at"] << 1)
    for key in ("who", "from", "act", "target", "reason", "result"):
        text = entry[key].encode()
        fields += varint(len(text)) + text
    return hashlib.blake2b(varint(len(before)) + before + fields, digest_size=16).digest()


class AuditTest(FleetTest):
    def log(self, client=None, **options):
        return (client or self.client).call(wire.AUDIT_LIST, options)

    def entries(self, **options):
        return self.log(limit=1000, **options)["entries"]

    def cli(self, *words, code=0):
        ended = subprocess.run([BIN / "hirehall", *words, "--broker", self.fleet.broker.endpoint], capture_output=True, text=True)
        self.assertEqual(ended.returncode, code, ended.stdout + ended.stderr)
        return ended.stdout + ended.stderr

    def verify_store(self, code=0):
        ended = subprocess.run([BIN / "hirehall-broker", "verify", "--data", self.fleet.broker.data], capture_output=True, text=True)
        self.assertEqual(ended.returncode, code, ended.stdout + ended.stderr)
        return ended.stdout

    def metric(self, name):
        page = urllib.request.urlopen(f"http://{self.fleet.broker.metrics}/metrics", timeout=fleet.LIMIT).read().decode()
        return float(next(line.split()[-1] for line in page.splitlines() if line.startswith(name)))

    def check_chain(self, log, entries):
        before = bytes.fromhex(log["anchor"])
        for entry in entries:
            before = link_of(before, entry)
            self.assertEqual(before.hex(), entry["link"], entry)
        self.assertEqual(log["head"], before.hex())


class Audit(AuditTest):
    def setUp(self):
        super().setUp()
        self.client = self.fleet.client(name="somebody")

    def act(self):
        """One of each that needs nothing prepared; their names in order."""
        self.client.queue("mail", weight=5)
        self.client.call(wire.PAUSE, {"queue": "mail", "reason": "server moves"})
        self.client.call(wire.RESUME, {"queue": "mail"})
        known = self.client.submit_one("echo")
        self.client.cancel(known, bytes(16), reason="ordered twice")
        self.client.call(wire.DEAD_RETRY, {"ids": [known]})
        self.refused("not_found", self.client.call, wire.WORKER_DRAIN, {"name": "nobody"})
        return ["queue_set", "pause", "resume", "cancel", "dead_retry", "worker_drain"]

    def test_who_did_what_where_from_why_and_what_it_came_to(self):
        acts = self.act()
        entries = self.entries()
        self.assertEqual([entry["act"] for entry in entries], acts)
        self.assertEqual([entry["index"] for entry in entries], list(range(1, len(acts) + 1)))
        self.assertEqual({entry["who"] for entry in entries}, {"local"})
        self.assertTrue(all("somebody" in entry["from"] for entry in entries))
        by = {entry["act"]: entry for entry in entries}
        self.assertIn("queue=mail", by["queue_set"]["target"])
        self.assertIn("weight=5", by["queue_set"]["target"])
        self.assertEqual((by["pause"]["reason"], by["pause"]["result"]), ("server moves", "ok"))
        self.assertEqual((by["cancel"]["reason"], by["cancel"]["result"]), ("ordered twice", "1 of 2"))
        self.assertEqual(by["worker_drain"]["result"], "not_found")

    def test_every_privileged_kind_leaves_one_entry_with_its_reason(self):
        kinds = privileged()
        self.assertGreaterEqual(len(kinds), 23)
        for kind in kinds:
            with self.subTest(kind=kind):
                before = len(self.entries())
                # Nothing that exists is named, so most are refused; that is no less an act.
                body = {"id": bytes(16), "ids": [bytes(16)], "name": "nothing", "queue": "nothing", "verb": "cancel", "where": "state=ready", "backup": 9,
                        "reason": f"because of {kind}"}
                try:
                    self.client.call(KINDS[kind], body)
                    result = "ok"
                except WireError as error:
                    result = error.code
                new = [entry for entry in self.entries()[before:] if entry["act"] != "bulk_end"]
                self.assertEqual([(entry["act"], entry["reason"], entry["who"]) for entry in new], [(kind, f"because of {kind}", "local")])
                self.assertIn(new[0]["result"], (result, "0 of 1"))

    def test_everyday_work_is_not_in_it(self):
        ids = self.client.submit([[0, b"x"]] * 3, [{"type": "echo"}])
        self.client.get(ids[0])
        self.client.stats()
        worker = self.fleet.worker("echo")
        worker.finish(worker.award())
        self.assertEqual(self.entries(), [])

    def test_the_chain_can_be_computed_from_the_document(self):
        self.act()
        log = self.log()
        self.check_chain(log, log["entries"])

    def test_answered_acts_are_there_after_kill_9_and_the_chain_goes_on(self):
        for n in range(20):
            if n % 2:
                self.client.queue(f"q{n}", weight=2)
            else:
                self.refused("not_found", self.client.call, wire.WORKER_DRAIN, {"name": f"q{n}"})
            if n % 5 == 4:
                self.fleet.crash()
        targets = [entry["target"].split() for entry in self.entries()]
        for n in range(20):
            named = f"queue=q{n}" if n % 2 else f"name=q{n}"
            self.assertTrue(any(named in target for target in targets), f"{named} is not in {targets}")
        self.assertIn("sound", self.cli("audit", "verify"))
        self.fleet.broker.kill()
        self.assertIn("audit log: entries 1 to ", self.verify_store())
        self.fleet.start()

    def test_bulk_work_stands_there_with_its_reason_from_beginning_to_end(self):
        self.client.submit([[0, b"x"]] * 30, [{"type": "nobody"}])
        self.client.call(wire.BULK_START, {"verb": "cancel", "where": "type=nobody", "reason": "left us"})
        ended = eventually(lambda: self.entries(act="bulk_end"), what="the end of the bulk work")
        self.assertEqual([(entry["reason"], entry["who"], entry["result"]) for entry in ended], [("left us", "local", "ok")])
        self.assertIn("bulk=1 done=30", ended[0]["target"])
        began = self.entries(act="bulk_start")
        self.assertEqual([entry["reason"] for entry in began], ["left us"])
        self.assertIn("where=type=nobody", began[0]["target"])

    def test_answers_to_questions_stand_there_without_their_value(self):
        task = self.client.submit_one("echo", b"x")
        self.refused("invalid", self.client.call, wire.ANSWER, {"id": task, "value": b"my secret", "reason": "asked Ada"})
        (entry,) = self.entries()
        self.assertEqual((entry["act"], entry["reason"], entry["result"]), ("answer", "asked Ada", "invalid"))
        self.assertNotIn("secret", json.dumps(entry))

    def test_pages_filters_and_both_directions(self):
        for n in range(25):
            self.client.queue("q", weight=1 + n)
        for n in range(3):
            self.refused("not_found", self.client.call, wire.WORKER_DRAIN, {"name": f"w{n}"})
        first = self.log(limit=10)
        self.assertEqual((first["cursor"], first["first"], first["next"], first["own_only"]), (10, 1, 29, False))
        second = self.log(limit=100, after=first["cursor"])
        self.assertEqual([entry["index"] for entry in first["entries"] + second["entries"]], list(range(1, 29)))
        self.assertEqual(second["cursor"], 0)
        newest = self.log(before=0, limit=4)
        self.assertEqual([entry["index"] for entry in newest["entries"]], [28, 27, 26, 25])
        older = self.log(before=newest["cursor"], limit=1000)
        self.assertEqual([entry["index"] for entry in older["entries"]], list(range(24, 0, -1)))
        self.assertEqual(older["cursor"], 0)
        self.assertEqual([entry["index"] for entry in self.entries(refused=True)], [26, 27, 28])
        self.assertEqual(len(self.entries(act="queue_set")), 25)
        self.assertEqual(self.entries(who="eve"), [])
        middle = self.entries()[12]["at"]
        self.assertEqual(self.entries(since=middle), [entry for entry in self.entries() if entry["at"] >= middle])
        self.assertEqual(self.entries(after=1 << 60), [])
        for body in ({"after": "x"}, {"limit": b"1"}, {"who": 7}, {"refused": 1}):
            self.refused("bad_message", self.client.call, wire.AUDIT_LIST, body)

    def test_an_empty_log_is_sound(self):
        self.assertEqual(self.log()["entries"], [])
        self.assertEqual(json.loads(self.cli("audit", "verify", "-o", "json"))["entries"], 0)
        self.assertEqual(json.loads(self.cli("audit", "export", "-o", "json")), [])

    def test_the_command_line(self):
        self.act()
        listed = json.loads(self.cli("audit", "list", "--act", "pause", "-o", "json"))
        self.assertEqual([entry["reason"] for entry in listed], ["server moves"])
        text = self.cli("audit", "list", "--limit", "2", "--since", "1h")
        self.assertEqual([word in text for word in ("worker_drain", "dead_retry", "queue_set")], [True, True, False])
        self.assertEqual([entry["act"] for entry in json.loads(self.cli("audit", "list", "--refused", "-o", "json"))], ["worker_drain"])
        self.assertEqual(self.cli("audit", "list", "--who", "eve", "-o", "jsonl"), "")
        lines = self.cli("audit", "export").splitlines()
        self.assertEqual([json.loads(line)["index"] for line in lines], list(range(1, 7)))
        self.assertEqual(json.loads(self.cli("audit", "export", "-o", "json")), [json.loads(line) for line in lines])
        verified = json.loads(self.cli("audit", "verify", "-o", "json"))
        self.assertEqual((verified["outcome"], verified["entries"], verified["head"]), ("sound", 6, self.log()["head"]))
        self.cli("audit", "list", "--since", "soon", code=2)

    def test_every_command_that_acts_takes_a_reason(self):
        for words in (["queue", "set", "mail", "--weight", "2"], ["queue", "pause", "mail"], ["queue", "resume", "mail"], ["limit", "set", "l", "--concurrency", "1"],
                      ["limit", "delete", "l"], ["schedule", "create", "s", "--every", "1h", "--type", "echo"], ["schedule", "delete", "s"]):
            self.cli(*words, "--reason", " ".join(words[:2]))
            self.assertEqual((self.entries()[-1]["reason"], self.entries()[-1]["result"]), (" ".join(words[:2]), "ok"))
        self.cli("worker", "drain", "nobody", "--reason", "it smokes", code=3)
        self.assertEqual(self.entries()[-1]["reason"], "it smokes")
        self.cli("audit", "list", "--reason", "none", code=2)

    def test_the_python_client(self):
        sys.path.insert(0, str(SOURCE / "client" / "python"))
        import hirehall
        self.act()
        with hirehall.Client(self.fleet.broker.endpoint) as hall:
            self.assertEqual([entry["act"] for entry in hall.audit(refused=True)], ["worker_drain"])
            self.assertEqual(len(list(hall.audit())), 6)
        with hirehall.Client(self.fleet.broker.endpoint, reason="the nightly script") as hall:
            hall.set_queue("mail", weight=3)
            hall.pause(queue="mail", reason="its own")
            self.assertEqual([entry["reason"] for entry in hall.audit()][6:], ["the nightly script", "its own"])

    def test_metrics_count(self):
        self.act()
        eventually(lambda: self.metric('hirehall_audit_entries_total{result="done"}') == 5, what="the page")
        self.assertEqual(self.metric('hirehall_audit_entries_total{result="refused"}'), 1)
        self.assertEqual(self.metric("hirehall_audit_kept_entries"), 6)
        self.assertGreater(self.metric("hirehall_audit_kept_bytes"), 6 * 50)

    def test_a_log_that_was_changed_in_the_store_is_refused_by_verify(self):
        """The tables of RocksDB have checksums of their own: a byte that fell over on the disk is found by them."""
        self.act()
        self.fleet.broker.stop()
        self.assertIn("audit log: entries 1 to 6", self.verify_store())
        logs = sorted((self.fleet.broker.data / "db").glob("*.log")) + sorted((self.fleet.broker.data / "db").glob("*.sst"))
        struck = 0
        for path in logs:
            content = path.read_bytes()
            at = content.find(b"server moves")
            if at >= 0:
                path.write_bytes(content[:at] + b"S" + content[at + 1:])
                struck += 1
        self.assertGreater(struck, 0)
        ended = subprocess.run([BIN / "hirehall-broker", "verify", "--data", self.fleet.broker.data], capture_output=True, text=True)
        self.assertNotEqual(ended.returncode, 0, ended.stdout)


class Restored(AuditTest):
    def test_a_restored_log_goes_on_in_its_chain_and_says_so(self):
        folder = self.fleet.directory / "backups"
        self.fleet.broker.stop()
        self.fleet.start(extra=["--backups", folder])
        self.client = self.fleet.client()
        self.client.queue("before")
        job = self.client.call(KINDS["backup_create"], {})["job"]
        eventually(lambda: self.done(job), what="the backup")
        self.client.queue("after")
        head = self.log()["head"]
        self.fleet.broker.kill()
        shutil.rmtree(self.fleet.broker.data)
        subprocess.run([BIN / "hirehall-broker", "restore", "--backups", folder, "--data", self.fleet.broker.data], check=True, capture_output=True)
        self.fleet.start()
        client = self.fleet.client()
        log = self.log(client, limit=1000)
        self.assertEqual([(entry["act"], entry["who"]) for entry in log["entries"]][-1], ("incarnation", "(broker)"))
        targets = " ".join(entry["target"] for entry in log["entries"])
        self.assertIn("queue=before", targets)
        self.assertNotIn("queue=after", targets)
        self.check_chain(log, log["entries"])
        self.assertNotIn(head, [entry["link"] for entry in log["entries"]])

    def done(self, job):
        status = self.client.call(113, {})
        return status["job"] == job and not status["running"]


class Principals(AuditTest):
    listen = "tcp://127.0.0.1:*"

    def setUp(self):
        self.fleet = fleet.Fleet()
        self.addCleanup(self._close)
        self.keys = {name: tuple(part.decode() for part in zmq.curve_keypair()) for name in ("broker", "ada", "ops", "dev", "eye")}
        self.principals = self.fleet.directory / "principals.yaml"
        self.write_principals()
        secret = self.fleet.directory / "broker.key"
        secret.touch(0o600)
        secret.write_text(self.keys["broker"][1])
        self.fleet.broker_options.update(listen=self.listen, extra=["--key-file", secret, "--principals", self.principals])
        self.fleet.start()
        self.client = self.as_("ada")

    def write_principals(self):
        text = "principals:\n"
        for name, role, tenants in (("ada", "admin", '"*"'), ("ops", "operator", "[blue]"), ("dev", "developer", "[blue]"), ("eye", "viewer", "[blue]")):
            public = self.keys[name][0].replace("'", "''")
            text += f"  - name: {name}\n    public_key: '{public}'\n    roles: [{role}]\n    tenants: {tenants}\n    tenant: blue\n"
        self.principals.write_text(text)

    def as_(self, name):
        return self.fleet.client(name=f"{name}'s client", keys=(self.keys["broker"][0], *self.keys[name]))

    def test_denied_acts_are_recorded_with_principal_and_address(self):
        self.refused("denied", self.as_("eye").call, wire.PAUSE, {"queue": "default", "reason": "just so"})
        self.refused("denied", self.as_("dev").call, KINDS["backup_delete"], {"backup": 1})
        entries = self.entries()
        self.assertEqual([(entry["who"], entry["act"], entry["result"]) for entry in entries], [("eye", "pause", "denied"), ("dev", "backup_delete", "denied")])
        self.assertEqual(entries[0]["reason"], "just so")
        self.assertTrue(entries[0]["from"].startswith("127.0.0.1"), entries[0])
        self.assertIn("eye's client", entries[0]["from"])

    def test_denied_acts_do_not_push_others_out(self):
        eye = self.as_("eye")
        for _ in range(100):
            self.refused("denied", eye.call, wire.RESUME, {"queue": "default"})
        self.client.queue("mail")
        entries = self.entries()
        self.assertLess(len(entries), 40)
        self.assertEqual(entries[-1]["act"], "queue_set")
        eventually(lambda: self.metric("hirehall_audit_left_out_total") >= 60, what="the page")

    def test_who_may_read_it_and_what(self):
        self.client.queue("mail")
        ops = self.as_("ops")
        ops.call(wire.PAUSE, {"queue": "mail", "reason": "mine"})
        for name in ("dev", "eye"):
            self.refused("denied", self.as_(name).call, wire.AUDIT_LIST, {})
        own = self.log(ops)
        self.assertEqual(([entry["reason"] for entry in own["entries"]], own["own_only"]), (["mine"], True))
        self.assertEqual(self.log(ops, who="ada")["entries"], [])
        self.assertEqual([entry["who"] for entry in self.entries()], ["ada", "ops"])

    def test_reading_the_principals_anew_is_an_act_of_the_broker(self):
        self.write_principals()
        self.fleet.broker.signal(signal.SIGHUP)
        (entry,) = eventually(lambda: self.entries(act="principals_file"), what="the entry of the reload")
        self.assertEqual((entry["who"], entry["result"]), ("(broker)", "ok: 0 cut off"))
        self.principals.write_text("principals: nonsense\n")
        self.fleet.broker.signal(signal.SIGHUP)
        refused = eventually(lambda: self.entries(act="principals_file", refused=True), what="the entry of the refused file")
        self.assertEqual(len(refused), 1)


if __name__ == "__main__":
    fleet.main()
