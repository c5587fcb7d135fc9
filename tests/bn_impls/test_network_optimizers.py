"""SGD and Adam take one trajectory everywhere: that of a few lines written out here, on softmax regression."""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bn_impls.networks import optimizers
from bn_impls.networks.description import Dense, Glorot, Network
from bn_impls.networks.numpy_optimizers import NumpyOptimizer
from bn_impls.networks.optimizers import SGD, Adam

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bn_impls.conftest import NetworkKit, Numbers, Offer

REGRESSION = Network("regression", (4,), (Dense(3),), Glorot())
SETTINGS = {"sgd": SGD(0.3), "adam": Adam(0.03), "adam-other": Adam(0.03, beta_1=0.8, beta_2=0.95, epsilon=1e-3)}
each_optimizer = pytest.mark.parametrize("name", SETTINGS)

EXACT = 1e-12  # 30 steps of a few hundred float64 roundings on numbers near 1
ROUNDS_ITS_SETTINGS = {"keras": 1e-5}
"""Keras keeps the learning rate, and the betas of Adam's correction, in float32 whatever the weights' dtype: 1 - 0.999
is then off by half a float32 ulp of 0.999, 1.3e-5 of itself, whose root enters the first steps."""


def tolerance(offer: Offer) -> float:
    """How far a trajectory may be from the one by hand, in weights near 1."""
    return ROUNDS_ITS_SETTINGS.get(offer.name, EXACT)


def softmax_gradient(x: Any, labels: Any, kernel: Any, bias: Any) -> tuple[float, dict[str, Any]]:
    """Loss and gradients of softmax regression, from the textbook."""
    odds = np.exp(x @ kernel + bias)
    probabilities = odds / odds.sum(axis=1, keepdims=True)
    right = np.eye(3)[labels]
    loss = -np.log((probabilities * right).sum(axis=1)).mean()
    error = (probabilities - right) / len(x)
    return loss, {"dense_0/kernel": x.T @ error, "dense_0/bias": error.sum(axis=0)}


def by_hand(settings: Any, networks: NetworkKit, rounded: Callable[[float], float] = float) -> tuple[Any, Any]:
    """Losses and final weights; ``rounded`` is applied to the rate and to the betas of Adam's correction."""
    inputs, labels = networks.data(REGRESSION)
    weights = REGRESSION.initial_weights(3)
    m, v, losses = dict.fromkeys(weights, 0.0), dict.fromkeys(weights, 0.0), []
    for t, rows in enumerate(networks.batches(REGRESSION)[0], start=1):
        x = inputs[rows].astype(np.float64)
        loss, gradient = softmax_gradient(x, labels[rows], weights["dense_0/kernel"], weights["dense_0/bias"])
        losses.append(loss)
        for name, g in gradient.items():
            if isinstance(settings, SGD):
                weights[name] = weights[name] - rounded(settings.rate) * g
                continue
            m[name] = settings.beta_1 * m[name] + (1 - settings.beta_1) * g
            v[name] = settings.beta_2 * v[name] + (1 - settings.beta_2) * g**2
            correction = math.sqrt(1 - rounded(settings.beta_2) ** t) / (1 - rounded(settings.beta_1) ** t)
            change = rounded(settings.rate) * correction * m[name] / (np.sqrt(v[name]) + settings.epsilon)
            weights[name] = weights[name] - change
    return np.array(losses), weights


@pytest.fixture(scope="module")
def regressed(networks: NetworkKit) -> Callable[[Offer, str], tuple[Any, Any]]:
    """Losses and weights of an implementation after thirty steps, trained once."""

    @cache
    def train(offer: Offer, name: str) -> tuple[Any, Any]:
        trainer = offer.trainer(REGRESSION, SETTINGS[name])
        losses = trainer.train(*networks.batches(REGRESSION))
        return losses, trainer.export_weights()

    return train


@pytest.mark.in_float64
@each_optimizer
def test_the_losses_are_those_of_the_loop_by_hand(
    usual_trainer_offer: Offer, name: str, networks: NetworkKit, regressed: Any, numbers: Numbers
) -> None:
    """Each before its step's update, from the first to the thirtieth, with other constants than the defaults, too."""
    losses, _ = regressed(usual_trainer_offer, name)
    numbers.assert_within(losses, by_hand(SETTINGS[name], networks)[0], tolerance(usual_trainer_offer))


@pytest.mark.in_float64
@each_optimizer
def test_the_weights_are_those_of_the_loop_by_hand(
    usual_trainer_offer: Offer, name: str, networks: NetworkKit, regressed: Any, numbers: Numbers
) -> None:
    """Kernel and bias, after thirty steps."""
    expected = by_hand(SETTINGS[name], networks)[1]
    for weight, array in regressed(usual_trainer_offer, name)[1].items():
        numbers.assert_within(array, expected[weight], tolerance(usual_trainer_offer))


