"""The shortest time that a pass can take on a machine: from the model of the pass and the machine's measured rates.

Between two measured working sets the logarithm of the rate is linear in that of the size; it never rises with the size.
Of W bytes that do not fit into a cache of C at least W - C come from the memory, so that no rate exceeds
``W / (C / inside + (W - C) / outside)``. Up to C the cache's own rate holds where nothing near C was measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.roofline.model import Demand

PROCESSOR, CACHE, MEMORY = "arithmetic", "cache", "memory"
USUAL_CACHE = 32 * 2**20  # bytes; taken where the system does not tell


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
        cache_bytes: size of the last-level cache.
        others_share: of the processor time, what other programs took meanwhile; None where it was not recorded.
        steal_share: what the host gave to other machines.
    """

    copies: tuple[Copy, ...]
    operations_per_s: Mapping[str, float]
    cache_bytes: float
    others_share: float | None = None
    steal_share: float | None = None

    @property
    def inside(self) -> Copy:
        """The largest working set well inside the last-level cache."""
        return max((copy for copy in self.copies if copy.inside_cache), key=lambda copy: copy.working_set_bytes)

    @property
    def outside(self) -> Copy:
        """The one that is farthest outside of it."""
        return max(self.copies, key=lambda copy: copy.working_set_bytes)

    def copying(self, working_set_bytes: float) -> float:
        """The most bytes a second within a working set, measured or between measured ones."""
        inside, cache = self.inside, self.cache_bytes
        known = [(copy.working_set_bytes, copy.bytes_per_s) for copy in self.copies]
        if not any(inside.working_set_bytes < size <= cache for size, _ in known):
            known = sorted([*known, (cache, inside.bytes_per_s)])
        sizes, rates = np.log(known).T
        between = float(np.exp(np.interp(np.log(max(working_set_bytes, 1)), sizes, rates)))
        if working_set_bytes <= cache:
            return between
        shortest = cache / inside.bytes_per_s + (working_set_bytes - cache) / self.outside.bytes_per_s
        return min(between, working_set_bytes / shortest)


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
        The longest of three times: of the moved bytes at the rate of their working set, of the accessed bytes in the
        cache, of the operations. Data that fit into the cache are limited by it, larger data by the memory, unless
        another is longer.
    """
    moving = demand.moved_bytes / rates.copying(demand.moved_bytes)
    accessing = demand.accessed_bytes / rates.copying(min(demand.moved_bytes, rates.inside.working_set_bytes))
    fits = demand.moved_bytes <= rates.cache_bytes
    times = {
        CACHE: max(accessing, moving) if fits else accessing,
        MEMORY: 0.0 if fits else moving,
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
        Copy(size, rate, entry["inside_cache"])
        for entry in _entries(measured, "copy")
        if (rate := _rate(entry, "bytes_per_sample"))
        and isinstance(entry.get("inside_cache"), bool)
        and (size := _number(entry, "working_set_bytes"))
    ]
    arithmetic = {
        str(entry.get("dtype")): rate
        for entry in _entries(measured, "arithmetic")
        if (rate := _rate(entry, "operations_per_sample"))
    }
    complete = {"float32", "float64"} <= arithmetic.keys() and {copy.inside_cache for copy in copies} == {True, False}
    if not complete:
        return None, "machine.json holds no usable durations"
    largest_inside = max(copy.working_set_bytes for copy in copies if copy.inside_cache)
    cache = max(_number(measured, "last_level_cache_bytes") or USUAL_CACHE, largest_inside)
    shares = _number(measured, "others_share"), _number(measured, "steal_share")
    return Rates(_falling(copies), arithmetic, cache, *shares), ""


def _entries(measured: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = measured.get(key)
    return [entry for entry in found if isinstance(entry, Mapping)] if isinstance(found, list) else []


def _number(entry: Mapping[str, Any], key: str) -> float | None:
    """A size or a share; None where the entry holds none."""
    found = entry.get(key)
    return found if isinstance(found, (int, float)) and found >= 0 else None


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
