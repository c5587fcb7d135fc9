"""What happens inside a network: inputs and outputs of its layers, and its exact population statistics, in float64.

It reads a description and exported weights, so it looks into a network of any framework.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bn_impls.interface import Array, Statistics
from bn_impls.networks.description import BatchNorm, NamedLayer, Network, Unused
from bn_impls.networks.numpy_layers import PLAIN_LAYERS, Context

PREDICTION = Context(training=False, statistics="moving", masks={})


@dataclass(frozen=True)
class Passed:
    """What went through one layer; of batch normalization also what it normalized by, each (channels,)."""

    named: NamedLayer
    input: Array
    output: Array
    mean: Array | None = None
    variance: Array | None = None


def walk(network: Network, weights: Mapping[str, Array], inputs: Array, statistics: Statistics) -> Iterator[Passed]:
    """Send inputs through a network, dropout off.

    Args:
        network: its description.
        weights: as a trainer exports them, by ``layer/name``.
        inputs: (n, ...).
        statistics: what batch normalization takes: the moving statistics, or those of these n rows (biased variance,
            as in training).

    Yields:
        Each layer in turn.
    """
    x = inputs.astype(np.float64)
    for named in network.named_layers():
        own = {name.rpartition("/")[2]: w for name, w in weights.items() if name.rpartition("/")[0] == named.name}
        if isinstance(named.layer, BatchNorm):
            passed = _normalized(named, named.layer, own, x, statistics)
        elif isinstance(named.layer, Unused):
            beside = _normalized(named, named.layer.layer, own, x, statistics)
            passed = Passed(named, x, x, beside.mean, beside.variance)
        else:
            part: Any = PLAIN_LAYERS[type(named.layer)](named, "float64")
            part.parameters = {name: array.astype(np.float64) for name, array in own.items()}
            passed = Passed(named, x, part.forward(x, PREDICTION.at(named.name)))
        yield passed
        x = passed.output


def _normalized(
    named: NamedLayer, layer: BatchNorm, own: Mapping[str, Array], x: Array, statistics: Statistics
) -> Passed:
    axes = tuple(range(x.ndim - 1))
    mean, variance = own["moving_mean"].astype(np.float64), own["moving_variance"].astype(np.float64)
    if statistics == "batch":
        mean, variance = x.mean(axes), x.var(axes)
    scale = own.get("gamma", np.ones_like(mean)) / np.sqrt(variance + layer.epsilon)
    return Passed(named, x, (x - mean) * scale + own.get("beta", 0.0), mean, variance)


def population_statistics(network: Network, weights: Mapping[str, Array], inputs: Array) -> dict[str, Array]:
    """The exact statistics that inference should use: layer by layer, over all rows at once, with these weights.

    Wu and Johnson (2021), "Rethinking 'Batch' in BatchNorm", section 3 (PreciseBN with one batch of all rows).

    Returns:
        ``layer/moving_mean`` and ``layer/moving_variance`` (biased), each (channels,).
    """
    found = {}
    for passed in walk(network, weights, inputs, "batch"):
        if passed.mean is not None and passed.variance is not None:
            found[f"{passed.named.name}/moving_mean"] = passed.mean
            found[f"{passed.named.name}/moving_variance"] = passed.variance
    return found
