"""Whether the kernel kills for memory: the count of the control group that a process and its children are in.

Version 2 of control groups counts in ``memory.events``, version 1 in the ``memory.oom_control`` of the memory
controller (since Linux 4.13), each as a line ``oom_kill N``; where neither is there, as in the root group of version 2,
``/proc/vmstat`` has the same line for the whole machine. See Documentation/admin-guide/cgroup-v2.rst and
cgroup-v1/memory.rst of Linux.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class OomKills:
    """How often the kernel had killed for memory at one moment; ``count`` is None where nothing tells."""

    file: Path | None
    count: int | None

    @classmethod
    def now(cls) -> OomKills:
        """Of this process's control group, which its children inherit."""
        found = ((file, _count(file)) for file in _files())
        return next((cls(file, count) for file, count in found if count is not None), cls(None, None))

    def more(self) -> bool:
        """Whether it has killed since then."""
        count = None if self.file is None else _count(self.file)
        return count is not None and self.count is not None and count > self.count


def _files() -> Iterator[Path]:
    """Where the count may be, the nearest first: by the group's path, or at the mount, which a container may see alone.

    A line of ``/proc/self/cgroup`` is ``0::/path`` in version 2 and ``4:memory:/path`` in version 1.
    """
    try:
        lines = (PROC / "self" / "cgroup").read_text().splitlines()
    except (OSError, ValueError):
        lines = []
    groups = [(controllers.split(","), path.lstrip("/")) for _, controllers, path in _split(lines)]
    for controllers, path in groups:
        if "memory" in controllers:
            yield from (CGROUPS / "memory" / group / "memory.oom_control" for group in (path, ""))
    for controllers, path in groups:
        if controllers == [""]:
            yield from (CGROUPS / group / "memory.events" for group in (path, ""))
    yield PROC / "vmstat"


def _split(lines: list[str]) -> Iterator[list[str]]:
    return (parts for line in lines if len(parts := line.split(":", 2)) == 3)


def _count(file: Path) -> int | None:
    try:
        words = [line.split() for line in file.read_text().splitlines()]
        return next((int(found[1]) for found in words if len(found) == 2 and found[0] == "oom_kill"), None)
    except (OSError, ValueError):
        return None
