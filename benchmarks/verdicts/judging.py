"""Verdicts: what may be said of two cases, from one log ratio a round.

The interval is Student's over rounds, at a confidence that holds for the whole family of comparisons at once
(Šidák 1967, Journal of the American Statistical Association 62:626)::

    ratio    = exp(mean d)
    interval = exp(mean d ± t(1 - a'/2, R - 1) * s / sqrt(R)),   1 - a' = confidence ** (1 / (comparisons * looks))

One interval decides everything:

- ``same``: the whole interval lies within the margin, 1/(1 + margin) to 1 + margin. That is an equivalence
  verdict by two one-sided tests (Schuirmann 1987).
- ``faster``, ``slower``: the interval leaves out 1, and the ratio itself is beyond the margin.
- ``undecided``: neither.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtrit

from benchmarks.verdicts.passes import Array

MARGIN = 0.03
CONFIDENCE = 0.95

Word = Literal["faster", "slower", "same", "undecided"]


@dataclass(frozen=True)
class Verdict:
    """A ratio of step times of A over B (below 1: A is faster) and what it allows to say of A.

    Attributes:
        word: ``faster``, ``slower``, ``same`` or ``undecided``.
        ratio: A's step time over B's.
        low: lower end of the simultaneous interval of the ratio; None where there was one round.
        high: upper end.
        rounds: rounds that it rests on.
        margin: what ``same`` means.
    """

    word: Word
    ratio: float
    low: float | None
    high: float | None
    rounds: int
    margin: float


def judge(
    per_round: Array,
    *,
    margin: float = MARGIN,
    comparisons: int = 1,
    looks: int = 1,
    confidence: float = CONFIDENCE,
) -> Verdict | None:
    """Judge A against B.

    Args:
        per_round: d of every round, log of A's step time over B's, shape (R,); rounds that are NaN are left out.
        margin: relative difference that does not matter.
        comparisons: how many comparisons the confidence holds for at once.
        looks: how often the data may be looked at to decide whether to measure more.
        confidence: of all intervals together.

    Returns:
        The verdict; None if no round is left.
    """
    present = per_round[~np.isnan(per_round)]
    count = len(present)
    if count == 0:
        return None
    mean = float(present.mean())
    if count == 1:
        return verdict_of(mean, None, 1, margin)
    half = t_quantile(count - 1, comparisons * looks, confidence) * float(present.std(ddof=1)) / math.sqrt(count)
    return verdict_of(mean, half, count, margin)


def verdict_of(mean: float, half: float | None, rounds: int, margin: float) -> Verdict:
    """The verdict that an interval of the log ratio gives.

    Args:
        mean: log ratio.
        half: half the width of its interval; None where there were too few rounds for one.
        rounds: that it rests on.
        margin: relative difference that does not matter.
    """
    if half is None:
        return Verdict("undecided", _exp(mean), None, None, rounds, margin)
    return Verdict(_word(mean, half, margin), _exp(mean), _exp(mean - half), _exp(mean + half), rounds, margin)


def t_quantile(degrees: float, family: int = 1, confidence: float = CONFIDENCE) -> float:
    """Half width, in standard errors, of intervals that all hold at once with this confidence.

    Args:
        degrees: degrees of freedom of the standard error.
        family: number of intervals.
        confidence: of all of them together.
    """
    return float(stdtrit(degrees, 0.5 + confidence ** (1 / family) / 2))


def _word(mean: float, half: float, margin: float) -> Word:
    edge = math.log1p(margin)
    if abs(mean) + half <= edge:
        return "same"
    if abs(mean) > max(half, edge):
        return "slower" if mean > 0 else "faster"
    return "undecided"


def _exp(value: float) -> float:
    """``exp`` that answers infinity where the result is too large: two rounds can give such intervals."""
    return math.exp(value) if value < 700 else math.inf
