"""What a decision would cost: further rounds, or those of a fresh run, until a comparison is probably decided."""

from __future__ import annotations

import math

import numpy as np
import scipy

from benchmarks.verdicts.judging import CONFIDENCE, MARGIN, half_width
from benchmarks.verdicts.passes import Array

ASSURANCE = 0.8
MOST_ROUNDS = 100


def rounds_to_decide(
    per_round: Array,
    *,
    margin: float = MARGIN,
    comparisons: int = 1,
    looks: int = 1,
    confidence: float = CONFIDENCE,
) -> int | None:
    """Further rounds that would probably decide, if mean and spread of the rounds stay what they are.

    After n further rounds, N in all, their mean is taken to be distributed as N(mean d, n s^2 / N^2) around what is
    known now. The answer is the smallest n with which it falls where :func:`benchmarks.verdicts.judging.judge`
    decides, with a probability of 0.8.

    Args:
        per_round: d of every round so far, as ``judge`` takes it.
        margin: as there.
        comparisons: as there.
        looks: as there.
        confidence: as there.

    Returns:
        Rounds, 0 if it is decided; None where there are fewer than two rounds to judge by, or more than 100 would be
        needed.
    """
    count = int(np.sum(~np.isnan(per_round)))
    if count < 2:
        return None
    mean, spread = float(np.nanmean(per_round)), float(np.nanstd(per_round, ddof=1))
    for further in range(MOST_ROUNDS + 1):
        total = count + further
        half = float(half_width(spread, total, comparisons * looks, confidence))
        if _decided(mean, spread * math.sqrt(further) / total, half, math.log1p(margin)) >= ASSURANCE:
            return further
    return None


def rounds_of_fresh_run(
    per_round: Array, *, margin: float = MARGIN, comparisons: int = 1, confidence: float = CONFIDENCE
) -> int | None:
    """Rounds with which a run that looks once would probably decide, if it has the mean and spread of these rounds.

    A fresh run knows nothing of this one, so that its intervals need no correction for what was looked at here. The
    mean of its N rounds is taken to be distributed as N(mean d, s^2 / N).

    Args:
        per_round: d of every round of this run, as ``judge`` takes it.
        margin: as there.
        comparisons: of the fresh run.
        confidence: as there.

    Returns:
        The smallest number of rounds, at least 2, that decides with a probability of 0.8; None where there are fewer
        than two rounds to judge by, or more than 100 would be needed.
    """
    if int(np.sum(~np.isnan(per_round))) < 2:
        return None
    mean, spread = float(np.nanmean(per_round)), float(np.nanstd(per_round, ddof=1))
    for total in range(2, MOST_ROUNDS + 1):
        half = float(half_width(spread, total, comparisons, confidence))
        if _decided(mean, spread / math.sqrt(total), half, math.log1p(margin)) >= ASSURANCE:
            return total
    return None


def _decided(mean: float, deviation: float, half: float, edge: float) -> float:
    """Probability that a normally distributed mean lies within ``edge - half`` or beyond both ``edge`` and ``half``."""
    same, apart = max(edge - half, 0.0), max(edge, half)
    if deviation == 0:
        return float(abs(mean) + half <= edge or abs(mean) > apart)
    below = [float(scipy.special.ndtr((limit - mean) / deviation)) for limit in (-apart, -same, same, apart)]
    return below[0] + (below[2] - below[1]) + (1 - below[3])
