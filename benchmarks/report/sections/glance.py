"""The whole run in one table: implementation by question."""

from __future__ import annotations

from benchmarks.report.contest import Contest
from benchmarks.report.document import Cell, Column, Table, say
from benchmarks.report.grades import usual
from benchmarks.report.restores import lost, unknown
from benchmarks.report.sections.conditioning_table import condition_cell
from benchmarks.report.tables import BLANK, MOST_ROWS, implementation_cell, number_cell, table
from benchmarks.report.trainings import first_split, only_compared, trains_alike
from benchmarks.report.view import View
from benchmarks.report.wording import TIMES, count, ratio, visible

UNMEASURED = Cell("not measured", None, "quiet")
RATIO = "step time over the fastest's, a geometric mean over the inputs, each in its fastest style"


def glance(view: View) -> Table:
    """The table."""
    training = next(iter(view.contests("training_forward_backward")), None)
    inference = next(iter(view.contests("inference")), None)
    columns = [
        Column("Implementation"),
        Column("Agrees"),
        Column("Error over bound", True, "the worst of all cases"),
        *([Column("Ill-conditioned", True, "the same for data far from 0 and the like")] if view.grades else []),
        Column("Training time", True, RATIO),
        Column("Inference time", True, RATIO),
        Column("Trains the same"),
        Column("Restores everything"),
    ]
    rows = [
        (
            implementation_cell(view, who),
            *_agrees(view, who),
            *([condition_cell(usual(view.grades).get(who, []))] if view.grades else []),
            _time(training, who),
            _time(inference, who),
            _trains(view, who),
            _restores(view, who),
        )
        for who in view.implementations[:MOST_ROWS]
    ]
    basis = next((f", {contest.dtype} on {contest.device}" for contest in (training, inference) if contest), "")
    note = say("Times are multiples of the fastest's, each in its fastest style{basis}.", basis=visible(basis))
    return table("glance-table", "At a glance", columns, rows, note, len(view.implementations))


def _agrees(view: View, who: str) -> tuple[Cell, Cell]:
    worst = view.worst.get(who)
    if worst is None:
        return UNMEASURED, BLANK
    error = number_cell(worst.over_bound, 2)
    if worst.disagreeing:
        return Cell(f"✗ not in {len(worst.disagreeing)} of {len(worst.records)}", "no", "bad"), error
    return Cell(f"✓ {count(len(worst.records), 'case')}", "yes", "good"), error


def _time(contest: Contest | None, who: str) -> Cell:
    """Time over the fastest entry's, in the fastest style of the implementation."""
    places = [place for place, (name, _) in enumerate(contest.entries) if name == who] if contest else []
    found = {place: verdict for place in places if contest and (verdict := contest.verdicts[place])}
    if contest is None or not found:
        return BLANK
    place = min(found, key=lambda index: found[index].ratio)
    style = visible(contest.entries[place][1])
    styles = f" ({style})" if len(places) > 1 and style else ""
    if place == contest.best:
        return Cell(f"1{TIMES}{styles}", 1.0, "good")
    tied = place in contest.tied
    return Cell(f"{ratio(found[place].ratio)}{TIMES}{styles}", found[place].ratio, "good" if tied else "")


def _trains(view: View, who: str) -> Cell:
    records = only_compared(view.by_implementation("convergence")).get(who)
    if not records:
        return UNMEASURED
    if any(record.status == "disagrees" for record in records):
        return Cell("✗ disagrees", "c", "bad")
    splits = {record.case_id: split for record in records if (split := first_split(record)) is not None}
    if not splits:
        return Cell(f"✓ {count(len(records), 'training')}", "a", "good")
    if all(trains_alike(record, view.roundings) for record in records):
        return Cell(f"✓ up to rounding (step {min(splits.values()):,})", "a", "good")
    return Cell(f"splits at step {min(splits.values()):,}", "b", "warn")


def _restores(view: View, who: str) -> Cell:
    records = view.by_implementation("checkpoint").get(who)
    if not records:
        return UNMEASURED
    broken = list(dict.fromkeys(title for record in records for title in lost(record)))
    if broken:
        return Cell(f"✗ not {', '.join(broken)}", "c", "bad")
    if any(unknown(record) for record in records):
        return Cell("partly recorded", "b", "warn")
    return Cell(f"✓ {count(len(records), 'case')}", "a", "good")
