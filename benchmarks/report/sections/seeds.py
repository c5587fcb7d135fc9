"""Trainings from several seeds: does an implementation end elsewhere than the baseline?"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.report.document import Block, Cell, Column, say
from benchmarks.report.run import Record
from benchmarks.report.tables import BLANK, count_cell, implementation_cell, number_cell, table, text_cell
from benchmarks.report.trainings import Experiment, uses_batch_norm
from benchmarks.report.view import View
from benchmarks.report.wording import significant, visible
from benchmarks.verdicts.judging import half_width
from benchmarks.verdicts.paired_seeds import SeedVerdict, judge_seeds


@dataclass(frozen=True)
class Figure:
    """A figure of a training."""

    metric: str
    title: str
    higher_is_better: bool


FIGURES = (
    Figure("final_train_loss", "loss of the last step", False),
    Figure("final_test_loss", "test loss", False),
    Figure("final_test_accuracy", "test accuracy", True),
    Figure("steps_to_level", "steps to a quarter of the first loss", False),
)
COLUMNS = (
    Column("BN"),
    Column("Implementation"),
    Column("Figure"),
    Column("Verdict"),
    Column("Difference", True, "mean over seeds of this minus the baseline's"),
    Column("Interval", False, "t interval of the mean difference"),
    Column("Band", True, "standard deviation of the baseline's figure over its seeds"),
    Column("Seeds", True, "pairs that the verdict rests on"),
    Column("Left out", True, "seeds where one of the two has no finite figure: it diverged or never got there"),
)
TONES = {"same": "good", "better": "good", "worse": "warn", "undecided": ""}


def blocks(view: View, experiment: Experiment, key: str) -> list[Block]:
    """A table of verdicts; nothing where there is one seed."""
    if len(experiment.seeds) < 2:
        return []
    baseline = _baseline(view, experiment)
    rows = [row for batch_norm in (True, False) for row in _rows(view, experiment, baseline, batch_norm)]
    if not rows:
        return []
    note = say(
        "Pairs of trainings from the same initial weights on the same batches, against {baseline}. Same: the interval "
        "lies within the band, so that another seed makes a larger difference; undecided: more seeds are needed. Where "
        "it alone diverged or never got there, it is worse. {reach}",
        baseline=visible(baseline),
        reach=_reach(experiment, baseline),
    )
    return [table(f"{key}-seeds", "Where the trainings end, over seeds", COLUMNS, rows, note)]


def _reach(experiment: Experiment, baseline: str) -> str:
    """What so few seeds can decide."""
    seeds = len(experiment.seeds)
    names = {record.implementation for record in experiment.records if record.text("seed") != experiment.seeds[0]}
    comparisons = max(1, len(names - {baseline})) * len(FIGURES)
    reach = significant(float(half_width(1.0, seeds, comparisons)), 2)
    return (
        f"An interval from {seeds} seeds, {comparisons} at once, reaches {reach} standard deviations of the paired "
        f"differences to each side: same needs a wider band, better or worse a mean difference beyond it. One seed "
        "decides nothing."
    )


def _baseline(view: View, experiment: Experiment) -> str:
    names = list(dict.fromkeys(record.implementation for record in experiment.records))
    wanted = (view.speeds.baseline, view.reference)
    return next((name for name in wanted if name in names), names[0])


def _rows(view: View, experiment: Experiment, baseline: str, batch_norm: bool) -> list[tuple[Cell, ...]]:
    members = [record for record in experiment.records if uses_batch_norm(record) == batch_norm]
    names = [name for name in dict.fromkeys(record.implementation for record in members) if name != baseline]
    found: list[tuple[Cell, ...]] = []
    for figure in FIGURES:
        values = {
            name: _by_seed([record for record in members if record.implementation == name], figure)
            for name in (baseline, *names)
        }
        if len(values[baseline]) < 2:
            continue
        comparisons = len(FIGURES) * sum(len(values[name]) > 1 for name in names)
        for name in names:
            verdict = judge_seeds(
                values[name],
                values[baseline],
                higher_is_better=figure.higher_is_better,
                comparisons=max(1, comparisons),
            )
            found.append(_row(view, name, figure, verdict, batch_norm))
    return found


def _by_seed(records: list[Record], figure: Figure) -> dict[str, float | None]:
    """Those of the first style, as in the figures."""
    found: dict[str, float | None] = {}
    for record in records:
        found.setdefault(record.text("seed"), record.number(figure.metric))
    return found


def _row(view: View, name: str, figure: Figure, verdict: SeedVerdict, batch_norm: bool) -> tuple[Cell, ...]:
    mode = "with" if batch_norm else "without"
    interval = (
        BLANK
        if verdict.low is None or verdict.high is None
        else text_cell(f"{significant(verdict.low, 2)} to {significant(verdict.high, 2)}")
    )
    return (
        Cell(mode, mode),
        implementation_cell(view, name),
        text_cell(figure.title),
        Cell(verdict.word, verdict.word, TONES[verdict.word]),
        number_cell(verdict.difference, 2),
        interval,
        number_cell(verdict.band, 2),
        count_cell(verdict.seeds),
        count_cell(verdict.left_out),
    )
