"""Agreement: does it compute what the float64 reference computes?"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from benchmarks.report.document import Block, Bullets, Cell, Column, Figure, Paragraph, Rich, Section, Table

from benchmarks.report.document import link, name, say, strong, verdict  # isort: skip
from benchmarks.report.errors import Worst, grouped, severity
from benchmarks.report.figures import agreement as figure
from benchmarks.report.parameters import shared, varying
from benchmarks.report.run import Record
from benchmarks.report.sections.conventions import conventions
from benchmarks.report.tables import (
    MOST_ROWS,
    count_cell,
    implementation_cell,
    number_cell,
    parameter_cell,
    parameter_column,
    table,
    ulp_cell,
)
from benchmarks.report.view import View
from benchmarks.report.wording import QUANTITIES, count, listing, shape_text, shorten, significant, visible

DETAILS = ("style", "layout", "dtype", "device", "input")
COLUMNS = {
    "output_training": "Training output",
    "output_inference": "Inference output",
    "gradient_input": "Gradient input",
    "gradient_gamma": "Gradient gamma",
    "gradient_beta": "Gradient beta",
    "moving_mean": "Moving mean",
    "moving_variance": "Moving variance",
}


def build(view: View) -> Section:
    """The section."""
    records = view.measured("agreement")
    if not records:
        nothing = say("No agreement case was measured in this run, so no speed is shown either.")
        return Section("agreement", "Agreement", (Paragraph(nothing, "note"),))
    lead = say(
        "Does it compute what the float64 reference computes? An error is that of the worst element in the "
        "worst step, set against a bound: what a good evaluation in the same dtype must be allowed."
    )
    blocks: list[Block] = [
        Paragraph(lead),
        Bullets(tuple(_sentence(view, worst) for worst in view.worst.values())),
        *_figure(view, records),
        _table(view, records),
        *conventions(view),
    ]
    return Section("agreement", "Agreement", tuple(blocks))


def _sentence(view: View, worst: Worst) -> Rich:
    who, cases, wrong = name(worst.implementation), count(len(worst.records), "case"), worst.disagreeing
    if wrong:
        shapes = list(dict.fromkeys(shape_text(record.shape) for record in wrong))
        return say(
            "{who} {verdict} in {wrong} of {cases} ({shapes}): {why}.",
            who=who,
            verdict=verdict("disagrees", "bad"),
            wrong=len(wrong),
            cases=cases,
            shapes=listing(shapes),
            why=shorten(visible(wrong[0].reason or "no reason recorded"), 300).rstrip("."),
        )
    over = worst.over_bound
    agrees = say("{who} {verdict} in {cases}", who=who, verdict=verdict("agrees", "good"), cases=cases)
    if over is None:
        return (*agrees, *say("; no error was recorded."))
    if over == 0:
        why = " It is the reference's own arithmetic." if worst.implementation == view.reference else ""
        return (*agrees, *say(", without any error.{why}", why=why))
    return (
        *agrees,
        *say(
            "; its worst error is {over} of the bound ({quantity}, {where}).",
            over=strong(significant(over, 2)),
            quantity=QUANTITIES.get(worst.quantity, visible(worst.quantity)),
            where=shape_text(worst.worst_record.shape),
        ),
    )


def _figure(view: View, records: Sequence[Record]) -> list[Figure]:
    names = list(view.worst)
    drawn = names[: figure.MOST_IMPLEMENTATIONS]
    errors = _errors(records, drawn)
    if not errors:
        return []
    crowded = any(len(values) > figure.MOST_DOTS for of in errors.values() for values in of.values())
    caption = say(
        "One dot is one case. Left of the solid line the error is within its bound; beyond the dashed line "
        "the case disagrees. {crowded}{left_out}The {table} has the numbers.",
        crowded=f"Of more than {figure.MOST_DOTS} dots, the worst, the best and some between are drawn. "
        if crowded
        else "",
        left_out=f"{count(len(names) - len(drawn), 'more implementation')} only in the table. "
        if len(names) > len(drawn)
        else "",
        table=link("table", "#agreement-table"),
    )
    title = "Errors over their bounds, by quantity and implementation"
    colours = {who: view.colours[who] for who in drawn}
    svg = figure.draw("agreement-errors", title, errors, _limits(records), colours)
    words = [
        f"{visible(who)}: worst error {significant(view.worst[who].over_bound or 0.0, 2)} of the bound."
        for who in drawn
        if view.worst[who].over_bound is not None
    ]
    return [Figure("agreement-errors", title, caption, " ".join(words), svg)]


def _errors(records: Sequence[Record], drawn: Sequence[str]) -> dict[str, dict[str, list[float]]]:
    """Quantity -> implementation -> errors over the bound."""
    errors: dict[str, dict[str, list[float]]] = {quantity: defaultdict(list) for quantity in QUANTITIES}
    for record in records:
        for quantity, of in errors.items():
            value = record.number(f"{quantity}_error_over_bound")
            if value is not None and record.implementation in drawn:
                of[record.implementation].append(value)
    return {quantity: of for quantity, of in errors.items() if of}


def _limits(records: Sequence[Record]) -> list[float]:
    limits = {limit for record in records if (limit := record.number("limit_over_bound")) is not None}
    return sorted(limit for limit in limits if limit > 0 and math.isfinite(limit))


def _table(view: View, records: Sequence[Record]) -> Table:
    parameters = ["shape", *varying(records, DETAILS)]
    present = [q for q in QUANTITIES if any(record.number(f"{q}_error_ulp") is not None for record in records)]
    worsts = sorted(grouped(records), key=lambda worst: (not worst.disagreeing, -severity(worst.over_bound)))
    several = any(len(worst.records) > 1 for worst in worsts)
    columns = [
        Column("Implementation"),
        *(parameter_column(parameter) for parameter in parameters),
        *([Column("Cases", True)] if several else []),
        Column("Verdict"),
        Column("Error over bound", True, "the worst error of any quantity, as a multiple of its bound"),
        *(Column(COLUMNS[quantity], True, "worst error, in ulp") for quantity in present),
    ]
    rows = [_row(view, worst, parameters, present, several) for worst in worsts[:MOST_ROWS]]
    note = say(
        "{what}, the worst first; the quantities are in ulp. {shared}",
        what="The worst over the cases of each row" if several else "One case a row",
        shared=shared(records, DETAILS),
    )
    return table("agreement-table", "Errors in ulp", columns, rows, note, len(worsts))


def _row(
    view: View, worst: Worst, parameters: Sequence[str], quantities: Sequence[str], several: bool
) -> tuple[Cell, ...]:
    wrong, limit = bool(worst.disagreeing), worst.limit
    return (
        implementation_cell(view, worst.implementation),
        *(parameter_cell(worst.records[0], parameter) for parameter in parameters),
        *([count_cell(len(worst.records))] if several else []),
        Cell("disagrees", "disagrees", "bad") if wrong else Cell("agrees", "agrees", "good"),
        number_cell(worst.over_bound, 2, "bad" if wrong else ""),
        *(ulp_cell(worst.of(key, "ulp"), worst.of(key, "over_bound"), limit) for key in quantities),
    )
