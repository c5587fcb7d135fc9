"""Convergence: does a network train the same with it?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from benchmarks.report.curves import Curves, read_curves
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
from benchmarks.report.figures import convergence as figure
from benchmarks.report.reading import Record
from benchmarks.report.tables import (
    implementation_cell,
    number_cell,
    parameter_cell,
    parameter_column,
    seconds_cell,
    table,
)
from benchmarks.report.trainings import (
    PARAMETERS,
    Experiment,
    experiments,
    first_split,
    split_text,
    threshold,
    uses_batch_norm,
)
from benchmarks.report.view import View, constants, varying
from benchmarks.report.wording import count, percent, significant, visible

MOST_EXPERIMENTS = 3  # with figures; the table has them all


def build(view: View) -> Section:
    """The section."""
    records = view.measured("convergence")
    if not records:
        nothing = say("No convergence case was measured in this run.")
        return Section("convergence", "Convergence", (Paragraph(nothing, "note"),))
    found = experiments(records)
    blocks: list[Block] = [
        Paragraph(
            say(
                "Does a network train the same with it? Every implementation starts from the same weights and "
                "sees the same batches in the same order, so that any difference is its own."
            )
        ),  # fmt: skip
        Bullets((*_splits(view, records), *_benefits(view, found[0]))),
    ]
    for place, experiment in enumerate(found[:MOST_EXPERIMENTS]):
        blocks.extend(_experiment(view, experiment, f"convergence-{place}"))
    if len(found) > MOST_EXPERIMENTS:
        rest = count(len(found) - MOST_EXPERIMENTS, "more experiment")
        blocks.append(Paragraph(say("{rest} without curves here; the table has the figures.", rest=rest)))
    blocks.append(_table(view, records))
    return Section("convergence", "Convergence", tuple(blocks))


def _splits(view: View, records: Sequence[Record]) -> list[Rich]:
    """A sentence per implementation: where its loss leaves the reference's."""
    members: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.implementation != view.reference:
            members[record.implementation].append(record)
    return [_split(who, of) for who, of in members.items()]


def _split(implementation: str, records: Sequence[Record]) -> Rich:
    limit = percent(threshold(records[0]), 1)
    split = [record for record in records if first_split(record) is not None]
    trainings = count(len(records), "training")
    if not split:
        largest = [v for record in records if (v := record.number("max_loss_difference_rel")) is not None]
        most = f" (at most {significant(max(largest), 2)})" if largest else ""
        return say(
            "{who} {verdict} the reference's loss by {limit} in {trainings}{most}.",
            who=name(implementation), verdict=strong("never leaves"), limit=limit, trainings=trainings, most=most,
        )  # fmt: skip
    earliest = min(split, key=lambda record: first_split(record) or 0)
    difference = earliest.number("split_difference_rel")
    return say(
        "{who} {verdict} the reference's loss by more than {limit} in {some} of {trainings}, first at {where}, {mode}{by}.",
        who=name(implementation),
        verdict=strong("leaves"),
        limit=limit,
        some=len(split),
        trainings=trainings,
        where=split_text(earliest),
        mode="with batch normalization" if uses_batch_norm(earliest) else "without batch normalization",
        by="" if difference is None else f" (by {percent(difference)})",
    )


def _benefits(view: View, experiment: Experiment) -> list[Rich]:
    """What batch normalization did to the test accuracy, by implementation."""
    parts = []
    for who in dict.fromkeys(record.implementation for record in experiment.drawn):
        of = {
            uses_batch_norm(r): r.number("final_test_accuracy")
            for r in experiment.drawn
            if r.implementation == who
        }
        if of.get(True) is not None and of.get(False) is not None:
            parts.append(
                say("{who} {with_bn} with and {without} without it", who=name(who), with_bn=strong(percent(of[True])),
                    without=percent(of[False]))
            )  # fmt: skip
    if not parts:
        return []
    seeds = count(len(experiment.seeds), "seed")
    lead = "Test accuracy with batch normalization, one training each: {parts}. {seeds} cannot say how much of it is chance."
    if len(experiment.seeds) > 1:
        lead = "Test accuracy of the first of {seeds}: {parts}."
    return [say(lead, parts=enumerate_spans(parts, 4), seeds=seeds.replace("1 seed", "One seed"))]


def _experiment(view: View, experiment: Experiment, key: str) -> list[Block]:
    names = list(dict.fromkeys(record.implementation for record in experiment.drawn))
    chosen = [record for record in experiment.drawn if record.implementation in names[: figure.MOST_LINES]]
    curves = [read_curves(view.run.folder, record) for record in chosen]
    blocks: list[Block] = [Heading(experiment.title, key)]
    blocks.extend(_troubles(curves))
    trainings = [_training(found) for found in curves if found.arrays]
    if not trainings:
        return blocks
    remarks = ""
    if len(experiment.seeds) > 1:
        remarks += f" Drawn is seed {experiment.seeds[0]}, the first of {len(experiment.seeds)}."
    if len(names) > figure.MOST_LINES:
        remarks += f" {figure.MOST_LINES} of {len(names)} implementations are drawn."
    remarks = visible(remarks)
    blocks.append(_curves_figure(view, key, trainings, remarks))
    if any({"step_loss", "reference_step_loss"} <= set(training.arrays) for training in trainings):
        blocks.append(_differences_figure(view, key, trainings, remarks))
    return blocks


