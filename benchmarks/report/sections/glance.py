"""The whole run in one table: implementation by question."""

from __future__ import annotations

from benchmarks.report.contest import Contest
from benchmarks.report.document import Cell, Column, Table, link, say
from benchmarks.report.grades import usual
from benchmarks.report.kinds import measured_kinds, where, wrong_kinds
from benchmarks.report.restores import lost, unknown
from benchmarks.report.sections.conditioning_table import condition_cell
from benchmarks.report.sections.winners import winner
from benchmarks.report.tables import BLANK, MOST_ROWS, implementation_cell, number_cell, table
from benchmarks.report.trainings import first_split, only_compared, trains_alike, uses_batch_norm
from benchmarks.report.view import View
from benchmarks.report.wording import TIMES, count, ratio, visible

UNMEASURED = Cell("not measured", None, "quiet")
RATIO = "step time over the fastest's, a geometric mean over the inputs, in the fastest style that was timed"


def glance(view: View) -> Table:
    """The table."""
    training, inference = (_contest(view, work) for work in ("training_forward_backward", "inference"))
    columns = [
        Column("Implementation"),
        Column("Agrees", help="output, gradients and moving statistics"),
        *([Column("Second-order gradients")] if view.second_order else []),
        Column("Error over bound", True, "the worst of all cases"),
        *([Column("Ill-conditioned", True, "the same for data far from 0 and the like")] if view.grades else []),
        Column("Training time", True, RATIO),
        Column("Inference time", True, RATIO),
        Column("Trains the same", help="with batch normalization"),
        Column("Restores everything"),
    ]
    rows = [
        (
            implementation_cell(view, who),
            _agrees(view, who),
            *([_second_order(view, who)] if view.second_order else []),
            _error(view, who),
            *([condition_cell(usual(view.grades).get(who, []))] if view.grades else []),
            _time(training, who),
            _time(inference, who),
            _trains(view, who),
            _restores(view, who),
        )
        for who in view.implementations[:MOST_ROWS]
    ]
    basis = next((f", {contest.dtype} on {contest.device}" for contest in (training, inference) if contest), "")
    note = say(
        "Errors are multiples of their {bound}, what good rounding must cost. Times are multiples of the fastest's, "
        "each in the fastest of its styles that were timed{basis}.",
        bound=link("bound", "#term-bound"),
        basis=visible(basis),
    )
    return table("glance-table", "At a glance", columns, rows, note, len(view.implementations))


def _contest(view: View, work: str) -> Contest | None:
    """The first contest, without the speeds that the report distrusts: the same one as on the cards."""
    return next((winner(view, contest).contest for contest in view.contests(work)), None)


def _agrees(view: View, who: str) -> Cell:
    worst = view.worst.get(who)
    if worst is None:
        return UNMEASURED
    if worst.disagreeing:
        return Cell(f"✗ not in {len(worst.disagreeing)} of {len(worst.records)}", "no", "bad")
    return Cell(f"✓ {count(len(worst.records), 'case')}", "yes", "good")


def _error(view: View, who: str) -> Cell:
    worst = view.worst.get(who)
    return BLANK if worst is None else number_cell(worst.over_bound, 2)


def _second_order(view: View, who: str) -> Cell:
    statuses = {record.status for record in view.second_order if record.implementation == who}
    if "disagrees" in statuses:
        there = where(wrong_kinds(view.second_order, who), measured_kinds(view.second_order, who))
        return Cell(f"✗ wrong {there}", "c", "bad")
    return Cell("✓", "a", "good") if "ok" in statuses else Cell("not offered", "b", "quiet")


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
    """Of trainings with batch normalization; without it, an implementation of it changes nothing."""
    found = only_compared(view.by_implementation("convergence")).get(who, [])
    records = [one for one in found if uses_batch_norm(one)]
    if not records:
        return UNMEASURED
    if any(record.status == "disagrees" for record in records):
        return Cell("✗ disagrees", "c", "bad")
    if all(trains_alike(record, view.roundings) for record in records):
        return Cell("✓", "a", "good")
    split = min((step for record in records if (step := first_split(record)) is not None), default=0)
    return Cell(f"✗ splits at step {split:,}", "b", "warn")


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
