"""Agreement: errors that grew."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.comparison.pairing import Pair
from benchmarks.report.errors import severity
from benchmarks.report.wording import QUANTITIES

FACTOR = 4.0
FLOOR = 0.1  # of the bound; what grows below it has lost nothing that anybody sees


@dataclass(frozen=True)
class GrownError:
    """An error of B that is more than ``FACTOR`` times that of A. Errors in units of the derived bound."""

    case_id: str
    quantity: str
    a: float
    b: float


def grown_errors(pairs: Iterable[Pair]) -> list[GrownError]:
    """Errors that grew by more than a factor and are above a tenth of their bound, the largest first."""
    found = [
        GrownError(pair.case_id, quantity, a, b)
        for pair in pairs
        if pair.b.axis == "agreement"
        for quantity in QUANTITIES
        for a, b in [tuple(record.number(f"{quantity}_error_over_bound") for record in (pair.a, pair.b))]
        if a is not None and b is not None and _grew(a, b)
    ]
    return sorted(found, key=lambda grown: -severity(grown.b))


def _grew(a: float, b: float) -> bool:
    if math.isnan(a):
        return False
    return math.isnan(b) or (b > FLOOR and b > FACTOR * a)
