"""Pools whose noise and slowdowns are known, without a process."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.calibration.pool import Unit
from benchmarks.calibration.workers import POOL_WORKERS
from bn_impls.isolation.lines import encode

WORKLOAD = "inference 32x32"
PASSES, SAMPLES = 8, 3


def unit(rounds: int, *, noise: float = 0.0, jitter: float = 0.0, seed: int = 0) -> Unit:
    """Workers whose logarithms are normally distributed about that of 1 µs times their slowdown.

    Args:
        rounds: of the pool.
        noise: standard deviation between processes: all samples of a worker in a round share it.
        jitter: standard deviation between samples.
        seed: of random numbers.
    """
    generator = np.random.default_rng(seed)
    slow = np.log1p([worker.percent / 100 for worker in POOL_WORKERS])
    of_process = noise * generator.standard_normal((len(slow), rounds, 1, 1))
    of_sample = jitter * generator.standard_normal((len(slow), rounds, PASSES, SAMPLES))
    durations = 1000 * np.exp(slow[:, None, None, None] + of_process + of_sample)
    return Unit("planted", WORKLOAD, POOL_WORKERS, tuple(range(rounds)), durations)


def lines_of(planted: Unit, loops: int = 1000) -> list[dict[str, Any]]:
    """The lines that a pool file has for a unit."""
    return [
        {
            "schema": 1, "implementation": planted.implementation, "workload": planted.workload,
            "worker": worker.name, "round": number, "pass": visit, "loops": loops,
            "durations_ns": [round(loops * ns) for ns in planted.durations[w, r, visit]],
        }
        for w, worker in enumerate(planted.workers)
        for r, number in enumerate(planted.rounds)
        for visit in range(planted.durations.shape[2])
    ]  # fmt: skip


def write(path: Path, lines: list[dict[str, Any]], *raw: bytes) -> Path:
    """Write a pool file; ``raw`` lines stand at its end."""
    path.write_bytes(gzip.compress(b"\n".join([*map(encode, lines), *raw]) + b"\n"))
    return path
