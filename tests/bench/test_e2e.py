# ctest: timeout=180
"""Whole tasks through broker and worker: all come back once with their own payload."""

from bench.smoke import BenchTest, main


class EndToEnd(BenchTest):
    def test_batches_are_measured_in_turn_with_the_limit(self):
        (m,) = self.bench("e2e", "--tasks", 5000, "--rounds", 1)
        self.assertEqual((m["tasks"], m["batched"], m["rounds"]), (5000, 256, 1))
        self.assertGreater(m["limit_tasks_per_s"], 0)
        self.assertAlmostEqual(m["ratio_to_limit"], m["tasks_per_s"] / m["limit_tasks_per_s"], places=2)
        self.assertGreater(m["commits"], 0)
        self.assertGreaterEqual(m["syncs"], 0)

    def test_one_task_a_message_over_lanes_and_priorities(self):
        (m,) = self.bench("e2e", "--tasks", 2000, "--rounds", 1, "--batched", 1, "--lanes", 7, "--priorities", 3)
        self.assertEqual((m["batched"], m["lanes"], m["priorities"]), (1, 7, 3))

    def test_a_slow_disk_is_compared_with_the_same_disk_undelayed(self):
        (m,) = self.bench("e2e", "--tasks", 3000, "--rounds", 1, "--sync-delay", "1ms")
        self.assertEqual(m["sync_delay_ms"], 1)
        self.assertGreater(m["undelayed_tasks_per_s"], 0)

    def test_a_program_that_is_missing_is_named(self):
        code, said = self.refused("e2e", "--tasks", 10, "--bin", "/nonexistent")
        self.assertEqual(code, 1)
        self.assertIn("hirehall-broker", said)
        self.assertIn("--bin", said)


main()