@each_optimizer
def test_keras_rounds_rate_and_betas_to_float32_and_nothing_else(
    name: str, named_offer: Callable[[str], Offer], networks: NetworkKit, regressed: Any, numbers: Numbers
) -> None:
    """With these three rounded, the loop by hand is Keras' trajectory to float64's precision."""
    losses, weights = regressed(named_offer("keras"), name)
    expected = by_hand(SETTINGS[name], networks, rounded=lambda value: float(np.float32(value)))
    numbers.assert_within(losses, expected[0], EXACT)
    for weight, array in weights.items():
        numbers.assert_within(array, expected[1][weight], EXACT)


@each_optimizer
def test_the_step_counts_from_0_and_every_slot_starts_at_0(
    usual_trainer_offer: Offer, name: str, networks: NetworkKit
) -> None:
    """Adam has m and v for each weight, SGD has no slot."""
    trainer = usual_trainer_offer.trainer(REGRESSION, SETTINGS[name])
    slots = trainer.export_optimizer()
    names = {"step", *(f"{weight}/{slot}" for weight in REGRESSION.parameter_shapes() for slot in SETTINGS[name].slots)}
    assert set(slots) == names
    assert all(not np.any(array) for array in slots.values())
    trainer.train(*networks.batches(REGRESSION))
    assert trainer.export_optimizer()["step"] == 30


@pytest.mark.in_float64
def test_adams_slots_are_the_moving_moments_of_the_gradient(
    usual_trainer_offer: Offer, networks: NetworkKit, numbers: Numbers
) -> None:
    """After one step m = (1 - beta_1) g and v = (1 - beta_2) g^2."""
    trainer = usual_trainer_offer.trainer(REGRESSION, SETTINGS["adam"])
    rows, _ = networks.batches(REGRESSION)
    trainer.train(rows[:1], {})
    inputs, labels = networks.data(REGRESSION)
    start = REGRESSION.initial_weights(3)
    x = inputs[rows[0]].astype(np.float64)
    _, gradient = softmax_gradient(x, labels[rows[0]], start["dense_0/kernel"], start["dense_0/bias"])
    slots = trainer.export_optimizer()
    for weight, g in gradient.items():
        numbers.assert_within(slots[f"{weight}/m"], 0.1 * g, EXACT)
        numbers.assert_within(slots[f"{weight}/v"], 0.001 * g**2, EXACT)


EQUATIONS = {
    "p <- p - rate g": "p = p - rate * g",
    "m <- beta_1 m + (1 - beta_1) g": "m = beta_1 * m + (1 - beta_1) * g",
    "v <- beta_2 v + (1 - beta_2) g^2": "v = beta_2 * v + (1 - beta_2) * g**2",
    "p <- p - rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)": (
        "p = p - rate * math.sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (math.sqrt(v) + epsilon)"
    ),
}


def test_the_docstring_states_these_equations_and_no_other() -> None:
    """An equation that is changed or added there must be executed here."""
    documented = re.findall(r"^ {4}(\S.*)$", optimizers.__doc__ or "", flags=re.MULTILINE)
    assert documented == list(EQUATIONS)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_the_docstring_equations_give_what_the_optimizer_gives(name: str) -> None:
    """Executed on one float for three steps."""
    settings = SETTINGS[name]
    lines = list(EQUATIONS.values())
    code = lines[0] if name == "sgd" else "\n".join(lines[1:])
    named: dict[str, Any] = {**vars(settings), "math": math, "p": 0.5, "m": 0.0, "v": 0.0}
    optimizer = NumpyOptimizer(settings, {"p": np.array([0.5])})
    p = np.array([0.5])
    for t, g in enumerate((0.25, -1.0, 3.0), start=1):
        named |= {"t": t, "g": g}
        exec(code, named)
        p = optimizer.step({"p": p}, {"p": np.array([g])})["p"]
        assert p[0] == pytest.approx(named["p"], rel=8 * 2.0**-53)


def test_both_forms_of_adam_differ_only_in_epsilon() -> None:
    """As the docstring says: epsilon here = epsilon of the other form times sqrt(1 - beta_2^t), at each step."""
    m, v, t, rate = 0.3, 0.02, 4, 0.01
    beta_1, beta_2, other = 0.9, 0.999, 1e-3
    corrected = rate * (m / (1 - beta_1**t)) / (math.sqrt(v / (1 - beta_2**t)) + other)
    epsilon = other * math.sqrt(1 - beta_2**t)
    here = rate * math.sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (math.sqrt(v) + epsilon)
    assert here == pytest.approx(corrected, rel=8 * 2.0**-53)
