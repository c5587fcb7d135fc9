"""The adapter of batch normalizations on TensorFlow that keep no count of their updates: one layer, counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from bn_impls import tensorflow_boundary as boundary
from bn_impls.interface import Configuration, Format, Layer
from bn_impls.state import State

STATISTICS = ("moving_mean", "moving_variance")


class Uncounted(Protocol):
    """A batch normalization with variables of C values; ``gamma`` and ``beta`` are None where they are off."""

    gamma: tf.Variable | None
    beta: tf.Variable | None
    moving_mean: tf.Variable
    moving_variance: tf.Variable

    def __call__(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        """Normalize; in training, update the statistics."""


class Counting(tf.Module):  # type: ignore[misc]  # TensorFlow has no types
    """A layer with a counter beside it, for networks, whose training calls run inside TensorFlow."""

    def __init__(self, layer: Uncounted) -> None:
        super().__init__()
        self.layer = layer
        self.gamma, self.beta = layer.gamma, layer.beta
        self.moving_mean, self.moving_variance = layer.moving_mean, layer.moving_variance
        self.num_updates = tf.Variable(0, trainable=False, dtype=tf.int64)

    def __call__(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        """Count, and normalize."""
        if training:
            self.num_updates.assign_add(1)
        return self.layer(x, training=training)


class Counted:
    """A layer counted in Python, so that its calls run nothing but the API."""

    def __init__(self, settings: Configuration, layer: Uncounted) -> None:
        """Take the layer apart."""
        self.settings, self.layer, self.counter = settings, layer, boundary.Counted()
        parts = {name: getattr(layer, name) for name in ("gamma", "beta", *STATISTICS)}
        self.variables = {name: variable for name, variable in parts.items() if variable is not None}
        self.parameters = [self.variables[name] for name in ("gamma", "beta") if name in self.variables]

    def gradients(self, x: tf.Tensor, dy: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
        """Output, and the gradients of input, gamma and beta."""
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = self.layer(x, training=True)
        dx, *found = tape.gradient(y, [x, *self.parameters], output_gradients=dy)
        given = iter(found)
        return y, dx, *(next(given) if name in self.variables else None for name in ("gamma", "beta"))

    def export_state(self) -> State:
        """Copies of the variables, and the count."""
        shape, dtype = (self.settings.channels,), self.settings.parameter_dtype
        found = {name: variable.numpy().reshape(-1) for name, variable in self.variables.items()}
        return State(
            gamma=found.get("gamma", np.ones(shape, dtype)),
            beta=found.get("beta", np.zeros(shape, dtype)),
            moving_mean=found["moving_mean"],
            moving_variance=found["moving_variance"],
            num_updates=self.counter.updates,
        )

    def load_state(self, state: State) -> None:
        """Set the variables, and the count."""
        arrays: Mapping[str, Any] = state
        for name, variable in self.variables.items():
            variable.assign(arrays[name].reshape(variable.shape))
        self.counter.updates = state["num_updates"]

    def formats(self) -> dict[str, Format]:
        """``tf.train.Checkpoint`` and SavedModel of the layer and of the count."""
        count = tf.Variable(0, trainable=False, dtype=tf.int64)
        tensor = tf.TensorSpec(self.settings.input_shape, self.settings.dtype)

        def restored() -> None:
            self.counter.updates = int(count.numpy())

        def counting(plain: Format) -> Format:
            def save(directory: Path) -> None:
                count.assign(self.counter.updates)
                plain.save(directory)

            return replace(plain, save=save)

        tracked = {"layer": self.layer, "num_updates": count}
        found = boundary.layer_formats(tracked, lambda x: self.layer(x, training=False), tensor, restored)
        return {name: counting(plain) for name, plain in found.items()}


def counted_layer(settings: Configuration, layer: Uncounted) -> Layer:
    """Build the interface's layer.

    Args:
        settings: of the layer; they were found to be possible.
        layer: built on the right device.

    Returns:
        The layer.
    """
    counted = Counted(settings, layer)
    tensor = tf.TensorSpec(settings.input_shape, settings.dtype)
    with boundary.placed(settings.device):
        inference = boundary.styled(lambda x: layer(x, training=False), settings.style, tensor)
        training_step = boundary.styled(lambda x: layer(x, training=True), settings.style, tensor)
        with_gradients = boundary.styled(counted.gradients, settings.style, tensor, tensor)
    return Layer(
        configuration=settings,
        inference=inference,
        training_step=counted.counter.wrap(training_step),
        training_step_with_gradients=counted.counter.wrap(with_gradients),
        to_native=boundary.to_native(settings.device, settings.dtype),
        to_numpy=boundary.to_numpy,
        synchronize=boundary.synchronize,
        export_state=counted.export_state,
        load_state=counted.load_state,
        observe=boundary.observe,
        formats=counted.formats(),
    )
