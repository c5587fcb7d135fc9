"""The shortest time that a pass can take on a machine: from the model of the pass and the machine's measured rates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.roofline.model import Demand

PROCESSOR, CACHE, MEMORY = "arithmetic", "cache", "memory"


@dataclass(frozen=True)
class Copy:
    """What copying within a working set of so many bytes was seen to reach."""

    working_set_bytes: float
    bytes_per_s: float
    inside_cache: bool


@dataclass(frozen=True)
class Rates:
    """A device's rates.

    Attributes:
        copies: from the smallest working set to the largest, no slower one before a faster.
        operations_per_s: by dtype.
    """

    copies: tuple[Copy, ...]
    operations_per_s: Mapping[str, float]

    @property
    def inside(self) -> Copy:
        """The largest working set inside the last-level cache."""
        return max((copy for copy in self.copies if copy.inside_cache), key=lambda copy: copy.working_set_bytes)

    @property
    def outside(self) -> Copy:
        """The one outside of it."""
        return max(self.copies, key=lambda copy: copy.working_set_bytes)

    def copying(self, working_set_bytes: float) -> Copy:
        """The rate within a working set: that of the largest measured one not larger, so that no limit is too low."""
        fitting = [copy for copy in self.copies if copy.working_set_bytes <= working_set_bytes]
        return fitting[-1] if fitting else self.copies[0]


@dataclass(frozen=True)
class Limit:
    """The shortest time of a pass, and what sets it: ``arithmetic``, ``cache`` or ``memory``."""

    seconds: float
    by: str


def limit(demand: Demand, rates: Rates) -> Limit:
    """The roofline of one pass.

    Args:
        demand: what the pass must do.
        rates: of the device.

    Returns:
        The longest of three times: of the moved bytes where the data fit, of the accessed bytes in the cache, of the
        operations. Data that fit into the cache are limited by it, larger data by the memory, unless another is longer.
    """
    fits = rates.copying(demand.moved_bytes)
    level = fits if fits.inside_cache else rates.inside
    times = {
        CACHE: demand.accessed_bytes / level.bytes_per_s,
        MEMORY: 0.0 if fits.inside_cache else demand.moved_bytes / fits.bytes_per_s,
        PROCESSOR: demand.operations / rates.operations_per_s[demand.arithmetic_dtype],
    }
    by = max(times, key=lambda name: times[name])
    return Limit(times[by], by)


def read_rates(measured: object) -> tuple[Rates | None, str]:
    """The rates of a device from its entry in ``machine.json``.

    Args:
        measured: the entry; anything may stand in a file.

    Returns:
        The rates, or None and why there are none.
    """
    if not isinstance(measured, Mapping):
        return None, "the run did not measure the machine"
    if measured.get("status") != "ok":
        return None, str(measured.get("reason") or "no reason recorded")
    copies = [
        Copy(entry["working_set_bytes"], rate, entry["inside_cache"])
        for entry in _entries(measured, "copy")
        if (rate := _rate(entry, "bytes_per_sample"))
        and isinstance(entry.get("inside_cache"), bool)
        and isinstance(entry.get("working_set_bytes"), (int, float))
    ]
    arithmetic = {
        str(entry.get("dtype")): rate
        for entry in _entries(measured, "arithmetic")
        if (rate := _rate(entry, "operations_per_sample"))
    }
    complete = {"float32", "float64"} <= arithmetic.keys() and {copy.inside_cache for copy in copies} == {True, False}
    if not complete:
        return None, "machine.json holds no usable durations"
    return Rates(_falling(copies), arithmetic), ""


def _entries(measured: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = measured.get(key)
    return [entry for entry in found if isinstance(entry, Mapping)] if isinstance(found, list) else []


def _rate(entry: Mapping[str, Any], amount: str) -> float | None:
    """Amount a second in the fastest sample; None where the entry holds none."""
    durations, total = entry.get("durations_ns"), entry.get(amount)
    usable = [d for d in durations if isinstance(d, (int, float)) and d > 0] if isinstance(durations, list) else []
    if not usable or not isinstance(total, (int, float)) or total <= 0:
        return None
    return float(total) / min(usable) * 1e9


def _falling(copies: Iterable[Copy]) -> tuple[Copy, ...]:
    """By working set, each as fast as the fastest larger one: what a larger working set reaches, a smaller can."""
    result: list[Copy] = []
    for copy in sorted(copies, key=lambda copy: -copy.working_set_bytes):
        fastest = max(copy.bytes_per_s, result[-1].bytes_per_s if result else 0.0)
        result.append(Copy(copy.working_set_bytes, fastest, copy.inside_cache))
    return tuple(reversed(result))
