"""A layer and the float64 reference in step: errors of output, gradients and moving statistics, and a verdict.

Each step feeds a new batch to the implementation and to the reference, which follows the implementation's own
conventions, and measures output, gradients and moving statistics; then inference on the same batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bn_impls.accuracy.bounds import Quality
from bn_impls.accuracy.dtypes import numpy_dtype
from bn_impls.accuracy.errors import error_figures
from bn_impls.accuracy.exact import BATCH_STATISTICS, GRADIENTS, QUALITIES, Compared, Exact
from bn_impls.accuracy.inputs import NORMAL, Condition, channels_of, conditioned
from bn_impls.accuracy.tiles import by_channel, joined, tiles
from bn_impls.interface import Array, Layer, Unsupported

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
        state: dict[str, Any] = dict(layer.export_state())
        for name, center, used in (("gamma", 1.0, self.settings.scale), ("beta", 0.0, self.settings.center)):
            drawn = self.generator.normal(center, 0.5, self.settings.channels)
            if used:
                state[name] = drawn.astype(numpy_dtype(self.settings.dtype))
        layer.import_state(state)
        self.gamma: Array = state["gamma"].astype(np.float64)
        self.exact = [
            (part, Exact(part.settings, part.of(state["gamma"]), part.of(state["beta"])))
            for part in tiles(self.settings)
        ]

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
        worst: Figures = {}
        for compared in self._compared(gradients):
            for quantity, figures in self.figures(compared, NORMAL.name).items():
                before = worst.setdefault(quantity, figures)
                worst[quantity] = {measure: max(before[measure], figures[measure]) for measure in figures}
        return worst

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
        pieces = list(self._compared(gradients))
        return {quantity: self._joined([piece[quantity] for piece in pieces]) for quantity in pieces[0]}

    def _joined(self, pieces: Sequence[Compared]) -> Compared:
        got, exact = (joined(self.settings, [getattr(one, side) for one in pieces]) for side in ("got", "exact"))
        bounds = {quality: joined(self.settings, [one.bounds[quality] for one in pieces]) for quality in QUALITIES}
        return Compared(got, exact, bounds)

    def _compared(self, gradients: bool) -> Iterator[dict[str, Compared]]:
        """The values of one training call and one inference call, tile by tile."""
        with np.errstate(all="ignore"):  # values that are not finite are compared like others
            x, dy, got = self._called(gradients)
        for part, exact in self.exact:
            of_part = {quantity: part.of(array) for quantity, array in got.items()}
            with np.errstate(all="ignore"):
                compared = exact.compare(part.of(x), part.of(dy), of_part)
            yield compared

    def _called(self, gradients: bool) -> tuple[Array, Array, dict[str, Array]]:
        """Input, output gradient and what the layer made of them, by quantity."""
        x, dy = self.draw()
        kept = [by_channel(self.settings, array) for array in (x, dy)]  # now: the call may overwrite its input
        native = self.layer.to_native(x)
        gradients = gradients and not isinstance(self.layer.training_step_with_gradients, Unsupported)
        got = self._training_call(native, dy if gradients else None)
        state: Mapping[str, Any] = self.layer.export_state()
        got |= {name: np.array(state[name]) for name in BATCH_STATISTICS}
        got["output_inference"] = self.layer.to_numpy(self.layer.inference(native))
        return kept[0], kept[1], {quantity: self._usable(quantity, array) for quantity, array in got.items()}

    def _usable(self, quantity: str, got: Array) -> Array:
        """A result that can be compared, its values in memory as its tiles want them."""
        whole = quantity.startswith("output") or quantity == "gradient_input"
        self._refuse(quantity, got, self.settings.input_shape if whole else (self.settings.channels,))
        return by_channel(self.settings, got) if whole else got

    def _training_call(self, native: Any, dy: Array | None) -> dict[str, Array]:
        """What the layer computes, by quantity, a parameter that is off left out."""
        if dy is None:
            return {"output_training": self.layer.to_numpy(self.layer.training_step(native))}
        results = self.layer.differentiated(native, self.layer.to_native(dy))
        names = ("output_training", *GRADIENTS)
        used = (True, True, self.settings.scale, self.settings.center)
        return {name: self.layer.to_numpy(tensor) for name, tensor, on in zip(names, results, used, strict=True) if on}

    def fitting(self, quantity: str, got: Array, exact: Array, bounds: Mapping[Quality, Array]) -> Compared:
        """The values of one quantity, if they can be compared.

        Raises:
            Misfit: they have another shape or dtype than they should.
        """
        self._refuse(quantity, got, exact.shape)
        return Compared(got, exact, bounds)

    def _refuse(self, quantity: str, got: Array, shape: tuple[int, ...]) -> None:
        if got.shape != shape:
            raise Misfit(f"{quantity} has shape {got.shape}, but should have {shape}")
        if quantity not in WIDER and got.dtype.name != self.settings.dtype:
            raise Misfit(f"{quantity} has dtype {got.dtype}, but should have {self.settings.dtype}")


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
