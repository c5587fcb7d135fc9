"""The rounding band by hand, and what is made of curves that leave the reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.axes import convergence
from benchmarks.axes.outcome import Surroundings
from benchmarks.axes.training import Experiment
from benchmarks.trainings import lockstep
from benchmarks.trainings.lockstep import ALLOWED, FURTHER, Reference, band_of, ulps_away
from bn_impls.numpy_reference import IMPLEMENTATION


def case(**changes: Any) -> dict[str, Any]:
    """Network 000 on the small digits, one epoch."""
    return {
        "network": "000", "batch_norm": True, "dataset": "digits", "epochs": 1, "batch_size": 32, "optimizer": "adam",
        "learning_rate": 0.01, "seed": 0, "dtype": "float32", "style": "eager", "device": "cpu", **changes,
    }  # fmt: skip


@pytest.fixture
def surroundings(tmp_path: Path) -> Surroundings:
    """Scratch and shared folders."""
    return Surroundings(data_dir=None, download=False, scratch=tmp_path, shared=tmp_path)


def test_the_band_is_the_largest_difference_so_far() -> None:
    """Of any training, in any step up to this one."""
    losses = np.array([2.0, 1.0, 1.0])
    found = band_of(losses, [np.array([2.0, 1.5, 1.0]), np.array([2.2, 1.0, 1.25])])
    np.testing.assert_allclose(found, [0.1, 0.5, 0.5])


def test_one_ulp_away_is_one_ulp_away() -> None:
    """Kernels up or down by float32's spacing at each element; biases and the rest stay."""
    start = {"dense_0/kernel": np.array([[1.0, -0.5], [3.0, 1e-3]]), "dense_0/bias": np.zeros(2)}
    moved = ulps_away(start, "float32", np.random.default_rng(0))
    ulps = (moved["dense_0/kernel"] - start["dense_0/kernel"]) / np.spacing(np.abs(start["dense_0/kernel"]), dtype="f4")
    np.testing.assert_array_equal(np.abs(ulps), 1.0)
    assert moved["dense_0/bias"] is start["dense_0/bias"]
    ten = ulps_away(start, "float32", np.random.default_rng(0), ulps=10)["dense_0/kernel"]
    np.testing.assert_allclose(ten - start["dense_0/kernel"], 10 * (moved["dense_0/kernel"] - start["dense_0/kernel"]))
    wide = ulps_away(start, "bfloat16", np.random.default_rng(0))["dense_0/kernel"]
    assert np.abs(wide - start["dense_0/kernel"])[0, 0] == 2.0**-7


def test_the_limit_reads_the_band_at_twice_the_step() -> None:
    """Step 0 looks at step 2, step 1 at step 4, and the last ones at the last."""
    band = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    near = Reference(np.ones(5), band, wide=np.zeros(5))
    np.testing.assert_array_equal(near.limit, ALLOWED * np.array([3.0, 5.0, 5.0, 5.0, 5.0]))


def test_a_jump_that_large_roundings_meet_counts_as_rounding() -> None:
    """From 100 ulps away a unit crosses a kink: ten times that is allowed, where it is more than 100 bands."""
    found = Reference(np.ones(3), band=np.full(3, 1e-6), wide=np.array([1e-5, 1e-5, 1e-3]))
    np.testing.assert_allclose(found.limit, [FURTHER * 1e-3] * 3)
    assert found.beyond_rounding(np.array([1.0, 1.0, 1.009])) is None
    assert found.beyond_rounding(np.array([1.0, 1.0, 1.011])) == 2


def test_a_reference_starts_some_networks_a_hundred_ulps_away(surroundings: Surroundings) -> None:
    """Their first losses differ by more than those of one ulp; both bands only grow."""
    experiment = Experiment.of(IMPLEMENTATION, case(), surroundings)
    found = lockstep.reference(experiment, 1)
    assert 10 * found.band[0] < found.wide[0] < 1e-3
    assert np.all(np.diff(found.band) >= 0) and np.all(np.diff(found.wide) >= 0)


EXACT = Reference(np.array([4.0, 2.0, 1.0]), np.array([1e-7, 1e-6, 1e-4]), np.zeros(3))  # the limit is 1e-2 throughout


@pytest.mark.parametrize(
    ("losses", "word", "complaint"),
    [
        ([4.0, 2.001, 1.0], "none", None),
        ([4.0, 2.01, 1.0], "rounding", None),
        ([4.0, 2.0, 1.1], "algorithm", "the loss after 2 updates is 0.1 off, relative, where rounding explains 0.01"),
        ([4.0, np.nan, 1.0], "algorithm", r"the loss of step 1 is nan, but the reference's is 2"),
        ([4.1, 2.0, 1.0], "algorithm", "the loss before any update is 0.025 off"),
    ],
)
def test_a_curve_that_leaves_is_judged_by_the_limit(losses: list[float], word: str, complaint: str | None) -> None:
    """Within it rounding, beyond it another algorithm."""
    assert convergence.departure(np.array(losses), EXACT) == word
    found = convergence.judge(np.array(losses), EXACT)
    assert found is None if complaint is None else str(found).startswith(complaint)


def test_workers_share_what_one_has_computed(surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same case finds the file; another seed does not."""
    experiment = Experiment.of(IMPLEMENTATION, case(), surroundings)
    first = lockstep.reference(experiment, 1, surroundings.shared)

    def never(*_: Any) -> Any:
        raise AssertionError("computed again")

    monkeypatch.setattr(lockstep, "numpy_losses", never)
    again = lockstep.reference(experiment, 1, surroundings.shared)
    np.testing.assert_array_equal(first.band, again.band)
    other = Experiment.of(IMPLEMENTATION, case(seed=1), surroundings)
    with pytest.raises(AssertionError, match="computed again"):
        lockstep.reference(other, 1, surroundings.shared)


def test_divergence_to_nan_is_a_verdict(surroundings: Surroundings) -> None:
    """A rate of 1e8 without batch normalization: the row is there, with the step, and nothing crashes."""
    parameters = case(optimizer="sgd", learning_rate=1e8, batch_norm=False)
    outcome = convergence.run(IMPLEMENTATION, parameters, surroundings)
    assert outcome.status == "ok"
    assert outcome.metrics["departure"] == "diverged"
    assert outcome.metrics["diverged_step"] == int(np.flatnonzero(~np.isfinite(outcome.arrays["step_loss"]))[0])
    assert outcome.metrics["steps_to_level"] is None


def test_steps_to_a_level_by_hand() -> None:
    """Mean of 20 losses at a quarter of the first: 1 for 30 steps, 0 afterwards, so 5 of 20 are left at step 45."""
    assert convergence.steps_to_level(np.array([1.0] * 30 + [0.0] * 30)) == 45
    assert convergence.steps_to_level(np.ones(60)) is None
    assert convergence.steps_to_level(np.ones(3)) is None
