"""The copy bandwidth and the arithmetic rate of a GPU, by its own clock.

Events are recorded on the device's stream before and after the work, so neither the launch nor the host's clock is in a
duration. PyTorch gives both, where it is installed and sees a device; nothing else here is its business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.roofline.limits import USUAL_CACHE

SHARES_OF_CACHE = (1 / 4, 1 / 2)
TIMES_CACHE = 8
MATRIX = 8192
SAMPLE_MS = 10.0


def measure(samples: int) -> dict[str, Any]:
    """Measure the GPU that PyTorch sees.

    Args:
        samples: timed samples of each figure.

    Returns:
        The value of ``gpu`` in ``machine.json``: as that of the processor, or ``no_device`` and why.
    """
    try:
        import torch
    except ImportError as error:
        return {"status": "no_device", "reason": f"PyTorch, whose events time a GPU, is not there: {error}"}
    if not torch.cuda.is_available():
        return {"status": "no_device", "reason": f"PyTorch {torch.__version__} sees no GPU on this machine"}
    properties = torch.cuda.get_device_properties(0)
    told = int(getattr(properties, "L2_cache_size", 0)) or None
    cache = told or USUAL_CACHE
    inside = [int(cache * share) for share in SHARES_OF_CACHE]
    torch.set_float32_matmul_precision("highest")  # no TF32: layers add and multiply in float32
    return {
        "status": "ok",
        "reason": None,
        "device_name": properties.name,
        "last_level_cache_bytes": told,
        "copy": [
            *(_copy(torch, size, samples) | {"inside_cache": True} for size in inside),
            _copy(torch, TIMES_CACHE * cache, samples) | {"inside_cache": False},
        ],
        "arithmetic": [_product(torch, dtype, samples) for dtype in ("float32", "float64")],
        "versions": {"torch": torch.__version__},
    }


def _copy(torch: Any, working_set: int, samples: int) -> dict[str, Any]:
    size = working_set // 2
    source, target = (torch.ones(size, dtype=torch.uint8, device="cuda") for _ in range(2))
    loops, durations = _sampled(torch, lambda: target.copy_(source), samples)
    return {"working_set_bytes": 2 * size, "bytes_per_sample": 2 * size * loops, "durations_ns": durations}


def _product(torch: Any, dtype: str, samples: int) -> dict[str, Any]:
    first, second = (torch.ones((MATRIX, MATRIX), dtype=getattr(torch, dtype), device="cuda") for _ in range(2))
    result = torch.empty_like(first)
    loops, durations = _sampled(torch, lambda: torch.matmul(first, second, out=result), samples)
    return {
        "dtype": dtype,
        "kernel": f"matrix product of {MATRIX} rows and columns",
        "operations_per_sample": 2 * MATRIX**3 * loops,
        "durations_ns": durations,
    }


def _sampled(torch: Any, once: Callable[[], object], samples: int) -> tuple[int, list[int]]:
    """Loops of a sample, and nanoseconds of every sample by the device's events."""

    def timed(loops: int) -> float:
        began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        began.record()
        for _ in range(loops):
            once()
        ended.record()
        ended.synchronize()
        return float(began.elapsed_time(ended))  # milliseconds

    timed(1)
    loops = max(1, round(SAMPLE_MS / max(timed(1), 1e-3)))
    return loops, [round(timed(loops) * 1e6) for _ in range(samples)]
