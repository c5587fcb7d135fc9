"""Weights, statistics, optimizer and step of a network in training: in and out bit for bit, and through checkpoints."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bn_impls.errors import BadCheckpoint, BadState
from bn_impls.networks.description import Dense
from bn_impls.networks.optimizers import SGD, Adam

if TYPE_CHECKING:
    from collections.abc import Callable

    from bn_impls.interface import Trainer
    from tests.bn_impls.conftest import NetworkKit, Numbers, Offer

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")
"""Keras hands its variables to h5py through an ``__array__`` of NumPy 1's form."""


def drawn_like(arrays: Any, seed: int = 0) -> dict[str, Any]:
    """Other values of the same names, shapes and dtypes; positive, and each counter its own."""
    generator = np.random.default_rng(seed)
    return {
        name: np.array(7 + number if array.dtype.kind == "i" else generator.uniform(0.5, 1.5, array.shape), array.dtype)
        for number, (name, array) in enumerate(arrays.items())
    }


@pytest.fixture(scope="module")
def fresh(networks: NetworkKit) -> Callable[[Offer], Trainer]:
    """A trainer of each implementation, made once, whose state any test may overwrite."""
    made: dict[Any, Trainer] = {}

    def find(offer: Offer) -> Trainer:
        if offer.name not in made:
            made[offer.name] = offer.trainer(networks.every_layer, Adam(0.01))
        return made[offer.name]

    return find


def test_imported_weights_are_exported_again(usual_trainer_offer: Offer, fresh: Any, numbers: Numbers) -> None:
    """Parameters, moving statistics and each layer's own counter."""
    trainer = fresh(usual_trainer_offer)
    given = drawn_like(trainer.export_weights())
    trainer.import_weights(given)
    numbers.assert_same(trainer.export_weights(), given)


def test_imported_slots_are_exported_again(usual_trainer_offer: Offer, fresh: Any, numbers: Numbers) -> None:
    """Both moments and the step."""
    trainer = fresh(usual_trainer_offer)
    given = drawn_like(trainer.export_optimizer())
    trainer.import_optimizer(given)
    numbers.assert_same(trainer.export_optimizer(), given)


def test_exported_arrays_share_no_memory_with_the_trainer(
    usual_trainer_offer: Offer, fresh: Any, networks: NetworkKit, numbers: Numbers
) -> None:
    """Overwriting all of them changes nothing."""
    trainer = fresh(usual_trainer_offer)
    before = {name: array.copy() for name, array in networks.everything(trainer).items()}
    for array in networks.everything(trainer).values():
        if array.flags.writeable:
            array[...] = 99
    numbers.assert_same(networks.everything(trainer), before)


def test_imported_arrays_share_no_memory_with_the_trainer(
    usual_trainer_offer: Offer, fresh: Any, networks: NetworkKit, numbers: Numbers
) -> None:
    """Overwriting them afterwards changes nothing, nor does training write into them."""
    trainer = fresh(usual_trainer_offer)
    weights, slots = drawn_like(trainer.export_weights()), drawn_like(trainer.export_optimizer())
    kept = {name: array.copy() for name, array in (weights | slots).items()}
    trainer.import_weights(weights)
    trainer.import_optimizer(slots)
    trainer.train(*networks.batches(networks.every_layer, 5))
    numbers.assert_same(weights | slots, kept)
    before = networks.everything(trainer)
    for array in (weights | slots).values():
        array[...] = 99
    numbers.assert_same(networks.everything(trainer), before)


BAD_WEIGHTS: list[Any] = [
    pytest.param({"dense_0/kernel": np.zeros((6, 12))}, r"dense_0/kernel has shape \(6, 12\)", id="shape"),
    pytest.param({"dense_0/kernel": np.zeros((12, 6), int)}, "dense_0/kernel has dtype int64", id="dtype"),
    pytest.param({"dense_7/kernel": np.zeros(2)}, r"\['dense_7/kernel'\] unknown", id="unknown"),
    pytest.param({"dense_0/kernel": None}, r"\['dense_0/kernel'\] missing", id="missing"),
    pytest.param({"batch_norm_2/moving_variance": -np.ones(6)}, "moving_variance goes down to -1", id="negative"),
    pytest.param({"batch_norm_2/num_updates": 0.5}, "num_updates has dtype float64", id="half-an-update"),
    pytest.param({"batch_norm_2/num_updates": -1}, "num_updates goes down to -1", id="negative-count"),
]


