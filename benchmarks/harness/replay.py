"""pytest-benchmark shows what the workers measured: a clock that advances by exactly the measured durations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from benchmarks.cases import UNTIMED


class ReplayClock:
    """The timer of a replayed benchmark, in seconds.

    Before each round it stands at 0, so that the difference of the two readings around the round is the measured
    duration to the last bit; adding up durations would round.
    """

    __name__ = "replay_of_measured_durations"

    def __init__(self) -> None:
        """Stand at 0."""
        self.reading = 0.0

    def __call__(self) -> float:
        """Seconds shown now."""
        return self.reading


CLOCK = ReplayClock()


def durations_s(record: Mapping[str, Any]) -> list[float]:
    """What one round of pytest-benchmark is for a record.

    Args:
        record: of any axis.

    Returns:
        For throughput the seconds a step of each sample; otherwise the seconds of what was timed once or more
        (``durations_ns``); empty if nothing was measured.
    """
    samples = record["samples"]
    if "passes" in samples:
        return [ns / line["loops"] / 1e9 for line in samples["passes"] for ns in line["durations_ns"]]
    return [ns / 1e9 for ns in samples.get("durations_ns", [])]


def replay(benchmark: Any, record: Mapping[str, Any]) -> None:
    """Give a record's durations to the ``benchmark`` fixture, whose timer must be :data:`CLOCK`.

    Without durations there is nothing to show, and the fixture takes no empty list: the test is skipped.
    """
    durations = durations_s(record)
    if not durations:
        pytest.skip(f"{record['status']}, but nothing of it was timed")
    pending = iter(durations)

    def rewind() -> None:
        CLOCK.reading = 0.0

    def advance() -> None:
        CLOCK.reading = next(pending)

    benchmark.extra_info.update({name: record[name] for name in ("case_id", "axis", "implementation", "status", "run")})
    benchmark.extra_info["timed_alone"] = record["axis"] not in UNTIMED
    benchmark.pedantic(advance, setup=rewind, rounds=len(durations), iterations=1)
