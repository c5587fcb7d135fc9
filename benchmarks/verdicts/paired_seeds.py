"""Verdicts on trainings: one figure of two implementations over paired seeds (same initial weights, same batches).

For the figures a and b of seed s, d[s] = a[s] - b[s]; the interval is Student's over seeds::

    mean d ± t(1 - a'/2, S - 1) * s / sqrt(S),   1 - a' = confidence ** (1 / comparisons)

What does not matter is measured too: the standard deviation of b over its seeds, the seed-to-seed band. A difference
within it is smaller than the one that another draw of initial weights makes.

- ``same``: the whole interval lies within the band.
- ``better``, ``worse``: it leaves out 0, and the mean difference is beyond the band.
- ``undecided``: neither, or fewer than two seeds.

A seed without a finite figure (the training diverged, or never reached a level) enters no mean, and no verdict rests on
the others alone: if it is the first's only, the verdict is ``worse``; if it is the second's, the best that may be said
beside ``better`` is ``undecided``; if each has such seeds, it is ``undecided``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.verdicts.judging import CONFIDENCE, half_width

Word = Literal["same", "better", "worse", "undecided"]


@dataclass(frozen=True)
class SeedVerdict:
    """What may be said of one figure.

    Attributes:
        word: ``same``, ``better``, ``worse`` or ``undecided``.
        difference: mean of first minus second; None without a pair.
        low: lower end of its interval; None where fewer than two seeds are left.
        high: upper end.
        band: standard deviation of the second over its seeds; None likewise.
        seeds: pairs that it rests on.
        left_out: pairs of which a figure is missing or not finite.
    """

    word: Word
    difference: float | None
    low: float | None
    high: float | None
    band: float | None
    seeds: int
    left_out: int


def judge_seeds(
    first: Mapping[str, float | None],
    second: Mapping[str, float | None],
    *,
    higher_is_better: bool,
    comparisons: int = 1,
    confidence: float = CONFIDENCE,
) -> SeedVerdict:
    """Judge the first against the second.

    Args:
        first: seed -> figure; None where the training did not get there.
        second: the same of the other.
        higher_is_better: of an accuracy; not of a loss or a number of steps.
        comparisons: number of comparisons that the confidence holds for at once.
        confidence: of all of them.

    Returns:
        The verdict. A pair that lacks a finite figure is left out of the means, and counted.
    """
    shared = [seed for seed in first if seed in second]
    pairs = np.array([(_number(first[seed]), _number(second[seed])) for seed in shared]).reshape(-1, 2)
    finite = np.isfinite(pairs)
    kept = pairs[finite.all(axis=1)]
    left_out = len(pairs) - len(kept)
    lost, won = (bool((finite[:, one] & ~finite[:, other]).any()) for one, other in ((1, 0), (0, 1)))
    if not len(kept):
        return SeedVerdict(beside("undecided", lost, won), None, None, None, None, 0, left_out)
    differences = kept[:, 0] - kept[:, 1]
    mean = float(differences.mean())
    if len(kept) == 1:
        return SeedVerdict(beside("undecided", lost, won), mean, None, None, None, 1, left_out)
    half = float(half_width(float(differences.std(ddof=1)), len(kept), comparisons, confidence))
    band = float(kept[:, 1].std(ddof=1))
    word = beside(_word(mean, half, band, higher_is_better), lost, won)
    return SeedVerdict(word, mean, mean - half, mean + half, band, len(kept), left_out)


def beside(word: Word, lost: bool, won: bool) -> Word:
    """A verdict on the seeds that are left, beside those that only the first lost, or only the second.

    Args:
        word: on the pairs in which both have a finite figure.
        lost: whether there is a pair in which only the first has none.
        won: whether there is one in which only the second has none.

    Returns:
        ``worse`` if the first lost, ``undecided`` if each did; beside what the second alone lost, ``better`` stands and
        all else is ``undecided``.
    """
    if lost:
        return "undecided" if won else "worse"
    return word if word == "better" or not won else "undecided"


def _word(mean: float, half: float, band: float, higher_is_better: bool) -> Word:
    if abs(mean) + half <= band:
        return "same"
    if abs(mean) > half and abs(mean) > band:
        return "better" if (mean > 0) == higher_is_better else "worse"
    return "undecided"


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
