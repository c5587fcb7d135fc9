"""What a layer of given semantics answers to the inputs, and how far rounding may take a real one from that.

The replay computes in float64, so that it is exact for float32; the bounds are those of :mod:`bn_impls.accuracy.bounds`
for the dtype of the question, taken at the semantics' own epsilon, parameters and weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bn_impls.accuracy.bounds import Bounds, inference_bound, moving_bound, step_bounds
from bn_impls.accuracy.comparison import FIRST_ORDER
from bn_impls.accuracy.dtypes import SIXTEEN_BITS
from bn_impls.accuracy.errors import distance, over
from bn_impls.explain.observing import takes_gradients
from bn_impls.explain.question import Inputs, Question
from bn_impls.interface import Array, Configuration
from bn_impls.semantics.description import PLAIN, Semantics
from bn_impls.semantics.varied import VariedBatchNorm

ROUNDING_FIELDS = (
    "variance", "output", "sums", "compute_dtype", "accumulation_dtype", "inference_dtype", "gradient_dtype",
    "moving_dtype",
)  # fmt: skip
"""Fields that change nothing but the rounding; a replay in float64 takes them at their defaults."""


@dataclass(frozen=True)
class Replayed:
    """What semantics answer, and the bound of each answer; quantity -> (steps, ...)."""

    answers: dict[str, Array]
    bounds: dict[str, Array]


def declared(configuration: Configuration) -> Semantics:
    """What a side says that it computes; of 16 bits, with the rounding of a good evaluation, which is in float32."""
    said = PLAIN.resolved(configuration)
    wide = "float32" if configuration.dtype in SIXTEEN_BITS else None
    return said.changed(compute_dtype=wide, moving_dtype=wide or said.moving_dtype)


def exact(semantics: Semantics) -> Semantics:
    """The same function without its rounding."""
    return semantics.changed(**{name: getattr(PLAIN, name) for name in ROUNDING_FIELDS})


class Replay:
    """Replays semantics on the inputs of one question."""

    def __init__(self, question: Question, configuration: Configuration, inputs: Inputs) -> None:
        """Keep what every replay needs.

        Args:
            question: the circumstances.
            configuration: of a layer in them; its conventions fill what semantics leave open.
            inputs: what both sides were given.
        """
        self.question, self.configuration, self.inputs = question, configuration, inputs
        self.wide = replace(configuration, dtype="float64", style="eager")
        self._known: dict[Semantics, Replayed] = {}

    def __call__(self, semantics: Semantics) -> Replayed:
        """Exact answers with their bounds.

        Raises:
            BadConfiguration: semantics that do not fit the shape.
        """
        function = exact(semantics)
        if function not in self._known:
            self._known[function] = self._replayed(function)
        return self._known[function]

    def rounded(self, semantics: Semantics) -> dict[str, Array]:
        """The answers of a layer that rounds as the semantics and the question's dtype say."""
        return self._run(VariedBatchNorm(self.configuration, semantics), None)

    def _replayed(self, semantics: Semantics) -> Replayed:
        layer = VariedBatchNorm(self.wide, semantics)
        bounds = _Bounds(layer, self.configuration)
        answers = self._run(layer, bounds)
        return Replayed(answers, {name: np.array(values) for name, values in bounds.by_quantity.items()})

    def _run(self, layer: VariedBatchNorm, bounds: _Bounds | None) -> dict[str, Array]:
        with np.errstate(all="ignore"):  # a wrong hypothesis may well divide by 0
            return self._stepped(layer, bounds)

    def _stepped(self, layer: VariedBatchNorm, bounds: _Bounds | None) -> dict[str, Array]:
        inputs, dtype = self.inputs, layer.settings.dtype
        layer.gamma, layer.beta = inputs.gamma.astype(dtype), inputs.beta.astype(dtype)
        answers: dict[str, list[Array | None]] = {quantity: [] for quantity in FIRST_ORDER}
        for step in range(self.question.steps):
            x, dy, z = (array[step].astype(dtype) for array in (inputs.x, inputs.dy, inputs.z))
            gradients = takes_gradients(step, self.question)
            if bounds is not None:
                bounds.before_training()
            answers["output_training"].append(layer.forward(x))
            if bounds is not None:
                bounds.after_training(x, dy, z, gradients=gradients)
            if gradients:
                for name, value in zip(("input", "gamma", "beta"), layer.backward(dy), strict=True):
                    answers[f"gradient_{name}"].append(value)
            answers["moving_mean"].append(_per_channel(layer, layer.moving_mean))
            answers["moving_variance"].append(_per_channel(layer, layer.moving_variance))
            answers["output_inference"].append(layer.inference(z))
        return {name: np.array(values, np.float64) for name, values in answers.items()}


def _per_channel(layer: VariedBatchNorm, statistic: Array) -> Array:
    """(C,); of statistics of every element, which no layer can export so, the mean over the channel's elements."""
    found: Array = statistic.mean(axis=layer.parameter_axes)
    return found


