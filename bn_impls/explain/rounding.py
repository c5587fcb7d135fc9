"""Whether rounding of a known kind accounts for what a function leaves: the tests that such a claim has to stand.

A reference that rounds as the candidate says must be off in each quantity by as much as the side is, within a factor of
8 either way (as far as a digit is left: an error as large as the value says no more by its size). What is left must
scatter over the channels, unless the weights of the moving average are narrow themselves: their rounding is the same in
every channel. Values that are said to be kept in a dtype must be values of that dtype.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from bn_impls.accuracy.comparison import FIRST_ORDER
from bn_impls.accuracy.dtypes import SIXTEEN_BITS
from bn_impls.explain.observing import Observed
from bn_impls.explain.question import rounded
from bn_impls.explain.replay import Replay, differences, excess
from bn_impls.semantics.description import Semantics

WITHIN = 2.0  # bounds: what needs no cause
SCATTER = 0.25  # least deviation of rounding errors over the channels, in units of their mean
AS_MUCH = 8.0  # factor within which rounding errors of one kind are expected
STATISTICS = ("moving_mean", "moving_variance")


class RoundingTests:
    """The tests for one side."""

    def __init__(self, replay: Replay, observed: Observed) -> None:
        """Keep both.

        Args:
            replay: of the question.
            observed: the side's answers.
        """
        self.replay, self.observed = replay, observed

    def errors(self, left: Mapping[str, float], candidate: Semantics) -> dict[str, float] | None:
        """What a reference that rounds so is off by.

        Args:
            left: quantity -> what the exact function leaves of the side's answers, in bounds.
            candidate: the function, and how it is said to be rounded.

        Returns:
            Quantity -> largest error; None where the candidate does not account for what is left.
        """
        if not self._representable(candidate):
            return None
        if candidate.moving_dtype not in SIXTEEN_BITS and self._is_systematic(left, candidate):
            return None
        replayed, emulated = self.replay(candidate), self.replay.rounded(candidate)
        off = excess(emulated, replayed.answers, replayed.bounds)
        nothing = {name: np.zeros_like(values) for name, values in replayed.answers.items()}
        lost = excess(nothing, replayed.answers, replayed.bounds)
        roots = candidate.variance == "one_pass" and any(  # noise as large as the variance may be below 0
            AS_MUCH * off[name] >= lost[name] for name in ("output_training", "output_inference")
        )
        if not all(_as_much(left[name], off[name], lost[name], or_nan=roots) for name in FIRST_ORDER):
            return None
        return differences(emulated, replayed.answers)

    def _representable(self, candidate: Semantics) -> bool:
        """Whether the answers are values of the dtypes that they are said to be kept or computed in, no narrower."""
        dtype = self.replay.configuration.dtype
        if dtype in SIXTEEN_BITS and (candidate.moving_dtype == dtype) != self._are_values(dtype, *STATISTICS):
            return False
        return self._are_values(candidate.moving_dtype, *STATISTICS) and self._are_values(
            candidate.compute_dtype, "output_training"
        )

    def _are_values(self, dtype: str | None, *names: str) -> bool:
        answers = (self.observed.answers[name] for name in names)
        return dtype is None or all(np.array_equal(rounded(got, dtype), got, equal_nan=True) for got in answers)

    def _is_systematic(self, left: Mapping[str, float], function: Semantics) -> bool:
        """Whether what is left in a statistic is the same multiple of its bound in every channel: rounding scatters."""
        replayed = self.replay(function)
        for name in STATISTICS:
            if left[name] > WITHIN:
                off = self.observed.answers[name][-1] - replayed.answers[name][-1]
                multiples = off / np.maximum(replayed.bounds[name][-1], np.finfo(np.float64).tiny)
                if len(multiples) > 2 and np.std(multiples) < SCATTER * abs(np.mean(multiples)):
                    return True
        return False


def _as_much(got: float, expected: float, lost: float, *, or_nan: bool) -> bool:
    """Whether two errors, in bounds, are of one size; beyond that of ``lost``, with no digit left, they have none.

    An infinite error is NaN, such as the root of a negative variance: NaN must be expected, or come of ``or_nan``.
    """
    if math.isinf(got) or math.isinf(expected):
        return got == expected or (or_nan and math.isinf(got))
    got, expected = (max(min(error, lost), WITHIN) for error in (got, expected))
    return 1 / AS_MUCH <= got / expected <= AS_MUCH
