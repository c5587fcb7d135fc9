"""Layers on two replicas, in real processes under ``tf.distribute``; and whose statistics a checkpoint holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.axes import agreement
from benchmarks.axes.outcome import Outcome, Surroundings
from benchmarks.axes.replicas import what_is_saved
from benchmarks.cases import plan
from benchmarks.settings import Settings
from bn_impls.errors import BadConfiguration
from bn_impls.registry import describe, load
from bn_impls.replicas.layer import Replicated, replicated_layer

CASES = {
    (case.implementation, case.parameters["strategy"], case.parameters["synchronized"]): case
    for case in plan(Settings(size="full", axes=("agreement",)), [describe("keras"), describe("tf-manual")])
    if case.parameters["input"] == "replicas"
}


def ran(surroundings: Surroundings, *which: Any) -> Outcome:
    """The outcome of one planned case."""
    case = CASES[which]
    return agreement.run(load(describe(case.implementation)), case.parameters, surroundings)


def test_every_strategy_is_planned_with_and_without_synchronization() -> None:
    """2 implementations x 2 strategies x 2."""
    assert len(CASES) == 8


def test_moments_reduced_by_hand_over_two_processes_are_those_of_the_whole_batch(surroundings: Surroundings) -> None:
    """Outputs, all gradients and the statistics after 8 steps; both processes save them."""
    outcome = ran(surroundings, "tf-manual", "multi_worker", True)
    assert (outcome.status, outcome.reason) == ("ok", None)
    assert outcome.metrics["worst_error_over_bound"] <= 1
    assert (outcome.metrics["replicas"], outcome.metrics["num_updates"]) == (2, 8)
    assert outcome.metrics["moving_mean_replicas_differ_abs"] == 0
    assert outcome.metrics["saved"] == "every replica's"


@pytest.mark.slow
@pytest.mark.parametrize("implementation", ["keras", "tf-manual"])
@pytest.mark.parametrize("strategy", ["mirrored", "multi_worker"])
def test_synchronized_layers_agree_and_others_lose_what_the_first_replica_does_not_see(
    implementation: str, strategy: str, surroundings: Surroundings
) -> None:
    """Each part normalized by itself is far from the whole batch, and its replicas read different statistics."""
    together = ran(surroundings, implementation, strategy, True)
    assert (together.status, together.reason) == ("ok", None)
    apart = ran(surroundings, implementation, strategy, False)
    assert apart.status == "ok"
    assert apart.metrics["output_training_error_abs"] > 0.1
    assert apart.metrics["moving_mean_replicas_differ_abs"] > 0.01
    saved = "the first replica's" if strategy == "mirrored" else "each process its own replica's"
    assert apart.metrics["saved"] == saved


def test_an_odd_batch_is_refused() -> None:
    """It has no two equal parts."""
    settings = agreement.configuration_of(load(describe("numpy-reference")), {
        **CASES["keras", "mirrored", True].parameters, "shape": [7, 5],
    })  # fmt: skip
    with pytest.raises(BadConfiguration, match="the batch is 7, but should be even"):
        replicated_layer(Replicated("keras", "mirrored", True), settings)


@pytest.mark.parametrize(
    ("saved", "words"),
    [
        ([[1.0, 2.0]], "the first replica's"),
        ([[2.0, 4.0]], "the mean of the replicas'"),
        ([[1.0, 2.0], [3.0, 6.0]], "each process its own replica's"),
        ([[3.0, 6.0]], "something else"),
        ([[]], "no moving statistics"),
    ],
)
def test_a_checkpoint_s_statistics_are_named(saved: list[list[float]], words: str) -> None:
    """Two replicas read 1, 2 and 3, 6."""
    names = ("moving_mean", "moving_variance")
    states = dict.fromkeys(names, np.array([[1.0, 2.0], [3.0, 6.0]]))
    held = [dict.fromkeys(names, np.array(one)) if one else {} for one in saved]
    assert what_is_saved(states, held) == words
    same = dict.fromkeys(names, np.array([[1.0, 2.0], [1.0, 2.0]]))
    assert what_is_saved(same, [dict.fromkeys(names, np.array([1.0, 2.0]))]) == "every replica's"
