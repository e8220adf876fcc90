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
    def test_example_builds_against_an_installed_tree_and_runs(self):
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
            out = run(folder / "build/submit_and_wait", self.fleet.broker.endpoint, timeout=60,
                      env=dict(os.environ, LD_LIBRARY_PATH=str(library.parent)))
        self.assertIn('succeeded "hello"', out)
        self.assertIn("1000 results", out)
        self.assertIn("completed: 10 of 10 succeeded", out)


if __name__ == "__main__":
    main("hirehall-broker", "hirehall-worker", "hirehall")
