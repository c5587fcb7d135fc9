"""The shapes that the documents' networks have: dense ones, and document 004's convolutions."""

from __future__ import annotations

from benchmarks.networks.options import Options
from bn_impls.networks.description import (
    Activation,
    Conv,
    Dense,
    Dropout,
    Flatten,
    LayerDescription,
    MaxPool,
    Network,
    Unused,
)

Layers = tuple[LayerDescription, ...]
CONVOLUTIONS = (8, 16, 16, 16)
POOLED = 2


def dense(name: str, input_shape: tuple[int, ...], classes: int, options: Options) -> Network:
    """Hidden dense layers, each with norm and activation in the given order, and dense logits.

    Order ``norm-activation-layer`` moves the block's own layer behind its norm, as document 002 writes it: the inputs
    are then normalized and rectified, and nothing stands between the last two dense layers.
    """
    return _network(name, input_shape, (Flatten(), *_hidden(options)), classes, options)


def convolutional(name: str, input_shape: tuple[int, ...], classes: int, options: Options) -> Network:
    """Document 004: 3 x 3 convolutions of 8, 16, 16 and 16 maps, each with norm, ReLU and pooling; then dense ones.

    The maps are halved after each, for as long as there is something to halve.
    """
    layers: list[LayerDescription] = []
    side = min(input_shape[:2])
    for filters in CONVOLUTIONS:
        layers.extend(_block(Conv(filters, 3), options))
        if side >= POOLED:
            layers.append(MaxPool(POOLED))
            side //= POOLED
    return _network(name, input_shape, (*layers, Flatten(), *_hidden(options)), classes, options)


def _network(name: str, shape: tuple[int, ...], layers: Layers, classes: int, options: Options) -> Network:
    after: dict[str, Layers] = {"plain": (), "unused": (Unused(options.norm),), "normalized": (options.norm,)}
    every = (*layers, Dense(classes), *after[options.logits])
    return Network(name, shape, every, options.initialization, options.biases, options.loss)


def _hidden(options: Options) -> Layers:
    dropout: Layers = (Dropout(options.dropout),) if options.dropout else ()
    return tuple(layer for units in options.hidden for layer in (*_block(Dense(units), options), *dropout))


def _block(layer: LayerDescription, options: Options) -> Layers:
    norm: Layers = (options.norm,) if options.batch_norm else ()
    activation = Activation(options.activation)
    match options.order:
        case "layer-norm-activation":
            return (layer, *norm, activation)
        case "layer-activation-norm":
            return (layer, activation, *norm)
        case "norm-activation-layer":
            return (*norm, activation, layer)
