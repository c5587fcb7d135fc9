"""How close each step comes to what the machine can do."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.report.document import (
    Block,
    Cell,
    Column,
    Figure,
    Heading,
    Paragraph,
    Rich,
    enumerate_spans,
    link,
    say,
    strong,
    verdict,
)
from benchmarks.report.figures import roofline as figure
from benchmarks.report.parameters import varying
from benchmarks.report.roofs import Roof, rates_of, roofs_of
from benchmarks.report.sections.fastest import entry_name
from benchmarks.report.sections.machine_watch import STOLEN
from benchmarks.report.sections.start_up import where
from benchmarks.report.speeds import Group
from benchmarks.report.tables import (
    MOST_ROWS,
    implementation_cell,
    number_cell,
    parameter_cell,
    parameter_column,
    seconds_cell,
    table,
)
from benchmarks.report.view import View
from benchmarks.report.wording import WORKS, data_size, duration, percent, shape_text, significant, visible
from benchmarks.roofline.limits import Rates

DETAILS = ("layout", "dtype", "device")
KEY = "roofline"
MOST_SENTENCES = 8
Members = Sequence[tuple[Group, list[Roof]]]


def roofline(view: View) -> list[Block]:
    """Heading, the machine's rates, the closest of each work, figure and table; nothing without speeds."""
    devices = dict.fromkeys(group.text("device") for group in view.speeds.groups)
    if not devices:
        return []
    blocks: list[Block] = [Heading("How close to the machine's limit", KEY)]
    blocks += [_machine(view, device) for device in devices]
    blocks += [Paragraph(text, "note") for device in devices if (text := _disturbed(view, device))]
    members = members_of(view)
    if not members:
        return blocks
    blocks += [Paragraph(sentence, "note") for sentence in too_fast(view)]
    trusted = [(group, [roof for roof in roofs if view.trusts(roof.speed)]) for group, roofs in members]
    blocks += [Paragraph(_closest(group, roofs)) for group, roofs in trusted[:MOST_SENTENCES] if roofs]
    return [*blocks, _figure(view, members), _table(view, members)]


def members_of(view: View) -> Members:
    """Every group whose work has a model and whose device was measured, with its speeds under their roofs."""
    found = []
    for group in view.speeds.groups:
        rates, _ = rates_of(view.run, group.text("device"))
        if rates is not None and (roofs := roofs_of(group, rates)):
            found.append((group, roofs))
    return found


def _machine(view: View, device: str) -> Paragraph:
    rates, why = rates_of(view.run, device)
    if rates is not None:
        return Paragraph(_rates(device, rates))
    where = visible(device or "this device")
    return Paragraph(say("No limit can be told on {where}: {why}.", where=where, why=visible(why)), "note")


def _rates(device: str, rates: Rates) -> Rich:
    inside, outside = rates.inside, rates.outside
    return say(
        "Measured in this run on {device}: copying reaches {inside} GB/s within {small} (inside the last-level cache) "
        "and {outside} GB/s within {large} (outside), a matrix product {single} GFLOP/s in float32 and {double} in "
        "float64. No pass can be shorter than its bytes and operations at these rates; a network's step has no model.",
        device=visible(device),
        inside=strong(significant(inside.bytes_per_s / 1e9)),
        outside=strong(significant(outside.bytes_per_s / 1e9)),
        small=data_size(inside.working_set_bytes),
        large=data_size(outside.working_set_bytes),
        single=significant(rates.operations_per_s["float32"] / 1e9),
        double=significant(rates.operations_per_s["float64"] / 1e9),
    )


def _disturbed(view: View, device: str) -> Rich:
    """That the rates are not all that the machine can do; empty where it was left alone, or nothing was recorded."""
    rates, _ = rates_of(view.run, device)
    if rates is None:
        return ()
    taken = ("other programs took", rates.others_share), ("the host gave to others", rates.steal_share)
    told = [say("{who} {share}", who=who, share=percent(share, 1)) for who, share in taken if share and share > STOLEN]
    if not told:
        return ()
    return say(
        "While the rates of {device} were measured, {told} of the processor time: left alone it may do more, so limits "
        "may be too long and fractions of them too high.",
        device=visible(device),
        told=enumerate_spans(told),
    )


