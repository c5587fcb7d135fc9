"""The section of a comparison about throughput."""

from __future__ import annotations

from benchmarks.comparison.comparing import Comparison
from benchmarks.comparison.speeds import SpeedChange, SpeedComparison
from benchmarks.report.document import Block, Cell, Column, Paragraph, Rich, Section, Table, code, name, say
from benchmarks.report.tables import seconds_cell, table, text_cell
from benchmarks.report.wording import DASH, count, ratio, visible

WORDS = ("slower", "faster", "undecided", "same")
TONES = {"slower": "bad", "faster": "good", "undecided": "warn", "same": ""}
MOST_ROWS = 40
SHIFTED = 0.02  # a median ratio this far from 1 is worth a sentence


def speed_section(comparison: Comparison) -> Section | None:
    """What became faster or slower; None if neither run timed anything that can be compared."""
    speeds = comparison.speeds
    if not speeds.changes:
        return None
    blocks: list[Block] = [Paragraph(_summary(speeds)), Paragraph(_how(speeds))]
    if comparison.sentinel is not None and comparison.machines.same:
        blocks.append(Paragraph(_sentinel(comparison.sentinel), "warn" if _moved(comparison.sentinel) else ""))
    if speeds.shift is not None and _moved(speeds.shift):
        blocks.append(Paragraph(_shift(speeds), "warn"))
    return Section("speeds", "Throughput", (*blocks, _table(comparison)))


def _summary(speeds: SpeedComparison) -> Rich:
    counts = ", ".join(f"{len(found):,} {word}" for word in WORDS if (found := speeds.of(word)))
    return say("{cases} compared: {counts}.", cases=count(len(speeds.changes), "case"), counts=counts)


def _how(speeds: SpeedComparison) -> Rich:
    what = (
        say("the time of a step")
        if speeds.baseline is None
        else say("the ratio to {baseline} within each run", baseline=name(visible(speeds.baseline)))
    )
    drift = (
        "The runs were not taken in turn, so the interval is Welch's over unpaired rounds, and any drift of the "
        "machine between them is in it"
        if speeds.baseline is None
        else "Drift of the machine cancels within each run; the interval is Welch's over unpaired rounds"
    )
    return say(
        "Compared is {what}, B over A. {drift}. All intervals hold at once with {confidence} % confidence; {margin} % "
        "either way does not matter.",
        what=what, drift=drift, confidence=f"{100 * speeds.confidence:g}", margin=f"{100 * speeds.margin:g}",
    )  # fmt: skip


def _moved(found: float) -> bool:
    return abs(found - 1) > SHIFTED


def _sentinel(found: float) -> Rich:
    return say(
        "The sentinel, a piece of work that is always the same, took {ratio} times as long in B: {meaning}.",
        ratio=ratio(found),
        meaning="the machine itself had another speed"
        if _moved(found)
        else "one core by itself had the same speed, which tells nothing of the other cores and the memory",
    )


def _shift(speeds: SpeedComparison) -> Rich:
    assert speeds.shift is not None
    return say(
        "Half of all cases have a ratio above {shift}. What hits every case alike is more often the machine, or a "
        "package that all of them use, than the code of one; {way_out}",
        shift=ratio(speeds.shift),
        way_out=say("{option} compares ratios to the baseline instead.", option=code("--relative"))
        if speeds.baseline is None
        else say("here it may be the baseline."),
    )


def _table(comparison: Comparison) -> Table:
    speeds = comparison.speeds
    order = {word: place for place, word in enumerate(WORDS)}
    changes = sorted(speeds.changes, key=lambda change: order[change.verdict.word])
    hidden = len(changes) - MOST_ROWS
    columns = [
        Column("Case"),
        Column("A", True),
        Column("B", True),
        Column("B over A", True),
        Column("Interval", True),
        Column("Verdict"),
    ]
    note = say(
        "A and B: {figure}; B over A is their ratio. A regression is a case whose whole interval lies beyond "
        "the margin{where}.{more}",
        figure=_figure(speeds),
        where="" if comparison.speeds_decide else "; none is counted here",
        more=say(" {rows}: {option} has them all.", rows=count(hidden, "more row"), option=code("--json"))
        if hidden > 0
        else "",
    )
    return table("speeds", "Speeds", columns, [_row(change, speeds) for change in changes[:MOST_ROWS]], note)


def _figure(speeds: SpeedComparison) -> Rich:
    if speeds.baseline is None:
        return say("the shortest step of each round, averaged over the rounds")
    return say("the ratio to {baseline}, averaged over the rounds", baseline=name(visible(speeds.baseline)))


def _row(change: SpeedChange, speeds: SpeedComparison) -> tuple[Cell, ...]:
    verdict = change.verdict
    interval = DASH if verdict.low is None or verdict.high is None else f"{ratio(verdict.low)} to {ratio(verdict.high)}"
    word = f"{verdict.word}, by more than the margin for certain" if change.regression else verdict.word
    return (
        text_cell(change.case_id, 100),
        *(
            seconds_cell(figure / 1e9) if speeds.baseline is None else Cell(ratio(figure), figure)
            for figure in (change.a, change.b)
        ),
        Cell(ratio(verdict.ratio), verdict.ratio),
        Cell(interval),
        Cell(word, tone=TONES[verdict.word]),
    )
