"""Networks in TensorFlow 1's style: the trajectory of the NumPy network, and what the second call does differently."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bn_impls.interface import Conventions, Implementation, Trainer, TrainerConfiguration
from bn_impls.networks.description import Activation, BatchNorm, Conv, Dense, Dropout, Flatten, Glorot, MaxPool, Network
from bn_impls.networks.numpy_network import hosted_trainer
from bn_impls.networks.optimizers import SGD, Adam, Optimizer
from bn_impls.numpy_reference import IMPLEMENTATION as REFERENCE
from bn_impls.registry import descriptors, load

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow greets on stderr

NORM = BatchNorm(decay=0.75, epsilon=1e-3, center=True, scale=True)
MAPS = Network(
    "maps",
    (5, 5, 2),
    (Conv(4, 3), NORM, Activation("elu"), MaxPool(2), Flatten(), Dropout(0.25), Dense(6), NORM, Activation("tanh"),
     Dense(3)),
    Glorot(),
)  # fmt: skip
PLAIN = Network(
    "plain", (6,), (Dense(8), NORM, Activation("elu"), Dense(8), NORM, Activation("elu"), Dense(3)), Glorot()
)
STEPS, BATCH, ROWS = 30, 16, 64
EXACT = 1e-9
"""Relative, of losses over thirty float64 steps; formulas that differ in anything are off by 1e-6 and more."""

Make = Callable[..., Trainer]


def implementation(name: str) -> Implementation:
    """Import it, or skip with the reason."""
    descriptor = descriptors()[name]
    if reason := descriptor.missing():
        pytest.skip(reason)
    found: Implementation = load(descriptor)
    return found


def settings(network: Network, conventions: Conventions, optimizer: Optimizer, **changes: Any) -> TrainerConfiguration:
    """A network in training, in float64 and by sessions."""
    usual: dict[str, Any] = {"batch_size": BATCH, "dtype": "float64", "style": "session", "device": "cpu"}
    return TrainerConfiguration(network=network, conventions=conventions, optimizer=optimizer, **usual | changes)


def prepared(trainer: Any) -> Trainer:
    """Weights of seed 3, and the data."""
    assert isinstance(trainer, Trainer), trainer
    network = trainer.configuration.network
    trainer.import_weights({**trainer.export_weights(), **network.initial_weights(3)})
    generator = np.random.default_rng(1)
    trainer.load_data(
        generator.normal(size=(ROWS, *network.input_shape)).astype(np.float32), generator.integers(0, 3, ROWS)
    )
    return trainer


def batches(network: Network, steps: int = STEPS) -> tuple[Any, dict[str, Any]]:
    """Rows and masks."""
    generator = np.random.default_rng(2)
    rows = generator.integers(0, ROWS, (steps, BATCH)).astype(np.int32)
    return rows, dict(network.dropout_masks(generator, steps, BATCH))


@pytest.fixture
def make() -> Iterator[Make]:
    """Trainers that are closed afterwards."""
    made: list[Trainer] = []

    def build(name: str, network: Network, optimizer: Optimizer, **changes: Any) -> Trainer:
        chosen = implementation(name)
        assert chosen.build_trainer is not None
        made.append(prepared(chosen.build_trainer(settings(network, chosen.conventions, optimizer, **changes))))
        return made[-1]

    yield build
    for trainer in made:
        trainer.close()


def numpy_network(trainer: Trainer) -> Trainer:
    """The reference, with the trainer's conventions as they hold in its dtype."""
    return prepared(hosted_trainer(trainer.configuration.exact(), REFERENCE.build))


@pytest.mark.parametrize("name", ["tf1-manual", "tf1-manual-two-call", "tf1-layers"])
@pytest.mark.parametrize("optimizer", [Adam(0.01), SGD(0.1)], ids=["adam", "sgd"])
def test_the_losses_are_those_of_the_numpy_network(name: str, optimizer: Optimizer, make: Make) -> None:
    """Thirty steps; a training step does not read the moving statistics, so two calls change no loss."""
    trainer = make(name, MAPS, optimizer)
    expected = numpy_network(trainer).train(*batches(MAPS))
    np.testing.assert_allclose(trainer.train(*batches(MAPS)), expected, rtol=EXACT, atol=0)


