"""What the API's training call alone does to the moving statistics: no update operation run, nothing assigned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.axes.agreement import refused
from benchmarks.axes.outcome import Outcome, Surroundings
from bn_impls.interface import Configuration, Implementation, Unsupported

CALLS = 200
MEAN, DEVIATION, CHANNELS, ROWS = 5.0, 3.0, 8, 256


def run(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """Call training 200 times on batches from N(5, 3).

    Returns:
        ``moved_share``: how far the moving mean went from its start towards the batches' mean, 0 for not at all; median
        over channels.
    """
    settings = Configuration(
        input_shape=(ROWS, CHANNELS),
        layout="channels_last",
        dtype="float32",
        decay=0.9,
        epsilon=1e-3,
        center=True,
        scale=True,
        conventions=implementation.conventions.of_input(2, "float32"),
        style=parameters["style"],
        device="cpu",
    )
    variant = implementation.variants.get("forward_only", implementation.build)
    layer = variant(settings)
    if isinstance(layer, Unsupported):
        return refused(layer)
    try:
        generator = np.random.default_rng(parameters["seed"])
        start = np.asarray(layer.export_state()["moving_mean"], np.float64)
        x = generator.normal(MEAN, DEVIATION, settings.input_shape).astype(np.float32)
        native = layer.to_native(x)
        for _ in range(CALLS):
            layer.synchronize(layer.training_step(native))
        end = np.asarray(layer.export_state()["moving_mean"], np.float64)
    finally:
        layer.close()
    moved = (end - start) / (x.mean(axis=0) - start)
    return Outcome(metrics={"moved_share": float(np.median(moved)), "calls": CALLS})
