"""Our training loop against each document's own and against ``fit``: ``python -m benchmarks.costs.training_loop``.

Every network on its data of a default run, an epoch a call, loops in turn in an order drawn anew for each pass:

- ``document``: the document's own loop (:mod:`benchmarks.costs.documents`), without its logging passes;
- ``tf-manual``, ``keras`` and the implementation that the document uses: the trainers of the convergence axis, as it
  uses them, with the drawing of batches and dropout masks;
- ``fit``: ``keras.Model.fit`` on network 000.

What an epoch's logging costs is timed apart. Where the time goes is found by leaving things out: batches alone; the same
calls with nothing to compute; the same step without its loss; and, of ours, a call of one step. All are timed in the
same passes. Both start from the same weights, and before anything is timed the losses of a few steps on the same
batches must be the same. The processes are the replicates of the intervals.
"""

from __future__ import annotations

import argparse
import importlib
import json
import random
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.axes.convergence import evaluate
from benchmarks.axes.outcome import Surroundings
from benchmarks.axes.training import Experiment
from benchmarks.costs.documents.model import DocumentLoop, Task
from benchmarks.costs.interleave import interleaved, interval, publish, replicate
from benchmarks.datasets.model import Split
from benchmarks.networks import recipe
from bn_impls import registry
from bn_impls.interface import Trainer

LEAST, MINUTES = 4, 6.0
LOGGED_PASSES = 3
CHECKED_STEPS, ALLOWED_REL = 3, 1e-3  # rounding of float32 sums in another order: 1e-5 a step
USUAL = ("tf-manual", "keras")
Run = Callable[[int], Any]


@dataclass(frozen=True)
class Subject:
    """A network as it is timed.

    Attributes:
        module: of the document's loop.
        style: of the document's loop, for readers.
        own: the implementation of ours that is the API of the document.
        passes: of the samples, each an epoch.
        batch_norm: whether the document normalizes.
        options: what the document writes differently from the recipe.
    """

    module: str
    style: str
    own: str
    passes: int = 12
    batch_norm: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)


SESSION = "TF1 session, a feed a step"
SUBJECTS: Mapping[str, Subject] = {
    "000": Subject("document_000", SESSION, "tf1-layers"),
    "001": Subject("document_001", SESSION, "tf1-layers", options={"logits": "unused"}),
    "002": Subject("document_002", "eager, `tf.data`", "tf-keras"),
    "002-notebook": Subject("document_002", "eager, `tf.data`", "tf-keras", passes=6),
    "003": Subject(
        "document_003", "`tf.function` a step", "tf-keras",
        batch_norm=False, options={"loss": "swapped_cross_entropy"},
    ),
    "004": Subject("document_004", "TF1 session, two calls a step", "tf1-manual-two-call", passes=6),
    "ioffe-szegedy": Subject("ioffe_szegedy", f"{SESSION} (no code in the paper)", "tf1-layers"),
}  # fmt: skip


def ours(network: str, name: str) -> tuple[Experiment, Trainer]:
    """A network with the convergence axis' trainer; training examples that fill no batch are left out."""
    descriptor, subject = registry.describe(name), SUBJECTS[network]
    implementation = registry.load(descriptor)
    chosen = recipe(network)
    parameters = {
        **chosen.parameters(),
        "dataset": chosen.dataset_of("mnist-5000"),
        "batch_norm": subject.batch_norm,
        "options": subject.options,
        "seed": 0,
        "dtype": "float32",
        "style": chosen.style_of(descriptor.trainer_styles, "cpu"),
        "device": "cpu",
    }
    surroundings = Surroundings(data_dir=None, download=False, scratch=Path())
    experiment = Experiment.of(implementation, parameters, surroundings)
    train = experiment.data.train
    rows = len(train.labels) // chosen.batch_size * chosen.batch_size
    whole = replace(experiment.data, train=Split(train.inputs[:rows], train.labels[:rows]))
    experiment = replace(experiment, data=whole)
    trainer = experiment.trainer(implementation)
    assert isinstance(trainer, Trainer), trainer
    return experiment, trainer


