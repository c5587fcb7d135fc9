"""Where the wall time of the run went, and how much of it the harness itself took."""

from __future__ import annotations

from benchmarks.report.document import Block, Cell, Column, Heading, Paragraph, Rich, Span, say
from benchmarks.report.run import as_number
from benchmarks.report.tables import seconds_cell, table
from benchmarks.report.view import View
from benchmarks.report.wording import percent, significant

ACCOUNTS = {
    "measured_s": "Measured work: timed samples, training, comparing, probing",
    "imports_s": "Starting processes and importing frameworks",
    "building_s": "Building, tracing, compiling, warming up, verifying labels",
    "overhead_s": "Overhead: scheduling, waiting, collecting garbage, reading and writing",
}
ALLOWED = 0.15  # of a default run's wall time, imports aside


def where_time_went(view: View) -> list[Block]:
    """The blocks; none if the run kept no ledger, or its figures cannot be."""
    found = {name: as_number(view.run.ledger.get(name)) for name in ("wall_s", *ACCOUNTS)}
    seconds = {name: value for name, value in found.items() if value is not None and 0 <= value < float("inf")}
    if len(seconds) < len(found) or not seconds["wall_s"] > seconds["imports_s"]:
        return []
    wall = seconds["wall_s"]
    rows = [
        (Cell(title, title.lower()), seconds_cell(seconds[name]), Cell(percent(seconds[name] / wall, 1), seconds[name]))
        for name, title in ACCOUNTS.items()
    ]
    columns = [Column("Spent on", long=True), Column("Wall time", True), Column("Share", True)]
    return [
        Heading("Where the time went", "environment-ledger"),
        Paragraph(_sentence(seconds)),
        table("ledger-table", "Wall time of the run", columns, rows, _note()),
    ]


def _sentence(seconds: dict[str, float]) -> Rich:
    besides = seconds["wall_s"] - seconds["imports_s"]
    share = seconds["overhead_s"] / besides
    return say(
        "Overhead outside of measured work and building was {share} of {minutes} min, imports aside; a default run is "
        "to stay below {allowed}.",
        share=Span(percent(share, 1), "warn" if share > ALLOWED else "good"),
        minutes=significant(besides / 60, 2),
        allowed=percent(ALLOWED, 0),
    )


def _note() -> Rich:
    return say(
        "While several processes work side by side, a second of one of them counts as so much less of wall time; a "
        "core that waits for the last of them is overhead. Drawing this report is not in it: ledger.json tells that."
    )
