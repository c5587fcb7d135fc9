"""Verdicts between rounds that were not taken in turn: two runs, hours or months apart.

Nothing pairs a round of one run with a round of the other. So the interval is Welch's, for two independent samples of
unequal variance (Welch 1947, Biometrika 34:28), and whatever changed between the runs (load, temperature, a neighbour)
is part of the ratio::

    v[r]     = min over the passes p of round r of log(value[r, p])
    ratio    = exp(mean v_a - mean v_b)
    interval = exp(mean v_a - mean v_b ± t(1 - a'/2, f) * sqrt(s_a^2 / R_a + s_b^2 / R_b)),   f after Satterthwaite

with a' as in :mod:`benchmarks.verdicts.judging`.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import scipy

from benchmarks.verdicts.judging import CONFIDENCE, MARGIN, Verdict, verdict_of
from benchmarks.verdicts.passes import Array, PassValues


def round_values(values: PassValues) -> Array:
    """What each round of a case says on its own.

    Args:
        values: (round, pass) -> ns per call.

    Returns:
        Log of the shortest pass, in ns per call, shape (R,), in the order of the rounds.
    """
    shortest: dict[int, float] = {}
    for (number, _), value in values.items():
        shortest[number] = min(value, shortest.get(number, value))
    return np.array([math.log(shortest[number]) for number in sorted(shortest)])


def judge_unpaired(
    first: Array, second: Array, *, margin: float = MARGIN, comparisons: int = 1, confidence: float = CONFIDENCE
) -> Verdict | None:
    """Judge the first against the second.

    Args:
        first: log of a time, one of each round, shape (R,); NaN is left out.
        second: the same of the other, shape (S,).
        margin: relative difference that does not matter.
        comparisons: how many comparisons the confidence holds for at once.
        confidence: of all intervals together.

    Returns:
        The verdict, ``rounds`` being the smaller number of them; None if one side has no round.
    """
    first, second = first[~np.isnan(first)], second[~np.isnan(second)]
    rounds = min(len(first), len(second))
    if rounds == 0:
        return None
    mean = float(first.mean() - second.mean())
    if rounds == 1:
        return verdict_of(mean, None, 1, margin)
    with warnings.catch_warnings():  # rounds that are all alike have no variance, which SciPy takes for lost precision
        warnings.simplefilter("ignore", RuntimeWarning)
        interval = scipy.stats.ttest_ind(first, second, equal_var=False).confidence_interval(
            confidence ** (1 / comparisons)
        )
    half = float(interval.high - interval.low) / 2
    return verdict_of(mean, 0.0 if math.isnan(half) else half, rounds, margin)
