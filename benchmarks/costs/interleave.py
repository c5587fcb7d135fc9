"""Timing several callables against each other in one process: short samples in random order."""

from __future__ import annotations

import gc
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from scipy import stats

from benchmarks.harness.environment import describe, usable_cores
from benchmarks.harness.workers import CHECKOUT, WorkerSettings


def interleaved(
    calls: Mapping[str, Callable[[int], Any]], loops: int, passes: int, seed: int
) -> dict[str, list[float]]:
    """Take one sample of each callable in each pass, in an order drawn anew.

    Args:
        calls: name -> function that runs so many loops and waits for the last.
        loops: calls in a sample.
        passes: samples of each.
        seed: of the order.

    Returns:
        Name -> nanoseconds a call, one value a pass.
    """
    order, generator = list(calls), random.Random(seed)
    found: dict[str, list[float]] = {name: [] for name in calls}
    for name in order:
        calls[name](loops)
    gc.collect()
    gc.disable()
    for _ in range(passes):
        generator.shuffle(order)
        for name in order:
            began = time.perf_counter_ns()
            calls[name](loops)
            found[name].append((time.perf_counter_ns() - began) / loops)
    gc.enable()
    return found


def interval(values: list[float]) -> dict[str, float]:
    """Mean and 95 % t-interval over replicates, each a fresh process."""
    mean = statistics.fmean(values)
    half = float(stats.t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5)
    return {"mean": mean, "low": mean - half, "high": mean + half}


def replicate(module: str, arguments: list[str], processes: int) -> list[Any]:
    """Run a module so many times, each in a fresh process, and collect the JSON it prints last."""
    environment = WorkerSettings(usable_cores(), "cpu", None, False).environment(())
    replies = []
    for number in range(processes):
        command = [sys.executable, "-m", module, "--replicate", str(number), *arguments]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True, cwd=CHECKOUT)
        replies.append(json.loads(done.stdout.splitlines()[-1]))
    return replies


def publish(name: str, result: Mapping[str, Any], folder: Path) -> None:
    """Write a result with the machine it came from, and print it."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**result, "environment": describe(usable_cores())}, indent=1)
    (folder / f"{name}.json").write_text(text + "\n")
    print(json.dumps(result, indent=1))
