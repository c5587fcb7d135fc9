"""Checkpoint: after save and restore in a fresh process, is everything back?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from benchmarks.report.document import (  # fmt: skip
    Block,
    Bullets,
    Cell,
    Column,
    Paragraph,
    Rich,
    Section,
    Span,
    Table,
    enumerate_spans,
    name,
    say,
    strong,
)
from benchmarks.report.reading import Record
from benchmarks.report.restores import Part, lost, parts, unknown
from benchmarks.report.tables import (
    implementation_cell,
    parameter_cell,
    parameter_column,
    seconds_cell,
    table,
)
from benchmarks.report.view import View, cases_of, constants, varying
from benchmarks.report.wording import data_size, duration, visible

PARAMETERS = (
    "format",
    "style",
    "network",
    "dataset",
    "dtype",
    "device",
    "steps_before",
    "steps_after",
    "seed",
)


def build(view: View) -> Section:
    """The section."""
    records = view.measured("checkpoint")
    if not records:
        nothing = say("No checkpoint case was measured in this run.")
        return Section("checkpoint", "Checkpoint", (Paragraph(nothing, "note"),))
    members: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        members[record.implementation].append(record)
    blocks: list[Block] = [
        Paragraph(
            say(
                "After saving, and restoring in a fresh process, is everything back? Inference is compared bit by "
                "bit, and training goes on beside a run that was never interrupted."
            )
        ),  # fmt: skip
        Bullets(tuple(_sentence(who, of) for who, of in members.items())),
        _table(view, records),
    ]
    return Section("checkpoint", "Checkpoint", tuple(blocks))


def _sentence(implementation: str, records: Sequence[Record]) -> Rich:
    broken = [record for record in records if lost(record)]
    silent = [record for record in records if unknown(record)]
    costs = _costs(records[0])
    if broken:
        what = list(dict.fromkeys(title for record in broken for title in lost(record)))
        formats = list(dict.fromkeys(record.text("format") for record in broken if record.text("format")))
        return say(
            "{who} {verdict} {what} in {some} of {cases}{formats}{why}.",
            who=name(implementation),
            verdict=strong("does not bring back"),
            what=enumerate_spans([Span(title) for title in what]),
            some=len(broken),
            cases=cases_of(records),
            formats=(Span(" ("), *enumerate_spans([name(f) for f in formats], 3), Span(")"))
            if formats
            else "",
            why=f": {visible(broken[0].reason)}".rstrip(".") if broken[0].reason else "",
        )
    if silent:
        return say(
            "{who} loses nothing that was recorded in {cases}; not recorded: {what}{costs}.",
            who=name(implementation), cases=cases_of(records), what=", ".join(unknown(silent[0])), costs=costs,
        )  # fmt: skip
    return say(
        "{who} {verdict}, bit by bit, in {cases}{costs}.",
        who=name(implementation),
        verdict=strong("brings everything back"),
        cases=cases_of(records),
        costs=costs,
    )


def _costs(record: Record) -> str:
    save, restore, size = (record.number(key) for key in ("save_s", "restore_s", "size_bytes"))
    parts = [
        f"saved in {duration(save)}" if save is not None else "",
        f"restored in {duration(restore)}" if restore is not None else "",
        data_size(size) if size is not None else "",
    ]
    told = ", ".join(part for part in parts if part)
    return f" ({told})" if told else ""


def _table(view: View, records: Sequence[Record]) -> Table:
    parameters = ["format", *(p for p in varying(records, PARAMETERS) if p != "format")]
    columns = [
        Column("Implementation"),
        *(parameter_column(parameter) for parameter in parameters),
        Column("Weights", True),
        Column("Moving statistics", True),
        Column("num_updates", True, "updates of the moving statistics: saved, and restored where it differs"),
        Column("Optimizer", True),
        Column("Inference", True),
        Column("Resumed training", True, "losses after the restore against an uninterrupted run"),
        Column("Save", True),
        Column("Restore", True),
        Column("Size", True),
    ]
    shared = constants(records, ("network", "dataset", "dtype", "device"))
    steps = {key: constants(records, (key,)) for key in ("steps_before", "steps_after")}
    note = say(
        "{shared}{steps}“bitwise”: the same to the last bit.",
        shared=f"All: {visible(shared)}. " if shared else "",
        steps=f"{visible(steps['steps_before'])} steps before the checkpoint, {visible(steps['steps_after'])} after. "
        if all(steps.values())
        else "",
    )
    rows = [_row(view, record, parameters) for record in records]
    return table("checkpoint-table", "What came back", columns, rows, note)


def _row(view: View, record: Record, parameters: Sequence[str]) -> tuple[Cell, ...]:
    size = record.number("size_bytes")
    return (
        implementation_cell(view, record.implementation),
        *(parameter_cell(record, parameter) for parameter in parameters),
        *(_part_cell(part) for part in parts(record)),
        seconds_cell(record.number("save_s")),
        seconds_cell(record.number("restore_s")),
        BLANK if size is None else Cell(data_size(size), size),
    )


def _part_cell(part: Part) -> Cell:
    if part.whole is None:
        return Cell(part.text, None, "quiet")
    mark = "✓" if part.whole else "✗"
    return Cell(f"{mark} {part.text}", part.value or 0.0, "good" if part.whole else "bad")
