"""The walk that tells which convention makes a difference: planted predictions, and what each may be blamed for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.axes.reasons import Semantics, reasons
from bn_impls.interface import Conventions

PLAIN = Conventions(ddof=0, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False)
SIZES = {"warm_up": 3.0, "debias": 0.5, "decay_in_float32": 1e-6}


def predicted(semantics: Semantics) -> np.ndarray:
    """A sum of one term for each convention."""
    terms = [size for field, size in SIZES.items() if semantics.value(field)]
    return np.array([10.0 + sum(terms) + (0.25 if semantics.updates == "after" else 0.0)])


def test_each_convention_has_its_own_size_the_largest_first() -> None:
    """Those within rounding are no reason, and equal ones are not asked about."""
    target = Semantics(replace(PLAIN, warm_up=True, debias=True, decay_in_float32=True), "after")
    found = reasons(Semantics(PLAIN), target, predicted, rounding=1e-3)
    assert [(one.field, one.source, one.target) for one in found] == [
        ("warm_up", False, True), ("debias", False, True), ("updates", "within", "after"),
    ]  # fmt: skip
    assert np.allclose([one.size for one in found], [3.0, 0.5, 0.25], atol=1e-5)


def test_the_same_semantics_have_no_reason() -> None:
    """Nor do start values, which are behind a state that is handed over."""
    other = Semantics(replace(PLAIN, initial_mean=5.0, initial_variance=0.0))
    assert reasons(Semantics(PLAIN), other, predicted, rounding=0.0) == []
