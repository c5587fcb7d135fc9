"""The stages of each axis, each after the first in a fresh process. Framework-free: the scheduler reads it."""

from collections.abc import Mapping, Sequence
from typing import Any

STAGES = {
    "agreement": ("run",),
    "convergence": ("run",),
    "checkpoint": ("save", "restore"),
    "claims": ("run",),
}


def stages_of(axis: str, parameters: Mapping[str, Any]) -> Sequence[str]:
    """The stages of a case: its own where its parameters name them, otherwise its axis's."""
    chosen: Sequence[str] = parameters.get("stages", STAGES[axis])
    return chosen
