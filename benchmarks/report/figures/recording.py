"""Pictures of what passed through a network's layers: document 003's ridgelines, and one unit's percentiles.

They take plain arrays, as a recording keeps them, so that a report draws them from a file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from scipy.stats import gaussian_kde

from benchmarks.report.figures.canvas import INK, MUTED, SERIES, bare, legend, render, series

Array = NDArray[np.float64]
MOST_RIDGES = 24
POINTS = 120  # of one ridge
OVERLAP = 2.5  # a ridge's height in distances between ridges
PAPERS_PERCENTILES = (15, 50, 85)
"""Those of Ioffe and Szegedy's figure 1."""


def draw_ridgelines(key: str, title: str, steps: Array, panels: Mapping[str, Array]) -> str:
    """Draw how distributions move over training, the first step on top.

    Args:
        key: prefix of the figure's ids.
        title: the figure's title.
        steps: updates before each look, (k,).
        panels: title -> percentiles 0 to 100 of each look, (k, 101), such as z and a of each layer.

    Returns:
        SVG in sentinel colours.
    """
    rows = -(-len(panels) // 2)

    def paint(canvas: Canvas) -> None:
        axes = canvas.subplots(rows, min(2, len(panels)), squeeze=False).ravel()
        for place, (name, percentiles) in zip(axes, panels.items(), strict=False):
            _ridges(place, name, steps, percentiles)
        for empty in axes[len(panels) :]:
            empty.set_visible(False)

    return render(key, title, 2.6 * rows, paint)


def density(percentiles: Array, points: Array) -> Array:
    """The density of a distribution given by its percentiles 0 to 100, scaled to a maximum of 1.

    Equally spaced percentiles are a sample that stands for the distribution; its kernel density estimate has Scott's
    bandwidth. What is one value, or not finite, has a density of 0 everywhere.
    """
    if not np.isfinite(percentiles).all() or np.ptp(percentiles) == 0:
        return np.zeros_like(points)
    try:
        found = gaussian_kde(percentiles)(points)
    except np.linalg.LinAlgError:  # all but one value
        return np.zeros_like(points)
    return np.asarray(found / found.max())


def _ridges(axes: Axes, title: str, steps: Array, percentiles: Array) -> None:
    chosen = np.unique(np.linspace(0, len(steps) - 1, min(MOST_RIDGES, len(steps))).astype(int))
    finite = percentiles[np.isfinite(percentiles)]
    low, high = (np.percentile(finite, 1), np.percentile(finite, 99)) if len(finite) else (0.0, 1.0)
    margin = 0.1 * (high - low) or 1.0
    points = np.linspace(low - margin, high + margin, POINTS)
    for place, look in enumerate(chosen):
        base = -float(place)
        line = base + OVERLAP * density(percentiles[look], points)
        axes.fill_between(points, base, line, color=SERIES[0], alpha=0.15, linewidth=0, zorder=place)
        axes.plot(points, line, color=SERIES[0] if place else INK, linewidth=0.8, zorder=place)
    shown = sorted({0, len(chosen) // 2, len(chosen) - 1})
    axes.set_yticks([-float(place) for place in shown], [f"{int(steps[chosen[place]]):,}" for place in shown])
    axes.set_title(title, color=INK)
    axes.set_ylabel("step")
    bare(axes)


def draw_unit(
    key: str, title: str, steps: Array, trainings: Mapping[str, Array], percentiles: Sequence[int] = PAPERS_PERCENTILES
) -> str:
    """Draw percentiles of one unit's input over training, as Ioffe and Szegedy's figure 1 does.

    Args:
        key: prefix of the figure's ids.
        title: the figure's title.
        steps: updates before each look, (k,).
        trainings: name -> percentiles 0 to 100 of each look, (k, 101); one panel each, on one scale.
        percentiles: which are drawn; the middle one is thicker.

    Returns:
        SVG in sentinel colours.
    """

    def paint(canvas: Canvas) -> None:
        panels = canvas.subplots(1, len(trainings), sharey=True, squeeze=False)[0]
        for axes, (name, found) in zip(panels, trainings.items(), strict=True):
            axes.fill_between(
                steps, found[:, percentiles[0]], found[:, percentiles[-1]], color=SERIES[0], alpha=0.15, linewidth=0
            )
            for level in percentiles:
                axes.plot(steps, found[:, level], color=SERIES[0], linewidth=1.6 if level == 50 else 0.8)
            axes.set_title(name, color=INK)
            axes.set_xlabel("training step")
            bare(axes)
        panels[0].set_ylabel(f"percentiles {', '.join(map(str, percentiles))}")

    return render(key, title, 2.6, paint)


def draw_shares(key: str, title: str, steps: Array, curves: Mapping[str, Array], *, logarithmic: bool = False) -> str:
    """Draw one quantity of several layers over training: saturated or dead shares, or gradient norms.

    Args:
        key: prefix of the figure's ids.
        title: the figure's title.
        steps: updates before each look, (k,).
        curves: layer -> values, (k,).
        logarithmic: of norms, which span decades; values of 0 are left out then.

    Returns:
        SVG in sentinel colours.
    """

    def paint(canvas: Canvas) -> None:
        axes: Any = canvas.subplots()
        handles = []
        for number, (name, values) in enumerate(curves.items()):
            colour, marker = series(number)
            shown = np.where(values > 0, values, np.nan) if logarithmic else values
            style: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 3, "linewidth": 1}
            axes.plot(steps, shown, markevery=max(1, len(steps) // 10), **style)
            handles.append(Line2D([], [], label=name, **style))
        if logarithmic:
            axes.set_yscale("log")
        axes.set_xlabel("training step")
        axes.grid(color=MUTED, alpha=0.2)
        bare(axes)
        legend(canvas, [handles])

    return render(key, title, 2.6, paint)
