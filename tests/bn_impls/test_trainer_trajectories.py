"""The same network from the same weights on the same batches and masks trains to the same numbers in every framework.

The network has every layer type; all is in float64, so that what is compared are formulas, not roundings.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bn_impls.networks.description import Activation, Conv, Dense, Flatten, Glorot, MaxPool, Network
from bn_impls.networks.optimizers import SGD, Adam

if TYPE_CHECKING:
    from collections.abc import Callable

    from bn_impls.interface import Trainer
    from tests.bn_impls.conftest import NetworkKit, Numbers, Offer

EXACT = 1e-12
"""Thirty steps of some thousand float64 roundings: u = 1.1e-16 each, which training amplifies by less than ten."""

ROUNDS_ITS_SETTINGS = {("keras", "adam"): 1e-5, ("keras", "sgd"): 1e-7}
"""Keras keeps the learning rate, and the betas of Adam's correction, in float32 whatever the dtype of the weights: the
rate is off by up to 6e-8, and the correction of the first steps by 1.3e-5 / 2. The tests of the optimizers show that
this is all."""

WITHOUT_EFFECT = ("conv_0/bias", "conv_1/bias", "dense_0/bias", "batch_norm_0/moving_mean", "batch_norm_1/moving_mean",
                  "batch_norm_2/moving_mean")  # fmt: skip
"""A bias before batch normalization has the gradient 0, of which rounding leaves 1e-17; Adam divides it by itself plus
1e-7, so that it drifts by 1e-10 of the rate a step. It moves the batch's mean and nothing else."""
DRIFT = 1e-8
UPDATES_AFTER_THE_STEP = ("tf1-manual-two-call",)
"""Its second call sees the trained weights, so its statistics are others by design, and those of deeper
layers a race's; test_tf1_networks_by_value has the values of what is certain."""


def tolerance(offer: Offer, optimizer: str) -> float:
    """Relative tolerance of a loss, and absolute of weights near 1."""
    return ROUNDS_ITS_SETTINGS.get((offer.name, optimizer), EXACT)


def settled(offer: Offer, weights: dict[str, Any]) -> dict[str, Any]:
    """The weights that two trainings, here and in NumPy, must have in common."""
    racing = offer.name in UPDATES_AFTER_THE_STEP
    return {name: array for name, array in weights.items() if not (racing and "moving" in name)}


def check_losses(offer: Offer, optimizer: str, networks: NetworkKit, numbers: Numbers) -> None:
    """Thirty steps, each loss."""
    trained = networks.trained(offer, optimizer)
    expected = networks.numpy_trained(trained.trainer.configuration.conventions, optimizer).losses
    numbers.assert_within(trained.losses, expected, tolerance(offer, optimizer) * expected)


@pytest.mark.in_float64
def test_adams_losses_are_those_of_the_numpy_network(
    trainer_offer: Offer, networks: NetworkKit, numbers: Numbers
) -> None:
    """In every call style."""
    check_losses(trainer_offer, "adam", networks, numbers)


@pytest.mark.in_float64
def test_sgds_losses_are_those_of_the_numpy_network(
    usual_trainer_offer: Offer, networks: NetworkKit, numbers: Numbers
) -> None:
    """In one style: what styles change does not depend on the optimizer."""
    check_losses(usual_trainer_offer, "sgd", networks, numbers)


@pytest.mark.in_float64
def test_the_weights_and_statistics_are_those_of_the_numpy_network(
    trainer_offer: Offer, networks: NetworkKit, numbers: Numbers
) -> None:
    """By the description's names, after thirty steps."""
    trained = networks.trained(trainer_offer, "adam")
    expected = networks.numpy_trained(trained.trainer.configuration.conventions, "adam").weights
    assert set(trained.weights) == set(expected)
    allowed = tolerance(trainer_offer, "adam")
    for name, array in settled(trainer_offer, trained.weights).items():
        numbers.assert_within(array, expected[name], max(allowed, DRIFT) if name in WITHOUT_EFFECT else allowed)


