"""How often a run looks at its speeds to decide whether to measure more: what their intervals are corrected for."""

from __future__ import annotations


def looks_within(budget_min: float) -> int:
    """2 where a budget allows a top-up round of what is undecided after the planned ones, else 1.

    It holds for the comparisons that the first look decided as well, for they might have been topped up.

    Args:
        budget_min: minutes that the top-up round may take.
    """
    return 2 if budget_min > 0 else 1
