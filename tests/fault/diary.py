"""What peers wrote down about themselves, and what can be said from that about executions, re-awards and reconnects.

A diary is one JSON array per line, times on the clock that all processes of a machine share (CLOCK_MONOTONIC, seconds):
    ["begin", t, id, attempt]   before the work; an id is in hex
    ["end", t, id, attempt]     the work is done, its finish leaves now
    ["session", t]              a session after the connection was lost (histories of clients have it too)
The last line may be torn: its writer was killed.
"""

import json
from collections import Counter, defaultdict


def rows(path):
    with open(path) as file:
        for line in file:
            try:
                yield json.loads(line)
            except ValueError:
                continue


class Diaries:
    """All of one run; `killed` says when the writer of a diary was killed."""

    def __init__(self, paths, killed=None):
        self.begins = defaultdict(list)  # id -> [(t, attempt, path)] in order of time
        self.open = defaultdict(set)     # path -> {(id, attempt)} begun and not ended
        self.attempts = Counter()        # (id, attempt) -> times begun
        self.killed = killed or {}
        for path in paths:
            for row in rows(path):
                if row[0] == "begin":
                    self.begins[row[2]].append((row[1], row[3], path))
                    self.open[path].add((row[2], row[3]))
                    self.attempts[row[2], row[3]] += 1
                elif row[0] == "end":
                    self.open[path].discard((row[2], row[3]))
        for begun in self.begins.values():
            begun.sort()

    def executed_again(self):
        """How many tasks were begun more than once."""
        return sum(len(begun) > 1 for begun in self.begins.values())

    def check(self, tasks):
        """No attempt begins twice (I4), and what is recorded as a success was begun by somebody (I2, I5)."""
        findings = [f"attempt {attempt} of {id_} was begun {count} times"
                    for (id_, attempt), count in self.attempts.items() if count > 1]
        for id_, task in tasks.items():
            for entry in task.get("history", []):
                if entry["outcome"] == "succeeded" and not self.attempts[id_, entry["attempt"]]:
                    findings.append(f"attempt {entry['attempt']} of {id_} is recorded as succeeded and nobody began it")
        return findings

    def orphans(self, lives):
        """(id, seconds, quiet) of each task whose worker was killed over it: until it began again, and the longest part of
        that in one life of the broker; a start grants every lease its full time anew. None: it never began again."""
        found = []
        for path, at in self.killed.items():
            for id_, attempt in self.open.get(path, ()):
                again = next((t for t, number, _ in self.begins[id_] if number > attempt), None)
                if again is None:
                    found.append((id_, None, None))
                elif again > at:
                    quiet = max((min(again, end) - max(at, begin) for begin, end in lives), default=0)
                    found.append((id_, again - at, quiet))
        return found


def reconnects(paths, lives):
    """Seconds from the broker's being ready until each peer had a session again, for the lives that were long enough."""
    found = []
    for path in paths:
        sessions = [row[1] for row in rows(path) if row[0] == "session"]
        for begin, end in lives[1:]:
            back = next((t for t in sessions if begin <= t < end), None)
            if back is not None:
                found.append(back - begin)
    return found


def spread(seconds):
    """Median and worst for people."""
    if not seconds:
        return "none seen"
    ordered = sorted(seconds)
    return f"{len(ordered)} times, median {ordered[len(ordered) // 2]:.2f} s, worst {ordered[-1]:.2f} s"
