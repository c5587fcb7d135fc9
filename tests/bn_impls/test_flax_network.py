"""A network of every layer kind, trained in Flax: the NumPy network's numbers, step by step, in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flax", reason="Flax is not installed")
pytest.importorskip("orbax.checkpoint", reason="Orbax is not installed")

from bn_impls.flax_layer import IMPLEMENTATION
from bn_impls.interface import Trainer, TrainerConfiguration, build_trainer
from bn_impls.networks.description import (
    Activation,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    He,
    MaxPool,
    Network,
)
from bn_impls.networks.numpy_network import hosted_trainer
from bn_impls.networks.optimizers import SGD, Adam, Optimizer
from bn_impls.numpy_reference import IMPLEMENTATION as REFERENCE

EXACT = 1e-12
"""Thirty steps of some thousand float64 roundings: u = 1.1e-16 each, which training amplifies by less than ten."""
ON = BatchNorm(decay=0.75, epsilon=1e-3, center=True, scale=True)
LAYERS = (
    Conv(4, 3),
    ON,
    Activation("elu"),
    MaxPool(2),  # of 5 x 5: the last row and column are dropped
    Dropout(0.25),  # of images
    Conv(3, 3),
    replace(ON, center=False, scale=False),
    Activation("tanh"),
    Flatten(),
    Dense(6),
    replace(ON, scale=False),
    Activation("sigmoid"),
    Dropout(0.5),
    Dense(6),
    replace(ON, center=False),
    Activation("relu"),
    Dense(3),
)
NETWORK = Network("every-layer", (5, 5, 2), LAYERS, He())
OPTIMIZERS: dict[str, Optimizer] = {"adam": Adam(0.01), "sgd": SGD(0.1)}
GENERATOR = np.random.default_rng(11)
INPUTS = GENERATOR.normal(size=(64, 5, 5, 2)).astype(np.float32)
LABELS = GENERATOR.integers(0, 3, 64)
ROWS = GENERATOR.integers(0, 64, (30, 16)).astype(np.int32)
MASKS = NETWORK.dropout_masks(GENERATOR, 30, 16)


def configuration(style: Any, optimizer: str) -> TrainerConfiguration:
    """In float64."""
    return TrainerConfiguration(
        network=NETWORK,
        optimizer=OPTIMIZERS[optimizer],
        conventions=IMPLEMENTATION.conventions,
        batch_size=16,
        dtype="float64",
        style=style,
        device="cpu",
    )


def prepared(trainer: Any) -> Trainer:
    """With the initial weights of seed 3 and the data."""
    assert isinstance(trainer, Trainer), trainer
    trainer.import_weights({**trainer.export_weights(), **NETWORK.initial_weights(3)})
    trainer.load_data(INPUTS, LABELS)
    return trainer


def fresh(style: Any, optimizer: str) -> Trainer:
    """Of the implementation."""
    return prepared(build_trainer(IMPLEMENTATION, configuration(style, optimizer)))


def everything(trainer: Trainer) -> dict[str, Any]:
    """Weights, statistics, counts and optimizer."""
    return trainer.export_weights() | {f"optimizer/{n}": a for n, a in trainer.export_optimizer().items()}


@pytest.fixture(scope="module")
def trained() -> Callable[[Any, str], tuple[Trainer, Any]]:
    """A trainer after 30 steps, and its losses."""

    @cache
    def run(style: Any, optimizer: str) -> tuple[Trainer, Any]:
        trainer = fresh(style, optimizer)
        return trainer, trainer.train(ROWS, MASKS)

    return run


@pytest.fixture(scope="module")
def exact() -> Callable[[str], tuple[Trainer, Any]]:
    """The NumPy network around the reference, after the same steps."""

    @cache
    def run(optimizer: str) -> tuple[Trainer, Any]:
        trainer = prepared(hosted_trainer(configuration("eager", optimizer), REFERENCE.build))
        return trainer, trainer.train(ROWS, MASKS)

    return run


CASES = [("xla", "adam"), ("xla", "sgd"), ("eager", "sgd")]
each_case = pytest.mark.parametrize(("style", "optimizer"), CASES)
each_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS)


@each_case
def test_every_loss_is_the_numpy_networks(style: str, optimizer: str, trained: Any, exact: Any) -> None:
    """Thirty steps, relative."""
    np.testing.assert_allclose(trained(style, optimizer)[1], exact(optimizer)[1], rtol=EXACT, atol=0)


@each_optimizer
def test_statistics_and_slots_are_the_numpy_networks(optimizer: str, trained: Any, exact: Any) -> None:
    """With the same names in the same layouts; moving means of layers behind a bias drift with it (see there)."""
    found, expected = everything(trained("xla", optimizer)[0]), everything(exact(optimizer)[0])
    assert set(found) == set(expected)
    for name, array in expected.items():
        # a bias before batch normalization has gradient 0 but for rounding, which Adam blows up to 1e-10 a step
        np.testing.assert_allclose(found[name], array, rtol=1e-9, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_predictions_are_the_numpy_networks(statistics: Any, trained: Any, exact: Any) -> None:
    """By either kind of statistics."""
    found, expected = (t.predict(INPUTS, statistics) for t in (trained("xla", "sgd")[0], exact("sgd")[0]))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e3 * EXACT)


@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_predicting_changes_nothing(statistics: Any, trained: Any) -> None:
    """Bit for bit."""
    trainer, _ = trained("xla", "adam")
    before = everything(trainer)
    trainer.predict(INPUTS, statistics)
    for name, array in everything(trainer).items():
        np.testing.assert_array_equal(array, before[name], err_msg=name, strict=True)


@pytest.mark.parametrize("style", ["xla", "eager"])
def test_observing_changes_nothing_and_sees_the_style(style: str, trained: Any) -> None:
    """Of the call that trains."""
    trainer, _ = trained(style, "sgd")
    before = everything(trainer)
    assert {n: seen.observed for n, seen in trainer.observe().items()} == {
        "device": "cpu",
        "dtype": "float64",
        "style": style,
    }
    for name, array in everything(trainer).items():
        np.testing.assert_array_equal(array, before[name], err_msg=name, strict=True)


def test_steps_in_two_calls_are_the_same_steps() -> None:
    """State, slots and the optimizer's step go from call to call."""
    whole, split = fresh("xla", "adam"), fresh("xla", "adam")
    losses = whole.train(ROWS[:6], {name: mask[:6] for name, mask in MASKS.items()})
    parts = [split.train(ROWS[at], {n: m[at] for n, m in MASKS.items()}) for at in (slice(0, 2), slice(2, 6))]
    np.testing.assert_allclose(np.concatenate(parts), losses, rtol=EXACT, atol=0)
    assert int(split.export_optimizer()["step"]) == 6


