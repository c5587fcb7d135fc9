"""Every pair of implementations: which differ by more than rounding, and what explains it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

from bn_impls.errors import BadRunFolder, BnBenchError
from bn_impls.explain.answer import OneSide, compare, look
from bn_impls.explain.asking import SideLost, side
from bn_impls.explain.question import Question, plain
from bn_impls.explain.rendering import explained_by, row_of
from bn_impls.isolation.lines import encode


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
        ``unexplained``, ``missing`` and ``explained_by`` (the causes in words), as JSON takes them.
    """
    return [
        _told(row_of(one.name, other.name, quantity))
        for one, other in combinations(found.values(), 2)
        for quantity in compare(question, one, other)
        if not quantity.same
    ]


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"explained_by": explained_by(row)}


def explanations(names: Iterable[str], question: Question) -> dict[str, Any]:
    """All pairs, in the form of one entry of the file ``explanations.json``.

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


FILE, SCHEMA = "explanations.json", 1
USUAL = (Question(), Question(shape=(4, 5, 5, 3)))  # where APIs differ by rank


def into_run(folder: Path, names: Iterable[str], questions: Iterable[Question] = USUAL) -> Path:
    """Explain all pairs and leave the result in a run folder, where the report finds it.

    Args:
        folder: of a run.
        names: of the implementations.
        questions: the circumstances, each an entry.

    Returns:
        The file.

    Raises:
        BadRunFolder: it is none, or cannot be written.
    """
    if not (folder / "plan.json").is_file():
        raise BadRunFolder(f"{folder} is no run folder: it has no plan.json; give one that `bn-bench run` wrote")
    everybody = list(names)
    found = {"schema": SCHEMA, "sets": [explanations(everybody, question) for question in questions]}
    draft = folder / f".{FILE}.draft"
    try:
        draft.write_bytes(encode(found) + b"\n")
        draft.replace(folder / FILE)
    except OSError as error:
        raise BadRunFolder(f"{folder / FILE} cannot be written: {error.strerror or error}") from error
    return folder / FILE
