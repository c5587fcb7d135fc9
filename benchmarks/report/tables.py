"""Building tables: cells, columns that are there only when they tell something, and a limit to the rows of a page."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from benchmarks.report.document import Cell, Column, Rich, Table
from benchmarks.report.reading import Record
from benchmarks.report.view import View
from benchmarks.report.wording import duration, shape_text, significant, visible

MOST_ROWS = 300  # of one table on the page; results.csv has them all
TITLES = {
    "shape": "Input",
    "style": "Style",
    "layout": "Layout",
    "dtype": "dtype",
    "device": "Device",
    "network": "Network",
    "batch_size": "Batch",
    "dataset": "Data",
    "seed": "Seed",
    "format": "Format",
    "optimizer": "Optimizer",
    "learning_rate": "Learning rate",
    "epochs": "Epochs",
    "steps": "Steps",
    "input": "Input values",
    "train_size": "Train size",
    "steps_before": "Steps before",
    "steps_after": "Steps after",
}
NUMERIC = {
    "batch_size",
    "seed",
    "learning_rate",
    "epochs",
    "steps",
    "train_size",
    "steps_before",
    "steps_after",
}


def table(
    key: str,
    title: str,
    columns: Sequence[Column],
    rows: Sequence[tuple[Cell, ...]],
    note: Rich = (),
    most: int = MOST_ROWS,
) -> Table:
    """A table of at most so many rows, which says how many it leaves out."""
    return Table(key, title, tuple(columns), tuple(rows[:most]), note, len(rows))


def implementation_cell(view: View, implementation: str) -> Cell:
    """The name of an implementation, beside its colour."""
    return Cell(implementation, implementation.lower(), series=view.colours.get(implementation))


def parameter_column(parameter: str) -> Column:
    """The column of a parameter of the case."""
    return Column(TITLES.get(parameter, parameter), parameter in NUMERIC)


def parameter_cell(record: Record, parameter: str) -> Cell:
    """The value of a parameter of the case; shapes sort by their number of elements."""
    if parameter == "shape":
        return Cell(shape_text(record.shape), float(min(prod(record.shape), 10**300)))
    value = record.case.get(parameter)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        text = f"{value:g}" if isinstance(value, float) else str(value)
        return Cell(text, float(value) if abs(value) < 1e300 else None)
    return Cell(visible(record.text(parameter)) or "–", record.text(parameter).lower() or None)


def ulp_cell(value: float | None, over_bound: float | None = None, limit: float | None = None) -> Cell:
    """An error in ulps; the tone says whether it is over the bound, or over the limit."""
    if value is None:
        return BLANK
    tone = ""
    if over_bound is not None and not over_bound <= 1:
        tone = "warn" if limit is None or over_bound <= limit else "bad"
    return Cell(significant(value, 2), value, tone)


def number_cell(value: float | None, digits: int = 3, tone: str = "") -> Cell:
    """A plain number."""
    return BLANK if value is None else Cell(significant(value, digits), value, tone)


def seconds_cell(value: float | None) -> Cell:
    """A duration in seconds."""
    return BLANK if value is None else Cell(duration(value), value)


def status_cell(record: Record) -> Cell:
    """How a case ended."""
    text = record.status.replace("_", " ")
    return Cell(text, text, {"ok": "good", "disagrees": "bad"}.get(record.status, "warn"))