def _troubles(curves: Sequence[Curves]) -> list[Block]:
    missing = [found for found in curves if not found.arrays]
    shown = [
        Paragraph(
            say(
                "No curve of {case}: {why}.",
                case=name(found.record.case_id),
                why=visible(found.trouble or "the file is empty"),
            ),
            "note",
        )
        for found in missing[:4]
    ]
    if len(missing) > len(shown):
        more = f"{count(len(missing) - len(shown), 'more curve')} could not be read."
        shown.append(Paragraph(say(more), "note"))
    return list(shown)


def _training(found: Curves) -> figure.Training:
    record = found.record
    return figure.Training(
        record.implementation,
        record.implementation,
        uses_batch_norm(record),
        found.arrays,
        threshold(record),
        first_split(record),
    )


def _curves_figure(view: View, key: str, trainings: Sequence[figure.Training], remarks: str) -> Figure:
    title = "Loss and accuracy over the epochs"
    caption = say(
        "Curves on top of each other mean that the implementations train alike. Markers are staggered so that hidden "
        "curves show. The gap between moving and batch statistics is what inference loses.{remarks} The {table} has "
        "the final figures.",
        remarks=remarks,
        table=link("table", "#convergence-table"),
    )  # fmt: skip
    words = " ".join(_last_epoch(training) for training in trainings)
    svg = figure.draw_curves(f"{key}-curves", title, trainings, view.colours)
    return Figure(f"{key}-curves", title, caption, visible(words), svg)


def _last_epoch(training: figure.Training) -> str:
    values = training.arrays.get("validation_accuracy_moving")
    mode = "with" if training.batch_norm else "without"
    if values is None or not len(values):
        return ""
    return (
        f"{training.name} {mode} BN: validation accuracy {percent(float(values[-1]))} after the last epoch."
    )


def _differences_figure(view: View, key: str, trainings: Sequence[figure.Training], remarks: str) -> Figure:
    title = "Difference of each step's loss to the reference's"
    limit = percent(trainings[0].threshold, 1)
    caption = say(
        "How far the loss of each training step is from the reference's, relative to it. Rounding differs between "
        "implementations and training amplifies it, so a slow rise is what correct ones show; a jump in the first steps "
        "is a different computation. The dashed line is {limit}; a marker on it is the first step beyond.{remarks}",
        limit=limit,
        remarks=remarks,
    )  # fmt: skip
    words = " ".join(
        f"{training.name} {'with' if training.batch_norm else 'without'} BN: "
        + ("no split." if training.first_split is None else f"first split at step {training.first_split}.")
        for training in trainings
    )
    svg = figure.draw_differences(f"{key}-differences", title, trainings, view.colours)
    return Figure(f"{key}-differences", title, caption, visible(words), svg)


def _table(view: View, records: Sequence[Record]) -> Table:
    parameters = varying(records, (*PARAMETERS, "style", "seed"))
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
        Column("Largest difference", True, "relative, over all steps"),
        Column("Training step", True, "median, inside the training loop"),
    ]
    shared = constants(records, (*PARAMETERS, "style", "seed"))
    note = say(
        "{shared}Test figures use the moving statistics.",
        shared=f"All: {visible(shared)}. " if shared else "",
    )
    rows = [_row(view, record, parameters) for record in records]
    return table("convergence-table", "Final figures and first splits", columns, rows, note)


def _row(view: View, record: Record, parameters: Sequence[str]) -> tuple[Cell, ...]:
    split = first_split(record)
    after = record.number("split_difference_rel")
    step = record.number("train_step_ns_median")
    if view.speeds.gate.why_withheld(record):
        step = None
    style = [parameter_cell(record, "style")] if "style" in parameters else []
    return (
        *(parameter_cell(record, parameter) for parameter in parameters if parameter != "style"),
        Cell("with", "with") if uses_batch_norm(record) else Cell("without", "without"),
        implementation_cell(view, record.implementation),
        *style,
        number_cell(record.number("final_test_loss"), 4),
        _accuracy(record, "final_test_accuracy"),
        number_cell(record.number("final_validation_loss"), 4),
        _accuracy(record, "final_validation_accuracy"),
        Cell(split_text(record), None if split is None else split, "good" if split is None else "warn"),
        number_cell(after, 2) if split is not None else BLANK,
        number_cell(record.number("max_loss_difference_rel"), 2),
        seconds_cell(None if step is None else step * 1e-9),
    )


def _accuracy(record: Record, metric: str) -> Cell:
    value = record.number(metric)
    return BLANK if value is None else Cell(percent(value), value)
