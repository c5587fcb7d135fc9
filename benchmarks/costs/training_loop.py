"""Our training loop against each document's own and against ``fit``: ``python -m benchmarks.costs.training_loop``.

Every network on its data of a default run, an epoch a call, loops in turn in an order drawn anew for each pass:

- ``document``: the document's own loop (:mod:`benchmarks.costs.documents`), without its logging passes;
- ``tf-manual``, ``keras`` and the implementation that the document uses: the trainers of the convergence axis, as it
  uses them, with the drawing of batches and dropout masks;
- ``fit``: ``keras.Model.fit`` on network 000.

What an epoch's logging costs is timed apart. Where the time goes is found by leaving things out: batches alone; the
same calls with nothing to compute; the same step without its loss; and, of ours, a call of one step. All are timed in
the same passes. Both start from the same weights, and before anything is timed the losses of a few steps on the same
batches must be the same. The processes are the replicates of the intervals.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.axes.convergence import evaluate
from benchmarks.axes.training import Experiment
from benchmarks.costs.documents.model import DocumentLoop
from benchmarks.costs.interleave import interleaved, publish, replicate
from benchmarks.costs.shares import USUAL, summary
from benchmarks.costs.subjects import SUBJECTS, difference, document, ours
from bn_impls.interface import Trainer

LEAST, MINUTES = 4, 6.0
LOGGED_PASSES = 3
Run = Callable[[int], Any]


def document_calls(loop: DocumentLoop) -> dict[str, Run]:
    """The document's epoch, and the same with something left out."""

    def epoch(step: Callable[[Any, Any], Any] | None) -> Run:
        def run(loops: int) -> None:
            for _ in range(loops):
                for batch in loop.batches():
                    if step is not None:
                        step(*batch)

        return run

    left_out = {"unfetched": loop.unfetched, "called": loop.called}
    return {
        "document": epoch(loop.step),
        "document: feeding": epoch(None),
        **{f"document: {name}": epoch(step) for name, step in left_out.items() if step is not None},
    }


def our_calls(name: str, experiment: Experiment, trainer: Trainer) -> dict[str, Run]:
    """Our epoch, and a call of one step."""
    indices, masks = experiment.batches(1)[0]
    one = {mask: values[:1] for mask, values in masks.items()}

    def epoch(loops: int) -> None:
        for _ in range(loops):
            trainer.train(*experiment.batches(1)[0])

    def step(loops: int) -> None:
        for _ in range(loops):
            trainer.train(indices[:1], one)

    return {name: epoch, f"{name}: one step": step}


def logging_calls(loop: DocumentLoop, experiment: Experiment, trainer: Trainer) -> dict[str, Run]:
    """What is evaluated in and after an epoch: by the document, if anything, and by the convergence axis."""

    def theirs(loops: int) -> None:
        for _ in range(loops):
            if loop.log_step is not None:
                for batch in loop.batches():
                    loop.log_step(*batch)
            if loop.log_epoch is not None:
                loop.log_epoch()

    def evaluated(loops: int) -> None:
        for _ in range(loops):
            for split in (experiment.data.train, experiment.data.validation):
                evaluate(trainer, split, "moving")

    logs = {} if loop.log_step is None and loop.log_epoch is None else {"document: logging": theirs}
    return {**logs, "ours: logging": evaluated}


def fit(experiment: Experiment) -> Run:
    """``keras.Model.fit`` on network 000, with everything at its defaults."""
    import keras

    train, settings = experiment.data.train, experiment.settings
    layers: list[Any] = [keras.Input((784,))]
    for _ in range(2):
        layers += [keras.layers.Dense(32), keras.layers.BatchNormalization(), keras.layers.ReLU()]
    model = keras.Sequential([*layers, keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(settings.optimizer.rate), loss)
    inputs = train.inputs.reshape(len(train.labels), -1)
    return lambda loops: model.fit(inputs, train.labels, batch_size=settings.batch_size, epochs=loops, verbose=0)


def measure(network: str, seed: int) -> dict[str, float]:
    """One replicate of a network: the fastest sample of each call, in nanoseconds a step.

    Returns:
        A value for each call; ``logging`` and ``drawing`` of an epoch too are told a step; ``difference`` is that of
        the first losses, and ``steps`` those of an epoch.
    """
    subject = SUBJECTS[network]
    built = {name: ours(network, name) for name in (*USUAL, subject.own)}
    experiment, trainer = built[USUAL[0]]
    loop = document(network, experiment)
    apart = difference(experiment, trainer, loop)
    calls = document_calls(loop) | {"drawing": lambda loops: [experiment.batches(1) for _ in range(loops)]}
    for name, pair in built.items():
        calls |= our_calls(name, *pair)
    if network == "000":
        calls["fit"] = fit(experiment)
    logged = logging_calls(loop, experiment, trainer)
    found = interleaved(calls, 1, subject.passes, seed) | interleaved(logged, 1, LOGGED_PASSES, seed)
    for _, trained in built.values():
        trained.close()
    steps = len(experiment.data.train.labels) // experiment.settings.batch_size
    return {name: min(values) / steps for name, values in found.items()} | {"difference": apart, "steps": steps}


def main() -> None:
    """Run replicates for some minutes, or one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicate", type=int)
    parser.add_argument("--networks", nargs="+", choices=SUBJECTS, default=list(SUBJECTS))
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--least", type=int, default=LEAST)
    parser.add_argument("--output", type=Path, default=Path("reports/costs"))
    options = parser.parse_args()
    if options.replicate is not None:
        order = list(options.networks)
        random.Random(options.replicate).shuffle(order)
        print(json.dumps({network: measure(network, options.replicate) for network in order}))
        return
    arguments = ["--networks", *options.networks]
    replies = replicate("benchmarks.costs.training_loop", arguments, options.least, minutes=options.minutes)
    networks = {name: summary(SUBJECTS[name].told(), [reply[name] for reply in replies]) for name in options.networks}
    publish("training_loop", {"unit": "ns", "processes": len(replies), "networks": networks}, options.output)


if __name__ == "__main__":
    main()
