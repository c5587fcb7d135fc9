"""Agreement: does it compute what the float64 reference computes?"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.report.document import Block, Cell, Column, Paragraph, Rich, Section, Table

from benchmarks.report.document import enumerate_spans, link, name, say, strong, verdict  # isort: skip
from benchmarks.report.errors import Worst, grouped, severity
from benchmarks.report.parameters import shared, varying
from benchmarks.report.run import Record
from benchmarks.report.sections.apart import every_case, only_apart
from benchmarks.report.sections.conditioning import conditioning
from benchmarks.report.sections.conventions import conventions
from benchmarks.report.sections.dots import dots
from benchmarks.report.sections.explanations import explanations
from benchmarks.report.sections.replicas import replicas
from benchmarks.report.sections.second_order import second_order
from benchmarks.report.sections.sentences import bullets
from benchmarks.report.sections.sixteen import sixteen_bits
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
from benchmarks.report.wording import QUANTITIES, count, listing, of_bound, shape_text, shorten, visible

DETAILS = ("style", "layout", "dtype", "device", "input")
UNUSUAL = ("center", "scale")  # a column where they vary, and no word where they do not
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
    records = view.agreements
    if not view.measured("agreement"):
        nothing = say("No agreement case was measured in this run, so no speed is shown either.")
        return Section("agreement", "Agreement", (Paragraph(nothing, "note"),))
    lead = say(
        "Does it compute what the float64 reference computes? An error is that of the worst element in the worst step. "
        "It is graded against a {bound}, what a good evaluation in the same dtype must be allowed; it is wrong only "
        "beyond a {limit}, what rounding explains at all.{tables}",
        bound=link("bound", "#term-bound"),
        limit=link("limit", "#term-limit"),
        tables=say(" Tables give errors in {ulp}, the spacing of the dtype's numbers.", ulp=link("ulp", "#term-ulp"))
        if records
        else "",
    )
    blocks: list[Block] = [
        Paragraph(lead),
        *([*_verdicts(view), *dots(view, records)] if records else [_only_apart(view)]),
        *conditioning(view),
        *sixteen_bits(view),
        *second_order(view),
        *replicas(view),
        *([_table(view, records)] if records else []),
        *conventions(view),
        *explanations(view),
    ]
    return Section("agreement", "Agreement", tuple(blocks))


def _only_apart(view: View) -> Paragraph:
    return Paragraph(say("Of agreement, this run measured only {what}.", what=only_apart(view)), "note")


def _verdicts(view: View) -> list[Block]:
    """One sentence for all who agree, and one for each who does not."""
    wrong = [(len(worst.disagreeing), _sentence(view, worst)) for worst in view.worst.values() if worst.disagreeing]
    right = [worst for worst in view.worst.values() if not worst.disagreeing]
    if len(right) < 2:
        return [bullets([(len(worst.disagreeing), _sentence(view, worst)) for worst in view.worst.values()])]
    within = [name(one.implementation) for one in right if one.over_bound is not None and one.over_bound <= 1]
    told = say(
        "{all} {verdict} in {every_case}. {within} The table {link} has each error.",
        all=f"All {len(right)}" if not wrong else f"{len(right)} of {len(view.worst)}",
        verdict=verdict("agree", "good"),
        every_case=every_case(view),
        within=say("Within the {link} in 32 and 64 bits on ordinary data: {who}.", link=link("bound", "#term-bound"),
                   who=enumerate_spans(within, 16)) if within else "None stays within the bound everywhere.",
        link=link("Errors in ulp", "#agreement-table"),
    )  # fmt: skip
    return [Paragraph(told), *([bullets(wrong)] if wrong else [])]


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
            "; its worst error is {over} ({quantity}, {where}).",
            over=strong(of_bound(over)),
            quantity=QUANTITIES.get(worst.quantity, visible(worst.quantity)),
            where=f"{shape_text(worst.worst_record.shape)}, {visible(worst.worst_record.text('dtype'))}",
        ),
    )


def _table(view: View, records: Sequence[Record]) -> Table:
    parameters = ["shape", *varying(records, (*DETAILS, *UNUSUAL))]
    present = [q for q in COLUMNS if any(record.number(f"{q}_error_ulp") is not None for record in records)]
    worsts = sorted(grouped(records), key=lambda worst: (not worst.disagreeing, -severity(worst.over_bound)))
    several = any(len(worst.records) > 1 for worst in worsts)
    columns = [
        Column("Implementation"),
        *(parameter_column(parameter) for parameter in parameters),
        *([Column("Cases", True)] if several else []),
        Column("Verdict"),
        Column("Error over bound", True, "the worst error of any quantity, as a multiple of its bound"),
        Column("Error over limit", True, "as a multiple of its limit; above 1 it disagrees"),
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
    wrong = bool(worst.disagreeing)
    return (
        implementation_cell(view, worst.implementation),
        *(parameter_cell(worst.records[0], parameter) for parameter in parameters),
        *([count_cell(len(worst.records))] if several else []),
        Cell("disagrees", "disagrees", "bad") if wrong else Cell("agrees", "agrees", "good"),
        number_cell(worst.over_bound, 2),
        number_cell(worst.over_limit, 2, "bad" if wrong else ""),
        *(ulp_cell(worst.of(key, "ulp"), worst.of(key, "over_limit")) for key in quantities),
    )
