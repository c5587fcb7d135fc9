"""Agreement: does it compute what the float64 reference computes?"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from benchmarks.report.document import (  # fmt: skip
    Block,
    Bullets,
    Cell,
    Column,
    Figure,
    Heading,
    Paragraph,
    Rich,
    Section,
    Table,
    enumerate_spans,
    link,
    name,
    say,
    strong,
)
from benchmarks.report.errors import Worst, by_implementation, grouped, severity
from benchmarks.report.figures import agreement as figure
from benchmarks.report.reading import Record
from benchmarks.report.tables import (
    implementation_cell,
    number_cell,
    parameter_cell,
    parameter_column,
    table,
    ulp_cell,
)
from benchmarks.report.view import View, cases_of, constants, varying
from benchmarks.report.wording import QUANTITIES, count, listing, shape_text, significant, visible

CONVENTIONS = {
    "decay": "Decay",
    "epsilon": "Epsilon",
    "ddof": "ddof",
    "warm_up": "Warms up",
    "initial_mean": "First mean",
    "initial_variance": "First variance",
}


def build(view: View) -> Section:
    """The section."""
    records = view.measured("agreement")
    if not records:
        nothing = say("No agreement case was measured in this run, so no speed is shown either.")
        return Section("agreement", "Agreement", (Paragraph(nothing, "note"),))
    blocks: list[Block] = [
        Paragraph(
            say(
                "Does it compute what the float64 reference computes? Every error below is the worst element "
                "of the worst step, set against a bound that a good evaluation in the same dtype must be "
                "allowed."
            )
        ),  # fmt: skip
        Bullets(tuple(_sentence(worst) for worst in by_implementation(records).values())),
        _figure(view, records),
        _table(view, records),
        *_conventions(view, records),
    ]
    return Section("agreement", "Agreement", tuple(blocks))


def _sentence(worst: Worst) -> Rich:
    who, cases = name(worst.implementation), cases_of(worst.records)
    wrong = worst.disagreeing
    if wrong:
        shapes = list(dict.fromkeys(shape_text(record.shape) for record in wrong))
        return say(
            "{who} {verdict} in {wrong} of {cases} ({shapes}): {why}.",
            who=who,
            verdict=strong("disagrees"),
            wrong=len(wrong),
            cases=cases,
            shapes=listing(shapes),
            why=visible(wrong[0].reason or "no reason recorded").rstrip("."),
        )
    over = worst.over_bound
    if over is None:
        return say("{who} agrees in {cases}; no error was recorded.", who=who, cases=cases)
    where = shape_text(worst.worst_record.shape)
    quantity = QUANTITIES.get(worst.quantity, visible(worst.quantity))
    if over == 0:
        return say("{who} agrees in {cases}, without any error.", who=who, cases=cases)
    return say(
        "{who} {verdict} in {cases}; its worst error is {over} of the bound ({quantity}, {where}).",
        who=who,
        verdict=strong("agrees"),
        cases=cases,
        over=strong(significant(over, 2)),
        quantity=quantity,
        where=where,
    )


def _figure(view: View, records: Sequence[Record]) -> Figure:
    names = list(dict.fromkeys(record.implementation for record in records))
    drawn = names[: figure.MOST_IMPLEMENTATIONS]
    errors: dict[str, dict[str, list[float]]] = {
        quantity: defaultdict(list)
        for quantity in QUANTITIES
        if any(record.number(f"{quantity}_error_over_bound") is not None for record in records)
    }
    limits = set()
    for record in records:
        if (limit := record.number("limit_over_bound")) is not None and limit > 0 and math.isfinite(limit):
            limits.add(limit)
        for quantity, of in errors.items():
            value = record.number(f"{quantity}_error_over_bound")
            if value is not None and record.implementation in drawn:
                of[record.implementation].append(value)
    crowded = any(len(values) > figure.MOST_DOTS for of in errors.values() for values in of.values())
    title = "Errors over their bounds, by quantity and implementation"
    caption = say(
        "One dot is the worst error of one case. Left of the solid line an error is within its bound; beyond the dashed "
        "line the case disagrees.{crowded}{left_out} The {table} has the numbers.",
        crowded=f" Where there are more than {figure.MOST_DOTS} dots, the worst, the best and evenly spaced ones "
        "between them are drawn." if crowded else "",
        left_out=f" {count(len(names) - len(drawn), 'more implementation')} stand in the table only."
        if len(names) > len(drawn) else "",
        table=link("table", "#agreement-table"),
    )  # fmt: skip
    svg = figure.draw(
        "agreement-errors", title, errors, sorted(limits), {who: view.colours[who] for who in drawn}
    )
    words = " ".join(
        f"{visible(who)}: worst error {significant(worst.over_bound, 2)} of the bound."
        for who, worst in by_implementation(records).items()
        if worst.over_bound is not None and who in drawn
    )
    return Figure("agreement-errors", title, caption, words, svg)


def _table(view: View, records: Sequence[Record]) -> Table:
    parameters = ["shape", *(p for p in varying(records, ("style", "layout", "dtype", "device", "input")))]
    quantities = [
        quantity
        for quantity in QUANTITIES
        if any(record.number(f"{quantity}_error_ulp") is not None for record in records)
    ]
    ordered = sorted(grouped(records), key=lambda worst: (not worst.disagreeing, -severity(worst.over_bound)))
    columns = [
        Column("Implementation"),
        *(parameter_column(parameter) for parameter in parameters),
        Column("Cases", True),
        Column("Verdict"),
        Column("Error over bound", True, "the worst error of any quantity, as a multiple of its bound"),
        *(Column(QUANTITIES[quantity].capitalize(), True, "worst error in ulp") for quantity in quantities),
    ]
    shared = constants(records, ("style", "layout", "dtype", "device", "input"))
    note = say(
        "Worst of each implementation and input, the worst first. The columns from “{first}” on are in ulp.{shared}",
        first=QUANTITIES[quantities[0]].capitalize() if quantities else "Error over bound",
        shared=f" All cases: {visible(shared)}." if shared else "",
    )
    rows = [_row(view, worst, parameters, quantities) for worst in ordered]
    return table("agreement-table", "Worst errors, in ulp", columns, rows, note)


def _row(view: View, worst: Worst, parameters: Sequence[str], quantities: Sequence[str]) -> tuple[Cell, ...]:
    first, limit = worst.records[0], worst.limit
    wrong = bool(worst.disagreeing)
    verdict = Cell("disagrees", "disagrees", "bad") if wrong else Cell("agrees", "agrees", "good")
    return (
        implementation_cell(view, worst.implementation),
        *(parameter_cell(first, parameter) for parameter in parameters),
        Cell(str(len(worst.records)), len(worst.records)),
        verdict,
        number_cell(worst.over_bound, 2, "bad" if wrong else ""),
        *(ulp_cell(worst.of(q, "ulp"), worst.of(q, "over_bound"), limit) for q in quantities),
    )


def _conventions(view: View, records: Sequence[Record]) -> list[Block]:
    """What each implementation was told to compute: the reference is set to the same before errors are judged."""
    present = [key for key in CONVENTIONS if any(record.case.get(key) is not None for record in records)]
    if not present:
        return []
    rows = []
    for implementation, worst in by_implementation(records).items():
        cells = [implementation_cell(view, implementation)]
        for key in present:
            texts = list(dict.fromkeys(_convention(record.case.get(key)) for record in worst.records))
            cells.append(Cell(listing(texts, 4), texts[0]))
        rows.append(tuple(cells))
    columns = [Column("Implementation"), *(Column(CONVENTIONS[key]) for key in present)]
    note = say("Each keeps its API's conventions; the reference is set to the same before errors are judged.")
    return [
        Heading("Conventions", "agreement-conventions"),
        table("conventions-table", "Conventions of each implementation", columns, rows, note),
    ]


def _convention(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "–"
    return f"{value:g}" if isinstance(value, float) else visible(str(value))


def differing_conventions(records: Sequence[Record]) -> list[Rich]:
    """Conventions in which the implementations differ, a sentence each."""
    sentences = []
    for key, title in CONVENTIONS.items():
        held: dict[str, list[str]] = defaultdict(list)
        for implementation, worst in by_implementation(records).items():
            values = {_convention(record.case.get(key)) for record in worst.records}
            if len(values) == 1:
                held[values.pop()].append(implementation)
        if len(held) > 1:
            parts = [
                say("{value} in {who}", value=value, who=enumerate_spans([name(who) for who in names], 3))
                for value, names in held.items()
            ]
            sentences.append(say("{title}: {parts}", title=title.lower(), parts=enumerate_spans(parts, 4)))
    return sentences
