"""The top-up round: what the planned rounds left undecided is measured once more, within a budget.

It is decided once, after the planned rounds, and kept in ``passes.jsonl``, so that a resumed run goes on with the same
decision and never looks a third time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.cases import Case
from benchmarks.verdicts.passes import PassValues
from benchmarks.verdicts.ranking import undecided

ROUNDS = 3
LOOKS = 2

Pair = tuple[Case, Case]
Lines = Mapping[str, Sequence[Mapping[str, Any]]]


def choose(
    cases: Iterable[Case],
    values: Mapping[str, PassValues],
    baseline: str,
    lines: Lines,
    budget_s: float,
    exhausted: Collection[str] = (),
) -> list[Case]:
    """The cases that are measured once more: those of the open comparisons that are cheapest to decide.

    Args:
        cases: every case that could be measured again.
        values: case id -> pass values of the planned rounds.
        baseline: the implementation that ratios are against.
        lines: case id -> its lines of ``passes.jsonl``; they say what a round takes.
        budget_s: what all rounds of the top-up may take, in seconds.
        exhausted: ids of cases that get no further round; they stay in the family of comparisons, but more rounds of
            the other side alone decide nothing.

    Returns:
        The cases, both sides of each comparison, in the order of their first comparison.
    """
    chosen: dict[str, Case] = {}
    started: set[str] = set()
    taken_s = 0.0
    for pair in open_pairs(cases, values, baseline):
        if any(case.case_id in exhausted for case in pair):
            continue
        more = [case for case in pair if case.case_id not in chosen]
        further_s = ROUNDS * round_s(lines, more, started)
        if taken_s + further_s <= budget_s:
            taken_s += further_s
            chosen |= {case.case_id: case for case in more}
            started |= {case.implementation for case in more}
    return list(chosen.values())


def open_pairs(cases: Iterable[Case], values: Mapping[str, PassValues], baseline: str) -> list[Pair]:
    """Undecided comparisons with the baseline or the fastest of a group that more rounds can decide, fewest first."""
    groups: dict[str, list[Case]] = {}
    for case in cases:
        if values.get(case.case_id):
            groups.setdefault(case.group, []).append(case)
    found: list[tuple[int, Pair]] = []
    for members in groups.values():
        base = next((place for place, case in enumerate(members) if case.implementation == baseline), 0)
        for left in undecided([values[case.case_id] for case in members], base, looks=LOOKS):
            if left.rounds is not None:
                found.append((left.rounds, (members[left.place], members[left.against])))
    return [pair for _, pair in sorted(found, key=lambda entry: entry[0])]


def round_s(lines: Lines, cases: Iterable[Case], started: Collection[str] = ()) -> float:
    """Seconds that a round of some cases takes, by what their rounds took: starting workers, preparing, passes.

    Args:
        lines: case id -> its lines of ``passes.jsonl``.
        cases: what is measured in the round; cases of one implementation share a worker.
        started: implementations whose workers the round has anyway.
    """
    starts: dict[str, float] = {}
    total = 0.0
    for case in cases:
        took: dict[int, float] = defaultdict(float)
        for line in lines.get(case.case_id, ()):
            took[line["round"]] += line.get("took_s", 0.0)
            starts[case.implementation] = line.get("start_s", starts.get(case.implementation, 0.0))
        total += median(took.values()) if took else 0.0
    return total + sum(seconds for name, seconds in starts.items() if name not in started)
