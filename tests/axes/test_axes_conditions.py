"""Inputs from well- to ill-conditioned: how they are drawn, and what careful and careless evaluations make of them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.axes import agreement
from bn_impls.accuracy.inputs import CHANNELS_EACH, HUGE, NORMAL, channels_of, conditioned, conditions
from bn_impls.interface import Configuration, Layer, Unsupported
from bn_impls.numpy_reference import IMPLEMENTATION

FINITE = [condition.name for condition in conditions("float32") if condition.one_value is None]
EPSILON = 1e-3
CONDITIONED = {"shape": [63, 40], "input": "conditions"}


def drawn(dtype: str, layout: str = "channels_last") -> dict[str, Any]:
    """Condition -> its channels, channels last, of 200 rows."""
    chosen = conditions(dtype)
    channels = CHANNELS_EACH * len(chosen)
    shape = (200, channels) if layout == "channels_last" else (20, channels, 10)
    settings = Configuration(
        input_shape=shape, layout=layout, dtype=dtype, decay=0.9, epsilon=EPSILON, center=True, scale=True,  # type: ignore[arg-type]  # a literal
        conventions=IMPLEMENTATION.conventions, style="eager", device="cpu",
    )  # fmt: skip
    noise = np.random.default_rng(0).standard_normal(shape, np.float32)
    values = np.moveaxis(conditioned(noise, settings, chosen), settings.channel_axis, -1)
    assert values.dtype == dtype
    wide = values.astype(np.float64)
    return {name: wide[..., place] for name, place in channels_of(chosen, channels).items()}


@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
def test_each_condition_is_what_its_name_says(layout: str) -> None:
    """Means with both signs, deviations, a constant; each in its own channels, whatever the layout."""
    found = drawn("float32", layout)
    axes = tuple(range(found["normal"].ndim - 1))
    for name, mean in (("mean_1e2", 1e2), ("mean_1e3", 1e3), ("mean_1e4", 1e4), ("mean_1e6", 1e6)):
        np.testing.assert_allclose(found[name].mean(axis=axes), np.array([1, -1, 1, -1]) * mean, atol=0.5)
        np.testing.assert_allclose(found[name].std(axis=axes), 1, atol=0.3)
    variances = found["variance_near_epsilon"].var(axis=axes) / EPSILON
    np.testing.assert_allclose(variances, [0.01, 0.25, 1, 25], rtol=0.5)
    assert np.all(found["constant"] == [np.float32(3.7), np.float32(-3.7)] * 2)
    np.testing.assert_allclose(found["huge"].std(axis=axes), HUGE["float32"], rtol=0.3)
    assert np.all(np.isnan(found["nan"]).sum(axis=axes) == 1)
    assert np.all(np.isposinf(found["infinity"]).sum(axis=axes) == 1)
    assert np.all(np.isfinite(found["normal"]))


def test_float16_leaves_out_what_it_cannot_express() -> None:
    """A mean of a million is infinite there; everything else stays finite."""
    found = drawn("float16")
    assert "mean_1e6" not in found
    assert all(np.all(np.isfinite(values)) for name, values in found.items() if name not in ("nan", "infinity"))


def test_normal_input_is_drawn_as_it_always_was() -> None:
    """One condition for all channels: the noise itself, in the dtype."""
    assert channels_of((NORMAL,), 7) == {"normal": slice(0, 7)}


@pytest.mark.parametrize("shape", [[63, 40], [5, 5, 3, 40]])
def test_two_passes_stay_near_the_bound_under_every_condition(
    shape: list[int], layer_case: Any, surroundings: Any
) -> None:
    """NumPy adds one row after the other, so a constant's roundings all have one sign: 2 instead of 1."""
    outcome = agreement.run(IMPLEMENTATION, layer_case(shape=shape, input="conditions"), surroundings)
    assert (outcome.status, outcome.reason) == ("ok", None)
    grades = {name: outcome.metrics[f"{name}_error_over_bound"] for name in FINITE}
    assert all(0 < grade < 2 for grade in grades.values()), grades
    assert all(outcome.metrics[f"{name}_error_rel"] < 1 for name in FINITE)


