"""A worker that is lost in a later round costs its own case; the implementation's other cases keep their speeds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.harness.folder import RunFolder
from benchmarks.harness.rounds import Rounds, Timing, shuffled

DYING = """
from pathlib import Path
STARTS = Path(__file__).with_suffix(".starts")
NUMBER = len(STARTS.read_text()) if STARTS.exists() else 0
STARTS.write_text("x" * (NUMBER + 1))
"""
IN_ITS_SECOND_PROCESS = """inner = built.inference
def inference(x):
    if NUMBER == 1 and x.shape == (32, 32):
        os.kill(os.getpid(), signal.SIGKILL)
    return inner(x)
built = replace(built, inference=inference)"""


def test_a_worker_that_dies_while_it_prepares_in_a_lane_takes_no_healthy_case_along(
    tmp_path: Path, rogue: Callable[..., str], good: str, small_settings: Any, planned_cases: Any, scheduler_of: Any
) -> None:
    """Neither what the same lane would have prepared next, nor the next group's; both get their round later."""
    dying = rogue("dying", top=DYING, building=IN_ITS_SECOND_PROCESS)
    settings = small_settings([dying, good], axes=("throughput",))
    small, large = (planned_cases(settings, f"throughput.*inference-{shape}-") for shape in ("32x32", "256x256"))
    (beside,) = planned_cases(settings, "throughput:dying.*backward-32x32-")
    small.append(beside)  # as another call style would be
    (lost,) = [case for case in small if case.implementation == dying and case is not beside]
    timing = Timing(scheduler_of(RunFolder.create(tmp_path / "run", settings)), Rounds(2, 1, 1))

    def whole_rounds() -> dict[str, int]:
        return {case.label.split("-float32")[0]: timing.whole_rounds(case) for case in (*small, *large)
                if case.implementation == dying}  # fmt: skip

    timing.start([dying, good])
    assert timing.run_group(small, 0) | timing.run_group(large, 0) == set()
    order = (number for number in range(1, 99) if _before(lost, beside, shuffled(small, (number,))))
    timing.start([dying, good])
    second = next(order)
    assert timing.run_group(small, second) == {lost.case_id}
    assert timing.run_group(large, second) == set()
    assert whole_rounds() == {
        "inference-32x32": 1, "training_forward_backward-32x32": 1, "inference-256x256": 2,
    }  # fmt: skip
    timing.start([dying, good])
    assert timing.run_group([beside], second + 1) == set()
    statuses = {name: record["status"] for name, record in timing.scheduler.folder.records().items()}
    assert statuses.pop(lost.case_id) == "crashed"
    assert set(statuses.values()) == {"ok"}
    assert set(statuses) == {case.case_id for case in (*small, *large)} - {lost.case_id}


def _before(first: Any, second: Any, order: list[Any]) -> bool:
    return order.index(first) < order.index(second)
