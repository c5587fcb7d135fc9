"""The page: one HTML file that opens from disk and asks nobody for anything.

Everything is escaped by Jinja; what is trusted is this package's own style sheet, script and figures. The
content security policy allows no request at all, inline styles, and exactly the one script, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from benchmarks.report.document import Figure, Report
from benchmarks.report.figures.canvas import for_page
from benchmarks.report.wording import visible

TEMPLATES = "templates"
UNIT = re.compile(r"(\d) (?=(?:%|ns|µs|ms|s|B|KiB|MiB|ulp)(?!\w))")


def write_page(report: Report) -> str:
    """The report as one HTML page."""
    script = _read("script.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template("index.html")
        .render(
            report=report,
            style=Markup(_read("style.css")),
            script=Markup(script),
            policy="default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
            f"form-action 'none'; script-src 'sha256-{digest}'",
        )
    )


@cache
def _read(name: str) -> str:
    return files("benchmarks.report").joinpath(TEMPLATES, name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("benchmarks.report", TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters["svg"] = _svg
    environment.filters["sortable"] = _sortable
    environment.tests["block"] = lambda block, kind: type(block).__name__ == kind
    return environment


def _finalize(value: object) -> object:
    """Write out control characters of what is not markup already, and keep numbers beside their units."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return UNIT.sub("\\1\u00a0", visible(value))


def _svg(figure: Figure) -> Markup:
    # the SVG comes from Matplotlib, which escapes the text in it
    return Markup(for_page(figure.svg))


def _sortable(value: float | str | None) -> str:
    """What a cell sorts by: a number as JavaScript reads it; empty sorts last."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value[:80]
    if math.isnan(value):
        return ""
    return f"{value:.6g}" if math.isfinite(value) else f"{'-' if value < 0 else ''}Infinity"
