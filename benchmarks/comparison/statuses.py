"""Cases whose status changed, and whether that is for the worse."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.comparison.pairing import Pair
from benchmarks.report.errors import SECOND_ORDER
from benchmarks.report.run import NOT_MEASURED, Record

GRADES = {status: 3 for status in NOT_MEASURED} | {"ok": 0, "unsupported": 1, "disagrees": 2}
ABSENT = ("not_installed", "no_device")  # of the machine, not of the implementation: neither better nor worse


@dataclass(frozen=True)
class StatusChange:
    """A case whose status is not what it was.

    Attributes:
        case_id: the case.
        a: status in A.
        b: status in B.
        reason: why, as B's record says it.
        change: ``worse``, ``better``, or ``other`` where one of them says nothing of the implementation.
    """

    case_id: str
    a: str
    b: str
    reason: str
    change: str


def changed_statuses(pairs: Iterable[Pair]) -> list[StatusChange]:
    """Every status that changed."""
    return [
        StatusChange(pair.case_id, pair.a.status, pair.b.status, pair.b.reason or "", _change(pair))
        for pair in pairs
        if pair.a.status != pair.b.status
    ]


def _change(pair: Pair) -> str:
    if not _decides(pair.b) or {pair.a.status, pair.b.status} & set(ABSENT):
        return "other"
    before, after = GRADES[pair.a.status], GRADES[pair.b.status]
    return "other" if before == after else "worse" if after > before else "better"


def _decides(record: Record) -> bool:
    """Second-order gradients are told and decide nothing (``docs/decisions/0011``)."""
    return not (record.axis == "agreement" and record.text("gradients") == SECOND_ORDER)
