"""The throughput axis: how fast is one step.

One test a case. The run itself happens in worker processes when the first case is asked for; a test replays the
samples of its case, or skips or fails with the reason of its row.
"""

from __future__ import annotations

from typing import Any

from benchmarks.harness.replay import replay

AXIS = "throughput"


def bench_throughput(record: dict[str, Any], benchmark: Any) -> None:
    """Show the case's samples to pytest-benchmark."""
    replay(benchmark, record)
