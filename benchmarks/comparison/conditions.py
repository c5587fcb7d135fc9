"""Did the machine have as much to give in run B as in run A: other programs, stolen time, its own rates?

A program that takes a core doubles the time of a step that wants all of them, and leaves the sentinel, a fifth of a
millisecond on one core, as fast as ever. So a time of one run may be held against a time of another only where what the
runs recorded beside their times is alike too. The tolerances are wider than what two runs on a machine of their own
differ by, and narrower than what one busy program changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from benchmarks.report.drift import Look, read_drift
from benchmarks.report.roofs import rates_of
from benchmarks.report.run import Run

LOAD_PER_CORE = 0.25
"""Runnable processes a core; on few cores one process, which a run's own workers add or leave out by chance."""
OTHERS = 0.10
MOST_OTHERS = 0.25
"""Above it, what is left for a run is not the machine that its environment describes."""
STOLEN = 0.02
RATE = 0.25
"""Of the faster one. The fastest of 4 samples and that of 20 differ by less than a sixth on a machine of their own."""


@dataclass(frozen=True)
class Condition:
    """One thing that decides how fast a machine can be.

    Attributes:
        what: in words, with its unit.
        a: in run A; None where it was not recorded.
        b: in run B.
        limit: what counts as alike, in words.
        alike: whether both are known and within the limit; None where one is not known.
        needed: whether times are compared only where it is known.
    """

    what: str
    a: float | None
    b: float | None
    limit: str
    alike: bool | None
    needed: bool


@dataclass(frozen=True)
class Conditions:
    """All of them, whether alike or not."""

    found: tuple[Condition, ...]

    @property
    def differing(self) -> tuple[Condition, ...]:
        """Those that are not alike."""
        return tuple(condition for condition in self.found if condition.alike is False)

    @property
    def unknown(self) -> tuple[Condition, ...]:
        """Those that had to be known and are not."""
        return tuple(condition for condition in self.found if condition.needed and condition.alike is None)

    @property
    def alike(self) -> bool:
        """Whether a time of A may be held against a time of B."""
        return not (self.differing or self.unknown)


def compare_conditions(a: Run, b: Run) -> Conditions:
    """What the looks of the sentinel and ``machine.json`` say of two runs on the same kind of machine."""
    looks = read_drift(a.folder).looks, read_drift(b.folder).looks
    stolen = _percent(_of_looks(looks, lambda look: look.steal, fmean))
    limit = f"{100 * STOLEN:g} points apart"
    host = _apart("processor time that the host gave to others, %", stolen, 100 * STOLEN, limit)
    return Conditions((_others(looks) or _loads(looks, a), host, *_rates(a, b)))


def _others(looks: Sequence[Sequence[Look]]) -> Condition | None:
    """What other programs took; None where a run of an older version did not note it."""
    shares = [share for share in _percent(_of_looks(looks, lambda look: look.others, fmean)) if share is not None]
    if len(shares) < len(looks):
        return None
    crowded = max(shares) > 100 * MOST_OTHERS
    limit = f"{100 * OTHERS:g} points apart, both up to {100 * MOST_OTHERS:g} %"
    what = "processor time that other programs took, %"
    return _apart(what, shares, 100 * OTHERS, limit, needed=True, but=crowded)


def _loads(looks: Sequence[Sequence[Look]], a: Run) -> Condition:
    """The load average, which counts the run's own workers too, in place of what other programs took."""
    loads = _of_looks(looks, lambda look: look.load, median)
    most = max(1.0, LOAD_PER_CORE * _cores(a))
    return _apart("load average, median", loads, most, f"{most:g} apart", needed=True)


def _rates(a: Run, b: Run) -> list[Condition]:
    """The device's rates, measured once in each run; what was measured in neither is left out."""
    rates = [rates_of(run, str(run.plan.settings.get("device") or "cpu"))[0] for run in (a, b)]
    copies = [None if rate is None else rate.outside.bytes_per_s / 1e9 for rate in rates]
    found = [_ratio("copy bandwidth of the memory, GB/s", copies, needed=True)]
    for dtype in ("float32", "float64"):
        products = [None if rate is None else rate.operations_per_s[dtype] / 1e9 for rate in rates]
        found.append(_ratio(f"matrix products in {dtype}, GFLOP/s", products))
    return found


def _of_looks(
    looks: Sequence[Sequence[Look]],
    value: Callable[[Look], float | None],
    summary: Callable[[list[float]], float],
) -> list[float | None]:
    known = [[found for look in run if (found := value(look)) is not None] for run in looks]
    return [summary(values) if values else None for values in known]


def _percent(shares: Sequence[float | None]) -> list[float | None]:
    return [None if share is None else 100 * share for share in shares]


def _apart(
    what: str, values: Sequence[float | None], most: float, limit: str, *, needed: bool = False, but: bool = False
) -> Condition:
    a, b = values
    alike = None if a is None or b is None else abs(a - b) <= most
    return Condition(what, a, b, f"at most {limit}", False if but else alike, needed)


def _ratio(what: str, values: Sequence[float | None], *, needed: bool = False) -> Condition:
    a, b = values
    alike = None if a is None or b is None else min(a, b) >= (1 - RATE) * max(a, b)
    return Condition(what, a, b, f"at most {100 * RATE:g} % apart", alike, needed)


def _cores(run: Run) -> int:
    cores = run.environment.get("cores")
    return cores if isinstance(cores, int) else 1
