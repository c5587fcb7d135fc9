"""A time is held against a time only where the machine had as much to give: by planted conditions, and in real runs."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.comparison.comparing import compare_runs
from tests.comparison.runs import BEFORE, CHECKOUT, QUIET, RATES, speed, times, write_conditions

Folders = Callable[..., tuple[Path, Path]]
Command = Callable[..., subprocess.CompletedProcess[str]]
LOAD_ONLY = {"load_1min": 4.4, "steal_share": 0.0}  # what runs of older versions noted
SLOWER = speed("keras", times(4.5))


@pytest.mark.parametrize(
    ("look_a", "look_b", "rates_b", "told"),
    [
        (QUIET, QUIET, {}, []),
        (QUIET, {"load_1min": 14.0}, {}, []),  # its own workers may be what runs
        (QUIET, {"others_share": 0.2}, {}, ["processor time that other programs took, %: 1.00 in A, 20.0 in B"]),
        ({"others_share": 0.6}, {"others_share": 0.6}, {}, ["other programs took, %: 60.0 in A, 60.0 in B"]),
        (QUIET, {"steal_share": 0.05}, {}, ["the host gave to others, %: 0 in A, 5.00 in B"]),
        (LOAD_ONLY, {"others_share": None, "load_1min": 5.3}, {}, []),
        (LOAD_ONLY, {"load_1min": 14.0}, {}, ["load average, median: 4.40 in A, 14.0 in B"]),
        (QUIET, QUIET, {"copy": 30e9}, []),
        (QUIET, QUIET, {"copy": 5.8e9}, ["copy bandwidth of the memory, GB/s: 33.6 in A, 5.80 in B"]),
        (QUIET, QUIET, {"float32": 107e9}, ["matrix products in float32, GFLOP/s: 203 in A, 107 in B"]),
        (
            LOAD_ONLY,
            {"load_1min": 14.0},
            {"copy": 5.8e9},
            ["load average, median: 4.40 in A, 14.0 in B and copy", "33.6 in A, 5.80 in B"],
        ),
    ],
)
def test_a_slower_case_decides_only_under_like_conditions(
    folders: Folders, bn_bench: Command, look_a: Any, look_b: Any, rates_b: Any, told: list[str]
) -> None:
    """Four and a half times slower: a regression, unless the machine itself had less to give; the figures are told."""
    a, b = folders(speed("keras", BEFORE), SLOWER)
    write_conditions(a, look_a)
    write_conditions(b, {**look_a, **look_b}, {**RATES, **rates_b})
    done = bn_bench("compare", a, b)
    words = " ".join(done.stdout.split())
    assert done.returncode == (0 if told else 1)
    assert ("Compared is the time of a step" in words) is not bool(told)
    if told:
        assert "**The machine did not have as much to give in both runs** (" in words
        assert "no speed decides the exit code" in words
        assert "in 2 cases that both runs recorded; speeds decide nothing here." in words
    for part in told:
        assert part in words


@pytest.mark.parametrize(("name", "what"), [("sentinel.jsonl", "load average"), ("machine.json", "copy bandwidth")])
def test_conditions_that_were_not_recorded_are_not_taken_for_alike(
    folders: Folders, bn_bench: Command, name: str, what: str
) -> None:
    """Of either run."""
    a, b = folders(speed("keras", BEFORE), SLOWER)
    (a / name).unlink()
    done = bn_bench("compare", a, b)
    assert done.returncode == 0
    assert "It is not known whether the machine had as much to give in both runs" in done.stdout
    assert f"({what}" in done.stdout


def test_a_ratio_that_was_asked_for_decides_under_other_conditions(folders: Folders) -> None:
    """All is 4.5 times slower beside other programs: nothing. One case is another 1.5 times slower: that one."""
    a = speed("keras", BEFORE) + speed("torch", times(2))
    first, second = folders(a, speed("keras", times(4.5)) + speed("torch", times(13.5)))
    write_conditions(second, {**QUIET, "others_share": 0.5})
    asked, unasked = (compare_runs(first, second, relative=relative) for relative in (True, False))
    assert unasked.speeds == asked.speeds  # compared in the same way
    assert (unasked.regressions, unasked.speeds_decide) == ([], False)
    (slower,) = asked.regressions
    assert "torch" in slower
    alike = folders(a, speed("keras", times(4.5)) + speed("torch", times(9)))
    write_conditions(alike[1], {**QUIET, "others_share": 0.5})
    assert compare_runs(*alike, relative=True).regressions == []


@contextmanager
def every_core_busy() -> Iterator[None]:
    """A process that counts on each core, with the same claim to it as a worker."""
    spinners = [multiprocessing.get_context("spawn").Process(target=spin, daemon=True) for _ in range(_cores())]
    for spinner in spinners:
        spinner.start()
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.join()


def spin() -> None:
    """Until killed, or until nobody is left who would kill it."""
    parent = os.getppid()
    while os.getppid() == parent:
        sum(range(10_000))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.mark.slow
def test_the_same_code_beside_busy_cores_is_no_regression(tmp_path: Path, bn_bench: Command) -> None:
    """Two real runs of one implementation, the second beside a program on each core that is none of the run's own."""
    command = [sys.executable, "-m", "bn_impls.cli", "run", "--quick", "--axes", "throughput"]
    command += ["--implementations", "numpy-reference", "--output"]

    def run(name: str) -> Path:
        done = subprocess.run([*command, str(tmp_path / name)], cwd=CHECKOUT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return tmp_path / name

    a = run("alone")
    with every_core_busy():
        b = run("beside")
    found = compare_runs(a, b)
    done = bn_bench("compare", a, b)
    assert (done.returncode, found.regressions) == (0, []), done.stdout
    assert "processor time that other programs took, %" in done.stdout
    assert not found.speeds_decide, done.stdout
