"""What happens inside a network, in float64, from weights that any framework exported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.axes.training import Experiment
from benchmarks.trainings.population import exact_network, population_statistics
from bn_impls.interface import Array, Statistics, TrainerConfiguration
from bn_impls.networks.description import NamedLayer, Network
from bn_impls.networks.numpy_layers import Context
from bn_impls.networks.numpy_network import NumpyNetwork, numpy_network
from bn_impls.networks.optimizers import SGD
from bn_impls.numpy_reference import IMPLEMENTATION as REFERENCE


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
    built = _built(network, len(inputs))
    built.load_weights(weights)
    visited = built.visit(inputs.astype(np.float64), Context(False, statistics, {}))
    for named, (name, x, y) in zip(network.named_layers(), visited, strict=True):
        if named.batch_norm is None:
            yield Passed(named, x, y)
        elif statistics == "moving":
            yield Passed(named, x, y, weights[f"{name}/moving_mean"], weights[f"{name}/moving_variance"])
        else:
            axes = tuple(range(x.ndim - 1))
            yield Passed(named, x, y, x.mean(axes), x.var(axes))


def _built(network: Network, rows: int) -> NumpyNetwork:
    configuration = TrainerConfiguration(
        network=network,
        optimizer=SGD(0.0),
        conventions=REFERENCE.conventions,
        batch_size=rows,
        dtype="float64",
        style="eager",
        device="cpu",
    )
    built = numpy_network(configuration, REFERENCE.build)
    assert isinstance(built, NumpyNetwork), built
    return built


def exact_statistics(experiment: Experiment, weights: Mapping[str, Array]) -> dict[str, Array]:
    """The exact population statistics of weights over all training rows.

    Returns:
        ``layer/moving_mean`` and ``layer/moving_variance`` (biased), each (channels,).
    """
    network = exact_network(experiment)
    network.load_weights(weights)
    return population_statistics(network, experiment.data.train.inputs)[0]
