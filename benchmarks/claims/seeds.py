"""Which seeds a claim runs, and how many."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.claims.model import Size

FIRST_SEED = 1000
"""Rules, margins and counts of seeds were tried on seeds below it (docs/claims.md); no published verdict rests on one.

Initial weights, batches, dropout masks and noise are all drawn from a case's seed.
"""
FRESH_SEED = 2000
"""First seed of a claim whose rule was changed after a run from :data:`FIRST_SEED` had been seen."""
QUICK = 2
"""Too few for any verdict about a difference: a quick run looks whether everything works, and at the direction."""


def seeds(size: Size, full: int = 5, quick: int = QUICK, first: int = FIRST_SEED) -> range:
    """The seeds of a size; equal seeds give equal initial weights and batches to both sides of a pair."""
    counts: Mapping[Size, int] = {"quick": quick, "full": full}
    return range(first, first + counts[size])
