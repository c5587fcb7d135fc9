"""A layer and the float64 reference in step: errors of output, gradients and moving statistics, and a verdict.

Each step feeds a new batch to the implementation and to the reference, which follows the implementation's own
conventions, and measures output, gradients and moving statistics; then inference on the same batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bn_impls.accuracy.bounds import Bounds, Quality, inference_bound, moving_bound, step_bounds
from bn_impls.accuracy.dtypes import numpy_dtype
from bn_impls.accuracy.errors import error_figures
from bn_impls.accuracy.inputs import NORMAL, Condition, channels_of, conditioned
from bn_impls.accuracy.tiles import by_channel
from bn_impls.interface import Array, Layer, Unsupported
from bn_impls.numpy_reference import BatchNorm as Reference

QUALITIES: dict[Quality, str] = {"good": "over_bound", "plain": "over_limit"}
MEASURES = ("abs", "rel", "ulp", *QUALITIES.values())
FIRST_ORDER = (
    "output_training",
    "output_inference",
    "gradient_input",
    "gradient_gamma",
    "gradient_beta",
    "moving_mean",
    "moving_variance",
)
QUANTITIES = (*FIRST_ORDER, "second_order_input", "second_order_output_gradient")
"""What is compared, where there is such a thing: a parameter that is off has no gradient, and second-order gradients
are compared by cases of their own."""
WIDER = ("gradient_gamma", "gradient_beta", "moving_mean", "moving_variance")  # parameters may be wider than the input
Figures = dict[str, dict[str, float]]


class Misfit(Exception):
    """A result that cannot be compared, being of another shape or dtype than it should."""


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


class Comparison:
    """An implementation's layer and the reference, in step."""

    def __init__(self, layer: Layer, seed: int, conditions: tuple[Condition, ...] = (NORMAL,)) -> None:
        """Give both the same drawn gamma and beta.

        Args:
            layer: whose results are compared; it is still in its first state.
            seed: of everything that is drawn.
            conditions: how the values of the input are distributed, each in its share of the channels.
        """
        self.layer, self.settings, self.conditions = layer, layer.configuration, conditions
        self.channels = channels_of(conditions, self.settings.channels)
        self.generator = np.random.default_rng(seed)
        exact = replace(self.settings, dtype="float64", style="eager", device="cpu")
        self.reference = Reference(exact)
        state: dict[str, Any] = dict(layer.export_state())
        for name, center, used in (("gamma", 1.0, self.settings.scale), ("beta", 0.0, self.settings.center)):
            drawn = self.generator.normal(center, 0.5, self.settings.channels)
            if used:
                state[name] = drawn.astype(numpy_dtype(self.settings.dtype))
        layer.import_state(state)
        self.reference.gamma = state["gamma"].astype(np.float64)
        self.reference.beta = state["beta"].astype(np.float64)
        zero = np.zeros(self.settings.channels)
        self.moving_bounds: dict[tuple[Quality, str], Array] = {
            (quality, name): zero for quality in QUALITIES for name in ("mean", "variance")
        }

    def draw(self) -> tuple[Array, Array]:
        """The next input, distributed as the conditions say, and output gradient, normally distributed."""
        shape = self.settings.input_shape
        x, dy = (self.generator.standard_normal(shape, np.float32) for _ in range(2))
        return conditioned(x, self.settings, self.conditions), dy.astype(numpy_dtype(self.settings.dtype))

    def step(self, *, gradients: bool) -> Figures:
        """One training call and one inference call on both sides.

        Args:
            gradients: whether the training call is the one with gradients.

        Returns:
            Quantity -> error figures of the channels with normally distributed input.
        """
        return self.figures(self.compare(gradients=gradients), NORMAL.name)

    def figures(self, compared: Mapping[str, Compared], condition: str) -> Figures:
        """Error figures of the channels of one condition, by quantity."""
        return {quantity: self.part_figures(self.part(one, condition)) for quantity, one in compared.items()}

    def part(self, compared: Compared, condition: str) -> Compared:
        """The channels of one condition."""
        axis = self.settings.channel_axis if self._is_whole(compared) else 0
        place = (*(slice(None) for _ in range(axis)), self.channels[condition])
        bounds = {quality: bound[place] for quality, bound in compared.bounds.items()}
        return Compared(compared.got[place], compared.exact[place], bounds)

    def part_figures(self, compared: Compared) -> dict[str, float]:
        """Error figures of one quantity in the channels that are there."""
        axis = self.settings.channel_axis if self._is_whole(compared) else None
        bounds = {QUALITIES[quality]: bound for quality, bound in compared.bounds.items()}
        return error_figures(compared.got, compared.exact, bounds, self.settings.dtype, axis)

    def _is_whole(self, compared: Compared) -> bool:
        return compared.exact.ndim == len(self.settings.input_shape)  # and not one value a channel

    def compare(self, *, gradients: bool) -> dict[str, Compared]:
        """The same as :meth:`step`, as values instead of figures."""
        with np.errstate(all="ignore"):  # values that are not finite are compared like others
            return self._compare(gradients)

    def _compare(self, gradients: bool) -> dict[str, Compared]:
        x, dy = self.draw()
        exact_x, exact_dy = self._exact(x), self._exact(dy)  # now: the call may overwrite its input
        native = self.layer.to_native(x)
        gradients = gradients and not isinstance(self.layer.training_step_with_gradients, Unsupported)
        got = self._training_call(native, dy if gradients else None)
        before = self.reference.moving_mean, self.reference.moving_variance, self.reference.num_updates
        exact: dict[str, Array | None] = {"output": self.reference.forward(exact_x)}
        bounds = {q: step_bounds(self.settings, q, exact_x, exact_dy, self.reference.gamma, self.reference.beta)
                  for q in QUALITIES}  # fmt: skip
        names = ("gradient_input", "gradient_gamma", "gradient_beta")
        exact |= dict(zip(names, self.reference.backward(exact_dy), strict=True)) if gradients else {}
        found = {}
        for field, true in exact.items():
            if true is not None:
                quantity = "output_training" if field == "output" else field
                allowed = {quality: getattr(bound, field) for quality, bound in bounds.items()}
                found[quantity] = self.fitting(quantity, got[field], true, allowed)
        self._advance_bounds(before, bounds)
        return found | self._statistics() | self._inference(native, exact_x)

    def _exact(self, array: Array) -> Array:
        """A copy in float64, in memory as the tiles of large inputs want it."""
        return by_channel(self.settings, array.astype(np.float64))

    def _training_call(self, native: Any, dy: Array | None) -> dict[str, Array]:
        """What the layer computes, a parameter that is off left out."""
        if dy is None:
            return {"output": self.layer.to_numpy(self.layer.training_step(native))}
        results = self.layer.differentiated(native, self.layer.to_native(dy))
        names = ("output", "gradient_input", "gradient_gamma", "gradient_beta")
        used = (True, True, self.settings.scale, self.settings.center)
        return {name: self.layer.to_numpy(tensor) for name, tensor, on in zip(names, results, used, strict=True) if on}

    def fitting(self, quantity: str, got: Array, exact: Array, bounds: Mapping[Quality, Array]) -> Compared:
        """The values of one quantity, if they can be compared.

        Raises:
            Misfit: they have another shape or dtype than they should.
        """
        if got.shape != exact.shape:
            raise Misfit(f"{quantity} has shape {got.shape}, but should have {exact.shape}")
        if quantity not in WIDER and got.dtype.name != self.settings.dtype:
            raise Misfit(f"{quantity} has dtype {got.dtype}, but should have {self.settings.dtype}")
        return Compared(by_channel(self.settings, got) if got.ndim > 1 else got, exact, bounds)

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
                self.moving_bounds[quality, name] = moving_bound(self.settings, quality, decay, so_far, batch, size)

    def _statistics(self) -> dict[str, Compared]:
        state: Mapping[str, Any] = self.layer.export_state()
        return {
            name: self.fitting(
                name, state[name], getattr(self.reference, name),
                {quality: self.moving_bounds[quality, name.removeprefix("moving_")] for quality in QUALITIES},
            )
            for name in ("moving_mean", "moving_variance")
        }  # fmt: skip

    def _inference(self, native: Any, exact_x: Array) -> dict[str, Compared]:
        y = self.layer.to_numpy(self.layer.inference(native))
        reference = self.reference
        bounds = {
            quality: inference_bound(
                self.settings, quality, exact_x, reference.moving_mean, reference.moving_variance,
                self.moving_bounds[quality, "mean"], self.moving_bounds[quality, "variance"],
                reference.gamma, reference.beta,
            )
            for quality in QUALITIES
        }  # fmt: skip
        return {"output_inference": self.fitting("output_inference", y, reference.inference(exact_x), bounds)}


