"""One call of a layer from a known state: what it gave, what it should give and how exactly, what a mistake gives.

Every call starts from an imported state, so that what goes wrong in one says nothing about the next.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from bn_impls.accuracy.bounds import Quality, inference_bound, moving_bound, step_bounds
from bn_impls.conformance.model import Failure, Found, NotOffered
from bn_impls.interface import Array, Configuration, Layer, Unsupported
from bn_impls.numpy_reference import BatchNorm as Reference
from bn_impls.semantics.description import Semantics
from bn_impls.semantics.varied import VariedBatchNorm
from bn_impls.state import CHANNEL_ARRAYS, State

Kind = Literal["inference", "training", "gradients"]
Quantities = dict[str, Array]
NAMES: dict[Kind, str] = {
    "inference": "an inference call",
    "training": "a training call",
    "gradients": "a training call with gradients",
}
COMPUTED = ("output", "gradient_input")  # in the configured dtype; parameters may be kept in a wider one


@dataclass(frozen=True)
class Call:
    """A call, and the state that it starts from.

    Attributes:
        kind: which of the layer's callables.
        x: the input, in the configured dtype.
        dy: gradient of the output.
        state: imported before the call.
    """

    kind: Kind
    x: Array
    dy: Array
    state: State


@dataclass(frozen=True)
class Exact:
    """A value in float64, and how far a good evaluation may be from it."""

    value: Array
    bound: Array


def played(layer: Layer, call: Call, *, load: bool = True) -> Quantities:
    """What a layer makes of a call.

    Args:
        layer: of the implementation under test.
        call: what to call, with which arrays.
        load: whether to import the call's state first.

    Returns:
        The results and the state afterwards, by name.

    Raises:
        Found: a result has a wrong shape or dtype, or is missing.
        NotOffered: the layer has no such callable.
    """
    if load:
        layer.import_state(call.state)
    settings, x = layer.configuration, layer.to_native(call.x)
    named: dict[str, Any] = {}
    if call.kind == "gradients":
        function = offered(function_of(layer, call.kind))
        results = function(x, layer.to_native(call.dy))
        if not isinstance(results, tuple | list) or len(results) != 4:
            got = f"{len(results)} results" if isinstance(results, tuple | list) else f"a {type(results).__name__}"
            raise _misfit("training_step_with_gradients", got, "output and the gradients of input, gamma and beta")
        names = ("output", "gradient_input", "gradient_gamma", "gradient_beta")
        named = dict(zip(names, results, strict=True))
        for name, there in (("gradient_gamma", settings.scale), ("gradient_beta", settings.center)):
            if not there and named.pop(name) is not None:
                raise _misfit(name, "an array", "None: this parameter is off")
    else:
        function = offered(function_of(layer, call.kind))
        named = {"output": function(x)}
    arrays = {name: _array(layer, name, result) for name, result in named.items()}
    return arrays | exported(layer)


def function_of(layer: Layer, kind: Kind) -> Any:
    """The layer's callable for a kind of call, or its Unsupported."""
    named = {
        "inference": layer.inference,
        "training": layer.training_step,
        "gradients": layer.training_step_with_gradients,
    }
    return named[kind]


def offers(layer: Layer, *kinds: Kind) -> tuple[Kind, ...]:
    """Those kinds of calls that the layer has.

    Raises:
        NotOffered: it has none of them.
    """
    found = tuple(kind for kind in kinds if not isinstance(function_of(layer, kind), Unsupported))
    if not found:
        offered(function_of(layer, kinds[0]))
    return found


def offered(function: Any) -> Any:
    """A callable of a layer.

    Raises:
        NotOffered: it is ``Unsupported``.
        Found: it cannot be called.
    """
    if isinstance(function, Unsupported):
        raise NotOffered(function.reason)
    if not callable(function):
        raise _misfit("a callable of the layer", f"a {type(function).__name__}", "callable")
    return function


def exported(layer: Layer) -> Quantities:
    """The layer's state, its shapes checked.

    Raises:
        Found: the state has wrong names or shapes.
    """
    state: Mapping[str, Any] = layer.export_state()
    names = {*CHANNEL_ARRAYS, "num_updates"}
    if not isinstance(state, Mapping) or set(state) != names:
        got = sorted(state) if isinstance(state, Mapping) else type(state).__name__
        raise _misfit("export_state()", str(got), str(sorted(names)))
    arrays = {name: np.array(value) for name, value in state.items()}
    for name, array in arrays.items():
        shape = () if name == "num_updates" else (layer.configuration.channels,)
        if array.shape != shape:
            raise _misfit(name, f"shape {array.shape}", f"shape {shape}", "shape")
    return arrays


def _array(layer: Layer, name: str, result: Any) -> Array:
    if result is None:
        raise _misfit(name, "None", "an array", "gradient_missing")
    array, settings = layer.to_numpy(result), layer.configuration
    if not isinstance(array, np.ndarray):
        raise _misfit(name, f"a {type(array).__name__} after to_numpy", "a numpy.ndarray")
    shape = (settings.channels,) if name in ("gradient_gamma", "gradient_beta") else settings.input_shape
    if array.shape != shape:
        raise _misfit(name, f"shape {array.shape}", f"shape {shape}", "shape")
    if name in COMPUTED and array.dtype.name != settings.dtype:
        raise _misfit(name, f"dtype {array.dtype}", f"dtype {settings.dtype}, that of the input", "dtype")
    return np.array(array)  # now: the next call may write into it


