"""The optimizers of :mod:`bn_impls.networks.optimizers` on PyTorch tensors.

``torch.optim.Adam`` adds its epsilon to the corrected second moment's root, so it takes another trajectory.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch

from bn_impls.networks.optimizers import SGD, Optimizer


class TorchOptimizer:
    """Slots and step of one optimizer; every update runs over all weights in one call (``torch._foreach_*``)."""

    def __init__(self, settings: Optimizer, weights: Mapping[str, torch.Tensor]) -> None:
        """Start every slot at 0."""
        self.settings, self.targets = settings, list(weights.values())
        self.steps = torch.zeros((), dtype=torch.int64)  # on the CPU: its value is needed in Python
        self.slots = {
            slot: {name: torch.zeros_like(weight, requires_grad=False) for name, weight in weights.items()}
            for slot in settings.slots
        }

    def apply(self, gradients: Sequence[torch.Tensor]) -> None:
        """One update of every weight."""
        with torch.no_grad():
            self._apply(list(gradients))

    def _apply(self, found: list[torch.Tensor]) -> None:
        self.steps += 1
        settings = self.settings
        if isinstance(settings, SGD):
            torch._foreach_add_(self.targets, found, alpha=-settings.rate)
            return
        t = int(self.steps)
        correction = math.sqrt(1 - settings.beta_2**t) / (1 - settings.beta_1**t)  # in float64
        first, second = (list(self.slots[slot].values()) for slot in ("m", "v"))
        torch._foreach_mul_(first, settings.beta_1)
        torch._foreach_add_(first, found, alpha=1 - settings.beta_1)
        torch._foreach_mul_(second, settings.beta_2)
        torch._foreach_addcmul_(second, found, found, 1 - settings.beta_2)
        roots = torch._foreach_sqrt(second)
        torch._foreach_add_(roots, settings.epsilon)
        torch._foreach_addcdiv_(self.targets, first, roots, -settings.rate * correction)

    def state(self) -> dict[str, torch.Tensor]:
        """The slots by ``layer/parameter/slot``, and the number of steps taken; the tensors themselves."""
        slots = {f"{name}/{slot}": tensor for slot, tensors in self.slots.items() for name, tensor in tensors.items()}
        return slots | {"step": self.steps}
