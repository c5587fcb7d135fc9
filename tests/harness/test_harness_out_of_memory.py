"""A worker that ran out of memory says so in its row, whoever noticed: the framework, or the kernel."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bn_impls.isolation import oom
from bn_impls.isolation.lines import decode
from bn_impls.isolation.process import WorkerLost, WorkerProcess
from bn_impls.isolation.serving import _guarded

JAX = "RESOURCE_EXHAUSTED: Out of memory allocating 400000000000000 bytes."
TORCH = (
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
    "4000000000000000 bytes. Error code 12 (Cannot allocate memory)"
)
DIES = """
import os, pathlib, signal
pathlib.Path(os.environ["COUNT"]).write_text(os.environ["CONTENT"])
os.kill(os.getpid(), signal.SIGKILL)
"""
EVENTS = "low 0\nhigh 0\nmax 7\noom 3\noom_kill {}\noom_group_kill 0\n"
CONTROL = "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n"
VERSION_1 = "9:name=systemd:/\n4:memory,hugetlb:/jobs/mine\n0::/\n"
VERSION_2 = "0::/jobs/mine\n"
HYBRID = "4:memory:/jobs/mine\n1:cpu:/\n0::/other\n"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (MemoryError("no room"), "out_of_memory"),
        (RuntimeError(TORCH), "out_of_memory"),
        (RuntimeError(JAX), "out_of_memory"),
        (type("ResourceExhaustedError", (Exception,), {})("OOM when allocating tensor"), "out_of_memory"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:100] negative number of bytes"), "failed"),
        (RuntimeError("RESOURCE_EXHAUSTED: too many open sessions"), "failed"),
    ],
)
def test_what_frameworks_raise_for_memory_is_out_of_memory(error: Exception, status: str) -> None:
    """By type, or by the words of PyTorch and JAX, whose errors have no type of their own on a CPU."""

    def act() -> dict[str, object]:
        raise error

    reply = decode(_guarded(act, {}))
    assert (reply["status"], reply["reason"].split(" [test_")[0]) == (status, f"{type(error).__name__}: {error}")


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is taken for the root of the file system."""
    monkeypatch.setattr(oom, "PROC", tmp_path / "proc")
    monkeypatch.setattr(oom, "CGROUPS", tmp_path / "cgroup")
    return tmp_path


def write(path: Path, text: str) -> Path:
    """A file in folders that need not be there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("groups", "file", "content"),
    [
        (VERSION_1, "cgroup/memory/jobs/mine/memory.oom_control", CONTROL),
        (HYBRID, "cgroup/memory/jobs/mine/memory.oom_control", CONTROL),
        (VERSION_1, "cgroup/memory/memory.oom_control", CONTROL),  # a container: its own group is what is mounted
        (VERSION_2, "cgroup/jobs/mine/memory.events", EVENTS),
        (VERSION_2, "cgroup/memory.events", EVENTS),
        ("0::/\n", "proc/vmstat", "nr_free_pages 9\noom_kill {}\n"),  # the root group has no events
    ],
    ids=["version_1", "hybrid", "version_1_container", "version_2", "version_2_container", "version_2_root"],
)
def test_a_kill_for_memory_is_counted_where_the_process_is(system: Path, groups: str, file: str, content: str) -> None:
    """In its own group, whatever the machine's other groups count."""
    write(system / "proc/self/cgroup", groups)
    write(system / "proc/vmstat", content.format(1))
    write(system / file, content.format(3))
    before = oom.OomKills.now()
    assert (before.file, before.count, before.more()) == (system / file, 3, False)
    write(system / file, content.format(4))
    assert before.more()


@pytest.mark.parametrize("groups", [None, "nonsense\n", VERSION_2, b"\xff"], ids=["none", "nonsense", "gone", "bytes"])
def test_what_cannot_be_read_tells_of_no_kill(system: Path, groups: str | bytes | None) -> None:
    """No file, no line, no group, no number."""
    if groups is not None:
        write(system / "proc/self/cgroup", "").write_bytes(groups if isinstance(groups, bytes) else groups.encode())
    write(system / "proc/vmstat", "oom_kill many\n")
    before = oom.OomKills.now()
    assert (before.file, before.count, before.more()) == (None, None, False)


@pytest.mark.parametrize(
    ("groups", "file", "content", "after", "status", "reason"),
    [
        (VERSION_1, "cgroup/memory/jobs/mine/memory.oom_control", CONTROL, 1, "out_of_memory", "the kernel killed"),
        (VERSION_2, "cgroup/jobs/mine/memory.events", EVENTS, 1, "out_of_memory", "the kernel killed the process"),
        (VERSION_2, "cgroup/jobs/mine/memory.events", EVENTS, 0, "crashed", "the process was ended by SIGKILL"),
    ],
    ids=["version_1", "version_2", "by_somebody_else"],
)
def test_a_killed_worker_ran_out_of_memory_if_its_group_counts_a_kill(
    system: Path, groups: str, file: str, content: str, after: int, status: str, reason: str
) -> None:
    """A real process that ends by SIGKILL, as the kernel's do; it writes what the kernel would have counted."""
    write(system / "proc/self/cgroup", groups)
    count = write(system / file, content.format(0))
    write(system / "dies.py", DIES)
    variables = {"PYTHONPATH": str(system), "COUNT": str(count), "CONTENT": content.format(after)}
    worker = WorkerProcess("dies", {}, os.environ | variables, system / "log")
    with pytest.raises(WorkerLost, match=reason) as lost:
        worker.started(60)
    assert lost.value.status == status