@pytest.mark.parametrize("name", ["tf1-manual", "tf1-layers"])
def test_the_statistics_are_those_of_the_numpy_network(name: str, make: Make) -> None:
    """Of both layers, maps and dense."""
    trainer = make(name, MAPS, SGD(0.1))
    reference = numpy_network(trainer)
    trainer.train(*batches(MAPS))
    reference.train(*batches(MAPS))
    expected, found = reference.export_weights(), trainer.export_weights()
    for key in expected:
        np.testing.assert_allclose(found[key], expected[key], rtol=EXACT, atol=EXACT, err_msg=key)


def test_in_float32_tf_layers_averages_maps_by_another_divisor_than_dense_layers(make: Make) -> None:
    """One network, two conventions: the reference follows each layer's own."""
    trainer = make("tf1-layers", MAPS, SGD(0.1), dtype="float32")
    reference = numpy_network(trainer)
    trainer.train(*batches(MAPS, 1))
    reference.train(*batches(MAPS, 1))
    for layer, values in (("batch_norm_0", BATCH * 25), ("batch_norm_1", BATCH)):
        key = f"{layer}/moving_variance"
        found, expected = trainer.export_weights()[key], reference.export_weights()[key]
        np.testing.assert_allclose(found, expected, rtol=1e-5, err_msg=key)  # far below what 1 / n would change
        assert 1 / values > 1e-3


def _update_pass(weights: dict[str, Any], x: Any, kept: dict[str, Any], decay: float, read: str) -> dict[str, Any]:
    """What the second call of document 004 does to the statistics of the plain network.

    Args:
        weights: after the training step.
        x: the batch.
        kept: the statistics before.
        decay: of this update.
        read: whether deeper layers are fed by the statistics ``before`` or ``after`` this update.
    """
    moved: dict[str, Any] = {}
    for number in range(2):
        norm, dense = f"batch_norm_{number}", f"dense_{number}"
        h = x @ weights[f"{dense}/kernel"] + weights[f"{dense}/bias"]
        for name, batch in (("moving_mean", h.mean(axis=0)), ("moving_variance", h.var(axis=0))):
            moved[f"{norm}/{name}"] = decay * kept[f"{norm}/{name}"] + (1 - decay) * batch
        used = kept if read == "before" else moved
        h = (h - used[f"{norm}/moving_mean"]) / np.sqrt(used[f"{norm}/moving_variance"] + 1e-3)
        h = weights[f"{norm}/gamma"] * h + weights[f"{norm}/beta"]
        x = np.where(h > 0, h, np.expm1(np.minimum(h, 0)))
    return moved


def test_a_second_call_averages_what_the_new_weights_give(make: Make) -> None:
    """The first layer: its moments after the training step, not before it."""
    trainer = make("tf1-manual-two-call", PLAIN, Adam(0.01))
    beside = make("tf1-manual", PLAIN, Adam(0.01))
    rows, masks = batches(PLAIN, 1)
    before = trainer.export_weights()
    trainer.train(rows, masks)
    beside.train(rows, masks)
    inputs = np.random.default_rng(1).normal(size=(ROWS, 6)).astype(np.float32).astype(np.float64)
    after = trainer.export_weights()
    decay = trainer.configuration.conventions.decay_of(0.75, 0)
    moved = _update_pass(after, inputs[rows[0]], before, decay, "before")
    key = "batch_norm_0/moving_variance"
    np.testing.assert_allclose(after[key], moved[key], rtol=1e-12)
    assert np.max(np.abs(beside.export_weights()[key] / moved[key] - 1)) > 1e-3  # one call averages something else


