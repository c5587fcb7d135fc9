"""Records of runs made by hand, by the times of their rounds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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


QUIET = {"load_1min": 1.2, "steal_share": 0.0, "others_share": 0.01}
RATES = {"copy": 33.6e9, "float32": 203e9, "float64": 101e9}


def write_conditions(folder: Path, look: Mapping[str, Any] = QUIET, rates: Mapping[str, float] = RATES) -> None:
    """Write what a run notes of its machine: ten looks of the sentinel, and the rates, given per second."""
    line = {"schema": 1, "run": "synthetic", "group": "g", "sentinel_ns": [200_000], **look}
    looks = [{**line, "round": number // 2, "pass": number % 2} for number in range(10)]
    (folder / "sentinel.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in looks))
    second = {"durations_ns": [1_000_000_000]}
    copies = [
        {"working_set_bytes": 2**20, "bytes_per_sample": 5 * rates["copy"], "inside_cache": True, **second},
        {"working_set_bytes": 2**27, "bytes_per_sample": rates["copy"], "inside_cache": False, **second},
    ]
    products = [{"dtype": dtype, "operations_per_sample": rates[dtype], **second} for dtype in ("float32", "float64")]
    cpu = {"status": "ok", "reason": None, "copy": copies, "arithmetic": products}
    (folder / "machine.json").write_text(json.dumps({"schema": 1, "cpu": cpu}))
