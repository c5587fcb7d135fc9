"""Error dots: every measured error over its bound, by quantity and implementation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from benchmarks.report.figures.canvas import ALARM, GRID, INK, MUTED, bare, label, logarithmic, render, series
from benchmarks.report.wording import QUANTITIES, power_of_ten

MOST_DOTS = 24  # of one quantity and implementation: the worst, the best, and evenly between
MOST_IMPLEMENTATIONS = 8


@dataclass(frozen=True)
class Dot:
    """The error of one case over its bound; ``wrong`` if it is beyond its limit."""

    over_bound: float
    wrong: bool = False


Errors = Mapping[str, Mapping[str, Sequence[Dot]]]  # quantity -> implementation -> a dot for every case


def thin(dots: Sequence[Dot], most: int = MOST_DOTS) -> list[Dot]:
    """The dots, sorted; if there are too many, the worst, the best and evenly spaced ones between."""
    ordered = sorted(dots, key=lambda dot: math.inf if math.isnan(dot.over_bound) else dot.over_bound)
    if len(ordered) <= most:
        return ordered
    places = np.unique(np.linspace(0, len(ordered) - 1, most).round().astype(int))
    return [ordered[place] for place in places]


def draw(key: str, title: str, errors: Errors, limits: Sequence[float], colours: Mapping[str, int]) -> str:
    """Draw the dots.

    Args:
        key: prefix of the figure's ids.
        title: the figure's title.
        errors: what to draw; 0 is exact, NaN and infinity stand at the right.
        limits: the limits of the cases, over their bounds, in order.
        colours: implementation -> number of its colour.

    Returns:
        SVG in sentinel colours.
    """
    rows = len(errors) * (len(colours) + 0.9)
    return render(key, title, 0.95 + 0.135 * rows, lambda canvas: _paint(canvas, errors, limits, colours))


def _paint(canvas: Canvas, errors: Errors, limits: Sequence[float], colours: Mapping[str, int]) -> None:
    axes = canvas.subplots()
    scale = _Scale(errors, limits)
    for row, quantity in enumerate(errors):
        for place, implementation in enumerate(colours):
            y = row + _offset(place, len(colours))
            name = label(implementation) if row == 0 else None
            _draw_dots(axes, scale, thin(errors[quantity].get(implementation, ())), y, colours[implementation], name)
    _frame(axes, errors, limits, scale)
    canvas.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=4, handletextpad=0.2)


def _draw_dots(axes: Axes, scale: _Scale, dots: Sequence[Dot], y: float, number: int, name: str | None) -> None:
    colour, marker = series(number)
    axes.plot(
        [scale.place(dot.over_bound) for dot in dots],
        [y] * len(dots),
        marker,
        color=colour,
        markersize=4.2,
        markeredgewidth=0,
        alpha=0.75,
        clip_on=False,
        label=name,
    )
    wrong = [scale.place(dot.over_bound) for dot in dots if dot.wrong]
    if wrong:
        axes.plot(wrong, [y] * len(wrong), "o", color="none", markersize=8, markeredgecolor=ALARM, clip_on=False)


def _frame(axes: Axes, errors: Errors, limits: Sequence[float], scale: _Scale) -> None:
    bare(axes)
    logarithmic(axes, "x", scale.ticks, scale.labels)
    axes.set_xlim(scale.left, scale.right)
    axes.set_ylim(len(errors) - 0.5, -0.5)
    axes.set_yticks(range(len(errors)), [QUANTITIES.get(quantity, label(quantity)) for quantity in errors])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.grid(axis="y", visible=False)
    for row in range(1, len(errors)):
        axes.axhline(row - 0.5, color=GRID, linewidth=0.6)
    axes.axvline(1, color=INK, linewidth=1)
    _name_line(axes, 1, "the bound ", INK, "right")
    if limits:
        _draw_limits(axes, limits[0], limits[-1])
    axes.set_xlabel("error, as a multiple of the bound (logarithmic; further left is more accurate)", color=MUTED)


def _draw_limits(axes: Axes, lowest: float, highest: float) -> None:
    """A line; or a band, where the cases have different limits."""
    if lowest < highest:
        axes.axvspan(lowest, highest, color=ALARM, alpha=0.08, linewidth=0)
    else:
        axes.axvline(lowest, color=ALARM, linewidth=1, linestyle=(0, (4, 2)))
    _name_line(axes, highest, "the limit " if lowest < highest else " the limit", ALARM,
               "right" if lowest < highest else "left")  # fmt: skip


def _name_line(axes: Axes, x: float, text: str, colour: str, side: Literal["left", "right"]) -> None:
    axes.annotate(
        text,
        (x, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 2),
        textcoords="offset points",
        horizontalalignment=side,
        color=colour,
        fontsize=7,
    )


def _offset(place: int, total: int) -> float:
    return 0.0 if total == 1 else (place / (total - 1) - 0.5) * 0.62


class _Scale:
    """Where errors stand: 0 a decade left of the smallest, infinity and NaN a decade right of the largest."""

    def __init__(self, errors: Errors, limits: Sequence[float]) -> None:
        values = [dot.over_bound for of in errors.values() for dots in of.values() for dot in dots]
        finite = [value for value in values if math.isfinite(value) and value > 0]
        low = math.floor(math.log10(min([*finite, 0.5])))
        high = math.ceil(math.log10(max([*finite, *limits, 2.0])))
        low, high = max(low, -30), min(high, 60)
        self.zero, self.beyond = 10.0 ** (low - 1), 10.0 ** (high + 1)
        step = max(1, math.ceil((high - low + 1) / 9))
        exponents = [exponent for exponent in range(low, high + 1) if exponent % step == 0]
        ticks = {10.0**exponent: "" for exponent in exponents}
        self.ticks = [*([self.zero] if 0 in values else []), *ticks]
        if any(not math.isfinite(value) for value in values):
            self.ticks.append(self.beyond)
        names = {self.zero: "exact", self.beyond: "not finite"}
        self.labels = [names.get(tick) or power_of_ten(tick) for tick in self.ticks]
        self.left = self.ticks[0] / 2 if self.ticks[0] == self.zero else 10.0**low
        self.right = self.beyond * 2 if self.ticks[-1] == self.beyond else 10.0**high

    def place(self, value: float) -> float:
        if not math.isfinite(value):
            return self.beyond
        return min(max(value, self.zero), self.beyond) if value > 0 else self.zero
