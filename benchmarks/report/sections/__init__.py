"""The sections of the report, in the order of the page: each a function from a view of the run to a section."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.report.document import Section
from benchmarks.report.sections import (
    agreement,
    answer,
    checkpoint,
    claims,
    convergence,
    cross_restore,
    environment,
    glossary,
    resources,
    semantics,
    throughput,
    unmeasured,
)
from benchmarks.report.view import View

SECTIONS: tuple[Callable[[View], Section], ...] = (
    answer.build,
    agreement.build,
    throughput.build,
    resources.build,
    convergence.build,
    checkpoint.build,
    cross_restore.build,
    semantics.build,
    claims.build,
    unmeasured.build,
    environment.build,
    glossary.build,
)
