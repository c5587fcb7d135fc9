"""Planted leaks in real worker processes are found; implementations without one are not accused."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.axes import memory
from benchmarks.harness.folder import RunFolder
from benchmarks.report.growth import Growth, growth

LEAKS = {
    "leaks_a_tensor": {"top": "kept = []", "step": "kept.append(np.array(y))"},
    "leaks_statistics": {"top": "kept = []", "step": "kept.append(np.array(dgamma))"},
    "leaks_a_cycle": {"top": "kept = []", "step": "cycle = [np.array(y)]\ncycle.append(cycle)\nkept.append(cycle)"},
    "leaks_objects": {"top": "kept = []", "step": "kept.append(object())"},
}
INNOCENT = {
    "makes_garbage": {"step": "cycle = [np.array(y)]\ncycle.append(cycle)"},
    "keeps_the_last": {"top": "kept = {}", "step": "kept['y'] = np.array(y)"},
    "grows_at_first": {"top": "kept = []", "step": "if len(kept) < 20:\n    kept.append(np.array(y))"},
}
TENSOR_BYTES = 32 * 32 * 4


@pytest.fixture(scope="module")
def found(
    tmp_path_factory: pytest.TempPathFactory, good: str, rogue_writer: Callable[..., str],
    python_path: Callable[[Path], None], small_settings: Any, planned_cases: Any, run_cases: Any,
) -> dict[str, Growth | None]:  # fmt: skip
    """The growth of each, by name."""
    modules = tmp_path_factory.mktemp("leaks")
    python_path(modules)
    names = [rogue_writer(modules, name, **parts) for name, parts in {**LEAKS, **INNOCENT}.items()]
    settings = small_settings([*names, good])
    pattern = r":(7x5|8x7x7x5|32x32|training_forward_backward-32x32)-float32-eager-cpu$"
    cases = planned_cases(settings, pattern, r"^agreement|^throughput")
    ran = run_cases(RunFolder.create(tmp_path_factory.mktemp("ran") / "run", settings), cases)
    records = [line for line in ran.lines() if line["axis"] == "throughput"]
    assert {line["status"] for line in records} == {"ok"}
    return {line["implementation"].removesuffix(":OBJECT"): growth(line["samples"]) for line in records}


@pytest.mark.parametrize("name", LEAKS)
def test_a_planted_leak_is_found(found: dict[str, Growth | None], name: str) -> None:
    """A tensor, a small one, one inside a cycle that is still referred to, and plain objects."""
    grown = found[name]
    assert grown is not None
    assert grown.grows


def test_the_size_of_a_leaked_tensor_is_told(found: dict[str, Growth | None]) -> None:
    """4 KiB a step, and what a block costs beside it."""
    grown = found["leaks_a_tensor"]
    assert grown is not None
    assert TENSOR_BYTES <= grown.heap_bytes < 1.2 * TENSOR_BYTES


@pytest.mark.parametrize("name", [*INNOCENT, "numpy-reference"])
def test_who_leaks_nothing_is_not_accused(found: dict[str, Growth | None], name: str) -> None:
    """Garbage in cycles is collected, the last result is replaced, a pool that is full grows no more."""
    grown = found[name]
    assert grown is not None
    assert not grown.grows


def passes(*grown: int, loops: int = 10, objects: int = 0) -> dict[str, Any]:
    """Passes of three samples each."""
    return {
        "passes": [
            {"loops": loops, "durations_ns": [1, 1, 1], "heap_grown_bytes": heap, "python_blocks_grown": objects}
            for heap in grown
        ]
    }


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (passes(60_000, 60_000, 60_000, 60_000), Growth(2000.0, 0.0, True)),
        (passes(60_000, 60_000, 60_000, 0), Growth(2000.0, 0.0, True)),  # a pool gave something back
        (passes(60_000, 60_000, 0, 0), Growth(1000.0, 0.0, False)),
        (passes(34_000_000, 0, 300, -300), Growth(5.0, 0.0, False)),  # a pool grew once
        (passes(9_000, 12_000, -8_000, 9_000), Growth(300.0, 0.0, False)),
        (passes(0, 0, 0, objects=30), Growth(0.0, 1.0, True)),
        (passes(0, 0, 0, loops=1, objects=3), Growth(0.0, 1.0, False)),  # three steps: chance
        (passes(60_000, 60_000), None),
        ({"passes": [{"loops": 1, "durations_ns": [1]}] * 9}, None),  # recorded before growth was
        ({}, None),
    ],
)
def test_growth_by_value(samples: dict[str, Any], expected: Growth | None) -> None:
    """A leak grows in most passes; chance and a pool do not."""
    assert growth(samples) == expected


class Cycle:
    """Garbage for the collector alone."""

    def __init__(self) -> None:
        """Refer to itself."""
        self.itself = self


def test_what_a_case_left_is_collected_although_lasting_objects_are_set_aside() -> None:
    """Enough objects to be set aside, and a cycle among them that is garbage only after that."""
    settled, lasting = memory.Settled(), [[number] for number in range(memory.MANY_OBJECTS)]
    cycle = Cycle()
    alive = weakref.ref(cycle)
    try:
        settled.once_prepared()
        assert len(gc.get_objects()) < len(lasting) < gc.get_freeze_count()
        del cycle
        gc.collect()
        assert alive() is not None
        settled.before_a_case()
        assert alive() is None
        assert gc.get_freeze_count() > len(lasting)
    finally:
        gc.unfreeze()


def test_what_was_imported_is_set_aside() -> None:
    """Collections look at what came later only."""
    earlier = [Cycle()]
    try:
        memory.Settled().once_imported()
        later = [Cycle()]
        looked_at = {id(found) for found in gc.get_objects()}
        assert id(later) in looked_at
        assert id(earlier) not in looked_at
    finally:
        gc.unfreeze()
