# ctest: timeout=180
"""A backlog fills without a worker, drains whole, and is compared with a short queue and a single lane."""

from bench.smoke import BenchTest, main


class Backlog(BenchTest):
    def test_lanes_and_priorities_are_compared_with_a_single_lane(self):
        plain, spread = self.bench("backlog", "--tasks", 5000, "--lanes", 50, "--priorities", 10)
        self.assertEqual((plain["lanes"], spread["lanes"], spread["priorities"]), (1, 50, 10))
        for m in (plain, spread):
            self.assertGreater(m["fill_tasks_per_s"], 0)
            self.assertGreater(m["rss_mb"], 0)
            self.assertGreater(m["ratio_to_limit"], 0)
        self.assertGreater(spread["ratio_to_single_lane"], 0)


main()
