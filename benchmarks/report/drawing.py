"""Writing the report of a run: compose the document once, render it three times, replace the old files."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from benchmarks.report import ReportPaths
from benchmarks.report.document import Report, name, say
from benchmarks.report.figures.canvas import for_file
from benchmarks.report.markdown import write_markdown
from benchmarks.report.page import write_page
from benchmarks.report.reading import read_run
from benchmarks.report.results_csv import write_csv
from benchmarks.report.scope import present, title_of
from benchmarks.report.sections import SECTIONS
from benchmarks.report.view import View, look
from benchmarks.report.wording import MISSING, count, listing, visible
from bn_impls.errors import BadRunFolder

MOST_NAMES = 24  # in the line below the title


def draw(folder: Path) -> ReportPaths:
    """Draw the report; see :func:`benchmarks.report.draw`."""
    view = look(read_run(folder))
    report = compose(view)
    paths = ReportPaths(
        folder / "index.html",
        folder / "report.md",
        folder / "results.csv",
        tuple(folder / "figures" / f"{figure.key}.svg" for figure in report.figures),
        (*view.run.damage, *view.drift.damage),
    )
    texts = {
        paths.page: write_page(report),
        paths.markdown: write_markdown(report),
        paths.table: write_csv(view),
    }
    texts |= {path: for_file(figure.svg) for path, figure in zip(paths.figures, report.figures, strict=True)}
    _write(folder, texts)
    return paths


def compose(view: View) -> Report:
    """The whole report as a document."""
    run, environment = view.run, view.run.environment
    cores = environment.get("cores")
    machine = visible(str(environment.get("cpu_model") or MISSING))
    if isinstance(cores, int):
        machine += f", {count(cores, 'core')}"
    facts = (
        ("Run", run.plan.run or MISSING),
        ("Date", _date(run.plan.created)),
        ("Machine", machine),
        ("Records", f"{len(run.records):,}"),
        ("Rounds", _rounds(view)),
        ("Size", str(run.plan.settings.get("size") or ("quick" if view.is_quick() else MISSING))),
    )
    subtitle = say(
        "{number}: {names}.",
        number=count(len(view.implementations), "implementation"),
        names=name(listing([visible(who) for who in view.implementations], MOST_NAMES)),
    )
    sections, title = present([build(view) for build in SECTIONS]), title_of(view)
    return Report(f"{title} bn-bench, {run.plan.run}", title, subtitle, facts, sections)


def _rounds(view: View) -> str:
    """How many fresh processes speeds rest on: ``5``, or ``5 to 8`` where some cases had more than others."""
    fewest, most = view.fewest_rounds, view.rounds
    if not most:
        return "none timed"
    return str(most) if fewest == most else f"{fewest} to {most}"


def _date(created: str) -> str:
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return created or MISSING
    return f"{moment.day} {moment:%B %Y, %H:%M}"


def _write(folder: Path, texts: dict[Path, str]) -> None:
    """Write every file beside its place first, so that a failure leaves the old report whole."""
    drafts: list[tuple[Path, Path]] = []
    try:
        (folder / "figures").mkdir(exist_ok=True)
        for path, text in texts.items():
            draft = path.with_name(f".{path.name}.draft")
            drafts.append((draft, path))
            draft.write_text(text, encoding="utf-8", newline="\n")
        for draft, path in drafts:
            os.replace(draft, path)
        for old in (folder / "figures").glob("*.svg"):  # of a report drawn from fewer records
            if old not in texts:
                old.unlink()
    except OSError as error:
        for draft, _ in drafts:
            draft.unlink(missing_ok=True)
        raise BadRunFolder(
            f"{folder} cannot be written: {error.strerror or error}. Free some space or change its "
            f"permissions, then draw again with `bn-bench report {folder}`."
        ) from error
