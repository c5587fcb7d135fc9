"""Why a training that was handed over ends elsewhere: the conventions that the reference shows to make the difference.

Side A is the implementation that trained, side B the one that goes on. The reference goes on from A's state under A's
conventions, then one of them after the other is set to B's, always the one that leaves least; how much the inference
moves at its step is a convention's size. What B really computed must be what the reference computes under B's
conventions, within rounding, or the difference is unexplained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from benchmarks.axes.replays import Updates
from bn_impls.accuracy.errors import distance
from bn_impls.interface import Array, Conventions

UPDATES = "updates"
NOT_WALKED = ("fused", "initial_mean", "initial_variance")  # a state that is handed over has its start behind it


@dataclass(frozen=True)
class Semantics:
    """What decides the moving statistics: conventions, and when the update is run."""

    conventions: Conventions
    updates: Updates = "within"

    def value(self, field: str) -> Any:
        """One of them."""
        return self.updates if field == UPDATES else getattr(self.conventions, field)

    def changed(self, field: str, value: Any) -> Semantics:
        """The same with another value."""
        if field == UPDATES:
            return replace(self, updates=value)
        return replace(self, conventions=replace(self.conventions, **{field: value}))


FIELDS = (UPDATES, *(field.name for field in fields(Conventions) if field.name not in NOT_WALKED))
Predict = Callable[[Semantics], Array]


@dataclass(frozen=True)
class Reason:
    """One convention, and the largest change of the inference that it makes."""

    field: str
    source: Any
    target: Any
    size: float

    def as_json(self) -> Mapping[str, Any]:
        """The fields of a record."""
        return {"field": self.field, "source": self.source, "target": self.target, "size": self.size}


def reasons(source: Semantics, target: Semantics, predict: Predict, rounding: float) -> list[Reason]:
    """Walk from A's semantics to B's.

    Args:
        source: A's.
        target: B's.
        predict: the inference that the reference arrives at under some semantics.
        rounding: change below which a step is no reason.

    Returns:
        The steps that move the inference by more than rounding, the one that leaves least first.
    """
    goal, at = predict(target), source
    left = [field for field in FIELDS if source.value(field) != target.value(field)]
    found = []
    while left:
        steps = {field: at.changed(field, target.value(field)) for field in left}
        field = min(steps, key=lambda name: largest(predict(steps[name]), goal))
        size = largest(predict(at), predict(steps[field]))
        if size > rounding:
            found.append(Reason(field, source.value(field), target.value(field), size))
        at = steps[field]
        left.remove(field)
    return found


def largest(a: Array, b: Array) -> float:
    """Largest absolute difference."""
    return float(np.max(distance(a, b), initial=0.0))
