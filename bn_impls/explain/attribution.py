"""How much of a measured difference each cause explains: a walk from one side's semantics to the other's.

The walk begins with the difference of the two sides' answers. First side A's answers are replaced by the exact ones of
its semantics, which takes away A's rounding; then one field after the other is set to B's value, always the one
that leaves least; what is left at the end is B's rounding, or unexplained. A cause's share is the fall of the largest
difference at its step over the measured difference; a step that makes it larger has a negative share.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from bn_impls.accuracy.comparison import FIRST_ORDER
from bn_impls.accuracy.errors import distance, over
from bn_impls.errors import BadConfiguration
from bn_impls.explain.observing import Observed
from bn_impls.explain.replay import ROUNDING_FIELDS, Replay
from bn_impls.explain.rounding import WITHIN
from bn_impls.explain.search import Found
from bn_impls.interface import Array
from bn_impls.semantics.description import Semantics

SAME = 2 * WITHIN  # bounds between two sides, each of which may be within WITHIN of the exact answer


@dataclass(frozen=True)
class Cause:
    """One field of the semantics, and what setting A's value to B's takes away.

    Attributes:
        field: of :class:`Semantics`.
        a: A's value.
        b: B's value.
        before: largest difference before this step.
        after: and after it.
        share: of the measured difference that the step takes away.
    """

    field: str
    a: Any
    b: Any
    before: float
    after: float
    share: float


@dataclass(frozen=True)
class Rounding:
    """What one side's rounding takes away.

    Attributes:
        side: ``a`` or ``b``.
        choices: by field of :class:`Semantics`.
        error: of the side, largest.
        expected: of a reference that rounds so.
        share: of the measured difference.
    """

    side: str
    choices: Mapping[str, Any]
    error: float
    expected: float
    share: float


@dataclass(frozen=True)
class Explained:
    """One quantity.

    Attributes:
        quantity: its name.
        difference: largest one measured.
        over_bound: the same in units of the derived bound.
        scale: largest value on either side.
        causes: in the order of the walk.
        rounding: causes within rounding.
        unexplained: what no cause accounts for; 0 if nothing.
        missing: the side that gives no such quantity; ``both`` if neither does.
    """

    quantity: str
    difference: float
    over_bound: float
    scale: float
    causes: tuple[Cause, ...]
    rounding: tuple[Rounding, ...]
    unexplained: float
    missing: str = ""

    @property
    def same(self) -> bool:
        """Whether the difference is within what rounding explains."""
        return self.over_bound <= SAME


@dataclass(frozen=True)
class Pair:
    """Both sides' answers and what was found of them."""

    a: Observed
    b: Observed
    found_a: Found
    found_b: Found
    replay: Replay


def attribute(pair: Pair) -> tuple[Explained, ...]:
    """Explain every quantity.

    Args:
        pair: both sides.

    Returns:
        One entry a quantity, in the usual order.
    """
    return tuple(_Walk(pair, quantity).explained() for quantity in FIRST_ORDER)