def too_fast(view: View) -> list[Rich]:
    """Speeds that nobody can reach who moves all bytes and uses all results: the work's own check."""
    return [
        say(
            "{who} is {verdict} at {where}: {times} times as fast as the limit. Either it has not done its work, or "
            "the machine was disturbed while its rates were measured. Do not trust this speed.",
            who=entry_name(roof.speed.entry),
            verdict=verdict("too fast", "bad"),
            where=where(group),
            times=significant(roof.fraction),
        )
        for group, roofs in members_of(view)
        for roof in roofs
        if roof.too_fast
    ]


def _closest(group: Group, roofs: Sequence[Roof]) -> Rich:
    best = max(roofs, key=lambda roof: roof.fraction)
    return say(
        "{where}: {moved} must be moved and {operations} operations done, in {shortest} at least (limited by {by}); "
        "{who} comes closest with {fraction} of that limit.",
        where=strong(where(group)),
        moved=data_size(best.demand.moved_bytes),
        operations=f"{best.demand.operations:,}",
        shortest=duration(best.limit.seconds),
        by=best.limit.by,
        who=entry_name(best.speed.entry),
        fraction=strong(percent(best.fraction, 1)),
    )


def _figure(view: View, members: Members) -> Figure:
    works = dict.fromkeys(group.work for group, _ in members)
    work = next(iter(works))
    drawn = [(shape_text(group.shape), _dots(roofs)) for group, roofs in members if group.work == work][: figure.MOST]
    title = f"Fraction of the machine's limit: {WORKS.get(work, visible(work)).lower()}"
    caption = say(
        "The shortest possible time over the time taken; the line at 100 % is the machine's limit. Small inputs are "
        "far from it, because a call costs more than its work. The table {table} has all numbers.",
        table=link("Every speed and its limit", f"#{KEY}-table"),
    )
    words = " ".join(
        f"{heading}: " + ", ".join(f"{dot.name} {percent(dot.fraction, 1)}" for dot in dots) + "."
        for heading, dots in drawn
    )
    svg = figure.draw(f"{KEY}-figure", title, drawn, view.colours)
    return Figure(f"{KEY}-figure", title, caption, visible(words), svg)


def _dots(roofs: Sequence[Roof]) -> list[figure.Dot]:
    return [
        figure.Dot(" ".join(filter(None, roof.speed.entry)), roof.speed.record.implementation, roof.fraction)
        for roof in sorted(roofs, key=lambda roof: -roof.fraction)
    ]


def _table(view: View, members: Members) -> Block:
    rows_of = [(group, roof) for group, roofs in members for roof in roofs]
    parameters = ["shape", *varying([roof.speed.record for _, roof in rows_of], DETAILS)]
    columns = [
        Column("Work"),
        *(parameter_column(parameter) for parameter in parameters),
        Column("Implementation"),
        Column("Style"),
        Column("Step", True, "the shortest time per call"),
        Column("Limit", True, "the shortest time that the machine allows"),
        Column("Limited by"),
        Column("Of the limit, %", True, "limit over step; 100 is as fast as the machine can"),
        Column("GB/s", True, "accessed bytes over the step's time"),
        Column("GFLOP/s", True, "operations over the step's time"),
    ]
    rows = [
        (
            Cell(WORKS.get(group.work, visible(group.work)), group.work),
            *(parameter_cell(roof.speed.record, parameter) for parameter in parameters),
            implementation_cell(view, roof.speed.record.implementation),
            parameter_cell(roof.speed.record, "style"),
            seconds_cell(roof.step_s),
            seconds_cell(roof.limit.seconds),
            Cell(roof.limit.by, roof.limit.by),
            number_cell(100 * roof.fraction, tone="bad" if roof.too_fast else ""),
            number_cell(roof.bytes_per_s / 1e9),
            number_cell(roof.demand.operations / roof.step_s / 1e9),
        )
        for group, roof in rows_of
    ]
    note = say("Bytes and operations are those that the pass must move and do, not those that an implementation does.")
    return table(f"{KEY}-table", "Every speed and its limit", columns, rows[:MOST_ROWS], note, len(rows))
