"""A mean that is large beside the deviation, where E[x^2] - E[x]^2 loses all digits and two passes lose none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from bn_impls.accuracy.bounds import UNIT_ROUNDOFF
from bn_impls.accuracy.errors import distance
from bn_impls.conformance.diagnosis import Cause, Played
from bn_impls.conformance.judging import judged
from bn_impls.conformance.model import Check, Failure
from bn_impls.conformance.subject import Subject, calls
from bn_impls.interface import Configuration

ONE_PASS = Cause(
    "one_pass_variance",
    "the variance is right for inputs around 0 and wrong where the mean is large beside the deviation, as "
    "E[x^2] - E[x]^2 is: it subtracts two large numbers, and may even become negative; take the mean of "
    "(x - mean)^2 in a second pass, or Welford's update",
)


def _of_one_pass(settings: Configuration, played: Sequence[Played]) -> Cause | None:
    """Blame one pass for errors that it can make: roundings of the sum of squares. What is further off has another
    cause.
    """
    for one in played:
        x = np.asarray(one.call.x, np.float64)
        square = np.square(x).mean(axis=settings.reduction_axes)
        roundings = x.size / settings.channels * 2 * UNIT_ROUNDOFF[settings.dtype]
        if any(np.any(distance(one.got[name], one.exact[name].value) > roundings * square) for name in one.wrong()):
            return None
    return ONE_PASS


def _variance(mean: float, seed: int) -> Callable[[Subject], Failure | None]:
    """By the moving variance, into which nothing else goes: an output may lose digits for other reasons."""

    def run(subject: Subject) -> Failure | None:
        layer = subject.build()
        settings = layer.configuration
        if (wrong := judged(layer, calls(settings, "training", seed=seed), only=("moving_variance",))) is not None:
            return wrong  # not the conditioning's fault
        return judged(
            layer, calls(settings, "training", seed=seed, mean=mean), partial(_of_one_pass, settings),
            only=("moving_variance",),
        )  # fmt: skip

    return run


CHECKS = (
    Check("mean_100", "the variance is exact where mean / deviation is about 100", _variance(1e2, 120)),
    Check("mean_10000", "the variance is exact where mean / deviation is about 10,000", _variance(1e4, 121)),
)
