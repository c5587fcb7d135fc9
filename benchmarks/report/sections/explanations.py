"""Why implementations differ from each other: what ``bn-bench explain --all --run RUN`` left in the run folder."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.report.document import Block, Cell, Column, Paragraph, say
from benchmarks.report.run import as_number
from benchmarks.report.tables import count_cell, implementation_cell, number_cell, table, text_cell
from benchmarks.report.view import View
from benchmarks.report.wording import QUANTITIES, count, shape_text

FILE, SCHEMA = "explanations.json", 1
COLUMNS = (
    Column("Circumstances"),
    Column("Explained by", long=True),
    Column("Pairs", numeric=True, help="that differ for these causes and no others"),
    Column("Largest: implementation"),
    Column("Other"),
    Column("Quantity"),
    Column("Difference", numeric=True),
    Column("Over bound", numeric=True, help="in units of what rounding must cost; up to 4 two are the same"),
)
FIELDS = {"a": str, "b": str, "quantity": str, "explained_by": str}


def explanations(view: View) -> list[Block]:
    """A table of the pairs that differ by more than rounding; nothing where no pair was explained."""
    path = view.run.folder / FILE
    if not path.exists():
        return []
    try:
        sets = _sets(path)
    except (OSError, ValueError, RecursionError) as error:
        return [Paragraph(say("{file} was not read: {why}.", file=FILE, why=str(error)[:200]), "note")]
    differing = [{(row["a"], row["b"]) for row in entry["differences"]} for entry in sets]
    pairs, unexplained = len(set().union(*differing)), sum(map(_is_open, _all_rows(sets)))
    lead = say(
        "{pairs} of implementations {differ} by more than 4 times the bound of rounding in one of {many}; {all}.",
        pairs=count(pairs, "pair"),
        differ="differs" if pairs == 1 else "differ",
        many=f"{len(sets)} circumstances" if len(sets) != 1 else "1 set of circumstances",
        all=f"{unexplained} of these differences {'has' if unexplained == 1 else 'have'} no known cause"
        if unexplained
        else "every difference has a cause",
    )
    note = say("Each with its own conventions. Of the pairs of a row, the quantity that differs most.")
    cells = [_cells(view, entry, group) for entry in sets for group in _groups(entry["differences"])]
    return [Paragraph(lead), table("explanations-table", "Why two differ", COLUMNS, cells, note)] if pairs else [
        Paragraph(say("No pair of implementations differs by more than rounding."))
    ]  # fmt: skip


def _all_rows(sets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for entry in sets for row in entry["differences"]]


def _is_open(row: Mapping[str, Any]) -> bool:
    return as_number(row.get("unexplained")) != 0


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


@dataclass(frozen=True)
class _Group:
    """Pairs that differ for the same causes, and the largest of their differences."""

    causes: tuple[str, ...]
    pairs: int
    largest: Mapping[str, Any]


def _groups(differences: list[dict[str, Any]]) -> list[_Group]:
    """The pairs by all causes of all their quantities; what has no cause first, then the most frequent."""
    of_pair: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in differences:
        of_pair[row["a"], row["b"]].append(row)
    found: dict[tuple[str, ...], list[list[dict[str, Any]]]] = defaultdict(list)
    for rows in of_pair.values():
        found[_causes(rows)].append(rows)
    groups = [
        _Group(causes, len(members), max((row for rows in members for row in rows), key=_weight))
        for causes, members in found.items()
    ]
    return sorted(groups, key=lambda group: (not _is_open(group.largest), -group.pairs))


def _causes(rows: list[dict[str, Any]]) -> tuple[str, ...]:
    counted = Counter(name for row in rows for name in row.get("causes_named", [row["explained_by"]]))
    nothing = ("nothing that is known",) if any(map(_is_open, rows)) else ()
    return (*nothing, *sorted(map(str, counted)))


def _weight(row: Mapping[str, Any]) -> tuple[bool, float]:
    return _is_open(row), as_number(row.get("over_bound")) or 0.0


def _cells(view: View, entry: Mapping[str, Any], group: _Group) -> tuple[Cell, ...]:
    row = group.largest
    tone = "bad" if _is_open(row) else ""
    return (
        text_cell(_circumstances(entry)),
        text_cell(", ".join(group.causes), limit=200, tone=tone),
        count_cell(group.pairs),
        implementation_cell(view, row["a"]),
        implementation_cell(view, row["b"]),
        text_cell(QUANTITIES.get(row["quantity"], row["quantity"])),
        number_cell(as_number(row.get("difference"))),
        number_cell(as_number(row.get("over_bound"))),
    )


def _circumstances(entry: Mapping[str, Any]) -> str:
    """In words; of an older file, the shape."""
    if isinstance(entry.get("circumstances"), str):
        return str(entry["circumstances"])
    question = entry.get("question")
    shape = question.get("shape") if isinstance(question, dict) else None
    return shape_text(tuple(size for size in shape if isinstance(size, int))) if isinstance(shape, list) else ""
