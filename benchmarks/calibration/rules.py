"""Rules that say ``faster``, ``slower``, ``same`` or ``undecided`` of two workers, for many trials at once.

Ours is :func:`benchmarks.verdicts.judging.judge` on one log ratio a round; a design says how many rounds and passes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration.pool import Unit
from benchmarks.calibration.trials import Trials
from benchmarks.harness.top_up import LOOKS
from benchmarks.verdicts.judging import MARGIN, half_width, is_different, is_same
from benchmarks.verdicts.passes import DEFAULT_STATISTIC, Array
from benchmarks.verdicts.ratios import DEFAULT_WITHIN, WITHIN_ROUND

Words = NDArray[np.str_]
UNPAIRED = "unpaired"
"""A round's figure is the statistic of all its samples, whatever the pass."""


@dataclass(frozen=True)
class Design:
    """How a run is judged: what it measures and what it makes of it.

    Attributes:
        statistic: of the samples of a pass.
        within: how the passes of a round become one ratio: of ``WITHIN_ROUND``, or ``unpaired``.
        rounds: fresh processes before the first verdict.
        passes: of a round.
        top_up: further rounds for what is undecided then; the intervals are corrected for the second look.
    """

    statistic: str = DEFAULT_STATISTIC
    within: str = DEFAULT_WITHIN
    rounds: int = 5
    passes: int = 5
    top_up: int = 0

    @property
    def name(self) -> str:
        """Statistic, how rounds are made, rounds and those of the top-up, passes."""
        extra = f" + {self.top_up}" if self.top_up else ""
        return f"{self.statistic}, {self.within}, {self.rounds}{extra} x {self.passes}"


class Rule(Protocol):
    """Judges trials."""

    @property
    def name(self) -> str:
        """In a line."""

    @property
    def rounds(self) -> int:
        """Rounds that a trial must have."""

    def judge(self, unit: Unit) -> Callable[[Trials], Words]:
        """What judges trials of a unit: the word of each, on the first against the second, shape (N,)."""


@dataclass(frozen=True)
class Verdicts:
    """Our rule, in one design."""

    design: Design

    @property
    def name(self) -> str:
        """The design's."""
        return self.design.name

    @property
    def rounds(self) -> int:
        """With those of the top-up."""
        return self.design.rounds + self.design.top_up

    def judge(self, unit: Unit) -> Callable[[Trials], Words]:
        """All ratios of a unit are computed once."""
        ratios = log_ratios(unit, self.design)
        return lambda trials: self.words(ratios[trials.first, trials.second, trials.rounds])

    def words(self, per_round: Array) -> Words:
        """The verdicts on log ratios of N trials, shape (N, rounds)."""
        looks = LOOKS if self.design.top_up else 1
        early = words_of(per_round[:, : self.design.rounds], looks)
        return np.where(early == "undecided", words_of(per_round, looks), early) if self.design.top_up else early


def log_ratios(unit: Unit, design: Design) -> Array:
    """The log ratio of every two workers in every round, shape (W, W, R)."""
    if design.within == UNPAIRED:
        rounds = np.log(unit.round_values(design.statistic, design.passes))
        return np.asarray(rounds[:, None] - rounds[None])
    passes = np.log(unit.pass_values(design.statistic)[:, :, : design.passes])
    return WITHIN_ROUND[design.within](passes[:, None], passes[None])


def words_of(per_round: Array, looks: int = 1, margin: float = MARGIN) -> Words:
    """What :func:`benchmarks.verdicts.judging.judge` says of each row.

    Args:
        per_round: log ratios without gaps, shape (N, R), R at least 2.
        looks: as there.
        margin: as there.
    """
    mean = per_round.mean(axis=1)
    half = half_width(per_round.std(axis=1, ddof=1), per_round.shape[1], looks)
    same, different = is_same(mean, half, margin), is_different(mean, half, margin)
    return np.select([same, different & (mean > 0), different], ["same", "slower", "faster"], "undecided")
