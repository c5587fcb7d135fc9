"""What a worker does for a claim: one module an experiment, named by a case's parameter ``experiment``.

A module has one function for each stage of a case, ``(implementation, parameters, surroundings) -> Outcome``. The usual
case has the one stage ``run``; one that names others in its parameter ``stages`` (``["save", "restore"]``) has each
after the first run in a fresh process, over the same scratch folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from benchmarks.axes.outcome import Outcome, Surroundings
from bn_impls.interface import Implementation


def run_stage(
    stage: str, implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings
) -> Outcome:
    """Run one stage of a case of the axis ``claims``."""
    module = import_module(f"{__name__}.{parameters['experiment']}")
    outcome: Outcome = getattr(module, stage)(implementation, parameters, surroundings)
    return outcome
