"""What all figures share: size, type, colours that follow the page, and clean, deterministic SVG.

Figures are drawn in *sentinel* colours that stand for roles. ``for_page`` turns them into CSS variables, so
that one SVG serves the light and the dark page; ``for_file`` into the colours of the light page on a white
ground. Colours differ in lightness and are never alone: each implementation has its own marker, each kind of
curve its own dash.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Sequence
from html import escape

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from benchmarks.report.wording import power_of_ten, shorten, visible

WIDTH = 7.4  # inches
FONT_SIZE = 8.0
POINTS = 72  # in an inch
MOST_COLUMNS = 4  # of a legend
ENTRY_POINTS, LETTER_POINTS = 44.0, 4.9  # what an entry of a legend and each of its letters take, at that size
FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
INK, MUTED, GRID, PAPER, ALARM = "#b10001", "#b10002", "#b10003", "#b10004", "#b10005"
SERIES_COUNT = 8
SERIES = tuple(f"#a0{index:02x}a1" for index in range(SERIES_COUNT))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
# The light page's colours, for a figure that stands alone; style.css holds the same ones beside the dark page's.
LIGHT = {
    INK: "#1c2024",
    MUTED: "#5b6470",
    GRID: "#d8dce2",
    PAPER: "#ffffff",
    ALARM: "#b3261e",
    **dict(
        zip(
            SERIES,
            ("#0b62a8", "#b8480a", "#00745a", "#9b3f86", "#7a5c00", "#3f4a9e", "#a3324b", "#4d5a66"),
            strict=True,
        )
    ),
}
VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--line", PAPER: "--paper", ALARM: "--bad"} | {
    colour: f"--s{index}" for index, colour in enumerate(SERIES)
}
STYLE = {
    "font.family": ["DejaVu Sans"],  # comes with Matplotlib: the same layout everywhere
    "font.size": FONT_SIZE,
    "text.parse_math": False,  # a name with dollar signs is a name
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": GRID,
    "axes.linewidth": 0.8,
    "axes.titlesize": FONT_SIZE,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "legend.frameon": False,
    "legend.fontsize": FONT_SIZE,
    "lines.linewidth": 1.3,
    "svg.fonttype": "none",
    "svg.hashsalt": "bn-bench",
}


def render(key: str, title: str, height: float, paint: Callable[[Canvas], None]) -> str:
    """Draw a figure.

    Args:
        key: distinguishes the ids of this figure from those of the others on the page.
        title: the title that a screen reader says.
        height: in inches; every figure is as wide as the page.
        paint: draws onto the canvas, in sentinel colours.

    Returns:
        SVG in sentinel colours, the same for the same input.
    """
    buffer = io.StringIO()
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # no glyph here (the reader's font has it), no room for a label
        canvas = Canvas(figsize=(WIDTH, height), layout="constrained")
        paint(canvas)
        canvas.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _clean(buffer.getvalue(), key, title)


def for_page(svg: str) -> str:
    """The figure for inside the page: colours follow the page's."""
    return _recolour(svg, {colour: f"var({name})" for colour, name in VARIABLES.items()})


def for_file(svg: str) -> str:
    """The figure as a file of its own, on a white ground."""
    start = svg.index(">", svg.index("<svg")) + 1
    ground = '<rect width="100%" height="100%" style="fill: #ffffff"/>'
    head = '<?xml version="1.0" encoding="utf-8"?>\n'
    return head + _recolour(svg[:start] + ground + svg[start:], LIGHT) + "\n"


def label(text: str, limit: int = 34) -> str:
    """A user's name, fit for a figure."""
    return shorten(visible(text), limit)


def series(index: int) -> tuple[str, str]:
    """Colour and marker of an implementation; they repeat out of step when there are more than eight."""
    return SERIES[index % SERIES_COUNT], MARKERS[(index + index // SERIES_COUNT) % len(MARKERS)]


def logarithmic(axes: Axes, which: str, ticks: Sequence[float], labels: Sequence[str] | None = None) -> None:
    """Make an axis logarithmic with exactly these ticks, labelled without TeX."""
    if which == "x":
        axes.set_xscale("log")
    else:
        axes.set_yscale("log")
    axis = axes.xaxis if which == "x" else axes.yaxis
    names = dict(zip(ticks, labels or [power_of_ten(tick) for tick in ticks], strict=True))
    axis.set_major_locator(FixedLocator(list(ticks)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: names.get(value, power_of_ten(value))))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def legend(canvas: Canvas, groups: Sequence[Sequence[Line2D]]) -> None:
    """A legend above the axes: every group begins a row, and as many entries stand in a row as the figure is wide."""
    groups = [group for group in groups if group]
    widest = max((len(str(handle.get_label())) for group in groups for handle in group), default=0)
    columns = max(1, min(MOST_COLUMNS, int(WIDTH * POINTS / (ENTRY_POINTS + widest * LETTER_POINTS))))
    rows = [group[start : start + columns] for group in groups for start in range(0, len(group), columns)]
    nothing = Line2D([], [], linestyle="", label=" ")
    full = [[*row, *([nothing] * (columns - len(row)))] for row in rows]
    handles = [row[column] for column in range(columns) for row in full]
    canvas.legend(handles=handles, loc="outside upper left", ncols=columns, handlelength=2.6)


def bare(axes: Axes) -> None:
    """Leave the axes without a frame and without tick marks."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)


def _clean(svg: str, key: str, title: str) -> str:
    svg = svg[svg.index("<svg") :].rstrip()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.S)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', " ".join(re.findall(r"<[^>]+>", svg))))

    def tag(match: re.Match[str]) -> str:
        text = re.sub(r' id="([^"]+)"', lambda m: f' id="{key}-{m[1]}"' if m[1] in used else "", match[0])
        text = re.sub(r'(href="#|url\(#)', rf"\g<1>{key}-", text)
        text = re.sub(r"(\.\d\d)\d+", r"\1", text)  # a hundredth of a point is enough
        return re.sub(r"font: ([^;]*?)(\d[\d.]*)px [^;\"]*", rf"font: \1\2px {FONTS}", text)

    svg = re.sub(r"<[^>]+>", tag, svg)
    svg = re.sub(r">\s*\n\s*<", ">\n<", svg)
    box = re.search(r'viewBox="([^"]+)"', svg)
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{box[1] if box else ""}" role="img" aria-labelledby="{key}-title">'
        f'<title id="{key}-title">{escape(visible(title))}</title>'
    )
    return opening + svg[svg.index(">") + 1 :]


def _recolour(svg: str, colours: dict[str, str]) -> str:
    def tag(match: re.Match[str]) -> str:
        return re.sub(r"#[0-9a-f]{6}", lambda found: colours.get(found[0], found[0]), match[0])

    return re.sub(r"<[^>]+>", tag, svg)
