"""Pictures of what passed through networks' layers, several networks beside each other: document 003's six panels.

They take plain arrays, named as a recording keeps them (:mod:`benchmarks.trainings.recording`), so that they are drawn
from a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from benchmarks.report.figures.canvas import INK, bare, legend, logarithmic, series

Array = NDArray[np.float64]
Recordings = Mapping[str, Mapping[str, Array]]
"""Network -> its arrays by name."""
MOST_RIDGES = 16
POINTS = 60  # of one ridge
OVERLAP = 2.5  # a ridge's height in distances between ridges
BANDWIDTH = 6400**-0.2
"""Scott's, in standard deviations, for as many values as 100 units have for the document's 64 images."""
MOST_POINTS = 140  # of a line: as many as its panel has points of width
PAPERS_PERCENTILES = (15, 50, 85)
"""Those of Ioffe and Szegedy's figure 1."""


def paint_distributions(canvas: Canvas, recordings: Recordings, rows: Mapping[str, str]) -> None:
    """Draw how distributions move over training as ridgelines, the first step on top and in ink.

    Args:
        canvas: receives a row of panels for each distribution and a column for each network.
        recordings: each with ``steps``, (k,), and the arrays that ``rows`` names.
        rows: title -> array of percentiles 0 to 100 at each look, (k, 101), such as ``activation_0/z``; the panels of
            a row have one scale.
    """
    grid = canvas.subplots(len(rows), len(recordings), sharex="row", squeeze=False)
    for line, (title, key) in zip(grid, rows.items(), strict=True):
        points = _points([arrays[key] for arrays in recordings.values()])
        for axes, arrays in zip(line, recordings.values(), strict=True):
            _ridges(axes, arrays["steps"], arrays[key], points)
        line[0].set_ylabel(title)
    _name_columns(grid[0], recordings)


def paint_course(canvas: Canvas, recordings: Recordings, layers: Mapping[str, str], kernels: Mapping[str, str]) -> None:
    """Draw loss, percentiles of one unit, saturated shares and gradient norms over training.

    Args:
        canvas: receives these four rows of panels and a column for each network; a row has one scale.
        recordings: each with every array of a recording.
        layers: activation -> what the legend says; of the first, a unit's percentiles are drawn.
        kernels: kernel, such as ``dense_0/kernel`` -> what the legend says.
    """
    grid = canvas.subplots(4, len(recordings), sharex=True, sharey="row", squeeze=False)
    for column, arrays in zip(grid.T, recordings.values(), strict=True):
        steps = arrays["steps"]
        _line(column[0], np.arange(1.0, 1 + len(arrays["losses"]), dtype=np.float64), arrays["losses"], 0)
        _percentiles(column[1], steps, arrays[f"{next(iter(layers))}/unit"])
        for number, name in enumerate(layers):
            _line(column[2], steps, 100 * arrays[f"{name}/saturated"], number)
        for number, name in enumerate(kernels):
            _line(column[3], steps, _positive(arrays[f"{name}/gradient_norm"]), number)
        column[3].set_xlabel("training step")
    ticks = [base * 10.0**power for power in range(-6, 4) for base in (1, 2, 5)]
    for axes in grid[3]:
        logarithmic(axes, "y", ticks, [f"{tick:g}" for tick in ticks])
    titles = ("loss", f"z of a unit, {_enumerated(PAPERS_PERCENTILES)} %", "saturated, %", "gradient norm")
    for axes, title in zip(grid[:, 0], titles, strict=True):
        axes.set_ylabel(title)
    for axes in grid.flat:
        bare(axes)
    _name_columns(grid[0], recordings)
    named = [*dict.fromkeys([*layers.values(), *kernels.values()])]
    legend(canvas, [[Line2D([], [], label=name, **_style(number)) for number, name in enumerate(named)]])


def density(percentiles: Array, points: Array) -> Array:
    """The density of a distribution given by its percentiles 0 to 100, scaled to a maximum of 1.

    Equally spaced percentiles are a sample that stands for the distribution, for its kernel density estimate. What
    is one value, or not finite, has a density of 0 everywhere.
    """
    if not np.isfinite(percentiles).all() or np.ptp(percentiles) == 0:
        return np.zeros_like(points)
    try:
        found = scipy.stats.gaussian_kde(percentiles, BANDWIDTH)(points)
    except np.linalg.LinAlgError:  # all but one value
        return np.zeros_like(points)
    highest = found.max()
    return np.asarray(found / highest) if highest > 0 else np.zeros_like(points)


def _points(panels: list[Array]) -> Array:
    """Where the densities of a row are drawn: over nearly all values of all its panels."""
    every = np.concatenate([percentiles.ravel() for percentiles in panels])
    finite = every[np.isfinite(every)]
    low, high = np.percentile(finite, (0.5, 99.5)) if len(finite) else (0.0, 1.0)
    margin = 0.1 * (high - low) or 1.0
    return np.linspace(low - margin, high + margin, POINTS)


def _ridges(axes: Axes, steps: Array, percentiles: Array, points: Array) -> None:
    chosen = np.unique(np.linspace(0, len(steps) - 1, min(MOST_RIDGES, len(steps))).astype(int))
    closed = [points[0], *points, points[-1]]
    for place, look in enumerate(chosen):
        base = -float(place)
        outline = [base, *(base + OVERLAP * density(percentiles[look], points)), base]
        colour = series(0)[0] if place else INK
        axes.fill(closed, outline, facecolor=to_rgba(colour, 0.15), edgecolor=colour, linewidth=0.7, zorder=place)
    shown = sorted({0, len(chosen) // 2, len(chosen) - 1})
    axes.set_yticks([-float(place) for place in shown], [f"{int(steps[chosen[place]]):,}" for place in shown])
    bare(axes)


def _percentiles(axes: Axes, steps: Array, found: Array) -> None:
    """A band between the outer ones, the middle one thicker."""
    colour, _ = series(0)
    kept = _thinned(len(steps))
    low, *_, high = PAPERS_PERCENTILES
    axes.fill_between(steps[kept], found[kept, low], found[kept, high], color=colour, alpha=0.15, linewidth=0)
    for level in PAPERS_PERCENTILES:
        axes.plot(steps[kept], found[kept, level], color=colour, linewidth=1.6 if level == 50 else 0.7)


def _line(axes: Axes, x: Array, values: Array, number: int) -> None:
    kept = _thinned(len(x))
    axes.plot(x[kept], values[kept], markevery=max(1, len(kept) // 6), **_style(number))


def _style(number: int) -> dict[str, Any]:
    colour, marker = series(number)
    return {"color": colour, "marker": marker, "markersize": 3, "linewidth": 0.9}


def _thinned(count: int) -> Array:
    """Places of at most :data:`MOST_POINTS`, with the first and the last."""
    return np.unique(np.linspace(0, count - 1, min(MOST_POINTS, count)).astype(int))


def _positive(values: Array) -> Array:
    """What a logarithmic scale can show."""
    return np.where(values > 0, values, np.nan)


def _name_columns(line: Any, recordings: Recordings) -> None:
    for axes, name in zip(line, recordings, strict=True):
        axes.set_title(name, color=INK)


def _enumerated(levels: tuple[int, ...]) -> str:
    return ", ".join(map(str, levels))
