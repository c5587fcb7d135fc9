"""What the machine itself did while it measured, from the sentinel's times in ``sentinel.jsonl``.

The sentinel's work is always the same. Let s be the logarithm of its shortest call at a look. Noise is what two
neighbouring looks differ by, which one change of speed in the middle leaves alone::

    noise = 1.4826 * median(|d|) / sqrt(2),   d = differences of neighbouring s

A look is off if s lies further from the run's usual s (the low median) than 4 times the noise, and than 5 %.
Consecutive looks that are off the same way are a stretch: three or more show a change of speed, fewer a disturbance.
"""

from __future__ import annotations

import json
import math
import statistics
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

import numpy as np
import scipy

from benchmarks.report.run import as_number

FILE = "sentinel.jsonl"
SMALLEST = 0.05
BEYOND_NOISE = 4.0
LASTING = 3  # looks
FEWEST = 5  # looks, to know what is usual


@dataclass(frozen=True)
class Look:
    """One look at the machine.

    ``shortest_ns`` is None where no duration was above 0, ``load``, ``steal`` and ``others`` where they are not known.
    """

    round: int
    visit: int
    group: str
    shortest_ns: float | None
    load: float | None
    steal: float | None
    others: float | None = None


@dataclass(frozen=True)
class Stretch:
    """Consecutive looks whose sentinel took longer, or less long, than usual; ``ratio`` is their median over it."""

    looks: tuple[Look, ...]
    ratio: float

    @property
    def lasting(self) -> bool:
        """Whether it is a change of speed rather than a disturbance."""
        return len(self.looks) >= LASTING

    @property
    def rounds(self) -> tuple[int, int]:
        """The first and the last round that it touches, counted from 0."""
        return self.looks[0].round, self.looks[-1].round


@dataclass(frozen=True)
class Drift:
    """All looks of a run, in the order of time; ``damage`` says, one sentence each, what could not be read."""

    looks: tuple[Look, ...]
    damage: tuple[str, ...] = ()

    @cached_property
    def timed(self) -> list[tuple[Look, float]]:
        """Looks with the logarithm of the sentinel's time."""
        return [(look, math.log(look.shortest_ns)) for look in self.looks if look.shortest_ns is not None]

    @cached_property
    def usual_ns(self) -> float | None:
        """The sentinel's usual time."""
        return math.exp(statistics.median_low([s for _, s in self.timed])) if self.timed else None

    @cached_property
    def noise(self) -> float | None:
        """Relative difference of neighbouring looks that means nothing; None where there are too few."""
        if len(self.timed) < FEWEST:
            return None
        steps = np.diff([s for _, s in self.timed])
        around_zero = scipy.stats.median_abs_deviation(
            steps, axis=None, center=lambda values, axis: 0.0, scale="normal"
        )
        return float(around_zero) / math.sqrt(2)

    @cached_property
    def threshold(self) -> float | None:
        """Logarithm of the ratio from which a look is off."""
        return None if self.noise is None else max(math.log1p(SMALLEST), BEYOND_NOISE * self.noise)

    @cached_property
    def stretches(self) -> list[Stretch]:
        """Where the machine was not as fast as usual, or faster, in the order of time."""
        if self.threshold is None or self.usual_ns is None:
            return []
        usual, found = math.log(self.usual_ns), []
        for side, run in groupby(self.timed, key=lambda timed: self._side(timed[1] - usual)):
            members = list(run)
            if side:
                ratio = math.exp(statistics.median(s for _, s in members) - usual)
                found.append(Stretch(tuple(look for look, _ in members), ratio))
        return found

    @cached_property
    def lasting(self) -> list[Stretch]:
        """The stretches that are changes of speed."""
        return [stretch for stretch in self.stretches if stretch.lasting]

    @cached_property
    def median_load(self) -> float | None:
        """The load average while the run measured, the median over looks; None where it was not recorded."""
        return statistics.median(self.loads) if self.loads else None

    @cached_property
    def loads(self) -> list[float]:
        """The load average at every look that noted it."""
        return [look.load for look in self.looks if look.load is not None]

    def changed(self, group: str) -> tuple[int, int]:
        """How many of the looks at a group lie in a change of speed, and how many there are."""
        within = sum(look.group == group for stretch in self.lasting for look in stretch.looks)
        return within, sum(look.group == group for look in self.looks)

    def _side(self, off: float) -> int:
        assert self.threshold is not None
        return 0 if abs(off) <= self.threshold else 1 if off > 0 else -1


def read_drift(folder: Path) -> Drift:
    """Read what the sentinel saw in a run folder; runs that timed nothing have no such file."""
    try:
        lines = (folder / FILE).read_bytes().splitlines()
    except FileNotFoundError:
        return Drift(())
    except OSError as error:
        return Drift((), (f"{FILE}: not read ({error.__class__.__name__})",))
    looks = [_read(line) for line in lines]
    damage = (f"{FILE}, line {number}: skipped, it is no look" for number, look in enumerate(looks, 1) if look is None)
    return Drift(tuple(look for look in looks if look is not None), tuple(damage))


def _read(line: bytes) -> Look | None:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or not all(isinstance(content.get(key), int) for key in ("round", "pass")):
        return None
    times = content.get("sentinel_ns")
    durations = (
        [ns for item in times if (ns := as_number(item)) and 0 < ns < math.inf] if isinstance(times, list) else []
    )
    return Look(
        content["round"],
        content["pass"],
        str(content.get("group", "")),
        min(durations, default=None),
        as_number(content.get("load_1min")),
        as_number(content.get("steal_share")),
        as_number(content.get("others_share")),
    )
