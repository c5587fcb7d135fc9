"""Agreement: does it compute what the float64 reference computes?

Each step feeds a new batch to the implementation and to the reference, which follows the implementation's own
conventions, and measures output, gradients and moving statistics; then inference on the same batch.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from benchmarks.axes.bounds import inference_bound, moving_bound, step_bounds
from benchmarks.axes.errors import error_figures
from benchmarks.axes.outcome import Outcome, Surroundings, labelled
from bn_impls.interface import Array, Configuration, Implementation, Layer, NoDevice, Unsupported
from bn_impls.numpy_reference import BatchNorm as Reference

LIMIT_OVER_BOUND = 8.0
"""Above this multiple of the bound an implementation disagrees.

The bound is that of a two-pass evaluation with pairwise sums. On inputs around 0 a correct implementation may take
sums of n terms in order (error growing as sqrt(n) instead of log n), multiply out the normalization, or compute the
variance in one pass; together these stay within a small multiple, whereas a mistake in a formula shows at 1/u.
"""
QUANTITIES = (
    "output_training",
    "output_inference",
    "gradient_input",
    "gradient_gamma",
    "gradient_beta",
    "moving_mean",
    "moving_variance",
)
Figures = dict[str, dict[str, float]]


def configuration_of(implementation: Implementation, parameters: Mapping[str, Any]) -> Configuration:
    """The layer that a case is about, with the implementation's own conventions."""
    return Configuration(
        input_shape=tuple(parameters["shape"]),
        layout=parameters["layout"],
        dtype=parameters["dtype"],
        decay=parameters.get("decay", 0.9),
        epsilon=parameters.get("epsilon", 1e-3),
        center=True,
        scale=True,
        conventions=implementation.conventions,
        style=parameters["style"],
        device=parameters["device"],
    )


def refused(reason: Unsupported) -> Outcome:
    """The row of a part that is not offered, or a device that is not there."""
    return Outcome(status="no_device" if isinstance(reason, NoDevice) else "unsupported", reason=reason.reason)


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
        self.moving_bounds = {"mean": zero, "variance": zero}

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
        native = self.layer.to_native(x)
        if gradients:
            results = self.layer.training_step_with_gradients(native, self.layer.to_native(dy))
            y, dx, dgamma, dbeta = (self.layer.to_numpy(tensor) for tensor in results)
        else:
            y = self.layer.to_numpy(self.layer.training_step(native))
        exact_x, exact_dy = x.astype(np.float64), dy.astype(np.float64)
        before = self.reference.moving_mean, self.reference.moving_variance, self.reference.num_updates
        exact_y = self.reference.forward(exact_x)
        bounds = step_bounds(self.settings, exact_x, exact_dy, self.reference.gamma, self.reference.beta)
        figures = {"output_training": self._figures(y, exact_y, bounds.output)}
        if gradients:
            exact_dx, exact_dgamma, exact_dbeta = self.reference.backward(exact_dy)
            assert exact_dgamma is not None and exact_dbeta is not None
            figures["gradient_input"] = self._figures(dx, exact_dx, bounds.gradient_input)
            figures["gradient_gamma"] = self._figures(dgamma, exact_dgamma, bounds.gradient_gamma)
            figures["gradient_beta"] = self._figures(dbeta, exact_dbeta, bounds.gradient_beta)
        self._advance_bounds(before, bounds.mean, bounds.variance)
        return figures | self._statistics() | self._inference(native, exact_x)

    def _figures(self, got: Array, exact: Array, bound: Array) -> dict[str, float]:
        axis = self.settings.channel_axis if exact.ndim > 1 else None
        return error_figures(got, exact, bound, self.settings.dtype, axis)

    def _advance_bounds(self, before: tuple[Array, Array, int], d_mean: Array, d_variance: Array) -> None:
        old_mean, old_variance, updates = before
        decay = self.settings.conventions.decay_of(self.settings.decay, updates)
        for name, old, new, d_batch in (
            ("mean", old_mean, self.reference.moving_mean, d_mean),
            ("variance", old_variance, self.reference.moving_variance, d_variance),
        ):
            size = decay * np.abs(old) + np.abs(new - decay * old)
            self.moving_bounds[name] = moving_bound(self.settings, decay, self.moving_bounds[name], d_batch, size)

    def _statistics(self) -> Figures:
        state = self.layer.export_state()
        return {
            "moving_mean": self._figures(state["moving_mean"], self.reference.moving_mean, self.moving_bounds["mean"]),
            "moving_variance": self._figures(
                state["moving_variance"], self.reference.moving_variance, self.moving_bounds["variance"]
            ),
        }

    def _inference(self, native: Any, exact_x: Array) -> Figures:
        y = self.layer.to_numpy(self.layer.inference(native))
        reference = self.reference
        bound = inference_bound(
            self.settings, exact_x, reference.moving_mean, reference.moving_variance, self.moving_bounds["mean"],
            self.moving_bounds["variance"], reference.gamma, reference.beta,
        )  # fmt: skip
        return {"output_inference": self._figures(y, reference.inference(exact_x), bound)}


