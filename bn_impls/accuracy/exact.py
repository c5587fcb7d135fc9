"""The float64 reference of some channels, in step with an implementation's layer, with the bounds of each quantity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bn_impls.accuracy.bounds import Bounds, Quality, inference_bound, moving_bound, step_bounds
from bn_impls.interface import Array, Configuration
from bn_impls.numpy_reference import BatchNorm as Reference

QUALITIES: dict[Quality, str] = {"good": "over_bound", "plain": "over_limit"}
GRADIENTS = ("gradient_input", "gradient_gamma", "gradient_beta")
BATCH_STATISTICS = {"moving_mean": "mean", "moving_variance": "variance"}


@dataclass(frozen=True)
class Compared:
    """One quantity of one step, as it was computed and as it should be.

    Attributes:
        got: what was computed, in the shape of the input or (C,).
        exact: the reference's, in float64.
        bounds: of each quality, in the same shape.
    """

    got: Array
    exact: Array
    bounds: Mapping[Quality, Array]


class Exact:
    """What a layer should compute, step by step, and how far a layer of its dtype may be from it."""

    def __init__(self, settings: Configuration, gamma: Array, beta: Array) -> None:
        """Begin with the layer's first state.

        Args:
            settings: of the layer, or of the channels of it that are followed here.
            gamma: (C,).
            beta: (C,).
        """
        self.settings = settings
        self.reference = Reference(replace(settings, dtype="float64", style="eager", device="cpu"))
        self.reference.gamma, self.reference.beta = gamma.astype(np.float64), beta.astype(np.float64)
        zero = np.zeros(settings.channels)
        self.moving_bounds: dict[tuple[Quality, str], Array] = {
            (quality, name): zero for quality in QUALITIES for name in BATCH_STATISTICS
        }

    def compare(self, x: Array, dy: Array, got: Mapping[str, Array]) -> dict[str, Compared]:
        """Take the step that the layer has taken.

        Args:
            x: the batch, in the layer's dtype.
            dy: gradient of the output; drawn also where the layer's call took none.
            got: what the layer computed, by quantity; without ``gradient_input`` its call took no gradients.

        Returns:
            The quantities that the reference has as well.
        """
        exact_x, exact_dy = x.astype(np.float64), dy.astype(np.float64)
        reference = self.reference
        before = {name: getattr(reference, name) for name in BATCH_STATISTICS}
        updates = reference.num_updates
        exact: dict[str, Array | None] = {"output_training": reference.forward(exact_x)}
        if "gradient_input" in got:
            exact |= zip(GRADIENTS, reference.backward(exact_dy), strict=True)
        bounds = {q: step_bounds(self.settings, q, exact_x, exact_dy, reference.gamma, reference.beta)
                  for q in QUALITIES}  # fmt: skip
        found = {}
        for quantity, true in exact.items():
            if true is not None:
                field = quantity.removesuffix("_training")
                allowed = {quality: getattr(bound, field) for quality, bound in bounds.items()}
                found[quantity] = Compared(got[quantity], true, allowed)
        self._advance_bounds(before, updates, bounds)
        for name in BATCH_STATISTICS:
            moved = {quality: self.moving_bounds[quality, name] for quality in QUALITIES}
            found[name] = Compared(got[name], getattr(reference, name), moved)
        allowed = {quality: self._inference_bound(quality, exact_x) for quality in QUALITIES}
        return found | {
            "output_inference": Compared(got["output_inference"], reference.inference(exact_x), allowed),
        }

    def _advance_bounds(self, before: Mapping[str, Array], updates: int, bounds: Mapping[Quality, Bounds]) -> None:
        decay = self.settings.conventions.decay_of(self.settings.decay, updates)
        for name, field in BATCH_STATISTICS.items():
            old, new = before[name], getattr(self.reference, name)
            size = decay * np.abs(old) + np.abs(new - decay * old)
            for quality, bound in bounds.items():
                so_far, batch = self.moving_bounds[quality, name], getattr(bound, field)
                self.moving_bounds[quality, name] = moving_bound(self.settings, quality, decay, so_far, batch, size)

    def _inference_bound(self, quality: Quality, exact_x: Array) -> Array:
        reference = self.reference
        return inference_bound(
            self.settings, quality, exact_x, reference.moving_mean, reference.moving_variance,
            self.moving_bounds[quality, "moving_mean"], self.moving_bounds[quality, "moving_variance"],
            reference.gamma, reference.beta,
        )  # fmt: skip
