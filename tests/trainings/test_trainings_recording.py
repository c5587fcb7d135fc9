"""Exact population statistics and recordings of a training, against values worked out apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.axes.outcome import Surroundings
from benchmarks.axes.training import Experiment, loss_and_accuracy
from benchmarks.report.claims import not_a_drawing
from benchmarks.report.figures import recording as figures
from benchmarks.report.figures.canvas import render
from benchmarks.trainings.population import evaluate_population, exact_network, population_statistics
from benchmarks.trainings.recording import Recording, record
from bn_impls.interface import Trainer
from bn_impls.numpy_reference import IMPLEMENTATION


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """Network 000 on the small digits, in float64."""
    surroundings = Surroundings(data_dir=None, download=False, scratch=tmp_path_factory.mktemp("scratch"))
    case = {
        "network": "000", "dataset": "digits", "batch_size": 32, "optimizer": "adam", "learning_rate": 0.01, "seed": 0,
        "dtype": "float64", "style": "eager", "device": "cpu",
    }  # fmt: skip
    return Experiment.of(IMPLEMENTATION, case, surroundings)


@pytest.fixture(scope="module")
def trained(experiment: Experiment) -> Trainer:
    """After half an epoch."""
    trainer = experiment.trainer(IMPLEMENTATION)
    assert isinstance(trainer, Trainer)
    rows, masks = experiment.batches(1)[0]
    trainer.train(rows[:20], masks)
    return trainer


@pytest.fixture(scope="module")
def seen(experiment: Experiment) -> Recording:
    """One epoch of 45 steps, looked at every 20."""
    trainer = experiment.trainer(IMPLEMENTATION)
    assert isinstance(trainer, Trainer)
    return record(trainer, experiment, 1, every=20, rows=64, unit=3)


def by_hand(weights: Any, x: Any) -> dict[str, Any]:
    """What the first block gives, normalized by all of x."""
    h = x.reshape(len(x), -1).astype(np.float64) @ weights["dense_0/kernel"] + weights["dense_0/bias"]
    mean, variance = h.mean(axis=0), h.var(axis=0)
    z = weights["batch_norm_0/gamma"] * (h - mean) / np.sqrt(variance + 1e-3) + weights["batch_norm_0/beta"]
    second = np.maximum(z, 0) @ weights["dense_1/kernel"] + weights["dense_1/bias"]
    return {"mean": mean, "variance": variance, "z": z, "second": second.mean(axis=0)}


def test_population_statistics_are_those_of_all_inputs(experiment: Experiment, trained: Trainer) -> None:
    """Of the first layer, and of the second behind the normalized first."""
    network, weights = exact_network(experiment), trained.export_weights()
    network.load_weights(weights)
    found, _ = population_statistics(network, experiment.data.train.inputs)
    expected = by_hand(weights, experiment.data.train.inputs)
    np.testing.assert_allclose(found["batch_norm_0/moving_mean"], expected["mean"], rtol=1e-10)
    np.testing.assert_allclose(found["batch_norm_0/moving_variance"], expected["variance"], rtol=1e-10)
    np.testing.assert_allclose(found["batch_norm_1/moving_mean"], expected["second"], rtol=1e-9, atol=1e-12)


def test_inference_with_them_is_training_on_one_batch_of_everything(experiment: Experiment, trained: Trainer) -> None:
    """The training loss is that of a prediction with the statistics of all rows; the trainer stays as it was."""
    before = trained.export_weights()
    found = evaluate_population(trained, exact_network(experiment), experiment)
    train = experiment.data.train
    loss, accuracy = loss_and_accuracy(trained.predict(train.inputs, "batch"), train.labels)
    assert found["train_loss"] == pytest.approx(loss, rel=1e-12)
    assert found["train_accuracy"] == accuracy
    assert 0 < found["validation_loss"] != found["train_loss"]
    assert all(np.array_equal(array, before[name]) for name, array in trained.export_weights().items())


def test_recording_changes_nothing_of_the_training(experiment: Experiment, seen: Recording) -> None:
    """The losses are those of a training that nobody looks at; looks are every 20 steps and at the epoch's end."""
    trainer = experiment.trainer(IMPLEMENTATION)
    assert isinstance(trainer, Trainer)
    np.testing.assert_array_equal(seen.losses, trainer.train(*experiment.batches(1)[0]))
    assert seen.steps.tolist() == [0, 20, 40, 45]


