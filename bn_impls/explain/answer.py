"""The whole of it: observe both sides, find what each computes, attribute the difference, try the remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from bn_impls.explain.asking import NotComparable, Side
from bn_impls.explain.attribution import Explained, Pair, attribute
from bn_impls.explain.observing import Observed
from bn_impls.explain.question import Question, draw
from bn_impls.explain.remedy import Remedy, remedy
from bn_impls.explain.replay import Replay, declared
from bn_impls.explain.search import Found, Search
from bn_impls.interface import Configuration, Unsupported
from bn_impls.semantics.description import Semantics

Verdict = Literal["same", "explained", "unexplained"]


@dataclass(frozen=True)
class OneSide:
    """One side: what it declared, what it answered, and what it was found to compute."""

    name: str
    style: str
    configuration: Configuration
    observed: Observed
    found: Found

    def undeclared(self) -> dict[str, tuple[Any, Any]]:
        """Field -> (declared, found), where it does otherwise than it says."""
        return self._changed(self.found.semantics)

    def alternatives(self) -> list[dict[str, Any]]:
        """Other changes from what it declared that give the same answers: field -> value."""
        return [{name: value for name, (_, value) in self._changed(other).items()} for other in self.found.others]

    def _changed(self, semantics: Semantics) -> dict[str, tuple[Any, Any]]:
        return {
            name: (value, getattr(semantics, name))
            for name, value in vars(declared(self.configuration)).items() if value != getattr(semantics, name)
        }  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """Why two implementations differ."""

    question: Question
    a: OneSide
    b: OneSide
    quantities: tuple[Explained, ...]
    remedies: tuple[Remedy, ...]

    @property
    def verdict(self) -> Verdict:
        """``same``, ``explained`` or ``unexplained``."""
        if any(quantity.unexplained for quantity in self.quantities if not quantity.same):
            return "unexplained"
        return "same" if all(quantity.same for quantity in self.quantities) else "explained"

    def causes(self) -> list[str]:
        """Fields that explain a difference, the ones with the largest share first."""
        shares: dict[str, float] = {}
        for quantity in self.quantities:
            for cause in quantity.causes:
                shares[cause.field] = max(shares.get(cause.field, 0.0), abs(cause.share))
        return sorted(shares, key=lambda field: -shares[field])


def look(side: Side, question: Question) -> OneSide:
    """Observe one side and find what it computes.

    Raises:
        NotComparable: it does not offer this.
        SideLost: it failed, crashed or hung.
    """
    answer = side.observed(question)
    if isinstance(answer, Unsupported):
        raise NotComparable(f"{side.name} does not offer this: {answer.reason}")
    observed, conventions = answer
    configuration = question.configuration(conventions, side.style)
    replay = Replay(question, configuration, draw(question, configuration))
    return OneSide(side.name, side.style, configuration, observed, Search(replay, observed).find())


def compare(question: Question, a: OneSide, b: OneSide) -> tuple[Explained, ...]:
    """Attribute the difference of two sides, quantity by quantity."""
    replay = Replay(question, a.configuration, draw(question, a.configuration))
    return attribute(Pair(a.observed, b.observed, a.found, b.found, replay))


def explain(question: Question, a: Side, b: Side) -> Answer:
    """Say why two implementations differ.

    Args:
        question: the circumstances.
        a: one side.
        b: the other one.

    Returns:
        The answer.

    Raises:
        NotComparable: one does not offer this.
        SideLost: one failed, crashed or hung.
    """
    one, other = look(a, question), look(b, question)
    answer = Answer(question, one, other, compare(question, one, other), ())
    if answer.verdict == "same" or not (causes := answer.causes()):
        return answer
    return Answer(question, one, other, answer.quantities, _remedies(answer, a, b, causes))


def _remedies(answer: Answer, a: Side, b: Side, causes: list[str]) -> tuple[Remedy, ...]:
    """Making A equal B, and where that is not possible, making B equal A."""
    one, other = answer.a, answer.b
    of_a, of_b = (one.found.semantics, one.observed), (other.found.semantics, other.observed)
    tried = remedy("a", a, answer.question, of_a, of_b, causes)
    if not tried.refused and not tried.ignored:
        return (tried,)
    return tried, remedy("b", b, answer.question, of_b, of_a, causes)
