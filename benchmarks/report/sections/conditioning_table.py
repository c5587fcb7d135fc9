"""The table of grades: implementation by condition."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmarks.report.document import Cell, Column, Table, say
from benchmarks.report.errors import severity
from benchmarks.report.grades import CONDITIONS, EMPTY, MATTERS, PARAMETERS, POISONS, Graded, worst_of
from benchmarks.report.parameters import varying
from benchmarks.report.run import Record
from benchmarks.report.tables import BLANK, implementation_cell, parameter_cell, parameter_column, table
from benchmarks.report.view import View
from benchmarks.report.wording import TIMES, listing, significant, visible

COLUMNS = {
    "mean_1e2": ("Mean 100", "a mean of 100 standard deviations"),
    "mean_1e3": ("Mean 1,000", "a mean of 1,000 standard deviations"),
    "mean_1e4": ("Mean 10,000", "a mean of 10,000 standard deviations"),
    "mean_1e6": ("Mean 1,000,000", "a mean of 1,000,000 standard deviations"),
    "variance_near_epsilon": ("Variance near epsilon", "variances from a hundredth of epsilon to 25 times epsilon"),
    "constant": ("Constant", "all values of a channel are equal"),
    "huge": ("Huge", "values whose squares are near the largest number"),
    "nan": ("One NaN", "one value is not a number"),
    "infinity": ("One infinity", "one value is infinite"),
    "one_value": ("One value", "a single value a channel"),
    "empty": ("After an empty batch", "what became of the moving statistics"),
}
LOST = "all digits lost"
STATISTICS = {"unchanged": "kept", "not finite": "lost", "changed": "changed"}


def grades_table(view: View) -> Table:
    """A row for each implementation, dtype and style; a column for each condition."""
    parameters = [p for p in PARAMETERS if any(varying(rows, [p]) for rows in _by_name(view))]
    present = [c for c in CONDITIONS if any(_cell(graded, c) is not BLANK for graded in view.grades)]
    columns = [
        Column("Implementation"),
        *(parameter_column(parameter) for parameter in parameters),
        *(Column(COLUMNS[condition][0], True, COLUMNS[condition][1]) for condition in present),
    ]
    rows = [
        (
            implementation_cell(view, graded.implementation),
            *(parameter_cell(graded.records[0], parameter) for parameter in parameters),
            *(_cell(graded, condition) for condition in present),
        )
        for graded in view.grades
    ]
    note = say(
        "Multiples of what a good evaluation must cost; above {matters} it is worth knowing.", matters=f"{MATTERS:g}"
    )
    return table("conditioning-table", "Errors by condition", columns, rows, note)


def _by_name(view: View) -> list[list[Record]]:
    found: dict[str, list[Record]] = {}
    for graded in view.grades:
        found.setdefault(graded.implementation, []).append(graded.records[0])
    return list(found.values())


def condition_cell(of: Sequence[Graded]) -> Cell:
    """The worst grade of an implementation under any condition, for a table with one column for it."""
    lost = any(graded.lost(condition) for graded in of for condition in CONDITIONS)
    over = worst_of(of)
    if over is None:
        return BLANK
    if lost:
        return Cell(LOST, over, "bad")
    return Cell(significant(over, 2), over, "warn" if severity(over) > MATTERS else "good")


def _cell(graded: Graded, condition: str) -> Cell:
    if graded.refused(condition):
        return Cell("refused", "refused", "quiet")
    if condition in POISONS:
        return _poison_cell(graded, condition)
    if condition == EMPTY:
        effects = graded.of_empty("statistics")
        tone = "bad" if "not finite" in effects else "good" if effects == ["unchanged"] else ""
        return Cell(listing([STATISTICS.get(e, visible(e)) for e in effects]), effects[0], tone) if effects else BLANK
    over = graded.over_bound(condition)
    if over is None:
        return BLANK
    if graded.lost(condition):
        return Cell(LOST if math.isfinite(over) else "not finite", over, "bad")
    tone = "warn" if severity(over) > MATTERS else "good" if over <= 1 else ""
    return Cell(f"{significant(over, 2)}{TIMES}", over, tone)


def _poison_cell(graded: Graded, condition: str) -> Cell:
    if graded.pattern(condition, "hidden") is None:
        return BLANK
    if graded.pattern(condition, "hidden"):
        return Cell("hidden", "c", "bad")
    if graded.pattern(condition, "spread"):
        return Cell("spreads", "b", "warn")
    return Cell("stays", "a", "good")
