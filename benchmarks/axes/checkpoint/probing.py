"""What only one API's checkpoints can be asked: an experiment of the implementation's own."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.axes.outcome import Outcome
from bn_impls.interface import Implementation


def probe(implementation: Implementation, name: str, scratch: Path) -> Outcome:
    """Run an experiment.

    Args:
        implementation: whose.
        name: of the experiment.
        scratch: for its files.

    Returns:
        Its figures; ``disagrees`` where one that is named ``..._bitwise`` is false.
    """
    experiment = implementation.checkpoint_probes.get(name)
    if experiment is None:
        known = ", ".join(implementation.checkpoint_probes) or "none"
        return Outcome(status="failed", reason=f"its probes are {known}, but its descriptor declares {name}")
    began = time.perf_counter_ns()
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        figures = dict(experiment(Path(folder)))
    wrong = [figure for figure, value in figures.items() if figure.endswith("_bitwise") and value is not True]
    reason = f"{', '.join(wrong)} is not true" if wrong else None
    samples = {"durations_ns": [time.perf_counter_ns() - began]}
    return Outcome(status="disagrees" if wrong else "ok", reason=reason, metrics=figures, samples=samples)
