"""What a step costs more through our callable than by hand: ``python -m benchmarks.costs.interface_cost``.

Each of several fresh processes builds the same layer several times: through the interface, and twice by hand as a user
of the framework would, without anything of ours. The second one by hand shows the noise: two things that are the same.

A layer keeps a difference of 1 or 2 % for as long as it lives, which its place in memory makes. So a process builds all
three ten times, each time in an order drawn anew, and takes the mean. A figure of a build is the median over its passes
of the ratio within a pass, and a pass is its shortest sample: what the calibration found to be the steadiest. One
thread computes, so that the machine's other work finds another core. The processes are the replicates of the interval.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.costs.interleave import interleaved, interval, publish, replicate
from bn_impls import registry
from bn_impls.interface import Configuration, Implementation, Layer, Unsupported

SMALL, MILLISECOND = (8, 4), (32, 28, 28, 8)
NAMES = ("keras", "tf-manual", "numpy-reference")
USUAL = NAMES[:2]  # a NumPy step leaves no time for them within the minutes
FORMS = ("interface", "by_hand", "by_hand_again")
LEAST, MINUTES, THREADS = 5, 5.0, 1
ALLOWED = {"small": ("ns", 2000.0), "millisecond": ("percent", 1.0)}  # of a call, of a step


@dataclass(frozen=True)
class Design:
    """How a size is measured in one process: so many builds of passes of samples of calls."""

    shape: tuple[int, ...]
    builds: int
    passes: int
    samples: int
    loops: int


DESIGNS = {
    "small": Design(SMALL, builds=10, passes=30, samples=3, loops=20),
    "millisecond": Design(MILLISECOND, builds=10, passes=20, samples=3, loops=2),
}


def configuration(name: str, implementation: Implementation, shape: tuple[int, ...]) -> Configuration:
    """The layer that is compared, in its users' usual style."""
    style: Any = registry.describe(name).styles[0]
    return Configuration(
        input_shape=shape, layout="channels_last", dtype="float32", decay=0.99, epsilon=1e-3, center=True, scale=True,
        conventions=implementation.conventions, style=style, device="cpu",
    )  # fmt: skip


def through_the_interface(name: str, shape: tuple[int, ...]) -> Callable[..., Any]:
    """The callable that the benchmark times."""
    implementation = registry.load(registry.describe(name))
    layer = implementation.build(configuration(name, implementation, shape))
    assert isinstance(layer, Layer), layer
    differentiate = layer.training_step_with_gradients
    assert not isinstance(differentiate, Unsupported), differentiate
    return differentiate


def native(name: str) -> Callable[[Any], Any]:
    """The framework's own conversion of an array."""
    if name == "numpy-reference":
        return np.array
    import tensorflow as tf

    convert: Callable[[Any], Any] = tf.constant
    return convert


