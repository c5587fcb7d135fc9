"""The matrix as text for a terminal: a block for each question, who gave which answer, and the numbers seen."""

from __future__ import annotations

import shutil
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from bn_impls.semantics.asking import NOT_OFFERED, Question

TROUBLE = ("failed", "crashed", "timed out", "out of memory", "not asked")
SILENT = (NOT_OFFERED, "not installed", "not asked")
LEGEND = "> differs from what most do    ! contradicts what is declared"
Matrix = Mapping[str, Mapping[str, Mapping[str, Any]]]
Named = tuple[str, Mapping[str, Any]]


def most(matrix: Matrix, key: str) -> str | None:
    """What most implementations were observed to do; None without a majority of two or more."""
    counted = Counter(row[key]["observed"] for row in matrix.values() if row[key]["observed"] not in SILENT)
    ranked = counted.most_common(2)
    if not ranked or ranked[0][1] < 2 or (len(ranked) > 1 and ranked[1][1] == ranked[0][1]):
        return None
    return str(ranked[0][0])


def differing(matrix: Matrix, questions: Sequence[Question]) -> list[Question]:
    """The questions that were not answered alike: in implementation, style, or between declared and observed."""

    def differs(question: Question) -> bool:
        cells = [cell for _, cell in _cells(question.key, matrix)]
        return len({cell["observed"] for cell in cells}) > 1 or any(
            contradicts(cell) or cell["observed"] in TROUBLE for cell in cells
        )

    return [question for question in questions if differs(question)]


def as_text(matrix: Matrix, questions: Sequence[Question]) -> str:
    """The table.

    Args:
        matrix: name -> question -> cell.
        questions: in the order to be shown.

    Returns:
        Lines no wider than the terminal, between 80 and 160 columns.
    """
    width = min(max(shutil.get_terminal_size((110, 24)).columns, 80), 160)
    return "\n\n".join([LEGEND, *(_block(question, matrix, width) for question in questions)])


def _block(question: Question, matrix: Matrix, width: int) -> str:
    """A question, and a paragraph for each answer that was given to it."""
    usual = most(matrix, question.key)
    groups: dict[str, list[Named]] = {}
    for name, cell in _cells(question.key, matrix):
        same = cell["observed"] if cell["observed"] not in SILENT else f"{cell['observed']}: {cell['evidence']}"
        groups.setdefault(same, []).append((name, cell))
    lines = [question.title, *_wrapped(question.meaning, width, "  ", "  ")]
    for observed, members in groups.items():
        lines += _wrapped(observed, width, f"  {_mark(members, usual)} ", "    ")
        lines += _wrapped(", ".join(name for name, _ in members), width, "      ", "      ")
        if not observed.startswith(SILENT):
            lines += _wrapped(_seen(members), width, "        ", "        ")
    return "\n".join(lines)


def _cells(key: str, matrix: Matrix) -> list[Named]:
    """Every cell of a question; a style that differs from the usual one is a cell of its own."""
    found: list[Named] = []
    for name, row in matrix.items():
        cell = row[key]
        found.append((name, cell))
        for style, other in cell.get("by_style", {}).items():
            if other["observed"] != cell["observed"]:
                found.append((f"{name} ({style})", other))
    return found


def _seen(members: Sequence[Named]) -> str:
    """The first one's evidence, and what a contradicted one declares."""
    name, cell = members[0]
    text = f"{name}: {cell['evidence']}" if len(members) > 1 else cell["evidence"]
    contradicted = [f"{who} declares {c['declared']}" for who, c in members if contradicts(c)]
    return "; ".join([*contradicted, text])


def contradicts(cell: Mapping[str, Any]) -> bool:
    """Whether something else was declared than observed; silence contradicts nothing."""
    return cell["declared"] is not None and cell["declared"] != cell["observed"]


def _mark(members: Sequence[Named], usual: str | None) -> str:
    if any(contradicts(cell) for _, cell in members):
        return "!"
    observed = members[0][1]["observed"]
    return ">" if usual is not None and observed not in (*SILENT, usual) else " "


def _wrapped(text: str, width: int, first: str, later: str) -> list[str]:
    printable = "".join(character if character.isprintable() else " " for character in text)
    return textwrap.wrap(printable, width, initial_indent=first, subsequent_indent=later)
