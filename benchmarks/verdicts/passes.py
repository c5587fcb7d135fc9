"""What one pass says: a statistic of its samples, in ns per call."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

Array = NDArray[np.float64]
PassValues = Mapping[tuple[int, int], float]
"""(round, pass) -> ns per call."""

STATISTICS: Mapping[str, Callable[[Array], float]] = {
    "min": lambda samples: float(samples.min()),
    "quantile_10": lambda samples: float(np.quantile(samples, 0.10)),
    "quantile_25": lambda samples: float(np.quantile(samples, 0.25)),
    "median": lambda samples: float(np.median(samples)),
    "mean": lambda samples: float(samples.mean()),
    "trimmed_mean": lambda samples: float(scipy.stats.trim_mean(samples, 0.25)),
}
"""Name -> statistic of the samples of one pass, in ns per call."""

DEFAULT_STATISTIC = "min"


def pass_values(samples: Mapping[str, Any], statistic: str = DEFAULT_STATISTIC) -> dict[tuple[int, int], float]:
    """Summarise every pass of a case.

    Args:
        samples: ``samples`` of a throughput record: ``{"passes": [{"round", "pass", "loops", "durations_ns"}, ...]}``.
        statistic: a name of :data:`STATISTICS`.

    Returns:
        (round, pass) -> ns per call; passes that hold no usable duration are left out.

    Raises:
        KeyError: no such statistic.
    """
    summarise = STATISTICS[statistic]
    passes = samples.get("passes")
    values: dict[tuple[int, int], float] = {}
    for entry in passes if isinstance(passes, list) else []:
        if not isinstance(entry, dict) or not isinstance(entry.get("durations_ns"), list):
            continue
        number, visit, loops = entry.get("round"), entry.get("pass"), _positive(entry.get("loops"))
        durations = [value for item in entry["durations_ns"] if (value := _positive(item))]
        if isinstance(number, int) and isinstance(visit, int) and loops and durations:
            value = summarise(np.array(durations)) / loops
            if math.isfinite(value) and value > 0:
                values[number, visit] = value
    return values


def _positive(value: object) -> float | None:
    """A number above 0, infinity included; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if value > 0 else None
    except OverflowError:
        return math.inf
