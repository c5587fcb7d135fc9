"""Conventions: what each implementation computes by choice, not by mistake."""

from __future__ import annotations

from collections import defaultdict

from benchmarks.report.document import Block, Cell, Column, Rich, enumerate_spans, name, say
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
    "warm_up": "decay warms up",
    "debias": "average debiased",
    "decay_in_float32": "decay rounded to float32",
    "complement_in_float32": "1 - decay rounded to float32",
    "initial_mean": "first moving mean",
    "initial_variance": "first moving variance",
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


def differing(view: View) -> list[Rich]:
    """The conventions in which implementations differ: ``ddof 0 in a and b, 1 in c``."""
    found = []
    for key, title in CONVENTIONS.items():
        holders: dict[str, list[str]] = defaultdict(list)
        for implementation, worst in view.worst.items():
            held = _held(worst, key)
            if len(held) == 1:
                holders[held[0]].append(implementation)
        if len(holders) > 1:
            parts = [
                say("{value} in {who}", value=value, who=enumerate_spans([name(who) for who in names], 3))
                for value, names in holders.items()
            ]
            found.append(say("{title}: {parts}", title=IN_WORDS.get(key, title.lower()), parts=_joined(parts)))
    return found


def _joined(parts: list[Rich]) -> Rich:
    spans: Rich = ()
    for part in parts[:4]:
        spans = (*spans, *say(", "), *part) if spans else part
    return spans


def _held(worst: Worst, key: str) -> list[str]:
    """The values of a convention over the cases of an implementation."""
    return list(dict.fromkeys(_text(record.parameter(key)) for record in worst.records))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return DASH
    return f"{value:g}" if isinstance(value, float) else shorten(visible(str(value)), 40)
