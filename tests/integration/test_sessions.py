#!/usr/bin/python3
# ctest: timeout=120
"""Sessions and frames: hello, resumption, and what malformed or hostile bytes are answered (I15)."""

import os
import random
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import msgpack

from integration import fleet, hirehall_wire as wire
from integration.fleet import FleetTest, LIMIT
from integration.hirehall_wire import frame


class Sessions(FleetTest):
    def test_welcome_says_what_a_client_needs(self):
        welcome = self.fleet.client().welcome
        self.assertEqual((welcome["version"], welcome["resumed"], welcome["next_batch"]), (1, False, 1))
        self.assertEqual((len(welcome["session"]), welcome["credit_batches"], welcome["principal"]), (16, wire.WINDOW, "local"))
        self.assertEqual((welcome["heartbeat_ms"], welcome["lease_ms"]), (2000, 6000))
        self.assertEqual(welcome["limits"], dict(welcome["limits"], frame_bytes=2 << 20, batch_items=4096,
                                                 batch_bytes=1 << 20, payload_bytes=1 << 20))
        self.assertGreater(welcome["producer"], 0)
        self.assertGreater(welcome["server_time"], 1_600_000_000_000)

    def test_an_empty_hello_is_a_client_of_version_1(self):
        peer = self.fleet.client(start=False, recover=False)
        self.assertEqual(peer.call(wire.HELLO, {})["version"], 1)

    def test_no_common_version_is_a_version_mismatch(self):
        peer = self.fleet.client(start=False, recover=False)
        self.refused("version_mismatch", peer.call, wire.HELLO, {"min_version": 2, "max_version": 3})

    def test_a_header_of_another_version_is_a_version_mismatch(self):
        peer = self.fleet.client(start=False, recover=False)
        peer.unanswered[77] = b""
        peer.raw(frame(wire.HELLO, {}, 77, version=2))
        self.refused("version_mismatch", peer.fetch, 77)

    def test_a_request_before_hello_gets_unknown_session(self):
        peer = self.fleet.client(start=False, recover=False)
        for kind, body in ((wire.GET, {"id": bytes(16)}), (wire.STATS, {}), (wire.HEARTBEAT, {}),
                           (wire.SUBMIT, [1, 0, [{"type": "echo"}], [[0, b""]]]), (wire.WORKER_HEARTBEAT, [0, 0, 0, 0])):
            self.assertEqual(self.refused("unknown_session", peer.call, kind, body).action, "retry")

    def test_an_unknown_token_is_session_expired_and_hello_without_it_works(self):
        peer = self.fleet.client(start=False)
        self.assertEqual(self.refused("session_expired", peer.call, wire.HELLO, {"session": os.urandom(16)}).action, "give_up")
        self.assertFalse(peer.hello()["resumed"])

    def test_a_session_resumes_its_numbers_on_a_new_connection(self):
        client = self.fleet.client()
        client.submit_one("echo")
        producer = client.welcome["producer"]
        client.reconnect()
        welcome = client.welcome
        self.assertEqual((welcome["resumed"], welcome["producer"], welcome["next_batch"]), (True, producer, 2))

    def test_a_session_is_good_after_a_crash_before_the_first_submit(self):
        client = self.fleet.client()
        self.fleet.crash()
        self.assertEqual(len(client.submit_one("echo", limit=LIMIT)), 16)
        self.assertTrue(client.welcome["resumed"])

    def test_a_session_taken_over_leaves_the_former_connection_without_one(self):
        client = self.fleet.client(recover=False)
        thief = self.fleet.client(start=False)
        thief.session = client.session
        self.assertTrue(thief.hello()["resumed"])
        self.refused("unknown_session", client.call, wire.HEARTBEAT, {})

    def test_heartbeat_tells_the_time(self):
        client = self.fleet.client()
        first = client.call(wire.HEARTBEAT, {})["server_time"]
        self.assertGreaterEqual(client.call(wire.HEARTBEAT, {})["server_time"], first)

    def test_workers_may_not_submit_and_clients_may_not_finish(self):
        worker, client = self.fleet.worker(), self.fleet.client()
        self.assertEqual(worker.welcome["producer"], 0)
        self.refused("denied", worker.call, wire.SUBMIT, [1, 0, [{"type": "echo"}], [[0, b""]]])
        self.refused("denied", client.call, wire.REGISTER_WORKER, {"name": "x", "slots": 1, "agents": []})
        self.refused("denied", client.call, wire.FINISH, [1, [], 1, 0])

    def test_an_unknown_kind_is_unsupported(self):
        client = self.fleet.client()
        for kind in (0, 200, 30000, 65535, wire.WELCOME, wire.RESULTS, wire.AWARD):
            self.assertEqual(self.refused("unsupported", client.call, kind, {}).action, "fix")


