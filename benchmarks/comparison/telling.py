"""A comparison in words and tables: the document that the command prints as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchmarks.comparison.comparing import Comparison
from benchmarks.comparison.errors import FACTOR
from benchmarks.comparison.headline import headline
from benchmarks.comparison.machine_section import machine_section
from benchmarks.comparison.speed_section import speed_section
from benchmarks.report.document import Bullets, Cell, Column, Report, Rich, Section, Span, code, say
from benchmarks.report.run import Run
from benchmarks.report.tables import number_cell, table, text_cell
from benchmarks.report.wording import MISSING, QUANTITIES, count, listing, visible

LONGEST = 100  # characters of a case id or a reason
MOST_LISTED = 20  # lines of a list


def document(comparison: Comparison) -> Report:
    """The comparison as a document; sections that would say nothing are left out."""
    a, b = comparison.a, comparison.b
    sections = (
        machine_section(comparison),
        _statuses(comparison),
        speed_section(comparison),
        _errors(comparison),
        _trainings(comparison),
        _restores(comparison),
        _only_in_one(comparison),
        _gaps(comparison),
    )
    return Report(
        "bn-bench compare",
        "Run B against run A",
        headline(comparison),
        (("A", _run(a)), ("B", _run(b))),
        tuple(section for section in sections if section is not None),
    )


def _run(run: Run) -> str:
    size = run.plan.settings.get("size") or MISSING
    statuses = Counter(record.status for record in run.records)
    found = ", ".join(f"{number:,} {status.replace('_', ' ')}" for status, number in statuses.most_common())
    return f"{run.plan.run or MISSING}, size {size}, {count(len(run.plan.cases), 'planned case')}: {found or 'none'}"


def _statuses(comparison: Comparison) -> Section | None:
    order = {"worse": 0, "other": 1, "better": 2}
    changes = sorted(comparison.statuses, key=lambda change: order[change.change])
    if not changes:
        return None
    tones = {"worse": "bad", "better": "good", "other": ""}
    rows = [
        (
            text_cell(change.case_id, LONGEST),
            Cell(change.a.replace("_", " ")),
            Cell(change.b.replace("_", " "), tone=tones[change.change]),
            Cell(change.change, tone=tones[change.change]),
            text_cell(change.reason, LONGEST),
        )
        for change in changes
    ]
    columns = [Column("Case"), Column("A"), Column("B"), Column("Change"), Column("Reason in B", long=True)]
    note = say(
        "Other: a package or device that is not there says nothing of the implementation, and "
        "second-order gradients decide nothing."
    )
    return Section("statuses", "Changed statuses", (table("statuses", "Statuses", columns, rows, note),))


def _errors(comparison: Comparison) -> Section | None:
    if not comparison.errors:
        return None
    rows = [
        (
            text_cell(grown.case_id, LONGEST),
            Cell(QUANTITIES[grown.quantity]),
            number_cell(grown.a, 2),
            number_cell(grown.b, 2, "" if grown.b <= 1 else "warn"),
        )
        for grown in comparison.errors
    ]
    columns = [Column("Case"), Column("Quantity"), Column("A", True), Column("B", True)]
    note = say(
        "In units of the derived bound: errors of B that are more than {factor} times those of A and above a tenth of "
        "the bound. They decide the exit code only through the status.",
        factor=f"{FACTOR:g}",
    )
    return Section("errors", "Errors that grew", (table("errors", "Errors", columns, rows, note),))


def _trainings(comparison: Comparison) -> Section | None:
    if not comparison.trainings:
        return None
    rows = [
        (
            text_cell(change.case_id, LONGEST),
            *(number_cell(value, 4) for name in SHOWN for value in change.figures[name]),
            Cell(change.split_a),
            Cell(change.split_b),
        )
        for change in comparison.trainings
    ]
    figures = [Column(f"{title}, {run}", True) for title in SHOWN.values() for run in "AB"]
    columns = [Column("Case"), *figures, Column("First split, A"), Column("First split, B")]
    note = say("Trainings whose figures are not the same to the last bit. They decide nothing.")
    return Section("trainings", "Convergence", (table("trainings", "Trainings", columns, rows, note),))


SHOWN = {"final_test_loss": "Test loss", "final_test_accuracy": "Test accuracy"}


def _restores(comparison: Comparison) -> Section | None:
    lost = [
        say(
            "{case}: {parts} came back in A and does not in B.",
            case=code(visible(change.case_id)),
            parts=Span(listing([f"{title} ({found})" for title, found in change.lost.items()]), "bad"),
        )
        for change in comparison.restores
        if change.lost
    ]
    regained = [
        say(
            "{case}: {parts} comes back now.",
            case=code(visible(change.case_id)),
            parts=Span(listing(change.regained), "good"),
        )
        for change in comparison.restores
        if change.regained
    ]
    return _list("restores", "Checkpoints", [*lost, *regained])


def _only_in_one(comparison: Comparison) -> Section | None:
    lines = [
        say("Only in {run}: {case}", run=run, case=code(visible(case_id)))
        for run, ids in (("A", comparison.pairing.only_a), ("B", comparison.pairing.only_b))
        for case_id in ids
    ]
    return _list("only", "Cases of one run only", lines)


def _gaps(comparison: Comparison) -> Section | None:
    return _list("gaps", "Not compared", [say("{line}", line=visible(line)) for line in comparison.gaps])


def _list(key: str, title: str, lines: Sequence[Rich]) -> Section | None:
    if not lines:
        return None
    shown = list(lines[:MOST_LISTED])
    if len(lines) > MOST_LISTED:
        hidden = f"{len(lines) - MOST_LISTED:,}"
        shown.append(say("and {number} more: {option} has them all.", number=hidden, option=code("--json")))
    return Section(key, title, (Bullets(tuple(shown)),))
