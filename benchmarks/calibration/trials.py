"""Trials: runs of a given size, drawn from a pool.

A trial of k rounds takes k different rounds of one unit and, in each, two of its workers; so it never compares a
process with itself, and no process is in it twice. Passes keep their pairing: pass p of one worker is compared with
pass p of the other in the same round, as they were visited one shortly after the other. Trials overlap, because all
come from one pool: they are no independent repetitions, and :func:`benchmarks.calibration.rates.half_pool_upper` says
how much the pool itself leaves open.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration.pool import Unit

Places = NDArray[np.int_]


@dataclass(frozen=True)
class Trials:
    """N trials of k rounds of one unit; three arrays of shape (N, k).

    Attributes:
        rounds: places of rounds.
        first: places of the workers that are judged; of a slowed one, if the trials are of a slowdown.
        second: places of the workers that they are judged against; never slowed.
    """

    rounds: Places
    first: Places
    second: Places


def draw(
    unit: Unit, percent: int, rounds: int, count: int, generator: np.random.Generator, among: Places | None = None
) -> Trials:
    """Draw trials of a slowdown against equals, or of equals against each other.

    Args:
        unit: what is drawn from.
        percent: slowdown of the first worker; 0 for none.
        rounds: of a trial.
        count: of trials.
        generator: of random numbers.
        among: places of the rounds that may be drawn; all by default.

    Raises:
        ValueError: the unit has fewer rounds, or not the workers.
    """
    places = np.arange(len(unit.rounds)) if among is None else among
    slowed, equals = unit.places(percent), unit.places(0)
    if len(places) < rounds or len(slowed) < 1 or len(equals) < 2:
        raise ValueError(
            f"{unit.name} has {len(places)} rounds, {len(equals)} equal workers and {len(slowed)} of {percent} %, but "
            f"should have at least {rounds}, 2 and 1"
        )
    chosen = places[np.argsort(generator.random((count, len(places))), axis=1)[:, :rounds]]
    pairs = np.argsort(generator.random((count, rounds, len(equals))), axis=2)[..., :2]
    second = equals[pairs[..., 0]]
    first = slowed[generator.integers(len(slowed), size=(count, rounds))] if percent else equals[pairs[..., 1]]
    return Trials(chosen, first, second)
