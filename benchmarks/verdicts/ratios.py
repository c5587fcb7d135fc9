"""Paired ratios: two cases are compared within a round, and a round gives one figure.

Workers are visited in turn, in many short passes, so what the machine does in a round hits all of them alike. For
the values a and b of two cases (:func:`benchmarks.verdicts.passes.pass_values`), over the passes p of round r that
both have, d[r] is one of :data:`WITHIN_ROUND`::

    best    min over p of log a[r, p]  -  min over p of log b[r, p]
    paired  median over p of log(a[r, p] / b[r, p])

A round, one fresh process of each, is the unit of replication: passes of one process share its memory layout
and start-up, and are not independent. ``docs/decisions/0012-verdicts.md`` and
``docs/calibration.md`` say why the median of paired passes is the default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from benchmarks.verdicts.passes import Array, PassValues


def _best(first: Array, second: Array) -> Array:
    shared = ~np.isnan(first - second)
    lowest = [np.where(shared, logs, np.inf).min(axis=-1) for logs in (first, second)]
    present = shared.any(axis=-1)
    return np.where(present, np.subtract(*(np.where(present, low, 0.0) for low in lowest)), np.nan)


def _paired(first: Array, second: Array) -> Array:
    """Median over the last axis of what is not NaN; NaN where nothing is (and no warning)."""
    values = first - second
    missing = np.isnan(values)
    if not missing.any():
        return np.asarray(np.median(values, axis=-1))  # the usual case, in a tenth of the time
    result = np.full(values.shape[:-1], np.nan)
    present = ~missing.all(axis=-1)
    result[present] = np.nanmedian(values[present], axis=-1)
    return result


WITHIN_ROUND: Mapping[str, Callable[[Array, Array], Array]] = {"best": _best, "paired": _paired}
"""Name -> d of one round from the logarithms of the pass values of two cases, shape (..., passes), NaN for a gap."""

DEFAULT_WITHIN = "paired"


def rounds_of(cases: Sequence[PassValues]) -> list[int]:
    """Every round in which one of the cases was visited."""
    return sorted({number for case in cases for number, _ in case})


def log_ratios(cases: Sequence[PassValues], within: str = DEFAULT_WITHIN) -> Array:
    """The log ratio of every two cases in every round.

    Args:
        cases: the pass values of K cases.
        within: a name of :data:`WITHIN_ROUND`.

    Returns:
        Shape (K, K, R): ``[a, b, r]`` is d[r] of a against b; NaN where they share no pass of that round.
    """
    logs = [_logs(cases, number) for number in rounds_of(cases)]
    ratios = [WITHIN_ROUND[within](part[:, None, :], part[None, :, :]) for part in logs]
    return np.stack(ratios, axis=-1) if ratios else np.empty((len(cases), len(cases), 0))


def log_ratios_to(
    cases: Sequence[PassValues], base: int, rounds: Sequence[int] | None = None, within: str = DEFAULT_WITHIN
) -> Array:
    """The log ratio of every case to one of them, in every round.

    Args:
        cases: the pass values of K cases.
        base: the place of the one that all are compared with.
        rounds: the R rounds wanted; all by default.
        within: a name of :data:`WITHIN_ROUND`.

    Returns:
        Shape (K, R), as in :func:`log_ratios`.
    """
    logs = [_logs(cases, number) for number in (rounds_of(cases) if rounds is None else rounds)]
    ratios = [WITHIN_ROUND[within](part, part[base]) for part in logs]
    return np.stack(ratios, axis=-1) if ratios else np.empty((len(cases), 0))


def log_ratios_over_groups(groups: Sequence[Sequence[PassValues]], base: int, within: str = DEFAULT_WITHIN) -> Array:
    """The same K cases in several groups (shapes): mean over the groups in every round, a geometric mean.

    Args:
        groups: for every group, the pass values of the same K cases in the same order.
        base: the place of the case that all are compared with.
        within: a name of :data:`WITHIN_ROUND`.

    Returns:
        Shape (K, R); NaN in a round that lacks one of the groups.
    """
    rounds = rounds_of([case for group in groups for case in group])
    return np.asarray(np.mean([log_ratios_to(group, base, rounds, within) for group in groups], axis=0))


def _logs(cases: Sequence[PassValues], number: int) -> Array:
    """Logarithms of the pass values of one round, shape (K, passes); NaN where a case lacks a pass."""
    places = sorted({place for case in cases for place in case if place[0] == number}) or [(number, 0)]
    values = np.array([[case.get(place, np.nan) for place in places] for case in cases], dtype=np.float64)
    return np.asarray(np.log(values))
