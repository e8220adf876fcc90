# ctest: timeout=120
"""The bare pipeline: every layout and batching finishes all its tasks and says so in the agreed keys."""

from bench.smoke import BenchTest, main


class Pipeline(BenchTest):
    def test_packed_records_in_batches(self):
        (m,) = self.bench("pipeline", "--tasks", 20000, "--rounds", 2)
        self.assertEqual((m["tasks"], m["batched"], m["records"], m["durability"]), (20000, 256, "packed", "fsync"))
        self.assertEqual(len(m["round_tasks_per_s"]), 2)
        self.assertGreater(m["commits"], 0)
        self.assertEqual(m["syncs"], m["commits"])

    def test_naive_records_one_task_a_message(self):
        (m,) = self.bench("pipeline", "--tasks", 3000, "--rounds", 1, "--records", "naive", "--batched", 1)
        self.assertEqual((m["records"], m["batched"]), ("naive", 1))

    def test_a_slow_disk_slows_it_down_by_what_was_asked(self):
        (m,) = self.bench("pipeline", "--tasks", 2000, "--rounds", 1, "--sync-delay", "5ms")
        self.assertEqual(m["sync_delay_ms"], 5)
        self.assertLessEqual(m["tasks_per_s"], 2000 / (m["commits"] * 0.005))

    def test_unknown_benches_and_values_are_usage_errors(self):
        code, said = self.refused("no-such-bench")
        self.assertEqual(code, 2)
        self.assertIn("no-such-bench", said)
        code, said = self.refused("pipeline", "--payload", 3)
        self.assertEqual(code, 2)
        self.assertIn("payload", said)


main()
