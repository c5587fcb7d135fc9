"""Document 004's update in a second call with isTraining false, beside the same graph with the update in one call.

Training normalizes by the batch, so both train the same weights; their moving statistics are compared layer by layer.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.axes.outcome import Outcome, Surroundings
from benchmarks.axes.training import Experiment, loss_and_accuracy
from bn_impls.interface import Array, Implementation, Trainer, Unsupported
from bn_impls.networks.description import Activation, BatchNorm, Dense, Flatten, He, LayerDescription, Network
from bn_impls.networks.optimizers import Adam
from bn_impls.tf1_manual import ONE_CALL, TWO_CALLS

NORMALIZATION = BatchNorm(decay=0.99, epsilon=1e-5, center=True, scale=True)  # document 004's
LAYERS, UNITS = 4, 32
LOOKS = (10, 100, 500)
FORMS = {"one_call": ONE_CALL, "two_calls": TWO_CALLS}


def run(implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings) -> Outcome:
    """Train both forms on the same batches.

    Args:
        implementation: not used; its worker has TensorFlow.
        parameters: of a training; ``num_updates``, whether the step is given to the averages.
        surroundings: give the data set.

    Returns:
        For each look, arrays (looks, layers) of the differences of mean (in deviations) and variance (as a log ratio);
        inference loss in either form; time of a step.
    """
    base = Experiment.of(implementation, {**parameters, "network": "000"}, surroundings)
    shape, classes = base.settings.network.input_shape, base.data.class_count
    hidden: tuple[LayerDescription, ...] = (Dense(UNITS), NORMALIZATION, Activation("relu"))
    network = Network("second-pass", shape, (Flatten(), *hidden * LAYERS, Dense(classes)), He())
    experiment = replace(base, settings=replace(base.settings, network=network, optimizer=Adam(1e-3)))
    trainers = {name: _trainer(experiment, form, parameters["num_updates"]) for name, form in FORMS.items()}
    try:
        return _compare(experiment, trainers)
    finally:
        for trainer in trainers.values():
            trainer.close()


def _trainer(experiment: Experiment, form: Implementation, num_updates: bool) -> Trainer:
    conventions = replace(form.conventions, warm_up=num_updates)
    chosen = replace(experiment, settings=replace(experiment.settings, conventions=conventions))
    built = chosen.trainer(form)
    if isinstance(built, Unsupported):
        raise TypeError(built.reason)
    return built


def _compare(experiment: Experiment, trainers: Mapping[str, Trainer]) -> Outcome:
    rows, masks = experiment.steps(max(LOOKS))
    test = experiment.data.test
    means, variances = np.empty((2, len(LOOKS), LAYERS))
    losses = {name: np.empty(len(LOOKS)) for name in (*FORMS, "batch")}
    durations_ns: dict[str, list[float]] = {name: [] for name in FORMS}
    done, weights_off = 0, 0.0
    for look, steps in enumerate(LOOKS):
        for begin in range(done, steps, LOOKS[0]):  # in turn, so that drift hits both alike
            for name, trainer in trainers.items():
                began = time.perf_counter_ns()
                trainer.train(rows[begin : begin + LOOKS[0]], masks)
                durations_ns[name].append((time.perf_counter_ns() - began) / LOOKS[0])
        done = steps
        one, two = (trainer.export_weights() for trainer in trainers.values())
        means[look], variances[look] = _differences(one, two)
        weights_off = max(float(np.abs(one[n] - two[n]).max()) for n in one if n.endswith("/kernel"))
        for name, trainer in trainers.items():
            losses[name][look], _ = loss_and_accuracy(trainer.predict(test.inputs, "moving"), test.labels)
        losses["batch"][look], _ = loss_and_accuracy(trainers["one_call"].predict(test.inputs, "batch"), test.labels)
    ratios = np.array(durations_ns["two_calls"][1:]) / np.array(durations_ns["one_call"][1:])
    return Outcome(
        metrics={
            "weights_difference_abs": weights_off,
            "two_calls_over_one_call_step_time_ratio": float(np.median(ratios)),
            **{f"{name}_step_us": float(np.min(found)) / 1e3 for name, found in durations_ns.items()},
        },
        samples={"durations_ns": [sum(found) * LOOKS[0] for found in durations_ns.values()]},
        arrays={"steps": np.array(LOOKS), "mean_difference_deviations": means, "variance_log_ratio": variances,
                **{f"{name}_loss": found for name, found in losses.items()}},
    )  # fmt: skip


def _differences(one: Mapping[str, Array], two: Mapping[str, Array]) -> tuple[Array, Array]:
    """Root mean square over the channels of each layer: of means over deviations, and of log ratios of variances."""
    means, variances = np.empty((2, LAYERS))
    for number in range(LAYERS):
        name = f"batch_norm_{number}"
        variance = one[f"{name}/moving_variance"].astype(np.float64)
        apart = one[f"{name}/moving_mean"].astype(np.float64) - two[f"{name}/moving_mean"]
        used = variance > 0  # a unit that is off has no variance to compare
        means[number] = np.sqrt(np.square(apart[used] / np.sqrt(variance[used])).mean())
        ratio = two[f"{name}/moving_variance"].astype(np.float64)[used] / variance[used]
        with np.errstate(divide="ignore"):
            variances[number] = np.sqrt(np.square(np.log(ratio)).mean())
    return means, variances