class BadFrames(FleetTest):
    def setUp(self):
        super().setUp()
        self.peer = self.fleet.client(recover=False)

    def answered(self, data, code="bad_message", request=5):
        self.peer.unanswered[request] = b""
        self.peer.raw(data)
        return self.refused(code, self.peer.fetch, request, 5)

    def stray(self, *frames):
        """An error that belongs to no request."""
        self.peer.strays.clear()
        self.peer.raw(*frames)
        fleet.eventually(lambda: self.peer.pump(0.1) and self.peer.strays, what="an error with request 0")
        self.assertEqual(self.peer.strays[0].code, "bad_message")

    def body(self, data, kind=wire.GET, request=5):
        return wire.HEADER.pack(wire.MAGIC, 1, 0, kind, 0, request) + data

    def test_a_frame_without_a_whole_header(self):
        for data in (b"", b"H", b"HH\x01\x00" + b"\0" * 11):
            self.stray(data)

    def test_another_magic(self):
        self.stray(frame(wire.GET, {}, 5, magic=0x4849))

    def test_a_request_kind_with_request_zero(self):
        self.stray(frame(wire.GET, {"id": bytes(16)}, 0))

    def test_several_frames(self):
        self.peer.unanswered[5] = b""
        self.peer.raw(frame(wire.HEARTBEAT, {}, 5), b"more", b"")
        self.refused("bad_message", self.peer.fetch, 5, 5)

    def test_bodies_that_are_no_msgpack_or_too_much_of_it(self):
        deep = b"\x91" * 40 + b"\xc0"
        for data in (b"", b"\xc1", b"\x80\x80", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff",
                     b"\xdb\x7f\xff\xff\xff", b"\x81\xa2id\xc4\x10" + b"x" * 15, b"\x81\xa2id\xd8\x01" + b"x" * 16, deep,
                     b"\x82\xa2id\xc4\x01x\xa2id\xc4\x01x", b"\x81\xa2id\xa2\xff\xfe", b"\xd4\x01\x00", b"\x90", b"\x01"):
            with self.subTest(data=data[:20].hex()):
                self.answered(self.body(data))

    def test_an_id_of_another_length_or_type(self):
        for id_ in (b"", b"x" * 15, b"x" * 17, "0123456789ABCDEFGHJKMNPQRS", 5, None):
            with self.subTest(id=id_):
                self.refused("bad_message", self.peer.call, wire.GET, {"id": id_})

    def test_hostile_counts_in_a_submit(self):
        hostile = b"\x94\x01\x00\x90\xdd\xff\xff\xff\xff"
        self.answered(self.body(hostile, wire.SUBMIT))
        self.answered(self.body(b"\x94\x01\x00\xdd\x00\xff\xff\xff\x80", wire.SUBMIT))

    def test_a_frame_over_the_limit_ends_the_connection_and_nobody_elses(self):
        other = self.fleet.client()
        self.peer.raw(self.body(msgpack.packb({"id": b"x" * (3 << 20)})))
        self.assertEqual(other.call(wire.HEARTBEAT, {}).keys(), {"server_time"})
        fleet.eventually(lambda: self.code_of_heartbeat() == "unknown_session", what="a new connection without a session")

    def code_of_heartbeat(self):
        try:
            self.peer.call(wire.HEARTBEAT, {}, limit=0.5)
        except wire.WireError as error:
            return error.code
        except wire.NoAnswer:
            return None
        return "ok"

    def test_random_bytes_never_disturb_the_broker(self):
        generator = random.Random(random.random())
        kinds = [1, 5, *range(16, 28), *range(32, 42), *range(48, 57)]
        good = msgpack.packb({"id": bytes(16), "ids": [bytes(16)], "queue": "default", "timeout_ms": 0, "limit": 3})
        for _ in range(2000):
            body = bytearray(generator.choice([good, generator.randbytes(generator.randrange(60))]))
            for _ in range(generator.randrange(4)):
                if body:
                    body[generator.randrange(len(body))] = generator.randrange(256)
            self.peer.raw(struct.pack("<HBBHHQ", wire.MAGIC, 1, generator.randrange(256), generator.choice(kinds), 0,
                                      generator.randrange(1 << 32)) + bytes(body))
            self.peer.pump(0)
        self.peer.close()
        self.assertEqual(len(self.fleet.client().submit_one("echo")), 16)
        self.assertTrue(self.fleet.broker.running())


if __name__ == "__main__":
    fleet.main()
