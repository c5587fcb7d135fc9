"""A ``keras.Layer`` of Keras 3 as its user wrote it: called with ``training=``, on the backend that Keras runs on.

It is held to Keras' conventions: channels last, ``momentum`` the weight of the old value, a moving variance of batch
variances divided by n.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import keras

from bn_impls import keras_api as api
from bn_impls.errors import BadSpecification
from bn_impls.interface import Configuration, Documented, Implementation, Layer, Unsupported
from bn_impls.plain.settings import Plain, as_it_is, named
from bn_impls.state import CHANNEL_ARRAYS

SETTINGS = {
    "decay": {"momentum": as_it_is, "decay": as_it_is},
    "epsilon": {"epsilon": as_it_is, "eps": as_it_is},
}
SHAPES = {2: (6, 4), 3: (6, 5, 4), 4: (6, 3, 2, 4), 5: (6, 3, 2, 2, 4)}
BACKENDS = {"tensorflow": "bn_impls.keras_layer", "torch": "bn_impls.keras_torch_layer"}
"""Each with ``layer_refusal(configuration)`` and ``layer_around(configuration, layer)``."""
NO_COUNTER = Documented("checkpoint_counter", "a layer of Keras has no counter of updates")


def implementation(target: str, made: type, given: Mapping[str, float]) -> Implementation:
    """An implementation around a class of layers; arguments and errors as in ``implementation_of``."""
    backend = keras.backend.backend()
    if backend not in BACKENDS:
        raise BadSpecification(
            f"{target} is a layer of Keras on {backend}, but a plain class is tested on {' or '.join(BACKENDS)}; set "
            "KERAS_BACKEND to one of them, or follow docs/adding-an-implementation.md"
        )
    adapter = import_module(BACKENDS[backend])
    plain = Plain(target, made, SETTINGS, given, first=lambda channels: ())
    refused: dict[int, str] = {}
    for rank, shape in SHAPES.items():
        layer = plain.built(shape[-1], {"decay": 0.9, "epsilon": 1e-3} | dict(given))
        if (reason := _refused(layer, shape)) is not None:
            refused[rank] = reason
        else:
            named(target, layer, {ours: (ours,) for ours in CHANNEL_ARRAYS})
    if len(refused) == len(SHAPES):
        raise BadSpecification(f"{target} raises for inputs of ranks 2 to 5; for {SHAPES[4]}: {refused[4]}")

    def build(settings: Configuration) -> Layer | Unsupported:
        rank = len(settings.input_shape)
        reason = adapter.layer_refusal(settings) or plain.refusal(settings)
        if reason is not None:
            return reason
        if settings.conventions != api.OWN:
            return Unsupported(f"a plain layer is tested with Keras' conventions, {api.OWN}")
        if settings.layout != "channels_last" and not plain.takes("axis"):
            return Unsupported("its constructor takes no axis, so the channels are last")
        if rank in refused or rank not in SHAPES:
            return Unsupported(f"it takes no input of rank {rank}: {refused.get(rank, 'not tried')}")
        layer: Layer = adapter.layer_around(settings, _made(plain, settings))
        return layer

    return Implementation(
        conventions=api.OWN,
        packages=("keras", "numpy"),
        build=build,
        documented={"checkpoint_counter": NO_COUNTER} if backend == "tensorflow" else {},
    )


def _made(plain: Plain, settings: Configuration) -> Any:
    wanted = {"decay": settings.decay, "epsilon": settings.epsilon}
    layer = plain.built(settings.channels, wanted, axis=settings.usual_axis)
    layer.name = "layer"  # otherwise Keras numbers it, and the number ends up in checkpoints
    layer.dtype_policy = api.policy(settings)
    return layer


def _refused(layer: Any, shape: tuple[int, ...]) -> str | None:
    call: Callable[..., Any] = layer
    try:
        call(keras.ops.ones(shape), training=False)
    except Exception as error:  # somebody else's code may raise anything; that it does is the answer
        return f"{type(error).__name__}: {str(error)[:200]}"
    return None
