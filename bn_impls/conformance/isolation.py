"""A layer shares no memory with its caller, and nothing with another layer or an earlier call."""

from __future__ import annotations

from typing import Any

import numpy as np

from bn_impls.conformance.calls import exported, function_of, offered, offers, played
from bn_impls.conformance.diagnosis import Cause
from bn_impls.conformance.judging import judged
from bn_impls.conformance.model import Check, Failure, NotOffered
from bn_impls.conformance.subject import Subject, calls, drawn_state
from bn_impls.interface import Array
from bn_impls.state import CHANNEL_ARRAYS


def _aliased(name: str, what: str, cause: str, got: Array, expected: Array) -> Failure:
    return Failure(message=f"{name}: {what}", got=str(got.tolist()), expected=str(expected.tolist()), cause=cause)


def _load_copies(subject: Subject) -> Failure | None:
    """Writing into the imported arrays, and training on, must not meet."""
    layer = subject.build()
    state: Any = drawn_state(layer.configuration, np.random.default_rng(50), 2)
    kept = {name: state[name].copy() for name in CHANNEL_ARRAYS}
    layer.load_state(state)  # as import_state does with its own copy, which is nobody's to write into
    for name in CHANNEL_ARRAYS:
        state[name] += 1
    found = exported(layer)
    for name in CHANNEL_ARRAYS:
        if not np.array_equal(found[name], kept[name]):
            what = "load_state keeps the caller's array, and follows it when the caller writes into it; copy it"
            return _aliased(name, what, "import_aliases", found[name], kept[name])
    given = {name: state[name].copy() for name in CHANNEL_ARRAYS}
    for call in calls(layer.configuration, "training", "training", seed=51):
        played(layer, call, load=False)
    for name in CHANNEL_ARRAYS:
        if not np.array_equal(state[name], given[name]):
            what = "training writes into the array that the caller gave to load_state; copy it"
            return _aliased(name, what, "import_aliases", state[name], given[name])
    return None


def _export_copies(subject: Subject) -> Failure | None:
    layer = subject.build()
    layer.import_state(drawn_state(layer.configuration, np.random.default_rng(52), 2))
    taken: Any = layer.export_state()
    kept = {name: np.array(taken[name]) for name in CHANNEL_ARRAYS}
    for call in calls(layer.configuration, "training", "training", seed=53):
        played(layer, call, load=False)
    for name in CHANNEL_ARRAYS:
        if not np.array_equal(taken[name], kept[name]):
            what = "an exported state changes when the layer trains on; export_state should copy"
            return _aliased(name, what, "export_aliases", np.asarray(taken[name]), kept[name])
    before = exported(layer)
    taken = layer.export_state()
    for name in CHANNEL_ARRAYS:
        if taken[name].flags.writeable:
            taken[name] += 1
    now = exported(layer)
    for name in CHANNEL_ARRAYS:
        if not np.array_equal(now[name], before[name]):
            what = "writing into an exported state changes the layer; export_state should copy"
            return _aliased(name, what, "export_aliases", now[name], before[name])
    return None


def _input_kept(subject: Subject) -> Failure | None:
    layer = subject.build()
    for call in calls(layer.configuration, *offers(layer, "training", "gradients", "inference"), seed=54):
        layer.import_state(call.state)
        native = [layer.to_native(call.x)]
        if call.kind == "gradients":
            native.append(layer.to_native(call.dy))
        offered(function_of(layer, call.kind))(*native)
        for name, tensor, before in zip(("the input", "dy"), native, (call.x, call.dy), strict=False):
            after = np.asarray(layer.to_numpy(tensor))
            if not np.array_equal(after, before):
                worst = np.unravel_index(int(np.argmax(after != before)), after.shape)
                return Failure(
                    message=f"{name} was changed in place by a call ({call.kind}); work on a copy: the caller still "
                    "needs it, and so does your backward pass",
                    got=f"{float(after[worst]):g}", expected=f"{float(before[worst]):g}",
                    cause="input_changed" if name == "the input" else "dy_changed",
                )  # fmt: skip
    return None


def _result_kept(subject: Subject) -> Failure | None:
    """A result is the caller's: a later call must not write into it."""
    layer = subject.build()
    for kind in offers(layer, "training", "inference", "gradients"):
        first, second = calls(layer.configuration, kind, kind, seed=55)
        results = []
        for call in (first, second):
            layer.import_state(call.state)
            native = [layer.to_native(call.x)] + ([layer.to_native(call.dy)] if kind == "gradients" else [])
            found = offered(function_of(layer, call.kind))(*native)
            tensors = [tensor for tensor in (found if isinstance(found, tuple) else (found,)) if tensor is not None]
            results.append((tensors, [np.array(layer.to_numpy(tensor)) for tensor in tensors]))
        (tensors, kept), _ = results
        for tensor, before in zip(tensors, kept, strict=True):
            after = np.asarray(layer.to_numpy(tensor))
            if not np.array_equal(after, before, equal_nan=True):
                return Failure(
                    message=f"a result of one call ({kind}) was overwritten by the next: a buffer is returned and "
                    "used again; give each result memory of its own",
                    got=f"{float(after.flat[0]):g}", expected=f"{float(before.flat[0]):g}", cause="result_overwritten",
                )  # fmt: skip
    return None


PREVIOUS = Cause(
    "depends_on_previous_call",
    "alone it is right, after another call it is not: something of the earlier call is used again (a buffer, a cached "
    "statistic) although the state was imported anew",
)


STALE = Cause(
    "stale_gradient",
    "alone a call's gradients are right, after another call they are not: what the forward pass leaves for the "
    "backward pass is not renewed, or gradients are added to the ones before",
)


def _previous(subject: Subject) -> Failure | None:
    """The same call alone in a fresh layer, and after others whose inputs are far larger."""
    fresh, used = subject.build(), subject.build()
    kinds = offers(fresh, "training", "gradients", "inference")
    last = calls(fresh.configuration, *kinds, seed=56)
    if any(judged(subject.build(), [call]) for call in last):
        raise NotOffered("the calls are wrong alone already, as other checks say")
    for call in last:
        for earlier in calls(used.configuration, *kinds, seed=57, mean=-9.0, spread=7.0):
            played(used, earlier)
        forward = ("output", "moving_mean", "moving_variance", "num_updates")
        if (wrong := judged(used, [call], lambda _: PREVIOUS, only=forward)) is not None:
            return wrong
        if (wrong := judged(used, [call], lambda _: STALE)) is not None:
            return wrong
    return None


def _layers_apart(subject: Subject) -> Failure | None:
    one, other = subject.build(), subject.build()
    one.import_state(drawn_state(one.configuration, np.random.default_rng(58), 2))
    before = exported(one)
    for call in calls(other.configuration, *offers(other, "training", "gradients"), seed=59):
        played(other, call)
    after = exported(one)
    changed = [name for name, array in before.items() if not np.array_equal(array, after[name])]
    if not changed:
        return None
    name = changed[0]
    what = "training one layer changed another: state is kept in the class or module, but belongs to the layer"
    return _aliased(", ".join(changed), what, "layers_share_state", after[name], before[name])


FIRST = (Check("previous_call", "a call's results depend on state and input alone", _previous),)
CHECKS = (
    Check("load_copies", "load_state copies the caller's arrays", _load_copies),
    Check("export_copies", "export_state gives copies", _export_copies),
    Check("inputs_are_kept", "no call writes into its input or its gradient", _input_kept),
    Check("results_are_kept", "no call writes into an earlier result", _result_kept),
    Check("layers_are_apart", "two layers share nothing", _layers_apart),
)
