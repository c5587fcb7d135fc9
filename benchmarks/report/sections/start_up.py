"""What it costs to start, and after how many steps a slow start has paid."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, isfinite

from benchmarks.report.break_even import (
    STARTING,
    BreakEven,
    Cost,
    break_even,
    cheapest,
    costs_of,
    judge_of,
    start_difference,
)
from benchmarks.report.break_even import not_told_from as open_with
from benchmarks.report.document import Block, Bullets, Cell, Column, Heading, Paragraph, Rich

from benchmarks.report.document import enumerate_spans, name, say, strong  # isort: skip
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
ONCE = (
    "Building and the first call were timed once (n = 1), in the first round, while nothing else was prepared; the "
    "import's processor time is the median over the rounds in which all were started."
)


def start_up(view: View) -> list[Block]:
    """Heading, who is cheapest for how many steps, and the table; nothing if no start was recorded."""
    groups = [(group, costs) for group in view.speeds.groups if (costs := costs_of(group, view.starts))]
    if not groups:
        return []
    method = say(
        "Total cost after n steps is the start and n steps. The start is the processor time until the implementation "
        "is imported (interpreter and framework included; processor time, as workers start side by side), building, "
        "and the first call, in which frameworks trace and compile. {once} A break-even is told only where one step "
        "is faster than the other for certain and the starts differ measurably: imports are compared in pairs, over "
        "the rounds that both were started in. Its range is that of both 95 % intervals, of the steps' ratio and of "
        "the starts' difference.",
        once=ONCE,
    )
    chosen = [(group, _choosable(view, costs)) for group, costs in groups]
    told = [(*_envelope(group, costs), *_left_out(view, group)) for group, costs in chosen if len(costs) > 1]
    blocks: list[Block] = [Heading("What it costs to start", KEY), Paragraph(method)]
    return [*blocks, *([Bullets(tuple(told[:12]))] if told else []), _table(view, groups)]


def _choosable(view: View, costs: Sequence[Cost]) -> list[Cost]:
    """The costs without those of yardsticks, which nobody chooses, and of speeds that are not to be trusted."""
    trusted = [cost for cost in costs if view.trusts(cost.speed)]
    return [cost for cost in trusted if view.choosable([cost.speed.record.implementation])]


def _left_out(view: View, group: Group) -> Rich:
    """Whose speed is not to be trusted, so that nothing is said of its total cost."""
    names = [entry_name(speed.entry) for speed in group.published if not view.trusts(speed)]
    return say(" Left out, as its speed is not to be trusted: {who}.", who=enumerate_spans(names, 4)) if names else ()


def _envelope(group: Group, costs: Sequence[Cost]) -> Rich:
    """``dense 32x32, inference: numpy-reference up to 5,200 steps (4,900 to 5,600), then keras.``"""
    judge = judge_of(group)
    turns = cheapest(costs, judge)
    last = turns[-1].cost
    untold = enumerate_spans([entry_name(cost.speed.entry) for cost in open_with(costs, last, judge)], 4)
    if len(turns) == 1 and untold:
        return say(
            "{where}: {who} is the cheapest to start. No break-even with {untold} is told: whose step is shorter is "
            "not certain.",
            where=strong(where(group)), who=entry_name(last.speed.entry), untold=untold,
        )  # fmt: skip
    parts: list[Rich] = []
    for turn, after in zip(turns, [*turns[1:], None], strict=True):
        until = "" if after is None or after.since is None else f" up to {steps_text(after.since)} steps, then "
        parts.append(say("{who}{until}", who=entry_name(turn.cost.speed.entry), until=until))
    return say(
        "{where}: cheapest in total is {who}{untold}.",
        where=strong(where(group)),
        who=tuple(span for part in parts for span in part),
        untold=say(", not told apart by its step from {others}", others=untold) if untold else "",
    )


def where(group: Group) -> str:
    """The piece of work in words."""
    what = f"network {visible(group.text('network'))}" if group.work == NETWORK else shape_text(group.shape)
    return f"{WORKS.get(group.work, visible(group.work))}, {what}"


def steps_text(even: BreakEven) -> str:
    """``5,200`` or ``5,200 (4,900 to 5,600)``, rounded up."""
    low, steps, high = (_whole(end) for end in (even.low, even.steps, even.high))
    return steps if low == high else f"{steps} ({low} to {high})"


def _whole(steps: float) -> str:
    return f"{ceil(steps):,}" if isfinite(steps) else "\N{INFINITY}"


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
            seconds_cell(cost.import_s),
            *(seconds_cell(cost.speed.record.number(key)) for key in STARTING[1:]),
            seconds_cell(cost.start_s),
            seconds_cell(cost.step_s),
            number_cell(cost.speed.record.number("threads_used")),
            *_against(view, cost, next((other for other in costs if other.speed.is_baseline), None)),
        )
        for group, costs in groups
        for cost in costs
    ]
    note = say("{once} The baseline is {baseline}.", once=ONCE, baseline=name(view.speeds.baseline))
    return table("start-up-table", "Start, step and break-even", columns, rows[:MOST_ROWS], note, len(rows))


def _against(view: View, cost: Cost, baseline: Cost | None) -> tuple[Cell, Cell]:
    """Break-even with the baseline, and what it means."""
    if baseline is None:
        return BLANK, BLANK
    if cost is baseline:
        return BLANK, Cell("baseline", "baseline", "quiet")
    if not (view.trusts(cost.speed) and view.trusts(baseline.speed)):
        return BLANK, text_cell("none told: step not to be trusted", tone="quiet")
    step = cost.speed.verdict
    if step is None or not step.differs:
        told = "the same" if step and step.word == "same" else "undecided"
        return BLANK, text_cell(f"none told: step {told}", tone="quiet")
    if not start_difference(cost, baseline).told:
        return BLANK, text_cell(f"none told: starts not told apart, step {step.word}", tone="quiet")
    even = break_even(cost, baseline, step)
    if even is None:
        return BLANK, text_cell("always cheaper" if step.word == "faster" else "never cheaper")
    meaning = "cheaper from then on" if step.word == "faster" else "cheaper until then"
    return Cell(steps_text(even), even.steps), text_cell(f"{meaning} ({duration(baseline.after(even.steps))} each)")
