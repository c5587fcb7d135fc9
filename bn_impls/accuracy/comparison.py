"""A layer and the float64 reference in step: errors of output, gradients and moving statistics, and a verdict.

Each step feeds a new batch to the implementation and to the reference, which follows the implementation's own
conventions, and measures output, gradients and moving statistics; then inference on the same batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from bn_impls.accuracy.bounds import Bounds, Quality, inference_bound, moving_bound, step_bounds
from bn_impls.accuracy.errors import error_figures
from bn_impls.interface import Array, Layer, Unsupported
from bn_impls.numpy_reference import BatchNorm as Reference

QUALITIES: dict[Quality, str] = {"good": "over_bound", "plain": "over_limit"}
MEASURES = ("abs", "rel", "ulp", *QUALITIES.values())
QUANTITIES = (
    "output_training",
    "output_inference",
    "gradient_input",
    "gradient_gamma",
    "gradient_beta",
    "moving_mean",
    "moving_variance",
)
COMPUTED = ("output_training", "output_inference", "gradient_input")  # in the case's dtype; parameters may be wider
Figures = dict[str, dict[str, float]]


class Misfit(Exception):
    """A result that cannot be compared, being of another shape or dtype than it should."""


class Comparison:
    """An implementation's layer and the reference, in step."""

    def __init__(self, layer: Layer, seed: int) -> None:
        """Give both the same drawn gamma and beta."""
        self.layer, self.settings = layer, layer.configuration
        self.generator = np.random.default_rng(seed)
        exact = replace(self.settings, dtype="float64", style="eager", device="cpu")
        self.reference = Reference(exact)
        state: dict[str, Any] = dict(layer.export_state())
        for name, center in (("gamma", 1.0), ("beta", 0.0)):
            drawn = self.generator.normal(center, 0.5, self.settings.channels)
            state[name] = drawn.astype(self.settings.dtype)
        layer.import_state(state)
        self.reference.gamma = state["gamma"].astype(np.float64)
        self.reference.beta = state["beta"].astype(np.float64)
        zero = np.zeros(self.settings.channels)
        self.moving_bounds: dict[tuple[Quality, str], Array] = {
            (quality, name): zero for quality in QUALITIES for name in ("mean", "variance")
        }

    def draw(self) -> tuple[Array, Array]:
        """The next input and output gradient, normally distributed, in the case's dtype."""
        shape, dtype = self.settings.input_shape, self.settings.dtype
        x, dy = (self.generator.standard_normal(shape, np.float32).astype(dtype) for _ in range(2))
        return x, dy

    def step(self, *, gradients: bool) -> Figures:
        """One training call and one inference call on both sides.

        Args:
            gradients: whether the training call is the one with gradients.

        Returns:
            Quantity -> error figures.
        """
        x, dy = self.draw()
        exact_x, exact_dy = x.astype(np.float64), dy.astype(np.float64)  # now: the call may overwrite its input
        native = self.layer.to_native(x)
        differentiate = self.layer.training_step_with_gradients
        gradients = gradients and not isinstance(differentiate, Unsupported)
        if gradients and not isinstance(differentiate, Unsupported):
            results = differentiate(native, self.layer.to_native(dy))
            y, dx, dgamma, dbeta = (self.layer.to_numpy(tensor) for tensor in results)
        else:
            y = self.layer.to_numpy(self.layer.training_step(native))
        before = self.reference.moving_mean, self.reference.moving_variance, self.reference.num_updates
        exact_y = self.reference.forward(exact_x)
        bounds = {q: step_bounds(self.settings, q, exact_x, exact_dy, self.reference.gamma, self.reference.beta)
                  for q in QUALITIES}  # fmt: skip
        pairs = {"output_training": (y, exact_y, "output")}
        if gradients:
            exact_dx, exact_dgamma, exact_dbeta = self.reference.backward(exact_dy)
            assert exact_dgamma is not None and exact_dbeta is not None
            pairs["gradient_input"] = (dx, exact_dx, "gradient_input")
            pairs["gradient_gamma"] = (dgamma, exact_dgamma, "gradient_gamma")
            pairs["gradient_beta"] = (dbeta, exact_dbeta, "gradient_beta")
        figures = {
            quantity: self._figures(quantity, got, exact, {q: getattr(bound, field) for q, bound in bounds.items()})
            for quantity, (got, exact, field) in pairs.items()
        }
        self._advance_bounds(before, bounds)
        return figures | self._statistics() | self._inference(native, exact_x)

    def _figures(self, quantity: str, got: Array, exact: Array, bounds: Mapping[Quality, Array]) -> dict[str, float]:
        if got.shape != exact.shape:
            raise Misfit(f"{quantity} has shape {got.shape}, but should have {exact.shape}")
        if quantity in COMPUTED and got.dtype.name != self.settings.dtype:
            raise Misfit(f"{quantity} has dtype {got.dtype}, but should have {self.settings.dtype}")
        axis = self.settings.channel_axis if exact.ndim > 1 else None
        named = {QUALITIES[quality]: bound for quality, bound in bounds.items()}
        return error_figures(got, exact, named, self.settings.dtype, axis)

    def _advance_bounds(self, before: tuple[Array, Array, int], bounds: Mapping[Quality, Bounds]) -> None:
        old_mean, old_variance, updates = before
        decay = self.settings.conventions.decay_of(self.settings.decay, updates)
        for name, old, new in (
            ("mean", old_mean, self.reference.moving_mean),
            ("variance", old_variance, self.reference.moving_variance),
        ):
            size = decay * np.abs(old) + np.abs(new - decay * old)
            for quality, bound in bounds.items():
                so_far, batch = self.moving_bounds[quality, name], getattr(bound, name)
                self.moving_bounds[quality, name] = moving_bound(self.settings, decay, so_far, batch, size)

    def _statistics(self) -> Figures:
        state: Mapping[str, Any] = self.layer.export_state()
        return {
            name: self._figures(
                name, state[name], getattr(self.reference, name),
                {quality: self.moving_bounds[quality, name.removeprefix("moving_")] for quality in QUALITIES},
            )
            for name in ("moving_mean", "moving_variance")
        }  # fmt: skip

    def _inference(self, native: Any, exact_x: Array) -> Figures:
        y = self.layer.to_numpy(self.layer.inference(native))
        reference = self.reference
        bounds = {
            quality: inference_bound(
                self.settings, exact_x, reference.moving_mean, reference.moving_variance,
                self.moving_bounds[quality, "mean"], self.moving_bounds[quality, "variance"],
                reference.gamma, reference.beta,
            )
            for quality in QUALITIES
        }  # fmt: skip
        return {"output_inference": self._figures("output_inference", y, reference.inference(exact_x), bounds)}


