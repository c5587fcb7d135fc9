"""Black-box questions about an implementation, as the semantics matrix asks them: which statistics, which start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.axes.outcome import Outcome, Surroundings
from benchmarks.claims.experiments.probing import subject
from bn_impls.interface import Implementation
from bn_impls.semantics.asking import ask
from bn_impls.semantics.questions import BY_KEY


def run(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """Ask the questions of :mod:`bn_impls.semantics.questions` that a claim hangs on.

    Args:
        implementation: of which they are asked.
        parameters: ``style`` and ``questions``, keys of the semantics matrix.
        surroundings: not needed.

    Returns:
        For each question ``KEY`` the answer ``KEY``, and its evidence ``KEY_evidence``.
    """
    metrics: dict[str, Any] = {}
    with subject(implementation, parameters) as asked:
        for key in parameters["questions"]:
            answer = ask(BY_KEY[key], asked)
            metrics |= {key: answer.observed, f"{key}_evidence": answer.evidence}
    return Outcome(metrics=metrics)