@pytest.mark.in_float64
def test_the_slots_are_those_of_the_numpy_network(trainer_offer: Offer, networks: NetworkKit, numbers: Numbers) -> None:
    """Adam's moments by the same names, after thirty steps."""
    trained = networks.trained(trainer_offer, "adam")
    expected = networks.numpy_trained(trained.trainer.configuration.conventions, "adam").slots
    assert set(trained.slots) == set(expected)
    for name, array in trained.slots.items():
        numbers.assert_within(array, expected[name], tolerance(trainer_offer, "adam"))


def test_every_layer_is_updated_once_a_step(trainer_offer: Offer, networks: NetworkKit) -> None:
    """num_updates of each of the three layers is 30, and so is the optimizer's step."""
    trained = networks.trained(trainer_offer, "adam")
    counts = {name: int(array) for name, array in trained.weights.items() if name.endswith("num_updates")}
    assert counts == {f"batch_norm_{number}/num_updates": 30 for number in range(3)}
    assert trained.slots["step"] == 30


@pytest.mark.in_float64
@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_a_prediction_is_that_of_the_numpy_network_with_these_weights(
    trainer_offer: Offer, statistics: Any, networks: NetworkKit, numbers: Numbers
) -> None:
    """On another number of examples than a batch has, with dropout off."""
    trained = networks.trained(trainer_offer, "adam")
    numpy = networks.numpy_trainer(
        networks.every_layer, SGD(0.1), conventions=trained.trainer.configuration.conventions
    )
    numpy.import_weights(trained.weights)
    inputs, _ = networks.data(networks.every_layer)
    got = trained.trainer.predict(inputs[:23], statistics)
    numbers.assert_within(got, numpy.predict(inputs[:23], statistics), EXACT)


@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_a_prediction_changes_nothing(
    trainer_offer: Offer, statistics: Any, networks: NetworkKit, numbers: Numbers
) -> None:
    """Weights, statistics, counters, slots and step stay bit for bit, and so does the prediction itself."""
    trained = networks.trained(trainer_offer, "adam")
    inputs, _ = networks.data(networks.every_layer)
    first = trained.trainer.predict(inputs, statistics)
    second = trained.trainer.predict(inputs, statistics)
    numbers.assert_same(trained.trainer.export_weights(), trained.weights)
    numbers.assert_same(trained.trainer.export_optimizer(), trained.slots)
    np.testing.assert_array_equal(first, second, strict=True)


def test_predictions_with_moving_and_batch_statistics_differ(trainer_offer: Offer, networks: NetworkKit) -> None:
    """So that the two tests above cannot pass with one of them twice."""
    trained = networks.trained(trainer_offer, "adam")
    inputs, _ = networks.data(networks.every_layer)
    moving, batch = (trained.trainer.predict(inputs, which) for which in ("moving", "batch"))
    assert np.abs(moving - batch).max() > 1e-3


def test_a_network_in_training_is_what_its_configuration_says(trainer_offer: Offer, networks: NetworkKit) -> None:
    """Device, dtype and style of the call that trains; to look at it trains nothing."""
    trainer = networks.trained(trainer_offer, "adam").trainer
    before = networks.everything(trainer)
    labels = {name: seen.observed for name, seen in trainer.observe().items() if name not in ("kernel", "onednn")}
    after = networks.everything(trainer)
    assert all(np.array_equal(after[name], array) for name, array in before.items())
    assert labels == {"device": "cpu", "dtype": trainer_offer.usual_dtype(), "style": trainer_offer.style}


def test_many_steps_in_one_call_are_as_many_calls_of_one_step(
    usual_trainer_offer: Offer, networks: NetworkKit, numbers: Numbers
) -> None:
    """Losses and everything that training leaves, bit for bit, over thirty steps."""
    together = networks.trained(usual_trainer_offer, "adam")
    apart = usual_trainer_offer.trainer(networks.every_layer, Adam(0.01))
    rows, masks = networks.batches(networks.every_layer)
    single = [
        apart.train(rows[step : step + 1], {name: mask[step : step + 1] for name, mask in masks.items()})
        for step in range(len(rows))
    ]
    np.testing.assert_array_equal(np.concatenate(single), together.losses, strict=True)
    weights = apart.export_weights()
    numbers.assert_same(settled(usual_trainer_offer, weights), settled(usual_trainer_offer, together.weights))
    numbers.assert_same(apart.export_optimizer(), together.slots)