def test_a_second_call_feeds_deeper_layers_by_the_moving_statistics(make: Make) -> None:
    """As they were before the call or as it leaves them: nothing orders the two, so mean and variance may each be."""
    trainer = make("tf1-manual-two-call", PLAIN, Adam(0.01))
    rows, masks = batches(PLAIN, 4)
    trainer.train(rows[:3], masks)
    before = trainer.export_weights()
    trainer.train(rows[3:], masks)
    inputs = np.random.default_rng(1).normal(size=(ROWS, 6)).astype(np.float32).astype(np.float64)
    after = trainer.export_weights()
    decay = trainer.configuration.conventions.decay_of(0.75, 3)
    first = {"moving_mean", "moving_variance"}
    late = _update_pass(after, inputs[rows[3]], before, decay, "after")
    mixtures = []
    for taken in (set(), {"moving_mean"}, {"moving_variance"}, first):
        mixed = before | {f"batch_norm_0/{name}": late[f"batch_norm_0/{name}"] for name in taken}
        h = inputs[rows[3]] @ after["dense_0/kernel"] + after["dense_0/bias"]
        h = (h - mixed["batch_norm_0/moving_mean"]) / np.sqrt(mixed["batch_norm_0/moving_variance"] + 1e-3)
        h = after["batch_norm_0/gamma"] * h + after["batch_norm_0/beta"]
        h = np.where(h > 0, h, np.expm1(np.minimum(h, 0))) @ after["dense_1/kernel"] + after["dense_1/bias"]
        key = "batch_norm_1/moving_variance"
        mixtures.append(decay * before[key] + (1 - decay) * h.var(axis=0))
    errors = [np.max(np.abs(after["batch_norm_1/moving_variance"] / value - 1)) for value in mixtures]
    assert min(errors) < 1e-9, errors


@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_a_prediction_changes_nothing(statistics: Any, make: Make) -> None:
    """Updates that are not fetched do not run."""
    trainer = make("tf1-layers", MAPS, Adam(0.01))
    trainer.train(*batches(MAPS, 2))
    before = trainer.export_weights()
    trainer.predict(np.ones((7, 5, 5, 2), np.float32), statistics)
    after = trainer.export_weights()
    for key, array in before.items():
        np.testing.assert_array_equal(after[key], array, err_msg=key, strict=True)


def test_observing_a_network_undoes_its_step(make: Make) -> None:
    """Weights, statistics, slots, powers of beta and counts are as before: training goes on bit for bit."""
    watched, other = (make("tf1-manual", MAPS, Adam(0.01)) for _ in range(2))
    seen = watched.observe()
    assert {name: found.observed for name, found in seen.items() if name not in ("kernel", "onednn")} == {
        "device": "cpu", "dtype": "float64", "style": "session",
    }  # fmt: skip
    np.testing.assert_array_equal(watched.train(*batches(MAPS)), other.train(*batches(MAPS)))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_an_imported_optimizer_goes_on_bit_for_bit(dtype: str, make: Make) -> None:
    """Also the powers of beta, which TensorFlow multiplies up step by step and rounds each time."""
    first, second = (make("tf1-layers", PLAIN, Adam(0.01), dtype=dtype) for _ in range(2))
    rows, masks = batches(PLAIN)
    first.train(rows[:20], masks)
    second.import_weights(first.export_weights())
    second.import_optimizer(first.export_optimizer())
    np.testing.assert_array_equal(second.train(rows[20:], masks), first.train(rows[20:], masks))


RESUME = """
import json, sys
import numpy as np
from pathlib import Path
sys.path.insert(0, {here!r})
import {module} as tests
trainer = tests.implementation({name!r}).build_trainer(
    tests.settings(tests.PLAIN, tests.implementation({name!r}).conventions, tests.Adam(0.01), dtype="float32"))
trainer = tests.prepared(trainer)
trainer.formats["tf1-saver"].restore(Path({folder!r}))
counts = [int(a) for n, a in trainer.export_weights().items() if n.endswith("num_updates")]
rows, masks = tests.batches(tests.PLAIN)
print(json.dumps([counts, trainer.train(rows[20:], masks).tolist()]))
"""


@pytest.mark.parametrize("name", ["tf1-manual", pytest.param("tf1-layers", marks=pytest.mark.slow)])  # 10 s each
def test_a_fresh_process_resumes_bit_for_bit(name: str, make: Make, tmp_path: Path) -> None:
    """Saver, another process, the same losses; the step that warms the decay up is back."""
    trainer = make(name, PLAIN, Adam(0.01), dtype="float32")
    rows, masks = batches(PLAIN)
    trainer.train(rows[:20], masks)
    trainer.formats["tf1-saver"].save(tmp_path)
    here = Path(__file__)
    script = RESUME.format(here=str(here.parent), module=here.stem, name=name, folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    counts, losses = json.loads(done.stdout.splitlines()[-1])
    assert counts == [20, 20]
    assert losses == trainer.train(rows[20:], masks).tolist()