def document(network: str, experiment: Experiment) -> DocumentLoop:
    """The document's loop on the same data from the same weights."""
    settings = experiment.settings
    task = Task(
        experiment.data, settings.network, experiment.initial_weights(), settings.batch_size, settings.optimizer.rate
    )
    module = importlib.import_module(f"benchmarks.costs.documents.{SUBJECTS[network].module}")
    found: DocumentLoop = module.loop(task)
    return found


def difference(experiment: Experiment, trainer: Trainer, loop: DocumentLoop) -> float:
    """The largest relative difference of a few steps' losses on the same batches, with dropout off.

    Raises:
        ValueError: it is none that rounding makes.
    """
    indices, masks = experiment.batches(1)[0]
    indices = indices[:CHECKED_STEPS]
    losses = trainer.train(indices, {name: np.ones_like(mask[:CHECKED_STEPS]) for name, mask in masks.items()})
    train = experiment.data.train
    expected = np.array([loop.checked(train.inputs[rows], train.labels[rows]) for rows in indices])
    found = float(np.abs(losses / expected - 1).max())
    if not found <= ALLOWED_REL:
        raise ValueError(
            f"network {experiment.settings.network.name}: losses of the first steps are {losses} and, of the document's "
            f"loop, {expected}, but should be the same: no speeds of different work are compared"
        )
    return found


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
    """What is evaluated in and after an epoch: by the document, and with moving statistics by the convergence axis."""

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

    return {"document: logging": theirs, "ours: logging": evaluated}


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


def summary(network: str, replies: list[dict[str, float]]) -> dict[str, Any]:
    """Speeds, their ratios with intervals over processes, and where the time goes."""
    mean = {name: statistics.fmean(reply[name] for reply in replies) for name in replies[0]}
    subject, whole = SUBJECTS[network], [name for name in replies[0] if name in (*USUAL, SUBJECTS[network].own)]
    others = [name for name in ("document", "fit") if name in mean]
    return {
        "document": subject.style,
        "own": subject.own,
        "steps_an_epoch": int(mean["steps"]),
        "first_losses_differ_rel": max(reply["difference"] for reply in replies),
        "steps_ns": {name: mean[name] for name in (*others, *whole)},
        "speedup": {
            f"{name} over {other}": interval([reply[other] / reply[name] for reply in replies])
            for name in whole
            for other in others
        },
        "parts_ns": {"document": document_parts(mean)} | {name: our_parts(mean, name) for name in USUAL},
        "logging_ns": {"document": mean["document: logging"] * mean["steps"], "ours": mean["ours: logging"] * mean["steps"]},
    }


def document_parts(mean: Mapping[str, float]) -> dict[str, float | None]:
    """Nanoseconds a step of feeding, call, loss and computing; None where a part cannot be told from computing."""
    whole, feeding = mean["document"], mean["document: feeding"]
    call = mean["document: called"] - feeding if "document: called" in mean else None
    loss = whole - mean["document: unfetched"] if "document: unfetched" in mean else None
    return {"feeding": feeding, "call": call, "loss": loss, "compute": whole - feeding - (call or 0.0) - (loss or 0.0)}


def our_parts(mean: Mapping[str, float], name: str) -> dict[str, float | None]:
    """The same of ours; the losses of an epoch come back with its call."""
    steps, drawing = mean["steps"], mean["drawing"]
    trained, one = (mean[name] - drawing) * steps, mean[f"{name}: one step"] * steps
    compute = (trained - one) / (steps - 1)
    return {"feeding": drawing, "call": (one - compute) / steps, "loss": None, "compute": compute}


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
    networks = {network: summary(network, [reply[network] for reply in replies]) for network in options.networks}
    publish("training_loop", {"unit": "ns", "processes": len(replies), "networks": networks}, options.output)


if __name__ == "__main__":
    main()
