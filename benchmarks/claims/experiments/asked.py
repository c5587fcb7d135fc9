"""Black-box questions about an implementation, as the semantics matrix asks them: which statistics, which start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.axes.outcome import Outcome
from benchmarks.claims.experiments.probing import on_layers
from bn_impls.semantics.asking import Subject, ask
from bn_impls.semantics.questions import BY_KEY


@on_layers
def run(asked: Subject, parameters: Mapping[str, Any]) -> Outcome:
    """Ask the questions of :mod:`bn_impls.semantics.questions` that a claim hangs on.

    Args:
        asked: of which they are asked.
        parameters: ``style`` and ``questions``, keys of the semantics matrix.

    Returns:
        For each question ``KEY`` the answer ``KEY``, and its evidence ``KEY_evidence``.
    """
    metrics: dict[str, Any] = {}
    for key in parameters["questions"]:
        answer = ask(BY_KEY[key], asked)
        metrics |= {key: answer.observed, f"{key}_evidence": answer.evidence}
    return Outcome(metrics=metrics)
