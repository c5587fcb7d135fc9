"""Every published speed beside the limit that the machine sets to it."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.report.run import Run
from benchmarks.report.speeds import Group, Speed
from benchmarks.roofline.limits import Limit, Rates, limit, read_rates
from benchmarks.roofline.model import Demand, demand

TOO_FAST = 1.2  # times the limit: more than what disturbs the measurement of the machine


@dataclass(frozen=True)
class Roof:
    """One speed under its roof."""

    speed: Speed
    demand: Demand
    limit: Limit

    @property
    def step_s(self) -> float:
        """The shortest time of a call."""
        return self.speed.step_ns * 1e-9

    @property
    def fraction(self) -> float:
        """The limit's time over the step's: 1 is as fast as the machine can."""
        return self.limit.seconds / self.step_s

    @property
    def bytes_per_s(self) -> float:
        """Accessed bytes over time."""
        return self.demand.accessed_bytes / self.step_s

    @property
    def too_fast(self) -> bool:
        """Whether it cannot have done its work, or the machine was disturbed while its rates were measured."""
        return self.fraction > TOO_FAST


def rates_of(run: Run, device: str) -> tuple[Rates | None, str]:
    """The rates of a device, or None and why there are none."""
    return read_rates(run.machine.get(device))


def roofs_of(group: Group, rates: Rates) -> list[Roof]:
    """The published speeds of a group under their roof; none for a kind of work that has no model."""
    needed = demand(group.work, group.shape, group.text("layout"), group.text("dtype"))
    if needed is None:
        return []
    shortest = limit(needed, rates)
    return [Roof(speed, needed, shortest) for speed in group.published]
