"""Many training steps in one TensorFlow call, for every builder on TensorFlow.

The data set lies on the device, and one traced call runs k steps over rows of it, so that Python costs one call for k
steps. The losses of all steps come back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from bn_impls import tensorflow_boundary as boundary
from bn_impls.interface import Array, Observation, Statistics, TrainerConfiguration
from bn_impls.tensorflow_programs import watch

Masks = Mapping[str, tf.Tensor]


class Forward(Protocol):
    """A network: (input, training, dropout masks by layer name) -> logits."""

    def __call__(self, x: tf.Tensor, training: bool, masks: Masks) -> tf.Tensor:
        """Apply it."""


class TrainingLoop:
    """Data on the device, and the calls over it."""

    def __init__(
        self,
        settings: TrainerConfiguration,
        step: Callable[[tf.Tensor, tf.Tensor, Masks], tf.Tensor],
        forward: Forward,
        statistics: Sequence[tf.Variable],
    ) -> None:
        """Take a network apart into its calls; traces are made at the first call of each shape.

        Args:
            settings: style, device and dtype.
            step: (inputs, labels, masks) -> loss; updates weights, optimizer and moving statistics.
            forward: the network.
            statistics: everything that a forward pass in training changes.
        """
        self.settings, self.step, self.forward, self.statistics = settings, step, forward, statistics
        self.run: Any = self._run
        if settings.style != "eager":
            self.run = tf.function(self._run, jit_compile=settings.style == "xla", autograph=False)
        predictors = {"moving": self._predict_moving, "batch": self._predict_batch}
        self.predictors = {which: tf.function(call, autograph=False) for which, call in predictors.items()}
        self.masked = settings.network.dropout_shapes()
        self.steps, self.called = 1, False  # steps of the last training call, and whether there was one

    def load_data(self, inputs: Array, labels: Array) -> None:
        """Put the data set on the device."""
        with boundary.placed(self.settings.device):
            self.inputs = tf.identity(tf.constant(inputs, self.settings.dtype))
            self.labels = tf.identity(tf.constant(labels, tf.int32))

    def _run(self, inputs: tf.Tensor, labels: tf.Tensor, indices: tf.Tensor, masks: Masks) -> tf.Tensor:
        def body(number: tf.Tensor, losses: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            rows = indices[number]
            chosen = {name: mask[number] for name, mask in masks.items()}
            loss = self.step(tf.gather(inputs, rows), tf.gather(labels, rows), chosen)
            return number + 1, losses.write(number, loss)

        count = indices.shape[0]
        losses = tf.TensorArray(self.settings.dtype, size=count)
        return tf.while_loop(lambda number, _: number < count, body, (0, losses))[1].stack()

    def train(self, indices: Array, masks: Mapping[str, Array]) -> Array:
        """Run one step for each row of indices, all in one call."""
        self.steps = len(indices)
        with boundary.placed(self.settings.device):
            native = {name: tf.constant(mask, self.settings.dtype) for name, mask in masks.items()}
            losses = self.run(self.inputs, self.labels, tf.constant(indices, tf.int32), native)
        self.called = True
        return np.asarray(losses.numpy())

    def _predict_moving(self, x: tf.Tensor) -> tf.Tensor:
        return self.forward(x, training=False, masks=self._no_masks())

    def _predict_batch(self, x: tf.Tensor) -> tf.Tensor:
        kept = [tf.identity(variable) for variable in self.statistics]
        logits = self.forward(x, training=True, masks=self._no_masks())
        for variable, value in zip(self.statistics, kept, strict=True):
            variable.assign(value)
        return logits

    def _no_masks(self) -> Masks:
        return {name: tf.ones([1] * (1 + len(shape)), self.settings.dtype) for name, shape in self.masked.items()}

    def predict(self, inputs: Array, statistics: Statistics) -> Array:
        """Logits, with dropout off."""
        with boundary.placed(self.settings.device):
            return np.asarray(self.predictors[statistics](tf.constant(inputs, self.settings.dtype)).numpy())

    def observe(self, weight: tf.Variable) -> Mapping[str, Observation]:
        """Look at a weight, and at the graph of the last training call, which is not traced again for that."""
        place = "gpu" if "GPU" in weight.device else "cpu"
        return {
            "device": Observation(place, f"the weights are on {weight.device.rsplit('/', 1)[-1]}"),
            "dtype": Observation(weight.dtype.name, "dtype of the weights"),
            "style": self._style(),
        }

    def _style(self) -> Observation:
        if not hasattr(self.run, "get_concrete_function"):  # plain Python: what runs in it is what its network runs
            look = boundary.observe(lambda x: self.forward(x, False, self._no_masks()), self.inputs[:1])
            return look["style"]
        if tf.config.functions_run_eagerly():
            return Observation("eager", "tf.config.run_functions_eagerly is on, so nothing is traced")
        batch, dtype = (self.steps, self.settings.batch_size), self.settings.dtype
        rows = tf.zeros(batch, tf.int32)
        masks = {name: tf.ones([*batch, *shape], dtype) for name, shape in self.masked.items()}
        traced = self.run.get_concrete_function(self.inputs, self.labels, rows, masks)
        if not self.called:  # XLA compiles at the first call
            attributes = traced.function_def.attr
            style = "xla" if "_XlaMustCompile" in attributes and attributes["_XlaMustCompile"].b else "graph"
            return Observation(style, "no training call was made yet: what the graph's attributes ask for")
        return boundary.graph_style(traced.function_def, watch()[1])