@pytest.mark.parametrize("format_name", ["orbax"])
def test_a_checkpoint_resumes_bit_for_bit(format_name: str, tmp_path: Path) -> None:
    """Weights, statistics, counts, slots and step; and the losses after it."""
    masks = {name: mask[:4] for name, mask in MASKS.items()}
    first, second = fresh("xla", "adam"), fresh("xla", "adam")
    first.train(ROWS[:4], masks)
    first.formats[format_name].save(tmp_path)
    second.formats[format_name].restore(tmp_path)
    expected = everything(first)
    for name, array in everything(second).items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name, strict=True)
    np.testing.assert_array_equal(second.train(ROWS[:4], masks), first.train(ROWS[:4], masks), strict=True)


def test_the_compiled_call_takes_over_the_memory_of_the_state() -> None:
    """Donation: the arrays that went in are gone, so no second copy of the weights lived beside them."""
    import jax

    from bn_impls.flax_layer import batch_norm
    from bn_impls.networks.jax_network import Training

    training = Training(configuration("xla", "adam"), batch_norm)
    training.load_data(INPUTS, LABELS)
    before = jax.tree.leaves((training.parameters, training.statistics, training.slots))
    training.train(ROWS[:2], {name: mask[:2] for name, mask in MASKS.items()})
    assert all(array.is_deleted() for array in before)
