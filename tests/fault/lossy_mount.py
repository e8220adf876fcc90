"""A mounted disk that loses what was not synced (lossy_disk.cpp), and what is said to it."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from integration import fleet
from integration.fleet import Process, eventually

PROGRAM = fleet.BIN.parent / "suites" / "lossy_disk"
NOT_MOUNTED = 4  # what libfuse ends with


class LossyDisk:
    """`mount` is where the disk is seen, `backing` what of it outlives a power cut."""

    def __init__(self, directory):
        self.backing, self.mount, self.log = directory / "backing", directory / "disk", directory / "disk.log"
        self.process = None
        for folder in (self.backing, self.mount):
            folder.mkdir(exist_ok=True)
        self.begin()

    def begin(self):
        self.process = Process([PROGRAM, self.backing, self.mount], self.log)
        try:
            eventually(self._mounted, what="the disk to be mounted")
        except BaseException:
            self.close()
            raise

    def _mounted(self):
        if not self.process.running():
            raise NotMounted(self.process.child.returncode, self.process.text().strip())
        return os.path.ismount(self.mount)

    def say(self, *words):
        os.setxattr(self.mount, "user.disk", " ".join(map(str, words)).encode())

    def counts(self):
        return json.loads(os.getxattr(self.mount, "user.disk"))

    def _detach(self, **options):
        command = ["umount", "-l"] if os.geteuid() == 0 else ["fusermount3", "-uz"]
        subprocess.run([*command, self.mount], **options)

    def unmount(self):
        self._detach(check=True)
        code = self.process.exit_code()
        if code:
            raise AssertionError(f"the disk ended with {code}: {self.process.text()}")

    def again(self):
        """Off, and on with what has survived."""
        self.unmount()
        self.begin()

    def close(self):
        """At any time. A disk without power does not even say whether it is mounted."""
        if self.process and self.process.running():
            self._detach(check=False)
        if self.process:
            self.process.end()


class NotMounted(AssertionError):
    def __init__(self, code, words):
        super().__init__(f"the disk ended with {code} before it was mounted: {words}")
        self.code, self.words = code, words


def need(directory):
    """Skips the script where a file system in user space cannot be mounted."""
    if not PROGRAM.exists():
        fleet.skip("lossy_disk is not built in suites")
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        fleet.skip("/dev/fuse is missing or not for us")
    try:
        LossyDisk(directory).unmount()
    except NotMounted as error:
        if error.code != NOT_MOUNTED:
            raise
        fleet.skip(f"mounting a file system in user space is not permitted here: {error.words}")
    except FileNotFoundError as error:
        fleet.skip(f"{error.filename} is not installed")
