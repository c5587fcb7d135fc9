"""Training curves, and how far each implementation's step losses are from the reference's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from benchmarks.report.curves import Curve
from benchmarks.report.figures.canvas import (
    ALARM,
    INK,
    MUTED,
    bare,
    label,
    legend,
    logarithmic,
    render,
    series,
)
from benchmarks.report.wording import power_of_ten

MOST_POINTS = 250  # of one line; each drawn point is the largest of its stretch
MOST_LINES = 4  # implementations in one figure: the reference, the nearest to it, and the outliers
FLOOR, CEILING = 1e-9, 10.0  # relative differences beyond these are drawn on the edge
MODES = ("moving", "batch", "population")
DASHES: dict[str, object] = {
    "moving": "-",
    "batch": (0, (3.5, 1.5)),
    "population": (0, (5, 1.5, 1, 1.5)),
    "without": (0, (1, 1.6)),
}


@dataclass(frozen=True)
class Training:
    """The curves of one record."""

    implementation: str
    batch_norm: bool
    arrays: Mapping[str, Curve]
    threshold: float
    first_split: int | None


def draw_curves(
    key: str, title: str, trainings: Sequence[Training], colours: Mapping[str, int], everyone: Sequence[Training] = ()
) -> str:
    """Draw loss and accuracy on training and validation data over the epochs.

    Args:
        key: prefix of the figure's ids.
        title: the figure's title.
        trainings: with and without batch normalization, of one experiment.
        colours: implementation -> number of its colour.
        everyone: all trainings of the experiment; the range that they span is shaded.

    Returns:
        SVG in sentinel colours.
    """
    return render(key, title, 4.9, lambda canvas: _paint_curves(canvas, trainings, colours, everyone))


def draw_differences(key: str, title: str, trainings: Sequence[Training], colours: Mapping[str, int]) -> str:
    """Draw the relative difference of every step's loss to the reference's, with the threshold and first splits."""
    return render(key, title, 2.9, lambda canvas: _paint_differences(canvas, trainings, colours))


def relative_difference(loss: Curve, reference: Curve) -> Curve:
    """``|loss - reference| / |reference|`` of every step that both have; infinity where that is not finite."""
    steps = min(len(loss), len(reference))
    with np.errstate(all="ignore"):
        difference = np.abs(loss[:steps] - reference[:steps]) / np.abs(reference[:steps])
    return np.asarray(np.where(np.isfinite(difference), difference, np.inf))


def envelope(values: Curve, most: int = MOST_POINTS) -> tuple[Curve, Curve]:
    """At most so many points: the step (from 0) and the value of the largest in each stretch."""
    stretches = np.array_split(np.arange(len(values)), min(most, len(values)) or 1)
    places = [stretch[np.argmax(values[stretch])] for stretch in stretches if len(stretch)]
    return np.asarray(places, dtype=np.float64), values[places] if places else np.empty(0)


def _paint_curves(
    canvas: Canvas, trainings: Sequence[Training], colours: Mapping[str, int], everyone: Sequence[Training]
) -> None:
    panels = canvas.subplots(2, 2, sharex=True, sharey="row")
    order = list(dict.fromkeys(training.implementation for training in trainings))
    for row, metric in enumerate(("loss", "accuracy")):
        for axes, part, words in zip(panels[row], ("train", "validation"), ("training", "validation"), strict=True):
            for batch_norm in (True, False):
                _draw_range(axes, [one for one in everyone if one.batch_norm == batch_norm], f"{part}_{metric}_moving")
            for training in trainings:
                _draw_modes(axes, training, f"{part}_{metric}", order, colours)
            bare(axes)
            axes.set_title(f"{metric}, {words}", color=INK)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10))
    _logarithmic_losses(panels[0])
    for axes in panels[1]:
        axes.set_xlabel("epoch")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    _legend(canvas, trainings, colours)


def _draw_range(axes: Axes, everyone: Sequence[Training], curve: str) -> None:
    """What all implementations span, at every epoch."""
    curves = [values for one in everyone if (values := one.arrays.get(curve)) is not None and len(values)]
    if len(curves) < 2:
        return
    epochs = min(len(values) for values in curves)
    stack = np.array([np.where(np.isfinite(values[:epochs]), values[:epochs], np.nan) for values in curves])
    if not np.isnan(stack).any():
        axes.fill_between(np.arange(1, epochs + 1), stack.min(0), stack.max(0), color=MUTED, alpha=0.2, linewidth=0)


def _draw_modes(axes: Axes, training: Training, curve: str, order: Sequence[str], colours: Mapping[str, int]) -> None:
    """Draw one quantity with moving and with batch statistics; markers are staggered, so that none is hidden."""
    colour, marker = series(colours[training.implementation])
    place, total = order.index(training.implementation), len(order)
    for mode in MODES:
        values = training.arrays.get(f"{curve}_{mode}")
        if values is None or not len(values):
            continue
        epochs = np.arange(1, len(values) + 1)
        axes.plot(
            epochs,
            np.where(np.isfinite(values), values, np.nan),
            linestyle=DASHES[mode if training.batch_norm else "without"],
            linewidth=1.1,
            color=colour,
            marker=marker,
            markersize=3.4,
            markeredgewidth=0,
            markevery=(place % len(epochs), max(1, min(total, len(epochs)))),
        )


def _logarithmic_losses(panels: Sequence[Axes]) -> None:
    lines = [line for axes in panels for line in axes.lines]
    drawn = np.concatenate([np.empty(0), *(np.asarray(line.get_ydata(), dtype=float) for line in lines)])
    values = drawn[np.isfinite(drawn)]
    if not len(values) or values.min() <= 0:
        return
    ticks = _loss_ticks(float(values.min()), float(values.max()))
    logarithmic(panels[0], "y", ticks, [f"{tick:g}" for tick in ticks])


def _loss_ticks(low: float, high: float) -> list[float]:
    """Round losses in the range: as fine as it takes to have three, at most nine."""
    ticks: list[float] = []
    for bases in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
        steps = [base * 10.0**power for power in range(-9, 10) for base in bases]
        ticks = [step for step in steps if low / 1.1 <= step <= high * 1.1]
        if len(ticks) >= 3:
            break
    return ticks[:: max(1, -(-len(ticks) // 9))]


def _legend(canvas: Canvas, trainings: Sequence[Training], colours: Mapping[str, int]) -> None:
    texts = {
        "moving": "with BN, moving statistics",
        "batch": "with BN, batch statistics",
        "population": "with BN, exact population statistics",
        "without": "without BN",
    }
    present = {
        mode if training.batch_norm else "without"
        for training in trainings
        for mode in MODES
        if any(name.endswith(f"_{mode}") for name in training.arrays)
    }
    styles = [_dash(texts[style], DASHES[style]) for style in texts if style in present]
    legend(canvas, [_names(trainings, colours), styles])


def _names(trainings: Sequence[Training], colours: Mapping[str, int]) -> list[Line2D]:
    """Legend entries of the implementations."""
    handles = []
    for implementation in dict.fromkeys(training.implementation for training in trainings):
        colour, marker = series(colours[implementation])
        handles.append(Line2D([], [], color=colour, marker=marker, markersize=4, label=label(implementation, 24)))
    return handles


def _dash(text: str, dash: object, colour: str = MUTED) -> Line2D:
    return Line2D([], [], color=colour, linestyle=dash, label=text)


def _paint_differences(canvas: Canvas, trainings: Sequence[Training], colours: Mapping[str, int]) -> None:
    with_bn = [training for training in trainings if training.batch_norm]
    without = [training for training in trainings if not training.batch_norm]
    parts = [(title, part) for title, part in (("with BN", with_bn), ("without BN", without)) if part]
    panels = canvas.subplots(1, len(parts), sharey=True, squeeze=False)[0]
    highest = 1e-2
    for axes, (title, part) in zip(panels, parts, strict=True):
        for training in part:
            highest = max(highest, _draw_difference(axes, training, colours))
        _draw_band(axes, part)
        axes.axhline(part[0].threshold, color=ALARM, linewidth=1, linestyle=(0, (4, 2)))
        axes.set_title(title, color=INK)
        axes.set_xlabel("training step")
        bare(axes)
    top = 10 ** np.ceil(np.log10(highest))
    exponents = range(round(np.log10(FLOOR)), round(np.log10(top)) + 1, 2)
    ticks = [10.0**exponent for exponent in exponents]
    ends = {FLOOR: f"≤ {power_of_ten(FLOOR)}", CEILING: f"≥ {power_of_ten(CEILING)}"}
    logarithmic(panels[0], "y", ticks, [ends.get(tick) or power_of_ten(tick) for tick in ticks])
    panels[0].set_ylim(FLOOR / 1.6, top * 1.6)
    panels[0].set_ylabel("relative difference of the loss")
    _difference_legend(canvas, trainings, colours)


def _draw_difference(axes: Axes, training: Training, colours: Mapping[str, int]) -> float:
    loss, reference = training.arrays.get("step_loss"), training.arrays.get("reference_step_loss")
    if loss is None or reference is None:
        return 0.0
    steps, values = envelope(relative_difference(loss, reference))
    colour, marker = series(colours[training.implementation])
    axes.plot(steps, np.clip(values, FLOOR, CEILING), color=colour, linewidth=0.9)
    split = training.first_split
    if split is not None:
        axes.plot([split], [training.threshold], marker, color=colour, markersize=6, markeredgecolor=INK, zorder=4)
    return float(np.clip(values, FLOOR, CEILING).max(initial=0.0))


def _draw_band(axes: Axes, trainings: Sequence[Training]) -> None:
    """What one ulp and the roundings of every step grow to, and up to where a difference is put down to them."""
    arrays = next((t.arrays for t in trainings if {"rounding_band", "rounding_limit"} <= set(t.arrays)), None)
    if arrays is None:
        return
    steps, band = envelope(arrays["rounding_band"])
    axes.fill_between(steps, FLOOR, np.clip(band, FLOOR, CEILING), color=MUTED, alpha=0.25, linewidth=0, zorder=0)
    steps, limit = envelope(arrays["rounding_limit"])
    axes.plot(steps, np.clip(limit, FLOOR, CEILING), color=MUTED, linewidth=1, linestyle=(0, (1, 1.6)), zorder=1)


def _difference_legend(canvas: Canvas, trainings: Sequence[Training], colours: Mapping[str, int]) -> None:
    split = Line2D([], [], color=MUTED, marker="o", markeredgecolor=INK, linestyle="", label="first split")
    marks = [_dash("threshold of a split", (0, (4, 2)), ALARM), split]
    if any("rounding_band" in training.arrays for training in trainings):
        band = Line2D([], [], color=MUTED, alpha=0.25, linewidth=6, label="trainings from one ulp away")
        marks = [*marks, band, _dash("most that is put down to rounding", (0, (1, 1.6)))]
    legend(canvas, [_names(trainings, colours), marks])
