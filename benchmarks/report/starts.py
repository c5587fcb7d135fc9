"""What the start of an implementation cost in each round: processor time until it is imported, from ``passes.jsonl``.

A round starts one process of an implementation, whose start all its cases share. Two implementations are compared over
the rounds that both were started in: later rounds may start quicker for everyone.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.report.run import Run, as_number
from benchmarks.verdicts.judging import half_width

FILE, IMPORT = "passes.jsonl", "start_cpu_s"


@dataclass(frozen=True)
class Difference:
    """Seconds by which one start takes longer than another, with the ends of its 95 % interval."""

    seconds: float
    low: float
    high: float

    @property
    def told(self) -> bool:
        """Whether the starts differ measurably."""
        return self.low > 0 or self.high < 0


def difference(one: Mapping[int, float], other: Mapping[int, float], once_s: float = 0.0) -> Difference | None:
    """The mean difference of two starts over the rounds that both have, with Student's interval.

    Args:
        one: round -> seconds.
        other: the same of the other start.
        once_s: seconds by which what was timed once, without an interval, takes longer.

    Returns:
        The difference; None with fewer than two rounds.
    """
    rounds = sorted(one.keys() & other.keys())
    if len(rounds) < 2:
        return None
    pairs = [one[number] - other[number] for number in rounds]
    mean, half = statistics.fmean(pairs) + once_s, float(half_width(statistics.stdev(pairs), len(pairs)))
    return Difference(mean, mean - half, mean + half)


def read_starts(run: Run) -> dict[str, dict[int, float]]:
    """Implementation -> round -> seconds; empty where the run recorded none. Lines that cannot be read are left out."""
    owners = {record.case_id: record.implementation for record in run.records}
    found: dict[str, dict[int, float]] = {}
    for line in _lines(run.folder / FILE):
        who, seconds, number = owners.get(str(line.get("case_id"))), as_number(line.get(IMPORT)), line.get("round")
        if who is not None and seconds is not None and isinstance(number, int):
            found.setdefault(who, {})[number] = seconds
    return found


def _lines(path: Path) -> list[dict[str, object]]:
    """The lines that tell of a start."""
    found = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else ():
        try:
            line = json.loads(text) if IMPORT in text else None
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict):
            found.append(line)
    return found
