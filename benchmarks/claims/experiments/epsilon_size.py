"""What epsilon does to sizes: output and input gradient of inputs of small variance.

With v the variance of the input, the output has the standard deviation ``sqrt(v / (v + epsilon))`` and not 1, and the
part of the gradient that is normal to 1 and to the input is smaller by the same factor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.axes.outcome import Outcome
from benchmarks.claims.experiments.probing import on_layers
from bn_impls.interface import Array
from bn_impls.semantics.asking import Subject

ROWS = 256
EPSILONS = tuple(10.0**power for power in range(-7, 0))
VARIANCES = tuple(10.0**power for power in range(-6, 1))


@on_layers
def run(asked: Subject, parameters: Mapping[str, Any]) -> Outcome:
    """Feed inputs of every variance to layers of every epsilon.

    Args:
        asked: whose layers are fed.
        parameters: ``style`` and ``seed``.

    Returns:
        Arrays (epsilons, variances): standard deviation of the output, size of the gradient over that without epsilon;
        and how far the worst of them is from the closed form.
    """
    x, dy = _drawn(parameters["seed"])
    outputs, gradients = np.empty((2, len(EPSILONS), len(VARIANCES)))
    for row, epsilon in enumerate(EPSILONS):
        y, dx, _, _ = asked.usual(x.shape, epsilon=epsilon).differentiate(x, dy)
        assert y is not None and dx is not None
        outputs[row] = y.std(axis=0)
        gradients[row] = np.linalg.norm(dx, axis=0) / np.linalg.norm(dy / x.std(axis=0), axis=0)
    epsilons, variances = np.array(EPSILONS)[:, None], x.var(axis=0)
    expected = np.sqrt(variances / (variances + epsilons))
    return Outcome(
        metrics={
            "output_deviation_from_closed_form_rel": float(np.abs(outputs / expected - 1).max()),
            "gradient_deviation_from_closed_form_rel": float(np.abs(gradients / expected - 1).max()),
        },
        arrays={"epsilon": np.array(EPSILONS), "variance": variances, "output_std": outputs,
                "gradient_size": gradients, "expected": expected},
    )  # fmt: skip


def _drawn(seed: int) -> tuple[Array, Array]:
    """Inputs, one channel a variance, and gradients of the output that are normal to 1 and to the channel's input."""
    generator = np.random.default_rng(seed)
    x, dy = generator.standard_normal((2, ROWS, len(VARIANCES)))
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    dy = dy - dy.mean(axis=0)
    dy = dy - x * (dy * x).mean(axis=0)
    return x * np.sqrt(VARIANCES), dy
