"""The limit of a pass, by value."""

from __future__ import annotations

from itertools import pairwise
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
    """A machine of an older run: 80, 60, 40 GB/s inside its 32 MiB, 10 GB/s outside; 50 and 25 Gflop/s."""
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
        (Demand(4 * MIB, 6 * MIB, 0, "float32"), Limit(6 * MIB / (80 * 60) ** 0.5 / 1e9, "cache")),  # between two
        (Demand(24 * MIB, 36 * MIB, 0, "float32"), Limit(36 * MIB / 40e9, "cache")),  # fits, and nothing was measured
        (Demand(64 * MIB, 96 * MIB, 0, "float32"), Limit(32 * MIB / 40e9 + 32 * MIB / 10e9, "memory")),  # half fits
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


def edge(second: float = 20.0) -> Any:
    """The rates where working sets of one to three times the cache were measured too."""
    copies = measured()["copy"] + [
        copy(32, 30, False),
        copy(48, second, False),
        copy(64, 12, False),
        copy(96, 10, False),
    ]
    return rates(copy=copies, last_level_cache_bytes=32 * MIB)


@pytest.mark.parametrize(
    ("mib", "gigabytes_per_s"),
    [
        (16, 40),
        (32, 30),
        (48, 20),
        ((48 * 64) ** 0.5, (20 * 12) ** 0.5),  # halfway on both scales
        (64, 12),  # less than what half in the cache would allow
        (96, 10),
        (1024, 10),
    ],
)
def test_beyond_the_cache_the_rate_lies_between_the_measured_ones(mib: float, gigabytes_per_s: float) -> None:
    """On logarithmic scales."""
    assert edge().copying(mib * MIB) == pytest.approx(gigabytes_per_s * 1e9, rel=1e-12)


def test_no_measurement_allows_more_than_the_part_that_fits_at_the_rate_of_the_cache() -> None:
    """48 MiB, of which 16 are too many: 24 GB/s, whatever the copies of that size seemed to reach."""
    assert edge(second=29).copying(48 * MIB) == pytest.approx(48 / (32 / 40 + 16 / 10) * 1e9, rel=1e-12)


@pytest.mark.parametrize("found", [rates(), edge()], ids=["older", "edge"])
def test_more_data_never_take_less_time(found: Any) -> None:
    """Across every border: rates never rise, and limits never fall, from 1 MiB to 256 MiB."""
    sizes = [round(MIB * 2 ** (step / 16)) for step in range(8 * 16 + 1)]
    copying = [found.copying(size) for size in sizes]
    assert all(later <= earlier * (1 + 1e-12) for earlier, later in pairwise(copying))
    limits = [limit(Demand(size, size * 3 // 2, 0, "float32"), found) for size in sizes]
    assert all(later.seconds >= earlier.seconds for earlier, later in pairwise(limits))
    assert {one.by for one, size in zip(limits, sizes, strict=True) if size <= 32 * MIB} == {"cache"}
    assert {one.by for one, size in zip(limits, sizes, strict=True) if size >= 48 * MIB} == {"memory"}


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
