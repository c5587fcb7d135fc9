"""The optimizers of :mod:`bn_impls.networks.optimizers` on TensorFlow variables."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from bn_impls.interface import Array
from bn_impls.networks.optimizers import SGD, Optimizer


class TensorFlowOptimizer(tf.Module):
    """The optimizers of :mod:`bn_impls.networks.optimizers` on variables."""

    def __init__(self, settings: Optimizer, weights: Mapping[str, tf.Variable]) -> None:
        super().__init__()
        self.settings, self.targets = settings, dict(weights)
        self.step = tf.Variable(0, trainable=False, dtype=tf.int64)
        self.slots = {
            f"{name}/{slot}": tf.Variable(tf.zeros_like(variable), trainable=False)
            for name, variable in weights.items()
            for slot in settings.slots
        }

    def apply(self, gradients: Mapping[str, tf.Tensor]) -> None:
        """One update of every weight."""
        settings = self.settings
        self.step.assign_add(1)
        if isinstance(settings, SGD):
            for name, variable in self.targets.items():
                variable.assign_sub(settings.rate * gradients[name])
            return
        t = tf.cast(self.step, tf.float64)  # 1 - beta_2^t would lose five digits in float32 at t = 1
        first, second = (tf.constant(beta, tf.float64) for beta in (settings.beta_1, settings.beta_2))
        rate = settings.rate * tf.sqrt(1 - second**t) / (1 - first**t)
        for name, variable in self.targets.items():
            m, v, gradient = self.slots[f"{name}/m"], self.slots[f"{name}/v"], gradients[name]
            m.assign(settings.beta_1 * m + (1 - settings.beta_1) * gradient)
            v.assign(settings.beta_2 * v + (1 - settings.beta_2) * tf.square(gradient))
            variable.assign_sub(tf.cast(rate, m.dtype) * m / (tf.sqrt(v) + settings.epsilon))

    def export(self) -> dict[str, Array]:
        """Copies of the slots, and the number of steps taken."""
        return {name: slot.numpy() for name, slot in self.slots.items()} | {"step": self.step.numpy()}

    def load(self, arrays: Mapping[str, Array]) -> None:
        """Set slots and step."""
        self.step.assign(arrays["step"])
        for name, slot in self.slots.items():
            slot.assign(arrays[name])
