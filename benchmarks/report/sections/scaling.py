"""Whether the work of a call grows with the size of its input: the proof that none of it was left out.

A call whose result nobody computes costs the same at every size. The proof takes no threshold of ours, and no model of
what a call costs beside its work: the machine cannot do the largest shape's work in the time that the same callable
takes for the smallest one, and at the largest it took no less than the machine needs. So the work has grown. Where the
smallest call takes as long as the machine needs for the largest shape, nothing is proved.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from benchmarks.report.document import Block, Cell, Column, Heading, Paragraph, Rich, say
from benchmarks.report.roofs import TOO_FAST, Roof
from benchmarks.report.sections.roofline import members_of
from benchmarks.report.speeds import Group
from benchmarks.report.tables import count_cell, implementation_cell, number_cell, parameter_cell, seconds_cell, table
from benchmarks.report.view import View
from benchmarks.report.wording import WORKS, visible

KEY = "scaling"
GROWS, LEFT_OUT, UNPROVED = "grows", "left out", "cannot be told"
TONES = {GROWS: "good", LEFT_OUT: "bad", UNPROVED: ""}


@dataclass(frozen=True)
class Scaling:
    """One callable at its smallest and its largest shape."""

    group: Group
    small: Roof
    large: Roof

    @property
    def values(self) -> int:
        """How many times as many values the largest shape has, rounded down."""
        return prod(self.large.speed.record.shape) // prod(self.small.speed.record.shape)

    @property
    def verdict(self) -> str:
        """``grows``, ``left out`` or ``cannot be told``."""
        if self.large.too_fast:
            return LEFT_OUT
        return GROWS if self.large.limit.seconds > TOO_FAST * self.small.step_s else UNPROVED


def scalings(members: Sequence[tuple[Group, list[Roof]]]) -> list[Scaling]:
    """Every callable that was timed at more than one size.

    Args:
        members: groups with their speeds under their roofs.
    """
    found: dict[tuple[str, ...], list[tuple[Group, Roof]]] = defaultdict(list)
    for group, roofs in members:
        shared = (group.work, *(group.text(name) for name in ("layout", "dtype", "device")))
        for roof in roofs:
            found[*shared, *roof.speed.entry].append((group, roof))
    result = []
    for sizes in found.values():
        sizes.sort(key=lambda one: prod(one[0].shape))
        (group, small), (_, large) = sizes[0], sizes[-1]
        if prod(small.speed.record.shape) < prod(large.speed.record.shape):
            result.append(Scaling(group, small, large))
    return result


def scaling(view: View) -> list[Block]:
    """Heading, how many are proved, and the table; nothing where one size alone was timed."""
    found = scalings(members_of(view))
    if not found:
        return []
    title = "The smallest and the largest shape of every callable"
    rows = [_row(view, one) for one in found]
    heading = Heading("Does the work grow with the size?", KEY)
    return [heading, Paragraph(_told(found)), table(f"{KEY}-table", title, COLUMNS, rows)]


def _told(found: Sequence[Scaling]) -> Rich:
    count = {verdict: sum(one.verdict == verdict for one in found) for verdict in TONES}
    return say(
        "Of {all} callables that were timed at several sizes, the work of {grows} is proved to grow with the size: the "
        "largest shape cannot be computed in the time that the smallest one takes, and it took no less than the "
        "machine needs for it. {left_out} took less than that; of {unproved} it cannot be told, because the smallest "
        "call takes about as long as the machine needs for the largest.",
        all=str(len(found)),
        grows=str(count[GROWS]),
        left_out=str(count[LEFT_OUT]) if count[LEFT_OUT] else "None",
        unproved=str(count[UNPROVED]),
    )


COLUMNS = (
    Column("Work"),
    Column("Implementation"),
    Column("Style"),
    Column("Smallest"),
    Column("Step", True, "at the smallest shape"),
    Column("Largest"),
    Column("Step there", True, "at the largest shape"),
    Column("Limit there", True, "the shortest time that the machine allows at the largest shape"),
    Column("Values, times", True, "of the largest shape over the smallest"),
    Column("Time, times", True, "of the largest shape over the smallest"),
    Column("Its work"),
)


def _row(view: View, one: Scaling) -> tuple[Cell, ...]:
    record = one.small.speed.record
    return (
        Cell(WORKS.get(one.group.work, visible(one.group.work)), one.group.work),
        implementation_cell(view, record.implementation),
        parameter_cell(record, "style"),
        *_size(one.small),
        *_size(one.large),
        seconds_cell(one.large.limit.seconds),
        count_cell(one.values),
        number_cell(one.large.step_s / one.small.step_s),
        Cell(one.verdict, one.verdict, tone=TONES[one.verdict]),
    )


def _size(roof: Roof) -> tuple[Cell, Cell]:
    return parameter_cell(roof.speed.record, "shape"), seconds_cell(roof.step_s)
