"""What a decision would cost: further rounds until an undecided comparison is probably decided."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr

from benchmarks.verdicts.judging import CONFIDENCE, MARGIN, t_quantile
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

    After n further rounds, N in all, the mean is distributed as N(mean d, n s^2 / N^2) around what is known now.
    The answer is the smallest n with which it falls where :func:`judge` decides, with probability 0.8.

    Args:
        per_round: d of every round so far, as :func:`benchmarks.verdicts.judging.judge` takes it.
        margin: as there.
        comparisons: as there.
        looks: as there.
        confidence: as there.

    Returns:
        Rounds; None where there are fewer than two rounds to judge by, or more than 100 would be needed.
    """
    present = per_round[~np.isnan(per_round)]
    count = len(present)
    if count < 2:
        return None
    mean, spread, edge = float(present.mean()), float(present.std(ddof=1)), math.log1p(margin)
    for further in range(MOST_ROUNDS + 1):
        total = count + further
        half = t_quantile(total - 1, comparisons * looks, confidence) * spread / math.sqrt(total)
        if _probability(mean, spread * math.sqrt(further) / total, half, edge) >= ASSURANCE:
            return further
    return None


def _probability(mean: float, deviation: float, half: float, edge: float) -> float:
    """Probability that a normally distributed mean is decided."""
    if deviation == 0:
        return float(abs(mean) + half <= edge or abs(mean) > max(half, edge))

    def below(limit: float) -> float:
        return float(ndtr((limit - mean) / deviation))

    apart = max(half, edge)
    same = max(edge - half, 0.0)
    return 1 - below(apart) + below(-apart) + below(same) - below(-same)
