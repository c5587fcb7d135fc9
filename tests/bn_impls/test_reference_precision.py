"""The oracle against an independent evaluation with 50 decimal digits.

The evaluation is written per channel from the definition of a derivative's chain (through mean, variance and root, as
the paper lists it), not from the collected form that the oracle uses, so that a mistake would have to be made twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import pytest

from bn_impls.interface import Configuration, Conventions
from bn_impls.numpy_reference import BatchNorm

if TYPE_CHECKING:
    from tests.bn_impls.conftest import Numbers

COUNT, CHANNELS, EPSILON, DECAY = 32, 3, 1e-3, 0.9
GRADES = (0.0, 1e2, 1e4)  # mean over standard deviation
GOOD_ULPS = 16.0
"""Sums of 32 terms taken in blocks cost at most 6 ulps of half a unit, a root, a quotient and two products 4 more, in
ulps of the largest result of a channel."""


def allowed_ulps(grade: float) -> float:
    """x - mean loses what the mean is larger than the deviation: u (|x| + 6 |mean|) / s, so 4 ulps times the grade."""
    return GOOD_ULPS + 4.0 * grade


def drawn(grade: float) -> tuple[Any, Any, Any, Any]:
    """Input with the given mean over deviation, output gradient, gamma and beta."""
    generator = np.random.default_rng(21)
    x = grade + generator.standard_normal((COUNT, CHANNELS))
    return x, generator.standard_normal(x.shape), generator.normal(1.0, 0.5, CHANNELS), generator.normal(size=CHANNELS)


def exactly(x: Any, dy: Any, gamma: float, beta: float, ddof: int) -> dict[str, list[Any]]:
    """One channel in 50 digits: output, gradients and moving statistics after one update from 0 and 1."""
    with mpmath.workdps(50):
        xs, dys = [mpmath.mpf(float(v)) for v in x], [mpmath.mpf(float(v)) for v in dy]
        n, g, b = mpmath.mpf(len(xs)), mpmath.mpf(float(gamma)), mpmath.mpf(float(beta))
        mean = mpmath.fsum(xs) / n
        variance = mpmath.fsum((v - mean) ** 2 for v in xs) / n
        root = mpmath.sqrt(variance + mpmath.mpf(EPSILON))
        dxhat = [v * g for v in dys]
        dvariance = mpmath.fsum(d * (v - mean) for d, v in zip(dxhat, xs, strict=True)) * (-1 / (2 * root**3))
        dmean = mpmath.fsum(dxhat) * (-1 / root) + dvariance * mpmath.fsum(-2 * (v - mean) for v in xs) / n
        dx = [d / root + dvariance * 2 * (v - mean) / n + dmean / n for d, v in zip(dxhat, xs, strict=True)]
        decay = mpmath.mpf(DECAY)
        exact = {
            "y": [g * (v - mean) / root + b for v in xs],
            "dx": dx,
            "dgamma": [mpmath.fsum(d * (v - mean) / root for d, v in zip(dys, xs, strict=True))],
            "dbeta": [mpmath.fsum(dys)],
            "moving_mean": [(1 - decay) * mean],
            "moving_variance": [decay + (1 - decay) * variance * n / (n - ddof)],
            "inference": [g * (v - (1 - decay) * mean) for v in xs],
        }
        moving_root = mpmath.sqrt(exact["moving_variance"][0] + mpmath.mpf(EPSILON))
        exact["inference"] = [v / moving_root + b for v in exact["inference"]]
        return exact


def by_the_oracle(grade: float, ddof: Any) -> tuple[dict[str, Any], list[dict[str, list[Any]]]]:
    """The oracle's results as (rows, channels), and the exact ones by channel."""
    x, dy, gamma, beta = drawn(grade)
    settings = Configuration(
        input_shape=x.shape, layout="channels_last", dtype="float64", decay=DECAY, epsilon=EPSILON, center=True,
        scale=True, style="eager", device="cpu",
        conventions=Conventions(
            ddof=ddof, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False
        ),
    )  # fmt: skip
    layer = BatchNorm(settings)
    layer.gamma, layer.beta = gamma, beta
    y = layer.forward(x)
    dx, dgamma, dbeta = layer.backward(dy)
    got = {"y": y, "dx": dx, "dgamma": dgamma, "dbeta": dbeta, "inference": layer.inference(x)}
    got |= {"moving_mean": layer.moving_mean, "moving_variance": layer.moving_variance}
    return got, [exactly(x[:, c], dy[:, c], gamma[c], beta[c], ddof) for c in range(CHANNELS)]


def worst_ulps(got: Any, exact: list[dict[str, list[Any]]], name: str) -> float:
    """Largest error over all channels, in float64 ulps of the channel's largest exact value."""
    worst = 0.0
    for channel, results in enumerate(exact):
        values = np.atleast_1d(np.asarray(got)[..., channel])
        scale = float(np.spacing(max(abs(float(v)) for v in results[name])))
        with mpmath.workdps(50):
            errors = [abs(mpmath.mpf(float(a)) - b) / scale for a, b in zip(values, results[name], strict=True)]
        worst = max(worst, float(max(errors)))
    return worst


@pytest.mark.parametrize("grade", GRADES)
@pytest.mark.parametrize("quantity", ["y", "dx", "dgamma", "inference"])
def test_results_that_subtract_the_mean_are_as_good_as_the_input_allows(quantity: str, grade: float) -> None:
    """The input's conditioning enters once, never squared."""
    got, exact = by_the_oracle(grade, 0)
    assert worst_ulps(got[quantity], exact, quantity) <= allowed_ulps(grade)


@pytest.mark.parametrize("grade", GRADES)
@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("quantity", ["dbeta", "moving_mean", "moving_variance"])
def test_results_without_cancellation_are_exact_to_a_few_ulps(quantity: str, ddof: int, grade: float) -> None:
    """Also the variance at mean / deviation = 1e4, where E[x^2] - E[x]^2 would lose 1e8 ulps."""
    got, exact = by_the_oracle(grade, ddof)
    assert worst_ulps(got[quantity], exact, quantity) <= GOOD_ULPS


def test_the_precise_evaluation_agrees_with_a_case_by_hand(numbers: Numbers) -> None:
    """The judge is judged: x = (1, 3), gamma 2, beta 0.5 and dy = (1, 0), with epsilon 0.001."""
    exact = exactly(np.array([1.0, 3.0]), np.array([1.0, 0.0]), 2.0, 0.5, 1)
    root = np.sqrt(1.001)
    by_hand = {
        "y": [-2 / root + 0.5, 2 / root + 0.5],
        "dgamma": [-1 / root],
        "dbeta": [1.0],
        "moving_mean": [0.2],
        "moving_variance": [0.9 + 0.1 * 2.0],
        # gamma / s (dy - 1/2 - xhat dgamma / 2) with xhat dgamma / 2 = +-1 / (2 s^2)
        "dx": [2 / root * (0.5 - 0.5 / 1.001), 2 / root * (-0.5 + 0.5 / 1.001)],
    }
    for name, values in by_hand.items():
        got = np.array([float(v) for v in exact[name]])
        numbers.assert_within(got, np.array(values), 8 * 2.0**-53)  # the hand's own rounding
