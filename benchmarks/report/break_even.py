"""When a slow start pays: after n steps a choice has cost its start and n times its step.

With r the ratio of a's step to b's, two choices cost the same after ::

    n = 1 + (start_a - start_b) / (step_b (1 - r))

steps. The ends of the intervals of r and of the difference of the starts give the range of n. Where r's does not say
for certain whose step is shorter there is no such n: it may be infinite. Where the starts do not differ measurably
none is told. Building and the first call were timed once, so their own error is not in the range.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from benchmarks.report.speeds import Group, Speed
from benchmarks.report.starts import Difference, difference
from benchmarks.verdicts.judging import Verdict
from benchmarks.verdicts.ranking import compare

STARTING = ("start_cpu_s", "build_s", "first_call_s")


@dataclass(frozen=True)
class Cost:
    """What one choice costs: seconds until its first result, and seconds of every further step.

    Attributes:
        speed: whose costs they are.
        start_s: of importing, building and the first call.
        step_s: of every further call.
        import_s: of the start, what importing takes.
        imports: round -> seconds of importing; empty where the run did not keep them.
    """

    speed: Speed
    start_s: float
    step_s: float
    import_s: float = 0.0
    imports: Mapping[int, float] = field(default_factory=dict)

    def after(self, steps: float) -> float:
        """Seconds after so many steps, of which the start includes one."""
        return self.start_s + (steps - 1) * self.step_s


@dataclass(frozen=True)
class BreakEven:
    """A number of steps, and what it may be by the interval of the step times."""

    steps: float
    low: float
    high: float


@dataclass(frozen=True)
class Turn:
    """Who is the cheapest, and after how many steps it becomes so; None from the first step on."""

    cost: Cost
    since: BreakEven | None = None


Judge = Callable[[Cost, Cost], Verdict | None]
"""The verdict on the first one's step against the second one's."""


def start_difference(one: Cost, other: Cost) -> Difference:
    """By how much one start takes longer: paired over rounds where the run kept them, else what was recorded."""
    once_s = (one.start_s - one.import_s) - (other.start_s - other.import_s)
    recorded = one.start_s - other.start_s
    return difference(one.imports, other.imports, once_s) or Difference(recorded, recorded, recorded)


def costs_of(group: Group, starts: Mapping[str, Mapping[int, float]]) -> list[Cost]:
    """The costs of a group's published speeds whose start was recorded.

    Args:
        group: of speeds.
        starts: implementation -> round -> seconds of importing, as :func:`benchmarks.report.starts.read_starts` gives.
    """
    common = set.intersection(*(set(of) for of in starts.values())) if starts else set()
    found = []
    for speed in group.published:
        parts = [speed.record.number(name) for name in STARTING]
        known = [part for part in parts if part is not None]
        if len(known) == len(parts):
            imports = starts.get(speed.record.implementation, {})
            comparable = [seconds for number, seconds in imports.items() if number in common]
            import_s = statistics.median(comparable) if comparable else known[0]
            found.append(Cost(speed, import_s + sum(known[1:]), speed.step_ns * 1e-9, import_s, imports))
    return found


def judge_of(group: Group) -> Judge:
    """Verdicts on any two of a group: against the baseline the report's own, else as its ranks compare every two."""
    shown = len(group.published)
    pairs = max(1, shown * (shown - 1) // 2)

    def judge(one: Cost, other: Cost) -> Verdict | None:
        if other.speed.is_baseline:
            return one.speed.verdict
        if one.speed.is_baseline:
            return other.speed.verdict.inverse() if other.speed.verdict else None
        return compare(one.speed.minima, other.speed.minima, comparisons=pairs, looks=group.looks)

    return judge


def break_even(one: Cost, other: Cost, step: Verdict) -> BreakEven | None:
    """The number of steps after which two choices have cost the same.

    Args:
        one: a choice.
        other: another.
        step: the verdict on the first one's step against the other's; it must say which is faster for certain.

    Returns:
        The number and its range; None where one of them is cheaper from the first step on, or the starts do not
        differ measurably.

    Raises:
        ValueError: the verdict does not tell the two apart.
    """
    if not step.differs or step.low is None or step.high is None:
        raise ValueError(f"the verdict on two steps is {step.word}, but should be faster or slower to break even")
    start = start_difference(one, other)
    steps = _steps(start.seconds, other, step.ratio)
    if not start.told or steps < 1:
        return None
    ends = [_steps(*corner) for corner in product((start.low, start.high), (other,), (step.low, step.high))]
    return BreakEven(steps, min(ends), max(ends))


def _steps(start_s: float, other: Cost, ratio: float) -> float:
    saved = other.step_s * (1 - ratio)
    return 1 + start_s / saved if saved else math.inf


def cheapest(costs: Sequence[Cost], judge: Judge) -> list[Turn]:
    """The cheapest choice for every number of steps, as far as the steps are told apart for certain.

    Args:
        costs: the choices, at least one.
        judge: of two choices.

    Returns:
        Who takes turns, the cheapest start first; each has for certain a shorter step than the one before it.
    """
    now = min(costs, key=lambda cost: (cost.start_s, cost.step_s))
    found = [Turn(now)]
    while faster := _certainly_faster(costs, now, judge):
        steps, _, place = min((even.steps if even else 1.0, cost.step_s, n) for n, (cost, even) in enumerate(faster))
        now, even = faster[place]
        last = found[-1].since
        if last is not None and steps <= last.steps:  # it is cheaper than the one before for all of its turn
            found[-1] = Turn(now, last)
        else:
            found.append(Turn(now, even))
    return found


def _certainly_faster(costs: Sequence[Cost], now: Cost, judge: Judge) -> list[tuple[Cost, BreakEven | None]]:
    verdicts = [(cost, judge(cost, now)) for cost in costs if cost is not now]
    return [(cost, break_even(cost, now, step)) for cost, step in verdicts if step and step.word == "faster"]


def not_told_from(costs: Sequence[Cost], now: Cost, judge: Judge) -> list[Cost]:
    """The choices whose step is neither faster nor slower than that of one of them for certain."""
    others = [(cost, judge(cost, now)) for cost in costs if cost is not now]
    return [cost for cost, step in others if step is None or not step.differs]
