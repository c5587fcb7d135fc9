"""The rules of others, on the same samples.

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
import scipy
from pytest_benchmark.utils import parse_compare_fail

from benchmarks.calibration.pool import Unit
from benchmarks.calibration.rules import Rule, Words
from benchmarks.calibration.trials import Places, Trials
from benchmarks.verdicts.passes import Array


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
    found = scipy.stats.ttest_ind_from_stats(mean, *parts[0], other, *parts[1], equal_var=True).pvalue <= 0.05
    return np.select([found & (mean > other), found & (mean < other)], ["slower", "faster"], "undecided")


OTHERS: tuple[Rule, ...] = tuple(
    rule
    for samples in (Samples(), Samples(in_turn=False))
    for rule in (PytestBenchmark("min:5%", samples), PytestBenchmark("mean:5%", samples), Pyperf(samples))
)
