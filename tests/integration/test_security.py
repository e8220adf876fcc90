#!/usr/bin/python3
# ctest: timeout=180
"""Keys, roles and tenants: nobody gets in without a key, and nobody does what docs/security.md does not grant (I14)."""

import os
import re
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import zmq

from integration import fleet, hirehall_wire as wire
from integration.fleet import SOURCE, FleetTest, eventually
from integration.hirehall_wire import NoAnswer, WireError

ROLES = ("viewer", "operator", "developer", "admin", "worker")
KINDS = {name.lower(): getattr(wire, name) for name in dir(wire) if name.isupper() and isinstance(getattr(wire, name), int)}


def table():
    """The roles of each kind of request, as docs/security.md prints them."""
    rows = {}
    for line in (SOURCE / "docs" / "security.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 1 + len(ROLES) and cells[0] in KINDS:
            rows[cells[0]] = {role for role, cell in zip(ROLES, cells[1:]) if cell == "x"}
    return rows


class Security(FleetTest):
    listen = "tcp://127.0.0.1:*"
    people = [("ada", "admin", '"*"', "default"), ("dev", "developer", "[blue]", None), ("red", "developer", "[red]", None),
              ("eye", "viewer", "[blue]", None), ("ops", "operator", "[blue]", None), ("hand", "worker", '"*"', None)]

    def setUp(self):
        self.fleet = fleet.Fleet()
        self.addCleanup(self._close)
        self.keys = {name: self.key() for name in ("broker", "stranger", *(person[0] for person in self.people))}
        self.principals = self.fleet.directory / "principals.yaml"
        self.write_principals(self.people)
        secret = self.fleet.directory / "broker.key"
        secret.touch(0o600)
        secret.write_text(self.keys["broker"][1])
        self.fleet.broker_options.update(listen=self.listen, extra=["--key-file", secret, "--principals", self.principals])
        self.fleet.start()

    def key(self):
        return tuple(part.decode() for part in zmq.curve_keypair())

    def write_principals(self, people, queues='"*"'):
        text = "principals:\n"
        for name, role, tenants, tenant in people:
            public = self.keys[name][0].replace("'", "''")
            text += f"  - name: {name}\n    public_key: '{public}'\n    roles: [{role}]\n    tenants: {tenants}\n"
            text += f"    tenant: {tenant}\n" if tenant else ""
            text += f"    queues: {queues}\n    types: [echo]\n" if role == "worker" else ""
        self.principals.write_text(text)

    def wire_keys(self, name):
        return (self.keys["broker"][0], *self.keys[name])

    def as_(self, name, **options):
        return self.fleet.client(name=name, keys=self.wire_keys(name), **options)

    def hand(self, *types, **options):
        return self.fleet.worker(*types, keys=self.wire_keys("hand"), **options)

    def key_file(self, name, mode=0o600):
        path = self.fleet.directory / f"{name}.key"
        path.touch(0o600)
        path.write_text(self.keys[name][1])
        path.chmod(mode)
        return path

    def test_the_command_line_takes_no_secret_that_others_may_read_and_names_what_is_denied(self):
        public = self.fleet.directory / "broker.pub"
        public.write_text(self.keys["broker"][0])
        mine = ["--server-key-file", public, "--key-file", self.key_file("dev")]
        self.assertEqual(self.run_cli("task", "list", *mine)[0], 0)
        code, _, err = self.run_cli("queue", "set", "mail", *mine)
        self.assertEqual(code, 4)
        self.assertIn("kind=queue_set", err)
        self.key_file("dev", 0o640)
        code, _, err = self.run_cli("task", "list", *mine)
        self.assertEqual(code, 4)
        self.assertIn("group or others may read this secret key", err)
        code, _, err = self.run_cli("task", "list", "--server-key-file", public, "--key-file", public)
        self.assertEqual(code, 4)
        self.assertIn("public key by its name", err)

    def silence(self, **options):
        """No answer at all is what a connection gets that was not let in."""
        peer = self.fleet.client(start=False, **options)
        with self.assertRaises(NoAnswer):
            peer.hello(limit=1.5)

    def test_a_key_that_is_known_is_its_principal_and_a_name_in_hello_changes_nothing(self):
        client = self.fleet.client(name="ada", keys=self.wire_keys("dev"))
        self.assertEqual((client.welcome["principal"], client.welcome["tenant"]), ("dev", "blue"))

    def test_strangers_and_peers_without_a_key_hear_nothing(self):
        self.silence()
        self.silence(keys=self.wire_keys("stranger"))
        self.silence(keys=(self.keys["stranger"][0], *self.keys["dev"]))  # takes somebody else for the broker
        self.assertEqual(len(self.as_("dev").submit_one("echo")), 16)
        self.assertNotIn(self.keys["dev"][1], self.fleet.broker.text())

    def test_every_role_may_send_what_the_page_grants_and_nothing_else(self):
        rows = table()
        self.assertGreater(len(rows), 20, "the table of docs/security.md was not found")
        bodies = {"submit": [1, 0, [{"type": "echo"}], [[0, b""]]], "finish": [1, [], 1, 0], "worker_heartbeat": [0, 0, 0, 0],
                  "holding": [0, []], "report": [], "subscribe": {"what": "results"}, "queue_set": {"queue": "default"},
                  "queue_show": {"queue": "default"}, "pause": {"type": "none"}, "resume": {"type": "none"}}
        people = {"viewer": "eye", "operator": "ops", "developer": "dev"}
        for role, name in people.items():
            client = self.as_(name)
            for kind, allowed in rows.items():
                if kind in ("hello", "seen"):
                    continue
                with self.subTest(role=role, kind=kind):
                    body = bodies.get(kind, {"id": bytes(16), "ids": [], "value": b"", "timeout_ms": 0, "subscription": 9})
                    denied = self.code(client, KINDS[kind], body) == "denied"
                    self.assertEqual(denied, role not in allowed)
        worker = self.hand("echo")
        for kind, allowed in rows.items():
            if "worker" not in allowed:
                with self.subTest(role="worker", kind=kind):
                    self.assertEqual(self.code(worker, KINDS[kind], bodies.get(kind, {"id": bytes(16), "ids": []})), "denied")

    def test_batches_are_of_a_tenant(self):
        blue, red, eye = self.as_("dev"), self.as_("red"), self.as_("eye")
        blue.submit_one("echo", batch="b")
        red.submit_one("echo", batch="b")
        for peer, tenant in (blue, "blue"), (red, "red"), (eye, "blue"):
            self.assertEqual([b["tenant"] for b in peer.call(wire.BATCH_LIST, {})["batches"]], [tenant])
            self.assertEqual(peer.call(wire.BATCH_SHOW, {"batch": "b"})["tenant"], tenant)
        for kind in wire.BATCH_SHOW, wire.BATCH_WAIT, wire.BATCH_CLOSE:
            self.assertEqual(self.code(red, kind, {"batch": "b", "tenant": "blue"}), "denied")
        self.assertEqual(self.code(eye, wire.BATCH_CLOSE, {"batch": "b"}), "denied")
        follows_elsewhere = {"batch": "b", "complete": {"type": "echo", "tenant": "blue"}}
        self.assertEqual(self.code(red, wire.BATCH_CLOSE, follows_elsewhere), "denied")
        self.assertEqual(red.call(wire.BATCH_CLOSE, {"batch": "b"})["state"], "closed")
        self.assertEqual(blue.call(wire.BATCH_SHOW, {"batch": "b"})["state"], "open")

    # docs/features.md: the words come from tasks of any tenant.
    def test_words_of_features_are_shown_to_who_sees_all_tenants_only(self):
        submitters = {"blue": self.as_("dev"), "red": self.as_("red")}
        hand = self.hand("echo")
        for tenant, peer in submitters.items():
            for _ in range(3):
                peer.submit_one("echo", features={"topic": f"{tenant}-secret", f"{tenant}_size": 7})
                self.assertEqual(hand.finish(hand.award()), "ok")
        query = {"type": "echo"}
        (row,) = eventually(lambda: self.as_("ada").call(wire.AGENT_STATS, query)["agents"], what="something is learned")
        self.assertLessEqual({"topic=blue-secret", "topic=red-secret", "blue_size", "red_size"}, {one["feature"] for one in row["features"]})
        for name in ("dev", "red", "eye", "ops"):
            told = self.as_(name).call(wire.AGENT_STATS, query)
            with self.subTest(principal=name):
                self.assertEqual([one["outcomes"] for one in told["agents"]], [row["outcomes"]], "chances are for everybody")
                self.assertNotIn("features", told["agents"][0])
                for word in ("secret", "_size"):
                    self.assertNotIn(word, repr(told))

    def code(self, peer, kind, body):
        try:
            peer.call(kind, body)
        except WireError as error:
            return error.code
        return "ok"

    def test_a_tenant_of_others_is_denied_at_submit_and_its_tasks_are_not_found(self):
        blue, red = self.as_("dev"), self.as_("red")
        id_ = blue.submit_one("echo", b"secret")
        self.refused("denied", blue.submit_one, "echo", tenant="red")
        for kind, body in ((wire.GET, {}), (wire.WAIT, {"timeout_ms": 0}), (wire.EXPLAIN, {}), (wire.ANSWER, {"value": b""})):
            self.refused("not_found", red.call, kind, dict(body, id=id_))
        self.assertEqual(red.cancel(id_), ["not_found"])
        self.assertEqual(red.call(wire.DEAD_RETRY, {"ids": [id_]}), [wire.CODES.index("not_found")])
        self.assertEqual(red.walk(), [])
        self.assertEqual([task["id"] for task in blue.walk()], [id_])
        self.assertIn(self.code(red, wire.LIST, {"tenant": "blue"}), ("denied", "not_found"))
        self.assertEqual([task["tenant"] for task in self.as_("ada").walk()], ["blue"])

    def test_idempotency_keys_of_two_tenants_do_not_meet(self):
        one = self.as_("dev").submit_one("echo", b"1", idempotency_key="k")
        two = self.as_("red").submit_one("echo", b"2", idempotency_key="k")
        self.assertIsInstance(two, bytes)
        self.assertNotEqual(one, two)

    def test_a_queue_stream_shows_no_task_of_another_tenant(self):
        blue, red = self.as_("dev"), self.as_("red")
        red.subscribe(of="queue", queue="default")
        mine, theirs = red.submit_one("echo"), blue.submit_one("echo")
        blue.cancel(theirs)
        red.cancel(mine)
        got = set()
        for id_, *_ in red.results(lambda: mine in got):
            got.add(id_)
        for id_, *_ in red.results(lambda: False, limit=0.3):
            got.add(id_)
        self.assertEqual(got, {mine})

    def test_a_session_token_of_somebody_else_is_worth_nothing(self):
        blue, red = self.as_("dev"), self.as_("red", start=False)
        red.session = blue.session
        self.refused("session_expired", red.hello)
        self.assertEqual(len(blue.submit_one("echo")), 16)

    def test_a_worker_gets_only_types_of_its_scope(self):
        client = self.as_("dev")
        worker = self.hand("echo", "secret", start=False)
        worker.hello()
        try:
            worker.register()
        except WireError as error:
            self.assertEqual(error.code, "denied")
            worker.agents[0]["types"] = ["echo"]
            worker.register()
        client.submit([[0, b"no"], [1, b"yes"]], [{"type": "secret"}, {"type": "echo"}])
        self.assertEqual([award.payload for award in worker.awards(2, limit=1)], [b"yes"])

    def test_a_worker_gets_only_tasks_of_its_queues_and_a_reload_binds_it_anew(self):
        self.write_principals(self.people, queues="[mail]")
        self.fleet.broker.stop()
        self.fleet.start()
        admin = self.as_("ada")
        for queue in ("mail", "print"):
            admin.call(wire.QUEUE_SET, {"queue": queue})
        worker = self.hand("echo")
        other = admin.submit_one("echo", b"no", queue="print")
        admin.submit_one("echo", b"yes", queue="mail")
        self.assertEqual([award.payload for award in worker.awards(2, limit=1)], [b"yes"])
        reasons = admin.call(wire.EXPLAIN, {"id": other})["reasons"]
        self.assertTrue(any(r.startswith("no connected worker has the right to serve its queue") for r in reasons), reasons)
        self.write_principals(self.people, queues="[mail, print]")
        self.fleet.broker.signal(signal.SIGHUP)
        self.assertEqual(worker.award().payload, b"no")

    def test_a_finish_with_a_token_of_another_worker_is_stale(self):
        client = self.as_("dev")
        one = self.hand("echo")
        two = self.fleet.worker("echo", keys=self.wire_keys("ada"), credit=0)
        client.submit_one("echo")
        award = one.award()
        self.assertEqual(two.finish(award.token), "stale")
        self.assertEqual(one.finish(award), "ok")

    def test_a_key_that_was_taken_away_is_cut_off_at_reload(self):
        client = self.as_("red", recover=False)
        other = self.as_("dev")
        client.call(wire.HEARTBEAT, {})
        self.write_principals([person for person in self.people if person[0] != "red"])
        self.fleet.broker.signal(signal.SIGHUP)

        def cut_off():
            try:
                client.call(wire.HEARTBEAT, {}, limit=0.5)
            except NoAnswer:
                return True
            except WireError as error:
                return error.code in ("denied", "unknown_session")
            return False
        eventually(cut_off, 5, "refused within five seconds")
        self.silence(keys=self.wire_keys("red"))
        other.call(wire.HEARTBEAT, {})

    def test_a_mistake_in_the_file_changes_nothing_at_reload_and_stops_a_start(self):
        client = self.as_("dev")
        good = self.principals.read_text()
        self.principals.write_text(good.replace("roles: [viewer]", "rules: [viewer]"))
        self.fleet.broker.signal(signal.SIGHUP)
        eventually(lambda: re.search(r"rules", self.fleet.broker.text()), what="a message that names the key")
        client.call(wire.HEARTBEAT, {})
        self.as_("eye").stats()
        self.fleet.broker.stop()
        broker = self.fleet.adopt(fleet.Broker(self.fleet.directory, **self.fleet.broker_options))
        self.assertEqual(broker.exit_code(), 64, broker.text())
        self.assertRegex(broker.text(), r"rules[^\n]*principals\.yaml:\d+")


if __name__ == "__main__":
    fleet.main()
