"""What was not measured, and why: every planned case is accounted for."""

from __future__ import annotations

from collections import Counter, defaultdict

from benchmarks.report.document import Block, Bullets, Cell, Column, Heading, Paragraph, Rich, Section, Table

from benchmarks.report.document import link, say, strong, verdict  # isort: skip
from benchmarks.report.run import AXES, NOT_MEASURED, STATUSES, Record, Run
from benchmarks.report.tables import count_cell, table, text_cell
from benchmarks.report.view import View
from benchmarks.report.wording import DASH, count, listing, shorten, visible

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
BREAKDOWNS = ("failed", "crashed", "timed_out", "out_of_memory")


def build(view: View) -> Section:
    """The section."""
    run = view.run
    blocks: list[Block] = [Paragraph(accounting(run)), _statuses(view)]
    absent = [record for record in run.records if not record.measured]
    blocks.append(_reasons(absent) if absent else Paragraph(say("Every case that has a record was measured.")))
    if run.missing:
        blocks.append(_missing(run))
    if run.unplanned:
        extra = count(len(run.unplanned), "record")
        told = say("{extra} of cases that the plan does not name; shown all the same.", extra=extra)
        blocks.append(Paragraph(told, "note"))
    if run.damage:
        blocks += [Heading("Damage in the run folder", "unmeasured-damage"), *_damage(run)]
    return Section("unmeasured", "What was not measured, and why", tuple(blocks), "Not measured")


def accounting(run: Run) -> Rich:
    """Planned = accounted, or how many are missing."""
    planned = len({case.case_id for case in run.plan.cases})
    missing = len({case.case_id for case in run.missing})
    if not missing:
        total = strong(f"Planned {planned:,} = accounted {planned:,}")
        return say("{total}: every planned case ended as a record.", total=total)
    return say(
        "{total}: {missing} without a record, because the run was interrupted or records are damaged. "
        "Resume the run to measure the rest.",
        total=verdict(f"Planned {planned:,}, accounted {planned - missing:,}", "warn"),
        missing=count(missing, "case"),
    )


def _statuses(view: View) -> Table:
    """Axis by status: how the cases ended."""
    run = view.run
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
            text_cell(axis),
            count_cell(planned[axis]),
            *(_tally(ended[axis, status], status) for status in statuses),
            _tally(missing[axis], "missing"),
        )
        for axis in axes
        if planned[axis] or any(ended[axis, status] for status in statuses)
    ]
    second = sum(record.status == "disagrees" for record in view.second_order)
    note = say(
        "Of those that disagree, {second} {link}: they are told, and take away neither a speed nor exit code 0.",
        second=count(second, "is a case", "are cases"),
        link=link("of second-order gradients", "#second-order"),
    ) if second else ()  # fmt: skip
    return table("statuses-table", "How the cases ended", columns, rows, note)


def _tally(number: int, status: str) -> Cell:
    if not number:
        return Cell(DASH, 0, "quiet")
    return count_cell(number, {"ok": "good", "disagrees": "bad"}.get(status, "warn"))


def _reasons(absent: list[Record]) -> Table:
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in absent:
        groups[record.status, record.reason or "no reason recorded"].append(record)
    ordered = sorted(groups.items(), key=lambda item: (NOT_MEASURED.index(item[0][0]), -len(item[1])))
    columns = [
        Column("Status"),
        Column("Reason", long=True),
        Column("Cases", True),
        Column("Implementations", long=True),
        Column("Axes"),
        Column("For example", long=True),
    ]
    rows = [
        (
            text_cell(status.replace("_", " "), tone="warn" if status in BREAKDOWNS else ""),
            text_cell(reason, 400),
            count_cell(len(records)),
            _names([record.implementation for record in records]),
            _names([record.axis for record in records]),
            text_cell(records[0].case_id, 120),
        )
        for (status, reason), records in ordered
    ]
    present = dict.fromkeys(status for (status, _), _ in ordered)
    meanings = "; ".join(f"{status.replace('_', ' ')}: {MEANINGS[status]}" for status in present)
    return table("reasons-table", "Not measured, by reason", columns, rows, say("{text}.", text=meanings))


def _missing(run: Run) -> Table:
    rows = [
        (text_cell(case.axis), text_cell(case.implementation), text_cell(case.case_id, 160)) for case in run.missing
    ]
    columns = [Column("Axis"), Column("Implementation"), Column("Case", long=True)]
    return table("missing-table", "Planned, but without a record", columns, rows)


def _damage(run: Run) -> list[Block]:
    shown = tuple(say("{text}.", text=shorten(visible(text), 300)) for text in run.damage[:MOST_DAMAGE])
    blocks: list[Block] = [
        Paragraph(say("Everything else in the folder is kept and shown."), "note"),
        Bullets(shown),
    ]
    if len(run.damage) > MOST_DAMAGE:
        blocks.append(Paragraph(say("And {more} more.", more=len(run.damage) - MOST_DAMAGE)))
    return blocks


def _names(items: list[str]) -> Cell:
    distinct = [shorten(visible(item), 60) for item in dict.fromkeys(items)]
    return Cell(listing(distinct, 5), distinct[0].lower())
