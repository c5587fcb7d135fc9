"""The cases of claims: equal parameters are one case, so that claims share runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from benchmarks.cases import Case

AXIS = "claims"
DATASET = "mnist-5000"
CHEAPEST = "numpy-reference"
"""Hosted by the NumPy network, it needs no framework, and its arithmetic is that of any other within rounding."""


def case(experiment: str, implementation: str, told: Sequence[str] = (), **parameters: Any) -> Case:
    """A case of a claim.

    Args:
        experiment: module of :mod:`benchmarks.claims.experiments`.
        implementation: whose worker runs it.
        told: names of the parameters that its label shows; all others are in the label's hash.
        parameters: plain values that determine the case. ``alone`` (true) makes it run while nothing else does, for
            what is timed; ``stages`` names its stages if they are not the one stage ``run``.

    Returns:
        The case; the same for the same arguments, from whatever claim.
    """
    chosen = {"experiment": experiment, **parameters}
    digest = hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:8]
    shown = [f"{name}={_short(parameters[name])}" for name in told]
    return Case(AXIS, implementation, "-".join([experiment, *shown, digest]), json.loads(json.dumps(chosen)))


def _short(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return "x".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
