"""Into what a checkpoint was restored: implementations and formats by situations."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.checkpoints.situations import NEW, SITUATIONS
from benchmarks.report.document import Cell, Column, Table, say
from benchmarks.report.restores import lost, parts
from benchmarks.report.run import Record
from benchmarks.report.sections.restore_advice import cause
from benchmarks.report.tables import BLANK, implementation_cell, table, text_cell
from benchmarks.report.view import View
from benchmarks.report.wording import DASH, shorten, visible

LONGEST_REASON = 170


def situations_table(view: View, records: Sequence[Record]) -> Table | None:
    """A row an implementation and format, a column a situation; None where none was tried.

    Args:
        view: the run.
        records: those with a situation, measured or not.
    """
    tried = [situation for situation in SITUATIONS if any(r.case.get("situation") == situation for r in records)]
    if not tried:
        return None
    by_place = {(r.implementation, r.text("format"), r.text("situation")): r for r in records}
    rows = [
        (implementation_cell(view, who), text_cell(way), *(_cell(by_place.get((who, way, s))) for s in tried))
        for who, way in dict.fromkeys((r.implementation, r.text("format")) for r in records)
    ]
    columns = [Column("Implementation"), Column("Format")]
    columns += [Column(f"Into {SITUATIONS[situation]}", long=True) for situation in tried if situation != NEW]
    note = say(
        "✓ bitwise: state, inference and resumed training are the same. ✓ state: every array came back, and what "
        "follows is rounded otherwise or was not compared. {dash}: the reason why nothing was restored.",
        dash=DASH,
    )
    return table("checkpoint-situations", "Restored into something else than a new object", columns, rows, note)


def _why(record: Record) -> str:
    """Why nothing was restored; of a refusal, the framework's own words."""
    reason = record.reason or record.status
    return f"refused: {cause(reason)}" if " is refused: " in reason else reason


def _cell(record: Record | None) -> Cell:
    if record is None:
        return BLANK
    if not record.measured:
        tone = "quiet" if record.status in ("unsupported", "no_device", "not_installed") else "bad"
        return Cell(f"{DASH} {shorten(visible(_why(record)), LONGEST_REASON)}", "c", tone)
    wrong = [part.title for part in parts(record) if part.whole is False]
    kept = [title for title in wrong if title not in ("inference", "resumed training")]
    if record.status == "ok" and record.reason:
        return Cell(f"✓ but {', '.join(kept)}", "a", "good")
    if kept or record.status == "disagrees":
        return Cell(f"✗ {', '.join(kept or lost(record))}", "b", "bad")
    if wrong or record.flag("resumed_bitwise") is None:
        return Cell("✓ state" + (f"; not bitwise: {', '.join(wrong)}" if wrong else ""), "a", "good")
    return Cell("✓ bitwise", "a", "good")
