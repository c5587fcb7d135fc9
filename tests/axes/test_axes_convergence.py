"""Convergence: where a loss curve leaves the reference's, by hand and for networks that train differently."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.axes import convergence
from benchmarks.axes.training import Experiment, loss_and_accuracy
from benchmarks.cases import convergence_cases
from benchmarks.settings import Settings
from benchmarks.trainings.lockstep import Reference
from bn_impls.interface import Trainer
from bn_impls.numpy_reference import IMPLEMENTATION
from bn_impls.registry import describe


def figures(losses: list[float], reference: list[float], band: float = 1e-5) -> dict[str, Any]:
    """Split figures of two curves, where rounding takes a loss as far as 100 bands."""
    size = len(reference)
    return convergence.split_figures(
        np.array(losses), Reference(np.array(reference), np.full(size, band), np.zeros(size))
    )


def test_the_first_step_beyond_the_threshold_by_hand() -> None:
    """Differences of 0, 0.0005, 0.25 and 0: the third step splits, whatever follows."""
    found = figures([2.0, 1.0, 0.5, 8.0], [2.0, 1.0 / 1.0005, 0.4, 8.0])
    assert found == {
        "first_split_step": 2,
        "split_threshold_rel": 1e-3,
        "split_difference_rel": pytest.approx(0.25),
        "first_step_beyond_rounding": 2,
        "max_loss_difference_rel": pytest.approx(0.25),
    }


@pytest.mark.parametrize(("band", "step"), [(1e-6, 1), (1e-5, 2), (1e-2, None)])
def test_the_error_bound_is_not_the_threshold(band: float, step: int | None) -> None:
    """Differences of 0, 0.0005 and 0.25: beyond a bound of 0.0001 before they split, of 1 never."""
    found = figures([2.0, 1.0, 0.5], [2.0, 1.0 / 1.0005, 0.4], band)
    assert (found["first_split_step"], found["first_step_beyond_rounding"]) == (2, step)


def test_curves_that_never_split_have_no_step() -> None:
    """The largest difference is told all the same; one at the threshold is none."""
    found = figures([1.001, 2.0], [1.0, 2.0])
    assert found["first_split_step"] is None
    assert found["split_difference_rel"] is None
    assert found["max_loss_difference_rel"] == pytest.approx(1e-3)


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_a_split(broken: float) -> None:
    """Infinitely far away, from the step on where it happens."""
    found = figures([1.0, broken, 1.0], [1.0, 1.0, 1.0])
    assert (found["first_split_step"], found["split_difference_rel"]) == (1, math.inf)


def test_a_loss_of_exactly_0_is_no_split_from_0() -> None:
    """A network that has learnt its batch by heart, in both."""
    assert figures([1.0, 0.0], [1.0, 0.0])["first_split_step"] is None
    assert figures([1.0, 1e-9], [1.0, 0.0])["split_difference_rel"] == math.inf


def test_a_first_loss_is_judged_beside_what_the_dtype_does_to_the_network() -> None:
    """A float32 that overflows in the reference's own network is no other forward pass; without that it is one."""
    exact, nan = np.array([2.0, 1.0]), math.nan
    fine, overflowed = np.array([1e-7, 1e-6]), np.array([math.inf, math.inf])
    assert convergence.judge(np.array([nan, nan]), Reference(exact, overflowed, overflowed)) is None
    assert convergence.departure(np.array([nan, nan]), Reference(exact, overflowed, overflowed)) == "diverged"
    for wrong in (nan, 2.001):
        told = convergence.judge(np.array([wrong, 1.0]), Reference(exact, fine, fine))
        assert str(told).endswith("the forward pass is not the reference's")
    assert convergence.judge(np.array([2.0001, 1.0]), Reference(exact, fine, fine)) is None


def test_the_cases_of_a_worker_share_a_data_set_that_none_can_change(surroundings: Any) -> None:
    """Read once; a trainer that writes into it is stopped before another case sees that."""
    data = surroundings.dataset("digits")
    assert surroundings.dataset("digits") is data
    for split in (data.train, data.validation, data.test):
        for array in (split.inputs, split.labels):
            with pytest.raises(ValueError, match="read-only"):
                array[:] = 0


def test_the_reference_trained_in_float64_equals_itself_to_the_bit(network_case: Any, surroundings: Any) -> None:
    """Same weights, same batches, same order: no difference at any step."""
    outcome = convergence.run(IMPLEMENTATION, network_case(dtype="float64"), surroundings)
    assert outcome.status == "ok"
    assert outcome.metrics["max_loss_difference_rel"] == 0.0
    assert np.array_equal(outcome.arrays["step_loss"], outcome.arrays["reference_step_loss"])
    assert outcome.metrics["steps"] == outcome.metrics["train_size"] // 32


