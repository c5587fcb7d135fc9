"""Layers on two replicas, in real processes under ``tf.distribute``; and whose statistics a checkpoint holds."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.axes import agreement
from benchmarks.axes.outcome import Outcome, Surroundings
from benchmarks.axes.replicas import Watched, _train, judge_synchronized, what_is_saved
from benchmarks.cases import plan
from benchmarks.harness.replay import durations_s
from benchmarks.settings import Settings
from bn_impls.accuracy.comparison import Comparison, judge, summarize
from bn_impls.errors import BadConfiguration
from bn_impls.interface import Configuration, Layer
from bn_impls.registry import describe, load
from bn_impls.replicas.layer import Replicated, replicated_layer

STATE = ("gamma", "beta", "moving_mean", "moving_variance")
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
    assert {off for name, off in outcome.metrics.items() if name.endswith("_replicas_differ_abs")} == {0.0}
    assert len(outcome.samples["step_ns"]) == 8  # of the slower process
    assert durations_s({"samples": outcome.samples}) == [ns / 1e9 for ns in outcome.samples["step_ns"]]
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
    assert (apart.status, apart.reason) == ("ok", None)
    assert apart.metrics["part_worst_error_over_bound"] <= 1  # each part is right by itself
    assert apart.metrics["output_training_error_abs"] > 0.1
    assert apart.metrics["moving_mean_replicas_differ_abs"] > 0.01
    saved = "the first replica's" if strategy == "mirrored" else "each process its own replica's"
    assert apart.metrics["saved"] == saved


def test_a_synchronized_layer_whose_replicas_differ_disagrees() -> None:
    """In its statistics or in the summed gradients; also where the first replica's are right."""
    same = {f"{name}_replicas_differ_abs": 0.0 for name in ("moving_mean", "moving_variance", "parameter_gradients")}
    assert judge_synchronized(same, 8, 8) is None
    words = "differs by 0.5 among replicas, but should be the same"
    for name in same:
        told = f"{name.removesuffix('_replicas_differ_abs')} {words}"
        assert judge_synchronized({**same, name: 0.5}, 8, 8) == told
        assert judge_synchronized({**same, name: math.nan}, 8, 8) is not None
    assert "num_updates is 7 after 8 training calls" in str(judge_synchronized(same, 7, 8))


@pytest.mark.parametrize("wrong", [False, True])
def test_a_part_that_is_not_its_own_batch_norm_is_seen(wrong: bool) -> None:
    """Two reference layers stand for two replicas; where it is wrong, the second normalizes the first one's part."""
    case = CASES["keras", "mirrored", False].parameters
    layer, processes = replicas_by_hand(agreement.configuration_of(load(describe("numpy-reference")), case), wrong)
    watched = Watched(layer, processes)
    comparison = Comparison(watched.layer, 0)
    comparison.step(gradients=True)
    reason = judge(summarize([watched.part_figures(comparison)]), 1, 1, [])
    assert (reason is not None) == wrong
    assert not wrong or "output_training is " in str(reason)


def test_a_gradient_that_is_not_a_number_on_one_replica_is_a_difference() -> None:
    """In one step of two, and not the first: every comparison with NaN is false, so it must not be lost on the way."""
    case = CASES["keras", "mirrored", True].parameters
    layer, processes = replicas_by_hand(agreement.configuration_of(load(describe("numpy-reference")), case), False)
    sums = iter([[1.0, 1.0], [1.0, math.nan]])

    def step(x: Any, dy: Any) -> tuple[Any, ...]:
        results: tuple[Any, ...] = layer.differentiated(x, dy)
        processes.gradients |= {"dgamma": np.array(next(sums))[:, None], "dbeta": np.ones((2, 1))}
        return results

    watched = Watched(replace(layer, training_step_with_gradients=step), processes)
    differs = _train(watched, {"seed": 0, "steps": 2}).gradients_differ
    assert math.isnan(differs)
    assert judge_synchronized({"parameter_gradients_replicas_differ_abs": differs}, 2, 2) is not None


def replicas_by_hand(settings: Configuration, wrong: bool) -> tuple[Layer, Any]:
    """A layer of two reference layers, a part each; and what stands for their processes."""
    whole = replace(settings, style="eager")
    half = replace(whole, input_shape=(whole.input_shape[0] // 2, *whole.input_shape[1:]))
    parts = [layer for _ in range(2) if isinstance(layer := load(describe("numpy-reference")).build(half), Layer)]
    gradients: dict[str, Any] = {}

    def states(_: str, **__: str) -> list[dict[str, Any]]:
        return [{name: np.stack([dict(part.export_state())[name]]) for name in STATE} for part in parts]

    def step(x: Any, dy: Any) -> tuple[Any, ...]:
        xs, dys = np.split(x, 2), np.split(dy, 2)
        given = [xs[0], xs[0]] if wrong else xs
        found = [part.differentiated(one, of) for part, one, of in zip(parts, given, dys, strict=True)]
        gradients.update(part_dgamma=[one[2] for one in found], part_dbeta=[one[3] for one in found])
        return np.concatenate([one[0] for one in found]), np.concatenate([one[1] for one in found]), *found[0][2:]

    def inference(x: Any) -> Any:
        return np.concatenate([part.inference(one) for part, one in zip(parts, np.split(x, 2), strict=True)])

    def load_both(state: Any) -> None:
        for part in parts:
            part.load_state(state)

    spread = replace(
        parts[0], configuration=whole, inference=inference, training_step_with_gradients=step, load_state=load_both
    )
    folder = SimpleNamespace(name="")
    return spread, SimpleNamespace(ask=states, gradients=gradients, folder=folder, took_ns=[1])


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
