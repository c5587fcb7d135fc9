"""Memory: the peak of each worker, and what steps leave behind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import median

from benchmarks.report.document import Block, Cell, Column, Heading, Paragraph, Rich, name, say, verdict
from benchmarks.report.growth import Growth, growth_of
from benchmarks.report.run import Record
from benchmarks.report.sections.start_up import where
from benchmarks.report.speeds import Group
from benchmarks.report.tables import BLANK, count_cell, implementation_cell, number_cell, table, text_cell
from benchmarks.report.view import View

MIB = 2**20


def memory(view: View) -> list[Block]:
    """Heading, who grows, and the table; nothing if no memory was recorded."""
    rows = _rows(view)
    if not rows:
        return []
    method = say(
        "Peak is the most that a worker held resident since its case began, framework included; the case's own share "
        "is what came on top of what the worker held before. Growth is what a step leaves behind, by the C library's "
        "count of bytes in use and by Python's count of its blocks."
    )
    growing = leaks(view)
    judged = growing or [say("No step was seen to leave memory behind.")]
    return [
        Heading("Memory", "memory"),
        Paragraph(method),
        *(Paragraph(sentence, "note" if growing else "") for sentence in judged),
        table("memory-table", "Memory of the workers", COLUMNS, rows),
    ]


COLUMNS = (
    Column("Implementation"),
    Column("Style"),
    Column("Cases", True),
    Column("Peak, MiB", True, "the largest over the cases"),
    Column("Before a case, MiB", True, "median over the cases: mostly the framework"),
    Column("Largest share of a case, MiB", True),
    Column("Growing cases", True, "memory grows in most passes"),
)


def leaks(view: View) -> list[Rich]:
    """A sentence for every implementation of which a case grows, the fastest growing case named."""
    worst: dict[str, list[tuple[float, Growth, Group]]] = defaultdict(list)
    for group in view.speeds.groups:
        for speed in group.published:
            found = growth_of(speed.record)
            if found is not None and found.grows:
                worst[speed.record.implementation].append((found.heap_bytes, found, group))
    return [
        say(
            "Memory of {who} {grows} with every step: by {size} MiB and {objects} Python objects a step in "
            "{case}{more}. A long training runs out of memory.",
            who=name(who),
            grows=verdict("grows", "warn"),
            size=f"{found.heap_bytes / MIB:.3g}",
            objects=f"{found.python_objects:.3g}",
            case=where(group),
            more=f" (and in {len(cases) - 1} more)" if len(cases) > 1 else "",
        )
        for who, cases in worst.items()
        for _, found, group in [max(cases, key=lambda case: case[0])]
    ]


def _rows(view: View) -> list[tuple[Cell, ...]]:
    members: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for group in view.speeds.groups:
        for speed in group.published:
            if speed.record.number("peak_rss_mib") is not None:
                members[speed.entry].append(speed.record)
    return [
        (
            implementation_cell(view, who),
            text_cell(style),
            count_cell(len(records)),
            number_cell(_largest([record.number("peak_rss_mib") for record in records])),
            number_cell(_median([record.number("rss_before_mib") for record in records])),
            number_cell(_largest([_share(record) for record in records])),
            _growing(records),
        )
        for (who, style), records in members.items()
    ]


def _share(record: Record) -> float | None:
    peak, before = record.number("peak_rss_mib"), record.number("rss_before_mib")
    return None if peak is None or before is None else max(peak - before, 0.0)


def _largest(values: Sequence[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _growing(records: Sequence[Record]) -> Cell:
    judged = [found for record in records if (found := growth_of(record)) is not None]
    if not judged:
        return BLANK
    growing = sum(found.grows for found in judged)
    return count_cell(growing, "warn" if growing else "")
