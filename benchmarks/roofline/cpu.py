"""The copy bandwidth and the arithmetic rate of the processor, measured with NumPy.

Copies are NumPy's own (``memmove`` underneath), one thread beside the other on buffers of their own, at several working
sets from inside the second-level cache to outside the last, close together around the size of the last. The arithmetic
rate is that of matrix products, one in each thread, which no kernel with fewer operations a byte exceeds. Both are what
the machine can be seen to do, not what its maker promises.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.roofline.limits import USUAL_CACHE

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
SHARES_OF_CACHE = (1 / 64, 1 / 16, 1 / 4, 1 / 2)  # working sets well inside the last-level cache
TIMES_CACHE = (1, 1.5, 2, 3, 4)  # and those that fill it or do not fit
MOST_OUTSIDE = 2**31  # bytes of these, on machines with huge caches
SAMPLE_NS = 15_000_000
MATRIX = 256  # rows and columns: three float32 matrices take 768 KiB, and each value is used 256 times


def measure(threads: int, samples: int, cache_bytes: int | None = None) -> dict[str, Any]:
    """Measure the processor.

    Args:
        threads: that copy, and multiply, at once; the environment gives each product one thread of its own.
        samples: timed samples of each figure.
        cache_bytes: size of the last-level cache; by default, what the system says.

    Returns:
        The value of ``cpu`` in ``machine.json``; raw durations, of which :mod:`benchmarks.roofline.limits` takes the
        shortest.
    """
    told = last_level_cache_bytes() if cache_bytes is None else cache_bytes
    cache = told or USUAL_CACHE
    inside = [int(cache * share) for share in SHARES_OF_CACHE]
    outside = sorted({min(int(cache * times), MOST_OUTSIDE) for times in TIMES_CACHE})
    return {
        "status": "ok",
        "reason": None,
        "threads": threads,
        "last_level_cache_bytes": told,
        "copy": [
            *(_copy(size, threads, samples) | {"inside_cache": True} for size in inside),
            *(_copy(size, threads, samples) | {"inside_cache": False} for size in outside),
        ],
        "arithmetic": [_product(dtype, threads, samples) for dtype in ("float32", "float64")],
        "versions": {"numpy": np.__version__},
    }


def last_level_cache_bytes(folder: Path = CACHES) -> int | None:
    """The size of the largest cache of the first core, as the system tells it; None where it does not."""
    sizes = []
    for file in folder.glob("index*/size"):
        try:
            text = file.read_text().strip()
            sizes.append(int(text.rstrip("KMG")) * {"K": 2**10, "M": 2**20, "G": 2**30}.get(text[-1:], 1))
        except (OSError, ValueError):
            continue
    return max(sizes, default=None)


def _copy(working_set: int, threads: int, samples: int) -> dict[str, Any]:
    """Copy from one half of a working set to the other."""
    size = working_set // (2 * threads)
    buffers = [(np.ones(size, np.uint8), np.zeros(size, np.uint8)) for _ in range(threads)]

    def once(place: int) -> None:
        source, target = buffers[place]
        np.copyto(target, source)

    def timed(loops: int) -> int:
        return side_by_side(once, threads, loops)

    loops = calibrated(timed)
    return {
        "working_set_bytes": 2 * size * threads,
        "bytes_per_sample": 2 * size * threads * loops,  # read and written
        "durations_ns": [timed(loops) for _ in range(samples)],
    }


def _product(dtype: str, threads: int, samples: int) -> dict[str, Any]:
    """Multiply two matrices in every thread: 2 n^3 additions and multiplications each."""
    matrices = [tuple(np.ones((MATRIX, MATRIX), dtype) for _ in range(3)) for _ in range(threads)]

    def once(place: int) -> None:
        first, second, result = matrices[place]
        np.matmul(first, second, out=result)

    def timed(loops: int) -> int:
        return side_by_side(once, threads, loops)

    loops = calibrated(timed)
    return {
        "dtype": dtype,
        "kernel": f"matrix product of {MATRIX} rows and columns",
        "operations_per_sample": 2 * MATRIX**3 * threads * loops,
        "durations_ns": [timed(loops) for _ in range(samples)],
    }


def calibrated(timed: Callable[[int], int]) -> int:
    """Loops that make a sample last, after two calls to warm up."""
    timed(1)
    return max(1, round(SAMPLE_NS / max(timed(1), 1)))


def side_by_side(once: Callable[[int], object], threads: int, loops: int) -> int:
    """Run a function in several threads at once.

    Args:
        once: called with the number of its thread; releases Python's lock while it works.
        threads: how many.
        loops: calls of each.

    Returns:
        Nanoseconds from the first start to the last end.
    """
    spans: dict[int, tuple[int, int]] = {}
    ready = threading.Barrier(threads)

    def work(place: int) -> None:
        ready.wait()
        began = time.perf_counter_ns()
        for _ in range(loops):
            once(place)
        spans[place] = began, time.perf_counter_ns()

    others = [threading.Thread(target=work, args=(place,)) for place in range(1, threads)]
    for thread in others:
        thread.start()
    work(0)
    for thread in others:
        thread.join()
    return max(end for _, end in spans.values()) - min(began for began, _ in spans.values())
