"""Planned cases that a run did not record, grouped: an interrupted run lacks many of a kind."""

from __future__ import annotations

from collections import Counter

from benchmarks.report.run import Planned, Run
from benchmarks.report.wording import count


def lacking(name: str, run: Run) -> list[str]:
    """One line an axis: the case's id, or how many cases of which implementation.

    Args:
        name: of the run, ``A`` or ``B``.
        run: that lacks them.

    Returns:
        Lines such as ``B: no record of throughput: 10 cases (numpy-reference 5, torch 5)``.
    """
    by_axis: dict[str, list[Planned]] = {}
    for case in run.missing:
        by_axis.setdefault(case.axis, []).append(case)
    return [f"{name}: no record of {_told(axis, cases)}" for axis, cases in by_axis.items()]


def _told(axis: str, cases: list[Planned]) -> str:
    if len(cases) == 1:
        return cases[0].case_id
    counted = Counter(case.implementation for case in cases)
    return f"{axis}: {count(len(cases), 'case')} ({', '.join(f'{who} {many}' for who, many in counted.items())})"
