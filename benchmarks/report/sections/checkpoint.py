"""Checkpoint: after save and restore in a fresh process, is everything back?"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.report.document import Block, Bullets, Cell, Column, Paragraph, Rich, Section, Table

from benchmarks.report.document import enumerate_spans, name, say, verdict  # isort: skip
from benchmarks.report.parameters import shared, varying
from benchmarks.report.restores import Part, lost, parts, rounded, unknown
from benchmarks.report.run import Record
from benchmarks.report.sections.restore_advice import advice
from benchmarks.report.sections.restore_damage import damage_blocks
from benchmarks.report.sections.restore_names import names_table
from benchmarks.report.sections.restore_situations import situations_table
from benchmarks.report.sections.restore_ways import parts_table, ways_table
from benchmarks.report.sections.sentences import MOST_SENTENCES, bullets
from benchmarks.report.tables import (
    BLANK,
    first_rows,
    implementation_cell,
    parameter_cell,
    parameter_column,
    seconds_cell,
    table,
)
from benchmarks.report.view import View
from benchmarks.report.wording import count, data_size, duration, listing, shorten, visible

DETAILS = ("style", "network", "dataset", "dtype", "device", "steps_before", "steps_after", "seed")


def build(view: View) -> Section:
    """The section."""
    records = view.measured("checkpoint")
    if not records:
        nothing = say("No checkpoint case was measured in this run.")
        return Section("checkpoint", "Checkpoint", (Paragraph(nothing, "note"),))
    lead = say(
        "After saving, and restoring in a fresh process, is everything back? Inference is compared bit by "
        "bit, and training goes on beside a run that was never interrupted. Saving and restoring were timed "
        "once, while other implementations were at work: those times are orders of magnitude."
    )
    blocks: list[Block] = [Paragraph(lead), bullets(_sentences(view)), *_ways(view)]
    blocks += [_table(view, records), *_beyond(view)]
    return Section("checkpoint", "Checkpoint", tuple(blocks))


def _sentences(view: View) -> list[tuple[int, Rich]]:
    """One an implementation, with how much it lost; where there are many, those that lose nothing have one together."""
    of_all = view.by_implementation("checkpoint")
    whole = [who for who, of in of_all.items() if not any(lost(r) or unknown(r) or rounded(r) for r in of)]
    together = whole if len(of_all) > MOST_SENTENCES and len(whole) > 1 else []
    told = [
        (sum(bool(lost(record)) for record in of), _sentence(who, of))
        for who, of in of_all.items()
        if who not in together
    ]
    if together:
        everybody = say(
            "{all} {verdict}, bit by bit, in every way to save a whole network.",
            all=enumerate_spans([name(one) for one in together], len(together)),
            verdict=verdict("bring everything back", "good"),
        )
        told.append((0, everybody))
    return told


def _ways(view: View) -> list[Block]:
    """Every way to save a whole network, and what whoever saves a part must add."""
    among = {"situation", "damage", "probe", "part"}
    records = [one for one in view.run.records if one.axis == "checkpoint" and not among & set(one.case)]
    made = (ways_table(view, records), advice(records), parts_table(view, records))
    return [block for block in made if block is not None]


def _beyond(view: View) -> list[Block]:
    """Other objects to restore into, probes of one API, and damage."""
    of_axis = [record for record in view.run.records if record.axis == "checkpoint"]
    elsewhere = situations_table(view, [record for record in of_axis if "situation" in record.case])
    probes = [_probe(record) for record in of_axis if "probe" in record.case and record.measured]
    damaged = damage_blocks(view, [record for record in of_axis if "damage" in record.case and record.measured])
    whole = [record for record in of_axis if not {"situation", "damage", "probe", "part", "source"} & set(record.case)]
    stored = names_table(view, whole) if any("not_offered" in record.case for record in whole) else None
    blocks: list[Block] = [elsewhere] if elsewhere else []
    ends: list[Block] = [stored] if stored else []
    return [*blocks, *([Bullets(tuple(probes))] if probes else []), *(damaged or ()), *ends]


def _probe(record: Record) -> Rich:
    """An experiment of one API, with its figures."""
    good = record.status == "ok"
    return say(
        "{who}, {what}: {verdict} ({figures}).",
        who=name(record.implementation),
        what=PROBES.get(record.text("probe"), visible(record.text("probe"))),
        verdict=verdict("works", "good") if good else verdict("does not work", "bad"),
        figures=", ".join(f"{visible(key).replace('_', ' ')}: {_yes(value)}" for key, value in record.metrics.items()),
    )


def _yes(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else visible(str(value))


PROBES = {
    "averaged_weights": "evaluation by moving averages of the weights, restored through variables_to_restore()",
}


def _sentence(implementation: str, records: Sequence[Record]) -> Rich:
    who, cases = name(implementation), count(len(records), "case")
    broken = [record for record in records if lost(record)]
    silent = [record for record in records if unknown(record)]
    if broken:
        return _broken(implementation, records, broken)
    if silent:
        return say(
            "{who} loses nothing that was recorded in {cases}; not recorded: {what}{costs}.",
            who=who,
            cases=cases,
            what=", ".join(unknown(silent[0])),
            costs=_costs(records[0]),
        )
    inexact = [part for record in records for part in rounded(record)]
    return say(
        "{who} {verdict}, {how}, in {cases}{costs}.",
        who=who,
        verdict=verdict("brings everything back", "good"),
        how=f"but for rounding in {listing([_differing(part) for part in inexact])}" if inexact else "bit by bit",
        cases=cases,
        costs=_costs(records[0]),
    )


def _differing(part: Part) -> str:
    return f"{part.title} ({part.text})"


def _broken(implementation: str, records: Sequence[Record], broken: Sequence[Record]) -> Rich:
    what = list(dict.fromkeys(title for record in broken for title in lost(record)))
    formats = list(dict.fromkeys(record.text("format") for record in broken if record.text("format")))
    reason = broken[0].reason
    return say(
        "{who} {verdict} {what} in {some} of {cases}{formats}{why}.",
        who=name(implementation),
        verdict=verdict("does not bring back", "bad"),
        what=enumerate_spans(what),
        some=len(broken),
        cases=count(len(records), "case"),
        formats=say(", in the format {all}", all=enumerate_spans([name(f) for f in formats], 3)) if formats else "",
        why=f": {shorten(visible(reason), 300).rstrip('.')}" if reason else "",
    )


def _costs(record: Record) -> str:
    save, restore, size = (record.number(key) for key in ("save_s", "restore_s", "size_bytes"))
    told = [
        f"saved in {duration(save)}" if save is not None else "",
        f"restored in {duration(restore)}" if restore is not None else "",
        data_size(size) if size is not None else "",
    ]
    words = ", ".join(part for part in told if part)
    return f" ({words})" if words else ""


def _table(view: View, records: Sequence[Record]) -> Table:
    parameters = ["format", *varying(records, DETAILS)]
    columns = [
        Column("Implementation"),
        *(parameter_column(parameter) for parameter in parameters),
        Column("Weights"),
        Column("Moving statistics"),
        Column("num_updates", help="updates of the moving statistics: saved, and restored where it differs"),
        Column("Optimizer"),
        Column("Inference"),
        Column("Resumed training", help="losses after the restore against an uninterrupted run"),
        Column("Save", True),
        Column("Restore", True),
        Column("Size", True),
    ]
    note = say(
        "{shared}“bitwise”: the same to the last bit{rounding}.",
        shared=shared(records, DETAILS),
        rounding="; ≈: all of the state came back, and what is computed from it differs by rounding"
        if any(rounded(record) for record in records)
        else "",
    )
    rows = [_row(view, record, parameters) for record in first_rows(records, lambda record: bool(lost(record)))]
    return table("checkpoint-table", "What came back", columns, rows, note, len(records))


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
    if part.rounded:
        return Cell(f"≈ {part.text}", part.value or 0.0)
    mark = "✓" if part.whole else "✗"
    return Cell(f"{mark} {part.text}", part.value or 0.0, "good" if part.whole else "bad")
