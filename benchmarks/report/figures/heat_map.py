"""Heat map of ordered pairs: sources down, targets across, a mark in each cell that is not exact."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Rectangle

from benchmarks.report.figures.canvas import ALARM, GRID, INK, MUTED, PAPER, SERIES, bare, label, render

LOWEST, HIGHEST = -8.0, 0.0  # decades of relative difference that shades tell apart
FAINT, FULL = 0.10, 0.85


@dataclass(frozen=True)
class Tile:
    """One cell.

    Attributes:
        share: difference relative to the largest value; 0 for exact, None for not measured.
        mark: what stands in it.
        alarming: whether nothing explains the difference.
    """

    share: float | None
    mark: str
    alarming: bool = False


def draw(key: str, title: str, names: Sequence[str], tiles: Mapping[tuple[str, str], Tile]) -> str:
    """Draw the map.

    Args:
        key: prefix of the figure's ids.
        title: the figure's title.
        names: of the implementations, in order.
        tiles: (source, target) -> cell.

    Returns:
        SVG in sentinel colours.
    """
    side = min(0.62, 5.6 / max(len(names), 1))
    return render(key, title, 1.5 + side * len(names), lambda canvas: _paint(canvas, names, tiles))


def shade(share: float) -> float:
    """Opacity of a relative difference: the more decades, the darker; 0 where it is exact."""
    if not share > 0:
        return 0.0
    place = (math.log10(min(share, 1.0)) - LOWEST) / (HIGHEST - LOWEST)
    return FAINT + (FULL - FAINT) * min(max(place, 0.0), 1.0)


def _paint(canvas: Canvas, names: Sequence[str], tiles: Mapping[tuple[str, str], Tile]) -> None:
    axes: Axes = canvas.subplots()
    for row, source in enumerate(names):
        for column, target in enumerate(names):
            if (tile := tiles.get((source, target))) is not None:
                _draw_tile(axes, column, row, tile)
    bare(axes)
    axes.spines["bottom"].set_visible(False)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), [label(name, 22) for name in names])
    axes.set_xticks(
        range(len(names)), [label(name, 22) for name in names], rotation=40, ha="left", rotation_mode="anchor"
    )
    axes.xaxis.tick_top()
    axes.tick_params(labelcolor=INK)
    axes.grid(visible=False)
    axes.set_ylabel("trained by", color=MUTED)
    axes.set_xlabel("taken up by, above", color=MUTED)


def _draw_tile(axes: Axes, column: int, row: int, tile: Tile) -> None:
    opacity = 0.0 if tile.share is None else shade(tile.share)
    colour = ALARM if tile.alarming else SERIES[0]
    box = (column - 0.47, row - 0.47), 0.94, 0.94
    axes.add_patch(Rectangle(*box, facecolor=colour, alpha=opacity, linewidth=0))
    axes.add_patch(Rectangle(*box, facecolor="none", edgecolor=ALARM if tile.alarming else GRID, linewidth=0.6))
    ink = MUTED if tile.share is None else PAPER if opacity > 0.5 else INK
    axes.text(column, row, tile.mark, ha="center", va="center", color=ink, fontsize=8)
