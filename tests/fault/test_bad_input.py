#!/usr/bin/python3
# ctest: timeout=240
"""What a hostile or careless outside does: every answer names the thing and the remedy, nothing is lost (F5, F16, F17, I11, I15)."""

import os
import random
import re
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet, hirehall_wire as wire
from integration.fleet import Broker, FleetTest, LIMIT, Process, eventually


class Start(FleetTest):
    """A broker that cannot serve says so and ends; the other one goes on."""

    listen = "tcp://127.0.0.1:*"

    def refuses(self, *names, limit=LIMIT, **options):
        """The exit code of a broker that must not start; its last words have to name these things."""
        broker = self.fleet.adopt(Broker(self.fleet.directory, name=f"second-{len(self.fleet.processes)}", **options))
        code = broker.exit_code(limit)
        text = broker.text()
        self.assertIn(code, (1, 64, 65, 69), f"ended by a signal or as if all were well\n{text}")
        self.assertFalse(broker.ready_file.exists(), "said ready and ended")
        for name in names:
            self.assertRegex(text, re.compile(name, re.I))
        return code

    def test_a_port_in_use(self):
        taken = self.fleet.broker.endpoint
        self.refuses(re.escape(taken), "in use", data=self.fleet.directory / "other", listen=taken)
        self.assertTrue(self.fleet.broker.running())

    def test_a_metrics_port_in_use(self):
        taken = self.fleet.broker.metrics
        self.refuses(re.escape(taken), data=self.fleet.directory / "other", metrics=taken)

    def test_a_second_broker_on_one_store(self):
        client = self.fleet.client()
        id_ = client.submit_one("echo")
        self.refuses(re.escape(str(self.fleet.broker.data)), "lock|another|in use", data=self.fleet.broker.data,
                     listen="tcp://127.0.0.1:*")
        self.assertEqual(client.state(id_), "ready")
        self.fleet.crash()
        self.assertEqual(client.state(id_), "ready")

    def test_an_endpoint_that_is_none(self):
        blocker = self.fleet.directory / "file"
        blocker.write_text("no directory")
        for listen in ("smoke://signals", "tcp://127.0.0.1:99999", "tcp://nowhere.invalid:1", f"ipc://{blocker}/b.sock"):
            with self.subTest(listen=listen):
                self.refuses(re.escape(listen.removeprefix("ipc://").removesuffix("/b.sock")), data=self.fleet.directory / "other", listen=listen)

    def test_a_network_endpoint_without_keys_needs_insecure(self):
        command = [fleet.BIN / "hirehall-broker", "--data", self.fleet.directory / "other", "--listen", "tcp://127.0.0.1:*"]
        process = self.fleet.adopt(Process(command, self.fleet.directory / "insecure.log"))
        self.assertGreater(process.exit_code(), 0)
        self.assertIn("--insecure", process.text())

    def test_an_option_that_does_not_exist(self):
        self.refuses("--colour", data=self.fleet.directory / "other", extra=["--colour", "blue"])

    def test_a_data_directory_that_cannot_be_made(self):
        blocker = self.fleet.directory / "file"
        blocker.write_text("no directory")
        self.refuses(re.escape(str(blocker)), data=blocker)


