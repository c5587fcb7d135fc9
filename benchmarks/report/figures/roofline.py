"""Dots under the roof: the fraction of the machine's limit that each implementation reaches, input by input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from benchmarks.report.figures.canvas import INK, MUTED, SERIES_COUNT, bare, label, legend, logarithmic, render, series

MOST = 9  # inputs
LOWEST = 1e-4


@dataclass(frozen=True)
class Dot:
    """One implementation at one input."""

    name: str
    implementation: str
    fraction: float


Rows = Sequence[tuple[str, Sequence[Dot]]]  # input and dots, the closest to the limit first


def draw(key: str, title: str, rows: Rows, colours: Mapping[str, int]) -> str:
    """Draw the figure.

    Args:
        key: prefix of the figure's ids.
        title: the figure's title.
        rows: one line for every input.
        colours: implementation -> number of its colour.

    Returns:
        SVG in sentinel colours.
    """
    return render(key, title, 1.5 + 0.42 * len(rows), lambda canvas: _paint(canvas, rows, colours))


def _names(rows: Rows, colours: Mapping[str, int]) -> list[Line2D]:
    """Legend entries of the implementations, in the order of their colours."""
    present = {dot.implementation for _, dots in rows for dot in dots}
    handles = []
    for who in sorted(present, key=lambda one: (colours.get(one, 0) % SERIES_COUNT, colours.get(one, 0))):
        colour, marker = series(colours.get(who, 0))
        handles.append(Line2D([], [], color=colour, marker=marker, markersize=5.5, linestyle="", label=label(who, 24)))
    return handles


def _paint(canvas: Canvas, rows: Rows, colours: Mapping[str, int]) -> None:
    axes: Axes = canvas.subplots()
    for line, (_, dots) in enumerate(rows):
        for dot in reversed(dots):
            colour, marker = series(colours.get(dot.implementation, 0))
            axes.plot([max(dot.fraction, LOWEST)], [line], marker, color=colour, markersize=5.5, linestyle="")
        best = dots[0]
        text = f"{label(best.name, 24)} {100 * best.fraction:.3g} %"
        axes.text(1.01, line, text, transform=axes.get_yaxis_transform(), color=MUTED, verticalalignment="center")
    legend(canvas, [_names(rows, colours)])
    bare(axes)
    fractions = [max(dot.fraction, LOWEST) for _, dots in rows for dot in dots]
    left, right = min([*fractions, 0.1]) / 1.3, max([*fractions, 1.0]) * 1.3
    ticks = [tick for tick in (1e-4, 1e-3, 1e-2, 0.1, 0.25, 0.5, 1.0, 2.0) if left <= tick <= right]
    logarithmic(axes, "x", ticks, [f"{100 * tick:g} %" for tick in ticks])
    axes.set_xlim(left, right)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [label(heading) for heading, _ in rows])
    axes.axvline(1, color=INK, linewidth=1)
    axes.set_xlabel("fraction of the machine's limit, logarithmic; the closest stands at the right", color=MUTED)
