"""How many seeds a claim runs."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.claims.model import Size

QUICK = 2
"""Too few for any verdict about a difference: a quick run looks whether everything works, and at the direction."""


def seeds(size: Size, full: int = 5, quick: int = QUICK) -> range:
    """The seeds of a size; equal seeds give equal initial weights and batches to both sides of a pair."""
    counts: Mapping[Size, int] = {"quick": quick, "full": full}
    return range(counts[size])
