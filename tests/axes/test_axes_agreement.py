"""Agreement finds planted mistakes, names the quantity, and lets honest evaluations pass."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.axes import agreement
from benchmarks.axes.outcome import Surroundings, layer_labels
from bn_impls.accuracy import comparison
from bn_impls.interface import Layer, Observation
from bn_impls.numpy_reference import IMPLEMENTATION

MISTAKES = {
    "EPSILON_OUTSIDE": ("output_training", "gradient_input", "gradient_gamma"),
    "NORMALIZES_UNBIASED": ("output_training",),
    "SWAPPED_DECAY": ("moving_mean", "moving_variance", "output_inference"),
    "OTHER_DDOF": ("moving_variance", "output_inference"),
    "UPDATES_TWICE": ("moving_mean", "moving_variance", "num_updates is 18 after 9 training calls"),
    "FORGETS_AN_UPDATE": ("moving_mean", "moving_variance", "num_updates is 8 after 9 training calls, but should be 9"),
    "COUNTER_STUCK": ("num_updates is 0 after 9 training calls, but should be 9",),
    "STARTS_AT_ZERO": ("moving_variance", "output_inference"),
    "SECRET_WARM_UP": ("moving_mean", "moving_variance"),
    "INFERENCE_UPDATES": ("moving_mean", "inference changed moving_mean, moving_variance, but should change nothing"),
    "INFERENCE_BY_BATCH": ("output_inference",),
    "NO_GAMMA_TERM": ("gradient_input",),
    "NO_BETA_TERM": ("gradient_input",),
    "MEAN_GRADIENTS": ("gradient_beta",),
    "GAMMA_FROM_INPUT": ("gradient_gamma",),
    "ONE_NAN": ("output_training is inf off",),
    "OVERWRITES": ("output_inference",),
    "NO_GRADIENT_OF_BETA": ("gradient_beta has shape (), but should have (5,)",),
    "IGNORES_A_STATE": ("output_training", "output_inference"),
}
HONEST = (
    "HONEST", "HONEST_ONE_PASS", "HONEST_MULTIPLIED_OUT", "HONEST_IN_ORDER", "HONEST_WITH_OTHER_CONVENTIONS",
)  # fmt: skip
UNTOUCHED = {
    "EPSILON_OUTSIDE": ("gradient_beta", "moving_mean", "moving_variance", "output_inference", "num_updates"),
    "SWAPPED_DECAY": ("output_training", "gradient", "num_updates"),
    "OTHER_DDOF": ("output_training", "gradient", "moving_mean"),
    "COUNTER_STUCK": comparison.QUANTITIES,
    "INFERENCE_BY_BATCH": ("output_training", "gradient", "moving", "changed"),
    "NO_GAMMA_TERM": ("output", "gradient_gamma", "gradient_beta", "moving"),
    "MEAN_GRADIENTS": ("output", "gradient_gamma", "gradient_input", "moving"),
}


def complaint(outcome: Any) -> str:
    """The reason of a disagreement."""
    assert outcome.status == "disagrees", outcome
    assert outcome.reason is not None
    return str(outcome.reason)


@pytest.mark.parametrize("shape", [[7, 5], [8, 7, 7, 5], [256, 256]])
@pytest.mark.parametrize("name", MISTAKES)
def test_a_planted_mistake_disagrees_and_the_reason_names_the_quantity(
    name: str, shape: list[int], mutant: Any, layer_case: Any, surroundings: Any
) -> None:
    """In float32, at a few values and at many."""
    reason = complaint(agreement.run(mutant(name), layer_case(shape=shape), surroundings))
    for part in MISTAKES[name]:
        assert part.replace("(5,)", f"({shape[-1]},)") in reason


@pytest.mark.parametrize("name", UNTOUCHED)
def test_a_reason_does_not_name_what_is_right(name: str, mutant: Any, layer_case: Any, surroundings: Any) -> None:
    """A mistake is told where it is and where it must show, not everywhere."""
    reason = complaint(agreement.run(mutant(name), layer_case(), surroundings))
    for part in UNTOUCHED[name]:
        assert part not in reason


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", [[7, 5], [8, 7, 7, 5], [256, 256], [2048, 3]])
@pytest.mark.parametrize("name", HONEST)
def test_an_honest_evaluation_agrees_however_it_sums(
    name: str, shape: list[int], dtype: str, mutant: Any, layer_case: Any, surroundings: Any
) -> None:
    """One pass, multiplied out, in order, with other conventions: all within the limit."""
    outcome = agreement.run(mutant(name), layer_case(shape=shape, dtype=dtype), surroundings)
    assert (outcome.status, outcome.reason) == ("ok", None)


def test_a_mistake_of_one_layout_shows_in_that_layout_only(mutant: Any, layer_case: Any, surroundings: Any) -> None:
    """Channels first with other statistics."""
    assert agreement.run(mutant("LAST_AXIS_ONLY"), layer_case(), surroundings).status == "ok"
    first = layer_case(shape=[8, 5, 7, 7], layout="channels_first")
    assert "output_training" in complaint(agreement.run(mutant("LAST_AXIS_ONLY"), first, surroundings))
    assert agreement.run(mutant("HONEST"), first, surroundings).status == "ok"


def test_a_float64_layer_equals_the_reference_to_the_bit(layer_case: Any, surroundings: Any) -> None:
    """The reference against itself, by another route: every figure of every step is 0."""
    outcome = agreement.run(IMPLEMENTATION, layer_case(dtype="float64"), surroundings)
    figures = {value for name, value in outcome.metrics.items() if "_error_" in name}
    assert figures == {0.0}
    assert outcome.metrics["num_updates"] == 9


def test_the_same_seed_gives_the_same_figures_and_another_seed_others(layer_case: Any, surroundings: Any) -> None:
    """Nothing but the seed is drawn."""
    first, again, other = (
        agreement.run(IMPLEMENTATION, layer_case(seed=seed), surroundings).metrics for seed in (0, 0, 1)
    )
    assert first == again
    assert first["output_training_error_abs"] != other["output_training_error_abs"]


def test_the_limit_says_how_much_wider_it_is_than_the_bound(layer_case: Any, surroundings: Any) -> None:
    """For 1,024 terms: 5 sqrt(1024) over log2(1024) + 1."""
    metrics = agreement.run(IMPLEMENTATION, layer_case(shape=[1024, 2], steps=1), surroundings).metrics
    assert metrics["limit_over_bound"] == 160 / 11


def test_a_large_error_relative_to_nothing_is_not_a_number_nowhere(
    mutant: Any, layer_case: Any, surroundings: Any
) -> None:
    """An output that is not a number is infinitely wrong in every measure."""
    metrics = agreement.run(mutant("ONE_NAN"), layer_case(), surroundings).metrics
    measures = ("abs", "rel", "ulp", "over_bound", "over_limit")
    assert {metrics[f"output_training_error_{measure}"] for measure in measures} == {math.inf}
    assert metrics["worst_quantity"] == "output_training"


@pytest.mark.parametrize(("change", "reason"), [
    ({"device": "gpu"}, "NumPy computes on the CPU only"),
    ({"style": "xla"}, "NumPy has one call style: eager"),
])  # fmt: skip
def test_what_is_not_offered_is_a_row_with_its_reason(
    change: dict[str, str], reason: str, layer_case: Any, surroundings: Any
) -> None:
    """No figures, no failure."""
    outcome = agreement.run(IMPLEMENTATION, layer_case(**change), surroundings)
    assert (outcome.status, outcome.reason, outcome.metrics) == ("unsupported", reason, {})


def test_labels_are_those_of_inference_and_of_the_training_call(
    layer_case: Callable[..., dict[str, Any]], surroundings: Surroundings
) -> None:
    """A layer that trains otherwise than it infers fails its label, which says what was seen where."""

    def observe(_: Any, *inputs: Any) -> dict[str, Observation]:
        style = Observation("eager", "one input") if len(inputs) == 1 else Observation("graph", "two inputs")
        return {"device": Observation("cpu", ""), "dtype": Observation("float32", ""), "style": style}

    def build(settings: Any) -> Any:
        built = IMPLEMENTATION.build(settings)
        assert isinstance(built, Layer)
        return replace(built, observe=observe)

    disguised = replace(IMPLEMENTATION, build=build)
    outcome = agreement.run(disguised, layer_case(), surroundings)
    assert outcome.status == "failed"
    assert outcome.labels["style"] == {
        "claimed": "eager",
        "observed": "eager in inference and graph in training",
        "evidence": "inference: one input; training: two inputs",
    }


def test_looking_at_a_training_call_leaves_the_state_as_it_was(layer_case: Callable[..., dict[str, Any]]) -> None:
    """Also one that is not finite; the call was made."""
    settings = agreement.configuration_of(IMPLEMENTATION, layer_case())
    layer = IMPLEMENTATION.build(settings)
    assert isinstance(layer, Layer)
    state = {**layer.export_state(), "moving_mean": np.full(settings.channels, np.nan, np.float32)}
    layer.load_state(state)
    called: list[int] = []

    def counted(x: Any, dy: Any) -> Any:
        called.append(1)
        return layer.differentiated(x, dy)

    x = np.ones(settings.input_shape, np.float32)
    labels, wrong = layer_labels(replace(layer, training_step_with_gradients=counted), x, x)
    assert (wrong, called) == (None, [1])
    assert set(labels) == {"device", "dtype", "style"}
    after = layer.export_state()
    for name, value in state.items():
        np.testing.assert_array_equal(after[name], value, strict=True)
