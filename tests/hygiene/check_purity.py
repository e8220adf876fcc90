"""Engine, scheduler and simulation name no clock, no random device, no thread, and no order that a library chooses.

An unordered container may be used for look-up only, and says so: a comment with "never iterated" on its line or the line
above. Looping over one is refused even with the comment.
"""

import re
import sys
from pathlib import Path

import house

NAMES = [
    (r"\b(system|steady|high_resolution|utc|tai|gps|file)_clock\b", "a clock: time is an input"),
    (r"\b(clock_gettime|gettimeofday|timespec_get|clock_nanosleep|nanosleep|localtime|gmtime)\b", "a clock: time is an input"),
    (r"\bstd\s*::\s*(time|clock)\s*\(|(?<![\w:.>])time\s*\(\s*(nullptr|NULL|0|&)", "a clock: time is an input"),
    (r"\brandom_device\b|\bgetrandom\b|\bgetentropy\b|\brandombytes_\w+", "a random device: the seed is an input"),
    (r"(?<![\w.>])s?rand\s*\(|\bdrand48\b", "hidden global randomness: the seed is an input"),
    (r"\b\w+_distribution\b", "a distribution of the library, which differs between implementations"),
    (r"\bstd\s*::\s*(ranges\s*::\s*)?(shuffle|sample)\b", "the order it gives differs between implementations"),
    (r"\b(std\s*::\s*)?(jthread|this_thread)\b|\bstd\s*::\s*(thread|async)\b|\bpthread_\w+|\bthread_local\b", "a thread"),
    (r"\b\w*mutex\b|\bcondition_variable\w*|\bstd\s*::\s*(lock_guard|unique_lock|scoped_lock|future|promise)\b", "a lock"),
    (r"\bstd\s*::\s*atomic\w*|\bstd\s*::\s*memory_order\w*|\b__atomic_\w+|\b__sync_\w+", "an atomic"),
    (r"#\s*include\s*<(thread|mutex|shared_mutex|condition_variable|atomic|future|semaphore|barrier|latch|stop_token"
     r"|ctime|time\.h|sys/time\.h|pthread\.h|sys/random\.h|fstream|iostream|filesystem|sys/socket\.h|unistd\.h)>",
     "I/O, time or threads"),
]
NAMES = [(re.compile(pattern), what) for pattern, what in NAMES]
UNORDERED = re.compile(r"\bunordered_(?:flat_|node_)?(?:multi)?(?:map|set)\s*<")
# The simulation's own program prints, reads options and may use threads to run seeds side by side: it is not the world.
PROGRAM = {"tests/simulation/main.cpp"}


def member_after(code, start):
    """The name declared by a type that opens with < at `start`: the identifier behind the matching >."""
    depth = 0
    for at in range(start, len(code)):
        if code[at] == "<":
            depth += 1
        elif code[at] == ">" and code[at - 1] != "-":
            depth -= 1
            if depth == 0:
                match = re.match(r"\s*&?\s*(\w+)", code[at + 1 :])
                return match.group(1) if match else None
    return None


def check(root=None):
    root = Path(root or house.SOURCE)
    report = house.Report("purity")
    unordered = {}
    texts = {}
    for path in house.files(*house.PURE, root=root):
        if path.as_posix() in PROGRAM or path.name.endswith("_test.cpp"):
            continue
        text = house.read(path, root)
        code = house.code_of(text)
        texts[path] = code
        lines, code_lines = text.splitlines(), code.splitlines()
        for number, line in enumerate(code_lines, 1):
            for pattern, what in NAMES:
                match = pattern.search(line)
                if match:
                    report.add(path, f"names {match.group(0).strip()}: {what}", number)
        for match in UNORDERED.finditer(code):
            number = code.count("\n", 0, match.start()) + 1
            near = lines[number - 1] + (lines[number - 2] if number > 1 else "")
            if "never iterated" not in near:
                report.add(path, 'an unordered container needs the comment "never iterated" (or an ordered one)', number)
            name = member_after(code, match.end() - 1)
            if name:
                unordered.setdefault(path.with_suffix(""), set()).add(name)
    for path, code in texts.items():
        for name in unordered.get(path.with_suffix(""), ()):
            loop = rf"for\s*\([^;)]*:\s*[\w.\->]*\b{name}\s*\)|\b{name}\s*\.\s*c?begin\s*\("
            for match in re.finditer(loop, code):
                report.add(path, f"iterates over {name}, whose order is not fixed", code.count("\n", 0, match.start()) + 1)
    return report


if __name__ == "__main__":
    sys.exit(check().finish())
