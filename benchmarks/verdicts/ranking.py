"""The comparisons of one group of cases: with the baseline, with the fastest, all with all, and what they leave open.

The family of simultaneous intervals is one ranking: K - 1 comparisons with the baseline or with the fastest, and
K (K - 1) / 2 when every two are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.verdicts.judging import MARGIN, Verdict, certainly_slower, judge
from benchmarks.verdicts.passes import Array, PassValues
from benchmarks.verdicts.price import rounds_to_decide
from benchmarks.verdicts.ratios import log_ratios, log_ratios_to, rounds_of

MOST_RANKED = 300  # rows of one group: every two are compared


@dataclass(frozen=True)
class Open:
    """A comparison that is undecided.

    Attributes:
        place: of the case that is compared.
        against: place of the case that it is compared with.
        rounds: further rounds that would probably decide; None where that is not known, or too many.
    """

    place: int
    against: int
    rounds: int | None


def compare(first: PassValues, second: PassValues, *, comparisons: int = 1, looks: int = 1) -> Verdict | None:
    """The verdict on the first against the second; None if they share no pass."""
    return judge(log_ratios_to([first, second], 1)[0], comparisons=comparisons, looks=looks)


def fastest(per_round: Array) -> int:
    """The place of the smallest mean ratio.

    Args:
        per_round: d of K cases against one of them, shape (K, R); NaN where a round lacks a case.
    """
    count = np.sum(~np.isnan(per_round), axis=1)
    means = np.nansum(per_round, axis=1) / np.maximum(count, 1)
    return int(np.argmin(np.where(count > 0, means, np.inf)))


def verdicts_on(per_round: Array, *, groups: int = 1, looks: int = 1, margin: float = MARGIN) -> list[Verdict | None]:
    """Verdicts on K cases, all against the same one of them.

    Args:
        per_round: d of K cases against one of them, shape (K, R).
        groups: number of such rankings that the confidence holds for at once.
        looks: as :func:`benchmarks.verdicts.judging.judge` takes it.
        margin: as there.
    """
    family = family_of(len(per_round)) * groups
    return [judge(ratios, comparisons=family, looks=looks, margin=margin) for ratios in per_round]


def family_of(cases: int) -> int:
    """Number of comparisons of so many cases with one of them."""
    return max(1, cases - 1)


def ranks(cases: Sequence[PassValues], *, looks: int = 1, margin: float = MARGIN) -> list[int | None]:
    """1 + the number of cases that are faster for certain; None with one round, when nothing is certain.

    Every two cases are compared, so groups too large for that are not ranked.
    """
    if len(cases) > MOST_RANKED or len(rounds_of(cases)) < 2:
        return [None] * len(cases)
    pairs = max(1, len(cases) * (len(cases) - 1) // 2)
    slower = certainly_slower(log_ratios(cases), comparisons=pairs, looks=looks, margin=margin)
    return [1 + int(number) for number in slower.sum(axis=1)]


def undecided(cases: Sequence[PassValues], base: int, *, looks: int = 1, margin: float = MARGIN) -> list[Open]:
    """What the comparisons with the baseline and with the fastest leave open, and what deciding it would cost.

    Args:
        cases: the pass values of K cases.
        base: the place of the baseline.
        looks: as :func:`benchmarks.verdicts.judging.judge` takes it.
        margin: as there.

    Returns:
        Each open comparison once, those with the baseline first.
    """
    best = fastest(log_ratios_to(cases, base))
    family, found = family_of(len(cases)), dict[frozenset[int], Open]()
    for against in dict.fromkeys((base, best)):
        for place, ratios in enumerate(log_ratios_to(cases, against)):
            verdict = judge(ratios, comparisons=family, looks=looks, margin=margin)
            if place != against and verdict and verdict.word == "undecided":
                price = rounds_to_decide(ratios, comparisons=family, looks=looks, margin=margin)
                found.setdefault(frozenset((place, against)), Open(place, against, price))
    return list(found.values())
