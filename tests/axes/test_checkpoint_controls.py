"""Negative controls of the checkpoint axis: each planted loss is detected, and named for what it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.axes import checkpoint
from benchmarks.axes.checkpoint.arrays import lost_arrays
from benchmarks.checkpoints.diagnosis import CAUSES, Lost, diagnose

OPTIMIZER = "the optimizer was not restored: neither its slots nor its step"
PLANTED: dict[str, str] = {
    "RESTORES_NOTHING": "nothing was restored, and no error said so: everything is as before the restore",
    "LOSES_STATISTICS": "the moving statistics were not restored and are as before",
    "RESTORES_TRAINABLE_VARIABLES": "only the trainable variables were restored; the moving statistics, num_updates, "
    "the optimizer's slots and the optimizer's step were not restored and are as before",
    "SWAPS_THE_STATISTICS": "moving_mean and moving_variance are swapped",
    "SWAPS_THE_LAYERS": "batch_norm_0/moving_mean and batch_norm_1/moving_mean are swapped; "
    "batch_norm_0/moving_variance and batch_norm_1/moving_variance are swapped",
    "LOSES_THE_COUNTERS": "num_updates was not restored and is as before",
    "LOSES_THE_OPTIMIZER": OPTIMIZER,
    "LOSES_THE_SLOTS": "the optimizer's slots were not restored and are as before",
    "SWAPS_THE_SLOTS": "m and v are swapped",
    "LOSES_THE_STEP": "the optimizer's step was not restored and is as before",
    "RENAMED_A_VARIABLE": "nothing in the checkpoint was matched to dense_1/kernel, which is as before the restore",
    "LOSES_THE_VARIANCE_OF_ONE_LAYER": "nothing in the checkpoint was matched to batch_norm_1/moving_variance, "
    "which is as before the restore",
    "SAVES_AN_EARLIER_STEP": "an earlier checkpoint was restored: that of step 10, not that of step 20",
    "LOSES_PRECISION": "dense_0/kernel, dense_1/kernel, dense_2/kernel are rounded to float16",
    "CUTS_TO_BFLOAT16": "batch_norm_0/moving_mean, batch_norm_0/moving_variance, batch_norm_1/moving_mean and 1 more "
    "are cut to bfloat16",
    "RESTORES_THE_DEVIATION": "batch_norm_0/moving_variance, batch_norm_1/moving_variance are the square root of what "
    "was saved",
    "POISONS_A_MEAN": "batch_norm_0/moving_mean is not a number",
    "INITIALISES_GAMMA_AFTERWARDS": "batch_norm_0/gamma, batch_norm_1/gamma are at the values of a new variable, "
    "although the object held others: initialised after the restore",
    "SAVES_ONE_REPLICA": "layer/moving_mean, layer/moving_variance are as one replica's share of the batches "
    "gives them",
    "PREDICTS_WITH_A_STALE_COPY": "everything exported came back, but inference is ",
    "TRAINS_ON_AT_ANOTHER_RATE": "everything exported came back, but the second resumed loss is ",
    "STALE_COPY_WITHOUT_COUNT": "num_updates was not restored and is as before",
    "LOSES_DOCUMENTED_COUNTERS_AND_STATISTICS": "the moving statistics and num_updates were not restored and are as "
    "before",
    "REFUSES_ITS_OWN": "its own checkpoint was refused in a fresh process: written on a Tuesday",
}
"""Planted loss -> how its reason begins."""
CHANGES: dict[str, dict[str, Any]] = {
    "INITIALISES_GAMMA_AFTERWARDS": {"situation": "trained"},  # otherwise it had gamma 1 before
    "SWAPS_THE_STATISTICS": {"part": "layer", "layer_style": "eager"},
    "SAVES_ONE_REPLICA": {"part": "layer", "layer_style": "eager"},
}


@pytest.mark.filterwarnings("ignore:invalid value encountered in sqrt")  # a negative m in the place of v
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_loss_is_detected_and_named(name: str, mutant: Any, network_case: Any, surroundings: Any) -> None:
    """It disagrees, and its reason says which mistake was made; nothing but the planted loss is told."""
    implementation, case = mutant(f"checkpoint_mutants:{name}"), network_case(**CHANGES.get(name, {}))
    assert checkpoint.run_stage("save", implementation, case, surroundings).status == "ok"
    outcome = checkpoint.run_stage("restore", implementation, case, surroundings)
    assert outcome.status == "disagrees"
    told = str(outcome.reason).partition(" (")[0]
    assert told.startswith(PLANTED[name])
    if not PLANTED[name].endswith("is "):
        assert told == PLANTED[name]


def test_a_documented_lost_count_excuses_itself_only(mutant: Any, network_case: Any, surroundings: Any) -> None:
    """Alone it is told and is no disagreement; a stale copy behind it is found all the same."""
    reasons = {}
    for name in ("LOSES_DOCUMENTED_COUNTERS", "STALE_COPY_WITHOUT_COUNT"):
        implementation = mutant(f"checkpoint_mutants:{name}")
        place = replace(surroundings, scratch=surroundings.scratch / name)
        place.scratch.mkdir()
        assert checkpoint.run_stage("save", implementation, network_case(), place).status == "ok"
        outcome = checkpoint.run_stage("restore", implementation, network_case(), place)
        reasons[outcome.status] = str(outcome.reason)
    assert reasons["ok"] == "there is no counter, as documented"
    assert "; everything exported but num_updates came back, but inference is " in reasons["disagrees"]


def test_every_cause_has_a_control() -> None:
    """A cause that nothing planted leads to would be a guess."""
    shown = {cause for cause, words in CAUSES.items() if any(words in told for told in PLANTED.values())}
    assert set(CAUSES) - shown <= {"holds", "earlier", "other"}  # told as "swapped", as a step, and as what it is not


def test_causes_by_hand() -> None:
    """The first that applies; constants are nobody's values."""
    expected = {"a/gamma": np.array([1.5, 2.0], np.float32), "a/beta": np.array([3.0, 4.0], np.float32),
                "a/num_updates": np.array(9)}  # fmt: skip
    before = {name: np.zeros_like(array) for name, array in expected.items()}
    found = {"a/gamma": expected["a/beta"], "a/beta": expected["a/beta"] * 2, "a/num_updates": np.array(9)}
    assert lost_arrays(found, expected, before) == [Lost("a/gamma", "holds", "a/beta"), Lost("a/beta", "other")]
    assert lost_arrays(expected, expected, before) == []
    wide = {name: array.astype(np.float64) for name, array in expected.items() if array.dtype.kind == "f"}
    assert lost_arrays({**found, **wide}, expected, before) == []  # the same values in another dtype


def test_an_earlier_checkpoint_is_named_by_its_weights_and_its_count() -> None:
    """Other values prove no earlier step; nor does a count that the restore left alone, as one that had trained has."""
    figures = {"num_updates_saved": 20, "num_updates_restored": 10}
    earlier, other = Lost("dense_0/kernel", "earlier"), Lost("dense_1/kernel", "other")
    names = ["dense_0/kernel", "dense_1/kernel", "a/num_updates", "a/gamma"]
    step = "an earlier checkpoint was restored: that of step 10, not that of step 20"
    count = Lost("a/num_updates", "earlier")
    assert diagnose([earlier, other, count], names, figures) == step
    assert diagnose([other, count], names, figures) != step
    assert diagnose([earlier, Lost("a/num_updates", "untouched")], names, figures) != step


def test_nothing_lost_is_no_sentence() -> None:
    """None, not an empty one; one array with another's values is no swap."""
    assert diagnose([], ["a"], {}) is None
    assert diagnose([Lost("a/x", "holds", "a/y")], ["a/x", "a/y"], {}) == "a/x holds the values of a/y"