def run(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """Run one case.

    Args:
        implementation: what is measured.
        parameters: of the case.
        surroundings: not needed on this axis.

    Returns:
        Error figures of every quantity after every step; ``disagrees`` if one is above the limit.
    """
    settings = configuration_of(implementation, parameters)
    layer = implementation.build(settings)
    if isinstance(layer, Unsupported):
        return refused(layer)
    try:
        return _compare(layer, parameters)
    finally:
        layer.close()


def _compare(layer: Layer, parameters: Mapping[str, Any]) -> Outcome:
    comparison = Comparison(layer, parameters["seed"])
    steps, durations_ns = [], []
    for number in range(parameters["steps"] + 1):  # the last one by the call without gradients
        began = time.perf_counter_ns()
        steps.append(comparison.step(gradients=number < parameters["steps"]))
        durations_ns.append(time.perf_counter_ns() - began)
    updates = layer.export_state()["num_updates"]
    before = layer.export_state()
    x, _ = comparison.draw()
    settings = layer.configuration
    claims = {"device": settings.device, "dtype": settings.dtype, "style": settings.style}
    labels, wrong = labelled(claims, layer.observe(layer.inference, layer.to_native(x)))
    changed = [name for name, value in layer.export_state().items() if not np.array_equal(value, before[name])]  # type: ignore[literal-required]  # names of the TypedDict
    metrics = summarize(steps) | {"num_updates": updates, **asdict(settings.conventions)}
    samples = {"steps": by_quantity(steps), "durations_ns": durations_ns}
    if wrong:
        return Outcome(status="failed", reason=f"a label is wrong: {wrong}", labels=labels)
    reason = judge(metrics, updates, len(steps), changed)
    return Outcome(
        status="disagrees" if reason else "ok", reason=reason, metrics=metrics, samples=samples, labels=labels
    )


def by_quantity(steps: list[Figures]) -> dict[str, dict[str, list[float | None]]]:
    """Turn figures by step into figures by quantity; None where a step has no such quantity."""
    measures = ("abs", "rel", "ulp", "over_bound")
    return {
        quantity: {measure: [step[quantity][measure] if quantity in step else None for step in steps]
                   for measure in measures}
        for quantity in QUANTITIES
    }  # fmt: skip


def summarize(steps: list[Figures]) -> dict[str, Any]:
    """The worst of each figure over all steps, and the worst quantity of all."""
    metrics: dict[str, Any] = {}
    for quantity in QUANTITIES:
        for measure in ("abs", "rel", "ulp", "over_bound"):
            found = [step[quantity][measure] for step in steps if quantity in step]
            metrics[f"{quantity}_error_{measure}"] = max(found)
    worst = max(QUANTITIES, key=lambda quantity: metrics[f"{quantity}_error_over_bound"])
    metrics["worst_quantity"] = worst
    metrics["worst_error_over_bound"] = metrics[f"{worst}_error_over_bound"]
    metrics["limit_over_bound"] = LIMIT_OVER_BOUND
    return metrics


def judge(metrics: Mapping[str, Any], updates: int, steps: int, changed: list[str]) -> str | None:
    """Why an implementation disagrees, or None."""
    complaints = []
    worst = metrics["worst_error_over_bound"]
    if not worst <= LIMIT_OVER_BOUND:
        quantity = metrics["worst_quantity"]
        complaints.append(
            f"{quantity} is {metrics[f'{quantity}_error_abs']:.3g} off, {worst:.3g} times the derived bound "
            f"(limit {LIMIT_OVER_BOUND:g})"
        )
    if updates != steps:
        complaints.append(f"num_updates is {updates} after {steps} training calls, but should be {steps}")
    if changed:
        complaints.append(f"inference changed {', '.join(changed)}, but should change nothing")
    return "; ".join(complaints) or None
