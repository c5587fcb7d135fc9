"""Which semantics reproduce what one side answered.

Semantics *reproduce* answers if every one is within twice the derived bound of a good evaluation, so that two sides of
the same semantics are within four times of each other. The search begins at what the side declares and changes one
field at a time; a small set of the best is kept at every depth, because the first of two changes need not be the one
that looks best. Changes of the function are tried first: reproducing seven quantities to rounding is evidence that
nothing else can give. Only then come causes within rounding (:mod:`bn_impls.explain.rounding`), which are held to tests
that can fail.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from bn_impls.errors import BadConfiguration
from bn_impls.explain.hypotheses import alternatives, rounding_alternatives
from bn_impls.explain.observing import GRADIENTS, Observed
from bn_impls.explain.replay import Replay, declared, differences, excess
from bn_impls.explain.rounding import WITHIN, RoundingTests
from bn_impls.semantics.description import Semantics

KEPT, OF_ONE_FIELD, DEPTH = 8, 2, 4  # of the search
BETTER = 0.05  # least fall of the summed log10 of the excesses that is worth following: noise gives less


@dataclass(frozen=True)
class Found:
    """What a side computes, as far as it was found.

    Attributes:
        semantics: resolved.
        excess: quantity -> what is left, in units of the bound.
        residual: quantity -> what is left.
        rounding: the choices within rounding that account for what is left, by field; empty if none is needed.
        rounding_errors: quantity -> error of a reference that rounds so.
        others: other semantics with as few changes that reproduce the answers as well.
    """

    semantics: Semantics
    excess: Mapping[str, float]
    residual: Mapping[str, float]
    rounding: Mapping[str, object]
    rounding_errors: Mapping[str, float]
    others: tuple[Semantics, ...] = ()

    @property
    def solved(self) -> bool:
        """Whether nothing is left, or rounding of a known kind."""
        return bool(self.rounding) or all(value <= WITHIN for value in self.excess.values())


@dataclass(frozen=True)
class _Node:
    semantics: Semantics
    excess: Mapping[str, float]

    @property
    def solved(self) -> bool:
        return all(value <= WITHIN for value in self.excess.values())

    @property
    def reproduced(self) -> frozenset[str]:
        return frozenset(name for name, value in self.excess.items() if value <= WITHIN)

    @property
    def cost(self) -> float:
        """Sum of the logarithms of what is left above rounding."""
        return sum(math.log10(min(max(value, WITHIN), 1e30) / WITHIN) for value in self.excess.values())


class Search:
    """The search for one side."""

    def __init__(self, replay: Replay, observed: Observed) -> None:
        """Keep both.

        Args:
            replay: of the question.
            observed: the side's answers.
        """
        self.replay, self.observed = replay, observed
        self.tests = RoundingTests(replay, observed)

    def find(self) -> Found:
        """Search from what the side declares."""
        start = self._node(declared(self.replay.configuration))
        assert start is not None
        levels = [[start]]
        while not (solved := [node for node in levels[-1] if node.solved]) and len(levels) <= DEPTH:
            if not (further := self._expanded(levels[-1])):
                break
            levels.append(further)
        if solved:
            solved = sorted(solved, key=lambda node: _written_out(start.semantics, node.semantics))
            return self._found(solved[0], others=_of_other_fields(start, solved))
        best = [node for level in levels for node in level[:2]]
        for node in best:  # the fewest changes first: where rounding is large, further ones only follow the noise
            if (found := self._by_rounding(node)) is not None:
                return found
        return self._found(self._pruned(max(best, key=lambda node: (len(node.reproduced), -node.cost)), start))

    def _node(self, semantics: Semantics) -> _Node | None:
        try:
            replayed = self.replay(semantics)
        except BadConfiguration:  # an axis of another size cannot be the channels'
            return None
        off = excess(self.observed.answers, replayed.answers, replayed.bounds)
        if self.observed.not_offered:
            off |= dict.fromkeys(GRADIENTS, 0.0)
        return _Node(semantics, off)

    def _expanded(self, nodes: list[_Node]) -> list[_Node]:
        """The best single changes of these, best first; of equals, the likelier first."""
        found: dict[Semantics, tuple[_Node, str]] = {}
        for node in nodes:
            for changed in alternatives(node.semantics, self.observed, self.replay.inputs, self.replay.configuration):
                child = None if changed in found else self._node(changed)
                if child is not None and child.cost < node.cost - BETTER:
                    found[changed] = child, _changed_field(node.semantics, changed)
        if solved := [node for node, _ in found.values() if node.solved]:
            return solved
        kept: list[_Node] = []
        of_field: Counter[str] = Counter()
        for node, field in sorted(found.values(), key=lambda pair: pair[0].cost):
            if of_field[field] < OF_ONE_FIELD and len(kept) < KEPT:  # ten fitted epsilons would crowd out the rest
                kept.append(node)
                of_field[field] += 1
        return kept

    def _pruned(self, node: _Node, start: _Node) -> _Node:
        """Without the changes that reproduce nothing: what does not reproduce a quantity is no finding."""
        for name, value in vars(start.semantics).items():
            if getattr(node.semantics, name) != value:
                simpler = self._node(node.semantics.changed(**{name: value}))
                if simpler is not None and simpler.reproduced >= node.reproduced:
                    node = simpler
        return node

    def _by_rounding(self, node: _Node) -> Found | None:
        """One rounding choice, or two, that account for what a node leaves."""
        for candidate in rounding_alternatives(node.semantics, self.replay.configuration):
            if (errors := self.tests.errors(node.excess, candidate)) is not None:
                return self._found(node, rounding=candidate, rounding_errors=errors)
        return None

    def _found(
        self, node: _Node, *, rounding: Semantics | None = None, rounding_errors: Mapping[str, float] | None = None,
        others: tuple[Semantics, ...] = (),
    ) -> Found:  # fmt: skip
        chosen = {} if rounding is None else {
            name: value for name, value in vars(rounding).items() if value != getattr(node.semantics, name)
        }  # fmt: skip
        left = differences(self.observed.answers, self.replay(node.semantics).answers)
        return Found(node.semantics, node.excess, left, chosen, rounding_errors or {}, others)


def _changed_field(base: Semantics, changed: Semantics) -> str:
    return next(name for name, value in vars(base).items() if getattr(changed, name) != value)


def _written_out(declared: Semantics, found: Semantics) -> int:
    """How many digits the changed numbers have: of answers as good, the one that somebody would write is meant."""
    changed = [value for name, value in vars(found).items() if value != getattr(declared, name)]
    return sum(len(f"{value:g}") for value in changed if isinstance(value, float))


def _of_other_fields(start: _Node, solved: list[_Node]) -> tuple[Semantics, ...]:
    """The first of each further set of changed fields that gives the same answers."""
    by_fields: dict[tuple[str, ...], Semantics] = {}
    for node in solved:
        changed = tuple(name for name, value in vars(start.semantics).items() if getattr(node.semantics, name) != value)
        by_fields.setdefault(changed, node.semantics)
    return tuple(by_fields.values())[1:]
