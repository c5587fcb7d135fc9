"""Every pair of implementations: which differ by more than rounding, and what explains it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

from bn_impls.errors import BnBenchError
from bn_impls.explain.answer import OneSide, compare, look
from bn_impls.explain.asking import SideLost, side
from bn_impls.explain.question import Question, plain
from bn_impls.explain.rendering import row_of


def look_at_all(names: Iterable[str], question: Question) -> tuple[dict[str, OneSide], dict[str, str]]:
    """Observe implementations one after the other, each in a process of its own.

    Args:
        names: of the implementations.
        question: the circumstances.

    Returns:
        What was found by name, and the reasons of those that do not take part.
    """
    found, reasons = {}, {}
    for name in names:
        try:
            with side(name, None) as one:
                found[name] = look(one, question)
        except (BnBenchError, SideLost) as error:
            reasons[name] = str(error)
    return found, reasons


def rows(question: Question, found: Mapping[str, OneSide]) -> list[dict[str, Any]]:
    """One row a pair and quantity that differ by more than rounding.

    Args:
        question: the circumstances.
        found: what was found, by name.

    Returns:
        Rows with ``a``, ``b``, ``quantity``, ``difference``, ``over_bound``, ``scale``, ``causes``, ``rounding``,
        ``unexplained`` and ``missing``, as JSON takes them.
    """
    return [
        row_of(one.name, other.name, quantity)
        for one, other in combinations(found.values(), 2)
        for quantity in compare(question, one, other)
        if not quantity.same
    ]


def explanations(names: Iterable[str], question: Question) -> dict[str, Any]:
    """All pairs, in the form of the file ``explanations.json``.

    Args:
        names: of the implementations.
        question: the circumstances.

    Returns:
        ``question``, ``implementations`` (who took part), ``left_out`` (name -> reason), ``undeclared`` (name -> field
        -> declared and found), and ``differences``.
    """
    found, reasons = look_at_all(names, question)
    undeclared = {name: one.undeclared() for name, one in found.items()}
    return {
        "question": plain(question),
        "implementations": list(found),
        "left_out": reasons,
        "undeclared": {
            name: {field: {"declared": declared, "found": seen} for field, (declared, seen) in fields.items()}
            for name, fields in undeclared.items() if fields
        },
        "differences": rows(question, found),
    }  # fmt: skip
