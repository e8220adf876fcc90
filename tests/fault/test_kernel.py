#!/usr/bin/python3
# ctest: timeout=300 processors=2
"""Two network namespaces with a cable between them, which the kernel cuts, filters, and where it can, makes lossy (F9, F10, I3 to I6, I9).

Needs the right to make namespaces (root, or unprivileged user namespaces) and veth; nft for the firewall, netem for the lossy
cable. What is missing is said, and skipped.

HIREHALL_EVERYTHING=1   ten times as many cuts
HIREHALL_SEED=N         the same choices again
"""

import os
import random
import re
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from fault.shift import Shift
from integration import fleet
from integration.fleet import Fleet, moment

CUTS = 40 if os.environ.get("HIREHALL_EVERYTHING") == "1" else 4
LEASE = 2 * fleet.SLOWDOWN
OURS, THEIRS = "10.77.0.1", "10.77.0.2"
HEALED = 30 * fleet.SLOWDOWN
INSIDE = "HIREHALL_TEST_NAMESPACE"


def run(*command, prefix=()):
    done = subprocess.run([*prefix, *command], capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


def enter_a_namespace():
    """This script again, in a network of its own; a skip where the kernel does not let it."""
    for tool in ("unshare", "nsenter", "ip", "tc"):
        if not shutil.which(tool):
            fleet.skip(f"{tool} is not installed")
    unshare = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
    probe = subprocess.run([*unshare, "ip", "link", "add", "ours", "type", "veth", "peer", "name", "theirs"],
                           capture_output=True, text=True)
    if probe.returncode:
        fleet.skip(f"no namespace with a cable here: {probe.stderr.strip()}")
    os.environ[INSIDE] = "1"
    os.execvp("unshare", [*unshare, sys.executable, *sys.argv])


class Cable:
    """Our namespace is the broker's; a process that does nothing holds that of the peers."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "-n", "cat"], stdin=subprocess.PIPE)
        self.prefix = ("nsenter", f"--net=/proc/{self.holder.pid}/ns/net")
        fleet.eventually(self._apart, what="the second namespace")
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "set", "lo", "up", prefix=self.prefix)
        run("ip", "link", "add", "ours", "type", "veth", "peer", "name", "theirs", "netns", str(self.holder.pid))
        run("ip", "address", "add", f"{OURS}/24", "dev", "ours")
        run("ip", "address", "add", f"{THEIRS}/24", "dev", "theirs", prefix=self.prefix)
        run("ip", "link", "set", "ours", "up")
        run("ip", "link", "set", "theirs", "up", prefix=self.prefix)

    def _apart(self):
        return os.readlink(f"/proc/{self.holder.pid}/ns/net") != os.readlink("/proc/self/ns/net")

    def close(self):
        self.holder.stdin.close()
        self.holder.wait()

    def cut(self, how):
        if how == "both ways":
            run("ip", "link", "set", "ours", "down")
        elif how == "toward the peers":
            run("ip", "route", "add", "blackhole", f"{THEIRS}/32")
        else:
            run("ip", "route", "add", "blackhole", f"{OURS}/32", prefix=self.prefix)

    def mend(self, how):
        if how == "both ways":
            run("ip", "link", "set", "ours", "up")
        elif how == "toward the peers":
            run("ip", "route", "del", "blackhole", f"{THEIRS}/32")
        else:
            run("ip", "route", "del", "blackhole", f"{OURS}/32", prefix=self.prefix)

    def lossy(self):
        """Loss, delay, copies, reordering and broken bits, both ways."""
        how = ["netem", "delay", "5ms", "5ms", "loss", "3%", "duplicate", "2%", "reorder", "5%", "corrupt", "0.5%"]
        run("tc", "qdisc", "add", "dev", "ours", "root", *how)
        run("tc", "qdisc", "add", "dev", "theirs", "root", *how, prefix=self.prefix)


    def firewall(self):
        """Segments are lost one by one, so that TCP sends them again, and connections are reset in the middle; both ways."""
        rules = "table inet faults { chain in { type filter hook input priority 0; " \
                "meta l4proto tcp numgen random mod 1000 < 30 counter drop; " \
                "meta l4proto tcp numgen random mod 10000 < 20 counter reject with tcp reset; }; }"
        run("nft", rules)
        run("nft", rules, prefix=self.prefix)

    def open_firewall(self):
        """Packets that were dropped and that were answered by a reset, both ways."""
        counts = [0, 0]
        for prefix in ((), self.prefix):
            told = subprocess.run([*prefix, "nft", "list", "table", "inet", "faults"], capture_output=True, text=True, check=True)
            for n, packets in enumerate(re.findall(r"counter packets (\d+)", told.stdout)):
                counts[n] += int(packets)
            run("nft", "delete table inet faults", prefix=prefix)
        return counts


class Kernel(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)
        self.ok = False
        self.cable = Cable()
        self.addCleanup(self.cable.close)
        self.fleet = Fleet(extra=["--lease", f"{LEASE:.0f}s", "--listen", f"tcp://{OURS}:*", "--insecure"]).start()
        self.addCleanup(lambda: self.fleet.close(keep=not self.ok))

    def work(self):
        endpoint = next(e for e in self.fleet.broker.endpoints if e.startswith("tcp"))
        return Shift(self.fleet, SEED, clients=2, hands=2, programs=2, rate=15, lease=LEASE, clients_at=endpoint, workers_at=endpoint,
                     prefix=self.cable.prefix)

    def finish(self, shift, what):
        healed = time.monotonic()
        shift.end(HEALED)
        print(f"seed {SEED}: {what}; all done {time.monotonic() - healed:.1f} s after the last (bound {HEALED:.0f} s)", flush=True)
        shift.judge(self.fleet.client())
        self.ok = True

    def test_a_cable_that_is_cut_one_way_or_both(self):
        shift = self.work()
        ways = ["both ways", "toward the peers", "toward the broker"]
        for n in range(CUTS):
            how = ways[n] if n < len(ways) else self.random.choice(ways)
            self.cable.cut(how)
            moment(self.random.choice([self.random.uniform(0.1, 1), self.random.uniform(1, 2 * LEASE)]))
            self.cable.mend(how)
            moment(self.random.uniform(0.2, 1.5))
            shift.look()
        self.finish(shift, f"{CUTS} cuts of the cable")

    def test_a_firewall_that_drops_and_resets(self):
        try:
            self.cable.firewall()
        except OSError as error:
            self.ok = True
            self.skipTest(f"no nftables here: {error}")
        shift = self.work()
        for _ in range(CUTS):
            moment(2)
            shift.look()
        dropped, reset = self.cable.open_firewall()
        self.assertGreater(dropped, 0)
        self.finish(shift, f"a firewall that dropped {dropped} segments and reset {reset} times")

    def test_a_cable_that_loses_copies_reorders_and_garbles(self):
        try:
            self.cable.lossy()
        except OSError as error:
            self.ok = True
            self.skipTest(f"no netem here: {error}")
        shift = self.work()
        moment(6)
        shift.look()
        self.finish(shift, "a lossy cable")


if __name__ == "__main__":
    if INSIDE not in os.environ:
        fleet.need("hirehall-broker")
        enter_a_namespace()
    SEED = fleet.seed()
    unittest.main(verbosity=2)
