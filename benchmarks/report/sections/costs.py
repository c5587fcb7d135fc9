"""What it costs before the first step is fast: building, the first call, memory, threads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median

from benchmarks.report.document import Block, Cell, Column, say
from benchmarks.report.run import Record
from benchmarks.report.tables import BLANK, count_cell, implementation_cell, number_cell, seconds_cell, table, text_cell
from benchmarks.report.view import View

COLUMNS = {
    "build_s": Column("Build", True, "median over the cases"),
    "first_call_s": Column("First call", True, "median over the cases; tracing and compiling included"),
    "peak_rss_mib": Column("Peak memory, MiB", True, "the largest over the cases"),
    "threads_used": Column("Threads busy", True, "processor time over wall time, the most over the cases"),
}
Owner = tuple[str, str, str]  # implementation, style, device


def costs(view: View) -> list[Block]:
    """The table; nothing if no cost was recorded."""
    members = _members(view)
    recorded = {key for records in members.values() for r in records for key in COLUMNS if r.number(key) is not None}
    present = [key for key in COLUMNS if key in recorded]
    if not present:
        return []
    rows = [
        (
            implementation_cell(view, implementation),
            text_cell(style),
            text_cell(device),
            count_cell(len(records)),
            *(_cost(key, records) for key in present),
        )
        for (implementation, style, device), records in members.items()
    ]
    columns = [Column("Implementation"), Column("Style"), Column("Device"), Column("Cases", True)]
    columns += [COLUMNS[key] for key in present]
    note = say("Medians over the cases for times, the largest for memory and threads. No part of the step times.")
    return [table("costs-table", "What it costs to start", columns, rows, note)]


def _members(view: View) -> Mapping[Owner, list[Record]]:
    members: dict[Owner, list[Record]] = defaultdict(list)
    for group in view.speeds.groups:
        for speed in group.published:
            owner = speed.record.implementation, speed.record.text("style"), group.text("device")
            members[owner].append(speed.record)
    return members


def _cost(key: str, records: Sequence[Record]) -> Cell:
    values = [value for record in records if (value := record.number(key)) is not None]
    if not values:
        return BLANK
    if key.endswith("_s"):
        return seconds_cell(median(values))
    largest = max(values)
    return number_cell(largest)