@pytest.mark.parametrize(("change", "message"), BAD_WEIGHTS)
def test_bad_weights_are_refused_before_anything_changes(
    usual_trainer_offer: Offer, change: Any, message: str, fresh: Any, networks: NetworkKit, numbers: Numbers
) -> None:
    """The error names the array, what was got and what was expected."""
    trainer = fresh(usual_trainer_offer)
    before = networks.everything(trainer)
    given = drawn_like(trainer.export_weights(), seed=5) | change
    with pytest.raises(BadState, match=rf"{message}.*\[import_weights\]"):
        trainer.import_weights({name: array for name, array in given.items() if array is not None})
    numbers.assert_same(networks.everything(trainer), before)


BAD_SLOTS: list[Any] = [
    pytest.param({"dense_0/kernel/m": np.zeros(3)}, r"dense_0/kernel/m has shape \(3,\)", id="shape"),
    pytest.param({"dense_0/kernel/v": np.zeros((12, 6), "V8")}, "dense_0/kernel/v has dtype", id="dtype"),
    pytest.param({"dense_0/kernel/v": None}, r"\['dense_0/kernel/v'\] missing", id="missing"),
    pytest.param({"dense_0/kernel/w": np.zeros(1)}, r"\['dense_0/kernel/w'\] unknown", id="unknown"),
    pytest.param({"step": 1.5}, "step has dtype float64", id="half-a-step"),
    pytest.param({"step": -1}, "step goes down to -1", id="negative-step"),
]


@pytest.mark.parametrize(("change", "message"), BAD_SLOTS)
def test_bad_slots_are_refused_before_anything_changes(
    usual_trainer_offer: Offer, change: Any, message: str, fresh: Any, networks: NetworkKit, numbers: Numbers
) -> None:
    """The error names the array, what was got and what was expected."""
    trainer = fresh(usual_trainer_offer)
    before = networks.everything(trainer)
    given = drawn_like(trainer.export_optimizer(), seed=5) | change
    with pytest.raises(BadState, match=rf"{message}.*\[import_optimizer\]"):
        trainer.import_optimizer({name: array for name, array in given.items() if array is not None})
    numbers.assert_same(networks.everything(trainer), before)


@pytest.mark.in_float64
def test_weights_and_slots_carry_a_training_to_another_framework(
    usual_trainer_offer: Offer, networks: NetworkKit, numbers: Numbers
) -> None:
    """The NumPy network goes on from an export: its next losses are the framework's own, in SGD with a float32 rate."""
    rows, masks = networks.batches(networks.every_layer, 8)
    first, second = (rows[:4], {n: m[:4] for n, m in masks.items()}), (rows[4:], {n: m[4:] for n, m in masks.items()})
    trainer = usual_trainer_offer.trainer(networks.every_layer, SGD(0.125))
    trainer.train(*first)
    numpy = networks.numpy_trainer(networks.every_layer, SGD(0.125), trainer.configuration.conventions)
    numpy.import_weights(trainer.export_weights())
    numpy.import_optimizer(trainer.export_optimizer())
    numbers.assert_within(numpy.train(*second), trainer.train(*second), 1e-12)  # four steps of float64 roundings


# ---- checkpoints ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, networks: NetworkKit) -> Callable[..., Any]:
    """Train five steps, save in every format, go on for five; give the folder of the offer's format, and the rest."""
    made: dict[Any, Any] = {}

    def train(offer: Offer, optimizer: Any) -> Any:
        key = offer.name, optimizer
        if key not in made:
            rows, masks = networks.batches(networks.every_layer, 10)
            trainer = offer.trainer(networks.every_layer, optimizer)
            trainer.train(rows[:5], {name: mask[:5] for name, mask in masks.items()})
            folders = {name: tmp_path_factory.mktemp("saved") for name in trainer.formats}
            for name, folder in folders.items():
                trainer.formats[name].save(folder)
            saved = networks.everything(trainer)
            later = trainer.train(rows[5:], {name: mask[5:] for name, mask in masks.items()})
            made[key] = folders, saved, (later, networks.everything(trainer))
        folders, saved, later = made[key]
        return folders[offer.format], saved, later

    return train


@pytest.mark.parametrize(
    "optimizer", [Adam(0.01), pytest.param(SGD(0.1), marks=pytest.mark.slow)], ids=["adam", "sgd"]
)  # SGD has Adam's step and no slot
def test_a_fresh_trainer_restores_every_bit(
    trainer_format_offer: Offer, optimizer: Any, uninterrupted: Any, networks: NetworkKit, numbers: Numbers
) -> None:
    """Weights, statistics, counters, the optimizer's slots and its step, over other initial weights."""
    folder, saved, _ = uninterrupted(trainer_format_offer, optimizer)
    trainer = trainer_format_offer.trainer(networks.every_layer, optimizer)
    trainer.import_weights(drawn_like(trainer.export_weights()))
    trainer.formats[trainer_format_offer.format].restore(folder)
    numbers.assert_same(networks.everything(trainer), saved)


