"""One side's answers to the inputs: what its layer really gives, call by call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bn_impls.accuracy.comparison import FIRST_ORDER
from bn_impls.explain.question import WITHOUT_GRADIENTS, Inputs, Question, draw
from bn_impls.interface import Array, Configuration, Conventions, Implementation, Layer, Style, Unsupported
from bn_impls.state import State

GRADIENTS = tuple(quantity for quantity in FIRST_ORDER if quantity.startswith("gradient_"))


@dataclass(frozen=True)
class Observed:
    """What a layer gave.

    Attributes:
        answers: quantity -> its values over the steps, in float64; gradients of the steps that took them.
        dtypes: quantity -> dtype that the layer gave it in.
        initial_mean: moving mean before the first step, (C,).
        initial_variance: moving variance before the first step, (C,).
        not_offered: why there are no gradients; empty where there are.
    """

    answers: dict[str, Array]
    dtypes: dict[str, str]
    initial_mean: Array
    initial_variance: Array
    not_offered: str = ""


def built(
    implementation: Implementation, question: Question, style: Style, conventions: Conventions | None = None
) -> Layer | Unsupported:
    """A layer for the question, by the API's own conventions unless others are given."""
    configuration = question.configuration(conventions or implementation.conventions, style)
    if not question.defaults:
        return implementation.build(configuration)
    if "defaults" not in implementation.variants:
        return Unsupported("it does not say what its API's defaults are: it offers no probe variant 'defaults'")
    return implementation.variants["defaults"](configuration)


def observe(layer: Layer, question: Question) -> Observed:
    """Take a fresh layer through all steps: training, statistics, inference.

    Args:
        layer: just built.
        question: the circumstances.

    Returns:
        Its answers.

    Raises:
        ValueError: an answer has another shape than it should.
    """
    settings = layer.configuration
    inputs = draw(question, settings)
    state = _with_parameters(layer, inputs, settings)
    with_gradients: Any = layer.training_step_with_gradients
    not_offered = with_gradients.reason if isinstance(with_gradients, Unsupported) else ""
    answers: dict[str, list[Array]] = {quantity: [] for quantity in FIRST_ORDER}
    for step in range(question.steps):
        gradients = takes_gradients(step, question) and not not_offered
        for quantity, value in _step(layer, inputs, step, gradients=gradients).items():
            answers[quantity].append(value)
    shapes = _shapes(settings)
    dtypes = {}
    for quantity, values in answers.items():
        for value in values:
            if value.shape != shapes[quantity]:
                raise ValueError(f"{quantity} has shape {value.shape}, but should have {shapes[quantity]}")
        dtypes[quantity] = values[0].dtype.name if values else ""
    stacked = {quantity: np.array([value.astype(np.float64) for value in values])
               for quantity, values in answers.items()}  # fmt: skip
    return Observed(
        stacked, dtypes, state["moving_mean"].astype(np.float64), state["moving_variance"].astype(np.float64),
        not_offered,
    )  # fmt: skip


def takes_gradients(step: int, question: Question) -> bool:
    """Whether a step is trained with gradients; the first one always is."""
    return step < max(question.steps - WITHOUT_GRADIENTS, 1)


def _shapes(settings: Configuration) -> dict[str, tuple[int, ...]]:
    inputs = ("output_training", "output_inference", "gradient_input")
    return {q: settings.input_shape if q in inputs else (settings.channels,) for q in FIRST_ORDER}


def _in_dtype(values: Array, dtype: str) -> Array:
    """For the boundary, which gives the dtype itself where NumPy has none of that name."""
    return values.astype(np.float32 if dtype == "bfloat16" else dtype)


def _with_parameters(layer: Layer, inputs: Inputs, settings: Configuration) -> State:
    state: State = layer.export_state()
    changed: dict[str, Any] = dict(state)
    for name, drawn in (("gamma", inputs.gamma), ("beta", inputs.beta)):
        changed[name] = drawn.astype(changed[name].dtype)
    layer.import_state(changed)
    return state


def _step(layer: Layer, inputs: Inputs, step: int, *, gradients: bool) -> Mapping[str, Array]:
    dtype = layer.configuration.dtype
    x = layer.to_native(_in_dtype(inputs.x[step], dtype))
    if gradients and not isinstance(layer.training_step_with_gradients, Unsupported):
        dy = layer.to_native(_in_dtype(inputs.dy[step], dtype))
        results = layer.differentiated(x, dy)
        found = {
            quantity: np.array(layer.to_numpy(tensor))
            for quantity, tensor in zip(("output_training", *GRADIENTS), results, strict=True)
            if tensor is not None
        }
    else:
        found = {"output_training": np.array(layer.to_numpy(layer.training_step(x)))}
    state = layer.export_state()
    found |= {"moving_mean": state["moving_mean"], "moving_variance": state["moving_variance"]}
    z = layer.to_native(_in_dtype(inputs.z[step], dtype))
    return found | {"output_inference": np.array(layer.to_numpy(layer.inference(z)))}


def save(observed: Observed, path: Path) -> dict[str, Any]:
    """Write the arrays to a file; what is left goes into a line of JSON."""
    arrays = dict(observed.answers)
    np.savez(path, allow_pickle=False, _mean=observed.initial_mean, _variance=observed.initial_variance, **arrays)
    return {"dtypes": observed.dtypes, "not_offered": observed.not_offered}


def restore(path: Path, dtypes: dict[str, str], not_offered: str) -> Observed:
    """Read what :func:`save` wrote."""
    with np.load(path, allow_pickle=False) as file:
        answers = {name: file[name] for name in file.files if not name.startswith("_")}
        return Observed(answers, dtypes, file["_mean"], file["_variance"], not_offered)