def test_without_the_exact_network_nothing_is_compared(network_case: Any, surroundings: Any) -> None:
    """The training is the same; what the float64 network gives is not there, and no row says that a curve follows."""
    alone, beside = (
        convergence.run(IMPLEMENTATION, network_case(exact=exact), surroundings) for exact in (False, True)
    )
    assert (alone.status, alone.metrics["departure"]) == ("ok", "not_compared")
    assert alone.arrays["step_loss"].tolist() == beside.arrays["step_loss"].tolist()
    lacking = set(beside.arrays) - set(alone.arrays)
    assert {name.removesuffix("_population") for name in lacking} == {
        "reference_step_loss", "rounding_band", "rounding_limit",
        "train_loss", "train_accuracy", "validation_loss", "validation_accuracy",
    }  # fmt: skip
    assert set(beside.metrics) - set(alone.metrics) == {
        "first_split_step", "split_threshold_rel", "split_difference_rel", "first_step_beyond_rounding",
        "max_loss_difference_rel",
    }  # fmt: skip


@pytest.mark.parametrize(("dataset", "classes"), [("mnist-5000", 2), ("mnist-5000+small", 10)])
def test_document_004_trains_two_classes_or_the_ten_that_were_asked_for(
    dataset: str, classes: int, surroundings: Any
) -> None:
    """As the command plans it, for three steps of its 1,444 digits."""
    settings = Settings(size="quick", dataset=dataset, networks=("004",))
    planned = next(convergence_cases(settings, describe("numpy-reference")))
    experiment = Experiment.of(IMPLEMENTATION, planned.parameters, surroundings)
    assert (experiment.data.train.size, experiment.data.class_count) == (1444, classes)
    trainer = experiment.trainer(IMPLEMENTATION)
    assert isinstance(trainer, Trainer)
    losses = trainer.train(*experiment.steps(3))
    assert losses[0] == pytest.approx(math.log(classes), abs=0.02)  # weights of 0.001: all classes alike
    assert np.isfinite(losses).all() and trainer.predict(experiment.data.test.inputs[:2], "batch").shape == (2, classes)


def test_in_float32_the_curve_follows_for_an_epoch(network_case: Any, surroundings: Any) -> None:
    """Rounding alone does not split the curves of one epoch on the small digits."""
    outcome = convergence.run(IMPLEMENTATION, network_case(), surroundings)
    assert outcome.metrics["first_split_step"] is None
    assert outcome.metrics["first_step_beyond_rounding"] is None
    assert 0 < outcome.metrics["max_loss_difference_rel"] < 1e-3


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("EPSILON_OUTSIDE", 0, 3),
        ("NORMALIZES_UNBIASED", 0, 0),
        ("NO_GAMMA_TERM", 1, 2),
        ("NO_BETA_TERM", 1, 2),
        ("GAMMA_FROM_INPUT", 1, 3),
    ],
)
def test_a_network_that_trains_differently_leaves_the_curve_at_once(
    name: str, first: int, last: int, mutant: Any, network_case: Any, surroundings: Any
) -> None:
    """A wrong output shows from the first loss on, a wrong gradient in the losses after the first update."""
    good = convergence.run(IMPLEMENTATION, network_case(), surroundings).arrays["step_loss"]
    outcome = convergence.run(mutant(name), network_case(), surroundings)
    assert first <= outcome.metrics["first_split_step"] <= last
    assert 0 <= outcome.metrics["first_step_beyond_rounding"] <= outcome.metrics["first_split_step"]
    assert outcome.metrics["split_difference_rel"] > 1e-3
    assert (outcome.arrays["step_loss"][0] == good[0]) == (first == 1)


@pytest.mark.parametrize("name", ["SWAPPED_DECAY", "STARTS_AT_ZERO", "SECRET_WARM_UP"])
def test_a_mistake_of_the_moving_statistics_shows_in_that_mode_only(
    name: str, mutant: Any, network_case: Any, surroundings: Any
) -> None:
    """Training does not see them: the losses and the batch's curves are the good one's, the moving ones are not."""
    good = convergence.run(IMPLEMENTATION, network_case(), surroundings)
    wrong = convergence.run(mutant(name), network_case(), surroundings)
    assert np.array_equal(wrong.arrays["step_loss"], good.arrays["step_loss"])
    assert np.array_equal(wrong.arrays["validation_loss_batch"], good.arrays["validation_loss_batch"])
    assert not np.array_equal(wrong.arrays["validation_loss_moving"], good.arrays["validation_loss_moving"])
    assert wrong.metrics["final_test_loss"] != good.metrics["final_test_loss"]


