"""What a side may do otherwise: for each field of the semantics, the values worth trying.

Values that APIs are known to use come first; those estimated from the answers come after them, and are needed for an
epsilon or a decay that nobody else uses. The start values are not guessed: a fresh layer shows them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import combinations
from typing import Any

import numpy as np

from bn_impls.accuracy.dtypes import SIXTEEN_BITS
from bn_impls.explain.observing import Observed
from bn_impls.explain.question import Inputs
from bn_impls.interface import FLOATS, Array, Configuration
from bn_impls.semantics.description import Semantics

OPTIONS: dict[str, tuple[Any, ...]] = {
    "moving_ddof": (0, 1),
    "normalizing_ddof": (0, 1),
    "epsilon_place": ("inside", "outside", "maximum", "none", "summed"),
    "decay_weighs": ("old", "new"),
    "warm_up": ("never", "count", "debias", "debiased", "replace"),
    "updates": (1, 0, 2),
    "training_uses": ("batch", "before", "after"),
    "inference_uses": ("moving", "batch"),
    "inference_updates": (False, True),
    "moving_of": ("variance", "deviation"),
    "moving_around": ("batch", "moving"),
    "axes": ("configured", "last", "second", "elementwise"),
    "swapped": (False, True),
    "gamma": ("scale", "plus_one", "ignored"),
    "beta": ("offset", "ignored"),
    "constant": ("none", "mean", "variance", "both"),
    "gradient": ("derived", "usual"),
    "gamma_in_gradient": (True, False),
    "gamma_gradient_of": ("normalized", "centered", "input", "output"),
    "parameter_gradients": ("sum", "mean"),
    "epsilon": (1e-3, 1e-5, 1.001e-5, 1e-4, 1e-6, 1e-7, 1e-8, 2e-5, 1e-12),
    "decay": (0.99, 0.9, 0.999, 0.997, 0.95, 0.5, 0.0, 1.0),
    "decay_rounding": ("none", "both", "complement"),
}
"""Field -> the values that known APIs and known mistakes have."""
ESTIMATED = ("initial_mean", "initial_variance", "epsilon", "decay")
DIGITS = (1, 2, 3, 4, 6)  # significant digits that somebody may have written an epsilon or a decay with


def alternatives(base: Semantics, observed: Observed, inputs: Inputs, configuration: Configuration) -> list[Semantics]:
    """Every single change of the semantics that is worth trying.

    Args:
        base: resolved semantics.
        observed: the answers that are to be explained.
        inputs: what they are answers to.
        configuration: of the layer.

    Returns:
        Semantics that differ from the base in one field, the likelier ones first.
    """
    found = [
        base.changed(**{field: value})
        for field, values in OPTIONS.items() for value in values
        if value != getattr(base, field)
    ]  # fmt: skip
    for field, values in estimates(base, observed, inputs, configuration).items():
        found += [base.changed(**{field: value}) for value in values]
    return list(dict.fromkeys(change for change in found if change != base))


def estimates(
    base: Semantics, observed: Observed, inputs: Inputs, configuration: Configuration
) -> Mapping[str, list[float]]:
    """Values of :data:`ESTIMATED` fields as the answers show them, plainly written ones first."""
    axes, wide = configuration.reduction_axes, configuration.parameter_shape
    x = inputs.x[0]
    mean, variance = x.mean(axis=axes), x.var(axis=axes)
    y = observed.answers["output_training"][0]
    with np.errstate(all="ignore"):
        deviation = x - mean.reshape(wide)
        slope = (y * deviation).mean(axis=axes) / variance  # gamma / s
        epsilon = _middle(np.square(inputs.gamma / slope) - variance)
        decays = [_middle(weights) for weights in _old_weights(observed, inputs, axes)]
    starts = {"initial_mean": observed.initial_mean, "initial_variance": observed.initial_variance}
    constant = {name: [float(v[0])] if np.all(v == v[0]) else [] for name, v in starts.items() if v.size}
    return {
        **constant,
        "epsilon": _written(epsilon) if epsilon > 0 else [],
        "decay": [written for decay in decays if 0 < decay < 1 for written in _written(decay)],
    }


def _old_weights(observed: Observed, inputs: Inputs, axes: tuple[int, ...]) -> Iterator[Array]:
    """Weight of the old moving mean in the last update and in the first, which may be warmed up; by channel."""
    moving = observed.answers["moving_mean"]
    for step in dict.fromkeys((len(moving) - 1, 0)):
        batch = inputs.x[step].mean(axis=axes)
        old = moving[step - 1] if step else observed.initial_mean
        yield (moving[step] - batch) / (old - batch)


def _middle(values: Array) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else 0.0


def _written(value: float) -> list[float]:
    return list(dict.fromkeys(float(f"{value:.{digits - 1}e}") for digits in DIGITS))


def rounding_alternatives(base: Semantics, configuration: Configuration) -> Iterator[Semantics]:
    """Choices that change only the rounding, the mildest and the fewest at a time first.

    Args:
        base: semantics with the rounding of a good evaluation.
        configuration: of the layer.
    """
    in_16_bits = configuration.dtype in SIXTEEN_BITS
    steps = _narrow_steps(configuration.dtype) if in_16_bits else _steps(configuration.dtype)
    for many in range(1, (MOST_IN_16_BITS if in_16_bits else 2) + 1):
        for chosen in combinations(steps, many):
            changes = dict(chosen)
            if len(changes) == many:  # and not two values of one field
                yield base.changed(**changes)


MOST_IN_16_BITS = 4  # moments, statistics, inference and gradients may each be rounded in their own way
Step = tuple[str, str]  # a field, and its value


def _steps(dtype: str) -> list[Step]:
    known = [name for name in FLOATS[FLOATS.index(dtype) + 1 :] if _numpy_knows(name)]
    narrower = [(field, name) for name in known for field in ("moving_dtype", "accumulation_dtype", "compute_dtype")]
    return [("sums", "in_order"), ("variance", "one_pass"), ("variance", "one_pass_clamped"),
            ("output", "multiplied_out"), *narrower]  # fmt: skip


def _narrow_steps(dtype: str) -> list[Step]:
    """What may be done in 16 bits rather than in float32."""
    if not _numpy_knows(dtype):
        return []
    fields = ("moving_dtype", "compute_dtype", "gradient_dtype", "inference_dtype", "accumulation_dtype")
    return [*((field, dtype) for field in fields), ("accumulation_dtype", "float32"), ("variance", "one_pass"),
            ("output", "multiplied_out")]  # fmt: skip


def _numpy_knows(dtype: str) -> bool:
    with suppress(ImportError):  # the package that teaches NumPy bfloat16
        import ml_dtypes  # noqa: F401  # only its side effect
    try:
        np.dtype(dtype)
    except TypeError:
        return False
    return True