def drawn(shape: tuple[int, ...], seed: int) -> Any:
    """Normally distributed input."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def by_hand(name: str, shape: tuple[int, ...]) -> Callable[..., Any]:
    """The same step as a user would write it."""
    return {"keras": _keras, "tf-manual": _tensorflow, "numpy-reference": _numpy}[name](shape)


def _keras(shape: tuple[int, ...]) -> Callable[..., Any]:
    import keras
    import tensorflow as tf

    layer = keras.layers.BatchNormalization(momentum=0.99, epsilon=1e-3)
    layer.build(shape)

    def step(x: Any, dy: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
        return y, *tape.gradient(y, [x, layer.gamma.value, layer.beta.value], output_gradients=dy)

    concrete: Callable[..., Any] = tf.function(step).get_concrete_function(*[tf.TensorSpec(shape, tf.float32)] * 2)
    return concrete


def _tensorflow(shape: tuple[int, ...]) -> Callable[..., Any]:
    import tensorflow as tf

    channels, axes = shape[-1:], list(range(len(shape) - 1))
    gamma, beta = tf.Variable(tf.ones(channels)), tf.Variable(tf.zeros(channels))
    batch_mean, batch_variance = (tf.Variable(tf.zeros(channels), trainable=False) for _ in range(2))
    steps = tf.Variable(0, trainable=False, dtype=tf.int64)
    average = tf.train.ExponentialMovingAverage(0.99, num_updates=steps)
    average.apply([batch_mean, batch_variance])

    def step(x: Any, dy: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            mean, variance = tf.nn.moments(x, axes)
            batch_mean.assign(mean)
            batch_variance.assign(variance)
            average.apply([batch_mean, batch_variance])
            steps.assign_add(1)
            y = tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)
        return y, *tape.gradient(y, [x, gamma, beta], output_gradients=dy)

    concrete: Any = tf.function(step).get_concrete_function(*[tf.TensorSpec(shape, tf.float32)] * 2)
    concrete.kept = (gamma, beta, batch_mean, batch_variance, steps, average)  # a concrete function does not own them
    return concrete  # type: ignore[no-any-return]  # TensorFlow is untyped


def _numpy(shape: tuple[int, ...]) -> Callable[..., Any]:
    from bn_impls.numpy_reference import IMPLEMENTATION, BatchNorm

    layer = BatchNorm(configuration("numpy-reference", IMPLEMENTATION, shape))

    def step(x: Any, dy: Any) -> Any:
        y = layer.forward(x)
        return y, *layer.backward(dy)

    return step


def measure(name: str, design: Design, seed: int) -> dict[str, float]:
    """One replicate: means over builds of what the interface costs, and of what two layers by hand differ by."""
    found = [_built(name, design, 1000 * seed + build) for build in range(design.builds)]
    return {figure: statistics.fmean(one[figure] for one in found) for figure in found[0]}


def _built(name: str, design: Design, seed: int) -> dict[str, float]:
    """Build all forms in a drawn order, time them in turn, and compare them pass by pass."""
    order = list(FORMS)
    random.Random(seed).shuffle(order)
    makers = {"interface": through_the_interface} | dict.fromkeys(FORMS[1:], by_hand)
    convert = native(name)
    inputs = [convert(drawn(design.shape, number)) for number in (0, 1)]
    calls = {form: looped(makers[form](name, design.shape), inputs) for form in order}
    return compared(interleaved(calls, design.loops, design.passes, seed, design.samples))


def looped(function: Callable[..., Any], inputs: list[Any]) -> Callable[[int], None]:
    """Call it so many times."""

    def run(loops: int) -> None:
        for _ in range(loops):
            function(*inputs)

    return run


def compared(passes: Mapping[str, list[float]]) -> dict[str, float]:
    """Medians over passes.

    Args:
        passes: form -> nanoseconds a call, one value a pass.

    Returns:
        ``by_hand_ns``; the interface's cost over the geometric mean of both layers by hand, ``extra_percent`` and
        ``extra_ns``; and that of the second one by hand over the first, ``noise_percent`` and ``noise_ns``.
    """
    interface, first, second = (np.array(passes[form]) for form in FORMS)
    hand = float(np.median(np.concatenate([first, second])))
    ratios = {"extra": float(np.median(interface / np.sqrt(first * second))), "noise": float(np.median(second / first))}
    percents = {f"{figure}_percent": 100 * (ratio - 1) for figure, ratio in ratios.items()}
    return {"by_hand_ns": hand} | percents | {f"{name}_ns": hand * (ratio - 1) for name, ratio in ratios.items()}


def main() -> None:
    """Run replicates for some minutes, or one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicate", type=int)
    parser.add_argument("--names", nargs="+", choices=NAMES, default=USUAL)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--output", type=Path, default=Path("reports/costs"))
    options = parser.parse_args()
    if options.replicate is not None:
        seed = options.replicate
        print(json.dumps({
            name: {size: measure(name, design, seed) for size, design in DESIGNS.items()} for name in options.names
        }))  # fmt: skip
        return
    names = ["--names", *options.names]
    replies = replicate("benchmarks.costs.interface_cost", names, LEAST, minutes=options.minutes, threads=THREADS)
    result: dict[str, Any] = {
        "unit": "ns",
        "shapes": {size: design.shape for size, design in DESIGNS.items()},
        "processes": len(replies),
        "threads": THREADS,
    }
    for name in options.names:
        result[name] = {size: _over_processes([reply[name][size] for reply in replies]) for size in DESIGNS}
    publish("interface_cost", result, options.output)
    for name in options.names:
        for size in DESIGNS:
            print(decision(name, size, result[name][size]))


def _over_processes(replies: list[dict[str, float]]) -> dict[str, Any]:
    figures = {figure: [reply[figure] for reply in replies] for figure in replies[0]}
    hand = statistics.fmean(figures.pop("by_hand_ns"))
    return {"by_hand_ns": hand} | {figure: interval(values) for figure, values in figures.items()}


def decision(name: str, size: str, found: Mapping[str, Any]) -> str:
    """Whether the interface costs at most what is allowed at a size, as far as the interval says.

    Args:
        name: the implementation.
        size: a key of :data:`DESIGNS`.
        found: its figures, means and intervals over processes.
    """
    unit, most = ALLOWED[size]
    extra, shown = found[f"extra_{unit}"], "%" if unit == "percent" else unit
    word = "at most" if extra["high"] <= most else "more than" if extra["low"] > most else "undecided whether at most"
    return (
        f"{name}: {extra['mean']:+.2f} {shown} ({extra['low']:+.2f} to {extra['high']:+.2f}) of a call of "
        f"{found['by_hand_ns'] / 1e6:.2f} ms by hand: {word} {most:g} {shown}"
    )


if __name__ == "__main__":
    main()
