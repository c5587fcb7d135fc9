"""The section of a comparison about the machines: the same ones, and with as much to give?"""

from __future__ import annotations

from benchmarks.comparison.comparing import Comparison
from benchmarks.comparison.conditions import Condition
from benchmarks.comparison.machines import Difference
from benchmarks.report.document import Block, Cell, Column, Paragraph, Rich, Section, Span, Table, code, say
from benchmarks.report.tables import number_cell, table, text_cell
from benchmarks.report.wording import MISSING, listing, significant

LONGEST = 100  # characters of what differs
RATIO = "what is compared is the ratio to the baseline within each run"


def machine_section(comparison: Comparison) -> Section:
    """Whether times may be compared, and what differs."""
    machines = comparison.machines
    blocks: list[Block] = [Paragraph(_machines(comparison))]
    if machines.same and comparison.speeds_timed:
        told = _alike(comparison) if comparison.conditions.alike else _unlike(comparison)
        blocks.append(Paragraph(told, "" if comparison.conditions.alike else "warn"))
        if not comparison.conditions.alike:
            blocks.append(_conditions(comparison))
    differences = [*machines.apart, *machines.others, *machines.versions]
    if differences:
        rows = [_difference(difference) for difference in differences]
        columns = [Column("What differs"), Column("A", long=True), Column("B", long=True)]
        blocks.append(table("environment", "Environment", columns, rows))
    return Section("machines", "Machines", tuple(blocks))


def _machines(comparison: Comparison) -> Rich:
    machines = comparison.machines
    if machines.same:
        return say(
            "The same machine, or one of the same kind: {kind}. Nothing that its environment says tells them apart.",
            kind=machines.kind,
        )
    if machines.apart:
        return say(
            "{different}: durations are not compared with each other; {ratio}, and no speed decides the exit code.",
            different=Span("Different machines or settings", "warn"),
            ratio=RATIO,
        )
    return say(
        "{unknown}, for the environment of a run was not recorded: durations are not compared with each other, and no "
        "speed decides the exit code.",
        unknown=Span("Not known to be the same machine", "warn"),
    )


def _alike(comparison: Comparison) -> Rich:
    known = [found for found in comparison.conditions.found if found.alike]
    figures = [f"{found.what}: {_figure(found.a)} and {_figure(found.b)}" for found in known]
    return say("It had as much to give in both runs: {figures}.", figures="; ".join(figures))


def _unlike(comparison: Comparison) -> Rich:
    conditions = comparison.conditions
    if conditions.differing:
        why = say(
            "{unlike} ({what}), so no time of a step is held against that of the other run",
            unlike=Span("The machine did not have as much to give in both runs", "warn"),
            what=listing([_told(found) for found in conditions.differing]),
        )
    else:
        why = say(
            "{unknown} ({what} not recorded), so no time of a step is held against that of the other run",
            unknown=Span("It is not known whether the machine had as much to give in both runs", "warn"),
            what=listing([found.what for found in conditions.unknown]),
        )
    if comparison.relative:
        return say(
            "{why}. {ratio}, and decides, as {option} asks; what hit one side of a ratio alone does not cancel, so "
            "repeat the run before you act on it.",
            why=why, ratio=RATIO.capitalize(), option=code("--relative"),
        )  # fmt: skip
    return say(
        "{why}; {ratio}, and no speed decides the exit code. {option} lets ratios decide; for times, repeat the run "
        "under like conditions.",
        why=why, ratio=RATIO, option=code("--relative"),
    )  # fmt: skip


def _conditions(comparison: Comparison) -> Table:
    columns = [Column("While they measured"), Column("A", True), Column("B", True), Column("Alike if"), Column("Alike")]
    words = {True: Cell("yes"), False: Cell("no", tone="warn"), None: Cell("not known")}
    rows = [
        (Cell(found.what), number_cell(found.a, 3), number_cell(found.b, 3), Cell(found.limit), words[found.alike])
        for found in comparison.conditions.found
    ]
    return table("conditions", "Conditions", columns, rows)


def _told(found: Condition) -> str:
    return f"{found.what}: {_figure(found.a)} in A, {_figure(found.b)} in B"


def _figure(value: float | None) -> str:
    return MISSING if value is None else significant(value, 3)


def _difference(difference: Difference) -> tuple[Cell, ...]:
    return tuple(text_cell(text or MISSING, LONGEST) for text in (difference.what, difference.a, difference.b))
