"""What was not measured, and why: every planned case is accounted for."""

from __future__ import annotations

from collections import Counter, defaultdict

from benchmarks.report.document import (
    Block,
    Bullets,
    Cell,
    Column,
    Heading,
    Paragraph,
    Rich,
    Section,
    Table,
    say,
    strong,
)
from benchmarks.report.reading import AXES, NOT_MEASURED, STATUSES, Record, Run
from benchmarks.report.tables import table
from benchmarks.report.view import View
from benchmarks.report.wording import count, listing, shorten, visible

MOST_DAMAGE = 20
MEANINGS = {
    "unsupported": "the implementation says that it cannot do this",
    "not_installed": "a package is missing on this machine",
    "no_device": "the device is missing on this machine",
    "failed": "it raised an error, or a claim about it was not observed",
    "crashed": "its process died",
    "timed_out": "it did not finish in time",
    "out_of_memory": "it ran out of memory",
}


def build(view: View) -> Section:
    """The section."""
    run = view.run
    blocks: list[Block] = [Paragraph(accounting(run)), _statuses(run)]
    absent = [record for record in run.records if not record.measured]
    if absent:
        blocks += [Heading("Not measured", "unmeasured-reasons"), _reasons(absent)]
    else:
        blocks.append(Paragraph(say("Every case that ended was measured.")))
    if run.missing:
        blocks += [Heading("Planned, but without a record", "unmeasured-missing"), _missing(run)]
    if run.unplanned:
        extra = count(len(run.unplanned), "record")
        blocks.append(
            Paragraph(
                say("{extra} in records.jsonl stand in no plan; they are shown all the same.", extra=extra),
                "note",
            )
        )
    if run.damage:
        blocks += [Heading("Damage in the run folder", "unmeasured-damage"), *_damage(run)]
    return Section("unmeasured", "What was not measured, and why", tuple(blocks))


def accounting(run: Run) -> Rich:
    """Planned = accounted, or how many are missing."""
    planned = len({case.case_id for case in run.plan.cases})
    accounted = planned - len({case.case_id for case in run.missing})
    if accounted == planned:
        return say(
            "{sum}: every planned case ended as a record.",
            sum=strong(f"Planned {planned:,} = accounted {accounted:,}"),
        )
    return say(
        "{sum}: {missing} without a record, because the run was interrupted or records are damaged. "
        "Resume it to measure the rest.",
        sum=strong(f"Planned {planned:,}, accounted {accounted:,}"),
        missing=count(planned - accounted, "case"),
    )


def _statuses(run: Run) -> Table:
    """Axis by status: how the cases ended."""
    ended = Counter((record.axis, record.status) for record in run.records)
    planned = Counter(case.axis for case in {case.case_id: case for case in run.plan.cases}.values())
    missing = Counter(case.axis for case in {case.case_id: case for case in run.missing}.values())
    statuses = [status for status in STATUSES if any(ended[axis, status] for axis in AXES)]
    axes = [*AXES, *(axis for axis in planned if axis not in AXES)]
    columns = [
        Column("Axis"),
        Column("Planned", True),
        *(Column(status.replace("_", " "), True, MEANINGS.get(status, "")) for status in statuses),
        Column("No record", True),
    ]
    rows = [
        (
            Cell(axis, axis),
            Cell(f"{planned[axis]:,}", planned[axis]),
            *(_tally(ended[axis, status], status) for status in statuses),
            _tally(missing[axis], "missing"),
        )
        for axis in axes
        if planned[axis] or any(ended[axis, status] for status in statuses)
    ]
    return table("statuses-table", "How the cases ended", columns, rows)


def _tally(number: int, status: str) -> Cell:
    tone = "quiet" if not number else {"ok": "good", "disagrees": "bad"}.get(status, "warn")
    return Cell(f"{number:,}" if number else "–", number, tone)


def _reasons(absent: list[Record]) -> Table:
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in absent:
        groups[record.status, record.reason or "no reason recorded"].append(record)
    ordered = sorted(groups.items(), key=lambda item: (NOT_MEASURED.index(item[0][0]), -len(item[1])))
    columns = [
        Column("Status"),
        Column("Reason"),
        Column("Cases", True),
        Column("Implementations"),
        Column("Axes"),
        Column("For example"),
    ]
    rows = [
        (
            Cell(status.replace("_", " "), status, "warn" if status in NOT_MEASURED[:4] else ""),
            Cell(shorten(visible(reason), 400), reason[:100].lower()),
            Cell(f"{len(records):,}", len(records)),
            Cell(
                listing(_distinct([record.implementation for record in records]), 5),
                records[0].implementation,
            ),
            Cell(listing(_distinct([record.axis for record in records])), records[0].axis),
            Cell(shorten(visible(records[0].case_id), 120), records[0].case_id),
        )
        for (status, reason), records in ordered
    ]
    present = dict.fromkeys(status for (status, _), _ in ordered)
    meanings = "; ".join(f"{status.replace('_', ' ')}: {MEANINGS[status]}" for status in present)
    return table("reasons-table", "Not measured, by reason", columns, rows, say("{text}.", text=meanings))


def _missing(run: Run) -> Table:
    rows = [
        (
            Cell(case.axis, case.axis),
            Cell(case.implementation, case.implementation),
            Cell(shorten(case.case_id, 160), case.case_id),
        )
        for case in run.missing
    ]
    columns = [Column("Axis"), Column("Implementation"), Column("Case")]
    return table("missing-table", "Cases without a record", columns, rows, most=100)


def _damage(run: Run) -> list[Block]:
    shown = tuple(say("{text}", text=shorten(visible(text), 300)) for text in run.damage[:MOST_DAMAGE])
    blocks: list[Block] = [Paragraph(say("Skipped; everything else is kept."), "note"), Bullets(shown)]
    if len(run.damage) > MOST_DAMAGE:
        blocks.append(Paragraph(say("And {more} more.", more=len(run.damage) - MOST_DAMAGE)))
    return blocks


def _distinct(items: list[str]) -> list[str]:
    return [visible(item) for item in dict.fromkeys(items)]
