"""Building tables: cells in one style, and a limit to the rows of a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from benchmarks.report.document import Cell, Column, Rich, Table
from benchmarks.report.parameters import NUMERIC, TITLES
from benchmarks.report.run import Record
from benchmarks.report.view import View
from benchmarks.report.wording import DASH, duration, shape_text, shorten, significant, visible

MOST_ROWS = 300  # of one table on the page; results.csv has them all
LONGEST_NAME = 60
BLANK = Cell(DASH, None, "quiet")


def table(
    key: str,
    title: str,
    columns: Sequence[Column],
    rows: Sequence[tuple[Cell, ...]],
    note: Rich = (),
    total: int | None = None,
) -> Table:
    """A table.

    Args:
        key: its id.
        title: its title.
        columns: its columns.
        rows: its rows; what exceeds MOST_ROWS is cut.
        note: a line below it.
        total: how many rows there would be, if ``rows`` is a part already.

    Returns:
        The table, which says how many rows it leaves out.
    """
    return Table(key, title, tuple(columns), tuple(rows[:MOST_ROWS]), note, total or len(rows))


def first_rows(records: Sequence[Record], notable: Callable[[Record], bool]) -> list[Record]:
    """As many records as a table holds; if there are more, the notable ones first."""
    if len(records) <= MOST_ROWS:
        return list(records)
    return sorted(records, key=lambda record: not notable(record))[:MOST_ROWS]


def implementation_cell(view: View, implementation: str) -> Cell:
    """The name of an implementation, beside its colour."""
    text = shorten(visible(implementation), LONGEST_NAME)
    return Cell(text, implementation.lower(), series=view.colours.get(implementation))


def text_cell(text: str, limit: int = LONGEST_NAME, tone: str = "") -> Cell:
    """Text that someone else wrote."""
    return Cell(shorten(visible(text), limit) or DASH, text[:LONGEST_NAME].lower() or None, tone)


def parameter_column(parameter: str) -> Column:
    """The column of a parameter of the case."""
    return Column(TITLES.get(parameter, parameter), parameter in NUMERIC)


def parameter_cell(record: Record, parameter: str) -> Cell:
    """The value of a parameter of the case; shapes sort by their number of elements."""
    if parameter == "shape":
        return Cell(shape_text(record.shape), float(min(prod(record.shape), 10**300)))
    value = record.parameter(parameter)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        text = f"{value:g}" if isinstance(value, float) else str(value)
        return Cell(shorten(text, LONGEST_NAME), float(value) if abs(value) < 1e300 else None)
    return text_cell(record.text(parameter))


def ulp_cell(value: float | None, over_limit: float | None) -> Cell:
    """An error in ulps; one over its limit, which makes a case disagree, stands out."""
    return number_cell(value, 2, "bad" if over_limit is not None and not over_limit <= 1 else "")


def count_cell(number: int, tone: str = "") -> Cell:
    """A count."""
    return Cell(f"{number:,}", number, tone)


def number_cell(value: float | None, digits: int = 3, tone: str = "") -> Cell:
    """A plain number."""
    return BLANK if value is None else Cell(significant(value, digits), value, tone)


def seconds_cell(value: float | None) -> Cell:
    """A duration in seconds."""
    return BLANK if value is None else Cell(duration(value), value)