def test_without_batch_normalization_every_implementation_trains_the_same(
    mutant: Any, network_case: Any, surroundings: Any
) -> None:
    """The mutants' layer is not in that network; and there is one mode, not two."""
    good, wrong = (
        convergence.run(implementation, network_case(batch_norm=False), surroundings)
        for implementation in (IMPLEMENTATION, mutant("NO_GAMMA_TERM"))
    )
    assert np.array_equal(good.arrays["step_loss"], wrong.arrays["step_loss"])
    assert [name for name in good.arrays if "batch" in name] == []
    assert "validation_loss_moving" in good.arrays


def test_another_seed_is_another_training(network_case: Any, surroundings: Any) -> None:
    """Weights and batches are drawn from it; the same seed repeats to the bit."""
    first, again, other = (
        convergence.run(IMPLEMENTATION, network_case(seed=seed), surroundings).arrays["step_loss"] for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.fixture
def experiment(network_case: Any, surroundings: Any) -> Experiment:
    """Network 000 on the small digits."""
    return Experiment.of(IMPLEMENTATION, network_case(), surroundings)


def test_an_epoch_visits_rows_once_and_drops_a_partial_batch(experiment: Experiment) -> None:
    """Another order in each epoch."""
    rows = len(experiment.data.train.labels)
    (first, masks), (second, _) = experiment.batches(2)
    assert first.shape == second.shape == (rows // 32, 32)
    assert len(set(first.ravel().tolist())) == first.size
    assert first.min() >= 0
    assert first.max() < rows
    assert not np.array_equal(first, second)
    assert masks == {}


def test_every_epoch_is_evaluated_in_both_modes_after_training(experiment: Experiment) -> None:
    """One value an epoch and curve, one duration an epoch, one loss a step, in the order of training."""
    trainer = experiment.trainer(IMPLEMENTATION)
    assert isinstance(trainer, Trainer)
    losses, curves, durations_ns = convergence.train(trainer, experiment, 2, ("moving", "batch"))
    steps = len(experiment.data.train.labels) // 32
    assert (len(losses), len(durations_ns)) == (2 * steps, 2)
    assert {len(values) for values in curves.values()} == {2}
    assert len(curves) == 8
    last = convergence.evaluate(trainer, experiment.data.validation, "moving")
    assert (curves["validation_loss_moving"][-1], curves["validation_accuracy_moving"][-1]) == last


def test_a_split_is_evaluated_in_chunks_that_lose_no_row(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks of 7 rows give the loss and the accuracy of all rows at once."""
    trainer = experiment.trainer(IMPLEMENTATION)
    assert isinstance(trainer, Trainer)
    whole = convergence.evaluate(trainer, experiment.data.test, "moving")
    monkeypatch.setattr(convergence, "EVALUATED_ROWS", 7)
    assert convergence.evaluate(trainer, experiment.data.test, "moving") == pytest.approx(whole, rel=1e-6)


def test_loss_and_accuracy_by_hand() -> None:
    """Logits (0, 0) and (0, log 3) with labels 0 and 1: log 2 and log 4/3; the first maximum counts."""
    loss, accuracy = loss_and_accuracy(np.array([[0.0, 0.0], [0.0, math.log(3)]], np.float32), np.array([0, 1]))
    assert loss == pytest.approx((math.log(2) + math.log(4 / 3)) / 2, rel=1e-6)
    assert accuracy == 1.0


def test_what_is_not_offered_is_a_row_with_its_reason(network_case: Any, surroundings: Any) -> None:
    """A network on a device that NumPy does not use."""
    outcome = convergence.run(IMPLEMENTATION, network_case(device="gpu"), surroundings)
    assert (outcome.status, outcome.reason) == ("unsupported", "the NumPy network computes on the CPU only")


def test_a_network_that_observes_another_style_is_a_failed_row(network_case: Any, surroundings: Any) -> None:
    """The label of the case is a claim, and the trainer's observation denies it."""
    from bn_impls.networks.numpy_network import hosted_trainer

    def mislabelled(configuration: Any) -> Any:
        return hosted_trainer(replace(configuration, style="eager"), IMPLEMENTATION.build)

    outcome = convergence.run(
        replace(IMPLEMENTATION, build_trainer=mislabelled), network_case(style="xla"), surroundings
    )
    assert outcome.status == "failed"
    assert str(outcome.reason).startswith("a label is wrong: style is claimed xla, but eager was observed (")
