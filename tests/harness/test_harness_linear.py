"""Cost grows linearly with cases: counted in executed bytecodes of our own code, which no load of a machine changes."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from benchmarks.cases import Case, gates
from benchmarks.harness import lanes
from benchmarks.harness.folder import RunFolder
from benchmarks.harness.sentinel import Sentinel
from benchmarks.harness.workers import CHECKOUT, WorkerSettings
from benchmarks.report.reading import read_run
from benchmarks.report.sections import SECTIONS
from benchmarks.report.view import look
from benchmarks.settings import Settings
from tests.report import synthetic

OURS = str(CHECKOUT / "benchmarks")
SIZES = (8, 16, 32)
MOST = 2.05  # times as many for twice the further cases: 2 if linear, 4 if quadratic, and some for what is sorted


def executed(act: Callable[[], object]) -> int:
    """Bytecodes of our code that an action executes, in all of its threads; generated ``__eq__`` and the like count."""
    count = 0

    def within(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        count += event == "opcode"
        return within

    def entered(frame: FrameType, *_: Any) -> Any:
        if not frame.f_code.co_filename.startswith((OURS, "<string>")):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return within

    before = sys.gettrace()
    threading.settrace(entered)
    sys.settrace(entered)
    try:
        act()
    finally:
        sys.settrace(before)
        threading.settrace(before)  # type: ignore[arg-type]  # None takes it away
    return count


def growth(counts: Mapping[int, int]) -> float:
    """How many times as much the second doubling costs as the first."""
    few, some, many = (counts[size] for size in SIZES)
    return (many - some) / (some - few)


class Obliging:
    """Stands in for a worker: replies at once, and the same to everyone."""

    def started(self, _: float) -> dict[str, Any]:
        """Nothing has to be imported."""
        return {"status": "ok", "versions": {"numpy": "2"}}

    def ask(self, request: Mapping[str, Any], _: float) -> dict[str, Any]:
        """A good outcome of whatever is asked."""
        facts = {"loops": 4, "build_s": 0.1, "first_call_s": 0.1, "threads_used": 1.0, "warm_call_ns": 1e6}
        growths = {"heap_grown_bytes": 0, "python_blocks_grown": 0, "collections": 0, "refused": 0}
        return {
            "run": {"status": "ok", "samples": {"durations_ns": [1000]}},
            "prepare": {"status": "ok", "facts": facts, "labels": {}},
            "pass": {"status": "ok", "loops": 4, "durations_ns": [4_000_000] * 3, "peak_rss_mib": 9.0, **growths},
            "release": {"status": "ok"},
        }[request["do"]]

    def kill(self) -> None:
        """There is nothing to end."""

    def close(self) -> None:
        """Nor to wait for."""


@pytest.fixture
def obliging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that cost nothing, in one lane, and no sentinel, whose loop would hide everything else."""
    monkeypatch.setattr(WorkerSettings, "start", lambda *_: Obliging())
    monkeypatch.setattr(lanes, "usable_cores", lambda: 1)
    monkeypatch.setattr(Sentinel, "look", lambda _: {"sentinel_ns": [1, 1]})


def timed_shapes(count: int, base: Case) -> list[Case]:
    """Speeds of one implementation on so many shapes, with the agreements that they need beside them."""
    found: dict[str, Case] = {}
    for size in range(1, count + 1):
        parameters = {**base.parameters, "shape": [8 * size, 8]}
        timed = replace(base, label=f"inference-{8 * size}x8-float32-eager-cpu", parameters=parameters)
        found |= {case.case_id: case for case in (*gates(timed), timed)}
    return list(found.values())


def test_the_scheduler_and_its_files_are_linear_in_cases(
    tmp_path: Path, obliging: None, small_settings: Any, planned_cases: Any, run_cases: Any
) -> None:
    """Shapes of one implementation, from the plan to the last record, each with three rounds of three passes."""
    settings: Settings = small_settings(["numpy-reference"])
    (base,) = planned_cases(settings, "^throughput:.*:inference-32x32")
    counts = {}
    for size in SIZES:
        cases = timed_shapes(size, base)
        folder = RunFolder.create(tmp_path / str(size), settings)
        counts[size] = executed(lambda folder=folder, cases=cases: run_cases(folder, cases))  # type: ignore[misc]
        assert len((folder.path / "records.jsonl").read_text().splitlines()) == len(cases)
    assert growth(counts) < MOST


def test_implementations_beside_each_other_are_linear_too(
    tmp_path: Path, obliging: None, small_settings: Any, planned_cases: Any, run_cases: Any
) -> None:
    """One group of speeds, of so many implementations that are visited in turn."""
    counts = {}
    for size in SIZES:
        names = [f"bn_impls.numpy_reference:IMPLEMENTATION{'_' * number}" for number in range(size)]
        settings: Settings = small_settings(names)
        cases = planned_cases(settings, r":(7x5|8x7x7x5|32x32|inference-32x32)-float32-eager-cpu$", "^[at][gh]")
        folder = RunFolder.create(tmp_path / str(size), settings)
        counts[size] = executed(lambda folder=folder, cases=cases: run_cases(folder, cases))  # type: ignore[misc]
        assert len((folder.path / "records.jsonl").read_text().splitlines()) == 4 * size
    assert growth(counts) < MOST


def test_the_report_is_linear_in_records(tmp_path: Path) -> None:
    """From reading to the sections: agreements and speeds of two implementations, half as many shapes."""
    counts = {}
    for size in SIZES:
        records = []
        for who in ("numpy-reference", "keras"):
            for number in range(1, size // 2 + 1):
                case = synthetic.layer_case([8 * number, 8], "eager")
                records.append(synthetic.agreement(who, case=case))
                minima = {
                    (r, p): 1e4 * (1 + 0.01 * r + 0.001 * p + 0.1 * (who == "keras"))
                    for r in range(3)
                    for p in range(3)
                }
                records.append(synthetic.throughput(who, minima, "inference", case))
        folder = synthetic.write_run(tmp_path / str(size), records)
        counts[size] = executed(lambda folder=folder: [build(look(read_run(folder))) for build in SECTIONS])  # type: ignore[misc]
    assert growth(counts) < MOST