@pytest.mark.parametrize("shape", [[63, 40], [5, 5, 3, 40]])
def test_one_pass_loses_its_digits_and_still_agrees(
    shape: list[int], mutant: Any, layer_case: Any, surroundings: Any
) -> None:
    """E[x^2] - E[x]^2 at a mean of 1,000: u 1e6 against u; at 10,000 nothing is left. A grade is no verdict."""
    outcome = agreement.run(mutant("HONEST_ONE_PASS"), layer_case(shape=shape, input="conditions"), surroundings)
    assert (outcome.status, outcome.reason) == ("ok", None)
    assert outcome.metrics["mean_1e2_error_over_bound"] > 100
    assert outcome.metrics["mean_1e3_error_over_bound"] > 1e3
    assert outcome.metrics["mean_1e4_error_rel"] >= 1
    assert outcome.metrics["normal_error_over_bound"] < 2
    assert outcome.metrics["mean_1e3_worst_quantity"] == "moving_variance"


def test_what_is_judged_are_the_normal_channels(mutant: Any, layer_case: Any, surroundings: Any) -> None:
    """A mistake shows in them, and the figures by quantity are theirs."""
    wrong = agreement.run(mutant("EPSILON_OUTSIDE"), layer_case(**CONDITIONED), surroundings)
    assert wrong.status == "disagrees"
    right = agreement.run(IMPLEMENTATION, layer_case(**CONDITIONED), surroundings)
    assert right.metrics["worst_error_over_bound"] == right.metrics["normal_error_over_bound"]


def test_one_value_that_is_not_finite_leaves_no_trace_in_a_good_layer(layer_case: Any, surroundings: Any) -> None:
    """The same pattern as the reference's in every quantity; the gradient of beta stays finite and right."""
    metrics = agreement.run(IMPLEMENTATION, layer_case(**CONDITIONED), surroundings).metrics
    for name in ("nan", "infinity"):
        assert [metrics[f"{name}_{kind}"] for kind in ("hidden", "spread", "other_kind")] == [[], [], []]
        assert metrics[f"{name}_worst_quantity"] == "gradient_beta"


def test_a_hidden_nan_is_named_by_quantity_and_does_not_disagree(
    mutant: Any, layer_case: Any, surroundings: Any
) -> None:
    """Statistics, and what is computed by them."""
    outcome = agreement.run(mutant("conditioning_mutants:HIDES_NAN"), layer_case(**CONDITIONED), surroundings)
    assert outcome.status == "ok"
    assert {"moving_mean", "moving_variance", "output_training"} <= set(outcome.metrics["nan_hidden"])
    assert outcome.metrics["infinity_hidden"] == []


def test_a_nan_that_spoils_other_channels_disagrees(mutant: Any, layer_case: Any, surroundings: Any) -> None:
    """The normal channels are no longer right."""
    outcome = agreement.run(mutant("conditioning_mutants:SPREADS_NAN"), layer_case(**CONDITIONED), surroundings)
    assert outcome.status == "disagrees"
    assert outcome.reason is not None
    assert "output_training is inf off" in outcome.reason


@pytest.mark.parametrize(
    ("name", "inside"), [("HONEST", "float16"), ("conditioning_mutants:FLOAT32_INSIDE", "float32")]
)
def test_the_arithmetic_behind_16_bits_is_seen_from_outside(
    name: str, inside: str, mutant: Any, layer_case: Any, surroundings: Any
) -> None:
    """One rounding at the end stays within the bound; anything computed in float16 does not. Neither disagrees."""
    outcome = agreement.run(mutant(name), layer_case(dtype="float16"), surroundings)
    assert outcome.status == "ok"
    parts = ("training", "gradient", "inference", "statistics", "parameter")
    assert {part: outcome.metrics[f"{part}_dtype"] for part in parts} == dict.fromkeys(parts, inside)
    assert (outcome.metrics["worst_error_over_bound"] <= 1) == (inside == "float32")
    assert "limit_over_bound" not in outcome.metrics  # of two arithmetics


@pytest.mark.parametrize(("center", "scale"), [(False, True), (True, False), (False, False)])
@pytest.mark.parametrize("shape", [[7, 5], [8, 7, 7, 5]])
def test_a_layer_without_beta_or_gamma_agrees_and_has_no_gradient_of_it(
    shape: list[int], center: bool, scale: bool, layer_case: Any, surroundings: Any
) -> None:
    """The rest is compared as ever."""
    case = layer_case(shape=shape, center=center, scale=scale)
    outcome = agreement.run(IMPLEMENTATION, case, surroundings)
    assert (outcome.status, outcome.reason) == ("ok", None)
    assert ("gradient_beta_error_ulp" in outcome.metrics) == center
    assert ("gradient_gamma_error_ulp" in outcome.metrics) == scale
    assert ("gradient_beta" in outcome.samples["steps"]) == center


