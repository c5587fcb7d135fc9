"""Second-order gradients in the agreement section: who offers them, and whose are right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.report.document import Block, Bullets, Cell, Column, Heading, Paragraph, Rich, Table

from benchmarks.report.document import enumerate_spans, name, say, verdict  # isort: skip
from benchmarks.report.errors import Worst, by_implementation
from benchmarks.report.kinds import kind_of, measured_kinds, where, wrong_kinds
from benchmarks.report.run import Record
from benchmarks.report.tables import implementation_cell, number_cell, table
from benchmarks.report.view import View

QUANTITIES = {
    "second_order_input": "Gradient for the input",
    "second_order_output_gradient": "Gradient for dy",
    "gradient_input": "First order",
}
CAUSE = "the mean in the variance is held constant, which only the first derivative allows"


def second_order(view: View) -> list[Block]:
    """Heading, sentences and table; nothing where no such case was run."""
    if not view.second_order:
        return []
    lead = say(
        "A gradient penalty or a Hessian-vector product differentiates the input's gradient once more. Compared is the "
        "gradient of sum(v dx) for the input and for dy, with the formula of the float64 reference."
    )
    measured = [record for record in view.second_order if record.measured]
    of = by_implementation(measured)
    sentences = [*wrong(view), *_right(of), *_absent(view, of)]
    blocks: list[Block] = [
        Heading("Second-order gradients", "second-order"),
        Paragraph(lead),
        Bullets(tuple(sentences)),
    ]
    return [*blocks, _table(view, measured)] if of else blocks


def wrong(view: View) -> list[Rich]:
    """Whose second-order gradients are wrong, by where and by cause."""
    of = by_implementation([record for record in view.second_order if record.measured])
    found: dict[tuple[str, str], list[str]] = {}
    for who, worst in of.items():
        if worst.disagreeing:
            known = all(record.flag("second_order_constant_mean") for record in worst.disagreeing)
            found.setdefault((_where(view.second_order, who), CAUSE if known else ""), []).append(who)
    return [
        say(
            "Second-order gradients of {who} {are} {where}{cause}.",
            who=enumerate_spans([name(who) for who in names], 8),
            are=verdict("are wrong", "bad"),
            where=there,
            cause=f": {cause}" if cause else "",
        )
        for (there, cause), names in found.items()
    ]


def _where(records: Sequence[Record], who: str) -> str:
    """``everywhere``, or ``on dense inputs, and right on maps``."""
    wrong_on, asked = wrong_kinds(records, who), measured_kinds(records, who)
    right_on = [kind for kind in asked if kind not in wrong_on]
    return where(wrong_on, asked) + (f", and right {where(right_on, asked)}" if right_on else "")


def _right(of: Mapping[str, Worst]) -> list[Rich]:
    right = [name(who) for who, worst in of.items() if not worst.disagreeing]
    agree = verdict("agrees" if len(right) == 1 else "agree", "good")
    return [say("{who} {agree}.", who=enumerate_spans(right, 8), agree=agree)] if right else []


def _absent(view: View, of: Mapping[str, Worst]) -> list[Rich]:
    asked = dict.fromkeys(record.implementation for record in view.second_order if not record.measured)
    absent = [name(who) for who in asked if who not in of]
    return [say("{who}: not offered or not measured.", who=enumerate_spans(absent, 8))] if absent else []


def _table(view: View, measured: Sequence[Record]) -> Table:
    columns = [
        Column("Implementation"),
        Column("Input"),
        Column("Verdict"),
        *(Column(title, True, "worst error, as a multiple of its bound") for title in QUANTITIES.values()),
    ]
    by_kind: dict[tuple[str, str], list[Record]] = {}
    for who, worst in by_implementation(measured).items():
        for record in sorted(worst.records, key=lambda record: len(record.shape)):
            by_kind.setdefault((who, kind_of(record)), []).append(record)
    rows = [
        (
            implementation_cell(view, who),
            Cell(kind, kind),
            Cell("wrong", "b", "bad") if worst.disagreeing else Cell("agrees", "a", "good"),
            *(number_cell(worst.of(quantity, "over_bound"), 2) for quantity in QUANTITIES),
        )
        for (who, kind), records in by_kind.items()
        for worst in [Worst(tuple(records))]
    ]
    return table("second-order-table", "Second-order errors over their bounds", columns, rows)
