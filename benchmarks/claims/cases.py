"""The cases of claims: equal parameters are one case, so that claims share runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.cases import Case
from benchmarks.networks import recipe

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
    shown = [f"{name}={_short(parameters[name])}" for name in told]
    return _labelled("-".join([experiment, *shown]), implementation, {"experiment": experiment, **parameters})


def _labelled(shown: str, implementation: str, parameters: Mapping[str, Any]) -> Case:
    written = json.dumps(parameters, sort_keys=True)
    digest = hashlib.sha256(written.encode()).hexdigest()[:8]
    return Case(AXIS, implementation, f"{shown}-{digest}", json.loads(json.dumps(parameters)))


def on_dataset(planned: Case, dataset: str) -> Case:
    """A case on another data set, which its label then names.

    Args:
        planned: of a claim.
        dataset: name of a data set (:mod:`benchmarks.datasets`); each network takes its own view of it.

    Returns:
        The same case where nothing changes: it has no data, or a data set of its own (small digits for what any data
        would show; photographs, unless the data set has colour).
    """
    parameters = planned.parameters
    views = recipe(parameters["network"]).dataset_of if "network" in parameters else str
    if parameters.get("dataset") != views(DATASET) or views(dataset) == views(DATASET):
        return planned
    shown = f"{planned.label.rpartition('-')[0]}-dataset={Path(views(dataset)).name}"
    return _labelled(shown, planned.implementation, {**parameters, "dataset": views(dataset)})


def _short(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return "x".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