def present(steps: Sequence[Figures]) -> list[str]:
    """The quantities that any of the steps has."""
    return [quantity for quantity in QUANTITIES if any(quantity in step for step in steps)]


def by_quantity(steps: list[Figures]) -> dict[str, dict[str, list[float | None]]]:
    """Turn figures by step into figures by quantity; None where a step has no such quantity."""
    return {
        quantity: {measure: [step[quantity][measure] if quantity in step else None for step in steps]
                   for measure in MEASURES}
        for quantity in present(steps)
    }  # fmt: skip


def summarize(steps: list[Figures]) -> dict[str, Any]:
    """The worst of each figure over all steps, and the worst quantity of all."""
    metrics: dict[str, Any] = {}
    quantities = present(steps)
    for quantity in quantities:
        for measure in MEASURES:
            found = [step[quantity][measure] for step in steps if quantity in step]
            metrics[f"{quantity}_error_{measure}"] = max(found)
    worst = max(quantities, key=lambda quantity: metrics[f"{quantity}_error_over_bound"])
    metrics["worst_quantity"] = worst
    metrics["worst_error_over_bound"] = metrics[f"{worst}_error_over_bound"]
    return metrics


def judge(metrics: Mapping[str, Any], updates: int, steps: int, changed: list[str]) -> str | None:
    """Why an implementation disagrees, or None."""
    complaints = []
    for quantity in QUANTITIES:
        over_limit = metrics.get(f"{quantity}_error_over_limit", 0.0)
        if not over_limit <= 1:
            off = metrics[f"{quantity}_error_abs"]
            complaints.append(f"{quantity} is {off:.3g} off, {over_limit:.3g} times what rounding explains")
    if updates != steps:
        complaints.append(f"num_updates is {updates} after {steps} training calls, but should be {steps}")
    if changed:
        complaints.append(f"inference changed {', '.join(changed)}, but should change nothing")
    return "; ".join(complaints) or None
