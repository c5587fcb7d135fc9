"""Verdicts: what may be said of two cases, from one log ratio a round.

The interval is Student's over rounds, at a confidence that holds for a whole family of comparisons at once
(Šidák 1967, Journal of the American Statistical Association 62:626)::

    ratio    = exp(mean d)
    interval = exp(mean d ± t(1 - a/2, R - 1) * s / sqrt(R)),   1 - a = confidence ** (1 / (comparisons * looks))

That one interval decides everything:

- ``same``: all of it lies within the margin, 1/(1 + margin) to 1 + margin: an equivalence verdict by two one-sided
  tests (Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15:657).
- ``faster``, ``slower``: it leaves out 1, and the ratio itself is beyond the margin.
- ``undecided``: neither.

``docs/decisions/0012-verdicts.md`` weighs the alternatives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import scipy
from numpy.typing import NDArray

from benchmarks.verdicts.passes import Array

MARGIN = 0.03
CONFIDENCE = 0.95

Numbers = float | Array
Word = Literal["faster", "slower", "same", "undecided"]
OPPOSITE: dict[Word, Word] = {"faster": "slower", "slower": "faster", "same": "same", "undecided": "undecided"}


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

    @property
    def differs(self) -> bool:
        """Whether the first is faster or slower for certain."""
        return self.word in ("faster", "slower")

    def inverse(self) -> Verdict:
        """The same comparison the other way round."""
        low, high = (None if end is None else _inverse(end) for end in (self.high, self.low))
        return replace(self, word=OPPOSITE[self.word], ratio=_inverse(self.ratio), low=low, high=high)


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
        comparisons: number of comparisons that the confidence holds for at once.
        looks: number of times that the data are looked at to decide whether to measure more.
        confidence: of all these intervals together.

    Returns:
        The verdict; None if no round is left.
    """
    count = int(np.sum(~np.isnan(per_round)))
    if count == 0:
        return None
    mean = float(np.nanmean(per_round))
    if count == 1:
        return verdict_of(mean, None, 1, margin)
    half = float(half_width(float(np.nanstd(per_round, ddof=1)), count, comparisons * looks, confidence))
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


def _word(mean: float, half: float, margin: float) -> Word:
    if is_same(mean, half, margin):
        return "same"
    if is_different(mean, half, margin):
        return "slower" if mean > 0 else "faster"
    return "undecided"


def certainly_slower(
    per_round: Array, *, margin: float = MARGIN, comparisons: int = 1, looks: int = 1
) -> NDArray[np.bool_]:
    """Where :func:`judge` says ``slower``, for many comparisons at once.

    Args:
        per_round: d of every round, shape (..., R); rounds that are NaN are left out.
        margin: as there.
        comparisons: as there.
        looks: as there.

    Returns:
        Shape (...); False where fewer than two rounds are left.
    """
    count = np.sum(~np.isnan(per_round), axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.nansum(per_round, axis=-1) / count
        variance = np.nansum((per_round - mean[..., None]) ** 2, axis=-1) / (count - 1)
        enough = np.maximum(count, 2)
        half = half_width(np.sqrt(variance), enough, comparisons * looks)
        return np.asarray((count > 1) & (mean > 0) & is_different(mean, half, margin))


def half_width(
    deviation: Numbers, rounds: int | NDArray[np.int_], family: int = 1, confidence: float = CONFIDENCE
) -> Array:
    """Half width of the interval of a mean over rounds, of which ``family`` hold at once with this confidence.

    Args:
        deviation: standard deviation of the rounds.
        rounds: number of rounds, at least 2.
        family: number of intervals, comparisons times looks.
        confidence: of all of them together.
    """
    quantile = _quantile(rounds, family, confidence) if isinstance(rounds, int) else _t(rounds, family, confidence)
    return np.asarray(quantile * deviation / np.sqrt(rounds))


@lru_cache(maxsize=10_000)  # a ranking asks for the same one for each of its rows
def _quantile(rounds: int, family: int, confidence: float) -> float:
    return float(_t(rounds, family, confidence))


def _t(rounds: int | NDArray[np.int_], family: int, confidence: float) -> Array:
    """Student's t for the whole family, Sidak's correction."""
    return np.asarray(scipy.special.stdtrit(np.subtract(rounds, 1), 0.5 + confidence ** (1 / family) / 2))


def is_same(mean: Numbers, half: Numbers, margin: float) -> NDArray[np.bool_]:
    """Whether the interval mean ± half lies within the margin."""
    return np.asarray(np.abs(mean) + half <= math.log1p(margin))


def is_different(mean: Numbers, half: Numbers, margin: float) -> NDArray[np.bool_]:
    """Whether the interval leaves out 0 and the mean is beyond the margin."""
    return np.asarray((np.abs(mean) > half) & (np.abs(mean) > math.log1p(margin)))


def _exp(value: float) -> float:
    """``exp`` that answers infinity where the result is too large: two rounds can give such intervals."""
    return math.exp(value) if value < 700 else math.inf


def _inverse(value: float) -> float:
    return 1 / value if value else math.inf
