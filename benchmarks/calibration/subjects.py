"""What the workers of a calibration import: ``IMPLEMENTATION/WORKER`` is that implementation, slowed as the name says.

The slowdown is busy work at the end of each sample, inside the timed region, for an exact share of the time that the
sample took: 5 % make 1.05 times the duration, for calls of 10 µs and of 100 ms alike. Further calls would not do:
where one call fills a sample there is no twentieth of a call. What disturbs a sample is stretched with it, as in code
that is slower throughout. Workers that are not slowed run the same wrapper with a share of 0.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from benchmarks.calibration.workers import of_specification
from bn_impls.interface import Configuration, Implementation, Layer, Observation, Unsupported
from bn_impls.isolation.loading import load_alone

Clock = Callable[[], int]


def __getattr__(name: str) -> Implementation:
    """The subject of a name, such as ``keras/slower-5-1``."""
    try:
        implementation, worker = of_specification(name)
    except ValueError as error:
        raise AttributeError(str(error)) from error
    found: Implementation = load_alone(implementation)
    return slowed(found, worker.percent / 100)


def slowed(implementation: Implementation, share: float) -> Implementation:
    """An implementation whose layers take ``1 + share`` times as long."""

    def build(configuration: Configuration) -> Layer | Unsupported:
        built = implementation.build(configuration)
        return built if isinstance(built, Unsupported) else slowed_layer(built, share)

    return replace(implementation, build=build)


def slowed_layer(layer: Layer, share: float, clock: Clock = time.perf_counter_ns) -> Layer:
    """A layer whose samples take ``1 + share`` times as long.

    A sample begins with the first call after a synchronization and ends with the next one.

    Args:
        layer: what is slowed.
        share: additional time over the layer's own.
        clock: in nanoseconds.
    """
    began = 0
    wrapped: dict[Callable[..., Any], Callable[..., Any]] = {}

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*inputs: Any) -> Any:
            nonlocal began
            if not began:
                began = clock()
            return function(*inputs)

        wrapped[call] = function
        return call

    def synchronize(result: Any) -> None:
        nonlocal began
        layer.synchronize(result)
        now = clock()
        until = now + share * (now - (began or now))
        began = 0
        while clock() < until:
            pass

    def observe(function: Callable[..., Any], *inputs: Any) -> Any:
        seen: dict[str, Observation] = dict(layer.observe(wrapped[function], *inputs))
        return seen

    backward = layer.training_step_with_gradients
    return replace(
        layer,
        inference=counted(layer.inference),
        training_step=counted(layer.training_step),
        training_step_with_gradients=backward if isinstance(backward, Unsupported) else counted(backward),
        synchronize=synchronize,
        observe=observe,
    )
