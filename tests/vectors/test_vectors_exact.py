"""The expected values against an independent evaluation in 50 digits, and the limits against right and wrong layers.

The evaluation is written from the equations, value by value, with mpmath; it shares nothing with the reference, and
nothing with the exporter but the inputs.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import mpmath
import numpy as np
import pytest

from bn_impls.interface import Array
from bn_impls.numpy_reference import BatchNorm
from bn_impls.semantics.description import PLAIN, Semantics
from bn_impls.semantics.varied import VariedBatchNorm
from bn_impls.vectors.cases import CASES, Case, Given, given, integers
from bn_impls.vectors.evaluation import EXPECTED, Results, evaluate

BY_NAME = {case.name: case for case in CASES}


def by_equations(case: Case, inputs: Given) -> dict[str, Array]:
    """Every expected quantity, one number at a time."""
    number = mpmath.mpf
    axis = case.configuration().channel_axis
    channels = case.shape[axis]
    places = list(product(*(range(size) for size in case.shape)))
    found = {name: np.zeros((case.steps, *(case.shape if name in ON_INPUTS else (channels,)))) for name in EXPECTED}
    for channel in range(channels):
        own = [place for place in places if place[axis] == channel]
        n = len(own)
        gamma, beta = number(float(inputs.gamma[channel])), number(float(inputs.beta[channel]))
        moving_mean, moving_variance = number(case.initial_mean), number(case.initial_variance)
        for t in range(case.steps):
            x = {place: number(float(inputs.x[(t, *place)])) for place in own}
            dy = {place: number(float(inputs.dy[(t, *place)])) for place in own}
            mean = mpmath.fsum(x.values()) / n
            variance = mpmath.fsum((value - mean) ** 2 for value in x.values()) / n
            root = mpmath.sqrt(variance + number(case.epsilon))
            dbeta = mpmath.fsum(dy.values())
            dgamma = mpmath.fsum(dy[place] * (x[place] - mean) / root for place in own)
            d = number(case.decay)
            if case.warm_up and number(1 + t) / (10 + t) < d:
                d = number(1 + t) / (10 + t)
            moving_mean = d * moving_mean + (1 - d) * mean
            moving_variance = d * moving_variance + (1 - d) * variance * n / (n - case.ddof)
            moving_root = mpmath.sqrt(moving_variance + number(case.epsilon))
            for place in own:
                xhat = (x[place] - mean) / root
                found["output_training"][(t, *place)] = gamma * xhat + beta
                found["gradient_input"][(t, *place)] = gamma / root * (dy[place] - dbeta / n - xhat * dgamma / n)
                found["output_inference"][(t, *place)] = gamma * (x[place] - moving_mean) / moving_root + beta
            found["gradient_gamma"][t, channel], found["gradient_beta"][t, channel] = dgamma, dbeta
            found["moving_mean"][t, channel], found["moving_variance"][t, channel] = moving_mean, moving_variance
    return found


ON_INPUTS = ("output_training", "gradient_input", "output_inference")


@pytest.mark.parametrize("name", BY_NAME)
def test_expected_values_are_the_equations_rounded_once(name: str) -> None:
    """Bit for bit: both sides are exact to dozens of digits and rounded to nearest; 0 may have come from 1e-50."""
    case = BY_NAME[name]
    inputs = given(case)
    results = evaluate(case, inputs)
    with mpmath.workdps(50):
        expected = by_equations(case, inputs)
    for quantity in EXPECTED:
        got = results.expected[quantity]
        nothing = (np.abs(got) < 1e-40) & (np.abs(expected[quantity]) < 1e-40)
        np.testing.assert_array_equal(np.where(nothing, 0, got), np.where(nothing, 0, expected[quantity]))


def over_limit(layer: Any, case: Case) -> dict[str, float]:
    """The largest error of each quantity over its limit, as somebody with the files would test a layer."""
    inputs = given(case)
    results: Results = evaluate(case, inputs)
    dtype = case.dtype
    layer.gamma, layer.beta = inputs.gamma.astype(dtype), inputs.beta.astype(dtype)
    worst = dict.fromkeys(EXPECTED, 0.0)
    for t in range(case.steps):
        x, dy = inputs.x[t].astype(dtype), inputs.dy[t].astype(dtype)
        y = layer.forward(x)
        answers = (y, *layer.backward(dy), layer.moving_mean, layer.moving_variance, layer.inference(x))
        for quantity, answer in zip(EXPECTED, answers, strict=True):
            error = np.abs(answer.astype(np.float64).reshape(results.expected[quantity][t].shape)
                           - results.expected[quantity][t])  # fmt: skip
            limit = results.limits[quantity][t]
            ratio = np.where(error == 0, 0.0, error / np.maximum(limit, np.finfo(float).tiny))
            worst[quantity] = max(worst[quantity], float(np.nan_to_num(ratio, nan=np.inf).max()))
    return worst


@pytest.mark.parametrize("name", BY_NAME)
def test_an_honest_layer_in_the_dtype_of_a_case_is_within_its_limits(name: str) -> None:
    """The reference, computing in float32 or float64 itself."""
    case = BY_NAME[name]
    worst = over_limit(BatchNorm(case.configuration()), case)
    assert {quantity: ratio for quantity, ratio in worst.items() if not ratio <= 1} == {}


@pytest.mark.parametrize(
    ("name", "semantics", "quantities"),
    [
        ("far-from-zero", Semantics(variance="one_pass_clamped"), {"output_training", "moving_variance"}),
        ("plain", Semantics(epsilon_place="outside"), {"output_training", "gradient_input"}),
        ("plain", Semantics(epsilon=1e-3), {"output_training"}),
        ("plain", Semantics(moving_ddof=1), {"moving_variance", "output_inference"}),
        ("maps-last", Semantics(moving_ddof=1), {"moving_variance", "output_inference"}),
        ("unbiased", Semantics(moving_ddof=0), {"moving_variance"}),
        ("warm-up", Semantics(warm_up="never"), {"moving_mean", "moving_variance"}),
        ("starts-elsewhere", Semantics(initial_mean=0.0), {"moving_mean"}),
        ("plain", Semantics(constant="variance"), {"gradient_input"}),
        ("plain", Semantics(compute_dtype="float16"), {"output_training", "gradient_input"}),
        ("plain-float64", Semantics(compute_dtype="float32"), {"output_training", "gradient_input"}),
        ("small-epsilon", Semantics(epsilon=1.001e-5), {"output_training"}),
        ("constant-channel", Semantics(epsilon_place="none"), {"output_training"}),
    ],
    ids=lambda value: (
        str(value.changes())
        if isinstance(value, Semantics)
        else value
        if isinstance(value, str)
        else str(sorted(value))
    ),
)
def test_a_mistake_is_outside_the_limits(name: str, semantics: Semantics, quantities: set[str]) -> None:
    """Of the quantities that it is about."""
    case = BY_NAME[name]
    worst = over_limit(VariedBatchNorm(case.configuration(), semantics), case)
    assert {quantity for quantity, ratio in worst.items() if ratio > 1} >= quantities


def test_the_limits_of_a_plain_case_are_a_few_units_of_rounding() -> None:
    """Not so wide that anything passes: below 1e-4 of the largest value in float32, 1e-13 in float64."""
    for name, share in (("plain", 1e-4), ("plain-float64", 1e-13)):
        results = evaluate(BY_NAME[name], given(BY_NAME[name]))
        for quantity in EXPECTED:
            assert np.all(results.limits[quantity] >= 0)
            assert results.limits[quantity].max() < share * np.abs(results.expected[quantity]).max()


def test_every_number_that_is_given_is_a_float32() -> None:
    """Inputs, parameters, epsilon, decay and start values, in the cases of float64 too."""
    for case in CASES:
        numbers = [*vars(given(case)).values(), case.epsilon, case.decay, case.initial_mean, case.initial_variance]
        for value in numbers:
            np.testing.assert_array_equal(np.asarray(value, np.float32), value)


def test_the_generator_is_splitmix64() -> None:
    """The first values of seed 1234567, as the algorithm's published test vectors have them."""
    source = integers(1234567)
    assert [next(source) for _ in range(3)] == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_both_layouts_of_maps_have_the_same_values() -> None:
    """So that a transposed axis shows."""
    last, first = given(BY_NAME["maps-last"]), given(BY_NAME["maps-first"])
    assert BY_NAME["maps-last"].shape == (3, 4, 5, 2) and first.x.shape == (3, 3, 2, 4, 5)
    np.testing.assert_array_equal(np.moveaxis(last.x, -1, 2), first.x)
    assert PLAIN.changes() == {}
