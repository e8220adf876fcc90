"""Each check finds what was planted for it, and nothing in a clean file."""

import tempfile
import unittest
from pathlib import Path

import check_heavy_headers
import check_includes
import check_ledger
import check_mutants
import check_purity
import check_size
import check_sleeps


class Planted(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)
        self.root = Path(self.scratch.name)
        self.write("tests/hygiene/ratchet.txt", "")

    def write(self, path, text):
        full = self.root / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(text, encoding="utf-8")

    def found(self, module, needle, **more):
        findings = module.check(self.root, **more).findings
        self.assertTrue(any(needle in f for f in findings), f"{needle!r} is not in {findings}")

    def clean(self, module, **more):
        self.assertEqual(module.check(self.root, **more).findings, [])


class Includes(Planted):
    def setUp(self):
        super().setUp()
        for header in ("common/a.h", "scheduler/a.h", "broker/engine/a.h", "broker/store/a.h", "worker/a.h"):
            self.write(header, "")

    def test_arrows(self):
        self.write("broker/server/x.cpp", '#include "broker/engine/a.h"\n#include "broker/store/a.h"\n#include "common/a.h"\n')
        self.write("broker/engine/x.cpp", '#include "scheduler/a.h"\n// #include "worker/a.h"\n')
        self.clean(check_includes)

    def test_back_arrows(self):
        for path, name in [
            ("common/x.h", "scheduler/a.h"),
            ("scheduler/x.h", "broker/engine/a.h"),
            ("broker/store/x.h", "broker/engine/a.h"),
            ("broker/engine/x.h", "broker/store/a.h"),
            ("worker/x.h", "broker/store/a.h"),
            ("client/src/x.h", "worker/a.h"),
        ]:
            with self.subTest(path):
                self.write(path, f'#include "{name}"\n')
                self.found(check_includes, f"{path}:1: ")
                (self.root / path).unlink()

    def test_relative_path_does_not_hide(self):
        self.write("broker/store/x.h", '#include "../engine/a.h"\n')
        self.found(check_includes, "may not include broker/engine/a.h")

    def test_library_in_engine(self):
        self.write("broker/engine/x.cpp", "#include <rocksdb/db.h>\n")
        self.found(check_includes, "belongs to an edge")

    def test_public_header(self):
        self.write("client/include/hirehall/x.h", '#include "common/a.h"\n')
        self.found(check_includes, "is installed without common/a.h")


class Purity(Planted):
    def test_names(self):
        for line in [
            "auto t = std::chrono::steady_clock::now();",
            "std::random_device device;",
            "std::uniform_int_distribution<int> die(1, 6);",
            "std::thread t;",
            "std::mutex m;",
            "std::atomic<int> a;",
            "auto t = std::time(nullptr);",
            "auto t = time(nullptr);",
            "int r = rand();",
            "#include <thread>",
            "std::shuffle(a, b, c);",
        ]:
            with self.subTest(line):
                self.write("broker/engine/x.cpp", line + "\n")
                self.found(check_purity, "broker/engine/x.cpp:1: ")

    def test_words_in_comments_and_strings(self):
        self.write(
            "scheduler/x.cpp",
            '// no std::mutex here\nconst char* s = "steady_clock";\nint run_time(int); int y = run_time(0) + 1\'000\'000;\n'
            "void operand(int); /* std::thread */ int award_time = 3;\n",
        )
        self.clean(check_purity)

    def test_unordered(self):
        self.write("scheduler/x.h", "std::unordered_map<int, int> index_;\n")
        self.found(check_purity, "never iterated")
        self.write("scheduler/x.h", "// Look-up only, never iterated.\nstd::unordered_map<int, std::pair<int, int>> index_;\n")
        self.clean(check_purity)
        self.write("scheduler/x.cpp", "for (const auto& [k, v] : index_) use(k);\n")
        self.found(check_purity, "iterates over index_")


class Headers(Planted):
    def test_heavy(self):
        self.write("common/x.h", "#include <spdlog/spdlog.h>\n")
        self.found(check_heavy_headers, "common/x.h:1: <spdlog/spdlog.h>")
        self.write("tests/hygiene/header_exceptions.tsv", "common/x.h\tspdlog\tan adapter\n")
        self.clean(check_heavy_headers)
        self.write("common/x.h", "\n")
        self.found(check_heavy_headers, "remove the line")


class Sleeps(Planted):
    def test_sleep(self):
        self.write("tests/integration/test_x.py", "import time\ntime.sleep(1)\n")
        self.found(check_sleeps, "tests/integration/test_x.py:2: ")
        self.write("tests/hygiene/sleep_exceptions.tsv", "tests/integration/test_x.py\tthe outside world\n")
        self.clean(check_sleeps)
        self.write("tests/integration/test_x.py", "# time.sleep(1)\n")
        self.found(check_sleeps, "remove the line")


class Mutants(Planted):
    def test_planted_and_listed(self):
        self.write("tests/simulation/mutants.h", 'Mutant{"late", "what"},\n')
        self.write("broker/x.cpp", 'if (HH_MUTANT("late")) return;\n// HH_MUTANT("said_only")\n')
        self.clean(check_mutants)
        self.write("broker/x.cpp", 'if (HH_MUTANT("other")) return;\n')
        self.found(check_mutants, "broker/x.cpp:1: the planted bug other is not in")
        self.found(check_mutants, "late is planted nowhere")


class Size(Planted):
    def test_ratchet(self):
        self.write("common/x.cpp", "\n" * 501)
        self.found(check_size, "501 lines")
        self.write("tests/hygiene/ratchet.txt", "common/x.cpp 501\n")
        self.clean(check_size)
        self.write("common/x.cpp", "\n" * 502)
        self.found(check_size, "502 lines, may have 501")
        self.write("common/x.cpp", "\n")
        self.found(check_size, "remove the line")
        check_size.update(self.root)
        self.clean(check_size)


class Ledger(Planted):
    tests = {
        "unit_common/Id.RoundTrip": {"command": ["x"], "labels": ["unit"], "disabled": False},
        "unit_common/Id.Off": {"command": ["x"], "labels": ["unit"], "disabled": True},
    }

    def ledger(self, evidence):
        self.write("docs/ledger.tsv", f"issue\trequirement\tevidence\nI1\tids come back\t{evidence}\n")

    def test_good(self):
        for evidence in [
            "test: unit_common/Id.RoundTrip",
            "test: unit_common/Id.*",
            "command: ./dev bench => 330k tasks/s",
            "weaker: half as fast",
            "not built: later",
        ]:
            with self.subTest(evidence):
                self.ledger(evidence)
                self.clean(check_ledger, tests=self.tests)

    def test_bad(self):
        for evidence, needle in [
            ("test: unit_common/Id.Absent", "no test of the name"),
            ("test: unit_common/Id.RoundTrip, unit_common/Id.Absent", "no test of the name"),
            ("test: unit_common/Id.Off", "is disabled"),
            ("command: ./dev bench", "=>"),
            ("yes", "evidence is one of"),
            ("not built:", "evidence is one of"),
        ]:
            with self.subTest(evidence):
                self.ledger(evidence)
                self.found(check_ledger, needle, tests=self.tests)


if __name__ == "__main__":
    unittest.main()
