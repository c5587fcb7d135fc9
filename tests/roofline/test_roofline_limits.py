"""The limit of a pass, by value."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.roofline.limits import Limit, limit, read_rates
from benchmarks.roofline.model import Demand

MIB = 2**20


def copy(mib: int, gigabytes_per_s: float, inside: bool) -> dict[str, Any]:
    """An entry whose fastest sample of a second has this rate."""
    moved = round(gigabytes_per_s * 1e9)
    return {"working_set_bytes": mib * MIB, "inside_cache": inside, "bytes_per_sample": moved,
            "durations_ns": [3_000_000_000, 1_000_000_000]}  # fmt: skip


def measured(**changes: Any) -> dict[str, Any]:
    """A machine: 80, 60 and 40 GB/s inside its 32 MiB, 10 GB/s outside; 50 and 25 billion operations a second."""
    arithmetic = [
        {"dtype": dtype, "operations_per_sample": rate * 10**9, "durations_ns": [1_000_000_000]}
        for dtype, rate in (("float32", 50), ("float64", 25))
    ]
    copies = [copy(128, 10, False), copy(2, 80, True), copy(8, 60, True), copy(16, 40, True)]
    return {"status": "ok", "reason": None, "copy": copies, "arithmetic": arithmetic} | changes


def rates(**changes: Any) -> Any:
    """Its rates."""
    found, why = read_rates(measured(**changes))
    assert found is not None, why
    return found


@pytest.mark.parametrize(
    ("demand", "expected"),
    [
        (Demand(1 * MIB, 3 * MIB, 0, "float32"), Limit(3 * MIB / 80e9, "cache")),  # smaller than any measured
        (Demand(9 * MIB, 9 * MIB, 0, "float32"), Limit(9 * MIB / 60e9, "cache")),  # the next smaller one's
        (Demand(256 * MIB, 384 * MIB, 0, "float32"), Limit(256 * MIB / 10e9, "memory")),
        (Demand(256 * MIB, 2048 * MIB, 0, "float32"), Limit(2048 * MIB / 40e9, "cache")),
        (Demand(MIB, MIB, 10**9, "float32"), Limit(1 / 50, "arithmetic")),
        (Demand(MIB, MIB, 10**9, "float64"), Limit(1 / 25, "arithmetic")),
    ],
)
def test_the_limit_is_the_longest_of_three_times(demand: Demand, expected: Limit) -> None:
    """Memory, cache and arithmetic each set it once."""
    found = limit(demand, rates())
    assert found.by == expected.by
    assert found.seconds == pytest.approx(expected.seconds, rel=1e-12)


def test_a_smaller_working_set_is_at_least_as_fast_as_a_larger() -> None:
    """A disturbed measurement of the smaller one cannot make the limit longer."""
    found = rates(copy=[copy(2, 20, True), copy(16, 40, True), copy(128, 10, False)])
    assert [rate.bytes_per_s for rate in found.copies] == [40e9, 40e9, 10e9]


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (None, "the run did not measure the machine"),
        ({"status": "no_device", "reason": "no GPU here"}, "no GPU here"),
        (measured(copy=[]), "machine.json holds no usable durations"),
        (measured(arithmetic="fast"), "machine.json holds no usable durations"),
        (measured(copy=[copy(2, 80, True) | {"durations_ns": [0, "x"]}]), "machine.json holds no usable durations"),
    ],
)
def test_without_rates_there_is_a_reason(entry: Any, why: str) -> None:
    """A device that is not there, and damaged files."""
    assert read_rates(entry) == (None, why)
