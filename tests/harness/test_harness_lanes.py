"""Implementations side by side: all of the work is done, and one failure or an interrupt ends the rest."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness import lanes, scheduler
from benchmarks.harness.folder import RunFolder
from benchmarks.harness.scheduler import Scheduler
from benchmarks.settings import Settings
from tests.harness.test_harness_interrupts import Start, planned_in, records_in, workers_of

UNTIMED = ("run", "--quick", "--axes", "agreement", "--dataset", "digits")


def test_pieces_run_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that wait for each other both come to their end."""
    monkeypatch.setattr(lanes, "usable_cores", lambda: 2)
    meeting = threading.Barrier(2, timeout=60)
    lanes.side_by_side([meeting.wait, meeting.wait], stop=lambda: None)  # type: ignore[list-item]  # what it returns is not used
    assert meeting.n_waiting == 0 and not meeting.broken


def test_on_one_core_they_run_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """One lane."""
    monkeypatch.setattr(lanes, "usable_cores", lambda: 1)
    done: list[int] = []
    lanes.side_by_side([lambda n=n: done.append(n) for n in range(5)], stop=lambda: None)  # type: ignore[misc]
    assert done == [0, 1, 2, 3, 4]


def test_the_first_failure_is_raised_and_stops_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs beside it is told, and what has not begun never begins."""
    monkeypatch.setattr(lanes, "usable_cores", lambda: 2)
    stopped, begun = threading.Event(), threading.Event()

    def goes_on_until_stopped() -> None:
        assert stopped.wait(60)
        raise lanes.Stopped

    def fails() -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        lanes.side_by_side([goes_on_until_stopped, fails, goes_on_until_stopped, begun.set], stopped.set)
    assert stopped.is_set() and not begun.is_set()


def test_ctrl_c_while_two_implementations_run_ends_both_and_resume_finishes(
    tmp_path: Path, started: Start, bn_bench: Any, wait_until: Callable[..., None], rogue: Callable[..., str]
) -> None:
    """Both hang in the middle of a case until the interrupt; no worker outlives it, and no record tells of a crash."""
    marks = [tmp_path / "one", tmp_path / "two"]
    hang = "import pathlib\nif not pathlib.Path('{0}').exists():\n    pathlib.Path('{0}').touch()\n    time.sleep(600)"
    names = [rogue(f"slow_{mark.name}", step=hang.format(mark)) for mark in marks]
    folder = tmp_path / "run"
    process = started(*UNTIMED, "--implementations", ",".join(["numpy-reference", *names]), "--output", folder)
    wait_until(lambda: all(mark.exists() for mark in marks))
    workers = workers_of(process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert not [worker for worker in workers if worker.is_running()]
    kept = records_in(folder)
    assert {record["status"] for record in kept} <= {"ok", "unsupported"}
    assert len(kept) < len(planned_in(folder))
    done = bn_bench("run", "--resume", folder)
    assert done.returncode == 0, done.stdout
    assert sorted(record["case_id"] for record in records_in(folder)) == sorted(planned_in(folder))


def test_lanes_divide_the_threads_of_numpy_and_of_nothing_else(
    tmp_path: Path,
    scheduler_of: Callable[[RunFolder], Scheduler],
    small_settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """PyTorch takes the number of all its threads from MKL's variable: it would save with fewer than it restores."""
    monkeypatch.setattr(scheduler, "usable_cores", lambda: 4)
    monkeypatch.setattr(lanes, "usable_cores", lambda: 4)
    running = scheduler_of(RunFolder.create(tmp_path / "run", small_settings(["numpy-reference"], threads=4)))
    with running.sharing_cores(2):
        beside = running.of_lanes
    assert beside == (("OPENBLAS_NUM_THREADS", "2"), ("VECLIB_MAXIMUM_NUM_THREADS", "2"))
    assert running.of_lanes == ()
