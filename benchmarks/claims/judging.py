"""Paired differences over seeds, with intervals, and the words that they allow.

The interval of a mean difference is Student's over seeds, as :mod:`benchmarks.verdicts.judging` takes it over rounds;
``family`` is the number of intervals that hold at once (Šidák 1967, Journal of the American Statistical Association
62:626).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from benchmarks.claims.model import Kind
from benchmarks.verdicts.judging import CONFIDENCE, half_width
from benchmarks.verdicts.paired_seeds import Word, beside

Sign = Literal["above", "below", "same", "undecided"]
FEWEST_SEEDS = 5
"""Pairs below which no verdict about a difference is given."""
MOST_SEEDS = 1000
"""Pairs beyond which deciding is not worth planning for."""
WORST = {False: math.inf, True: -math.inf}
"""Whether higher is better -> what a value that is not finite counts as, as the loss of a training that diverged."""


@dataclass(frozen=True)
class Difference:
    """A mean of differences, one a seed, with its interval.

    Attributes:
        mean: of first minus second, over the pairs in which both are finite; NaN without one.
        low: lower end of the interval; -infinity with one pair.
        high: upper end.
        deviation: standard deviation of the differences; NaN with one pair.
        pairs: seeds that both have.
        margin: what ``same`` means, in the unit of the difference.
        family: number of intervals that hold at once.
        lost: pairs in which only the first is not finite.
        won: pairs in which only the second is not.
        neither: pairs in which neither is finite.
        higher_is_better: of an accuracy; not of a loss.
    """

    mean: float
    low: float
    high: float
    deviation: float
    pairs: int
    margin: float
    family: int = 1
    lost: int = 0
    won: int = 0
    neither: int = 0
    higher_is_better: bool = False

    @property
    def left_out(self) -> int:
        """Pairs that enter no mean, as a value of theirs is not finite."""
        return self.lost + self.won + self.neither

    @property
    def sign(self) -> Sign:
        """What may be said of it: above or below 0 (beyond the margin), the same, or nothing yet.

        ``same``: the whole interval lies within the margin. ``above``, ``below``: the interval leaves out 0, and the
        mean is beyond the margin. Fewer than :data:`FEWEST_SEEDS` pairs decide nothing. Pairs that a divergence leaves
        out are judged as in :mod:`benchmarks.verdicts.paired_seeds`: the first is worse if it alone diverged in any;
        beside divergences of the second alone, nothing but a first that is better anyway is a verdict.
        """
        if self.pairs < FEWEST_SEEDS:
            return "undecided"
        better: Sign = "above" if self.higher_is_better else "below"
        worse: Sign = "below" if self.higher_is_better else "above"
        words: dict[Sign, Word] = {better: "better", worse: "worse", "same": "same", "undecided": "undecided"}
        word = beside(words[self._sign_of_finite()], self.lost > 0, self.won > 0)
        return next(sign for sign, told in words.items() if told == word)

    def _sign_of_finite(self) -> Sign:
        if self.pairs - self.left_out < FEWEST_SEEDS:
            return "undecided"
        if max(abs(self.low), abs(self.high)) <= self.margin:
            return "same"
        if abs(self.mean) > self.margin and (self.low > 0 or self.high < 0):
            return "above" if self.mean > 0 else "below"
        return "undecided"

    def excludes(self, wanted: Sign) -> bool:
        """Whether the interval rules out what a claim asks for; one-sided, and only where no divergence disturbs it.

        ``above`` asks for more than the margin: an interval that nowhere reaches beyond it is enough against that,
        whether the difference is the same or below. The two-sided :attr:`sign` may then be far from decided.
        """
        if self.pairs < FEWEST_SEEDS or self.left_out > self.neither or self.pairs - self.left_out < FEWEST_SEEDS:
            return False
        return self.high <= self.margin if wanted == "above" else wanted == "below" and self.low >= -self.margin

    def seeds_needed(self, wanted: Sign) -> int | None:
        """Pairs at which :func:`holds` would probably decide, if mean and spread stay; None beyond 1,000 or unknown."""
        if not math.isfinite(self.mean) or not math.isfinite(self.deviation):
            return None
        for count in range(max(FEWEST_SEEDS, self.pairs), MOST_SEEDS + 1):
            half = float(half_width(self.deviation, count, self.family))
            low, high = self.mean - half, self.mean + half
            if holds(replace(self, low=low, high=high, pairs=count, lost=0, won=0, neither=0), wanted) is not None:
                return count
        return None

    def needs(self, wanted: Sign) -> str:
        """What deciding whether it is what is claimed needs, in words."""
        if self.left_out and self.pairs >= FEWEST_SEEDS:
            return (
                f"seeds in which both have a finite figure: {self.left_out} of {self.pairs} diverged or never got there"
            )
        needed = self.seeds_needed(wanted)
        if needed is None:
            return f"more than {MOST_SEEDS} seeds" if self.pairs > 1 else f"{FEWEST_SEEDS} seeds or more"
        return f"{needed} seeds instead of {self.pairs}"

    def told(self, unit: str = "", factor: float = 1.0, digits: int = 2) -> str:
        """``+1.23 (0.45 to 2.01) points``: mean and interval in a unit, and how many pairs a divergence leaves out."""
        kept = self.pairs - self.left_out
        lacking = f"{self.left_out} of {self.pairs} pairs left out: not finite" if self.left_out else ""
        if self.left_out and not kept:
            return f"no number ({lacking})"
        suffix = (f" {unit}" if unit else "") + (f" ({lacking})" if lacking else "")
        if kept < 2:
            return f"{factor * self.mean:+.{digits}f} (one pair){suffix}"
        low, high = factor * self.low, factor * self.high
        return f"{factor * self.mean:+.{digits}f} ({low:.{digits}f} to {high:.{digits}f}){suffix}"


Asked = tuple[Difference, Sign]
"""A difference, and the word that a claim says of it."""


def paired(
    first: Mapping[int, float],
    second: Mapping[int, float],
    *,
    margin: float = 0.0,
    family: int = 1,
    higher_is_better: bool = False,
) -> Difference:
    """First minus second, seed by seed.

    Args:
        first: seed -> value of what is judged.
        second: the same of what it is compared with; seeds that only one has are left out.
        margin: difference that does not matter, in the unit of the values.
        family: number of intervals that hold at once.
        higher_is_better: of an accuracy; says which side a value that is not finite (a divergence) speaks against.

    Returns:
        The difference; its mean is NaN without a pair of finite values.
    """
    worst, differences = WORST[higher_is_better], []
    for seed in first:
        if seed in second and (differs := _differs(first[seed], second[seed], worst)) is not None:
            differences.append(differs)
    neither = sum(seed in second for seed in first) - len(differences)
    return mean_of(differences, margin=margin, family=family, higher_is_better=higher_is_better, neither=neither)


def _differs(first: float, second: float, worst: float) -> float | None:
    """First minus second; infinite where only one is finite, None where neither is."""
    if math.isfinite(first):
        return first - second if math.isfinite(second) else -worst
    return worst if math.isfinite(second) else None


def mean_of(
    values: Iterable[float],
    *,
    margin: float = 0.0,
    family: int = 1,
    higher_is_better: bool = False,
    neither: int = 0,
) -> Difference:
    """The mean of one value a seed, with its interval: how far it is from 0.

    Args:
        values: one a seed. One that is not finite enters no mean: NaN, or infinite on the worse side, speaks against
            what is judged; infinite on the better side, against what it was compared with.
        margin: distance from 0 that does not matter.
        family: number of intervals that hold at once.
        higher_is_better: which side is the worse one: below 0 if so.
        neither: further pairs, in which neither side is finite.
    """
    found = np.array(list(values), dtype=np.float64)
    kept = found[np.isfinite(found)]
    won = int((found == -WORST[higher_is_better]).sum())
    lost = len(found) - len(kept) - won
    mean, deviation, half = math.nan, math.nan, math.inf
    if len(kept):
        mean = float(kept.mean())
    if len(kept) > 1:
        deviation = float(kept.std(ddof=1))
        half = float(half_width(deviation, len(kept), family, CONFIDENCE))
    low, high = (mean - half, mean + half) if len(kept) else (-math.inf, math.inf)
    pairs = len(found) + neither
    return Difference(mean, low, high, deviation, pairs, margin, family, lost, won, neither, higher_is_better)


def log_ratio(first: Mapping[int, float], second: Mapping[int, float]) -> dict[int, float]:
    """Natural log of first over second by seed; for what differs by factors.

    Returns:
        Of seeds that both have: infinity where only the first is not finite, -infinity where only the second is not;
        seeds in which neither is finite are left out.
    """
    ratios = {}
    with np.errstate(all="ignore"):
        for seed in first:
            if seed in second and (differs := _differs(first[seed], second[seed], math.inf)) is not None:
                both = math.isfinite(differs)
                ratios[seed] = float(np.log(np.divide(first[seed], second[seed]))) if both else differs
    return ratios


def holds(difference: Difference, wanted: Sign) -> bool | None:
    """Whether a difference is what was claimed; None while that is open.

    Args:
        difference: with its margin.
        wanted: the word that the claim says of it. Against ``above`` and ``below`` an interval that nowhere reaches
            beyond the margin on that side is enough (:meth:`Difference.excludes`).
    """
    if difference.sign == wanted:
        return True
    return None if difference.sign == "undecided" and not difference.excludes(wanted) else False


def holds_not(difference: Difference, unwanted: Sign) -> bool | None:
    """Whether a difference is not what would speak against the claim; None while that is open."""
    held = holds(difference, unwanted)
    return None if held is None else not held


def every(*held: bool | None) -> bool | None:
    """Whether all parts hold: one that does not is enough for no, then one that is open leaves it open."""
    if False in held:
        return False
    return None if None in held else True


def combined(*held: bool | None) -> Kind:
    """The kind of verdict under several conditions.

    Args:
        held: whether the claim holds under each; None where that is undecided.

    Returns:
        ``depends`` if it holds under one and not under another, whatever is open beside them; else ``undecided`` if
        one is; ``confirmed`` if it holds under all, ``refuted`` if under none.
    """
    if True in held and False in held:
        return "depends"
    if None in held:
        return "undecided"
    return "confirmed" if all(held) else "refuted"


def asking(wanted: Sign, differences: Iterable[Difference]) -> list[Asked]:
    """The same word asked of several differences."""
    return [(difference, wanted) for difference in differences]


def needed(asked: Iterable[Asked]) -> str:
    """What deciding all open ones needs, in words: that of the one which needs most."""

    def seeds(one: Asked) -> int:
        found = one[0].seeds_needed(one[1])
        return MOST_SEEDS + 1 if found is None else found

    difference, wanted = max((one for one in asked if holds(*one) is None), key=seeds)
    return f"needs {difference.needs(wanted)}"


def on_what(kind: Kind, depends: str, asked: Iterable[Asked]) -> str:
    """What a verdict of this kind says in ``on``.

    Args:
        kind: of the verdict.
        depends: on what it depends, if it does.
        asked: what it rests on, each with the word that was asked of it; the open ones say what deciding needs.
    """
    if kind == "depends":
        return depends
    return needed(asked) if kind == "undecided" else ""
