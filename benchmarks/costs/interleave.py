"""Timing several callables against each other in one process: short samples in random order."""

from __future__ import annotations

import gc
import json
import math
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import scipy

from benchmarks.harness.environment import describe, usable_cores
from benchmarks.harness.workers import CHECKOUT, WorkerSettings


def interleaved(
    calls: Mapping[str, Callable[[int], Any]], loops: int, passes: int, seed: int, samples: int = 1
) -> dict[str, list[float]]:
    """Visit all callables in each pass, in an order drawn anew for each of its samples.

    Args:
        calls: name -> function that runs so many loops and waits for the last.
        loops: calls in a sample.
        passes: visits.
        seed: of the order.
        samples: of each callable in a pass.

    Returns:
        Name -> nanoseconds a call, one value a pass: that of its shortest sample.
    """
    order, generator = list(calls), random.Random(seed)
    found: dict[str, list[float]] = {name: [] for name in calls}
    for name in order:
        calls[name](loops)
    gc.collect()
    gc.disable()
    for _ in range(passes):
        shortest = dict.fromkeys(calls, math.inf)
        for _ in range(samples):
            generator.shuffle(order)
            for name in order:
                began = time.perf_counter_ns()
                calls[name](loops)
                shortest[name] = min(shortest[name], (time.perf_counter_ns() - began) / loops)
        for name, value in shortest.items():
            found[name].append(value)
    gc.enable()
    return found


def interval(values: list[float]) -> dict[str, float]:
    """Mean and 95 % t-interval over replicates, each a fresh process."""
    mean = statistics.fmean(values)
    half = float(scipy.stats.t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5)
    return {"mean": mean, "low": mean - half, "high": mean + half}


def replicate(
    module: str, arguments: list[str], least: int, *, minutes: float = 0.0, threads: int | None = None
) -> list[Any]:
    """Run a module in fresh processes, one after the other, and collect the JSON that each prints last.

    Args:
        module: what runs, with ``--replicate NUMBER`` before the arguments.
        arguments: of each process.
        least: processes at least.
        minutes: further processes run for as long as one more is likely to end within this time.
        threads: that each may use; every core if left out.

    Returns:
        What each printed.
    """
    environment = WorkerSettings(threads or usable_cores(), "cpu", None, False).environment(())
    replies: list[Any] = []
    began, longest_s = time.monotonic(), 0.0
    while len(replies) < least or time.monotonic() - began + longest_s < 60 * minutes:
        started = time.monotonic()
        command = [sys.executable, "-m", module, "--replicate", str(len(replies)), *arguments]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True, cwd=CHECKOUT)
        replies.append(json.loads(done.stdout.splitlines()[-1]))
        longest_s = max(longest_s, time.monotonic() - started)
    return replies


def publish(name: str, result: Mapping[str, Any], folder: Path) -> None:
    """Write a result with the machine it came from, and print it."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**result, "environment": describe(usable_cores())}, indent=1)
    (folder / f"{name}.json").write_text(text + "\n")
    print(json.dumps(result, indent=1))
