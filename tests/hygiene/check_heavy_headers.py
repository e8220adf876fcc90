"""Heavy or private libraries are included by .cpp files, not by our headers: they would reach every room and every build.

Adapters, whose whole purpose is to show a library, stand in header_exceptions.tsv with a reason each.
"""

import sys
from pathlib import Path

import house

HEAVY = ("msgpack", "spdlog/", "nlohmann/", "boost/program_options", "yaml-cpp/", "rocksdb/", "zmq", "civetweb", "prometheus/", "curl/")
EXCEPTIONS = house.HERE / "header_exceptions.tsv"


def check(root=None):
    root = Path(root or house.SOURCE)
    report = house.Report("heavy headers")
    allowed = {}
    for line, header, library, _reason in house.table(EXCEPTIONS, 3, root):
        allowed[(header, library)] = line
        if not (root / header).exists():
            report.add(EXCEPTIONS, f"{header} is gone: remove the line", line)
    used = set()
    for path in house.files(*house.ROOMS, "tests/support", "tests/simulation", ends=(".h", ".hpp"), root=root):
        for line, name, quoted in house.includes(house.read(path, root)):
            if quoted and (root / name).is_file():
                continue
            for library in HEAVY:
                if name.startswith(library):
                    key = (path.as_posix(), library.rstrip("/"))
                    used.add(key)
                    if key not in allowed:
                        report.add(path, f"<{name}> belongs in a .cpp file (or, for an adapter, a line in {EXCEPTIONS})", line)
    for key, line in allowed.items():
        if key not in used and (root / key[0]).exists():
            report.add(EXCEPTIONS, f"{key[0]} does not include {key[1]} any more: remove the line", line)
    return report


if __name__ == "__main__":
    sys.exit(check().finish())
