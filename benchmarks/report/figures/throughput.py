"""Forest plot: step times relative to the baseline, with intervals, group by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from benchmarks.report.figures.canvas import INK, MUTED, PAPER, bare, label, logarithmic, render, series
from benchmarks.report.wording import TIMES, ratio
from benchmarks.verdicts.judging import Verdict

MOST_ROWS = 42


@dataclass(frozen=True)
class Row:
    """One line of the plot; the baseline's ratio is exactly 1."""

    name: str
    implementation: str
    verdict: Verdict
    is_baseline: bool


Groups = Sequence[tuple[str, Sequence[Row]]]  # heading and rows


def fitting(groups: Groups, most: int = MOST_ROWS) -> Groups:
    """As many whole groups as fit, at least one; a group that is too long by itself is cut."""
    taken: list[tuple[str, Sequence[Row]]] = []
    rows = 0
    for heading, members in groups:
        if taken and rows + len(members) + 1 > most:
            break
        taken.append((heading, members[:most]))
        rows += len(members) + 1
    return taken


def draw(key: str, title: str, groups: Groups, baseline: str, colours: Mapping[str, int]) -> str:
    """Draw the plot.

    Args:
        key: prefix of the figure's ids.
        title: the figure's title.
        groups: headings and rows, already cut to what fits.
        baseline: what the ratios are against.
        colours: implementation -> number of its colour.

    Returns:
        SVG in sentinel colours.
    """
    lines = sum(len(rows) + 1 for _, rows in groups)
    return render(key, title, 0.75 + 0.2 * lines, lambda canvas: _paint(canvas, groups, baseline, colours))


def _paint(canvas: Canvas, groups: Groups, baseline: str, colours: Mapping[str, int]) -> None:
    axes = canvas.subplots()
    left, right = _limits(groups)
    line = 0
    names: list[tuple[int, str]] = []
    for heading, rows in groups:
        axes.text(-0.005, line, label(heading, 60), transform=axes.get_yaxis_transform(), fontweight="bold",
                  horizontalalignment="right", verticalalignment="center", color=INK)  # fmt: skip
        for row in rows:
            line += 1
            names.append((line, label(row.name)))
            _draw_row(axes, line, row, (left, right), colours)
        line += 1
    bare(axes)
    ticks = _ticks(left, right)
    logarithmic(axes, "x", ticks, [f"{tick:g}{TIMES}" for tick in ticks])
    axes.set_xlim(left, right)
    axes.set_ylim(line - 0.4, -0.6)
    axes.set_yticks([place for place, _ in names], [text for _, text in names])
    axes.grid(axis="y", visible=False)
    axes.axvline(1, color=INK, linewidth=1)
    axes.set_xlabel(f"← faster · step time relative to {label(baseline)}, logarithmic · slower →", color=MUTED)


def _draw_row(axes: Axes, line: int, row: Row, limits: tuple[float, float], colours: Mapping[str, int]) -> None:
    colour, marker = series(colours.get(row.implementation, 0))
    found = row.verdict
    text = "baseline" if row.is_baseline else f"{ratio(found.ratio)}{TIMES}"
    if found.low is not None and found.high is not None and not row.is_baseline:
        low, high = max(found.low, limits[0]), min(found.high, limits[1])
        axes.plot([low, high], [line, line], color=colour, linewidth=1.6, solid_capstyle="butt")
        for end, whole, arrow in ((low, found.low, "<"), (high, found.high, ">")):
            axes.plot(
                [end],
                [line],
                marker="|" if end == whole else arrow,
                color=colour,
                markersize=5,
                clip_on=False,
            )
        text += f"  ({ratio(found.low)} to {ratio(found.high)})"
    face = PAPER if row.is_baseline else colour
    axes.plot([found.ratio], [line], marker, color=colour, markerfacecolor=face, markersize=5.5, zorder=3)
    axes.text(1.01, line, text, transform=axes.get_yaxis_transform(), color=MUTED, verticalalignment="center")


def _limits(groups: Groups) -> tuple[float, float]:
    """The range of the ratios with some room; an interval that leaves it ends in an arrow."""
    ratios = [row.verdict.ratio for _, rows in groups for row in rows]
    ends = [end for _, rows in groups for row in rows for end in (row.verdict.low, row.verdict.high) if end]
    low, high = min([*ratios, 1.0]), max([*ratios, 1.0])
    within = [end for end in ends if low / 2 <= end <= high * 2]
    return min([low, *within]) / 1.12, max([high, *within]) * 1.12


def _ticks(left: float, right: float) -> list[float]:
    """Round ratios within the range: 1-2-5 steps, finer where the range is small."""
    if right / left < 3:
        steps: Sequence[float] = (0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.4, 1.6, 1.8, 2, 2.5)
    elif right / left < 200:
        steps = [base * 10**power for power in range(-3, 5) for base in (1, 2, 5)]
    else:
        steps = [10.0**power for power in range(-12, 13)]
    return [step for step in steps if left <= step <= right] or [1.0]
