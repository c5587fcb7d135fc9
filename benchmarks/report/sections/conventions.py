"""Conventions: what each implementation computes by choice, not by mistake."""

from __future__ import annotations

from benchmarks.report.document import Block, Cell, Column, say
from benchmarks.report.errors import Worst
from benchmarks.report.tables import implementation_cell, table
from benchmarks.report.view import View
from benchmarks.report.wording import DASH, listing, shorten, visible

CONVENTIONS = {
    "decay": "Decay",
    "epsilon": "Epsilon",
    "ddof": "ddof",
    "warm_up": "Warms up",
    "debias": "Debiased",
    "decay_in_float32": "Decay in float32",
    "complement_in_float32": "1 - decay in float32",
    "initial_mean": "First mean",
    "initial_variance": "First variance",
}
IN_WORDS = {
    "ddof": "the divisor of the moving variance (ddof: 0 for n, 1 for n - 1)",
    "warm_up": "whether the decay warms up",
    "debias": "whether the average is debiased",
    "decay_in_float32": "the rounding of the decay",
    "complement_in_float32": "the rounding of 1 - decay",
    "initial_mean": "the first moving mean",
    "initial_variance": "the first moving variance",
}


def conventions(view: View) -> list[Block]:
    """A table of them; the reference is set to the same before errors are judged."""
    present = [key for key in CONVENTIONS if any(_held(worst, key) != [DASH] for worst in view.worst.values())]
    if not present:
        return []
    rows = []
    for implementation, worst in view.worst.items():
        texts = [_held(worst, key) for key in present]
        cells = [Cell(listing(of, 4), of[0]) for of in texts]
        rows.append((implementation_cell(view, implementation), *cells))
    columns = [Column("Implementation"), *(Column(CONVENTIONS[key]) for key in present)]
    note = say("Each keeps its API's conventions; the reference is set to the same before errors are judged.")
    return [table("conventions-table", "Conventions", columns, rows, note)]


def differing(view: View) -> list[str]:
    """The conventions in which implementations differ, in words."""
    found = []
    for key, title in CONVENTIONS.items():
        held = {tuple(_held(worst, key)) for worst in view.worst.values()}
        if len({values for values in held if len(values) == 1}) > 1:
            found.append(IN_WORDS.get(key, title.lower()))
    return found


def _held(worst: Worst, key: str) -> list[str]:
    """The values of a convention over the cases of an implementation."""
    return list(dict.fromkeys(_text(record.parameter(key)) for record in worst.records))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return DASH
    return f"{value:g}" if isinstance(value, float) else shorten(visible(str(value)), 40)