class _Bounds:
    """The bounds of a replayed layer, collected step by step."""

    def __init__(self, layer: VariedBatchNorm, configuration: Configuration) -> None:
        self.layer, chosen = layer, layer.semantics
        assert chosen.epsilon is not None  # a layer resolves its semantics
        epsilon = 0.0 if chosen.epsilon_place == "none" else chosen.epsilon
        layout: Any = {"last": "channels_last", "second": "channels_first"}.get(chosen.axes, configuration.layout)
        self.settings = replace(configuration, epsilon=epsilon, layout=layout)
        self.by_quantity: dict[str, list[Array]] = {quantity: [] for quantity in FIRST_ORDER}
        zero = np.zeros(configuration.channels)
        self.moving = {"moving_mean": zero, "moving_variance": zero}

    def before_training(self) -> None:
        """Keep what the update starts from."""
        self.old = {name: _per_channel(self.layer, getattr(self.layer, name)) for name in self.moving}
        self.weight = self.layer.old_weight()

    def after_training(self, x: Array, dy: Array, z: Array, *, gradients: bool) -> None:
        """Collect the bounds of one training call and the inference after it."""
        layer, settings, chosen = self.layer, self.settings, self.layer.semantics
        gamma, beta = layer.scale_and_offset()
        step = step_bounds(settings, "good", x, dy, gamma, beta)
        for _ in range(chosen.updates):
            self._move(step)
        of_training = step.output
        if chosen.training_uses != "batch":
            of_training = np.maximum(of_training, self._by_moving(x, gamma, beta))
        found = {"output_training": of_training, "output_inference": self._by_moving(z, gamma, beta), **self.moving}
        if chosen.inference_uses == "batch":
            found["output_inference"] = step_bounds(settings, "good", z, dy, gamma, beta).output
        if gradients:
            found |= self._of_gradients(step, x, dy)
        for name, bound in found.items():
            self.by_quantity[name].append(bound)
        if chosen.inference_updates:
            self._move(step_bounds(settings, "good", z, dy, gamma, beta))

    def _by_moving(self, x: Array, gamma: Array, beta: Array) -> Array:
        mean, variance = (_per_channel(self.layer, array) for array in self.layer.read_statistics())
        of_mean, of_variance = self._read_bounds()
        return inference_bound(self.settings, "good", x, mean, variance, of_mean, of_variance, gamma, beta)

    def _of_gradients(self, step: Bounds, x: Array, dy: Array) -> Mapping[str, Array]:
        chosen, settings = self.layer.semantics, self.settings
        share = 1 / (x.size // settings.channels) if chosen.parameter_gradients == "mean" else 1.0
        of_gamma, of_beta = share * step.gradient_gamma, share * step.gradient_beta
        if chosen.gamma_gradient_of != "normalized":  # larger by the deviation that it is not divided by
            factor = np.abs(x).max(axis=settings.reduction_axes) * np.abs(self.layer.inverse).max() + 1
            of_gamma = of_gamma * factor
        swapped = {"gradient_gamma": of_beta, "gradient_beta": of_gamma}
        usual = {"gradient_gamma": of_gamma, "gradient_beta": of_beta}
        return {"gradient_input": step.gradient_input, **(swapped if chosen.swapped else usual)}

    def _move(self, step: Bounds) -> None:
        chosen, weight = self.layer.semantics, self.weight
        terms = self.layer.settings.input_shape
        count = int(np.prod(terms)) // self.layer.settings.channels
        of_variance = step.variance * (count / max(count - 1, 1) if chosen.moving_ddof else 1)
        if chosen.moving_of == "deviation":
            size = np.maximum(_per_channel(self.layer, self.layer.variance), np.finfo(float).tiny)
            of_variance = of_variance / (2 * np.sqrt(size))
        for name, of_batch in (("moving_mean", step.mean), ("moving_variance", of_variance)):
            new = _per_channel(self.layer, getattr(self.layer, name))
            size = weight * np.abs(self.old[name]) + np.abs(new - weight * self.old[name])
            self.moving[name] = moving_bound(self.settings, "good", weight, self.moving[name], of_batch, size)

    def _read_bounds(self) -> tuple[Array, Array]:
        share = self.layer.debiasing_share()
        mean, variance = self.moving["moving_mean"] / share, self.moving["moving_variance"] / share
        if self.layer.semantics.moving_of == "deviation":
            variance = 2 * _per_channel(self.layer, self.layer.moving_variance) * variance
        return mean, variance


def excess(got: Mapping[str, Array], expected: Mapping[str, Array], bounds: Mapping[str, Array]) -> dict[str, float]:
    """Quantity -> the largest difference in units of its bound; infinity for a quantity that one of them lacks."""
    tiny = np.finfo(np.float64).tiny
    return {
        name: _largest(over(distance(got[name], expected[name]), np.maximum(bounds[name], tiny)))
        if got[name].shape == expected[name].shape else math.inf
        for name in FIRST_ORDER
    }  # fmt: skip


def differences(got: Mapping[str, Array], expected: Mapping[str, Array]) -> dict[str, float]:
    """Quantity -> the largest difference; infinity for a quantity that one of them lacks."""
    return {
        name: _largest(distance(got[name], expected[name])) if got[name].shape == expected[name].shape else math.inf
        for name in FIRST_ORDER
    }


def _largest(values: Array) -> float:
    return float(np.max(values, initial=0.0))
