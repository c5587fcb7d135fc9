"""Throughput: how fast is one step?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchmarks.report.document import Block, Cell, Column, Figure, Heading, Paragraph, Rich, Section, Table

from benchmarks.report.document import link, name, say, strong  # isort: skip
from benchmarks.report.figures import throughput as figure
from benchmarks.report.irregular import irregularities
from benchmarks.report.kinds import kind_of
from benchmarks.report.parameters import shared, varying
from benchmarks.report.run import Record
from benchmarks.report.sections.machine_watch import changed_groups, unquiet
from benchmarks.report.sections.noise import noise
from benchmarks.report.sections.prices import fresh_rounds, price_words, prices
from benchmarks.report.sections.winners import sentence, winner
from benchmarks.report.speeds import NETWORK, Group, Speed
from benchmarks.report.tables import (
    BLANK,
    MOST_ROWS,
    count_cell,
    implementation_cell,
    parameter_cell,
    parameter_column,
    table,
    text_cell,
)
from benchmarks.report.view import View
from benchmarks.report.wording import WORKS, count, duration, percent, ratio, shape_text, visible
from benchmarks.verdicts.judging import MARGIN

DETAILS = ("layout", "dtype", "device", "network", "batch_size", "dataset")
TONES = {"faster": "good", "slower": "warn", "same": "", "undecided": "quiet"}
REMARK = 200  # characters of a reason that a row shows


def build(view: View) -> Section:
    """The section."""
    groups = view.speeds.groups
    if not groups:
        nothing = say("No throughput case was measured in this run.")
        return Section("throughput", "Throughput", (Paragraph(nothing, "note"),))
    blocks: list[Block] = [Paragraph(_method(view))]
    blocks.extend(noise(view))
    blocks.extend(Paragraph(told, "note") for told in [unquiet(view)] if told)
    if view.rounds < 2:
        told = say(
            "This run had one round, so ratios have no interval and nothing is ranked: read them as hints. "
            "Several rounds give intervals."
        )
        blocks.append(Paragraph(told, "note"))
    if view.speeds.withheld:
        blocks.append(Paragraph(_withheld(view), "note"))
    for work in dict.fromkeys(group.work for group in groups):
        blocks.extend(_work(view, work, [group for group in groups if group.work == work]))
    return Section("throughput", "Throughput", tuple(blocks))


def _method(view: View) -> Rich:
    return say(
        "How long does one step take? The step time is the shortest per call that was seen. The ratio "
        "compares with {baseline} within each round, on the same work, input, dtype and device; below 1 is "
        "faster. Only the same kind of work is ranked. A speed is shown only beside a passed agreement.",
        baseline=name(view.speeds.baseline),
    )


def _withheld(view: View) -> Rich:
    total = sum(len(group.speeds) for group in view.speeds.groups)
    return say(
        "{number} of {total} measured speeds are {verdict}; their rows say why.",
        number=len(view.speeds.withheld),
        total=total,
        verdict=strong("not shown"),
    )


def _work(view: View, work: str, groups: Sequence[Group]) -> list[Block]:
    place = list(WORKS).index(work) if work in WORKS else f"other-{visible(work)}"
    key = "".join(character if character.isalnum() else "-" for character in f"throughput-{place}")
    title = WORKS.get(work, visible(work))
    blocks: list[Block] = [Heading(title, key)]
    blocks.extend(Paragraph(sentence(winner(view, contest), contest)) for contest in view.contests(work)[:4])
    details = varying(_published(groups), DETAILS)
    named = [(_heading(group, details), group) for group in groups]
    blocks.extend(Paragraph(told, "note") for told in [changed_groups(view, named)] if told)
    if any(len(group.published) > 1 for group in groups):
        blocks.append(_figure(view, key, title, groups))
    blocks.append(_table(view, key, title, groups))
    blocks.extend(prices(groups, view.run.plan.settings))
    return blocks


def _heading(group: Group, details: Sequence[str]) -> str:
    """The piece of work in a line: its input, and what else tells it from the other groups."""
    parts = [shape_text(group.shape)] if group.shape else []
    if group.work == NETWORK:
        parts = [f"network {group.text('network')}", f"batches of {group.text('batch_size')}"]
    parts += [group.text(key) for key in details if key in ("layout", "dtype", "device")]
    return ", ".join(parts) or "all"


def _published(groups: Sequence[Group]) -> list[Record]:
    return [speed.record for group in groups for speed in group.published]


def _figure(view: View, key: str, title: str, groups: Sequence[Group]) -> Figure:
    records = _published(groups)
    details = varying(records, DETAILS)
    compared = [group for group in groups if len(group.published) > 1]
    lines = [(_heading(group, details), _lines(group)) for group in _one_of_each_kind_first(compared)]
    drawn = figure.fitting(lines)
    bases = {group.baseline.record.implementation for group in groups if group.baseline}
    baseline = bases.pop() if len(bases) == 1 else "the baseline of each group"
    intervals = "; one round, so no intervals. "
    if view.rounds > 1:
        intervals = ", with simultaneous 95 % intervals; one that crosses the line does not tell the two apart. "
    caption = say(
        "Step time relative to {baseline}{intervals}{shared}{left_out}The table {table} has the numbers.",
        baseline=name(baseline),
        intervals=intervals,
        shared=shared(records, DETAILS),
        left_out=f"Drawn are {len(drawn)} of {count(len(lines), 'group')}. " if len(drawn) < len(lines) else "",
        table=link(f"{title}: step times", f"#{key}-table"),
    )
    svg = figure.draw(f"{key}-ratios", f"{title}: ratios of step times", drawn, baseline, view.colours)
    return Figure(f"{key}-ratios", title, caption, _words(drawn), svg)


def _one_of_each_kind_first(groups: Sequence[Group]) -> list[Group]:
    """The first group of each kind of inputs, then the second: a figure without room for all shows each kind."""
    seen: Counter[str] = Counter()
    order: list[tuple[int, Group]] = []
    for group in groups:
        order.append((seen[kind_of(group)], group))
        seen[kind_of(group)] += 1
    return [group for _, group in sorted(order, key=lambda placed: placed[0])]


def _lines(group: Group) -> list[figure.Row]:
    return [
        figure.Row(
            " · ".join(part for part in speed.entry if part),
            speed.record.implementation,
            speed.verdict,
            speed.is_baseline,
        )
        for speed in group.published
        if speed.verdict
    ]


def _words(groups: figure.Groups) -> str:
    """The figure in words."""
    parts = [
        f"{heading}: " + ", ".join(f"{row.name} {ratio(row.verdict.ratio)}" for row in rows) + "."
        for heading, rows in groups
    ]
    return visible(" ".join(parts))


def _table(view: View, key: str, title: str, groups: Sequence[Group]) -> Table:
    records = [speed.record for group in groups for speed in group.speeds]
    parameters = varying(records, DETAILS)
    if any(group.shape and group.work != NETWORK for group in groups):
        parameters.insert(0, "shape")
    columns = [
        *(parameter_column(parameter) for parameter in parameters),
        Column("Implementation"),
        Column("Style"),
        Column("Step time", True, "the shortest time per call"),
        Column("Ratio", True, "step time over the baseline's; below 1 is faster"),
        Column("95 % from", True, "lower end of the interval of the ratio"),
        Column("to", True, "upper end of the interval of the ratio"),
        Column("Verdict", False, f"against the baseline; same means within {percent(MARGIN, 0)}"),
        Column("To decide", True, "rounds of a run of the two alone that would probably decide, and what they take"),
        Column("Rank", True, "1 + the number of rows of the same group that are faster for certain"),
        Column("Rounds", True, "fresh processes"),
        Column("Passes", True),
        Column("Remark", long=any(not group.published for group in groups)),
    ]
    speeds = [(group, speed) for group in groups for speed in group.speeds]
    rows = [_row(view, group, speed, parameters) for group, speed in speeds[:MOST_ROWS]]
    note = say(
        "{shared}A rank is 1 + the number of rows that are faster for certain.",
        shared=shared(records, DETAILS),
    )
    return table(f"{key}-table", f"{title}: step times", columns, rows, note, len(speeds))


def _row(view: View, group: Group, speed: Speed, parameters: Sequence[str]) -> tuple[Cell, ...]:
    rounds = len({number for number, _ in speed.minima})
    return (
        *(parameter_cell(speed.record, parameter) for parameter in parameters),
        implementation_cell(view, speed.record.implementation),
        parameter_cell(speed.record, "style"),
        *(_figures(group, speed) if speed.published else [BLANK] * 7),
        count_cell(rounds),
        count_cell(len(speed.minima)),
        _remark(view, speed),
    )


def _figures(group: Group, speed: Speed) -> list[Cell]:
    """Step time, ratio, its interval, verdict, what it would cost, rank."""
    found, time = speed.verdict, Cell(duration(speed.step_ns * 1e-9), speed.step_ns)
    rank = BLANK if speed.rank is None else count_cell(speed.rank, "good" if speed.rank == 1 else "")
    if found is None or speed.is_baseline:
        return [time, Cell("1", 1.0) if found else BLANK, *[BLANK] * 4, rank]
    tone = TONES[found.word]
    ends = [BLANK if end is None else Cell(ratio(end), end) for end in (found.low, found.high)]
    word = Cell(found.word, found.word, tone)
    return [time, Cell(ratio(found.ratio), found.ratio, tone), *ends, word, _price(group, speed), rank]


def _price(group: Group, speed: Speed) -> Cell:
    """What deciding the comparison with the baseline would cost; blank where it is decided."""
    places = {id(published): place for place, published in enumerate(group.published)}
    pair = {places[id(speed)], next(place for place, other in enumerate(group.published) if other.is_baseline)}
    found = next((found for found in group.open if {found.place, found.against} == pair), None)
    return BLANK if found is None else Cell(price_words(group, found), fresh_rounds(group, found))


def _remark(view: View, speed: Speed) -> Cell:
    if speed.withheld:
        return text_cell(speed.withheld, REMARK, "bad")
    told = irregularities(speed.record) + ["not to be trusted: see Environment"] * (not view.trusts(speed))
    if told:
        return text_cell("; ".join(["baseline"] * speed.is_baseline + told), REMARK, "warn")
    return Cell("baseline", "baseline", "quiet") if speed.is_baseline else Cell("")
