"""What a step costs more through our callable than by hand: ``python -m benchmarks.costs.interface_cost``.

Each of several fresh processes builds the same layer three times: through the interface, and twice by hand as a user of
the framework would, without anything of ours. Samples of all three are interleaved. The second layer by hand shows the
noise: two things that are the same.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.costs.interleave import interleaved, interval, publish, replicate
from bn_impls import registry
from bn_impls.interface import Configuration, Implementation, Layer, Unsupported

SMALL, MILLISECOND = (8, 4), (32, 28, 28, 16)
PASSES, PROCESSES = 150, 12
NAMES = ("keras", "tf-manual", "numpy-reference")


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


def measure(name: str, shape: tuple[int, ...], seed: int) -> dict[str, float]:
    """One replicate: lowest decile of each, in nanoseconds a call."""
    builders: dict[str, Callable[[], Callable[..., Any]]] = {
        "interface": lambda: through_the_interface(name, shape),
        "by_hand": lambda: by_hand(name, shape),
        "by_hand_again": lambda: by_hand(name, shape),
    }
    order = list(builders)
    random.Random(seed).shuffle(order)  # what is built first gets other memory: a matter of 1 or 2 percent
    calls = {label: builders[label]() for label in order}
    convert = native(name)
    inputs = [convert(drawn(shape, number)) for number in (0, 1)]

    def looped(function: Callable[..., Any]) -> Callable[[int], None]:
        def run(loops: int) -> None:
            for _ in range(loops):
                function(*inputs)

        return run

    loops = 20 if shape == SMALL else 2
    found = interleaved({label: looped(call) for label, call in calls.items()}, loops, PASSES, seed)
    return {label: statistics.quantiles(values, n=10)[0] for label, values in found.items()}


def main() -> None:
    """Run all replicates, or one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicate", type=int)
    parser.add_argument("--name", choices=NAMES)
    parser.add_argument("--output", type=Path, default=Path("reports/costs"))
    options = parser.parse_args()
    if options.replicate is not None:
        pairs = {"small": SMALL, "millisecond": MILLISECOND}
        print(json.dumps({size: measure(options.name, shape, options.replicate) for size, shape in pairs.items()}))
        return
    result: dict[str, Any] = {"unit": "ns", "shapes": {"small": SMALL, "millisecond": MILLISECOND}}
    for name in NAMES:
        replies = replicate("benchmarks.costs.interface_cost", ["--name", name], PROCESSES)
        result[name] = {size: _compare([reply[size] for reply in replies]) for size in ("small", "millisecond")}
    publish("interface_cost", result, options.output)


def _compare(replies: list[dict[str, float]]) -> dict[str, Any]:
    hand = [(reply["by_hand"] + reply["by_hand_again"]) / 2 for reply in replies]
    return {
        "by_hand_ns": statistics.fmean(hand),
        "extra_ns": interval([reply["interface"] - own for reply, own in zip(replies, hand, strict=True)]),
        "extra_percent": interval([100 * (r["interface"] / own - 1) for r, own in zip(replies, hand, strict=True)]),
        "noise_ns": interval([reply["by_hand_again"] - reply["by_hand"] for reply in replies]),
        "noise_percent": interval([100 * (reply["by_hand_again"] / reply["by_hand"] - 1) for reply in replies]),
    }


if __name__ == "__main__":
    main()