class Store(FleetTest):
    """A store that is damaged or not ours is refused with its path, never repaired by deleting."""

    def setUp(self):
        super().setUp()
        self.client = self.fleet.client()
        self.ids = [id_ for _ in range(20) for id_ in self.client.submit([[0, os.urandom(900)] for _ in range(100)],
                                                                         [{"type": "nobody"}])]
        self.random = random.Random(random.random())
        # The watermark follows within a second: what it covers must not go missing unseen.
        acknowledged = time.time()
        watermark = self.fleet.broker.data / "watermark"
        eventually(lambda: watermark.exists() and watermark.stat().st_mtime > acknowledged, what="a watermark over all of them")

    def files(self, pattern):
        return sorted(path for path in self.fleet.broker.data.rglob("*") if path.is_file() and re.search(pattern, path.name))

    def snapshot(self):
        return {path: path.stat().st_size for path in self.files(".")}

    def test_a_damaged_file_is_refused_or_harmless_and_never_loses_a_task(self):
        self.fleet.broker.kill()
        for path in self.files(r"\.log$|\.sst$|^MANIFEST|^CURRENT$"):
            data = path.read_bytes()
            if not data or (path.name == "LOG"):
                continue
            with self.subTest(file=path.name):
                at = self.random.randrange(len(data) // 2, max(len(data) // 2 + 1, len(data) * 3 // 4))
                path.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1:])
                self.refused_or_whole(f"{path.name} changed at byte {at} of {len(data)}")
                path.write_bytes(data)
            if path.name == "CURRENT" or path.name.startswith("MANIFEST"):
                with self.subTest(missing=path.name):
                    path.unlink()
                    self.refused_or_whole(f"{path.name} is missing")
                    path.write_bytes(data)

    def test_a_truncated_log_is_refused(self):
        self.fleet.broker.kill()
        for path in [path for path in self.files(r"\.log$") if path.stat().st_size > 4096]:
            with self.subTest(file=path.name):
                data = path.read_bytes()
                path.write_bytes(data[:len(data) // 2])
                self.refused_or_whole(f"{path.name} cut in half")
                path.write_bytes(data)

    def test_a_store_of_another_format_is_refused_and_left_alone(self):
        self.fleet.broker.kill()
        path = self.fleet.broker.data / "format"
        for format_ in ("hirehall-store 2\n", "hirehall-store 0\n", "something else\n", ""):
            with self.subTest(format=format_):
                path.write_text(format_)
                before = self.snapshot()
                broker = self.fleet.adopt(Broker(self.fleet.directory, data=self.fleet.broker.data, name="other-format"))
                self.assertEqual(broker.exit_code(), 65, broker.text())
                self.assertIn(str(path.parent), broker.text())
                self.assertEqual(self.snapshot(), before)

    def test_a_directory_of_somebody_else_is_left_alone(self):
        foreign = self.fleet.directory / "foreign"
        foreign.mkdir()
        (foreign / "letters.txt").write_text("private")
        broker = self.fleet.adopt(Broker(self.fleet.directory, data=foreign, name="foreign"))
        self.assertEqual(broker.exit_code(), 65, broker.text())
        self.assertIn(str(foreign), broker.text())
        self.assertEqual([path.name for path in foreign.iterdir()], ["letters.txt"])

    def refused_or_whole(self, damage):
        """Started on a copy: a refusal leaves no room for the doubt which bytes it saw."""
        copy = self.fleet.directory / f"copy-{len(self.fleet.processes)}"
        subprocess.run(["cp", "-a", self.fleet.broker.data, copy], check=True)
        broker = self.fleet.adopt(Broker(self.fleet.directory, data=copy, name=f"broker-{len(self.fleet.processes)}"))
        ended = eventually(lambda: not broker.running() or broker.ready_file.exists(), what=damage)
        self.assertTrue(ended)
        if not broker.running():
            self.assertGreater(broker.exit_code(), 0, f"{damage}: {broker.text()}")
            self.assertIn(str(copy), broker.text(), damage)
            return
        broker.ready()
        with wire.Client(broker.endpoint) as client:
            client.start()
            missing = [id_ for id_ in self.ids if not self.has(client, id_)]
            self.assertEqual(missing, [], f"{damage}: served with {len(missing)} acknowledged tasks gone")
        broker.kill()

    def has(self, client, id_):
        try:
            return client.get(id_)["id"] == id_
        except wire.WireError:
            return False


class Garbage(FleetTest):
    """Bytes that are no ZMTP, no frame, no msgpack."""

    listen = "tcp://127.0.0.1:*"

    def setUp(self):
        super().setUp()
        self.random = random.Random(random.random())
        self.client = self.fleet.client()
        self.id = self.client.submit_one("echo", b"precious")

    def well(self):
        self.assertTrue(self.fleet.broker.running(), self.fleet.broker.text()[-2000:])
        self.assertEqual(self.client.get(self.id)["payload"], b"precious")
        fresh = self.fleet.client()
        self.assertEqual(len(fresh.submit_one("echo")), 16)
        fresh.close()

    def raw(self, *chunks):
        port = int(self.fleet.broker.endpoint.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as stream:
            stream.settimeout(0.05)
            try:
                for chunk in chunks:
                    stream.sendall(chunk)
                stream.recv(1024)
            except OSError:
                pass

    def test_raw_bytes_on_the_socket(self):
        greeting = b"\xff" + b"\0" * 8 + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0" * 32
        ready = b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x06DEALER"
        chunks = [[b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"], [b"\0" * 4096], [os.urandom(4096)], [greeting], [greeting, os.urandom(999)],
                  [greeting, b"\x06" + b"\xff" * 8], [greeting, ready, b"\x02" + struct.pack(">Q", 1 << 62)],
                  [greeting, ready, b"\x02" + struct.pack(">Q", 3 << 20) + b"x" * 9], [greeting, ready, b"\x04\x05\x04PING"],
                  [greeting, ready, b"\x00\x10" + b"x" * 16], [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"]]
        for parts in chunks:
            self.raw(*parts)
        for _ in range(100):
            self.raw(self.random.randbytes(self.random.randrange(1, 300)))
        self.well()

    def test_connections_that_say_nothing(self):
        port = int(self.fleet.broker.endpoint.rsplit(":", 1)[1])
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
        self.well()
        for stream in idle:
            stream.close()

    def test_hostile_msgpack_of_every_kind_is_answered_and_forgotten(self):
        peer = self.fleet.client(recover=False)
        before = self.resident()
        bombs = [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xc9\xff\xff\xff\xff\x01",
                 b"\x91" * 100_000, b"\x81\xa1a" * 50_000, b"\x94\x01\x00\xdd\x00\x10\x00\x00", b"\xdc\xff\xff" + b"\xc0" * 65535,
                 b"\x94\x01\x00\x91\x80\xdd\x00\x00\x0f\xff" + b"\x91\x00" * 4095]
        kinds = [1, 5, *range(16, 28), *range(32, 47), *range(48, 57)]
        for kind in kinds:
            for bomb in bombs:
                peer.raw(wire.HEADER.pack(wire.MAGIC, 1, 0, kind, 0, 9) + bomb)
                peer.pump(0)
        eventually(lambda: not peer.pump(0.3), what="the last answer")
        self.well()
        self.assertLess(self.resident() - before, 64 << 20, "memory grew with what was refused")

    def resident(self):
        with open(f"/proc/{self.fleet.broker.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def test_a_flood_from_one_peer_that_never_reads_leaves_the_others_served(self):
        deaf = self.fleet.client(recover=False)
        request = wire.frame(wire.GET, {"id": self.id}, 3)
        for _ in range(200_000):
            try:
                deaf.socket.send(request, wire.zmq.NOBLOCK)
            except wire.zmq.Again:
                break
        began = time.monotonic()
        self.well()
        self.assertLess(time.monotonic() - began, 5 * fleet.SLOWDOWN)


class Unreachable(FleetTest):
    def test_a_client_of_a_dead_broker_gets_no_answer_and_nothing_twice_when_it_is_back(self):
        client = self.fleet.client()
        self.fleet.broker.kill()
        batch = client.submit_later([[0, b"x"]], [{"type": "echo"}])
        with self.assertRaises(wire.NoAnswer):
            client.settle(0.5)
        self.fleet.start()
        client.settle()
        self.assertEqual(len(batch.answer[0]), 16)
        self.assertEqual(client.stats()["accepted"], 1)

    def test_the_command_line_names_the_broker_it_cannot_reach(self):
        if not (fleet.BIN / "hirehall").exists():
            self.skipTest("the command line is not built")
        endpoint = f"ipc://{self.fleet.directory}/nobody.sock"
        done = subprocess.run([fleet.BIN / "hirehall", "--broker", endpoint, "stats"], capture_output=True, text=True,
                              timeout=120, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertIn(endpoint, done.stderr)


if __name__ == "__main__":
    fleet.main()
