"""Which API restores what: implementations by ways to save, and what a part that is saved by itself leaves out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchmarks.checkpoints.diagnosis import PARTS, part_of
from benchmarks.checkpoints.ways import FORMATS, title
from benchmarks.checkpoints.ways import PARTS as WAYS
from benchmarks.report.document import Cell, Column, Table, say
from benchmarks.report.run import Record
from benchmarks.report.tables import BLANK, implementation_cell, table, text_cell
from benchmarks.report.view import View
from benchmarks.report.wording import DASH

SHORT = {"weights": "weights", "statistics": "statistics", "counters": "num_updates", "slots": "slots", "step": "step"}
COUNTS = {"counters", "step"}  # of PARTS; what is computed may not need them
NOT_HERE = ("unsupported", "not_installed", "no_device")


def lost_parts(record: Record) -> list[str]:
    """Which of :data:`PARTS` did not come back, in their order."""
    raw = record.samples.get("lost")
    found = {part_of(str(one.get("name", ""))) for one in raw if isinstance(one, dict)} if isinstance(raw, list) else ()
    return [part for part in PARTS if part in found]


def without_effect(record: Record) -> bool:
    """Whether nothing but counts was lost, and inference and the resumed losses are the same to the last bit."""
    same = record.flag("inference_bitwise") and record.flag("resumed_bitwise")
    return bool(same) and set(lost_parts(record)) <= COUNTS


def ways_table(view: View, records: Sequence[Record]) -> Table | None:
    """A row an implementation, a column a way to save; None where only usual formats were measured.

    Args:
        view: the run.
        records: whole networks into a new object, also those that were not measured; with one way each, as in a run
            of the usual formats, the table of what came back says the same.
    """
    shown = {record.text("format") for record in records}
    ways = [way for way in FORMATS if way in shown]
    if not ways or max(Counter(record.implementation for record in records).values()) < 2:
        return None
    by_place = {(record.implementation, record.text("format")): record for record in records}
    rows = [
        (implementation_cell(view, who), *(_cell(by_place.get((who, way))) for way in ways))
        for who in dict.fromkeys(record.implementation for record in records)
    ]
    columns = [Column("Implementation"), *(Column(way, help=title(way)) for way in ways)]
    note = say(
        "✓ all: weights, statistics, num_updates and optimizer come back. ✓ inference: another program infers the same "
        "from the file. ✗: what does not come back. {dash}: not offered; the list of cases without figures has the "
        "reasons.",
        dash=DASH,
    )
    return table("checkpoint-ways", "Which API restores what", columns, rows, note)


def _cell(record: Record | None) -> Cell:
    if record is None:
        return BLANK
    if record.status in NOT_HERE:
        return Cell(DASH, "c", "quiet")
    if not record.measured:
        return Cell(record.status.replace("_", " "), "b", "bad")
    if "export" in record.case:
        good = record.status == "ok"
        return Cell("✓ inference" if good else "✗ inference", "a" if good else "b", "good" if good else "bad")
    parts = lost_parts(record)
    if not parts:
        return Cell("✗ see below" if record.reason else "✓ all", "b" if record.reason else "a",
                    "bad" if record.reason else "good")  # fmt: skip
    return Cell(f"✗ {', '.join(SHORT[part] for part in parts)}", "b", "bad")


def parts_table(view: View, records: Sequence[Record]) -> Table | None:
    """A row an implementation and a part that is saved by itself, a column each thing that should come back.

    Args:
        view: the run.
        records: whole networks into a new object.

    Returns:
        The table; None where no part was tried.
    """
    order = list(WAYS)
    tried = [r for r in records if "partial" in r.case and (r.measured or is_refusal(r))]
    tried.sort(key=lambda record: order.index(way) if (way := record.text("format")) in order else len(order))
    columns = [
        Column("Saved by itself"),
        Column("As users write it"),
        Column("Implementation"),
        *(Column(words.capitalize() if words != PARTS["counters"] else words) for words in PARTS.values()),
    ]
    rows = [
        (
            text_cell(record.text("format")),
            text_cell(title(record.text("format"))),
            implementation_cell(view, record.implementation),
            *(_part_cell(record, part) for part in PARTS),
        )
        for record in tried
    ]
    note = say(
        "✗: it does not come back and must be saved, too. ✗ no effect: a count does not come back, and inference and "
        "the resumed losses are bitwise the same. Refused: the framework found a name missing."
    )
    return table("checkpoint-parts", "Parts that users save by themselves", columns, rows, note) if rows else None


def is_refusal(record: Record) -> bool:
    """Whether a part was tried, and refused with an error."""
    return record.status == "unsupported" and "refused" in (record.reason or "")


def _part_cell(record: Record, part: str) -> Cell:
    if not record.measured:
        return Cell("refused", "c", "warn")
    if part not in lost_parts(record):
        return Cell("✓", "a", "good")
    return Cell("✗ no effect", "b", "quiet") if without_effect(record) else Cell("✗", "b", "warn")
