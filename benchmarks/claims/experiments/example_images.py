"""The first training images of each class of a data set, as they are fed: what a mosaic is drawn of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.axes.outcome import Outcome, Surroundings
from bn_impls.interface import Implementation


def run(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """Take them from the data set's own arrays.

    Args:
        implementation: not used; nothing is computed.
        parameters: ``dataset`` and ``of_each_class``, the number of images; a seed is not used, they are the first.
        surroundings: give the data set.

    Returns:
        Curve ``images``, (classes, of_each_class, height, width, channels), uint8.
    """
    data = surroundings.dataset(parameters["dataset"])
    count = parameters["of_each_class"]
    chosen = [np.flatnonzero(data.train.labels == label)[:count] for label in range(data.class_count)]
    images = np.stack([data.train.inputs[rows] for rows in chosen])
    return Outcome(
        metrics={"classes": data.class_count},
        samples={"dataset": data.description()},
        arrays={"images": np.round(255 * images).astype(np.uint8)},
    )
