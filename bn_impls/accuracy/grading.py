"""Grades by condition: how far a layer is off where the input is ill-conditioned, or not finite. Never a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bn_impls.accuracy.comparison import Comparison, Figures
from bn_impls.accuracy.errors import PATTERNS, Pattern, pattern
from bn_impls.accuracy.exact import Compared

SIZED = ("output_training", "output_inference", "gradient_input")
"""Quantities of a size of their own: an error as large as they are has lost all digits. The others may be near 0 by
chance, or, as the variance of a constant, by right."""


class Grades:
    """The worst of each figure of each condition, over all steps."""

    def __init__(self, comparison: Comparison) -> None:
        """Start with nothing seen."""
        self.comparison = comparison
        self.worst: dict[str, Figures] = {condition.name: {} for condition in comparison.conditions}
        self.patterns: dict[str, dict[str, Pattern]] = {condition.name: {} for condition in comparison.conditions}

    def add(self, compared: Mapping[str, Compared]) -> None:
        """Take in the values of one step."""
        for name in self.worst:
            for quantity, one in compared.items():
                self._add(name, quantity, self.comparison.part(one, name))

    def _add(self, name: str, quantity: str, part: Compared) -> None:
        seen = pattern(part.got, part.exact)
        before = self.patterns[name].get(quantity, "same")
        self.patterns[name][quantity] = max(before, seen, key=PATTERNS.index)
        if np.all(np.isfinite(part.exact)):
            figures = self.comparison.part_figures(part)
            figures["rel"] = figures["rel"] if np.any(part.exact) else 0.0  # beside nothing, nothing is relative
            old = self.worst[name].get(quantity, figures)
            self.worst[name][quantity] = {measure: max(figures[measure], old[measure]) for measure in figures}

    def metrics(self) -> dict[str, Any]:
        """For each condition the worst error over its bound and whose it is, the worst relative one, and patterns."""
        found: dict[str, Any] = {}
        for name, of in self.worst.items():
            if of:
                worst = max(of, key=lambda quantity: of[quantity]["over_bound"])
                sizes = [of[quantity]["rel"] for quantity in SIZED if quantity in of]
                found[f"{name}_error_over_bound"] = of[worst]["over_bound"]
                found[f"{name}_worst_quantity"] = worst
                found |= {f"{name}_error_rel": max(sizes)} if sizes else {}
            by_kind = {kind: [q for q, seen in self.patterns[name].items() if seen == kind] for kind in PATTERNS[1:]}
            expected = any(quantity not in of for quantity in self.patterns[name])
            for kind, quantities in by_kind.items():
                if quantities or expected:  # where nothing is amiss and nothing was to be, there is nothing to tell
                    found[f"{name}_{kind.replace(' ', '_')}"] = quantities
        return found
