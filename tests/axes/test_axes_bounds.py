"""The derived bounds hold for evaluations of the kind they are derived for, and are not vacuous."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bn_impls.accuracy.bounds import (
    UNIT_ROUNDOFF,
    Quality,
    inference_bound,
    moving_bound,
    step_bounds,
    sum_factor,
)
from bn_impls.accuracy.inputs import NORMAL, Condition, conditioned, conditions
from bn_impls.interface import Configuration
from bn_impls.numpy_reference import IMPLEMENTATION, BatchNorm

Array = npt.NDArray[Any]
VACUOUS = 100.0  # a bound that no evaluation comes within a hundredth of says nothing
PER_ELEMENT = ("output", "gradient_input")
QUANTITIES = ("output", "gradient_input", "gradient_gamma", "gradient_beta", "mean", "variance")


def pairwise(terms: Array) -> Array:
    """Sum over the first axis by halves, every addition in the terms' dtype: ceil(log2 n) additions deep."""
    while len(terms) > 1:
        odd = terms[-1:] if len(terms) % 2 else terms[:0]
        terms = np.concatenate([terms[: len(terms) // 2 * 2 : 2] + terms[1 : len(terms) // 2 * 2 : 2], odd])
    return np.asarray(terms[0])


def in_order(terms: Array) -> Array:
    """Sum over the first axis one term after the other, every addition in the terms' dtype."""
    return np.asarray(np.add.accumulate(terms, axis=0, dtype=terms.dtype)[-1])


SUMS: dict[Quality, Callable[[Array], Array]] = {"good": pairwise, "plain": in_order}


def evaluated(
    x: Array, dy: Array, gamma: Array, beta: Array, epsilon: float, total: Callable[[Array], Array]
) -> dict[str, Array]:
    """The model algorithm of the bounds, operation by operation in the inputs' dtype; x has shape (n, C)."""
    number = x.dtype.type
    n = number(len(x))
    mean = total(x) / n
    deviation = x - mean
    variance = total(deviation * deviation) / n
    inverse = number(1) / np.sqrt(variance + number(epsilon))
    xhat = deviation * inverse
    dbeta, dgamma = total(dy), total(dy * xhat)
    return {
        "mean": mean,
        "variance": variance,
        "output": gamma * xhat + beta,
        "gradient_beta": dbeta,
        "gradient_gamma": dgamma,
        "gradient_input": gamma * inverse * (dy - dbeta / n - xhat * (dgamma / n)),
    }


def settings_of(shape: tuple[int, ...], dtype: str) -> Configuration:
    """A layer of this shape."""
    return Configuration(
        input_shape=shape, layout="channels_last", dtype=dtype, decay=0.9, epsilon=1e-3, center=True, scale=True,
        conventions=IMPLEMENTATION.conventions, style="eager", device="cpu",
    )  # fmt: skip


def arithmetic(dtype: str, quality: Quality) -> str:
    """What a good evaluation computes in where the dtype has 16 bits; a plain one computes in the dtype."""
    return "float32" if quality == "good" and dtype == "float16" else dtype


def over_bounds(
    rows: int, dtype: str, quality: Quality, seed: int, offset: float = 0.0, condition: Condition = NORMAL
) -> dict[str, float]:
    """Largest error over its bound, by quantity, of one drawn case with 16 channels."""
    generator = np.random.default_rng((seed, rows))
    x, dy = (generator.standard_normal((rows, 16)).astype(dtype) for _ in range(2))
    x = (x + np.asarray(offset, dtype)).astype(dtype)
    x = conditioned(x, settings_of(x.shape, dtype), (condition,))
    gamma, beta = (generator.normal(center, 0.5, 16).astype(dtype) for center in (1.0, 0.0))
    settings = settings_of(x.shape, dtype)
    wide_x, wide_dy, wide_gamma, wide_beta = (array.astype(np.float64) for array in (x, dy, gamma, beta))
    bounds = step_bounds(settings, quality, wide_x, wide_dy, wide_gamma, wide_beta)
    exact = evaluated(wide_x, wide_dy, wide_gamma, wide_beta, settings.epsilon, lambda terms: terms.sum(axis=0))
    narrow = (array.astype(arithmetic(dtype, quality)) for array in (x, dy, gamma, beta))
    got = evaluated(*narrow, settings.epsilon, SUMS[quality])
    got |= {name: got[name].astype(dtype) for name in PER_ELEMENT}  # the one rounding to 16 bits
    return {
        name: float(np.max(np.abs(got[name].astype(np.float64) - exact[name]) / getattr(bounds, name)))
        for name in QUANTITIES
    }


@pytest.mark.parametrize(
    ("terms", "good", "plain"),
    [
        (1, 2, 5.0),
        (2, 2, 5 * math.sqrt(2)),
        (3, 3, 5 * math.sqrt(3)),
        (1024, 11, 160.0),
        (1025, 12, 5 * math.sqrt(1025)),
    ],
)
def test_the_factor_of_a_sum_by_hand(terms: int, good: float, plain: float) -> None:
    """ceil(log2 n) + 1, and 5 sqrt(n)."""
    assert sum_factor(terms, "good") == good
    assert sum_factor(terms, "plain") == plain
    assert sum_factor(terms, "plain") >= sum_factor(terms, "good")


def test_the_unit_roundoff_is_half_the_spacing_at_1() -> None:
    """Of each dtype."""
    assert {name: 2 * u for name, u in UNIT_ROUNDOFF.items() if name != "bfloat16"} == {
        name: float(np.finfo(name).eps) for name in ("float64", "float32", "float16")
    }
    assert UNIT_ROUNDOFF["bfloat16"] == 2.0**-8


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("rows", [2, 7, 32, 256, 1000, 8192])
@pytest.mark.parametrize("quality", ["good", "plain"])
def test_no_error_of_the_model_algorithm_exceeds_its_bound(quality: Quality, rows: int, dtype: str) -> None:
    """Ten drawn cases of each size; sums by halves for the good bound, in order for the plain one."""
    for seed in range(10):
        found = over_bounds(rows, dtype, quality, seed)
        assert max(found.values()) <= 1, found


@pytest.mark.parametrize("offset", [1.0, 30.0, 1000.0])
@pytest.mark.parametrize("quality", ["good", "plain"])
def test_the_bounds_hold_away_from_0_too(quality: Quality, offset: float) -> None:
    """A mean of a thousand deviations costs digits, and the bound knows it."""
    for seed in range(5):
        found = over_bounds(256, "float32", quality, seed, offset)
        assert max(found.values()) <= 1, found


@pytest.mark.parametrize("rows", [7, 63, 1000])
@pytest.mark.parametrize("name", [one.name for one in conditions("float32") if one.one_value is None])
def test_a_good_evaluation_stays_within_its_bound_under_every_condition(name: str, rows: int) -> None:
    """Sums by halves, in float32: from a mean of 0 to one of a million deviations, tiny variances, a constant, huge."""
    condition = next(one for one in conditions("float32") if one.name == name)
    for seed in range(5):
        found = over_bounds(rows, "float32", "good", seed, condition=condition)
        assert max(found.values()) <= 1, found


@pytest.mark.parametrize("rows", [2, 3, 64])
@pytest.mark.parametrize("mean", [0.0, 1.0, 30.0])
def test_a_one_pass_variance_is_allowed_by_the_plain_bound_and_graded_by_the_good_one(mean: float, rows: int) -> None:
    """E[x^2] - E[x]^2 in float32: also where two values lie close together by chance."""
    generator = np.random.default_rng(0)
    x = (generator.standard_normal((rows, 512)) + mean).astype(np.float32)
    wide, settings, ones = x.astype(np.float64), settings_of(x.shape, "float32"), np.ones(512)
    got = pairwise(x * x) / np.float32(rows) - np.square(pairwise(x) / np.float32(rows))
    error = np.abs(got - wide.var(axis=0))
    over = {q: np.max(error / step_bounds(settings, q, wide, wide, ones, ones).variance) for q in SUMS}
    assert over["plain"] <= 1
    assert over["good"] > 10 or (mean < 30 and rows > 3)


@pytest.mark.parametrize("mean", [0.0, 1e2, 1e4])
def test_a_multiplied_out_inference_is_graded_by_the_good_bound_and_allowed_by_the_plain_one(mean: float) -> None:
    """By exact statistics: x r + (beta - mean r) cancels, while x - mean is nearly exact; u mean / s against u xhat."""
    generator = np.random.default_rng(0)
    x = (generator.standard_normal((64, 16)) + mean).astype(np.float32)
    settings, exact_mean, variance, none = settings_of(x.shape, "float32"), np.full(16, mean), np.ones(16), np.zeros(16)
    inverse = np.float32(1) / np.sqrt(np.float32(1 + settings.epsilon))
    got = x * inverse + (np.float32(0) - np.float32(mean) * inverse)
    error = np.abs(got - (x.astype(np.float64) - mean) / np.sqrt(1 + settings.epsilon))
    over: dict[Quality, float] = {}
    for quality in SUMS:
        bound = inference_bound(
            settings, quality, x.astype(np.float64), exact_mean, variance, none, none, np.ones(16), none
        )
        over[quality] = float(np.max(error / bound))
    assert over["plain"] <= 1
    assert over["good"] > mean / 100  # the cancellation, less what is common to both bounds


@pytest.mark.parametrize(
    ("rows", "quantities"), [(7, QUANTITIES), (32, QUANTITIES), (256, QUANTITIES), (8192, PER_ELEMENT)]
)
def test_the_good_bounds_are_not_vacuous(rows: int, quantities: tuple[str, ...]) -> None:
    """On typical inputs the errors come within a hundredth of the bounds, so that a mistake stands out.

    At thousands of terms this is so for what has a value an element. The bound of a sum over the batch then adds up
    the errors of its terms as if all had one sign; the errors, whose signs differ, grow with the root only.
    """
    worst = dict.fromkeys(QUANTITIES, 0.0)
    for seed in range(5):
        for name, value in over_bounds(rows, "float32", "good", seed).items():
            worst[name] = max(worst[name], value)
    assert min(worst[name] for name in quantities) > 1 / VACUOUS, worst


def test_a_bound_shrinks_with_the_dtype() -> None:
    """By exactly the ratio of the unit roundoffs, up to the one quadratic term."""
    generator = np.random.default_rng(0)
    x, dy = generator.standard_normal((2, 64, 4))
    ones = np.ones(4)
    single, double = (
        step_bounds(settings_of(x.shape, dtype), "good", x, dy, ones, ones) for dtype in ("float32", "float64")
    )
    for name in QUANTITIES:
        np.testing.assert_allclose(getattr(single, name), getattr(double, name) * 2.0**29, rtol=1e-4)


def test_the_bounds_by_hand_for_two_values() -> None:
    """x = 1, 3: mean 2, variance 1; k = 2, u = 2^-24; the formulas of the module, written out."""
    x, dy = np.array([[1.0], [3.0]]), np.array([[1.0], [-1.0]])
    settings = replace(settings_of((2, 1), "float32"), epsilon=0.0)
    u = 2.0**-24
    bounds = step_bounds(settings, "good", x, dy, np.array([2.0]), np.array([0.5]))
    d_mean = 3 * u * 2
    d_variance = 5 * u * 1 + d_mean**2
    d_inverse = d_variance / 2 + 2 * u
    d_xhat = d_mean + 1 * d_inverse + 2 * u * 1
    np.testing.assert_allclose(bounds.mean, [d_mean], rtol=1e-12)
    np.testing.assert_allclose(bounds.variance, [d_variance], rtol=1e-12)
    np.testing.assert_allclose(bounds.output, [[2 * d_xhat + 2 * u * 2.5]] * 2, rtol=1e-12)
    np.testing.assert_allclose(bounds.gradient_beta, [2 * u * 2], rtol=1e-12)
    d_gamma = 3 * u * 2 + 2 * d_xhat
    np.testing.assert_allclose(bounds.gradient_gamma, [d_gamma], rtol=1e-12)
    inner = 2 * u * 1 + 2 * u + d_gamma / 2 + 1 * d_xhat + 4 * u * 1  # b = 0, g = -1, |dy - b - xhat g| = 0
    np.testing.assert_allclose(bounds.gradient_input, [[2 * inner]] * 2, rtol=1e-12)


def test_channels_first_has_the_bounds_of_channels_last() -> None:
    """The same numbers in another order."""
    generator = np.random.default_rng(3)
    x, dy = generator.standard_normal((2, 4, 3, 3, 5))
    gamma, beta = generator.standard_normal((2, 5))
    last = settings_of((4, 3, 3, 5), "float32")
    first = replace(last, layout="channels_first", input_shape=(4, 5, 3, 3))
    ours = step_bounds(last, "good", x, dy, gamma, beta)
    theirs = step_bounds(first, "good", np.moveaxis(x, -1, 1), np.moveaxis(dy, -1, 1), gamma, beta)
    for name in QUANTITIES:
        value = getattr(ours, name)
        np.testing.assert_allclose(
            getattr(theirs, name), np.moveaxis(value, -1, 1) if value.ndim == 4 else value, rtol=1e-12
        )


def test_the_bound_of_a_moving_statistic_by_hand() -> None:
    """d error + (1 - d) dbatch + 3 u size."""
    settings = settings_of((2, 1), "float16")
    found = moving_bound(settings, "plain", 0.75, np.array([4.0]), np.array([8.0]), np.array([16.0]))
    assert found.tolist() == [0.75 * 4 + 0.25 * 8 + 3 * 2.0**-11 * 16]


@pytest.mark.parametrize("quality", ["good", "plain"])
def test_no_moving_statistic_and_no_inference_exceeds_its_bound(quality: Quality) -> None:
    """Twelve steps in float32, the exact ones beside them; and the errors are not a hundred times smaller."""
    generator = np.random.default_rng(5)
    settings = settings_of((64, 16), "float32")
    narrow: dict[str, Array] = {"moving_mean": np.zeros(16, np.float32), "moving_variance": np.ones(16, np.float32)}
    exact = {name: array.astype(np.float64) for name, array in narrow.items()}
    bound = {name: np.zeros(16) for name in narrow}
    decay, ones = np.float32(0.9), np.ones(16)
    closest = 0.0
    for _ in range(12):
        x = generator.standard_normal((64, 16)).astype(np.float32)
        wide = x.astype(np.float64)
        bounds = step_bounds(settings, quality, wide, wide, ones, ones)
        got = evaluated(x, x, ones, ones, settings.epsilon, SUMS[quality])
        for name in narrow:
            batch = {"moving_mean": "mean", "moving_variance": "variance"}[name]
            true = {"mean": wide.mean(axis=0), "variance": wide.var(axis=0)}[batch]
            size = 0.9 * np.abs(exact[name]) + 0.1 * np.abs(true)
            bound[name] = moving_bound(settings, quality, 0.9, bound[name], getattr(bounds, batch), size)
            narrow[name] = decay * narrow[name] + (np.float32(1) - decay) * got[batch]
            exact[name] = 0.9 * exact[name] + 0.1 * true
            ratio = np.abs(narrow[name] - exact[name]) / bound[name]
            assert ratio.max() <= 1
            closest = max(closest, float(ratio.max()))
        layer, oracle = BatchNorm(settings), BatchNorm(replace(settings, dtype="float64"))
        for owner, values in ((layer, narrow), (oracle, exact)):
            owner.moving_mean, owner.moving_variance = values["moving_mean"], values["moving_variance"]
        allowed = inference_bound(
            settings, quality, wide, exact["moving_mean"], exact["moving_variance"], bound["moving_mean"],
            bound["moving_variance"], ones, np.zeros(16),
        )  # fmt: skip
        error = np.abs(layer.inference(x).astype(np.float64) - oracle.inference(wide))
        assert np.all(error <= allowed)
    assert closest > 1 / VACUOUS
