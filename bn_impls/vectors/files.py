"""The golden vectors as files: one folder a case, a manifest, a page that explains them, and their hashes."""

from __future__ import annotations

import json
from dataclasses import asdict
from hashlib import sha256
from importlib.resources import files
from typing import Any

import numpy as np

from bn_impls.interface import Array
from bn_impls.vectors.cases import CASES, Case, given
from bn_impls.vectors.evaluation import evaluate
from bn_impls.vectors.npy import npy

FORMAT, VERSION = "bn-bench golden vectors", 1
# Version 1: the first.
MANIFEST, HASHES, PAGE = "manifest.json", "SHA256SUMS", "README.md"


def contents() -> dict[str, bytes]:
    """Every file of the set by its path, with the same bytes on every run and machine."""
    made: dict[str, bytes] = {}
    cases = []
    for case in CASES:
        arrays, entries = _arrays(case), {}
        for name, array in arrays.items():
            path, (data, offset) = f"{case.name}/{name}.npy", npy(array)
            made[path] = data
            entries[name] = {
                "path": path,
                "dtype": array.dtype.name,
                "shape": list(array.shape),
                "data_offset": offset,
                "bytes": len(data),
                "sha256": sha256(data).hexdigest(),
            }
        cases.append(_parameters(case) | {"arrays": entries})
    manifest = {"format": FORMAT, "version": VERSION, "byte_order": "little", "cases": cases}
    made[MANIFEST] = (json.dumps(manifest, indent=1) + "\n").encode()
    made[PAGE] = files("bn_impls.vectors").joinpath("format.md").read_bytes()
    made[HASHES] = "".join(f"{sha256(data).hexdigest()}  {path}\n" for path, data in sorted(made.items())).encode()
    return made


def _parameters(case: Case) -> dict[str, Any]:
    settings = case.configuration()
    facts = asdict(case)
    del facts["mean"], facts["constant_channel"]  # they are in the inputs
    return facts | {"shape": list(case.shape), "channel_axis": settings.channel_axis}


def _arrays(case: Case) -> dict[str, Array]:
    """Inputs in the case's dtype; expected values and limits in float64."""
    inputs = given(case)
    results = evaluate(case, inputs)
    found = {name: np.asarray(value, case.dtype) for name, value in vars(inputs).items()}
    for name, value in results.expected.items():
        found[name] = value
        found[f"{name}_limit"] = results.limits[name]
    return found