class _Walk:
    """The walk for one quantity."""

    def __init__(self, pair: Pair, quantity: str) -> None:
        self.pair, self.quantity = pair, quantity
        self.from_a, self.from_b = pair.a.answers[quantity], pair.b.answers[quantity]

    def explained(self) -> Explained:
        pair, name = self.pair, self.quantity
        lacking = [side for side, got in (("a", self.from_a), ("b", self.from_b)) if not got.size]
        if lacking:
            return self._not_compared(lacking)
        bounds = [pair.replay(found.semantics).bounds[name] for found in (pair.found_a, pair.found_b)]
        bound = np.maximum(np.maximum(*bounds), np.finfo(np.float64).tiny)
        gap = distance(self.from_a, self.from_b)
        difference, over_bound = _largest(gap), _largest(over(gap, bound))
        scale = max(_largest(np.abs(self.from_a)), _largest(np.abs(self.from_b)))
        if over_bound <= SAME:
            return Explained(name, difference, over_bound, scale, (), (), 0.0)
        causes = self._causes(difference)
        return Explained(
            name, difference, over_bound, scale, causes, self._rounding(difference, causes), self._unexplained()
        )

    def _not_compared(self, lacking: list[str]) -> Explained:
        """No difference where one side's API has no gradients; an unexplained one where it should have this one."""
        sides = {"a": self.pair.a, "b": self.pair.b}
        off = 0.0 if all(sides[side].not_offered for side in lacking) else float("inf")
        return Explained(self.quantity, off, off, 0.0, (), (), off, lacking[0] if len(lacking) == 1 else "both")

    def _left(self, semantics: Semantics) -> float:
        return _largest(distance(self.pair.replay(semantics).answers[self.quantity], self.from_b))

    def _causes(self, difference: float) -> tuple[Cause, ...]:
        at, goal = self.pair.found_a.semantics, self.pair.found_b.semantics
        left = self._left(at)
        open_fields = [f.name for f in fields(Semantics)
                       if f.name not in ROUNDING_FIELDS and getattr(at, f.name) != getattr(goal, f.name)]  # fmt: skip
        for field in self._idle(at, goal, open_fields):  # no cause where A's own answers do not depend on it
            at = at.changed(**{field: getattr(goal, field)})
            open_fields.remove(field)
        causes: list[Cause] = []
        while open_fields and not self._arrived(at):
            steps = self._steps(at, goal, open_fields)
            if not steps:
                break
            field = min(steps, key=lambda name: steps[name])
            after = steps[field]
            share = (left - after) / difference if np.isfinite(difference) else float(after < left)
            causes.append(Cause(field, getattr(at, field), getattr(goal, field), left, after, share))
            at, left = at.changed(**{field: getattr(goal, field)}), after
            open_fields.remove(field)
        return tuple(causes)

    def _arrived(self, at: Semantics) -> bool:
        """Whether these answers are already those of B's semantics."""
        answers = self.pair.replay(at).answers[self.quantity]
        goal = self.pair.replay(self.pair.found_b.semantics)
        return bool(np.all(distance(answers, goal.answers[self.quantity]) <= WITHIN * goal.bounds[self.quantity]))

    def _idle(self, at: Semantics, goal: Semantics, open_fields: list[str]) -> list[str]:
        """Fields that change no bit of this quantity, such as a start value that debiasing takes away."""
        here = self.pair.replay(at).answers[self.quantity]
        changed = {field: at.changed(**{field: getattr(goal, field)}) for field in open_fields}
        fitting = {field: self._answers(semantics) for field, semantics in changed.items()}
        return [field for field, found in fitting.items() if found is not None and not np.any(distance(found, here))]

    def _answers(self, semantics: Semantics) -> Array | None:
        try:
            return self.pair.replay(semantics).answers[self.quantity]
        except BadConfiguration:  # axes that do not fit these sizes
            return None

    def _steps(self, at: Semantics, goal: Semantics, open_fields: list[str]) -> dict[str, float]:
        """Field -> what is left after its step, of the fields that change this quantity by more than a bound."""
        here, found = self.pair.replay(at).answers[self.quantity], {}
        bounds = self.pair.replay(goal).bounds[self.quantity]
        for field in open_fields:
            changed = at.changed(**{field: getattr(goal, field)})
            answers = self._answers(changed)
            if answers is not None and np.any(distance(answers, here) > bounds):
                found[field] = self._left(changed)
        return found

    def _rounding(self, difference: float, causes: tuple[Cause, ...]) -> tuple[Rounding, ...]:
        sides = (("a", self.pair.found_a), ("b", self.pair.found_b))
        left = 1 - sum(cause.share for cause in causes)
        of_interest = [(side, found) for side, found in sides
                       if found.rounding and found.excess[self.quantity] > WITHIN]  # fmt: skip
        parts = _parts([found.residual[self.quantity] for _, found in of_interest])
        return tuple(
            Rounding(
                side, found.rounding, found.residual[self.quantity], found.rounding_errors[self.quantity],
                left * part,
            )
            for (side, found), part in zip(of_interest, parts, strict=True)
        )  # fmt: skip

    def _unexplained(self) -> float:
        sides = (self.pair.found_a, self.pair.found_b)
        return max(
            0.0 if found.rounding or found.excess[self.quantity] <= WITHIN else found.residual[self.quantity]
            for found in sides
        )


def _parts(residuals: list[float]) -> list[float]:
    """Parts of the sum; beside infinite ones, which are NaN on that side, finite ones are nothing."""
    if any(map(math.isinf, residuals)):
        residuals = [float(math.isinf(residual)) for residual in residuals]
    return [residual / sum(residuals) for residual in residuals]


def _largest(values: Array) -> float:
    return float(np.max(values, initial=0.0))
