"""What stands apart from the cases that agreement counts: second-order gradients, replicas and unusual batches."""

from __future__ import annotations

from benchmarks.report.document import Rich, enumerate_spans, link, say
from benchmarks.report.errors import SECOND_ORDER
from benchmarks.report.run import Record
from benchmarks.report.view import View
from benchmarks.report.wording import count

COUNTED = "outputs, first-order gradients and moving statistics"
Kind = tuple[str, str]  # in words, and the place of its table


def every_case(view: View) -> str:
    """What a verdict over several implementations speaks of."""
    on_one = " on one device" if view.replicas else ""
    return f"every case of {COUNTED}{on_one}"


def only_apart(view: View) -> Rich:
    """``layers on two replicas (8 cases, 1 of them wrong)``: what a run without any counted case measured."""
    by_kind: dict[Kind, list[Record]] = {}
    for record in view.measured("agreement"):
        by_kind.setdefault(_kind(record), []).append(record)
    return enumerate_spans([_told(kind, of) for kind, of in by_kind.items()])


def _kind(record: Record) -> Kind:
    if record.text("gradients") == SECOND_ORDER:
        return "second-order gradients", "#second-order"
    if record.text("input") == "replicas":
        return "layers on two replicas", "#replicas"
    return "unusual batches", "#conditioning"


def _told(kind: Kind, records: list[Record]) -> Rich:
    wrong = sum(record.status == "disagrees" for record in records)
    return say(
        "{what} ({cases}{wrong})",
        what=link(*kind),
        cases=count(len(records), "case"),
        wrong=f", {wrong} of them wrong" if wrong else "",
    )
