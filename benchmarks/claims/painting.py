"""What the claims' pictures share; they are drawn in the style of the report's figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from benchmarks.claims.judging import Difference
from benchmarks.claims.results import Array
from benchmarks.report.figures.canvas import INK, MUTED, bare, label, legend, logarithmic, series

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


def four_curves(canvas: Canvas, panels: Mapping[str, Sequence[Band]], x: str) -> None:
    """Four panels, two by two, with one legend: title -> its bands."""
    axes = canvas.subplots(2, 2, sharex=True)
    _fill(canvas, list(axes.flat), panels)
    for lower in axes[1]:
        lower.set_xlabel(x)


def panels_of_bands(canvas: Canvas, panels: Mapping[str, Sequence[Band]], x: str, y: str = "") -> None:
    """Panels side by side on one scale, with one legend: title -> its bands."""
    axes = canvas.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    _fill(canvas, list(axes), panels)
    for one in axes:
        one.set_xlabel(x)
    axes[0].set_ylabel(y)


def _fill(canvas: Canvas, axes: Sequence[Axes], panels: Mapping[str, Sequence[Band]]) -> None:
    for one, (title, bands) in zip(axes, panels.items(), strict=True):
        draw_bands(one, bands)
        panel(one, title)
    name_bands(canvas, [band for bands in panels.values() for band in bands])


def draw_histograms(canvas: Canvas, groups: Mapping[str, Array], x: str, mark: float) -> None:
    """Histograms of positive values on a logarithmic scale, one colour and dash a group, and a line at ``mark``."""
    axes = canvas.subplots()
    found = {name: values[np.isfinite(values) & (values > 0)] for name, values in groups.items()}
    every = np.concatenate([*found.values(), [mark]])
    edges = np.geomspace(every.min() / 1.05, every.max() * 1.05, 41)
    for place, values in enumerate(found.values()):
        axes.stairs(np.histogram(values, edges)[0], edges, color=series(place)[0], linestyle=DASHES[place])
    axes.axvline(mark, color=MUTED, linewidth=0.8)
    ticks = [base * 10.0**power for power in range(-6, 7) for base in (1, 2, 5)]
    shown = [tick for tick in ticks if edges[0] <= tick <= edges[-1]]
    logarithmic(axes, "x", shown, [f"{tick:g}" for tick in shown])
    axes.set_xlabel(x)
    axes.set_ylabel("units")
    bare(axes)
    name_bands(canvas, [Band(name, edges, edges, place, place) for place, name in enumerate(groups)])


def draw_differences(canvas: Canvas, found: Mapping[str, Difference], factor: float, x: str) -> None:
    """One row a condition: the mean difference with its interval, and a line at 0."""
    axes = canvas.subplots()
    colour, marker = series(0)
    for place, difference in enumerate(found.values()):
        ends = [factor * end for end in (difference.low, difference.high) if np.isfinite(end)]
        axes.plot(ends, [place] * len(ends), color=colour)
        axes.plot([factor * difference.mean], [place], marker, color=colour, markersize=5)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.set_yticks(range(len(found)), [label(name) for name in found])
    axes.invert_yaxis()
    axes.set_xlabel(x)
    bare(axes)