@pytest.mark.parametrize("shape", [[6, 9, 5], [4, 3, 5, 3, 5], [1, 7, 7, 5], [2, 5], [3, 1], [13, 1, 1, 3]])
def test_ranks_3_and_5_one_map_and_odd_sizes_agree(shape: list[int], layer_case: Any, surroundings: Any) -> None:
    """The reference's own arithmetic in float32."""
    outcome = agreement.run(IMPLEMENTATION, layer_case(shape=shape), surroundings)
    assert (outcome.status, outcome.reason) == ("ok", None)


def test_a_refused_batch_is_a_row_with_the_words_of_the_refusal(
    mutant: Any, layer_case: Any, surroundings: Any
) -> None:
    """Unsupported, not failed: an API may want two values."""
    refusing = mutant("conditioning_mutants:REFUSES_ONE")
    outcome = agreement.run(refusing, layer_case(shape=[1, 5], input="one_value"), surroundings)
    reason = "this input is refused: ValueError: expected more than 1 value per channel"
    assert (outcome.status, outcome.reason) == ("unsupported", reason)


def test_one_value_is_graded_like_a_condition(layer_case: Any, surroundings: Any) -> None:
    """Its output is beta, its variance 0."""
    outcome = agreement.run(IMPLEMENTATION, layer_case(shape=[1, 5], input="one_value"), surroundings)
    assert outcome.status == "ok"
    assert outcome.metrics["one_value_error_over_bound"] < 1
    assert "one_value_hidden" not in outcome.metrics


@pytest.mark.filterwarnings("ignore:Mean of empty slice")  # what NumPy says to a mean of nothing
@pytest.mark.parametrize(("name", "statistics"), [
    ("HONEST", "not finite"), ("conditioning_mutants:KEEPS_ON_EMPTY", "unchanged"),
])  # fmt: skip
def test_what_an_empty_batch_leaves_behind_is_recorded(
    name: str, statistics: str, mutant: Any, layer_case: Any, surroundings: Any
) -> None:
    """Not judged: nobody says what the mean of nothing is."""
    outcome = agreement.run(mutant(name), layer_case(shape=[0, 5], input="empty"), surroundings)
    assert outcome.status == "ok"
    assert outcome.metrics == {
        "empty_shapes_kept": True, "empty_gradients": "zero", "empty_statistics": statistics, "num_updates": 1,
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore:Mean of empty slice")  # what NumPy says to a mean of nothing
@pytest.mark.parametrize(("shape", "batch"), [([0, 5], "empty"), ([1, 5], "one_value")])
def test_a_layer_without_gradients_does_not_refuse_such_a_batch(
    shape: list[int], batch: str, layer_case: Any, surroundings: Any
) -> None:
    """Our own words about what it lacks are no answer of its API."""

    def build(settings: Configuration) -> Layer:
        layer = IMPLEMENTATION.build(settings)
        assert isinstance(layer, Layer)
        return replace(layer, training_step_with_gradients=Unsupported("no gradients"))

    outcome = agreement.run(replace(IMPLEMENTATION, build=build), layer_case(shape=shape, input=batch), surroundings)
    assert (outcome.status, outcome.reason) == ("ok", None)
    if batch == "empty":
        assert outcome.metrics == {
            "empty_shapes_kept": True, "empty_gradients": "none", "empty_statistics": "not finite", "num_updates": 1,
        }  # fmt: skip
    else:
        assert outcome.metrics["one_value_error_over_bound"] < 1


def test_fifty_steps_are_kept_step_by_step(layer_case: Any, surroundings: Any) -> None:
    """Fifty with gradients and one without, each with the error of both statistics."""
    samples = agreement.run(IMPLEMENTATION, layer_case(shape=[7, 5], steps=50), surroundings).samples
    for name in ("moving_mean", "moving_variance"):
        errors = samples["steps"][name]["over_bound"]
        assert len(errors) == 51
        assert all(math.isfinite(error) and error <= 1 for error in errors)
        assert len(set(errors)) > 40
