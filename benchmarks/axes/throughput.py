"""Throughput: how fast is one step?

The worker prepares a case once (build, first call, loops for one sample), then gives samples whenever the scheduler
visits it. Between the two clock readings stand the loop, the bare callable and the synchronization.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.axes import outputs
from benchmarks.axes.agreement import configuration_of, refused
from benchmarks.axes.memory import peak_rss_mib, reset_peak
from benchmarks.axes.outcome import Outcome, Surroundings, labelled
from benchmarks.axes.sampling import SAMPLE_TARGET_NS, Samples, loops_of_sample, surroundings_facts, take
from benchmarks.axes.threads import Use, Watch, allowed_threads, too_many
from benchmarks.axes.training import Experiment
from bn_impls.interface import Implementation, Layer, Observation, Unsupported

WARM_UP_NS = 30_000_000
SLOW_CALL_NS = 1_000_000_000  # one such call warms enough
WARM_UPS = 5  # at most: threads that hand work on may meet by chance on a busy machine, those of a pool always do


@dataclass(frozen=True)
class Timed:
    """A prepared case.

    Attributes:
        loop: runs the callable so many times, waits, returns nanoseconds.
        steps: steps that one loop runs (more than 1 for a network).
        close: releases it.
        claims: labels that only this case can tell, to be observed.
    """

    loop: Callable[[int], int]
    steps: int
    close: Callable[[], None]
    claims: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """A timed case and what preparing it showed."""

    timed: Timed
    facts: dict[str, Any]
    labels: dict[str, dict[str, str]]


def prepare(
    implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings
) -> Prepared | Outcome:
    """Build a case, call it once, warm it up, and verify its labels.

    Args:
        implementation: what is measured.
        parameters: of the case.
        surroundings: gives the data set to a network.

    Returns:
        The prepared case, or the outcome that stands in for it.
    """
    make = _network if parameters["work"] == "network_training_step" else _layer
    reset_peak()
    made = make(implementation, parameters, surroundings)
    if isinstance(made, Outcome):
        return made
    timed, observe, build_s = made
    first_ns = timed.loop(1)
    seen = observe()
    claims = {**{name: parameters[name] for name in ("device", "dtype", "style")}, **timed.claims}
    labels, wrong = labelled(claims, seen)
    labels |= {name: _unclaimed(seen[name]) for name in seen.keys() - claims.keys()}
    if wrong:
        timed.close()
        return Outcome(status="failed", reason=f"a label is wrong: {wrong}", labels=labels)
    use, step_ns = _warm_up(timed)
    for _ in range(WARM_UPS - 1):
        if too_many(use):
            again, again_ns = _warm_up(timed)
            use, step_ns = min(use, again, key=lambda one: one.threads), min(step_ns, again_ns)
    labels["threads"] = use.label(allowed_threads())
    if too_many(use):
        timed.close()
        why = f"it used {use.threads:.2f} threads, but was allowed {allowed_threads()}"
        evidence = labels["threads"]["evidence"]
        return Outcome(status="failed", reason=f"a label is wrong: {why} ({evidence})", labels=labels)
    facts = {
        "build_s": build_s,
        "first_call_s": first_ns / 1e9,
        "threads_used": use.threads,
        "loops": loops_of_sample(timed.loop, step_ns) if step_ns < SAMPLE_TARGET_NS else 1,
        "warm_call_ns": step_ns,
        "peak_rss_mib": peak_rss_mib(),
        **surroundings_facts(),
    }
    return Prepared(timed, facts, labels)


def _unclaimed(observation: Observation) -> dict[str, str]:
    """A label that no case claims anything of, such as the kernel."""
    return {"claimed": "nothing", "observed": observation.observed, "evidence": observation.evidence}


def _warm_up(timed: Timed) -> tuple[Use, float]:
    """Call until warm.

    Returns:
        The use of threads meanwhile; nanoseconds of the fastest call of the loop.
    """
    watch, began = Watch(), time.perf_counter_ns()
    calls, fastest = 0, float("inf")
    while time.perf_counter_ns() - began < (WARM_UP_NS if calls > 1 else SLOW_CALL_NS):
        fastest, calls = min(fastest, timed.loop(1)), calls + 1
    return watch.use(), max(fastest, 1.0)


def sample(prepared: Prepared, loops: int, count: int) -> Samples:
    """Take so many samples of so many calls of a prepared case."""
    return take(prepared.timed.loop, loops, count)


def _layer(
    implementation: Implementation, parameters: Mapping[str, Any], _: Surroundings
) -> tuple[Timed, Callable[[], Mapping[str, Observation]], float] | Outcome:
    settings = configuration_of(implementation, parameters)
    began = time.perf_counter()
    layer = implementation.build(settings)
    build_s = time.perf_counter() - began
    if isinstance(layer, Unsupported):
        return refused(layer)
    generator = np.random.default_rng(parameters["seed"])
    x, dy = (
        layer.to_native(generator.standard_normal(settings.input_shape, np.float32).astype(settings.dtype))
        for _ in range(2)
    )
    works: dict[str, tuple[Callable[..., Any] | Unsupported, tuple[Any, ...]]] = {
        "inference": (layer.inference, (x,)),
        "training_forward": (layer.training_step, (x,)),
        "training_forward_backward": (layer.training_step_with_gradients, (x, dy)),
    }
    function, inputs = works[parameters["work"]]
    if isinstance(function, Unsupported):
        layer.close()
        return refused(function)
    loop = one_input(function, x, layer) if len(inputs) == 1 else two_inputs(function, x, dy, layer)
    claims = {"outputs": outputs.claimed(parameters["work"], settings)}

    def observe() -> Mapping[str, Observation]:
        read = outputs.observed(layer, function, inputs)
        return {**layer.observe(function, *inputs), "outputs": read}

    return Timed(loop, 1, layer.close, claims), observe, build_s


def one_input(function: Callable[..., Any], x: Any, layer: Layer) -> Callable[[int], int]:
    """The timed loop over a callable of one tensor: nothing of ours inside."""
    synchronize, clock = layer.synchronize, time.perf_counter_ns

    def loop(loops: int) -> int:
        result = None
        began = clock()
        for _ in range(loops):
            result = function(x)
        synchronize(result)
        return clock() - began

    return loop


def two_inputs(function: Callable[..., Any], x: Any, dy: Any, layer: Layer) -> Callable[[int], int]:
    """The timed loop over a callable of two tensors: nothing of ours inside."""
    synchronize, clock = layer.synchronize, time.perf_counter_ns

    def loop(loops: int) -> int:
        result = None
        began = clock()
        for _ in range(loops):
            result = function(x, dy)
        synchronize(result)
        return clock() - began

    return loop


def _network(
    implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings
) -> tuple[Timed, Callable[[], Mapping[str, Observation]], float] | Outcome:
    experiment = Experiment.of(implementation, parameters, surroundings)
    began = time.perf_counter()
    trainer = experiment.trainer(implementation)
    build_s = time.perf_counter() - began
    if isinstance(trainer, Unsupported):
        return refused(trainer)
    indices, masks = experiment.steps(parameters["steps_per_call"])

    def loop(loops: int) -> int:
        began = time.perf_counter_ns()
        for _ in range(loops):
            trainer.train(indices, masks)  # returns the losses as an array, so it has waited for them
        return time.perf_counter_ns() - began

    return Timed(loop, parameters["steps_per_call"], trainer.close), trainer.observe, build_s
