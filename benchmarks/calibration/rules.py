"""Rules that say ``faster``, ``slower``, ``same`` or ``undecided`` of two workers, for many trials at once.

Ours is :func:`benchmarks.verdicts.judging.judge` on one log ratio a round; a design says how many rounds and passes.
Two rules of others judge the same samples:

- pytest-benchmark, ``--benchmark-compare-fail=min:5%`` (or ``mean:5%``): one figure over all samples is more than 5 %
  above the other's. It looks for slower only; here it is asked both ways.
- pyperf, ``pyperf compare_to``: Student's two-sample, two-tailed t test at 95 % over all values, with the pooled
  variance (``is_significant`` in ``pyperf/_utils.py``); the means say which is faster. It reads the critical value
  from a table rounded to three digits; here it is exact.

Both get the samples of workers that were visited in turn, which is our harness's doing, and, in rows of their own, of
rounds that lie one after the other, which is how they are used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pytest_benchmark.utils import parse_compare_fail
from scipy import stats

from benchmarks.calibration.pool import Unit
from benchmarks.calibration.trials import Places, Trials
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


@dataclass(frozen=True)
class Samples:
    """Which samples of a trial the rules of others see: all of both workers, visited in turn or one after the other.

    Attributes:
        rounds: of each worker.
        passes: of each round.
        in_turn: whether both come from the same rounds; otherwise the second worker's rounds are earlier ones, as
            where one run is compared with a stored one.
    """

    rounds: int = 5
    passes: int = 5
    in_turn: bool = True

    @property
    def needed(self) -> int:
        """Rounds that a trial must have."""
        return self.rounds if self.in_turn else 2 * self.rounds

    @property
    def how(self) -> str:
        """Said of a rule."""
        return "" if self.in_turn else ", one after the other"

    def taken(self, unit: Unit, trials: Trials) -> tuple[Array, Array]:
        """Samples of the first and the second worker, each of shape (N, rounds * passes * samples); NaN for none."""
        order = np.argsort(trials.rounds, axis=1)
        late, early = order[:, -self.rounds :], order[:, : self.rounds]
        return self._of(unit, trials.first, trials.rounds, late), self._of(unit, trials.second, trials.rounds, early)

    def _of(self, unit: Unit, workers: Places, rounds: Places, which: Places) -> Array:
        chosen, numbers = (np.take_along_axis(places, which, axis=1) for places in (workers, rounds))
        found: Array = unit.durations[chosen, numbers, : self.passes].reshape(len(rounds), -1)
        return found


@dataclass(frozen=True)
class PytestBenchmark:
    """pytest-benchmark's regression check.

    Attributes:
        limit: of ``--benchmark-compare-fail``, such as ``min:5%``.
        samples: that it sees.
    """

    limit: str
    samples: Samples = field(default_factory=Samples)

    @property
    def name(self) -> str:
        """The tool and its option."""
        return f"pytest-benchmark {self.limit}{self.samples.how}"

    @property
    def rounds(self) -> int:
        """Rounds that a trial must have."""
        return self.samples.needed

    def judge(self, unit: Unit) -> Callable[[Trials], Words]:
        """By the package's own check."""
        parse: Callable[[str], RegressionCheck] = parse_compare_fail
        check = parse(self.limit)
        summaries: dict[str, Callable[..., Array]] = {"min": np.nanmin, "mean": np.nanmean}
        summarise = summaries[check.field]

        def word(first: float, second: float) -> str:
            one, other = {check.field: first}, {check.field: second}
            return "slower" if check.fails(one, other) else "faster" if check.fails(other, one) else "undecided"

        def words(trials: Trials) -> Words:
            first, second = (summarise(part, axis=1) for part in self.samples.taken(unit, trials))
            return np.array(list(map(word, first, second)))

        return words


class RegressionCheck(Protocol):
    """What pytest-benchmark makes of a limit."""

    field: str

    def fails(self, current: dict[str, float], compared: dict[str, float]) -> str | None:
        """Words if the current figure is beyond the limit."""


@dataclass(frozen=True)
class Pyperf:
    """pyperf's test of significance.

    Attributes:
        samples: that it sees.
    """

    samples: Samples = field(default_factory=Samples)

    @property
    def name(self) -> str:
        """The tool and its command."""
        return f"pyperf compare_to{self.samples.how}"

    @property
    def rounds(self) -> int:
        """Rounds that a trial must have."""
        return self.samples.needed

    def judge(self, unit: Unit) -> Callable[[Trials], Words]:
        """Student's t test by SciPy."""
        return lambda trials: significant(*self.samples.taken(unit, trials))


def significant(first: Array, second: Array) -> Words:
    """pyperf's verdict on each row.

    Args:
        first: values, shape (N, n); NaN for none.
        second: what they are judged against.
    """
    mean, other = (np.nanmean(values, axis=1) for values in (first, second))
    parts = [(np.nanstd(v, axis=1, ddof=1), np.sum(~np.isnan(v), axis=1)) for v in (first, second)]
    found = stats.ttest_ind_from_stats(mean, *parts[0], other, *parts[1], equal_var=True).pvalue <= 0.05
    return np.select([found & (mean > other), found & (mean < other)], ["slower", "faster"], "undecided")


OTHERS: tuple[Rule, ...] = tuple(
    rule
    for samples in (Samples(), Samples(in_turn=False))
    for rule in (PytestBenchmark("min:5%", samples), PytestBenchmark("mean:5%", samples), Pyperf(samples))
)
