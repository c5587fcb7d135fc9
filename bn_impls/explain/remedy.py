"""What to change to make one side equal to the other, tried out rather than promised."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from bn_impls.explain.asking import Side
from bn_impls.explain.observing import Observed
from bn_impls.explain.question import Question
from bn_impls.explain.replay import differences
from bn_impls.interface import Conventions, Unsupported
from bn_impls.semantics.description import Semantics

SETTABLE = ("epsilon", "decay", "moving_ddof", "initial_mean", "initial_variance", "warm_up", "decay_rounding")
"""Fields that a configuration has; the others stand in an implementation's code."""


@dataclass(frozen=True)
class Remedy:
    """What becomes of one side when it is given the other's settings.

    Attributes:
        side: ``a`` or ``b``, the one that is changed.
        settings: what it is built with, by field.
        refused: field -> why its API does not take the other side's value.
        ignored: fields whose value its API took without doing anything else than before.
        not_settings: fields that are no setting of a layer.
        left: largest differences after the change, by quantity; None where nothing could be changed.
    """

    side: str
    settings: dict[str, Any]
    refused: dict[str, str]
    ignored: tuple[str, ...]
    not_settings: tuple[str, ...]
    left: dict[str, float] | None


def remedy(
    which: str,
    side: Side,
    question: Question,
    own: tuple[Semantics, Observed],
    other: tuple[Semantics, Observed],
    causes: Iterable[str],
) -> Remedy:
    """Build one side with the other's values, field by field and then together, and measure again.

    Args:
        which: ``a`` or ``b``.
        side: the one to change.
        question: the circumstances.
        own: its semantics and answers.
        other: those of the other side.
        causes: fields that explain a difference.

    Returns:
        What could be changed, and what is left then.

    Raises:
        SideLost: the side failed under the other's settings.
    """
    fields = list(dict.fromkeys(causes))
    settings: dict[str, Any] = {}
    refused: dict[str, str] = {}
    ignored: list[str] = []
    latest = own[1]
    for field in (name for name in fields if name in SETTABLE):
        tried = {**settings, field: getattr(other[0], field)}
        answer = _built_with(side, question, own[0], tried)
        if isinstance(answer, Unsupported):
            refused[field] = answer.reason
        elif not any(differences(answer.answers, latest.answers).values()):
            ignored.append(field)
        else:
            settings, latest = tried, answer
    left = differences(latest.answers, other[1].answers) if settings else None
    others = tuple(name for name in fields if name not in SETTABLE)
    return Remedy(which, settings, refused, tuple(ignored), others, left)


def _built_with(side: Side, question: Question, own: Semantics, values: dict[str, Any]) -> Observed | Unsupported:
    wanted = own.changed(**values)
    if wanted.warm_up not in ("never", "count", "debiased"):
        return Unsupported(f"a layer's settings know no warm-up {wanted.warm_up!r}")
    conventions: Conventions = wanted.conventions()
    assert wanted.epsilon is not None and wanted.decay is not None
    asked = replace(question, defaults=False, epsilon=wanted.epsilon, decay=wanted.decay)
    answer = side.observed(asked, conventions)
    return answer if isinstance(answer, Unsupported) else answer[0]