def test_training_again_from_the_same_start_gives_the_same_bits(
    usual_trainer_offer: Offer, networks: NetworkKit
) -> None:
    """No hidden randomness, and nothing that is kept beside what can be imported."""
    trained = networks.trained(usual_trainer_offer, "adam")
    with trained.again() as trainer:
        losses = trainer.train(*networks.batches(networks.every_layer))
    np.testing.assert_array_equal(losses, trained.losses, strict=True)


@pytest.mark.in_float64
def test_the_masks_of_the_batch_are_the_ones_applied(
    usual_trainer_offer: Offer, networks: NetworkKit, numbers: Numbers
) -> None:
    """A mask of ones is no dropout: the first loss is that of a prediction with the batch's statistics."""
    rows, masks = networks.batches(networks.every_layer)
    inputs, labels = networks.data(networks.every_layer)
    with networks.trained(usual_trainer_offer, "sgd").again() as trainer:
        logits = trainer.predict(inputs[rows[0]], "batch")
        losses = trainer.train(rows, {name: np.ones_like(mask) for name, mask in masks.items()})
    odds = np.exp(logits)
    expected = -np.log((odds / odds.sum(axis=1, keepdims=True))[np.arange(len(rows[0])), labels[rows[0]]]).mean()
    numbers.assert_within(losses[:1], np.array([expected]), EXACT)


@pytest.fixture(scope="module")
def in_float32(networks: NetworkKit) -> Callable[[Offer], Trainer]:
    """A trainer of each implementation in float32, compiled once for five steps, at its initial weights again."""
    made: dict[str, Any] = {}

    def find(offer: Offer) -> Trainer:
        if offer.name not in made:
            trainer = offer.trainer(networks.every_layer, SGD(0.125), dtype="float32")
            made[offer.name] = trainer, trainer.export_weights(), trainer.export_optimizer()
        trainer, weights, slots = made[offer.name]
        trainer.import_weights(weights)
        trainer.import_optimizer(slots)
        found: Trainer = trainer
        return found

    return find


FLOAT32 = 2e-6
"""Relative, on the first loss: some hundred float32 roundings of 6e-8 each that add up as their root."""


def test_the_first_loss_in_float32_is_that_in_float64(
    usual_trainer_offer: Offer, in_float32: Any, networks: NetworkKit, numbers: Numbers
) -> None:
    """And it comes back in float32."""
    batches = networks.batches(networks.every_layer, 5)
    trainer = in_float32(usual_trainer_offer)
    numpy = networks.numpy_trainer(networks.every_layer, SGD(0.125), trainer.configuration.conventions)
    losses, expected = trainer.train(*batches), numpy.train(*batches)
    assert losses.dtype == np.float32
    numbers.assert_within(losses[:1], expected[:1], FLOAT32 * expected[:1])


FLOAT32_STEPS = 1e-5
"""Absolute, on weights and statistics near 1 after five steps, each of which adds a first loss's rounding times its
rate, and on logits near 1."""


def exact_twin(trainer: Trainer, networks: NetworkKit) -> Trainer:
    """The NumPy network in float64 with the conventions that hold in the trainer's dtype, in the same state."""
    settings = trainer.configuration
    twin = networks.numpy_trainer(settings.network, settings.optimizer, settings.exact().conventions)
    twin.import_weights(trainer.export_weights())
    return twin


def test_five_steps_in_float32_are_those_in_float64(
    usual_trainer_offer: Offer, in_float32: Any, networks: NetworkKit, numbers: Numbers
) -> None:
    """For those implementations that compute in no other dtype, too: weights, statistics and counters."""
    trainer = in_float32(usual_trainer_offer)
    twin = exact_twin(trainer, networks)
    losses, expected = (each.train(*networks.batches(networks.every_layer, 5)) for each in (trainer, twin))
    numbers.assert_within(losses, expected, FLOAT32_STEPS)
    found = settled(usual_trainer_offer, trainer.export_weights())
    for name, array in found.items():
        numbers.assert_within(array, twin.export_weights()[name], FLOAT32_STEPS)


