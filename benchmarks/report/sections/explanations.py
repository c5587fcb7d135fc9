"""Why implementations differ from each other: what ``bn-bench explain --all --run RUN`` left in the run folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.report.document import Block, Cell, Column, Paragraph, say
from benchmarks.report.run import as_number
from benchmarks.report.tables import implementation_cell, number_cell, table, text_cell
from benchmarks.report.view import View
from benchmarks.report.wording import QUANTITIES, count, shape_text

FILE, SCHEMA = "explanations.json", 1
COLUMNS = (
    Column("Implementation"),
    Column("Other"),
    Column("Shape"),
    Column("Quantity"),
    Column("Difference", numeric=True),
    Column("Over bound", numeric=True, help="in units of what rounding must cost; up to 4 two are the same"),
    Column("Explained by", long=True),
)
FIELDS = {"a": str, "b": str, "quantity": str, "explained_by": str}


def explanations(view: View) -> list[Block]:
    """A table of the pairs that differ by more than rounding; nothing where no pair was explained."""
    path = view.run.folder / FILE
    if not path.exists():
        return []
    try:
        sets = _sets(path)
    except (OSError, ValueError) as error:
        return [Paragraph(say("{file} was not read: {why}.", file=FILE, why=str(error)[:200]), "note")]
    rows = [(entry, row) for entry in sets for row in _largest(entry["differences"])]
    pairs = len({(row["a"], row["b"]) for _, row in rows})
    unexplained = [row for _, row in rows if as_number(row.get("unexplained")) != 0]
    lead = say(
        "{pairs} of implementations {differ} by more than 4 times the bound of rounding; {all}.",
        pairs=count(pairs, "pair"),
        differ="differs" if pairs == 1 else "differ",
        all=f"{len(unexplained)} of these differences {'has' if len(unexplained) == 1 else 'have'} no known cause"
        if unexplained
        else "every difference has a cause",
    )
    note = say("Of each pair and shape, the quantity that differs most; all in float32, each with its own conventions.")
    cells = [_cells(view, entry, row) for entry, row in rows]
    return [Paragraph(lead), table("explanations-table", "Why two differ", COLUMNS, cells, note)] if rows else [
        Paragraph(say("No pair of implementations differs by more than rounding."))
    ]  # fmt: skip


def _sets(path: Path) -> list[dict[str, Any]]:
    content = json.loads(path.read_bytes())
    if not isinstance(content, dict) or content.get("schema") != SCHEMA or not isinstance(content.get("sets"), list):
        raise ValueError(f"it has no schema {SCHEMA} and sets")
    for entry in content["sets"]:
        if not isinstance(entry, dict) or not isinstance(entry.get("differences"), list):
            raise ValueError("a set has no differences")
        for row in entry["differences"]:
            if not isinstance(row, dict) or any(not isinstance(row.get(key), kind) for key, kind in FIELDS.items()):
                raise ValueError(f"a difference lacks one of {', '.join(FIELDS)}")
    return list(content["sets"])


def _largest(differences: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each pair, what is unexplained, or else the quantity that differs most in units of its bound."""
    of_pair: dict[tuple[str, str], dict[str, Any]] = {}
    for row in differences:
        pair = row["a"], row["b"]
        if pair not in of_pair or _weight(row) > _weight(of_pair[pair]):
            of_pair[pair] = row
    return list(of_pair.values())


def _weight(row: Mapping[str, Any]) -> tuple[bool, float]:
    return as_number(row.get("unexplained")) != 0, as_number(row.get("over_bound")) or 0.0


def _cells(view: View, entry: Mapping[str, Any], row: Mapping[str, Any]) -> tuple[Cell, ...]:
    question = entry.get("question")
    shape = question.get("shape") if isinstance(question, dict) else None
    sizes = tuple(size for size in shape if isinstance(size, int)) if isinstance(shape, list) else ()
    tone = "bad" if as_number(row.get("unexplained")) != 0 else ""
    return (
        implementation_cell(view, row["a"]),
        implementation_cell(view, row["b"]),
        text_cell(shape_text(sizes)),
        text_cell(QUANTITIES.get(row["quantity"], row["quantity"])),
        number_cell(as_number(row.get("difference"))),
        number_cell(as_number(row.get("over_bound"))),
        text_cell(row["explained_by"], limit=200, tone=tone),
    )
