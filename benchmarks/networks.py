"""The source documents' networks, as framework-free descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bn_impls.errors import UnknownName
from bn_impls.networks.description import Activation, BatchNorm, Dense, Flatten, Glorot, LayerDescription, Network
from bn_impls.networks.optimizers import SGD, Adam, Optimizer

TF_LAYERS_DEFAULTS = BatchNorm(decay=0.99, epsilon=1e-3, center=True, scale=True)


def document_000(input_shape: tuple[int, ...], classes: int, *, batch_norm: bool) -> Network:
    """Document 000: two hidden layers of 32, batch normalization before ReLU, the defaults of ``tf.layers``."""
    block: tuple[LayerDescription, ...] = (TF_LAYERS_DEFAULTS,) if batch_norm else ()
    hidden = (Dense(32), *block, Activation("relu"))
    return Network("000", input_shape, (Flatten(), *hidden, *hidden, Dense(classes)), Glorot())


NETWORKS = {"000": document_000}


def network(name: str, input_shape: tuple[int, ...], classes: int, *, batch_norm: bool) -> Network:
    """Describe a network for a data set.

    Raises:
        UnknownName: there is no such network.
    """
    if name not in NETWORKS:
        raise UnknownName.among("network", name, NETWORKS, "They are named after the source documents.")
    return NETWORKS[name](input_shape, classes, batch_norm=batch_norm)


def optimizer(parameters: Mapping[str, Any]) -> Optimizer:
    """The optimizer that a case names."""
    rate = float(parameters["learning_rate"])
    chosen: dict[str, Optimizer] = {"adam": Adam(rate), "sgd": SGD(rate)}
    return chosen[parameters["optimizer"]]
