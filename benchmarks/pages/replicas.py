"""The table of ``docs/sweeps.md`` on training across replicas, from a published run."""

from __future__ import annotations

from pathlib import Path

from benchmarks.harness.workers import CHECKOUT
from benchmarks.report.document import Heading
from benchmarks.report.markdown import block_lines
from benchmarks.report.reading import read_run
from benchmarks.report.sections.replicas import replicas
from benchmarks.report.view import look

PAGE, PUBLISHED = CHECKOUT / "docs" / "sweeps.md", CHECKOUT / "reports" / "replicas"
NOTHING = "No run is published yet: the command above with `--output reports/replicas` makes one."


def measured(run: Path = PUBLISHED) -> str:
    """What the report of a run says of layers on two replicas."""
    if not run.exists():
        return NOTHING
    blocks = [block for block in replicas(look(read_run(run))) if not isinstance(block, Heading)]
    return "\n\n".join("\n".join(block_lines(block)) for block in blocks)


BLOCKS = {"replicas": measured}
