"""What a sweep found, as a table for the terminal: setting x implementation, the best first."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

from benchmarks.cases import Case

METRIC = "final_test_accuracy"
CONFIDENCE = 0.95  # of each interval on its own
MOST_ROWS = 40
SEED = re.compile(r"-seed=\d+")


@dataclass(frozen=True)
class Outcome:
    """One setting in one implementation.

    Attributes:
        setting: network and what was set, as in the cases' labels.
        implementation: its name.
        accuracies: on the test data after the last step, one of each seed that ended well, as shares of 1.
    """

    setting: str
    implementation: str
    accuracies: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return float(np.mean(self.accuracies))

    @property
    def half_width(self) -> float | None:
        """Half of Student's interval of the mean; None with one seed."""
        if len(self.accuracies) < 2:
            return None
        error = float(np.std(self.accuracies, ddof=1)) / math.sqrt(len(self.accuracies))
        quantile: float = scipy.stats.t.ppf((1 + CONFIDENCE) / 2, len(self.accuracies) - 1)
        return quantile * error


def outcomes(cases: Sequence[Case], records: Mapping[str, Mapping[str, Any]]) -> list[Outcome]:
    """The cases that ended well, by setting and implementation, the highest mean accuracy first."""
    found: dict[tuple[str, str], list[float]] = {}
    for case in cases:
        accuracy = (records.get(case.case_id, {}).get("metrics") or {}).get(METRIC)
        if accuracy is not None:
            found.setdefault((SEED.sub("", case.label), case.implementation), []).append(float(accuracy))
    rows = [Outcome(setting, implementation, tuple(values)) for (setting, implementation), values in found.items()]
    return sorted(rows, key=lambda row: -row.mean)


def as_text(rows: Sequence[Outcome]) -> str:
    """Lines of a table with its title; empty without rows."""
    if not rows:
        return ""
    setting, name = max(len(row.setting) for row in rows), max(len(row.implementation) for row in rows)
    lines = [f"test accuracy after the last step, mean over seeds and its {100 * CONFIDENCE:g} % interval:"]
    for row in rows[:MOST_ROWS]:
        half = row.half_width
        interval = "one seed: no interval" if half is None else f"± {100 * half:.2f}"
        seeds = f"{len(row.accuracies)} seed{'s' if len(row.accuracies) > 1 else ''}"
        lines.append(
            f"  {row.setting:{setting}}  {row.implementation:{name}}  {100 * row.mean:6.2f} % {interval}  ({seeds})"
        )
    if len(rows) > MOST_ROWS:
        lines.append(f"  and {len(rows) - MOST_ROWS} more in the report")
    return "\n".join(lines)
