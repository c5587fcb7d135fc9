"""Paired differences over seeds, with intervals, and the words that they allow.

The interval of a mean difference is Student's over seeds, as :mod:`benchmarks.verdicts.judging` takes it over rounds;
``family`` is the number of intervals that hold at once (Šidák 1967, Journal of the American Statistical Association
62:626).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.claims.model import Kind
from benchmarks.verdicts.judging import CONFIDENCE, half_width

Sign = Literal["above", "below", "same", "undecided"]
FEWEST_SEEDS = 5
"""Pairs below which no verdict about a difference is given."""
MOST_SEEDS = 1000
"""Pairs beyond which deciding is not worth planning for."""


@dataclass(frozen=True)
class Difference:
    """A mean of differences, one a seed, with its interval.

    Attributes:
        mean: of first minus second.
        low: lower end of the interval; -infinity with one pair.
        high: upper end.
        deviation: standard deviation of the differences; NaN with one pair.
        pairs: seeds that both have.
        margin: what ``same`` means, in the unit of the difference.
        family: number of intervals that hold at once.
    """

    mean: float
    low: float
    high: float
    deviation: float
    pairs: int
    margin: float
    family: int = 1

    @property
    def sign(self) -> Sign:
        """What may be said of it: above or below 0 (beyond the margin), the same, or nothing yet.

        ``same``: the whole interval lies within the margin. ``above``, ``below``: the interval leaves out 0, and the
        mean is beyond the margin. Fewer than :data:`FEWEST_SEEDS` pairs decide nothing.
        """
        if self.pairs < FEWEST_SEEDS or math.isnan(self.mean):
            return "undecided"
        if max(abs(self.low), abs(self.high)) <= self.margin:
            return "same"
        if abs(self.mean) > self.margin and (self.low > 0 or self.high < 0):
            return "above" if self.mean > 0 else "below"
        return "undecided"

    @property
    def seeds_needed(self) -> int | None:
        """Pairs at which the interval would probably decide, if mean and spread stay; None beyond 1,000 or unknown."""
        if not math.isfinite(self.mean) or not math.isfinite(self.deviation):
            return None
        for count in range(max(FEWEST_SEEDS, self.pairs), MOST_SEEDS + 1):
            half = float(half_width(self.deviation, count, self.family))
            apart = abs(self.mean) > max(self.margin, half)
            if apart or abs(self.mean) + half <= self.margin:
                return count
        return None

    @property
    def needs(self) -> str:
        """What deciding needs, in words."""
        needed = self.seeds_needed
        if needed is None:
            return f"more than {MOST_SEEDS} seeds" if self.pairs > 1 else f"{FEWEST_SEEDS} seeds or more"
        return f"{needed} seeds instead of {self.pairs}"

    def told(self, unit: str = "", factor: float = 1.0, digits: int = 2) -> str:
        """``+1.23 (0.45 to 2.01) points``: mean and interval in a unit."""
        suffix = f" {unit}" if unit else ""
        if self.pairs < 2:
            return f"{factor * self.mean:+.{digits}f} (one pair){suffix}"
        low, high = factor * self.low, factor * self.high
        return f"{factor * self.mean:+.{digits}f} ({low:.{digits}f} to {high:.{digits}f}){suffix}"


def paired(
    first: Mapping[int, float], second: Mapping[int, float], *, margin: float = 0.0, family: int = 1
) -> Difference:
    """First minus second, seed by seed.

    Args:
        first: seed -> value.
        second: the same of what it is compared with; seeds that only one has are left out.
        margin: difference that does not matter, in the unit of the values.
        family: number of intervals that hold at once.

    Returns:
        The difference; its mean is NaN without a pair, or where a value is not finite.
    """
    return mean_of([first[seed] - second[seed] for seed in first if seed in second], margin=margin, family=family)


def mean_of(values: Iterable[float], *, margin: float = 0.0, family: int = 1) -> Difference:
    """The mean of one value a seed, with its interval: how far it is from 0.

    Args:
        values: one a seed.
        margin: distance from 0 that does not matter.
        family: number of intervals that hold at once.
    """
    found = np.array(list(values), dtype=np.float64)
    count = len(found)
    if count == 0 or not np.isfinite(found).all():
        return Difference(math.nan, -math.inf, math.inf, math.nan, count, margin, family)
    mean = float(found.mean())
    if count == 1:
        return Difference(mean, -math.inf, math.inf, math.nan, count, margin, family)
    deviation = float(found.std(ddof=1))
    half = float(half_width(deviation, count, family, CONFIDENCE))
    return Difference(mean, mean - half, mean + half, deviation, count, margin, family)


def log_ratio(first: Mapping[int, float], second: Mapping[int, float]) -> dict[int, float]:
    """Natural log of first over second by seed; for what differs by factors."""
    with np.errstate(all="ignore"):
        return {seed: float(np.log(np.divide(first[seed], second[seed]))) for seed in first if seed in second}


def holds(difference: Difference, wanted: Sign) -> bool | None:
    """Whether a difference is what was claimed; None while it is undecided."""
    return None if difference.sign == "undecided" else difference.sign == wanted


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
        ``undecided`` if one is; ``confirmed`` if it holds under all, ``refuted`` if under none, else ``depends``.
    """
    if None in held:
        return "undecided"
    return "confirmed" if all(held) else "depends" if any(held) else "refuted"


def needed(differences: Iterable[Difference]) -> str:
    """What deciding all open ones needs, in words: that of the one which needs most."""
    left = [one for one in differences if one.sign == "undecided"]
    most = max(left, key=lambda one: MOST_SEEDS + 1 if one.seeds_needed is None else one.seeds_needed)
    return f"needs {most.needs}"


def on_what(kind: Kind, depends: str, differences: Iterable[Difference]) -> str:
    """What a verdict of this kind says in ``on``.

    Args:
        kind: of the verdict.
        depends: on what it depends, if it does.
        differences: what it rests on; the open ones say what deciding needs.
    """
    if kind == "depends":
        return depends
    return needed(differences) if kind == "undecided" else ""
