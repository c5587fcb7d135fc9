"""Our training loop against the document's and against ``fit``: ``python -m benchmarks.costs.training_loop``.

Network 000 on the embedded digits, batch 32, one process, samples of all four loops interleaved:

- ``tf-manual`` and ``keras``: the trainers that the convergence axis uses, as it uses them (an epoch a call);
- ``document``: document 000's own code, a TF1 graph, one session call and one feed a step (its ``tf.layers`` live on in
  the package ``tf_keras``);
- ``fit``: ``keras.Model.fit`` on the same model.
"""

from __future__ import annotations

import argparse
import json
import statistics
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.axes.outcome import Surroundings
from benchmarks.axes.training import Experiment
from benchmarks.costs.interleave import interleaved, interval, publish, replicate
from bn_impls import registry
from bn_impls.interface import Array, Trainer

PASSES, PROCESSES = 12, 4
BATCH, RATE = 32, 0.01
PARAMETERS = {
    "network": "000", "dataset": "mnist-5000", "batch_size": BATCH, "optimizer": "adam", "learning_rate": RATE,
    "seed": 0, "dtype": "float32", "style": "xla", "device": "cpu",
}  # fmt: skip


def ours(name: str) -> tuple[Callable[[int], Any], Experiment]:
    """One epoch a loop through the convergence axis' trainer."""
    implementation = registry.load(registry.describe(name))
    surroundings = Surroundings(data_dir=None, download=False, scratch=Path())
    experiment = Experiment.of(implementation, PARAMETERS, surroundings)
    trainer = experiment.trainer(implementation)
    assert isinstance(trainer, Trainer), trainer
    indices, masks = experiment.batches(1)[0]

    def run(loops: int) -> None:
        for _ in range(loops):
            trainer.train(indices, masks)

    return run, experiment


def document(inputs: Array, labels: Array) -> Callable[[int], Any]:
    """Document 000's loop: its layers, its placeholders, its control dependencies, a feed a step."""
    import tensorflow as tf
    from tf_keras.src.legacy_tf_layers import core, normalization

    v1, one_hot = tf.compat.v1, np.eye(10, dtype=np.float32)[labels]
    with tf.Graph().as_default(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf.layers warns that it is deprecated, which is why it is here
        x = v1.placeholder(tf.float32, [None, 784])
        y = v1.placeholder(tf.float32, [None, 10])
        mode = v1.placeholder(tf.bool)
        net = x
        for width in (32, 32):
            net = core.dense(net, width)
            net = normalization.batch_normalization(net, training=mode)
            net = tf.nn.relu(net)
        net = core.dense(net, 10)
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits=net, labels=y))
        with tf.control_dependencies(v1.get_collection(v1.GraphKeys.UPDATE_OPS)):
            train_op = v1.train.AdamOptimizer(RATE).minimize(loss)
        session = v1.Session()
        session.run(v1.global_variables_initializer())
    steps = len(labels) // BATCH

    def run(loops: int) -> None:
        for _ in range(loops):
            order = np.random.default_rng(0).permutation(len(labels))
            for step in range(steps):
                rows = order[step * BATCH : (step + 1) * BATCH]
                session.run([train_op, loss], feed_dict={x: inputs[rows], y: one_hot[rows], mode: True})

    return run


def fit(inputs: Array, labels: Array) -> Callable[[int], Any]:
    """``keras.Model.fit``, with everything at its defaults."""
    import keras

    layers: list[Any] = [keras.Input((784,))]
    for _ in range(2):
        layers += [keras.layers.Dense(32), keras.layers.BatchNormalization(), keras.layers.ReLU()]
    model = keras.Sequential([*layers, keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(RATE), loss)
    return lambda loops: model.fit(inputs, labels, batch_size=BATCH, epochs=loops, verbose=0)


def measure(seed: int) -> dict[str, float]:
    """One replicate: the fastest sample of each loop, in nanoseconds a step."""
    manual, experiment = ours("tf-manual")
    layered, _ = ours("keras")
    inputs = experiment.data.train.inputs.reshape(-1, 784)
    labels = experiment.data.train.labels
    calls = {"tf-manual": manual, "keras": layered, "document": document(inputs, labels), "fit": fit(inputs, labels)}
    found = interleaved(calls, 1, PASSES, seed)
    return {name: min(values) / (len(labels) // BATCH) for name, values in found.items()}


def main() -> None:
    """Run all replicates, or one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicate", type=int)
    parser.add_argument("--output", type=Path, default=Path("reports/costs"))
    options = parser.parse_args()
    if options.replicate is not None:
        print(json.dumps(measure(options.replicate)))
        return
    replies = replicate("benchmarks.costs.training_loop", [], PROCESSES)
    result: dict[str, Any] = {"unit": "ns a step", "steps_ns": {}, "speedup": {}}
    for name in replies[0]:
        result["steps_ns"][name] = statistics.fmean(reply[name] for reply in replies)
    for name in ("tf-manual", "keras"):
        for other in ("document", "fit"):
            ratios = [reply[other] / reply[name] for reply in replies]
            result["speedup"][f"{name} over {other}"] = interval(ratios)
    publish("training_loop", result, options.output)


if __name__ == "__main__":
    main()
