"""The network in NumPy around an implementation's inference, where it cannot train."""

from __future__ import annotations

import time
from dataclasses import replace

from benchmarks.axes.agreement import refused
from benchmarks.axes.crossing.judging import judge
from benchmarks.axes.crossing.taken import Taken
from benchmarks.axes.outcome import Outcome
from bn_impls.accuracy.network_bounds import forward
from bn_impls.interface import Array, Implementation, Layer, Unsupported
from bn_impls.networks.description import BatchNorm, NamedLayer


class _Refusal(Exception):
    def __init__(self, unsupported: Unsupported) -> None:
        super().__init__(unsupported.reason)
        self.unsupported = unsupported


def infer_only(implementation: Implementation, taken: Taken, why: str) -> Outcome:
    """Take up a state where the implementation cannot train.

    Args:
        implementation: whose inference is called.
        taken: what the source left.
        why: it cannot train.

    Returns:
        Figures of the inference alone, or the implementation's refusal.
    """
    settings = taken.settings
    layers: dict[str, Layer] = {}

    def normalize(named: NamedLayer, h: Array) -> Array:
        layer = layers.get(named.name)
        if layer is None:
            assert isinstance(named.layer, BatchNorm)
            built = implementation.build(
                replace(settings.layer_configuration(named.layer, named.input_shape), input_shape=h.shape)
            )
            if isinstance(built, Unsupported):
                raise _Refusal(built)
            layer = layers[named.name] = built
        names = ("gamma", "beta", "moving_mean", "moving_variance", "num_updates")
        layer.import_state({name: taken.state[f"{named.name}/{name}"] for name in names})
        return layer.to_numpy(layer.inference(layer.to_native(h)))

    began = time.perf_counter_ns()
    try:
        predicted = forward(settings.network, taken.state, taken.test.astype(settings.dtype), normalize)
    except _Refusal as refusal:
        return refused(refusal.unsupported)
    finally:
        for layer in layers.values():
            layer.close()
    metrics = {**taken.inference_figures(predicted), "resumed_unsupported": why}
    samples = {"durations_ns": [time.perf_counter_ns() - began]}
    reason = judge(metrics)
    return Outcome(status="disagrees" if reason else "ok", reason=reason, metrics=metrics, samples=samples)
