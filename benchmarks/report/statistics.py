"""Statistics of paired passes, derived from the raw samples and from nothing else.

Workers are visited in turn, in many short passes. A pass is summarised by the minimum of its samples, because
the minimum of a pass repeats between identical workers where its median does not. Two cases are compared pass
by pass, which cancels the drift that hits both. A round, one fresh process, is the unit of replication:
passes of one process share its memory layout and start-up, and are not independent. So, for cases A and B::

    d[r]  = median over the passes p of round r of log(min_A[r, p] / min_B[r, p])
    ratio = exp(mean over r of d[r])
    interval = exp(mean d ± t(0.975, R - 1) * sd(d) / sqrt(R)),  R = number of rounds

With one round there is a ratio and no interval.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from benchmarks.report.run import as_number

CONFIDENCE = 0.95
Minima = Mapping[tuple[int, int], float]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A ratio of step times: below 1 the first is faster. No interval where there was one round."""

    ratio: float
    low: float | None
    high: float | None
    rounds: int

    @property
    def has_interval(self) -> bool:
        """Whether there were rounds enough for an interval."""
        return self.low is not None and self.high is not None

    @property
    def told_apart(self) -> bool:
        """Whether the interval leaves out 1."""
        return self.low is not None and self.high is not None and not self.low <= 1 <= self.high

    def inverse(self) -> Estimate:
        """The same comparison the other way round."""
        if self.low is None or self.high is None:
            return Estimate(1 / self.ratio, None, None, self.rounds)
        return Estimate(1 / self.ratio, 1 / self.high, 1 / self.low, self.rounds)


def pass_minima(samples: Mapping[str, Any]) -> dict[tuple[int, int], float]:
    """The fastest call of every pass.

    Args:
        samples: ``samples`` of a throughput record.

    Returns:
        (round, pass) -> ns per call; passes that hold no usable duration are left out.
    """
    passes = samples.get("passes")
    minima: dict[tuple[int, int], float] = {}
    for entry in passes if isinstance(passes, list) else []:
        if not isinstance(entry, dict) or not isinstance(entry.get("durations_ns"), list):
            continue
        place, loops = (entry.get("round"), entry.get("pass")), as_number(entry.get("loops"))
        durations = [value for item in entry["durations_ns"] if (value := as_number(item)) and value > 0]
        if all(isinstance(index, int) for index in place) and loops and loops > 0 and durations:
            shortest = min(durations) / loops
            if math.isfinite(shortest) and shortest > 0:
                minima[place] = shortest  # type: ignore[index]  # both are ints, checked above
    return minima


def rounds_of(cases: Sequence[Minima]) -> list[int]:
    """Every round in which one of the cases was visited."""
    return sorted({number for case in cases for number, _ in case})


def log_ratios(cases: Sequence[Minima]) -> Array:
    """Median log ratio of every two cases in every round.

    Args:
        cases: the pass minima of K cases.

    Returns:
        Shape (K, K, R): ``[a, b, r]`` is d[r] of a against b; NaN where they share no pass of that round.
    """
    logs = [_logs(cases, number) for number in rounds_of(cases)]
    ratios = [_median_of_present(part[:, None, :] - part[None, :, :]) for part in logs]
    return np.stack(ratios, axis=-1) if ratios else np.empty((len(cases), len(cases), 0))


def log_ratios_to(cases: Sequence[Minima], base: int, rounds: Sequence[int] | None = None) -> Array:
    """Median log ratio of every case to one of them, in every round.

    Args:
        cases: the pass minima of K cases.
        base: the place of the one that all are compared with.
        rounds: the R rounds wanted; all by default.

    Returns:
        Shape (K, R), as in :func:`log_ratios`.
    """
    logs = [_logs(cases, number) for number in (rounds_of(cases) if rounds is None else rounds)]
    ratios = [_median_of_present(part - part[base]) for part in logs]
    return np.stack(ratios, axis=-1) if ratios else np.empty((len(cases), 0))


def _logs(cases: Sequence[Minima], number: int) -> Array:
    """Logarithms of the pass minima of one round, shape (K, passes); NaN where a case lacks a pass."""
    places = sorted({place for case in cases for place in case if place[0] == number}) or [(number, 0)]
    minima = np.array([[case.get(place, np.nan) for place in places] for case in cases], dtype=np.float64)
    return np.asarray(np.log(minima))


def _median_of_present(values: Array) -> Array:
    """Median over the last axis of what is not NaN; NaN where nothing is (and no warning)."""
    if not np.isnan(values).any():
        return np.asarray(np.median(values, axis=-1))
    result = np.full(values.shape[:-1], np.nan)
    present = ~np.isnan(values).all(axis=-1)
    result[present] = np.nanmedian(values[present], axis=-1)
    return result


def estimate(per_round: Array) -> Estimate | None:
    """Mean over rounds, with a t interval.

    Args:
        per_round: d of every round, shape (R,); rounds that are NaN are left out.

    Returns:
        The ratio; None if no round is left.
    """
    present = per_round[~np.isnan(per_round)]
    count = len(present)
    if count == 0:
        return None
    mean = float(present.mean())
    if count == 1:
        return Estimate(math.exp(mean), None, None, 1)
    quantile = float(stdtrit(count - 1, 0.5 + CONFIDENCE / 2))
    half = quantile * float(present.std(ddof=1)) / math.sqrt(count)
    return Estimate(math.exp(mean), _exp(mean - half), _exp(mean + half), count)


def certainly_slower(per_round: Array) -> NDArray[np.bool_]:
    """For every two cases whether the first is slower for certain: its interval of the ratio lies above 1.

    Args:
        per_round: d of K cases, shape (K, K, R).

    Returns:
        Shape (K, K); False where fewer than two rounds are left.
    """
    count = np.sum(~np.isnan(per_round), axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.nansum(per_round, axis=2) / count
        variance = np.nansum((per_round - mean[:, :, None]) ** 2, axis=2) / (count - 1)
        quantile = stdtrit(np.maximum(count - 1, 1), 0.5 + CONFIDENCE / 2)
        low = mean - quantile * np.sqrt(variance / count)
        return np.asarray((count > 1) & (low > 0))


def compare(first: Minima, second: Minima) -> Estimate | None:
    """Step time of the first over the second; None if they share no pass."""
    return estimate(log_ratios_to([first, second], 1)[0])


def log_ratios_over_groups(groups: Sequence[Sequence[Minima]], base: int) -> Array:
    """The same K cases in several groups (shapes): mean over the groups in every round, a geometric mean.

    Args:
        groups: for every group, the pass minima of the same K cases in the same order.
        base: the place of the case that all are compared with.

    Returns:
        Shape (K, R); NaN in a round that lacks one of the groups.
    """
    rounds = rounds_of([case for group in groups for case in group])
    return np.asarray(np.mean([log_ratios_to(group, base, rounds) for group in groups], axis=0))


def _exp(value: float) -> float:
    """``exp`` that answers infinity where the result is too large: two rounds can give such intervals."""
    return math.exp(value) if value < 700 else math.inf
