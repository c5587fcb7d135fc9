"""When taking up another implementation's state has failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.axes.checkpoint import judge as judge_restore


def judge(metrics: Mapping[str, Any]) -> str | None:
    """What neither a convention nor rounding explains, or None."""
    wrong = []
    if "resumed_unsupported" not in metrics:
        handed = {name.removeprefix("handed_over_"): value for name, value in metrics.items()}
        if lost := judge_restore(handed):
            wrong.append(f"the state was not taken up: {lost}")
    if not metrics["inference_over_bound"] <= 1:
        wrong.append(f"inference by it is {metrics['inference_over_bound']:.3g} times what rounding explains")
    for name, what in (
        ("resumed_over_bound", "the losses of the resumed training are"),
        ("continued_residual_over_bound", "the inference after it is, all conventions considered,"),
    ):
        if name in metrics and not metrics[name] <= 1:
            wrong.append(f"{what} {metrics[name]:.3g} times what rounding explains")
    return "; ".join(wrong) or None
