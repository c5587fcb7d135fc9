"""Throughput: how fast is one step?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import median

from benchmarks.report.document import (  # fmt: skip
    Block,
    Cell,
    Column,
    Figure,
    Heading,
    Paragraph,
    Rich,
    Section,
    Table,
    link,
    name,
    say,
    strong,
)
from benchmarks.report.figures import throughput as figure
from benchmarks.report.reading import Record
from benchmarks.report.sections.fastest import sentence
from benchmarks.report.speeds import NETWORK, Group, Speed
from benchmarks.report.tables import (
    MOST_ROWS,
    implementation_cell,
    parameter_cell,
    parameter_column,
    seconds_cell,
    table,
)
from benchmarks.report.view import View, constants, varying
from benchmarks.report.wording import WORKS, count, duration, shape_text, significant, visible, whole

DETAILS = ("layout", "dtype", "device", "network", "batch_size")


def build(view: View) -> Section:
    """The section."""
    groups = view.speeds.groups
    if not groups:
        nothing = say("No throughput case was measured in this run.")
        return Section("throughput", "Throughput", (Paragraph(nothing, "note"),))
    blocks: list[Block] = [Paragraph(_method(view))]
    if view.rounds < 2:
        blocks.append(Paragraph(say("This run had one round, so ratios have no interval and nothing is ranked: read "
                                    "them as hints. The default run has more rounds."), "note"))  # fmt: skip
    if view.speeds.withheld:
        blocks.append(Paragraph(_withheld(view), "note"))
    for work in dict.fromkeys(group.work for group in groups):
        blocks.extend(_work(view, work, [group for group in groups if group.work == work]))
    blocks.extend(_costs(view))
    return Section("throughput", "Throughput", tuple(blocks))


def _method(view: View) -> Rich:
    return say(
        "How long does one step take? The step time is the shortest per call that was seen; the ratio compares pass by "
        "pass with {baseline} on the same work, input, dtype and device, and below 1 is faster. Only rows of one kind "
        "of work are ranked against each other, and a rank counts those that are faster for certain. A speed is shown "
        "only beside a passed agreement.",
        baseline=name(view.speeds.baseline),
    )


def _withheld(view: View) -> Rich:
    withheld = view.speeds.withheld
    total = sum(len(group.speeds) for group in view.speeds.groups)
    return say(
        "{number} of {total} speeds are {verdict}; their rows say why.",
        number=len(withheld),
        total=total,
        verdict=strong("not shown"),
    )


def _work(view: View, work: str, groups: Sequence[Group]) -> list[Block]:
    key = f"throughput-{list(WORKS).index(work) if work in WORKS else f'other-{visible(work)}'}"
    key = "".join(character if character.isalnum() else "-" for character in key)
    title = WORKS.get(work, visible(work))
    blocks: list[Block] = [Heading(title, key)]
    blocks.extend(Paragraph(sentence(view, contest)) for contest in view.contests(work)[:4])
    if any(len(group.published) > 1 for group in groups):
        blocks.append(_figure(view, key, title, groups))
    blocks.append(_table(view, key, title, groups))
    return blocks


def _heading(group: Group, details: Sequence[str]) -> str:
    parts = [shape_text(group.shape)] if group.shape else []
    if group.work == NETWORK:
        parts += [f"network {group.text('network')}", f"batch {group.text('batch_size')}"]
        parts = [part for part in parts if part != "any shape"]
    return ", ".join([*parts, *(group.text(p) for p in details if p in ("layout", "dtype", "device"))])


def _figure(view: View, key: str, title: str, groups: Sequence[Group]) -> Figure:
    records = [speed.record for group in groups for speed in group.published]
    details = varying(records, DETAILS)
    lines = [(_heading(group, details), _lines(group)) for group in groups if len(group.published) > 1]
    drawn = figure.fitting(lines)
    bases = {group.baseline.record.implementation for group in groups if group.baseline}
    baseline = bases.pop() if len(bases) == 1 else "the baseline"
    words = " ".join(
        f"{heading}: " + ", ".join(f"{row.name} {significant(row.estimate.ratio)}" for row in rows) + "."
        for heading, rows in drawn
    )
    shared = constants(records, DETAILS)
    caption = say(
        "Step time relative to {baseline}{intervals}.{shared}{left_out} The {table} has the numbers.",
        baseline=name(baseline),
        intervals=", with 95 % intervals over rounds; an interval that crosses the line means that the two cannot be "
        "told apart" if view.rounds > 1 else "; one round, so no intervals",
        shared=f" All: {visible(shared)}." if shared else "",
        left_out=f" {len(drawn)} of {count(len(lines), 'group')} are drawn." if len(drawn) < len(lines) else "",
        table=link("table", f"#{key}-table"),
    )  # fmt: skip
    svg = figure.draw(f"{key}-ratios", f"{title}: ratios", drawn, baseline, view.colours)
    return Figure(
        f"{key}-ratios", f"{title}: step time relative to the baseline", caption, visible(words), svg
    )


def _lines(group: Group) -> list[figure.Row]:
    return [
        figure.Row(
            " · ".join(part for part in speed.entry if part),
            speed.record.implementation,
            speed.ratio,
            speed.is_baseline,
        )
        for speed in group.published
        if speed.ratio
    ]


def _table(view: View, key: str, title: str, groups: Sequence[Group]) -> Table:
    records = [speed.record for group in groups for speed in group.speeds]
    parameters = [*(["shape"] if any(record.shape for record in records) else []), *varying(records, DETAILS)]
    columns = [
        *(parameter_column(parameter) for parameter in parameters),
        Column("Implementation"),
        Column("Style"),
        Column("Step time", True, "the shortest time per call"),
        Column("Ratio", True, "step time over the baseline's; below 1 is faster"),
        Column("95 % from", True),
        Column("to", True),
        Column("Rank", True, "1 + the number of rows in the group that are faster for certain"),
        Column("Rounds", True, "fresh processes"),
        Column("Passes", True),
        Column("Remark"),
    ]
    rows = [_row(view, group, speed, parameters) for group in groups for speed in group.speeds]
    shared = constants(records, DETAILS)
    note = say(
        "{shared}Equal ranks cannot be told apart.", shared=f"All: {visible(shared)}. " if shared else ""
    )
    return table(f"{key}-table", f"{title}: step times", columns, rows, note, MOST_ROWS // 2)


def _row(view: View, group: Group, speed: Speed, parameters: Sequence[str]) -> tuple[Cell, ...]:
    first = [parameter_cell(speed.record, parameter) for parameter in parameters]
    who = [implementation_cell(view, speed.record.implementation), parameter_cell(speed.record, "style")]
    blank = BLANK
    rounds = len({number for number, _ in speed.minima})
    visits = [Cell(str(rounds), rounds), Cell(str(len(speed.minima)), len(speed.minima))]
    if not speed.published:
        why = speed.withheld or ""
        return (*first, *who, blank, blank, blank, blank, blank, *visits, Cell(why, why, "bad"))
    found, shortest = speed.ratio, min(speed.minima.values())
    ratio, low, high = (found.ratio, found.low, found.high) if found else (None, None, None)
    interval = [
        blank if end is None or speed.is_baseline else Cell(significant(end), end) for end in (low, high)
    ]
    tone = "" if not found or not found.told_apart else "good" if found.ratio < 1 else "warn"
    return (
        *first,
        *who,
        Cell(duration(shortest * 1e-9), shortest),
        blank if ratio is None else Cell(significant(ratio), ratio, "" if speed.is_baseline else tone),
        *interval,
        blank if speed.rank is None else Cell(str(speed.rank), speed.rank, "good" if speed.rank == 1 else ""),
        *visits,
        Cell("baseline", "baseline", "quiet") if speed.is_baseline else Cell("", None),
    )


def _costs(view: View) -> list[Block]:
    """What it costs before the first step is fast: medians over the inputs."""
    members: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for group in view.speeds.groups:
        for speed in group.published:
            members[speed.record.implementation, speed.record.text("style"), group.text("device")].append(
                speed.record
            )
    names = ("build_s", "first_call_s", "peak_rss_mib", "threads_used")
    present = [key for key in names if any(r.number(key) is not None for rs in members.values() for r in rs)]
    if not present:
        return []
    titles = {
        "build_s": Column("Build", True, "median over the cases"),
        "first_call_s": Column("First call", True, "median over the cases; tracing and compiling included"),
        "peak_rss_mib": Column("Peak memory, MiB", True, "the largest over the cases"),
        "threads_used": Column("Threads", True, "the most over the cases"),
    }
    rows = [
        (
            implementation_cell(view, implementation),
            Cell(style or "–", style.lower()),
            Cell(device or "–", device.lower()),
            Cell(str(len(records)), len(records)),
            *(_cost(key, records) for key in present),
        )
        for (implementation, style, device), records in members.items()
    ]
    columns = [Column("Implementation"), Column("Style"), Column("Device"), Column("Cases", True)]
    columns += [titles[key] for key in present]
    note = say(
        "Median over the cases for times, maximum for memory and threads. Not part of the step times above."
    )
    return [
        Heading("What it costs to start", "throughput-costs"),
        table("costs-table", "Build, first call, memory, threads", columns, rows, note),
    ]


def _cost(key: str, records: Sequence[Record]) -> Cell:
    values = [value for record in records if (value := record.number(key)) is not None]
    if not values:
        return BLANK
    if key.endswith("_s"):
        return seconds_cell(median(values))
    return Cell(whole(round(max(values)) if max(values) < 1e15 else max(values)), max(values))
