"""Results of a claim's cases whose truth is known."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.model import Claim, Size
from benchmarks.claims.results import Results

Planted = Mapping[str, Any] | Callable[[Case], Mapping[str, Any]]


def plant(claim: Claim, values: Planted, folder: Path, size: Size = "full") -> Results:
    """Results of a claim: planted numbers become metrics, arrays curves.

    Args:
        claim: whose cases are planted.
        values: the same for every case, or from the case.
        folder: receives the curves.
        size: of the run.
    """
    cases, records = claim.cases(size), {}
    for number, case in enumerate(cases):
        found = values(case) if callable(values) else values
        samples: dict[str, str] = {}
        arrays = {name: value for name, value in found.items() if isinstance(value, np.ndarray)}
        if arrays:
            np.savez(folder / f"{number}.npz", allow_pickle=False, **arrays)
            digest = hashlib.sha256((folder / f"{number}.npz").read_bytes()).hexdigest()
            samples = {"file": f"{number}.npz", "sha256": digest}
        metrics = {name: value for name, value in found.items() if name not in arrays}
        records[case.case_id] = {"status": "ok", "reason": None, "metrics": metrics, "samples": samples}
    return Results.of(size, cases, records, folder)
