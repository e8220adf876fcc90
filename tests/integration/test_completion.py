"""Tab in real shells: the scripts of `hirehall completion` are loaded, and say what the table and the broker know."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from integration.fleet import BIN, LIMIT, FleetTest, main


def shell(command, script, endpoint):
    """stdout of a shell that runs the script, with hirehall in its PATH and nothing of this user's configuration."""
    with tempfile.TemporaryDirectory(prefix="hirehall-shell-") as home:
        environment = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": home, "HIREHALL_BROKER": endpoint, "TERM": "dumb"}
        done = subprocess.run([*command, script], capture_output=True, text=True, timeout=LIMIT, env=environment)
    if done.returncode != 0 or done.stderr:
        raise AssertionError(f"{command[0]} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def quoted(words):
    return " ".join("'" + word + "'" for word in words)


class Completion(FleetTest):
    def bash(self, *words, endpoint=None):
        """What bash offers when its readline has cut the line into these words and the cursor is at the last."""
        script = f"""source <(hirehall completion bash)
            COMP_WORDS=(hirehall {quoted(words)}); COMP_CWORD={len(words)}
            _hirehall
            printf '%s\\n' "${{COMPREPLY[@]}}" """
        return shell(["bash", "--norc", "-c"], script, endpoint or self.fleet.broker.endpoint).split()

    def cli(self, *arguments):
        subprocess.run([BIN / "hirehall", "--broker", self.fleet.broker.endpoint, *arguments, "-o", "none"], check=True, timeout=LIMIT)

    def test_bash_knows_the_function(self):
        said = shell(["bash", "--norc", "-c"], "source <(hirehall completion bash); complete -p hirehall", self.fleet.broker.endpoint)
        self.assertEqual(said.strip(), "complete -F _hirehall hirehall")

    def test_bash_offers_words_of_the_table(self):
        self.assertEqual(self.bash("ta"), ["task"])
        self.assertEqual(self.bash("queue", "p"), ["pause", "purge"])
        self.assertEqual(self.bash("task", "list", "--newest"), ["--newest-first"])

    def test_bash_cuts_at_equals_and_colon(self):
        self.assertEqual(self.bash("task", "list", "--output", "=", "js"), ["json", "jsonl"])
        self.assertEqual(self.bash("task", "list", "--state", "="), ["scheduled", "ready", "leased", "suspended", "succeeded",
                                                                     "failed", "cancelled", "expired"])
        self.assertEqual(self.bash("--broker", "tcp", ":", "//127.0.0.1", ":", "1", "que"), ["queue"])
        self.cli("queue", "set", "mail:fast")
        self.assertEqual(self.bash("queue", "show", "mail", ":", "f"), ["fast"])

    def test_bash_asks_the_broker_for_names(self):
        self.cli("queue", "set", "mail")
        self.assertEqual(self.bash("queue", "show", ""), ["default", "mail"])
        self.assertEqual(self.bash("task", "list", "--queue", "m"), ["mail"])
        self.fleet.wait_worker(self.fleet.worker_program("hand-7", agents=("echo",)))
        self.assertEqual(self.bash("worker", "drain", "h"), ["hand-7"])
        self.assertEqual(self.bash("task", "submit", "e"), ["echo"])
        self.assertEqual(self.bash("agent", "show", ""), ["echo"])
        self.cli("task", "submit", "echo", "hi")
        self.assertEqual([len(word) for word in self.bash("task", "get", "")], [26])

    def test_bash_is_silent_when_nobody_answers(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(self.bash("queue", "show", "", endpoint=f"ipc://{folder}/nobody.ipc"), [])

    def test_bash_offers_files(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "mine.key").touch()
            self.assertEqual(self.bash("task", "list", "--key-file", f"{folder}/mi"), [f"{folder}/mine.key"])

    def test_fish_offers_the_same(self):
        if not shutil.which("fish"):
            self.skipTest("fish is not installed")
        self.cli("queue", "set", "mail")
        ask = "source (hirehall completion fish | psub); complete -C 'hirehall queue show m'; complete -C 'hirehall task expl'"
        lines = shell(["fish", "--no-config", "-c"], ask, self.fleet.broker.endpoint).splitlines()
        self.assertEqual([line.split("\t")[0] for line in lines], ["mail", "explain"])

    def test_zsh_takes_the_script(self):
        if not shutil.which("zsh"):
            self.skipTest("zsh is not installed")
        # The functions that zsh offers candidates with work inside its line editor alone; here they note what they get.
        ask = """compdef() { : }; compadd() { shift 4; print -l "${(@P)1}" }; source <(hirehall completion zsh)
            words=(hirehall queue pu); CURRENT=3; _hirehall"""
        self.assertEqual(shell(["zsh", "-f", "-c"], ask, self.fleet.broker.endpoint).split(), ["purge"])


if __name__ == "__main__":
    main("hirehall-broker", "hirehall-worker", "hirehall")
