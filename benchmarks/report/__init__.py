"""The report of a run: records in, one page, one Markdown file and one CSV file out.

>>> from pathlib import Path
>>> from benchmarks.report import draw
>>> draw(Path("reports/my-run")).page  # doctest: +SKIP
PosixPath('reports/my-run/index.html')

It reads the run folder and nothing else, and imports no machine-learning framework. pandas, Matplotlib and
SciPy are imported when something is drawn, not before.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ReportPaths:
    """Where the report of a run stands, and what of the run folder is not in it.

    Attributes:
        page: ``index.html``.
        markdown: ``report.md``.
        table: ``results.csv``.
        figures: one SVG each.
        damage: one sentence for each thing in the folder that could not be read.
    """

    page: Path
    markdown: Path
    table: Path
    figures: tuple[Path, ...]
    damage: tuple[str, ...] = ()


def draw(run_folder: Path) -> ReportPaths:
    """Draw, or draw again, the report of a run.

    Args:
        run_folder: a folder with ``plan.json`` and ``records.jsonl``, as ``docs/records.md`` describes it.

    Returns:
        The files written: ``index.html``, ``report.md``, ``results.csv`` and ``figures/*.svg``. The same
        records give the same bytes.

    Raises:
        BadRunFolder: the folder is no run folder, is of an unknown schema, or cannot be written.
    """
    from benchmarks.report import drawing  # here, because pandas and Matplotlib take a second to import

    return drawing.draw(Path(run_folder))


__all__ = ["ReportPaths", "draw"]