def _misfit(what: str, got: str, expected: str, cause: str = "form") -> Found:
    verb = "has" if got.split()[0] in ("shape", "dtype") else "is"
    return Found(
        Failure(message=f"{what} {verb} {got}, but should be {expected}", got=got, expected=expected, cause=cause)
    )


def exact(settings: Configuration, call: Call, quality: Quality = "two_pass") -> dict[str, Exact]:
    """What the float64 reference, set to the declared conventions, makes of a call, with derived bounds.

    Args:
        settings: of the layer under test; its dtype decides how wide the bounds are.
        call: the same call.
        quality: of the evaluation that the bounds allow; ``plain`` allows a variance in one pass, too.

    Returns:
        Name -> value and bound; :mod:`bn_impls.accuracy.bounds` derives the bounds.
    """
    reference = Reference(replace(settings, dtype="float64", style="eager", device="cpu"))
    reference.load_state(call.state)
    before = reference.export_state()
    x, dy = call.x.astype(np.float64), call.dy.astype(np.float64)
    zero = np.zeros(settings.channels)
    found: dict[str, Exact] = {}
    after_bounds = {"moving_mean": zero, "moving_variance": zero}
    if call.kind == "inference":
        bound = inference_bound(
            settings, quality, x, before["moving_mean"], before["moving_variance"], zero, zero,
            before["gamma"], before["beta"],
        )  # fmt: skip
        found["output"] = Exact(reference.inference(x), bound)
    else:
        bounds = step_bounds(settings, quality, x, dy, before["gamma"], before["beta"])
        found["output"] = Exact(reference.forward(x), bounds.output)
        if call.kind == "gradients":
            dx, dgamma, dbeta = reference.backward(dy)
            found["gradient_input"] = Exact(dx, bounds.gradient_input)
            if dgamma is not None:
                found["gradient_gamma"] = Exact(dgamma, bounds.gradient_gamma)
            if dbeta is not None:
                found["gradient_beta"] = Exact(dbeta, bounds.gradient_beta)
        batch = {"moving_mean": bounds.mean, "moving_variance": bounds.variance * _correction(settings)}
        after_bounds = advanced(settings, dict(before), dict(reference.export_state()), after_bounds, batch, quality)
    after: Mapping[str, Any] = reference.export_state()
    parameters = {
        name: Exact(np.asarray(after[name]), np.zeros(np.shape(after[name])))
        for name in ("gamma", "beta", "num_updates")
    }
    statistics = {name: Exact(np.asarray(after[name]), bound) for name, bound in after_bounds.items()}
    return found | statistics | parameters


def _correction(settings: Configuration) -> float:
    count = math.prod(settings.input_shape) // max(settings.channels, 1)
    return count / max(count - settings.conventions.ddof, 1)


def advanced(
    settings: Configuration, before: Mapping[str, Any], after: Mapping[str, Any], so_far: Mapping[str, Array],
    batch: Mapping[str, Array], quality: Quality = "two_pass",
) -> dict[str, Array]:  # fmt: skip
    """Bounds of the moving statistics after one more update.

    Args:
        settings: decay, conventions and dtype.
        before: the exact state before the update.
        after: and after it.
        so_far: bounds before it.
        batch: bounds of the batch's statistics.
        quality: of the evaluation that the bounds allow.

    Returns:
        Bounds after it.
    """
    decay = settings.conventions.decay_of(settings.decay, before["num_updates"])
    return {
        name: moving_bound(
            settings, quality, decay, so_far[name], batch[name],
            decay * np.abs(before[name]) + np.abs(after[name] - decay * before[name]),
        )
        for name in ("moving_mean", "moving_variance")
    }  # fmt: skip


def supposed(settings: Configuration, semantics: Semantics, call: Call) -> Quantities:
    """What a batch norm with one choice changed makes of a call, in float64.

    Raises:
        BadConfiguration: the changed choice does not fit the sizes of the layer.
        BadState: nor its state.

    Args:
        settings: of the layer under test.
        semantics: the changed choice.
        call: the same call.

    Returns:
        Results and state by name, as :func:`played` gives them.
    """
    layer = VariedBatchNorm(replace(settings, dtype="float64", style="eager", device="cpu"), semantics)
    layer.load_state(call.state)
    x = call.x.astype(np.float64)
    found: Quantities = {"output": layer.inference(x) if call.kind == "inference" else layer.forward(x)}
    if call.kind == "gradients":
        names = ("gradient_input", "gradient_gamma", "gradient_beta")
        given = zip(names, layer.backward(call.dy.astype(np.float64)), strict=True)
        found |= {name: gradient for name, gradient in given if gradient is not None}
    state: Mapping[str, Any] = layer.export_state()
    return found | {name: np.asarray(value) for name, value in state.items()}