def by_quantity(steps: list[Figures]) -> dict[str, dict[str, list[float | None]]]:
    """Turn figures by step into figures by quantity; None where a step has no such quantity."""
    return {
        quantity: {measure: [step[quantity][measure] if quantity in step else None for step in steps]
                   for measure in MEASURES}
        for quantity in QUANTITIES
    }  # fmt: skip


def summarize(steps: list[Figures]) -> dict[str, Any]:
    """The worst of each figure over all steps, and the worst quantity of all."""
    metrics: dict[str, Any] = {}
    for quantity in QUANTITIES:
        for measure in MEASURES:
            found = [step[quantity][measure] for step in steps if quantity in step]
            metrics[f"{quantity}_error_{measure}"] = max(found, default=None)  # an API may have no gradients
    measured = [quantity for quantity in QUANTITIES if metrics[f"{quantity}_error_over_bound"] is not None]
    worst = max(measured, key=lambda quantity: metrics[f"{quantity}_error_over_bound"])
    metrics["worst_quantity"] = worst
    metrics["worst_error_over_bound"] = metrics[f"{worst}_error_over_bound"]
    return metrics


def judge(metrics: Mapping[str, Any], updates: int, steps: int, changed: list[str]) -> str | None:
    """Why an implementation disagrees, or None."""
    complaints = []
    for quantity in QUANTITIES:
        over_limit = metrics[f"{quantity}_error_over_limit"]
        if over_limit is not None and not over_limit <= 1:
            off = metrics[f"{quantity}_error_abs"]
            complaints.append(f"{quantity} is {off:.3g} off, {over_limit:.3g} times what rounding explains")
    if updates != steps:
        complaints.append(f"num_updates is {updates} after {steps} training calls, but should be {steps}")
    if changed:
        complaints.append(f"inference changed {', '.join(changed)}, but should change nothing")
    return "; ".join(complaints) or None
