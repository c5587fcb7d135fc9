"""The kill matrix: every mutant, the checks that find it, and the mistake that the kit names.

``python -m tests.conformance.matrix`` writes ``docs/kill-matrix.md``; a test holds the page to what a run gives.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from bn_impls.conformance.kit import CHECKS, outcome
from bn_impls.conformance.model import Result
from bn_impls.conformance.runner import Report
from bn_impls.conformance.subject import Subject
from bn_impls.conformance.wording import headline
from bn_impls.registry import describe, load
from tests.conformance.mutants.catalogue import MUTANTS, Mutant

PAGE = Path(__file__).resolve().parents[2] / "docs" / "kill-matrix.md"


@dataclass(frozen=True)
class Row:
    """What the kit says of one mutant."""

    mutant: Mutant
    failed: tuple[Result, ...]
    named: str
    message: str

    @property
    def right(self) -> bool:
        """Whether the kit names the mistake that was planted."""
        return self.named == self.mutant.cause


def results_of(specification: str, dtype: str = "") -> list[Result]:
    """Every check on an implementation, in this process; in the most exact dtype, or in another one."""
    with tempfile.TemporaryDirectory() as folder:
        subject = Subject(implementation=load(describe(specification)), scratch=Path(folder)).settled()
        subject = replace(subject, dtype=dtype or subject.dtype)
        return [outcome(check, subject) for check in CHECKS]


def row_of(mutant: Mutant, dtype: str = "") -> Row:
    """Run the kit on a mutant."""
    report = Report(mutant.specification, tuple(results_of(mutant.specification, dtype)))
    first = headline(report)
    wrong = tuple(result for result in report.results if result.status == "failed")
    return Row(mutant, wrong, "" if first is None else first.cause, "" if first is None else first.message)


def page(rows: list[Row]) -> str:
    """The matrix as Markdown. No number of a message is shown: their last digits depend on the processor."""
    killed, right = sum(bool(row.failed) for row in rows), sum(row.right for row in rows)
    lines = [
        "# Kill matrix",
        "",
        "The conformance kit (`bn-bench check`) is tested by mutants: batch norms that are right but for one planted "
        "mistake. Each was written as code with the mistake in it, not derived from the hypotheses that the kit "
        "compares with. A mutant that survives fails the tests.",
        "",
        f"{len(rows)} mutants, {killed} killed, {right} with the right cause named first.",
        "",
        "`python -m tests.conformance.matrix` writes this page; a test holds it to what a run gives.",
        "",
        "| mutant | its mistake | cause named | checks that fail | the first of them |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row.mutant.name} | {row.mutant.mistake} | {row.named}{'' if row.right else ' (wrong)'} "
        f"| {len(row.failed)} of {len(CHECKS)} | {row.failed[0].name if row.failed else 'none'} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page([row_of(mutant) for mutant in MUTANTS]))
