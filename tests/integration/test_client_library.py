"""The installed client library: a program of somebody else finds it, builds, and gets its results."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from integration.fleet import BIN, SOURCE, FleetTest, main


def run(*command, **more):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\nended with {done.returncode}:\n{done.stdout[-4000:]}"
    return done.stdout


class Library(FleetTest):
    def test_examples_build_against_an_installed_tree_and_run(self):
        with tempfile.TemporaryDirectory(prefix="hirehall-install-") as folder:
            folder = Path(folder)
            run("cmake", "--install", BIN.parent, "--prefix", folder / "usr")
            cache = (BIN.parent / "CMakeCache.txt").read_text()
            flags = "-fsanitize=address,undefined" if "HIREHALL_SANITIZE:STRING=address" in cache else \
                "-fsanitize=thread" if "HIREHALL_SANITIZE:STRING=thread" in cache else ""
            run("cmake", "-S", SOURCE / "client/examples", "-B", folder / "build", "-G", "Ninja",
                f"-DCMAKE_PREFIX_PATH={folder / 'usr'}", f"-DCMAKE_CXX_FLAGS={flags} -Wall -Wextra -Werror")
            run("cmake", "--build", folder / "build")
            self.fleet.wait_worker(self.fleet.worker_program("example"))
            library = next((folder / "usr").rglob("libhirehall-client.so"), folder)
            there = dict(os.environ, LD_LIBRARY_PATH=str(library.parent))
            out = run(folder / "build/submit_and_wait", self.fleet.broker.endpoint, timeout=60, env=there)
            self.fleet.broker.stop()
            self.fleet.start(extra=["--backups", folder / "backups"])
            worker = self.fleet.worker("priced")
            self.fleet.client().submit_one("priced")
            worker.finish(worker.award(), usage={"cost_usd": 0.75})
            operated = run(folder / "build/operate", self.fleet.broker.endpoint, timeout=60, env=there)
            self.fleet.broker.stop()
            self.fleet.start(extra=())
            refused = subprocess.run([folder / "build/operate", self.fleet.broker.endpoint], capture_output=True, text=True, timeout=60, env=there)
        self.assertIn('succeeded "hello"', out)
        self.assertIn("1000 results", out)
        self.assertIn("completed: 10 of 10 succeeded", out)
        for line in ("example: 0.75 of 25 cost_usd used, warning", "queue default: 0.75 cost_usd", "budget_set by local: ok"):
            self.assertIn(line, operated.splitlines())
        self.assertRegex(operated, r"(?m)^a backup of \d+ files is sound$")
        self.assertEqual(refused.returncode, 1, refused.stdout)
        self.assertIn("start it with --backups DIR (unsupported)", refused.stderr)


if __name__ == "__main__":
    main("hirehall-broker", "hirehall-worker", "hirehall")
