"""Networks of claims: the documents' own by name, and stacks of dense layers with what a claim varies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.networks import network as of_document
from bn_impls.errors import BadConfiguration
from bn_impls.networks.description import (
    Activation,
    BatchNorm,
    Dense,
    Dropout,
    Flatten,
    Glorot,
    He,
    Initialization,
    LayerDescription,
    Network,
    Normal,
)

STACK: Mapping[str, Any] = {
    "activation": "relu",
    "placement": "before",
    "decay": 0.99,
    "epsilon": 1e-3,
    "dropout": 0.0,
    "normalize_logits": False,
    "initialization": "glorot",
}
"""What a stack has unless it says otherwise: the defaults of ``tf.layers``, as document 000 uses them."""
DOCUMENT_000: Mapping[str, Any] = {"hidden": [32, 32]}
DOCUMENT_001: Mapping[str, Any] = {"hidden": [300, 100], "activation": "elu", "decay": 0.9}


def describe(chosen: str | Mapping[str, Any], input_shape: tuple[int, ...], classes: int, batch_norm: bool) -> Network:
    """A network from a case's parameter ``network``.

    Args:
        chosen: the name of a document's network, or a stack of dense layers: ``hidden`` (units of each hidden layer)
            and what of :data:`STACK` differs. ``placement`` is where batch normalization stands: ``before`` the
            activation, or ``after`` it. ``initialization`` is ``glorot``, ``he``, or the standard deviation of a
            normal distribution.
        input_shape: of one example.
        classes: number of logits.
        batch_norm: whether there is batch normalization.

    Raises:
        BadConfiguration: a stack has a setting that is not known.
    """
    if isinstance(chosen, str):
        return of_document(chosen, input_shape, classes, batch_norm=batch_norm)
    if unknown := set(chosen) - set(STACK) - {"hidden"}:
        raise BadConfiguration(
            f"a stack has {', '.join(sorted(unknown))}, but should have only hidden, {', '.join(STACK)}"
        )
    settings = {**STACK, **chosen}
    normalize = BatchNorm(decay=settings["decay"], epsilon=settings["epsilon"], center=True, scale=True)
    norm: tuple[LayerDescription, ...] = (normalize,) if batch_norm else ()
    layers: list[LayerDescription] = [Flatten()]
    for units in settings["hidden"]:
        activation = Activation(settings["activation"])
        block = (*norm, activation) if settings["placement"] == "before" else (activation, *norm)
        drop = (Dropout(settings["dropout"]),) if settings["dropout"] else ()
        layers += [Dense(units), *block, *drop]
    layers.append(Dense(classes))
    if settings["normalize_logits"]:
        layers += norm
    name = f"stack-{'x'.join(map(str, settings['hidden']))}"
    return Network(name, input_shape, tuple(layers), _initialization(settings["initialization"]))


def _initialization(chosen: str | float) -> Initialization:
    if isinstance(chosen, str):
        known: dict[str, Initialization] = {"glorot": Glorot(), "he": He()}
        return known[chosen]
    return Normal(chosen)