def test_a_training_goes_on_from_imported_weights(
    usual_trainer_offer: Offer, in_float32: Any, networks: NetworkKit, numbers: Numbers
) -> None:
    """As NumPy's own does: whatever else an API keeps beside its averages follows from them and the count."""
    trainer = in_float32(usual_trainer_offer)
    twin = exact_twin(trainer, networks)
    rows, masks = networks.batches(networks.every_layer, 8)
    twin.train(rows[:3], {name: mask[:3] for name, mask in masks.items()})
    trainer.import_weights(twin.export_weights())
    for each in (trainer, twin):
        each.train(rows[3:], {name: mask[3:] for name, mask in masks.items()})
    for name, array in settled(usual_trainer_offer, trainer.export_weights()).items():
        numbers.assert_within(array, twin.export_weights()[name], FLOAT32_STEPS)


@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_a_prediction_in_float32_is_that_in_float64(
    usual_trainer_offer: Offer, statistics: Any, in_float32: Any, networks: NetworkKit, numbers: Numbers
) -> None:
    """With weights and statistics of five steps, on another number of examples than a batch has."""
    trainer = in_float32(usual_trainer_offer)
    trainer.train(*networks.batches(networks.every_layer, 5))
    inputs, _ = networks.data(networks.every_layer)
    expected = exact_twin(trainer, networks).predict(inputs[:23], statistics)
    numbers.assert_within(trainer.predict(inputs[:23], statistics), expected, FLOAT32_STEPS)


RELU = Network("relu", (4,), (Dense(5), Activation("relu"), Dense(3)), Glorot())
POOLED = Network("pooled", (4, 4, 1), (Conv(2, 3), MaxPool(2), Activation("elu"), Flatten(), Dense(3)), Glorot())


def check_kink(network: Network, offer: Offer, networks: NetworkKit, numbers: Numbers) -> None:
    """A first kernel of 0 puts every unit on the kink; one step of SGD at a rate that float32 represents."""
    rows, _ = networks.batches(network, 1)
    trainer = offer.trainer(network, SGD(0.125))
    numpy = networks.numpy_trainer(network, SGD(0.125), trainer.configuration.conventions)
    first = next(iter(network.parameter_shapes()))
    for each in (trainer, numpy):
        each.import_weights(each.export_weights() | {first: np.zeros(network.parameter_shapes()[first])})
        each.train(rows, {})
    expected = numpy.export_weights()
    for weight, array in trainer.export_weights().items():
        numbers.assert_within(array, expected[weight], EXACT)


@pytest.mark.in_float64
def test_of_equal_maxima_every_framework_takes_the_same(
    trainer_offer: Offer, networks: NetworkKit, numbers: Numbers
) -> None:
    """All values of a window are 0, and the ELU behind it is at its kink; each style has a kernel of its own."""
    check_kink(POOLED, trainer_offer, networks, numbers)


@pytest.mark.in_float64
def test_at_relus_kink_every_framework_takes_the_same_slope(
    usual_trainer_offer: Offer, networks: NetworkKit, numbers: Numbers
) -> None:
    """0."""
    check_kink(RELU, usual_trainer_offer, networks, numbers)


@pytest.mark.in_float64
def test_a_network_without_batch_normalization_trains_the_same(
    usual_trainer_offer: Offer, networks: NetworkKit, numbers: Numbers
) -> None:
    """The builder without the layer under test; SGD's rate is a number that float32 has."""
    network = replace(networks.every_layer, layers=POOLED.layers)
    trainer = usual_trainer_offer.trainer(network, SGD(0.125))
    numpy = networks.numpy_trainer(network, SGD(0.125), trainer.configuration.conventions)
    losses, expected = (each.train(*networks.batches(network)) for each in (trainer, numpy))
    numbers.assert_within(losses, expected, EXACT)
    assert set(trainer.export_weights()) == set(network.parameter_shapes())
