"""A mean that is large beside the deviation, where E[x^2] - E[x]^2 loses all digits and two passes lose none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bn_impls.accuracy.bounds import roundoff
from bn_impls.conformance.calls import Call, Exact, exact, played
from bn_impls.conformance.diagnosis import Cause, Played, within
from bn_impls.conformance.judging import judged
from bn_impls.conformance.model import UNKNOWN, Check, Failure
from bn_impls.conformance.subject import Subject, calls
from bn_impls.interface import Configuration, Layer

ONE_PASS = Cause(
    "one_pass_variance",
    "the variance is right for inputs around 0 and wrong where the mean is large beside the deviation, as "
    "E[x^2] - E[x]^2 is: it subtracts two large numbers, and may even become negative; take the mean of "
    "(x - mean)^2 in a second pass, or Welford's update",
)


OTHERWISE_WRONG = Cause(
    UNKNOWN,
    "the variance is right for inputs around 0 and wrong where the mean is large beside the deviation, by something "
    "else than the roundings of E[x^2] - E[x]^2: look for what depends on the size of the input",
)


def one_pass(settings: Configuration, played: Sequence[Played]) -> Cause | None:
    """Blame one pass for an error that it can make: larger than two passes allow, no larger than one does."""
    for one in played:
        allowed = exact(settings, one.call, "plain")
        if not all(within(one.got[name], allowed[name]) for name in one.wrong()):
            return None
    return ONE_PASS


def _scales(layer: Layer, one: Played) -> bool:
    """Whether everything twice as large gives four times the variance, as any evaluation without constants does.

    Powers of 2 change no rounding, so the error grows with it; one of another kind does not.
    """
    before: Any = dict(one.call.state)
    state: Any = {**before, "moving_mean": 2 * before["moving_mean"], "moving_variance": 4 * before["moving_variance"]}
    doubled = played(layer, replace(one.call, x=2 * one.call.x, state=state))
    bound = one.exact["moving_variance"].bound
    return within(doubled["moving_variance"], Exact(4 * one.got["moving_variance"].astype(np.float64), 4 * bound))


def _variance(mean: float, seed: int) -> Callable[[Subject], Failure | None]:
    """By the moving variance, into which nothing else goes: an output may lose digits for other reasons."""

    def run(subject: Subject) -> Failure | None:
        layer = subject.build()
        settings = layer.configuration
        if (wrong := judged(layer, calls(settings, "training", seed=seed), only=("moving_variance",))) is not None:
            return wrong  # not the conditioning's fault

        def ask(found: Sequence[Played]) -> Cause:
            blamed = one_pass(settings, found) if all(_scales(layer, one) for one in found) else None
            return blamed or OTHERWISE_WRONG

        (far,) = calls(settings, "training", seed=seed, mean=mean)
        wrong = judged(layer, [far], ask, only=("moving_variance",))
        return None if wrong is None or _as_exact_as_an_update(layer, far) else wrong

    return run


def _as_exact_as_an_update(layer: Layer, call: Call) -> bool:
    """Whether the variance is as exact as Welford's update, which is no mistake: its relative error is of size kappa u.

    kappa = sqrt(1 + mean^2 / variance), u the unit roundoff (Chan, Golub and LeVeque, 1983, Algorithms for Computing
    the Sample Variance, table 1; without their factor n, as roundings do not all go one way). One pass has kappa^2 u.
    """
    settings, got = layer.configuration, played(layer, call)["moving_variance"]
    right = exact(settings, call)["moving_variance"]
    x = call.x.astype(np.float64)
    mean, variance = x.mean(settings.reduction_axes), x.var(settings.reduction_axes)
    size = (1 - settings.decay) * np.sqrt(variance * (variance + mean**2))  # variance times kappa
    return within(got, Exact(right.value, right.bound + size * roundoff(settings.dtype, "good")))


CHECKS = (
    Check("mean_100", "the variance is exact where mean / deviation is about 100", _variance(1e2, 120)),
    Check("mean_10000", "the variance is exact where mean / deviation is about 10,000", _variance(1e4, 121)),
)
