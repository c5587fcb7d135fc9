"""The curves of one experiment: loss and accuracy over epochs, differences to the reference over steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.report.curves import Curve, Curves, read_curves
from benchmarks.report.document import Block, Figure, Heading, Paragraph, Rich, link, name, say
from benchmarks.report.errors import severity
from benchmarks.report.figures import convergence as figure
from benchmarks.report.trainings import Experiment, first_split, threshold, uses_batch_norm
from benchmarks.report.view import View
from benchmarks.report.wording import count, percent, visible

MOST_TROUBLES = 4
BAND = (
    "The grey area is how far the reference's own code gets in the same dtype, from weights one ulp away; beyond the "
    "dotted line it is a different algorithm. "
)
WORTH_SAYING = 0.005  # a gap of half a percent point


def experiment_blocks(view: View, experiment: Experiment, key: str) -> list[Block]:
    """A heading, what could not be read, and the figures."""
    names = list(dict.fromkeys(record.implementation for record in experiment.drawn))
    drawn = _chosen(view, experiment)
    curves = [read_curves(view.run.folder, record) for record in experiment.drawn]
    blocks: list[Block] = [Heading(experiment.title, key), *_troubles(curves)]
    everyone = [_training(found) for found in curves if found.arrays]
    trainings = [one for one in everyone if one.implementation in drawn]
    if not trainings:
        return blocks
    remarks = ""
    if len(experiment.seeds) > 1:
        remarks += f"Drawn is seed {visible(experiment.seeds[0])}, the first of {len(experiment.seeds)}. "
    if len(names) > len(drawn):
        remarks += (
            f"Drawn are {len(drawn)} of {len(names)} implementations, the reference's own code and those that depart "
            "the least and the most from it. "
        )
    blocks.extend(_lag(everyone))
    blocks.append(_epochs(view, key, trainings, everyone, remarks))
    if any({"step_loss", "reference_step_loss"} <= set(training.arrays) for training in trainings):
        blocks.append(_differences(view, key, trainings, remarks))
    return blocks


def _chosen(view: View, experiment: Experiment) -> list[str]:
    """Whose curves are drawn: the reference's own code, who departs least from it with BN, and who most."""
    departures: dict[str, float] = {}
    for record in experiment.drawn:
        if uses_batch_norm(record) or record.implementation not in departures:
            departures[record.implementation] = severity(record.number("max_loss_difference_rel"))
    others = sorted((who for who in departures if who != view.reference), key=lambda who: departures[who])
    first = [view.reference] if view.reference in departures else []
    room = figure.MOST_LINES - len(first)
    return [*first, *(others if len(others) <= room else [others[0], *others[1 - room :]])]


def _troubles(curves: Sequence[Curves]) -> list[Block]:
    missing = [found for found in curves if not found.arrays]
    blocks: list[Block] = []
    for found in missing[:MOST_TROUBLES]:
        why = visible(found.trouble or "the file holds no curve")
        blocks.append(Paragraph(say("No curve of {case}: {why}.", case=name(found.record.case_id), why=why), "note"))
    if len(missing) > MOST_TROUBLES:
        more = count(len(missing) - MOST_TROUBLES, "more curve")
        blocks.append(Paragraph(say("{more} could not be read.", more=more), "note"))
    return blocks


def _training(found: Curves) -> figure.Training:
    record = found.record
    return figure.Training(
        record.implementation,
        uses_batch_norm(record),
        found.arrays,
        threshold(record),
        first_split(record),
    )


def _lag(trainings: Sequence[figure.Training]) -> list[Block]:
    """What inference loses because the moving statistics lag behind those of the batch."""
    gaps = {
        training.implementation: gap
        for training in trainings
        if training.batch_norm
        and (gap := _last(training.arrays, "validation_accuracy_batch", "validation_accuracy_moving")) is not None
    }
    if not gaps:
        return []
    who = max(gaps, key=lambda implementation: abs(gaps[implementation]))
    if abs(gaps[who]) < WORTH_SAYING:
        return [Paragraph(_no_lag(gaps[who]))]
    told = say(
        "After the last epoch the validation accuracy of {who} is {gap} points {side} with the moving "
        "statistics than with those of the batch, the largest such gap.{cause}",
        who=name(who),
        gap=f"{100 * abs(gaps[who]):.1f}",
        side="lower" if gaps[who] > 0 else "higher",
        cause=_cause(
            next(training for training in trainings if training.implementation == who and training.batch_norm)
        ),
    )
    return [Paragraph(told)]


def _cause(training: figure.Training) -> str:
    """Whether exact population statistics close the gap: then the moving average makes it, not the training."""
    left = _last(training.arrays, "validation_accuracy_batch", "validation_accuracy_population")
    if left is None:
        return ""
    if abs(left) < WORTH_SAYING:
        return " With exact population statistics of the same weights there is none: it is the moving average's doing."
    side = "lower" if left > 0 else "higher"
    return f" With exact population statistics of the same weights it is {100 * abs(left):.1f} points {side}."


def _no_lag(gap: float) -> Rich:
    return say(
        "After the last epoch, moving statistics and those of the batch give the same validation accuracy "
        "to within {gap} points, in every implementation.",
        gap=f"{100 * abs(gap):.2f}",
    )


def _last(arrays: Mapping[str, Curve], first: str, second: str) -> float | None:
    one, other = arrays.get(first), arrays.get(second)
    if one is None or other is None or not len(one) or not len(other):
        return None
    difference = float(one[-1] - other[-1])
    return difference if difference == difference else None  # not NaN


def _epochs(
    view: View, key: str, trainings: Sequence[figure.Training], everyone: Sequence[figure.Training], remarks: str
) -> Figure:
    caption = say(
        "Curves on top of each other mean that the implementations train alike; their markers are staggered. What all "
        "of them span, with moving statistics, is shaded. {remarks}The table {table} has all of them.",
        remarks=remarks,
        table=link("Final figures and first splits", "#convergence-table"),
    )
    title = "Loss and accuracy over the epochs"
    words = " ".join(_last_epoch(training) for training in trainings)
    svg = figure.draw_curves(f"{key}-curves", title, trainings, view.colours, everyone)
    return Figure(f"{key}-curves", title, caption, visible(words), svg)


def _last_epoch(training: figure.Training) -> str:
    values = training.arrays.get("validation_accuracy_moving")
    mode = "with" if training.batch_norm else "without"
    if values is None or not len(values):
        return ""
    return f"{training.implementation} {mode} BN: validation accuracy {percent(float(values[-1]))} at the end."


def _differences(view: View, key: str, trainings: Sequence[figure.Training], remarks: str) -> Figure:
    caption = say(
        "Relative to the reference's loss of the same step. Implementations round differently and training "
        "amplifies it, so a slow rise is what correct ones show; a jump in the first steps is a different "
        "computation. The dashed line is at {limit}, and a marker on it is the first step beyond. {band}{remarks}",
        limit=percent(trainings[0].threshold, 1),
        band=BAND if any("rounding_band" in training.arrays for training in trainings) else "",
        remarks=remarks,
    )
    title = "Difference of each step's loss to the reference's"
    words = " ".join(_split_words(training) for training in trainings)
    svg = figure.draw_differences(f"{key}-differences", title, trainings, view.colours)
    return Figure(f"{key}-differences", title, caption, visible(words), svg)


def _split_words(training: figure.Training) -> str:
    mode = "with" if training.batch_norm else "without"
    split = "no split" if training.first_split is None else f"first split at step {training.first_split:,}"
    return f"{training.implementation} {mode} BN: {split}."
