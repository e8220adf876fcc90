"""Arrows only go server -> engine -> scheduler -> common and never back (docs/design.md, the table of rooms)."""

import sys
from pathlib import Path

import house

MAY = {
    "common": set(),
    "scheduler": {"common"},
    "broker/engine": {"common", "scheduler"},
    "broker/store": {"common"},
    "broker/server": {"common", "scheduler", "broker/engine", "broker/store"},
    "worker": {"common"},
    "client": {"common"},
}
# Libraries that do I/O or carry a clock of their own stay out of the rooms that decide.
OUTSIDE = ("zmq", "rocksdb/", "civetweb", "prometheus/", "systemd/", "curl/", "boost/program_options", "spdlog/")
# Public headers are installed alone: they may show the standard library, tl::expected and each other.
PUBLIC = ("client/include/", "worker/include/")


def target_of(path, name, root):
    """The file of the tree that an include names, as a relative path, or None for a library."""
    for base in (root, root / path.parent, root / "client/include", root / "worker/include"):
        if (base / name).is_file():
            return (base / name).resolve().relative_to(root.resolve())
    return None


def check(root=None):
    root = Path(root or house.SOURCE)
    report = house.Report("includes")
    for path in house.files(*house.ROOMS, ends=(".h", ".cpp", ".c"), root=root):
        room = house.room_of(path)
        for line, name, quoted in house.includes(house.read(path, root)):
            target = target_of(path, name, root)
            public = path.as_posix().startswith(PUBLIC)
            if target is None:
                if quoted and house.room_of(name):
                    report.add(path, f'"{name}" does not exist', line)
                if room in ("scheduler", "broker/engine") and name.startswith(OUTSIDE):
                    report.add(path, f"{room}/ decides and does no I/O: <{name}> belongs to an edge", line)
                continue
            other = house.room_of(target)
            if public and not target.as_posix().startswith(PUBLIC):
                report.add(path, f"a public header is installed without {target}: hide it behind a .cpp file", line)
            elif other is None:
                if not target.as_posix().startswith("build"):
                    report.add(path, f"{room}/ includes {target}, which is in no room", line)
            elif other != room and other not in MAY[room]:
                allowed = ", ".join(sorted(MAY[room])) or "libraries only"
                report.add(path, f"{room}/ may not include {target} (it may include: {allowed})", line)
    return report


if __name__ == "__main__":
    sys.exit(check().finish())
