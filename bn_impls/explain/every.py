"""Every pair of implementations: which differ by more than rounding, and what explains it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path
from typing import Any

from bn_impls.errors import BadRunFolder, BnBenchError
from bn_impls.explain.answer import OneSide, compare, look
from bn_impls.explain.asking import Side, SideLost, side
from bn_impls.explain.circumstances import USUAL
from bn_impls.explain.question import Question, plain
from bn_impls.explain.rendering import cause_names, circumstances_words, explained_by, row_of
from bn_impls.isolation.lines import encode

Looked = OneSide | str  # what was found of a side, or why it does not take part
Show = Callable[[int, int, str], None]


def look_at_all(
    names: Iterable[str], questions: Sequence[Question], show: Show = lambda done, all_of_them, name: None
) -> dict[str, list[Looked]]:
    """Observe implementations, each in a process of its own that answers every question; a few at a time.

    Args:
        names: of the implementations.
        questions: the circumstances.
        show: told whenever one begins how many are done, how many there are, and its name.

    Returns:
        By name, what was found of each question.
    """
    everybody, done = list(names), 0

    def looked(name: str) -> list[Looked]:
        nonlocal done
        show(done, len(everybody), name)
        found = _looked(name, questions)
        done += 1
        return found

    with ThreadPoolExecutor(min(AT_ONCE, os.cpu_count() or 1)) as pool:
        return dict(zip(everybody, pool.map(looked, everybody), strict=True))


AT_ONCE = 4  # each holds a framework in memory


def _looked(name: str, questions: Sequence[Question]) -> list[Looked]:
    """Every question in one process; one that loses it is a reason, and the next ones get another process."""
    found: list[Looked] = []
    while len(found) < len(questions):
        try:
            with side(name, None) as one:
                while len(found) < len(questions) and not one.gone:
                    found.append(_look(one, questions[len(found)]))
        except (BnBenchError, SideLost) as error:  # it does not start, and would not the next time
            return [*found, *[str(error)] * (len(questions) - len(found))]
    return found


def _look(one: Side, question: Question) -> Looked:
    try:
        return look(one, question)
    except (BnBenchError, SideLost) as error:
        return str(error)


def rows(question: Question, found: Mapping[str, OneSide]) -> list[dict[str, Any]]:
    """One row a pair and quantity that differ by more than rounding.

    Args:
        question: the circumstances.
        found: what was found, by name.

    Returns:
        Rows with ``a``, ``b``, ``quantity``, ``difference``, ``over_bound``, ``scale``, ``causes``, ``rounding``,
        ``unexplained``, ``missing``, ``explained_by`` (the causes in words) and ``causes_named`` (without sides and
        shares), as JSON takes them.
    """
    return [
        _told(row_of(one.name, other.name, quantity))
        for one, other in combinations(found.values(), 2)
        for quantity in compare(question, one, other)
        if not quantity.same
    ]


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"explained_by": explained_by(row), "causes_named": cause_names(row)}


def explanations(
    names: Iterable[str], questions: Sequence[Question], show: Show = lambda done, all_of_them, name: None
) -> list[dict[str, Any]]:
    """All pairs under each question, in the form of the entries of the file ``explanations.json``.

    Args:
        names: of the implementations.
        questions: the circumstances.
        show: as :func:`look_at_all` tells it.

    Returns:
        For each question: ``question``, ``circumstances`` (the same in words), ``implementations`` (who took part),
        ``left_out`` (name -> reason), ``undeclared`` (name -> field -> declared and found), and ``differences``.
    """
    looked = look_at_all(names, questions, show)
    return [
        _entry(question, {name: found[place] for name, found in looked.items()})
        for place, question in enumerate(questions)
    ]


def _entry(question: Question, looked: Mapping[str, Looked]) -> dict[str, Any]:
    found = {name: one for name, one in looked.items() if isinstance(one, OneSide)}
    undeclared = {name: one.undeclared() for name, one in found.items()}
    return {
        "question": plain(question),
        "circumstances": circumstances_words(plain(question)),
        "implementations": list(found),
        "left_out": {name: reason for name, reason in looked.items() if isinstance(reason, str)},
        "undeclared": {
            name: {field: {"declared": declared, "found": seen} for field, (declared, seen) in fields.items()}
            for name, fields in undeclared.items() if fields
        },
        "differences": rows(question, found),
    }  # fmt: skip


FILE, SCHEMA = "explanations.json", 1


FILE, SCHEMA = "explanations.json", 1


def into_run(
    folder: Path,
    names: Iterable[str],
    questions: Sequence[Question] = USUAL,
    show: Show = lambda done, all_of_them, name: None,
) -> list[dict[str, Any]]:
    """Explain all pairs and leave the result in a run folder, where the report finds it.

    Args:
        folder: of a run.
        names: of the implementations.
        questions: the circumstances, each an entry.
        show: as :func:`look_at_all` tells it.

    Returns:
        The entries of the file.

    Raises:
        BadRunFolder: it is none, or cannot be written.
    """
    if not (folder / "plan.json").is_file():
        raise BadRunFolder(f"{folder} is no run folder: it has no plan.json; give one that `bn-bench run` wrote")
    sets = explanations(names, questions, show)
    kept = [entry | {"differences": [_short(row) for row in entry["differences"]]} for entry in sets]
    draft = folder / f".{FILE}.draft"
    try:
        draft.write_bytes(encode({"schema": SCHEMA, "sets": kept}) + b"\n")
        draft.replace(folder / FILE)
    except OSError as error:
        raise BadRunFolder(f"{folder / FILE} cannot be written: {error.strerror or error}") from error
    return sets


def _short(row: Mapping[str, Any]) -> dict[str, Any]:
    """A difference as a run keeps it: thousands of them, of which the report shows the causes' names and one figure."""
    return {name: row[name] for name in KEPT} | {name: float(f"{row[name]:.4g}") for name in FIGURES}


KEPT = ("a", "b", "quantity", "explained_by", "causes_named")
FIGURES = ("difference", "over_bound", "unexplained")
