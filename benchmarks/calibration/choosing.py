"""The written rule by which a statistic and a design become the default, and what must be reached.

The default is kept until the evidence against it is clear: a change of statistic makes runs before and after it
incomparable, and a pool has several dozen candidates, of which the luckiest always looks a little better than it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MOST_FALSE_ALARMS = 0.02
UNKNOWN: Mapping[str, Any] = {"rate": None}

TARGETS: tuple[tuple[str, str, float], ...] = (
    ("identical workers called faster or slower", "at most", 0.02),
    ("10 % slowdowns found", "at least", 0.95),
    ("5 % slowdowns found, or else undecided as the next row says", "at least", 0.80),
    ("5 % slowdowns called same or faster, rather than undecided", "at most", 0.02),
    ("slower workers called faster", "at most", 0.001),
)


def choose(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The candidate to be the default.

    Of those whose false-alarm rate is below 2 % with its upper bound: the one that finds a 5 % slowdown most often;
    of equals, the one with fewer false alarms, then the one that stands first. If there is none, the one with the
    fewest false alarms. The default of now is kept if it is one of those below 2 % and the best one's rate does not
    exceed the upper bound of its own.

    Args:
        rows: the candidates of :func:`benchmarks.calibration.study.study`, the default of now first.
    """
    trusted = [row for row in rows if row["false_alarm"]["upper"] < MOST_FALSE_ALARMS]
    if not trusted:
        return min(rows, key=lambda row: row["false_alarm"]["rate"])
    best, default = most_sensitive(trusted), rows[0]
    tied = default in trusted and best["detected"]["5"]["rate"] <= default["detected"]["5"]["upper"]
    return default if tied else best


def most_sensitive(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The candidate that finds a 5 % slowdown most often; of equals, the one with fewer false alarms."""
    return max(rows, key=lambda row: (row["detected"]["5"]["rate"], -row["false_alarm"]["rate"]))


def targets(row: Mapping[str, Any], units: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What must be reached beside what was: by all trials together, and false alarms by those of the worst unit.

    Args:
        row: rates of a rule; a rate that is unknown counts as not reached.
        units: the same of each implementation and workload, with its ``name``.
    """
    missed = row["missed"].get("5", UNKNOWN)
    values = (
        row["false_alarm"]["rate"],
        row["detected"].get("10", UNKNOWN)["rate"],
        row["detected"].get("5", UNKNOWN)["rate"],
        missed["rate"],
        row["wrong_direction"]["rate"],
    )
    (alarms, *others) = [_target(*goal, value) for goal, value in zip(TARGETS, values, strict=True)]
    worst = max(units, key=lambda unit: unit["false_alarm"]["rate"] or 0.0)
    what, bound, target = TARGETS[0]
    return [
        alarms,
        _target(f"{what}, worst of all: {worst['name']}", bound, target, worst["false_alarm"]["rate"]),
        *others,
    ]


def _target(what: str, bound: str, target: float, value: float | None) -> dict[str, Any]:
    return {"what": what, "bound": bound, "target": target, "value": value, "reached": _reached(value, bound, target)}


def _reached(value: float | None, bound: str, target: float) -> bool:
    return value is not None and (value <= target if bound == "at most" else value >= target)
