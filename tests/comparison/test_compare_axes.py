"""What else changed between two runs: machines, statuses, errors, trainings, checkpoints, and cases of one run only."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.comparison.comparing import Comparison
from tests.report import synthetic

Compare = Callable[..., Comparison]
ENVIRONMENT = synthetic.ENVIRONMENT


def environment(**changes: Any) -> dict[str, Any]:
    """Options of a run on another machine."""
    return {"environment": ENVIRONMENT | changes}


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"cpu_model": "Another"}, "processor"),
        ({"cores": 4}, "cores"),
        ({"memory_gib": 12.0}, "memory, GiB"),
        ({"gpu": "H200, 580.1"}, "GPU"),
        ({"operating_system": "Darwin 24.1"}, "operating system"),
        ({"architecture": "aarch64"}, "architecture"),
        ({"threads": {"worker": 1}}, "threads"),
    ],
)
def test_another_machine_is_told_by_what_differs(compared: Compare, changes: dict[str, Any], what: str) -> None:
    """Each of these alone makes durations incomparable."""
    records = [synthetic.agreement("keras")]
    found = compared(records, records, b=environment(**changes)).machines
    assert (found.same, [difference.what for difference in found.apart]) == (False, [what])


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"memory_gib": 24.3}, []),
        ({"operating_system": "Linux 6.9"}, ["kernel"]),
        ({"commit": "fedcba"}, ["commit"]),
        ({"python": "3.12.1"}, ["Python"]),
        ({"switches": {"TF_ENABLE_ONEDNN_OPTS": "0"}}, ["switches"]),
    ],
)
def test_other_differences_are_told_and_leave_the_machine_the_same(
    compared: Compare, changes: dict[str, Any], what: list[str]
) -> None:
    """A kernel, a commit, an interpreter; memory within what a host keeps."""
    records = [synthetic.agreement("keras")]
    found = compared(records, records, b=environment(**changes)).machines
    assert (found.same, [difference.what for difference in found.others]) == (True, what)


def test_versions_that_changed_are_told_of_the_run_and_of_every_worker(compared: Compare) -> None:
    """A package that one run lacks is told, too."""
    a = [synthetic.agreement("keras", versions={"keras": "3.15.1", "torch": "2.13.0"})]
    b = [synthetic.agreement("keras", versions={"keras": "3.16.0", "jax": "0.10.0"})]
    found = compared(a, b, b=environment(versions={"numpy": "2.5.0", "tensorflow": "2.21.0", "keras": "3.16.0"}))
    versions = {difference.what: (difference.a, difference.b) for difference in found.machines.versions}
    assert versions == {
        "keras": ("3.15.1", "3.16.0"), "numpy": ("2.4.6", "2.5.0"), "torch": ("2.13.0", None),
        "jax": (None, "0.10.0"),
    }  # fmt: skip


def test_an_environment_that_was_not_recorded_is_not_the_same_machine(
    compared: Compare, folders: Callable[..., tuple[Path, Path]]
) -> None:
    """Two unknown machines are not known to be one."""
    records = [synthetic.agreement("keras")]
    assert not compared(records, records, a={"environment": {}}, b={"environment": {}}).machines.same


@pytest.mark.parametrize(
    ("a", "b", "change"),
    [
        ("ok", "disagrees", "worse"),
        ("ok", "crashed", "worse"),
        ("ok", "unsupported", "worse"),
        ("unsupported", "failed", "worse"),
        ("disagrees", "timed_out", "worse"),
        ("disagrees", "ok", "better"),
        ("out_of_memory", "ok", "better"),
        ("crashed", "timed_out", "other"),
        ("ok", "not_installed", "other"),
        ("no_device", "failed", "other"),
    ],
)
@pytest.mark.parametrize("axis", ["agreement", "checkpoint"])
def test_a_status_that_changed_is_told_and_decides_if_worse(
    compared: Compare, axis: str, a: str, b: str, change: str
) -> None:
    """What is not installed says nothing of the implementation."""
    records = [synthetic.record(axis, "keras", {"x": 1}, status) for status in (a, b)]
    found = compared(records[:1], records[1:])
    assert [(one.a, one.b, one.change) for one in found.statuses] == [(a, b, change)]
    assert bool(found.regressions) is (change == "worse")


def test_second_order_gradients_decide_nothing(compared: Compare) -> None:
    """They are told."""
    case = {"gradients": "second_order"}
    a, b = (synthetic.record("agreement", "keras", case, status) for status in ("ok", "disagrees"))
    found = compared([a], [b])
    assert [one.change for one in found.statuses] == ["other"]
    assert found.regressions == []


@pytest.mark.parametrize(
    ("before", "after", "grew"),
    [(0.2, 0.79, False), (0.2, 0.9, True), (0.0, 0.2, True), (0.01, 0.09, False), (0.2, math.nan, True),
     (math.nan, 0.2, False), (math.nan, math.nan, False)],
)  # fmt: skip
def test_an_error_grew_by_a_factor_and_above_a_tenth_of_its_bound(
    compared: Compare, before: float, after: float, grew: bool
) -> None:
    """The moving variance's; the others' are smaller and stay below a tenth or grow with it."""
    a, b = synthetic.agreement("keras"), synthetic.agreement("keras")
    a["metrics"]["moving_variance_error_over_bound"] = before
    b["metrics"]["moving_variance_error_over_bound"] = after
    found = compared([a], [b])
    assert [one.quantity for one in found.errors] == (["moving_variance"] if grew else [])
    assert found.regressions == []


def test_trainings_that_came_out_otherwise_are_told(compared: Compare, tmp_path: Path) -> None:
    """Final figures and the first split; the same to the last bit is not told."""
    curves = {"step_loss": [1.0, 0.5]}
    a = [synthetic.convergence(name, tmp_path / "a", curves) for name in ("keras", "torch")]
    b = [synthetic.convergence(name, tmp_path / "b", curves, split) for name, split in (("keras", 7), ("torch", None))]
    b[0]["metrics"]["final_test_accuracy"] = 0.5
    found = compared(a, b)
    (change,) = found.trainings
    assert change.figures["final_test_accuracy"] == (0.9412, 0.5)
    assert (change.split_a, change.split_b) == ("never in 2 steps", "step 7")
    assert found.regressions == []


def test_what_came_back_before_and_does_not_now_is_told(compared: Compare) -> None:
    """And what comes back now."""
    whole, lossy = synthetic.checkpoint("keras"), synthetic.checkpoint("keras", {"optimizer_step_restored": 0})
    (change,) = compared([whole], [lossy]).restores
    assert (dict(change.lost), change.regained) == ({"optimizer": "step 100 → 0"}, ())
    (back,) = compared([lossy], [whole]).restores
    assert (dict(back.lost), back.regained) == ({}, ("optimizer",))


def test_cases_of_one_run_only_are_told(compared: Compare) -> None:
    """They decide nothing."""
    shared, old, new = (synthetic.agreement(name) for name in ("keras", "gone", "new"))
    found = compared([shared, old], [shared, new])
    assert (found.pairing.only_a, found.pairing.only_b) == ((old["case_id"],), (new["case_id"],))
    assert found.regressions == []


def test_a_case_that_was_planned_and_not_recorded_is_a_gap(compared: Compare) -> None:
    """An interrupted run."""
    one, two = synthetic.agreement("keras"), synthetic.agreement("torch")
    found = compared([one, two], [one], b={"also_planned": [two]})
    assert found.gaps[-1] == f"B: no record of {two['case_id']}"
    assert found.pairing.only_a == ()


def test_the_same_name_for_other_parameters_is_not_compared(compared: Compare) -> None:
    """A later version of the suite may run more steps under the same name."""
    a, b = synthetic.agreement("keras"), synthetic.agreement("keras")
    b["case"] = b["case"] | {"steps": 50}
    both = synthetic.agreement("torch")
    found = compared([a, both], [b, both])
    assert f"{a['case_id']} has other parameters (steps 5, now 50)" in found.gaps
    assert len(found.pairing.pairs) == 1
