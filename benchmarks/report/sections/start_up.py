"""What it costs to start, and after how many steps a slow start has paid."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from benchmarks.report.break_even import STARTING, Cost, break_even, cheapest, costs_of
from benchmarks.report.document import Block, Bullets, Cell, Column, Heading, Paragraph, Rich, name, say, strong
from benchmarks.report.parameters import varying
from benchmarks.report.sections.fastest import entry_name
from benchmarks.report.speeds import NETWORK, Group
from benchmarks.report.tables import (
    BLANK,
    MOST_ROWS,
    implementation_cell,
    number_cell,
    parameter_cell,
    parameter_column,
    seconds_cell,
    table,
    text_cell,
)
from benchmarks.report.view import View
from benchmarks.report.wording import WORKS, duration, shape_text, visible

DETAILS = ("shape", "dtype", "device")
KEY = "start-up"


def start_up(view: View) -> list[Block]:
    """Heading, who is cheapest for how many steps, and the table; nothing if no start was recorded."""
    groups = [(group, costs) for group in view.speeds.groups if (costs := costs_of(group))]
    if not groups:
        return []
    method = say(
        "Total cost after n steps is the start and n steps. The start is the processor time until the implementation "
        "is imported (interpreter and framework included; processor time, as workers start side by side), building, "
        "and the first call, in which frameworks trace and compile."
    )
    told = [_envelope(group, costs) for group, costs in groups if len(costs) > 1]
    blocks: list[Block] = [Heading("What it costs to start", KEY), Paragraph(method)]
    return [*blocks, *([Bullets(tuple(told[:12]))] if told else []), _table(view, groups)]


def _envelope(group: Group, costs: Sequence[Cost]) -> Rich:
    """``dense 32x32, inference: numpy-reference up to 5,200 steps, then keras.``"""
    order = cheapest(costs)
    parts: list[Rich] = []
    for place, (_, cost) in enumerate(order):
        until = f" up to {steps_text(order[place + 1][0])} steps, then " if place + 1 < len(order) else ""
        parts.append(say("{who}{until}", who=entry_name(cost.speed.entry), until=until))
    return say(
        "{where}: cheapest in total is {who}.",
        where=strong(where(group)),
        who=tuple(span for part in parts for span in part),
    )


def where(group: Group) -> str:
    """The piece of work in words."""
    what = f"network {visible(group.text('network'))}" if group.work == NETWORK else shape_text(group.shape)
    return f"{WORKS.get(group.work, visible(group.work))}, {what}"


def steps_text(steps: float) -> str:
    """A number of steps, rounded up."""
    return f"{ceil(steps):,}"


def _table(view: View, groups: Sequence[tuple[Group, list[Cost]]]) -> Block:
    records = [cost.speed.record for _, costs in groups for cost in costs]
    parameters = varying(records, DETAILS)
    columns = [
        Column("Work"),
        *(parameter_column(parameter) for parameter in parameters),
        Column("Implementation"),
        Column("Style"),
        Column("Import", True, "processor time until the implementation is imported"),
        Column("Build", True),
        Column("First call", True, "tracing and compiling included"),
        Column("Start", True, "the three together"),
        Column("Step", True, "steady state: the shortest time per call"),
        Column("Threads busy", True, "processor time over wall time while the case warmed up"),
        Column("Break-even, steps", True, "after so many steps it has cost the same as the baseline"),
        Column("Which means"),
    ]
    rows = [
        (
            Cell(WORKS.get(group.work, visible(group.work)), group.work),
            *(parameter_cell(cost.speed.record, parameter) for parameter in parameters),
            implementation_cell(view, cost.speed.record.implementation),
            parameter_cell(cost.speed.record, "style"),
            *(seconds_cell(cost.speed.record.number(key)) for key in STARTING),
            seconds_cell(cost.start_s),
            seconds_cell(cost.step_s),
            number_cell(cost.speed.record.number("threads_used")),
            *_against(cost, next((other for other in costs if other.speed.is_baseline), None)),
        )
        for group, costs in groups
        for cost in costs
    ]
    note = say("Medians over rounds. The baseline is {baseline}.", baseline=name(view.speeds.baseline))
    return table("start-up-table", "Start, step and break-even", columns, rows[:MOST_ROWS], note, len(rows))


def _against(cost: Cost, baseline: Cost | None) -> tuple[Cell, Cell]:
    """Break-even with the baseline, and what it means."""
    if baseline is None:
        return BLANK, BLANK
    if cost is baseline:
        return BLANK, Cell("baseline", "baseline", "quiet")
    steps = break_even(cost, baseline)
    if steps is None:
        cheaper = (cost.start_s, cost.step_s) < (baseline.start_s, baseline.step_s)
        return BLANK, text_cell("always cheaper" if cheaper else "never cheaper")
    meaning = "cheaper from then on" if cost.step_s < baseline.step_s else "cheaper until then"
    return Cell(steps_text(steps), steps), text_cell(f"{meaning} ({duration(cost.after(steps))} each)")