UPDATES_AFTER_THE_STEP = ("tf1-manual-two-call",)
"""The statistics of its deeper layers are a race's (test_trainer_trajectories.py)."""


def test_a_resumed_training_repeats_the_uninterrupted_one(
    trainer_format_offer: Offer, uninterrupted: Any, fresh: Any, networks: NetworkKit, numbers: Numbers
) -> None:
    """Bit for bit, on the same batches and masks, also by a call that was traced before the restore.

    Losses, and everything that training leaves: a hidden sum that a checkpoint lacks would show in the averages.
    """
    folder, _, (losses, after) = uninterrupted(trainer_format_offer, Adam(0.01))
    trainer = fresh(trainer_format_offer)
    rows, masks = networks.batches(networks.every_layer, 10)
    rest = rows[5:], {name: mask[5:] for name, mask in masks.items()}
    trainer.train(*rest)
    trainer.formats[trainer_format_offer.format].restore(folder)
    np.testing.assert_array_equal(trainer.train(*rest), losses, strict=True)
    if trainer_format_offer.name not in UPDATES_AFTER_THE_STEP:
        numbers.assert_same(networks.everything(trainer), after)


def test_a_restored_network_predicts_bit_for_bit(
    trainer_format_offer: Offer, uninterrupted: Any, fresh: Any, networks: NetworkKit
) -> None:
    """With the moving statistics of the checkpoint, as after an import of the same arrays."""
    folder, saved, _ = uninterrupted(trainer_format_offer, Adam(0.01))
    inputs, _ = networks.data(networks.every_layer)
    trainer = fresh(trainer_format_offer)
    trainer.import_weights({name: array for name, array in saved.items() if not name.startswith("optimizer/")})
    expected = trainer.predict(inputs, "moving")
    trainer.import_weights(drawn_like(trainer.export_weights()))
    trainer.formats[trainer_format_offer.format].restore(folder)
    np.testing.assert_array_equal(trainer.predict(inputs, "moving"), expected, strict=True)


def _smaller(networks: NetworkKit) -> Any:
    return replace(networks.every_layer, layers=(*networks.every_layer.layers[:-3], Dense(3)))


@pytest.mark.parametrize(("other", "own"), [("larger", "smaller"), ("smaller", "larger")])
def test_a_checkpoint_of_another_network_is_refused(
    trainer_format_offer: Offer, other: str, own: str, networks: NetworkKit, tmp_path: Path
) -> None:
    """One with a layer more, and one with a layer less."""
    known = {"larger": networks.every_layer, "smaller": _smaller(networks)}
    chosen = trainer_format_offer.format
    trainer_format_offer.trainer(known[other], SGD(0.1)).formats[chosen].save(tmp_path)
    with pytest.raises(BadCheckpoint, match=str(tmp_path)):
        trainer_format_offer.trainer(known[own], SGD(0.1)).formats[chosen].restore(tmp_path)


@pytest.mark.parametrize(("saved", "own"), [(Adam(0.01), SGD(0.1)), (SGD(0.1), Adam(0.01))], ids=["adam", "sgd"])
def test_a_checkpoint_of_another_optimizer_is_refused(
    trainer_format_offer: Offer, saved: Any, own: Any, uninterrupted: Any, networks: NetworkKit
) -> None:
    """Slots are neither dropped nor left at 0 without a word."""
    folder, _, _ = uninterrupted(trainer_format_offer, saved)
    with pytest.raises(BadCheckpoint):
        trainer_format_offer.trainer(networks.every_layer, own).formats[trainer_format_offer.format].restore(folder)


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99], ids=["empty", "half", "cut"])
def test_a_truncated_checkpoint_is_refused(
    trainer_format_offer: Offer, kept: float, uninterrupted: Any, fresh: Any, tmp_path: Path
) -> None:
    """Each file that a restore reads on its own, the others whole; of a SavedModel it reads no graph."""
    folder, _, _ = uninterrupted(trainer_format_offer, Adam(0.01))
    trainer = fresh(trainer_format_offer)
    read = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pb"]
    for number, path in enumerate(sorted(read)):
        target = tmp_path / str(number)
        shutil.copytree(folder, target)
        content = path.read_bytes()
        (target / path.relative_to(folder)).write_bytes(content[: int(len(content) * kept)])
        with pytest.raises(BadCheckpoint):
            trainer.formats[trainer_format_offer.format].restore(target)
