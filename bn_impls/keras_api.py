"""What the implementations on Keras 3 share, whichever backend computes: the layer as users write it, and its state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from bn_impls.accuracy.dtypes import SIXTEEN_BITS
from bn_impls.interface import Array, Configuration, Conventions, Unsupported
from bn_impls.state import State

OWN = Conventions(ddof=0, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False)


def batch_norm(settings: Configuration, name: str | None = None) -> keras.layers.BatchNormalization:
    """The layer as Keras' users write it."""
    return keras.layers.BatchNormalization(
        axis=settings.usual_axis,
        momentum=settings.decay,
        epsilon=settings.epsilon,
        center=settings.center,
        scale=settings.scale,
        moving_mean_initializer=keras.initializers.Constant(settings.conventions.initial_mean),
        moving_variance_initializer=keras.initializers.Constant(settings.conventions.initial_variance),
        dtype=policy(settings),
        name=name,
    )


def policy(settings: Configuration) -> str:
    """Keras' name of a dtype policy: mixed precision where the input has 16 bits."""
    return settings.dtype if settings.parameter_dtype == settings.dtype else f"mixed_{settings.dtype}"


def refusal(conventions: Conventions, backend: str, spelled: str) -> Unsupported | None:
    """Why Keras' layer cannot do this here, or None.

    Args:
        conventions: that are asked for.
        backend: that the implementation is for.
        spelled: the same as people write it.
    """
    if keras.backend.backend() != backend:
        return Unsupported(f"Keras runs on {keras.backend.backend()} here; this implementation is for {spelled}")
    if conventions.ddof:
        return Unsupported("keras.layers.BatchNormalization divides by n; ddof 1 is not offered")
    if conventions.debias:
        return Unsupported("keras.layers.BatchNormalization does not debias its averages")
    if conventions.warm_up:
        return Unsupported("keras.layers.BatchNormalization keeps its momentum constant; warm-up is not offered")
    if conventions.decay_in_float32 or conventions.complement_in_float32:
        return Unsupported("keras.layers.BatchNormalization applies its momentum as given, not rounded to float32")
    return None


def dtype_refusal(dtype: str, spelled: str) -> Unsupported | None:
    """Why the layer would not compute in a dtype, or None; asked of the function by which it chooses its own.

    A layer of 16 bits computes in float32 on purpose: that is what its policy, mixed precision, means.
    """
    chosen = keras.backend.result_type(dtype, "float32")
    if chosen == dtype or (dtype in SIXTEEN_BITS and chosen == "float32"):
        return None
    return Unsupported(f"Keras on {spelled} computes a {dtype} layer in {chosen}, so {dtype} is not offered")


def model_around(layer: keras.layers.BatchNormalization, settings: Configuration) -> keras.Model:
    """A model of one layer, which builds it and is what Keras can save."""
    return keras.Sequential([keras.Input(batch_shape=settings.input_shape, dtype=settings.dtype), layer])


def export_state(
    layer: keras.layers.BatchNormalization, settings: Configuration, updates: int, to_numpy: Callable[[Any], Array]
) -> State:
    """Copies of the variables, and the count that Keras does not keep.

    Args:
        layer: a built one.
        settings: of the layer.
        updates: the count.
        to_numpy: the backend's tensor to an array; ``variable.numpy()`` warns of NumPy 2 outside TensorFlow.
    """
    ones, zeros = (np.full(settings.channels, value, settings.parameter_dtype) for value in (1, 0))
    return State(
        gamma=np.array(to_numpy(layer.gamma.value)) if settings.scale else ones,
        beta=np.array(to_numpy(layer.beta.value)) if settings.center else zeros,
        moving_mean=np.array(to_numpy(layer.moving_mean.value)),
        moving_variance=np.array(to_numpy(layer.moving_variance.value)),
        num_updates=updates,
    )


def load_state(layer: keras.layers.BatchNormalization, settings: Configuration, state: State) -> None:
    """Set the variables."""
    given: dict[str, Any] = {**state}
    used = (True, True, settings.scale, settings.center)
    for name, present in zip(("moving_mean", "moving_variance", "gamma", "beta"), used, strict=True):
        if present:
            getattr(layer, name).assign(given[name].astype(settings.parameter_dtype))
