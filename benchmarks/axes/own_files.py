"""Checkpoint, through the frameworks' own files: one writes, another that claims to read it reads.

What counts is what the reader holds afterwards, beside what it held before and what was written: *silently restored
nothing* raises no error and changes no value.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.axes.outcome import Outcome
from bn_impls import canonical
from bn_impls.accuracy.bounds import inference_bound
from bn_impls.accuracy.errors import distance, max_ulp, over
from bn_impls.interface import Array, Configuration, Conventions
from bn_impls.own_files import EPSILON, INPUTS, SHAPES, UNITS, own_files

ARRAYS, PROBES = "arrays.npz", 64
PLAIN = Conventions(ddof=0, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False)
BOTH = 2  # sides, each of which may be off by a bound
RESTORED, NOTHING, PART, WRONG, REFUSED = "restored", "nothing", "part", "wrong", "refused"


def write(name: str, parameters: Mapping[str, Any], folder: Path) -> Outcome:
    """Write drawn arrays in the case's kind of file.

    Args:
        name: of the implementation whose framework writes.
        parameters: of the case.
        folder: for the file and the arrays.

    Returns:
        An outcome without figures.
    """
    arrays = drawn(parameters["seed"])
    canonical.write(folder / ARRAYS, arrays)
    own_files(name).write[parameters["written"]](folder, arrays)
    return Outcome()


def read(name: str, parameters: Mapping[str, Any], folder: Path) -> Outcome:
    """Read it into a network of other arrays, and say what came back."""
    wanted, before = canonical.read(folder / ARRAYS), drawn(parameters["seed"] + 1)
    probes = np.random.default_rng(parameters["seed"]).standard_normal((PROBES, INPUTS)).astype(np.float32)
    reader, began = own_files(name).read[parameters["file"]], time.perf_counter_ns()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            found = reader(folder, before, probes)
        except Exception as error:  # whatever the framework raises is its refusal
            words = f"{type(error).__name__}: {(str(error).splitlines() or ['no message'])[0][:300]}"
            return Outcome(metrics={"outcome": REFUSED, "refusal": words}, samples=_lasted(began))
    samples = _lasted(began)
    kept = [name for name in found.after if np.array_equal(found.after[name], before[name])]
    lost = [name for name in found.after if not np.array_equal(found.after[name], wanted[name])]
    expected, bound = inferred(wanted, probes)
    gap = distance(found.outputs, expected)
    metrics = {
        "outcome": _outcome(kept, lost, float(np.max(over(gap, BOTH * bound), initial=0.0))),
        "arrays_seen": len(found.after),
        "arrays_untouched": kept,
        "arrays_lost": lost,
        "inference_error_ulp": max_ulp(found.outputs, expected.astype(np.float32)),
        "inference_over_bound": float(np.max(over(gap, BOTH * bound), initial=0.0)),
        "warned": [
            str(one.message).splitlines()[0][:200] for one in told if not issubclass(one.category, DeprecationWarning)
        ][:3],
    }
    return Outcome(metrics=metrics, samples=samples)


def _outcome(kept: list[str], lost: list[str], over_bound: float) -> str:
    if len(kept) == len(SHAPES):
        return NOTHING
    if lost:
        return PART if set(lost) == set(kept) else WRONG
    return RESTORED if over_bound <= 1 else WRONG


def _lasted(began: int) -> dict[str, Any]:
    return {"durations_ns": [time.perf_counter_ns() - began]}


def drawn(seed: int) -> dict[str, Array]:
    """Arrays in which no two are alike, variances positive."""
    generator = np.random.default_rng(seed)
    arrays = {name: generator.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}
    return {**arrays, "moving_variance": np.square(arrays["moving_variance"]) + np.float32(0.5)}


def inferred(arrays: Mapping[str, Array], probes: Array) -> tuple[Array, Array]:
    """The exact inference, and the bound of rounding: of the product, carried on, and of the normalization."""
    own = {name: array.astype(np.float64) for name, array in arrays.items()}
    x, u = probes.astype(np.float64), 2.0**-24
    h = x @ own["kernel"] + own["bias"]
    of_product = (INPUTS + 2) * u * (np.abs(x) @ np.abs(own["kernel"]) + np.abs(own["bias"]))
    settings = Configuration(
        input_shape=h.shape, layout="channels_last", dtype="float32", decay=0.9, epsilon=EPSILON, center=True,
        scale=True, conventions=PLAIN, style="eager", device="cpu",
    )  # fmt: skip
    exact = np.zeros(UNITS)
    of_layer = inference_bound(
        settings, "plain", h, own["moving_mean"], own["moving_variance"], exact, exact, own["gamma"], own["beta"]
    )
    slope = own["gamma"] / np.sqrt(own["moving_variance"] + EPSILON)
    return (h - own["moving_mean"]) * slope + own["beta"], np.abs(slope) * of_product + of_layer
