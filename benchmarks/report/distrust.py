"""Speeds that are shown, and that nothing is recommended on: the report itself says why not to trust them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.report.roofs import rates_of, roofs_of
from benchmarks.report.run import Run
from benchmarks.report.speeds import Group, Speed

UNSTEADY = 2.0  # times, between the fastest calls of two rounds


def is_unsteady(speed: Speed) -> bool:
    """Whether the time depends on the process: from round to round it differs by more than noise."""
    times = speed.fastest_calls.values()
    return max(times) > UNSTEADY * min(times)


def without_distrusted(run: Run, groups: Sequence[Group]) -> list[Group]:
    """The groups without speeds that are unsteady, or faster than the machine allows.

    Args:
        run: whose machine was measured.
        groups: of its speeds.

    Returns:
        The same groups with the rest of their speeds.
    """
    return [replace(group, speeds=tuple(_trusted(run, group))) for group in groups]


def _trusted(run: Run, group: Group) -> list[Speed]:
    rates, _ = rates_of(run, group.text("device"))
    too_fast = {roof.speed.entry for roof in roofs_of(group, rates) if roof.too_fast} if rates else set()
    return [speed for speed in group.published if speed.entry not in too_fast and not is_unsteady(speed)]
