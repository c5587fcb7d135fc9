"""Records of runs made by hand, by the times of their rounds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.report import synthetic

CHECKOUT = Path(__file__).resolve().parents[2]
BEFORE = [1000.0, 1010.0, 990.0, 1005.0, 995.0]
OTHER_MACHINE = {"environment": synthetic.ENVIRONMENT | {"cpu_model": "Another CPU"}}


def times(factor: float) -> list[float]:
    """The rounds of BEFORE, all slower by a factor."""
    return [factor * ns for ns in BEFORE]


def passes(round_ns: Sequence[float], count: int = 2) -> dict[tuple[int, int], float]:
    """(round, pass) -> ns per call, the same in every pass of a round."""
    return {(number, visit): ns for number, ns in enumerate(round_ns) for visit in range(count)}


def speed(implementation: str, round_ns: Sequence[float], **options: Any) -> list[synthetic.Json]:
    """The throughput record of a layer, and the agreement that lets it be shown."""
    return [synthetic.agreement(implementation), synthetic.throughput(implementation, passes(round_ns), **options)]
