"""Checkpoint: planted losses are found and named; what comes back is told to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.axes import checkpoint
from bn_impls.interface import Implementation

LOSSES = {
    "LOSES_STATISTICS": ("the moving mean came back ", "the moving variance came back "),
    "LOSES_THE_VARIANCE_OF_ONE_LAYER": ("the moving variance came back ",),
    "LOSES_THE_OPTIMIZER": ("the optimizer's slots came back ", "the optimizer's step was 20 when saved and 0 when"),
    "LOSES_THE_SLOTS": ("the optimizer's slots came back ",),
    "LOSES_THE_STEP": ("the optimizer's step was 20 when saved and 0 when restored",),
    "LOSES_THE_COUNTERS": ("num_updates was 20 when saved and 0 when restored",),
    "LOSES_THE_SECOND_COUNTER": ("num_updates was 20 when saved and 0 when restored",),
    "LOSES_EVERYTHING": (
        "weights came back ", "the moving mean came back ", "the moving variance came back ",
        "the optimizer's slots came back ", "num_updates was 20", "the optimizer's step was 20",
    ),
    "LOSES_PRECISION": ("weights came back ",),
    "REFUSES_ITS_OWN": ("its own checkpoint was refused in a fresh process: written on a Tuesday",),
    "PREDICTS_WITH_A_STALE_COPY": ("everything exported came back, but inference is ",),
    "TRAINS_ON_AT_ANOTHER_RATE": ("everything exported came back, but the second resumed loss is ",),
}  # fmt: skip
NAMES = ("weights", "moving mean", "moving variance", "slots", "num_updates", "optimizer's step", "inference")


def both_stages(implementation: Implementation, case: dict[str, Any], surroundings: Any) -> Any:
    """Save, then restore with a new trainer; the harness gives each stage a process of its own."""
    saved = checkpoint.run_stage("save", implementation, case, surroundings)
    assert saved.status == "ok", saved
    return checkpoint.run_stage("restore", implementation, case, surroundings)


@pytest.mark.parametrize("name", LOSSES)
def test_a_planted_loss_disagrees_and_the_reason_names_what_is_lost(
    name: str, mutant: Any, network_case: Any, surroundings: Any
) -> None:
    """Each with what it loses, and nothing else among weights, statistics, slots and counters."""
    outcome = both_stages(mutant(f"checkpoint_mutants:{name}"), network_case(), surroundings)
    assert outcome.status == "disagrees"
    assert [part for part in LOSSES[name] if part not in outcome.reason] == []
    told = outcome.reason.partition(" (")[2] or outcome.reason  # the figures, after the diagnosis
    assert {word for word in NAMES if word in told} == {word for word in NAMES if word in "".join(LOSSES[name])}


def test_a_complete_checkpoint_comes_back_to_the_bit(mutant: Any, network_case: Any, surroundings: Any) -> None:
    """Inference, five more steps, statistics, slots and counters; with time and size."""
    outcome = both_stages(mutant("checkpoint_mutants:LOSES_NOTHING"), network_case(), surroundings)
    metrics = outcome.metrics
    assert (outcome.status, outcome.reason) == ("ok", None)
    assert metrics["inference_bitwise"] is True
    assert metrics["resumed_bitwise"] is True
    assert metrics["resumed_first_difference_step"] is None
    assert metrics["resumed_loss_difference_abs"] == 0.0
    assert {value for name, value in metrics.items() if name.endswith("_ulp")} == {0.0}
    assert (metrics["num_updates_saved"], metrics["num_updates_restored"]) == (20, 20)
    assert (metrics["optimizer_step_saved"], metrics["optimizer_step_restored"]) == (20, 20)
    written = sum(path.stat().st_size for path in (surroundings.scratch / "checkpoint").rglob("*.npz"))
    assert metrics["size_bytes"] == written > 0
    assert outcome.samples["resumed_loss"] == outcome.samples["uninterrupted_loss"]
    assert outcome.samples["durations_ns"] == [outcome.samples["save_ns"] + outcome.samples["restore_ns"]]


def test_a_lost_optimizer_shows_from_the_second_resumed_step_on(
    mutant: Any, network_case: Any, surroundings: Any
) -> None:
    """The first loss is that of the weights; the slots act on the step after it."""
    metrics = both_stages(mutant("checkpoint_mutants:LOSES_THE_OPTIMIZER"), network_case(), surroundings).metrics
    assert (metrics["inference_bitwise"], metrics["resumed_bitwise"]) == (True, False)
    assert metrics["resumed_first_difference_step"] == 1


def test_lost_statistics_show_in_inference_and_not_in_training(
    mutant: Any, network_case: Any, surroundings: Any
) -> None:
    """Training normalizes by the batch."""
    metrics = both_stages(mutant("checkpoint_mutants:LOSES_STATISTICS"), network_case(), surroundings).metrics
    assert (metrics["inference_bitwise"], metrics["resumed_bitwise"]) == (False, True)
    assert metrics["inference_error_ulp"] > 1000


def test_the_second_stage_starts_from_other_weights(mutant: Any, network_case: Any, surroundings: Any) -> None:
    """Otherwise a restore that does nothing would go unnoticed for a network that never trained."""
    outcome = both_stages(mutant("checkpoint_mutants:LOSES_EVERYTHING"), network_case(steps_before=0), surroundings)
    assert "weights came back" in outcome.reason


def test_a_format_that_is_not_offered_is_a_failed_row(mutant: Any, network_case: Any, surroundings: Any) -> None:
    """The descriptor promised what the trainer does not have."""
    outcome = checkpoint.run_stage(
        "save", mutant("checkpoint_mutants:LOSES_NOTHING"), network_case(format="zip"), surroundings
    )
    assert (outcome.status, outcome.reason) == ("failed", "it offers npz, but its descriptor declares zip")


def test_resumed_losses_by_hand() -> None:
    """The first difference, and the largest."""
    figures = checkpoint.resumed_figures(np.array([3.0, 2.0, 1.5]), np.array([3.0, 2.25, 1.0]))
    assert figures == {
        "resumed_bitwise": False, "resumed_first_difference_step": 1, "resumed_loss_difference_abs": 0.5,
    }  # fmt: skip
    poisoned = np.array([np.nan, 1.0])
    assert checkpoint.resumed_figures(poisoned, poisoned)["resumed_bitwise"] is True
    assert checkpoint.resumed_figures(poisoned, np.ones(2))["resumed_loss_difference_abs"] == np.inf


def test_what_came_back_by_hand() -> None:
    """Weights, statistics and slots are told apart by name; one ulp of a weight is one ulp."""
    expected = {
        "dense_0/kernel": np.array([1.0, 2.0], np.float32), "batch_norm_0/moving_mean": np.zeros(1, np.float32),
        "batch_norm_0/moving_variance": np.ones(1, np.float32), "batch_norm_0/num_updates": np.array(4),
        "batch_norm_1/num_updates": np.array(4), "optimizer/dense_0/kernel/m": np.ones(2, np.float32),
        "optimizer/step": np.array(4),
    }  # fmt: skip
    found = expected | {
        "dense_0/kernel": np.array([1.0, 2 + 2**-22], np.float32), "batch_norm_1/num_updates": np.array(0),
        "optimizer/dense_0/kernel/m": np.array([1.0, 1 + 2**-21], np.float32),
    }  # fmt: skip
    assert checkpoint.restored_figures(found, expected) == {
        "moving_mean_error_ulp": 0.0, "moving_variance_error_ulp": 0.0, "weights_error_ulp": 1.0,
        "optimizer_error_ulp": 4.0, "num_updates_saved": 4, "num_updates_restored": 0, "optimizer_step_saved": 4,
        "optimizer_step_restored": 4,
    }  # fmt: skip


def test_a_network_without_batch_normalization_has_no_counters() -> None:
    """None, and no disagreement."""
    arrays = {"dense_0/kernel": np.ones(1, np.float32), "optimizer/step": np.array(4)}
    figures = checkpoint.restored_figures(arrays, arrays)
    assert (figures["num_updates_saved"], figures["num_updates_restored"]) == (None, None)
    assert checkpoint.judge(figures) is None


def test_rounding_in_inference_is_no_hidden_loss() -> None:
    """A hundred ulps of float32 are another order of summation; a thousandth is something else."""
    logits, losses = np.array([[1.0, -8.0]]), np.array([2.0, 1.0, 0.5])
    assert checkpoint.hidden_loss(logits * (1 + 1e-5), logits, losses, losses) is None
    assert "inference is 0.1 off" in str(checkpoint.hidden_loss(logits * 1.1, logits, losses, losses))
    assert "the first resumed loss is 0.5 off" in str(
        checkpoint.hidden_loss(logits, logits, losses[:1] / 2, losses[:1])
    )
    later = losses + np.array([0, 0, 0.25])
    assert checkpoint.hidden_loss(logits, logits, later, losses) is None  # rounding may have grown by then
    assert "inf off" in str(checkpoint.hidden_loss(logits * np.nan, logits, losses, losses))
