"""The exact results of a case: the equations in decimal arithmetic of 60 digits, rounded once to float64.

Nothing here depends on the order of a sum or on the machine: 60 digits leave more than 40 after every cancellation in
these cases, and the one rounding at the end is to nearest. The limits are those of :mod:`bn_impls.accuracy.bounds`,
rounded to three digits, so that they too are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

import numpy as np

from bn_impls.accuracy.bounds import inference_bound, moving_bound, step_bounds
from bn_impls.interface import Array, Configuration
from bn_impls.vectors.cases import Case, Given

DIGITS = 60
EXPECTED = (
    "output_training", "gradient_input", "gradient_gamma", "gradient_beta", "moving_mean", "moving_variance",
    "output_inference",
)  # fmt: skip


@dataclass(frozen=True)
class Results:
    """Expected values and limits by quantity, each (steps, ...)."""

    expected: dict[str, Array]
    limits: dict[str, Array]


def _each(function: Callable[[Any], Any], array: Array, kind: type) -> Array:
    found: Array = np.vectorize(function, otypes=[kind])(array)
    return found


def _decimals(array: Array) -> Array:
    return _each(Decimal, np.asarray(array, np.float64), object)


def _floats(array: Array) -> Array:
    return _each(float, array, np.float64)


def _roots(array: Array) -> Array:
    return _each(Decimal.sqrt, array, object)


class _Layer:
    """One layer in decimal arithmetic; rows are (n, C)."""

    def __init__(self, case: Case, given: Given) -> None:
        settings = case.configuration()
        self.case, self.gamma, self.beta = case, _decimals(given.gamma), _decimals(given.beta)
        self.mean = _decimals(np.full(settings.channels, case.initial_mean))
        self.variance = _decimals(np.full(settings.channels, case.initial_variance))
        self.epsilon = Decimal(case.epsilon)

    def decay(self, step: int) -> Decimal:
        warm = Decimal(1 + step) / Decimal(10 + step)
        return min(Decimal(self.case.decay), warm) if self.case.warm_up else Decimal(self.case.decay)

    def train(self, x: Array, dy: Array, step: int) -> dict[str, Array]:
        n = Decimal(len(x))
        mean = x.sum(axis=0) / n
        variance = ((x - mean) * (x - mean)).sum(axis=0) / n
        s = _roots(variance + self.epsilon)
        xhat = (x - mean) / s
        dbeta, dgamma = dy.sum(axis=0), (dy * xhat).sum(axis=0)
        decay = self.decay(step)
        self.mean = decay * self.mean + (1 - decay) * mean
        self.variance = decay * self.variance + (1 - decay) * variance * n / (n - self.case.ddof)
        return {
            "output_training": self.gamma * xhat + self.beta,
            "gradient_input": self.gamma / s * (dy - dbeta / n - xhat * dgamma / n),
            "gradient_gamma": dgamma,
            "gradient_beta": dbeta,
            "moving_mean": self.mean,
            "moving_variance": self.variance,
            "output_inference": self.gamma * (x - self.mean) / _roots(self.variance + self.epsilon) + self.beta,
        }


def evaluate(case: Case, given: Given) -> Results:
    """The exact results of a case.

    Args:
        case: the circumstances.
        given: its inputs.

    Returns:
        Expected values, and the largest error that an honest evaluation in the case's dtype may have.
    """
    settings = case.configuration()
    expected: dict[str, list[Array]] = {name: [] for name in EXPECTED}
    with localcontext(prec=DIGITS):
        layer = _Layer(case, given)
        for step in range(case.steps):
            found = layer.train(_rows(given.x[step], settings), _rows(given.dy[step], settings), step)
            for name, value in found.items():
                expected[name].append(_shaped(_floats(value), settings))
    stacked = {name: np.array(values) for name, values in expected.items()}
    return Results(stacked, _limits(case, given, stacked))


def _rows(array: Array, settings: Configuration) -> Array:
    return _decimals(np.moveaxis(array, settings.channel_axis, -1).reshape(-1, settings.channels))


def _shaped(values: Array, settings: Configuration) -> Array:
    """Rows back in the shape of the input; what is (C,) stays so."""
    if values.ndim == 1:
        return values
    others = tuple(settings.input_shape[axis] for axis in settings.reduction_axes)
    return np.moveaxis(values.reshape(*others, settings.channels), -1, settings.channel_axis)


def _limits(case: Case, given: Given, expected: dict[str, Array]) -> dict[str, Array]:
    settings = case.configuration()
    limits: dict[str, list[Array]] = {name: [] for name in EXPECTED}
    error = {"moving_mean": np.zeros(settings.channels), "moving_variance": np.zeros(settings.channels)}
    old = {"moving_mean": np.full(settings.channels, case.initial_mean),
           "moving_variance": np.full(settings.channels, case.initial_variance)}  # fmt: skip
    for step in range(case.steps):
        x, dy = given.x[step], given.dy[step]
        bounds = step_bounds(settings, "two_pass", x, dy, given.gamma, given.beta)
        decay = settings.conventions.decay_of(case.decay, step)
        n = x.size // settings.channels
        of_batch = {"moving_mean": bounds.mean, "moving_variance": bounds.variance * n / max(n - case.ddof, 1)}
        for name in error:
            new = expected[name][step]
            size = decay * np.abs(old[name]) + np.abs(new - decay * old[name])
            error[name] = moving_bound(settings, "two_pass", decay, error[name], of_batch[name], size)
            old[name] = new
            limits[name].append(error[name])
        limits["output_training"].append(bounds.output)
        limits["gradient_input"].append(bounds.gradient_input)
        limits["gradient_gamma"].append(bounds.gradient_gamma)
        limits["gradient_beta"].append(bounds.gradient_beta)
        limits["output_inference"].append(inference_bound(
            settings, "two_pass", x, old["moving_mean"], old["moving_variance"], error["moving_mean"],
            error["moving_variance"], given.gamma, given.beta,
        ))  # fmt: skip
    return {name: _three_digits(np.array(values)) for name, values in limits.items()}


def _three_digits(array: Array) -> Array:
    """Rounded so that the last bits, which a machine may have computed otherwise, are not seen."""
    return _each(lambda value: float(f"{value:.2e}"), array, np.float64)
