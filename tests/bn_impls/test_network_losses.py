"""Document 003's swapped loss, and a batch normalization that nobody reads: in NumPy by hand, then in every builder."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bn_impls.networks.description import (
    Activation,
    BatchNorm,
    Biases,
    Dense,
    Flatten,
    Network,
    Normal,
    Unused,
)
from bn_impls.networks.numpy_losses import swapped_cross_entropy
from bn_impls.networks.optimizers import Adam

if TYPE_CHECKING:
    from tests.bn_impls.conftest import NetworkKit, Numbers, Offer

NORM = BatchNorm(decay=0.75, epsilon=1e-3, center=True, scale=True)
AS_WRITTEN = Network(
    "as-written",
    (3, 2, 1),
    (Flatten(), Dense(5), NORM, Activation("tanh"), Dense(3), Unused(NORM)),
    Normal(0.5),
    Biases(0.25, 0.5),
    "swapped_cross_entropy",
)
STEPS = 6


def test_the_swapped_loss_is_keras_formula_with_its_arguments_swapped() -> None:
    """``-sum_k p[k] log(clip(one_hot[k], 1e-7, 1 - 1e-7))``, written out; its gradient by central differences."""
    logits, labels = np.array([[0.3, -0.2, 1.0], [2.0, 0.0, -1.0]]), np.array([2, 1])
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    clipped = np.clip(np.eye(3)[labels], 1e-7, 1 - 1e-7)
    loss, gradient = swapped_cross_entropy(logits, labels)
    assert loss == pytest.approx(-(p * np.log(clipped)).sum(axis=1).mean(), rel=1e-12)
    for place in np.ndindex(logits.shape):
        step = np.zeros_like(logits)
        step[place] = 1e-6
        up, down = (swapped_cross_entropy(logits + sign * step, labels)[0] for sign in (1, -1))
        assert gradient[place] == pytest.approx((up - down) / 2e-6, abs=1e-7)


def test_a_certain_wrong_answer_costs_the_logarithm_of_the_clip() -> None:
    """And has hardly a gradient, which the right order has."""
    loss, gradient = swapped_cross_entropy(np.array([[20.0, -20.0]]), np.array([1]))
    assert loss == pytest.approx(-math.log(1e-7))
    assert np.abs(gradient).max() < 1e-15


@pytest.mark.in_float64
def test_every_builder_trains_it_as_numpy_does(
    usual_trainer_offer: Offer, networks: NetworkKit, numbers: Numbers
) -> None:
    """Losses, and the unread layer: its statistics move, gamma and beta stay, its slots are 0."""
    eager = usual_trainer_offer.name == "torch"  # Inductor compiles for the better part of a minute
    offer = replace(usual_trainer_offer, style="eager") if eager else usual_trainer_offer
    trainer = offer.trainer(AS_WRITTEN, Adam(0.01))
    numpy = networks.numpy_trainer(AS_WRITTEN, Adam(0.01), trainer.configuration.conventions)
    batches = networks.batches(AS_WRITTEN, STEPS)
    tolerance = 1e-5 if usual_trainer_offer.name == "keras" else 1e-12  # it rounds Adam's constants to float32
    expected = numpy.train(*batches)
    numbers.assert_within(trainer.train(*batches), expected, tolerance * expected)
    weights, slots = trainer.export_weights(), trainer.export_optimizer()
    assert (weights["batch_norm_1/gamma"] == 1).all()
    assert (weights["batch_norm_1/beta"] == 0).all()
    assert not any(array.any() for name, array in slots.items() if name.startswith("batch_norm_1/"))
    assert weights["batch_norm_1/num_updates"] == STEPS
    if usual_trainer_offer.name != "tf1-manual-two-call":  # whose second call sees the trained weights
        name = "batch_norm_1/moving_variance"
        numbers.assert_within(weights[name], numpy.export_weights()[name], 100 * tolerance)
    trainer.import_optimizer(slots)
