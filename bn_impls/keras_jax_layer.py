"""The Keras 3 layer on JAX: Keras' variables outside, pure functions of their values inside ``jax.jit``.

What its user must remember:

- ``KERAS_BACKEND=jax`` is read when Keras is imported, and holds for the whole process.
- A layer that assigns its moving statistics cannot be traced by ``jax.jit`` as it is: ``stateless_call`` takes all
  values and returns the new ones, and whoever forgets to keep them learns no statistics.
- ``jax.grad`` differentiates by the values given, not by Keras' variables; copy the values back before you save.
- There is no float64: the layer casts its input to float32, also where its dtype is float64 and so are its results.
"""

from __future__ import annotations

from typing import Any

import jax
import keras

from bn_impls import jax_boundary as boundary
from bn_impls import keras_api as api
from bn_impls.canonical import npz_format
from bn_impls.interface import Configuration, Implementation, Layer, Unsupported
from bn_impls.jax_layer import callables
from bn_impls.state import State

Values = list[jax.Array]


class StatelessBatchNorm:
    """The layer as pure functions of the values of its variables."""

    def __init__(self, layer: keras.layers.BatchNormalization) -> None:
        """Take a built layer."""
        self.layer = layer

    def inference(self, parameters: Values, statistics: Values, x: jax.Array) -> jax.Array:
        """Output by the moving statistics."""
        y, _ = self.layer.stateless_call(parameters, statistics, x, training=False)
        return y

    def forward(self, parameters: Values, statistics: Values, x: jax.Array) -> tuple[jax.Array, Values]:
        """Output by the batch's statistics, and the new moving ones."""
        y, moved = self.layer.stateless_call(parameters, statistics, x, training=True)
        return y, moved

    def gradients(self, parameters: Values, statistics: Values, x: jax.Array, dy: jax.Array) -> Any:
        """(output, gradient of the input, gradients of the parameters), and the new moving statistics."""
        y, pull_back, moved = jax.vjp(lambda p, x: self.forward(p, statistics, x), parameters, x, has_aux=True)
        dparameters, dx = pull_back(dy)
        named = dict(zip((variable.name for variable in self.layer.trainable_variables), dparameters, strict=True))
        return (y, dx, named.get("gamma"), named.get("beta")), moved


# ---- the adapter ----------------------------------------------------------------------------------------------------


class HeldValues:
    """The values between calls, and how often the statistics were updated."""

    def __init__(self, settings: Configuration) -> None:
        """Build the layer on the device."""
        self.settings = settings
        with jax.default_device(boundary.placed(settings.device)):
            self.layer = api.batch_norm(settings, "layer")
            self.model = api.model_around(self.layer, settings)
        self.updates = 0
        self.take()

    def take(self) -> None:
        """Read the values of Keras' variables."""
        self.parameters = [variable.value for variable in self.layer.trainable_variables]
        self.statistics = [variable.value for variable in self.layer.non_trainable_variables]

    def give(self) -> None:
        """Write the moving statistics back into Keras' variables."""
        for variable, value in zip(self.layer.non_trainable_variables, self.statistics, strict=True):
            variable.assign(value)

    def export(self) -> State:
        """The canonical state."""
        self.give()
        return api.export_state(self.layer, self.settings, self.updates, boundary.to_numpy)

    def load(self, state: State) -> None:
        """Set the canonical state."""
        api.load_state(self.layer, self.settings, state)
        self.updates = state["num_updates"]
        self.take()


def build(configuration: Configuration) -> Layer | Unsupported:
    """Build a layer."""
    reason = boundary.refusal(configuration.device, configuration.style, configuration.dtype)
    if reason or (reason := api.refusal(configuration.conventions, "jax", "JAX")):
        return reason
    if reason := api.dtype_refusal(configuration.dtype, "JAX"):
        return reason
    held = HeldValues(configuration)
    pure = StatelessBatchNorm(held.layer)
    inference, training_step, with_gradients = callables(held, pure, configuration.style)
    built = Layer(
        configuration=configuration,
        inference=inference,
        training_step=training_step,
        training_step_with_gradients=with_gradients,
        to_native=boundary.to_native(configuration.device, configuration.dtype),
        to_numpy=boundary.to_numpy,
        synchronize=boundary.synchronize,
        export_state=held.export,
        load_state=held.load,
        observe=boundary.observe,
        formats={"npz": npz_format(held.export, lambda state: built.import_state(state))},
    )
    return built


IMPLEMENTATION = Implementation(
    conventions=api.OWN,
    packages=("keras", "jax", "jaxlib", "numpy"),
    build=build,
)