def test_the_first_look_by_hand(experiment: Experiment, seen: Recording) -> None:
    """Percentiles of z, of one unit, the share of zeros, and units that are 0 on every example."""
    z = by_hand(
        exact_network(experiment).export_weights() | experiment.initial_weights(), experiment.data.train.inputs[:64]
    )["z"]
    layer = seen.layers["activation_0"]
    np.testing.assert_allclose(layer.z[0, [0, 50, 100]], [z.min(), np.median(z), z.max()], rtol=1e-9)
    np.testing.assert_allclose(layer.unit[0, 15], np.percentile(z[:, 3], 15), rtol=1e-9)
    np.testing.assert_allclose(layer.a[0, 100], z.max(), rtol=1e-9)
    assert layer.saturated[0] == (z <= 0).mean()
    assert layer.dead[0] == (z <= 0).all(axis=0).mean()
    assert seen.layers["logits"].a[0, 100] <= 1


def test_gradient_norms_are_of_the_loss(experiment: Experiment, seen: Recording) -> None:
    """The last kernel's, against a central difference along its own gradient."""
    network, weights = exact_network(experiment), experiment.initial_weights()
    start = network.export_weights() | weights
    x, labels = experiment.data.train.inputs[:64].astype(np.float64), experiment.data.train.labels[:64]
    network.load_weights(start)
    gradient = network.differentiate(x, labels, {})[1]["dense_2/kernel"]
    losses = []
    for sign in (1, -1):
        direction = sign * 1e-6 * gradient / np.linalg.norm(gradient)
        network.load_weights({**start, "dense_2/kernel": start["dense_2/kernel"] + direction})
        losses.append(network.differentiate(x, labels, {})[0])
    assert seen.gradient_norms["dense_2/kernel"][0] == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-5)


def test_a_density_of_percentiles_has_its_mode_where_they_are_dense() -> None:
    """And what is one value has none."""
    points = np.linspace(-4, 4, 81)
    found = figures.density(np.percentile(np.random.default_rng(0).normal(1.0, 0.5, 4000), np.arange(101)), points)
    assert points[found.argmax()] == pytest.approx(1.0, abs=0.2)
    assert found.max() == 1.0
    assert not figures.density(np.full(101, 2.0), points).any()


def test_pictures_are_drawn_of_a_recording(seen: Recording, tmp_path: Path) -> None:
    """From its file, networks beside each other; also where a training has become NaN."""
    kept = tmp_path / "recording.npz"
    np.savez(kept, allow_pickle=False, **seen.arrays())
    with np.load(kept, allow_pickle=False) as archive:
        read = {name: archive[name] for name in archive.files}
    np.testing.assert_array_equal(read["activation_1/z"], seen.layers["activation_1"].z)
    diverged = {name: np.where(np.arange(len(values)) < 1, values.T, np.nan).T for name, values in read.items()}
    networks = {"with": read, "diverged": {**diverged, "steps": read["steps"]}}
    rows = {"z of layer 1": "activation_0/z", "probabilities": "logits/a"}
    ridges = render("ridges", "z", 4, lambda canvas: figures.paint_distributions(canvas, networks, rows))
    kernels = {"dense_0/kernel": "layer 1", "dense_2/kernel": "last layer"}
    layers = {"activation_0": "layer 1", "activation_1": "layer 2"}
    course = render("course", "loss", 4, lambda canvas: figures.paint_course(canvas, networks, layers, kernels))
    for svg, words in ((ridges, [*networks, *rows]), (course, ["loss", "gradient norm", "layer 2", "last layer"])):
        assert all(f">{word}<" in svg for word in words)
        assert svg.count("<path") > 16 and not_a_drawing(svg) is None
