"""Planted leaks in real worker processes are found; implementations without one are not accused."""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Callable, Sequence
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
    """Passes of three samples each, all of one process."""
    return counted([objects] * len(grown), 3 * loops, grown)


def counted(blocks: Sequence[int], steps: int, heap: Sequence[int] = (), a_round: int = 5) -> dict[str, Any]:
    """Passes of so many steps that left these blocks, some in each process."""
    return {
        "passes": [
            {"round": place // a_round, "loops": steps, "durations_ns": [1], "python_blocks_grown": left,
             "heap_grown_bytes": heap[place] if heap else 0}
            for place, left in enumerate(blocks)
        ]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (passes(60_000, 60_000, 60_000, 60_000), Growth(2000.0, 0.0, True)),
        (passes(60_000, 60_000, 60_000, 0), Growth(2000.0, 0.0, True)),  # a pool gave something back
        (passes(60_000, 60_000, 0, 0), Growth(1000.0, 0.0, False)),
        (passes(34_000_000, 0, 300, -300), Growth(5.0, 0.0, False)),  # a pool grew once
        (passes(9_000, 12_000, -8_000, 9_000), Growth(300.0, 0.0, False)),
        (passes(0, 0, 0, objects=98), Growth(0.0, 3.0, True)),
        (passes(0, 0, 0, loops=1, objects=11), Growth(0.0, 1.0, False)),  # three steps: chance
        (passes(60_000, 60_000), None),
        ({"passes": [{"loops": 1, "durations_ns": [1]}] * 9}, None),  # recorded before growth was
        ({}, None),
    ],
)
def test_growth_by_value(samples: dict[str, Any], expected: Growth | None) -> None:
    """A leak grows in most passes; chance and a pool do not."""
    assert growth(samples) == expected


@pytest.mark.parametrize("steps", [3, 4, 6, 9, 12, 18, 1000])
@pytest.mark.parametrize("left", [5, 8, 11])
def test_what_every_pass_leaves_is_no_leak(steps: int, left: int) -> None:
    """The worker's own list of durations and their integers, however few the steps of a pass are."""
    grown = growth(counted([left] * 25, steps))
    assert grown is not None
    assert (grown.grows, grown.python_objects) == (False, max(0, left - 8) / steps)


@pytest.mark.parametrize(
    ("steps", "blocks"),
    [  # recorded of keras-torch and of numba, which leave nothing of 3,000 further steps
        (27, [89, 72, 54, 45, 39, 74, 97, 54, 34, 25, 52, 47, 46, 27, 44, 93, 82, 62, 79, 40, 89, 67, 52, 50, 39]),
        (27, [123, 119, 80, 80, 58, 46, 54, 46, 43, 39]),
        (9, [26, 24, 22, 22, 19, 24, 28, 15, 16, 7, 21, 16, 17, 14, 9, 28, 21, 18, 15, 7, 32, 18, 17, 21, 15]),
        (12, [37, 18, 11, 11, 26, 18, 18, 18, 24, 12, 13, 29, 25, 12, 26, 34, 29, 35, 17, 60]),
    ],
)
def test_a_cache_that_fills_is_no_leak(steps: int, blocks: list[int]) -> None:
    """It takes up less in every pass of a process."""
    grown = growth(counted(blocks, steps))
    assert grown is not None
    assert not grown.grows


@pytest.mark.parametrize(("a_step", "steps"), [(1, 64), (2, 22), (3, 13), (4, 10)])
def test_the_fewest_steps_that_show_leaked_objects(a_step: int, steps: int) -> None:
    """One step less a pass is too few to tell."""
    found = [growth(counted([8 + a_step * count] * 25, count)) for count in (steps - 1, steps)]
    assert [one and one.grows for one in found] == [False, True]


@pytest.mark.parametrize(("shape", "steps"), [((32, 32), 21), ((256, 256), 9), ((32, 56, 56, 64), 3)])
def test_a_tensor_a_step_is_found_in_the_passes_of_a_default_run(shape: tuple[int, ...], steps: int) -> None:
    """The fewest steps that a pass of the published run had for each shape."""
    left = 4 * math.prod(shape) * steps
    grown = growth(counted([8 + steps] * 25, steps, [left] * 25))
    assert grown is not None
    assert (grown.grows, grown.heap_bytes) == (True, 4 * math.prod(shape))


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
