#!/usr/bin/python3
# ctest: timeout=900
"""No memory (F11, I1, I10, I15): a broker that gets no more ends or refuses, and has all that it acknowledged when it starts again.

HIREHALL_EVERYTHING=1   twenty limits instead of three
HIREHALL_SEED=N         the same limits again
"""

import os
import random
import resource
import sys
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet
from integration.fleet import FleetTest
from integration.hirehall_wire import NoAnswer, Refused, WireError

SEED = fleet.seed()
ROUNDS = 20 if os.environ.get("HIREHALL_EVERYTHING") == "1" else 3
MOST = 400  # payloads a round: more than any of the limits lets in


class Allocation(FleetTest):
    def size(self):
        status = Path(f"/proc/{self.fleet.broker.pid}/status").read_text()
        return int(status.split("VmSize:")[1].split()[0]) * 1024

    def submit_until_the_end(self, client, payload):
        """(acknowledged ids, how it ended)"""
        ids = []
        for n in range(MOST):
            try:
                answer = client.submit_one("nobody", payload + n.to_bytes(8, "big"), limit=10)
            except NoAnswer:
                return ids, "ended"
            except WireError:
                return ids, "refused"
            if isinstance(answer, Refused):
                return ids, "refused"
            ids.append(answer)
        return ids, "had enough"

    def test_what_was_acknowledged_outlives_an_allocation_that_failed(self):
        chance, kept, ends, codes = random.Random(SEED), [], [], []
        for _ in range(ROUNDS):
            client, payload = self.fleet.client(), os.urandom(1 << 19)
            more = chance.randrange(0, 96 << 20)
            resource.prlimit(self.fleet.broker.pid, resource.RLIMIT_AS, (self.size() + more, resource.RLIM_INFINITY))
            ids, end = self.submit_until_the_end(client, payload)
            kept += [(id_, payload + n.to_bytes(8, "big")) for n, id_ in enumerate(ids)]
            ends.append(f"{more >> 20} MiB: {len(ids)} and {end}")
            if self.fleet.broker.running():
                self.fleet.broker.kill()
            else:
                code = self.fleet.broker.exit_code()
                self.assertNotEqual(code, 0, "it ended and says that all is well")
                codes.append(code)
                if code == 71:
                    self.assertIn("an allocation failed", self.fleet.broker.text())
            self.fleet.start()
            self.assertGreaterEqual(self.fleet.client().stats()["accepted"], len(kept))
        client = self.fleet.client()
        for id_, payload in kept:
            self.assertEqual(client.get(id_)["payload"], payload)
        print(f"seed {SEED}: more memory than at the beginning: " + "; ".join(ends) + f"; {len(kept)} acknowledged, 0 lost; exit codes {codes}", flush=True)
        self.assertTrue(any(not end.endswith("had enough") for end in ends), "no limit was ever met: the test tests nothing")


if __name__ == "__main__":
    fleet.main()
