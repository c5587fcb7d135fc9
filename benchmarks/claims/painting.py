"""What the claims' pictures share; they are drawn in the style of the report's figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from benchmarks.claims.results import Array
from benchmarks.report.figures.canvas import INK, bare, label, legend, logarithmic, series

DASHES: tuple[Any, ...] = ("-", (0, (4, 1.6)), (0, (1, 1.4)), (0, (5, 1.5, 1, 1.5)))


@dataclass(frozen=True)
class Band:
    """A curve over several seeds.

    Attributes:
        name: what the legend says.
        x: (n,).
        values: (seeds, n); the line is their median, the band reaches from the smallest to the largest.
        series: number of its colour.
        dash: number of its dash.
    """

    name: str
    x: Array
    values: Array
    series: int = 0
    dash: int = 0


def draw_bands(axes: Axes, bands: Sequence[Band]) -> None:
    """Draw medians with the range over seeds; what is not finite is left out."""
    for band in bands:
        colour, _ = series(band.series)
        values = np.where(np.isfinite(band.values), band.values, np.nan)
        axes.plot(band.x, np.nanmedian(values, axis=0), color=colour, linestyle=DASHES[band.dash])
        if len(values) > 1:
            low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
            axes.fill_between(band.x, low, high, color=colour, alpha=0.16, linewidth=0)
    bare(axes)


def name_bands(canvas: Canvas, bands: Sequence[Band], in_a_row: int = 4) -> None:
    """A legend above the axes."""
    handles = [
        Line2D([], [], color=series(band.series)[0], linestyle=DASHES[band.dash], label=label(band.name))
        for band in {band.name: band for band in bands}.values()
    ]
    legend(canvas, [handles[place : place + in_a_row] for place in range(0, len(handles), in_a_row)])


def panel(axes: Axes, title: str, x: str = "", y: str = "") -> None:
    """Title and labels of one part of a figure."""
    axes.set_title(title, color=INK)
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def powers(axes: Axes, which: str, low: float, high: float, step: int = 1) -> None:
    """A logarithmic axis with ticks at powers of ten."""
    ends = np.floor(np.log10(low)), np.ceil(np.log10(high))
    logarithmic(axes, which, [10.0**power for power in range(int(ends[0]), int(ends[1]) + 1, step)])


def four_curves(canvas: Canvas, panels: Mapping[str, Sequence[Band]], x: str) -> None:
    """Four panels, two by two, with one legend: title -> its bands."""
    drawn: list[Band] = []
    for axes, (title, bands) in zip(canvas.subplots(2, 2, sharex=True).flat, panels.items(), strict=True):
        draw_bands(axes, bands)
        panel(axes, title)
        drawn += bands
    for axes in canvas.axes[2:]:
        axes.set_xlabel(x)
    name_bands(canvas, drawn)
