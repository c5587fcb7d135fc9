"""Checkpoint: what came back before and does not come back now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.comparison.pairing import Pair
from benchmarks.report.restores import parts


@dataclass(frozen=True)
class RestoreChange:
    """Parts of one checkpoint, by their titles.

    Attributes:
        case_id: the case.
        lost: came back whole in A, and not in B, each with what B found.
        regained: the other way round.
    """

    case_id: str
    lost: dict[str, str]
    regained: tuple[str, ...]


def changed_restores(pairs: Iterable[Pair]) -> list[RestoreChange]:
    """Checkpoints of which a part comes back in one run only."""
    found = []
    for pair in pairs:
        if pair.b.axis != "checkpoint" or pair.b.is_crossing or not (pair.a.measured and pair.b.measured):
            continue
        both = list(zip(parts(pair.a), parts(pair.b), strict=True))
        lost = {b.title: b.text for a, b in both if a.whole and b.whole is False}
        regained = tuple(b.title for a, b in both if a.whole is False and b.whole)
        if lost or regained:
            found.append(RestoreChange(pair.case_id, lost, regained))
    return found
