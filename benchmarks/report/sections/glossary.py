"""How to read this: the words that the report uses."""

from __future__ import annotations

from benchmarks.report.document import Paragraph, Rich, Section, Terms, code, say
from benchmarks.report.statistics import CONFIDENCE
from benchmarks.report.view import View

TERMS: tuple[tuple[str, Rich], ...] = (
    ("implementation", say("One registered way to batch-normalize, behind the same interface as all others.")),
    ("reference", say("The float64 evaluation that errors are measured against, set to each implementation's conventions.")),
    ("ulp", say("Unit in the last place: the spacing between neighbouring numbers of the dtype at the reference's value. "
                "Half an ulp is the best that rounding allows; near zero an ulp is tiny, so an error of many ulps can "
                "still be small.")),
    ("bound", say("The error that a good two-pass evaluation in that dtype must be allowed, derived from the arithmetic. "
                  "1 is at the bound; a case beyond its limit disagrees.")),
    ("case", say("One axis, one implementation, one set of parameters. Every planned case ends as exactly one record.")),
    ("round", say("One fresh process per implementation. Rounds are independent, so intervals are taken over rounds.")),
    ("pass", say("One short visit to a case. The implementations are visited in turn, so that drift of the machine "
                 "hits all of them alike, and are compared pass by pass.")),
    ("step time", say("The shortest time per call in any pass. Other work on a machine only ever adds time, so the minimum "
                      "repeats best.")),
    ("ratio", say("Step time over the baseline's: in each pass the ratio of minima, in each round their median, over "
                  "rounds the geometric mean. Below 1 is faster.")),
    ("interval", say("{confidence} % t interval over rounds. If it contains 1, the two cannot be told apart by this run.",
                     confidence=round(100 * CONFIDENCE))),
    ("style", say("How the step is called: eager, as a traced graph, compiled by XLA, in a session. It is verified, not "
                  "taken from a label.")),
    ("decay", say("Weight of the old moving value in an update. Frameworks call it momentum, and mean opposite things by it.")),
    ("ddof", say("0 if the moving variance divides by n, 1 if by n - 1.")),
    ("moving, batch statistics", say("Inference normalizes with the moving statistics; training with those of its batch. Curves "
                                     "show both.")),
    ("first split", say("The first training step whose loss differs from the reference's by more than the threshold.")),
)  # fmt: skip


def build(view: View) -> Section:
    """The section."""
    again = say(
        "Everything here is computed from {records}; {table} holds one row per record, and {command} draws this again.",
        records=code("records.jsonl"),
        table=code("results.csv"),
        command=code("bn-bench report RUN"),
    )
    return Section("glossary", "How to read this", (Terms(TERMS), Paragraph(again)))
