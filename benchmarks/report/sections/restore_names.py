"""Under which names a checkpoint holds the moving mean: what whoever opens a file by hand has to look for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from benchmarks.report.document import Column, Table, say
from benchmarks.report.run import Record
from benchmarks.report.tables import count_cell, implementation_cell, table, text_cell
from benchmarks.report.view import View
from benchmarks.report.wording import DASH, visible

AVERAGES = (
    re.compile(r"(moving|running)_mean(/\.ATTRIBUTES/VARIABLE_VALUE)?$|mean_ema/average$|(?<!batch_)mean$"),
    re.compile(r"moments/Squeeze/ExponentialMovingAverage$"),
)
NUMBERED = re.compile(r"/\d+(/\.ATTRIBUTES/VARIABLE_VALUE)?$")


def names_table(view: View, records: Sequence[Record]) -> Table | None:
    """A row an implementation and format; None where no names were recorded.

    Args:
        view: the run.
        records: whole networks into a new object.
    """
    told = [(record, names) for record in records if record.measured and (names := _names(record))]
    if not told:
        return None
    columns = [
        Column("Implementation"),
        Column("Format"),
        Column("Names", True),
        Column("A moving mean is stored as", long=True),
    ]
    rows = [
        (
            implementation_cell(view, record.implementation),
            text_cell(record.text("format")),
            count_cell(len(names)),
            text_cell(moving_mean(names), 160),
        )
        for record, names in told
    ]
    note = say("{dash}: no name says so. Where arrays are numbered, their order tells them apart.", dash=DASH)
    return table("checkpoint-names", "Names as stored", columns, rows, note)


def _names(record: Record) -> list[str]:
    found = record.samples.get("names")
    return [visible(str(name)) for name in found] if isinstance(found, list) else []


def moving_mean(names: Sequence[str]) -> str:
    """The first name of a moving mean, the first number where names are numbers, or a dash."""
    for pattern in AVERAGES:
        if found := next((name for name in names if pattern.search(name)), None):
            return found
    numbered = next((name for name in names if NUMBERED.search(name)), None)
    return DASH if numbered is None else f"a number, such as {numbered}"
