"""The matrix as text for a terminal: a block for each question, answers grouped, the differing ones marked."""

from __future__ import annotations

import shutil
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from bn_impls.semantics.asking import NOT_OFFERED, Question

SILENT = (NOT_OFFERED, "not installed", "not asked")
Matrix = Mapping[str, Mapping[str, Mapping[str, Any]]]


def most(matrix: Matrix, key: str) -> str | None:
    """What most implementations were observed to do; None without a majority of two or more."""
    counted = Counter(row[key]["observed"] for row in matrix.values() if row[key]["observed"] not in SILENT)
    ranked = counted.most_common(2)
    if not ranked or ranked[0][1] < 2 or (len(ranked) > 1 and ranked[1][1] == ranked[0][1]):
        return None
    return ranked[0][0]


def as_text(matrix: Matrix, questions: Sequence[Question]) -> str:
    """The table.

    Args:
        matrix: name -> question -> cell.
        questions: in the order to be shown.

    Returns:
        Lines no wider than the terminal, between 80 and 160 columns.
    """
    width = min(max(shutil.get_terminal_size((110, 24)).columns, 80), 160)
    blocks = [_block(question, matrix, width) for question in questions]
    legend = "> differs from what most do    ! contradicts what is declared"
    return "\n\n".join([legend, *blocks])


def _block(question: Question, matrix: Matrix, width: int) -> str:
    usual = most(matrix, question.key)
    lines = [question.title, *textwrap.wrap(question.meaning, width - 2, initial_indent="  ", subsequent_indent="  ")]
    column = min(max(map(len, matrix), default=0), 30)
    for name, row in matrix.items():
        cell = row[question.key]
        lines += _lines(name, cell, _mark(cell, usual), column, width)
        for style, other in cell.get("by_style", {}).items():
            if other["observed"] != cell["observed"]:
                lines += _lines(f"  {style}", other, _mark(other, cell["observed"]), column, width)
    return "\n".join(lines)


def _mark(cell: Mapping[str, Any], usual: str | None) -> str:
    if cell["declared"] is not None and cell["declared"] != cell["observed"]:
        return "!"
    return ">" if usual is not None and cell["observed"] not in (*SILENT, usual) else " "


def _lines(name: str, cell: Mapping[str, Any], mark: str, column: int, width: int) -> list[str]:
    head = f"{mark} {name:{column}}  "
    said = cell["observed"]
    if mark == "!":
        said += f" (declared: {cell['declared']})"
    text = f"{said} -- {cell['evidence']}"
    return textwrap.wrap(_printable(text), width, initial_indent=head, subsequent_indent=" " * (column + 4))


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
