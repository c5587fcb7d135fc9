"""Who is fastest over several shapes at once, and who cannot be told apart from the fastest.

Implementations in their call styles compete on one kind of work, on one device, in one dtype. Only those that
were measured (and may be shown) on the same shapes are compared; the rest are named with what they lack.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmarks.report.speeds import Group
from benchmarks.verdicts.judging import Verdict
from benchmarks.verdicts.passes import Array, PassValues
from benchmarks.verdicts.ranking import fastest, verdicts_on
from benchmarks.verdicts.ratios import log_ratios_over_groups

Entry = tuple[str, str]  # implementation, style


@dataclass(frozen=True)
class Contest:
    """A comparison over groups that share work, device and dtype."""

    work: str
    device: str
    dtype: str
    groups: tuple[Group, ...]
    entries: tuple[Entry, ...]
    left_out: tuple[tuple[Entry, int], ...]  # entry, number of the groups that it was measured on
    per_round: Array  # (K, R), against the best
    best: int

    @cached_property
    def verdicts(self) -> tuple[Verdict | None, ...]:
        """Step time of every entry over the best's, a geometric mean over the groups."""
        return tuple(verdicts_on(self.per_round, looks=self.groups[0].looks))

    def beside(self, slow: int, fast: int) -> Array:
        """Log ratio of one entry's step time over another's in each round, from their own paired passes; shape (R,)."""
        both = [[speeds[self.entries[place]] for place in (slow, fast)] for speeds in map(_by_entry, self.groups)]
        return np.asarray(log_ratios_over_groups(both, 1)[0])

    @property
    def rounds(self) -> int:
        """Rounds that the comparison rests on."""
        found = self.verdicts[self.best]
        return found.rounds if found else 0

    @cached_property
    def tied(self) -> list[int]:
        """The best and whoever is the same or undecided; with one round there is only a best."""
        return [
            index
            for index, found in enumerate(self.verdicts)
            if index == self.best or (found and found.low is not None and not found.differs)
        ]

    @cached_property
    def order(self) -> list[int]:
        """Entries from fast to slow."""
        return sorted(range(len(self.entries)), key=lambda index: _ratio(self.verdicts[index]))


def contests(groups: Sequence[Group], work: str) -> list[Contest]:
    """One contest for every device and dtype that the work was measured with, the fullest first."""
    members: dict[tuple[str, str], list[Group]] = defaultdict(list)
    for group in groups:
        if group.work == work and group.published:
            members[group.text("device"), group.text("dtype")].append(group)
    found = [hold(part) for part in members.values()]
    return sorted(found, key=lambda contest: -len({implementation for implementation, _ in contest.entries}))


def smallest(contest: Contest) -> Contest | None:
    """The contest on the smallest input alone, where the cost of a call decides; None if there is one shape."""
    if len({group.shape for group in contest.groups}) < 2:
        return None
    return hold([min(contest.groups, key=lambda group: math.prod(group.shape))])


def hold(groups: Sequence[Group]) -> Contest:
    """Compare everyone who was measured on the same groups.

    Args:
        groups: groups of one work, device and dtype, each with a published speed.

    Returns:
        The contest over those groups for which the most figures can be compared.
    """
    tables = [_by_entry(group) for group in groups]
    coverage = _coverage(tables)
    places = sorted(_fullest(list(coverage.values())))
    entries = [entry for entry in coverage if coverage[entry].issuperset(places)]
    cases = [[tables[place][entry] for entry in entries] for place in places]
    best = _unbeaten(cases)
    first, competing = groups[0], set(entries)
    return Contest(
        first.work,
        first.text("device"),
        first.text("dtype"),
        tuple(groups[place] for place in places),
        tuple(entries),
        tuple((entry, len(covered)) for entry, covered in coverage.items() if entry not in competing),
        log_ratios_over_groups(cases, best),
        best,
    )


def _by_entry(group: Group) -> dict[Entry, PassValues]:
    return {speed.entry: speed.minima for speed in group.published}


def _unbeaten(cases: Sequence[Sequence[PassValues]]) -> int:
    """The entry beside which no other has a smaller mean ratio.

    A ratio is a median of paired passes, so that ratios to one entry do not multiply to ratios between two others, and
    the smallest beside any third need not be the smallest beside itself. Where entries beat each other in a circle, the
    one that closes it.
    """
    best, seen = 0, set[int]()
    while best not in seen:
        seen.add(best)
        best = fastest(log_ratios_over_groups(cases, best))
    return best


def _coverage(tables: Sequence[Mapping[Entry, PassValues]]) -> dict[Entry, frozenset[int]]:
    """Entry -> the places of the groups that it was measured on."""
    entries = dict.fromkeys(entry for table in tables for entry in table)
    return {entry: frozenset(i for i, table in enumerate(tables) if entry in table) for entry in entries}


def _fullest(coverages: Sequence[frozenset[int]]) -> frozenset[int]:
    """The set of groups on which the most can be compared: groups times the entries that were measured on all."""
    tally = Counter(coverages)

    def compared(places: frozenset[int]) -> tuple[int, int]:
        return len(places) * sum(number for covered, number in tally.items() if covered >= places), len(places)

    return max(tally, key=compared)


def _ratio(found: Verdict | None) -> float:
    """The ratio, for sorting: what could not be compared comes last."""
    return found.ratio if found else math.inf
