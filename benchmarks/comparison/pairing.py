"""Which case of one run belongs to which of the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.report.run import Record, Run


@dataclass(frozen=True)
class Pair:
    """The records of one case in both runs."""

    a: Record
    b: Record

    @property
    def case_id(self) -> str:
        """The same in both."""
        return self.b.case_id


@dataclass(frozen=True)
class Pairing:
    """All cases of two runs.

    Attributes:
        pairs: recorded in both, in the order of B's plan.
        only_a: case ids that B did not plan.
        only_b: case ids that A did not plan.
        unrecorded: (case id, ``A`` or ``B``): planned there and not recorded, because the run was interrupted or the
            record is damaged.
        altered: (case id, what differs) where the same name stands for other parameters; such cases are not compared.
    """

    pairs: tuple[Pair, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    unrecorded: tuple[tuple[str, str], ...]
    altered: tuple[tuple[str, str], ...]


def pair_up(a: Run, b: Run) -> Pairing:
    """Bring the cases of two runs together by their ids."""
    ids_a, ids_b = _ids(a), _ids(b)
    of_a = {record.case_id: record for record in a.records}
    shared = [Pair(of_a[record.case_id], record) for record in b.records if record.case_id in of_a]
    altered = {pair.case_id: _other(pair.a.case, pair.b.case) for pair in shared if pair.a.case != pair.b.case}
    return Pairing(
        tuple(pair for pair in shared if pair.case_id not in altered),
        tuple(case_id for case_id in ids_a if case_id not in ids_b),
        tuple(case_id for case_id in ids_b if case_id not in ids_a),
        tuple((case.case_id, name) for name, run in (("A", a), ("B", b)) for case in run.missing),
        tuple(altered.items()),
    )


def _ids(run: Run) -> dict[str, None]:
    """Every case of a run, planned or recorded."""
    planned = [case.case_id for case in run.plan.cases]
    return dict.fromkeys([*planned, *(record.case_id for record in run.records)])


def _other(a: Mapping[str, Any], b: Mapping[str, Any]) -> str:
    """The parameters that differ, as ``steps 50, now 8``."""
    names = [name for name in dict.fromkeys([*a, *b]) if a.get(name) != b.get(name)]
    return ", ".join(f"{name} {a.get(name, 'not there')}, now {b.get(name, 'not there')}" for name in names)
