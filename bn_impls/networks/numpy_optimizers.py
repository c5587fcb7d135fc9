"""The optimizers of :mod:`bn_impls.networks.optimizers` in NumPy."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from bn_impls.interface import Array
from bn_impls.networks.optimizers import SGD, Optimizer


class NumpyOptimizer:
    """Slots and step of one optimizer over named parameters."""

    def __init__(self, optimizer: Optimizer, parameters: Mapping[str, Array]) -> None:
        """Start every slot at 0."""
        self.settings = optimizer
        self.steps = 0
        self.slots = {
            f"{name}/{slot}": np.zeros_like(array) for name, array in parameters.items() for slot in optimizer.slots
        }

    def step(self, parameters: Mapping[str, Array], gradients: Mapping[str, Array]) -> dict[str, Array]:
        """One update.

        Args:
            parameters: by name.
            gradients: by the same names.

        Returns:
            The new parameters, in the dtype of the old.
        """
        self.steps += 1
        settings = self.settings
        if isinstance(settings, SGD):
            return {
                name: array - array.dtype.type(settings.rate) * gradients[name] for name, array in parameters.items()
            }
        correction = math.sqrt(1 - settings.beta_2**self.steps) / (1 - settings.beta_1**self.steps)
        updated = {}
        for name, array in parameters.items():
            number, gradient = array.dtype.type, gradients[name]
            m = number(settings.beta_1) * self.slots[f"{name}/m"] + number(1 - settings.beta_1) * gradient
            v = number(settings.beta_2) * self.slots[f"{name}/v"] + number(1 - settings.beta_2) * gradient**2
            self.slots[f"{name}/m"], self.slots[f"{name}/v"] = m, v
            change = number(settings.rate * correction) * m / (np.sqrt(v) + number(settings.epsilon))
            updated[name] = array - change
        return updated

    def export(self) -> dict[str, Array]:
        """Copies of the slots, and the number of steps taken."""
        return {name: slot.copy() for name, slot in self.slots.items()} | {"step": np.array(self.steps, np.int64)}

    def load(self, arrays: Mapping[str, Array]) -> None:
        """Set slots and step."""
        self.steps = int(arrays["step"])
        self.slots = {name: arrays[name].copy() for name in self.slots}
