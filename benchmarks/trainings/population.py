"""Exact population statistics: what inference would use if the whole training set were one batch.

Wu and Johnson (2021), "Rethinking 'Batch' in BatchNorm", section 3, call statistics that are taken after training, on
many examples and with fixed weights, PreciseBN. Here all training examples are taken at once: layer by layer, each
normalized by the statistics of all. The gap between moving and population statistics is the moving average's fault,
that between population and batch statistics is the noise of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.axes.training import Experiment, loss_and_accuracy
from bn_impls.interface import Array, Trainer
from bn_impls.networks.numpy_layers import Context
from bn_impls.networks.numpy_network import NumpyNetwork, numpy_network
from bn_impls.numpy_reference import IMPLEMENTATION as REFERENCE


def exact_network(experiment: Experiment) -> NumpyNetwork:
    """The float64 NumPy network of an experiment, to evaluate any implementation's weights with."""
    network = numpy_network(experiment.settings.exact(), REFERENCE.build)
    assert isinstance(network, NumpyNetwork), network
    return network


def population_statistics(network: NumpyNetwork, inputs: Array) -> tuple[dict[str, Array], Array]:
    """Mean and variance of what each batch normalization of the network gets from all inputs.

    Args:
        network: with the weights to look at.
        inputs: (n, ...).

    Returns:
        ``layer/moving_mean`` and ``layer/moving_variance`` (each (C,), the variance over n values), and the logits.
    """
    found: dict[str, Array] = {}
    norms = {named.name for named in network.settings.network.named_layers() if named.batch_norm is not None}
    h = inputs.astype(network.settings.dtype)
    for name, x, y in network.visit(h, Context(False, "batch", {})):
        if name in norms:
            axes = tuple(range(x.ndim - 1))
            found |= {f"{name}/moving_mean": x.mean(axis=axes), f"{name}/moving_variance": x.var(axis=axes)}
        h = y
    return found, h


def evaluate_population(
    trainer: Trainer, network: NumpyNetwork, experiment: Experiment, held_out: Sequence[str] = ("validation",)
) -> dict[str, float]:
    """Loss and accuracy of a trainer's weights with exact population statistics, evaluated in float64.

    Args:
        trainer: whose weights; nothing of it changes.
        network: of :func:`exact_network`.
        experiment: the data.
        held_out: splits that are evaluated beside the training rows, whose statistics these are.

    Returns:
        ``train_loss``, ``train_accuracy``, and the same of each held-out split (``validation_loss``).
    """
    with np.errstate(all="ignore"):  # weights that are not finite give losses that are not
        network.load_weights(trainer.export_weights())
        statistics, logits = population_statistics(network, experiment.data.train.inputs)
        network.load_weights({**network.export_weights(), **statistics})
        splits = {"train": logits}
        splits |= {name: network.predict(getattr(experiment.data, name).inputs, "moving") for name in held_out}
    figures: dict[str, float] = {}
    for name, found in splits.items():
        loss, accuracy = loss_and_accuracy(found, getattr(experiment.data, name).labels)
        figures |= {f"{name}_loss": loss, f"{name}_accuracy": accuracy}
    return figures
