"""The Keras 3 layer on JAX: Keras' variables outside, pure functions of their values inside ``jax.jit``.

What its user must remember:

- ``KERAS_BACKEND=jax`` is read when Keras is imported, and holds for the whole process.
- A layer that assigns its moving statistics cannot be traced by ``jax.jit`` as it is: ``stateless_call`` takes all
  values and returns the new ones, and whoever forgets to keep them learns no statistics.
- ``jax.grad`` differentiates by the values given, not by Keras' variables; copy the values back before you save.
- There is no float64: the layer casts its input to float32, also where its dtype is float64 and so are its results.
- 16 bits are the policy ``mixed_float16`` or ``mixed_bfloat16``: variables and arithmetic stay in float32, and the
  output is rounded once. With ``dtype="float16"`` the moving statistics would be kept in 16 bits, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import keras
import numpy as np

from bn_impls import jax_boundary as boundary
from bn_impls import keras_api as api
from bn_impls.interface import (
    Array,
    Configuration,
    Implementation,
    Layer,
    Trainer,
    TrainerConfiguration,
    Unsupported,
)
from bn_impls.jax_layer import HeldState, layer_of, unbuilt
from bn_impls.networks.jax_training import jax_trainer
from bn_impls.variants import found_in

Values = dict[str, jax.Array]  # by the name of Keras' variable


class StatelessBatchNorm:
    """The layer as pure functions of the values of its variables."""

    def __init__(self, layer: keras.layers.BatchNormalization) -> None:
        """Take a built layer."""
        self.layer = layer
        self.parameters = tuple(variable.name for variable in layer.trainable_variables)
        self.statistics = tuple(variable.name for variable in layer.non_trainable_variables)

    def call(self, parameters: Values, statistics: Values, x: jax.Array, **options: Any) -> tuple[jax.Array, Values]:
        """``stateless_call``, which takes and returns lists in the order of the variables."""
        ordered = ([parameters[name] for name in self.parameters], [statistics[name] for name in self.statistics])
        y, moved = self.layer.stateless_call(*ordered, x, **options)
        return y, dict(zip(self.statistics, moved, strict=True))

    def inference(self, parameters: Values, statistics: Values, x: jax.Array) -> jax.Array:
        """Output by the moving statistics."""
        y, _ = self.call(parameters, statistics, x, training=False)
        return y

    def forward(self, parameters: Values, statistics: Values, x: jax.Array) -> tuple[jax.Array, Values]:
        """Output by the batch's statistics, and the new moving ones."""
        return self.call(parameters, statistics, x, training=True)

    def gradients(self, parameters: Values, statistics: Values, x: jax.Array, dy: jax.Array) -> Any:
        """(output, gradient of the input, gradients of gamma and beta), and the new moving statistics."""
        y, pull_back, moved = jax.vjp(lambda p, x: self.forward(p, statistics, x), parameters, x, has_aux=True)
        dparameters, dx = pull_back(dy)
        return (y, dx, dparameters.get("gamma"), dparameters.get("beta")), moved


# ---- the adapter ----------------------------------------------------------------------------------------------------


Make = Callable[[Configuration], keras.layers.BatchNormalization]


def _values(variables: Sequence[keras.Variable]) -> Values:
    return {variable.name: variable.value for variable in variables}


class KerasLayer:
    """The layer as pure functions; the names of Keras' variables are the canonical ones."""

    def __init__(self, settings: Configuration, make: Make = api.batch_norm) -> None:
        """Make and build the layer."""
        self.dtype, layer = settings.parameter_dtype, make(settings)
        layer.build(settings.input_shape)
        self.pure = StatelessBatchNorm(layer)

    def start(self) -> tuple[Values, Values]:
        """What Keras' variables hold."""
        layer = self.pure.layer
        return _values(layer.trainable_variables), _values(layer.non_trainable_variables)

    def parameters_of(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Of those that the layer has."""
        return {name: np.array(arrays[name], self.dtype) for name in self.pure.parameters}

    def statistics_of(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Both averages; the layer keeps no count."""
        return {name: np.array(arrays[name], self.dtype) for name in self.pure.statistics}

    def named_parameters(self, parameters: Values) -> Values:
        """As they are."""
        return parameters

    named_statistics = named_parameters


def refusal(settings: Configuration | TrainerConfiguration) -> Unsupported | None:
    """Why this cannot be built, or None."""
    dtypes = boundary.LAYER_DTYPES if isinstance(settings, Configuration) else boundary.JAX_DTYPES
    reason = boundary.refusal(settings.device, settings.style, settings.dtype, dtypes)
    reason = reason or api.refusal(settings.conventions, "jax", "JAX")
    return reason or api.dtype_refusal(settings.dtype, "JAX")


def build(configuration: Configuration) -> Layer | Unsupported:
    """Build a layer."""
    return refusal(configuration) or layer_of(HeldState(configuration, KerasLayer))


def build_trainer(configuration: TrainerConfiguration) -> Trainer | Unsupported:
    """Build a network on JAX around Keras' layer."""
    return refusal(configuration) or jax_trainer(configuration, KerasLayer)


IMPLEMENTATION = Implementation(
    conventions=api.OWN,
    packages=("keras", "jax", "jaxlib", "numpy"),
    build=build,
    build_trainer=build_trainer,
    narrow_statistics=False,
    variants=found_in("bn_impls.variants.keras_jax_layer"),
    unbuilt=unbuilt,
)
