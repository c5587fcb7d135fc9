"""Convergence: does a network train the same with it?"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.report.document import Block, Cell, Column, Paragraph, Rich, Section, Table

from benchmarks.report.document import enumerate_spans, link, name, say, strong, verdict  # isort: skip
from benchmarks.report.parameters import shared, varying
from benchmarks.report.run import Record
from benchmarks.report.sections import seeds
from benchmarks.report.sections.curves import experiment_blocks
from benchmarks.report.sections.sentences import bullets
from benchmarks.report.tables import (
    BLANK,
    first_rows,
    implementation_cell,
    number_cell,
    parameter_cell,
    parameter_column,
    table,
)
from benchmarks.report.trainings import (
    PARAMETERS,
    Experiment,
    compared,
    departure,
    experiments,
    first_beyond_rounding,
    first_split,
    further,
    only_compared,
    split_text,
    threshold,
    trains_alike,
    uses_batch_norm,
)
from benchmarks.report.view import View
from benchmarks.report.wording import count, percent, significant

MOST_EXPERIMENTS = 3  # with figures; the table has them all
DETAILS = (*PARAMETERS, "style", "seed")


def build(view: View) -> Section:
    """The section."""
    records = view.measured("convergence")
    if not records:
        nothing = say("No convergence case was measured in this run.")
        return Section("convergence", "Convergence", (Paragraph(nothing, "note"),))
    found = experiments(records)
    lead = say(
        "Does a network train the same with it? Every implementation starts from the same weights and sees "
        "the same batches in the same order, so that any difference is its own."
    )
    blocks: list[Block] = [Paragraph(lead), *_verdicts(view), *_benefits(found[0])]
    for place, experiment in enumerate(found[:MOST_EXPERIMENTS]):
        blocks.extend(experiment_blocks(view, experiment, f"convergence-{place}"))
    for place, experiment in enumerate(found):
        blocks.extend(seeds.blocks(view, experiment, f"convergence-{place}"))
    if len(found) > MOST_EXPERIMENTS:
        rest = count(len(found) - MOST_EXPERIMENTS, "more experiment")
        blocks.append(Paragraph(say("{rest} without curves here; the table has the figures.", rest=rest)))
    blocks.append(_table(view, records))
    return Section("convergence", "Convergence", tuple(blocks))


def _verdicts(view: View) -> list[Block]:
    """One sentence for all who train alike, and one for each who does not."""
    of = only_compared(view.by_implementation("convergence"))
    gravities = {who: _gravity(view, records) for who, records in of.items()}
    alike = [who for who, gravity in gravities.items() if not gravity]
    rest = [who for who in of if len(alike) < 3 or gravities[who]]
    blocks: list[Block] = []
    if len(rest) < len(of):
        told = say(
            "{all} {verdict}: their loss stays with the reference's, or leaves it no earlier than rounding explains. "
            "The table {table} has the steps.",
            all=f"All {len(alike)}" if not rest else f"{len(alike)} of {len(of)}",
            verdict=verdict("train alike", "good"),
            table=link("Final figures and first splits", "#convergence-table"),
        )
        blocks.append(Paragraph(told))
    if rest:
        blocks.append(bullets([(gravities[who], _split(view, who, of[who])) for who in rest]))
    return blocks


def _gravity(view: View, records: Sequence[Record]) -> int:
    return sum(not trains_alike(record, view.roundings) for record in records)


def _split(view: View, implementation: str, records: Sequence[Record]) -> Rich:
    limit, trainings = percent(threshold(records[0]), 1), count(len(records), "training")
    split = [record for record in records if first_split(record) is not None]
    if not split:
        largest = [v for record in records if (v := record.number("max_loss_difference_rel")) is not None]
        return say(
            "{who} {verdict} the reference's loss by more than {limit} in {trainings}{most}.",
            who=name(implementation),
            verdict=verdict("never leaves", "good"),
            limit=limit,
            trainings=trainings,
            most=f" (its largest relative difference is {significant(max(largest), 2)})" if largest else "",
        )
    earliest = min(split, key=lambda record: first_split(record) or 0)
    difference = earliest.number("split_difference_rel")
    explained = all(view.roundings.explains(record) for record in split)
    return say(
        "{who} {verdict} the reference's loss by more than {limit} in {some} of {trainings}, first at "
        "{where}{by}, {mode} batch normalization{why}.",
        who=name(implementation),
        verdict=strong("leaves") if explained else verdict("leaves", "warn"),
        limit=limit,
        some=len(split),
        trainings=trainings,
        where=split_text(earliest),
        mode="with" if uses_batch_norm(earliest) else "without",
        by="" if difference is None else f" (by {percent(difference)})",
        why=_why(view, implementation) if explained else "",
    )


def _why(view: View, implementation: str) -> str:
    if implementation == view.reference:
        return ": it is the reference's own code, in less precision, so this is what rounding alone does"
    return ", where rounding alone may take it"


def _benefits(experiment: Experiment) -> list[Block]:
    """What batch normalization did to the test accuracy, by implementation."""
    parts = []
    for who in dict.fromkeys(record.implementation for record in experiment.drawn):
        of = {
            uses_batch_norm(record): record.number("final_test_accuracy")
            for record in experiment.drawn
            if record.implementation == who
        }
        with_it, without = of.get(True), of.get(False)
        if with_it is not None and without is not None:
            figures = strong(f"{percent(with_it)} and {percent(without)}")
            parts.append(say("{who} {figures}", who=name(who), figures=figures))
    if not parts:
        return []
    number = len(experiment.seeds)
    caution = f" This is the first of {number} seeds." if number > 1 else " One seed cannot tell chance from effect."
    lead = "Test accuracy with and without batch normalization: {parts}.{caution}"
    return [Paragraph(say(lead, parts=enumerate_spans(parts, 4), caution=caution))]


def _table(view: View, records: Sequence[Record]) -> Table:
    parameters = varying(records, (*PARAMETERS, *further(records), "style", "seed"))
    columns = [
        *(parameter_column(parameter) for parameter in parameters if parameter != "style"),
        Column("BN"),
        Column("Implementation"),
        *([parameter_column("style")] if "style" in parameters else []),
        Column("Test loss", True),
        Column("Test accuracy", True),
        Column("Validation loss", True),
        Column("Validation accuracy", True),
        Column("First split", True, "first step whose loss differs by more than the threshold"),
        Column("Difference there", True, "relative"),
        Column("Beyond rounding", True, "first step whose loss is further away than rounding errors grow"),
        Column("Largest difference", True, "relative, over all steps"),
    ]
    note = say("{shared}Differences are relative to the reference's loss.", shared=shared(records, DETAILS))
    shown = first_rows(records, lambda record: not trains_alike(record, view.roundings))
    rows = [_row(view, record, parameters) for record in shown]
    return table("convergence-table", "Final figures and first splits", columns, rows, note, len(records))


def _row(view: View, record: Record, parameters: Sequence[str]) -> tuple[Cell, ...]:
    split = first_split(record)
    style = [parameter_cell(record, "style")] if "style" in parameters else []
    mode = "with" if uses_batch_norm(record) else "without"
    return (
        *(parameter_cell(record, parameter) for parameter in parameters if parameter != "style"),
        Cell(mode, mode),
        implementation_cell(view, record.implementation),
        *style,
        number_cell(record.number("final_test_loss"), 4),
        _accuracy(record, "final_test_accuracy"),
        number_cell(record.number("final_validation_loss"), 4),
        _accuracy(record, "final_validation_accuracy"),
        _split_cell(view, record),
        BLANK if split is None else number_cell(record.number("split_difference_rel"), 2),
        _beyond_cell(record),
        number_cell(record.number("max_loss_difference_rel"), 2),
    )


def _split_cell(view: View, record: Record) -> Cell:
    split = first_split(record)
    if split is None:
        return Cell(split_text(record), None, "good" if compared(record) else "")
    if view.roundings.explains(record):
        return Cell(f"{split_text(record)}, rounding", split)
    if departure(record) == "diverged":
        return Cell(f"{split_text(record)}, diverges as the reference does", split)
    return Cell(split_text(record), split, "warn")


def _beyond_cell(record: Record) -> Cell:
    if "first_step_beyond_rounding" not in record.metrics:
        return BLANK  # of an older run, or not compared
    step = first_beyond_rounding(record)
    return Cell("never", None, "good") if step is None else Cell(f"step {step:,}", step, "warn")


def _accuracy(record: Record, metric: str) -> Cell:
    value = record.number(metric)
    return BLANK if value is None else Cell(percent(value), value)
