# ctest: timeout=120
"""Light load: starts are stamped by the agent, and the floor is measured beside them."""

from bench.smoke import BenchTest, main


class Latency(BenchTest):
    def test_submit_to_start_is_given_beside_sync_and_hop(self):
        (m,) = self.bench("latency", "--tasks", 400, "--rate", 200)
        for key in ("p50_ms", "p99_ms", "sync_p50_ms", "sync_p99_ms", "hop_p50_ms", "ratio_p50"):
            self.assertGreater(m[key], 0, key)
        self.assertLessEqual(m["p50_ms"], m["p99_ms"])
        self.assertLessEqual(m["p50_ms"], m["told_p50_ms"] * 1.1)


main()
