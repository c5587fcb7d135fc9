"""Converting conventions, by value, and the bound that a whole network's inference is held to."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bn_impls.accuracy.network_bounds import inference, inference_bounds
from bn_impls.conversion import ONE_BY_ONE, rescaled_variance, start_share
from bn_impls.errors import BadConfiguration
from bn_impls.interface import Conventions, TrainerConfiguration
from bn_impls.networks.description import Activation, BatchNorm, Conv, Dense, Flatten, Glorot, MaxPool, Network
from bn_impls.networks.optimizers import Adam

PLAIN = Conventions(ddof=0, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False)
UNBIASED = replace(PLAIN, ddof=1)
BATCHES = np.random.default_rng(0).normal(3.0, 2.0, (7, 5, 4))  # updates, n, C


def trained(conventions: Conventions, decay: float) -> np.ndarray:
    """The moving variance after the batches, update by update."""
    variance = np.full(BATCHES.shape[2], conventions.initial_variance)
    for update, batch in enumerate(BATCHES):
        old = conventions.decay_of(decay, update)
        variance = old * variance + (1 - old) * batch.var(axis=0, ddof=conventions.ddof)
    return variance


@pytest.mark.parametrize("change", [{}, {"warm_up": True}, {"initial_variance": 0.0}, {"debias": True}])
def test_a_rescaled_variance_is_the_one_that_training_gives(change: dict[str, object]) -> None:
    """Also where much of the start value is left, where the decay warms up, and where there is no start value."""
    source, target = replace(UNBIASED, **change), replace(PLAIN, **change)
    for a, b in ((source, target), (target, source)):
        found = rescaled_variance(trained(a, 0.9), source=a, target=b, decay=0.9, updates=len(BATCHES), count=5)
        assert np.abs(found - trained(b, 0.9)).max() < 1e-14


def test_the_start_value_keeps_its_share() -> None:
    """0.9^3 without a warm-up; 1/10, 2/11 and 3/12 with one; none where the average is debiased."""
    assert start_share(PLAIN, 0.9, 3) == pytest.approx(0.729, abs=1e-15)
    assert start_share(replace(PLAIN, warm_up=True), 0.99, 3) == pytest.approx(1 / 220, abs=1e-15)
    assert start_share(replace(PLAIN, debias=True), 0.99, 3) == 0


CHANGES = (
    {}, {"warm_up": True}, {"debias": True}, {"decay_in_float32": True}, {"complement_in_float32": True},
    {"warm_up": True, "decay_in_float32": True},
)  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("decay", [0.0, 0.9, 0.999, 0.9999, 1 - 1e-12, 1.0])
def test_the_share_is_the_product_of_the_decays_for_any_counter(change: dict[str, object], decay: float) -> None:
    """Against the product itself, also behind the warm-up; a counter that is damaged is answered as well."""
    conventions = replace(PLAIN, **change)
    for updates in (0, 1, 2, 100, 9_500, 30_000):
        product = math.prod(conventions.decay_of(decay, update) for update in range(updates))
        rounds = {"warm_up", "decay_in_float32"} <= set(change) and updates > ONE_BY_ONE  # every factor, to float32
        found = start_share(conventions, decay, updates)
        assert found == pytest.approx(product, rel=1e-5 if rounds else 1e-13, abs=1e-300)
    assert 0 <= start_share(conventions, decay, 2**62) <= (1.0 if decay > 0.9999 else 0.0)


def test_a_counter_that_cannot_be_is_answered_at_once() -> None:
    """By value: a warm-up that never ends leaves 9! / n^9 of the start value."""
    endless = start_share(replace(PLAIN, warm_up=True), 1.0, 2**62)
    assert endless == pytest.approx(math.factorial(9) / 2.0 ** (62 * 9), rel=1e-12)
    assert start_share(PLAIN, 1.0, 2**62) == 1
    assert start_share(PLAIN, 0.9, -1) == 1


def test_one_value_has_no_unbiased_variance() -> None:
    """Nothing is divided by 0."""
    with pytest.raises(BadConfiguration, match="got 1 value a channel"):
        rescaled_variance(np.ones(2), source=PLAIN, target=UNBIASED, decay=0.9, updates=1, count=1)


LAYERS = (
    Conv(3, 3), BatchNorm(decay=0.9, epsilon=1e-3, center=True, scale=True), Activation("elu"), MaxPool(2), Flatten(),
    Dense(8), BatchNorm(decay=0.9, epsilon=1e-3, center=True, scale=False), Activation("relu"), Dense(4),
)  # fmt: skip
SETTINGS = TrainerConfiguration(
    network=Network("small", (6, 6, 2), LAYERS, Glorot()), optimizer=Adam(0.01), conventions=PLAIN, batch_size=4,
    dtype="float32", style="eager", device="cpu",
)  # fmt: skip


def state(dtype: str) -> dict[str, np.ndarray]:
    """Weights and statistics that float32 represents."""
    drawn = SETTINGS.network.initial_weights(1)
    generator = np.random.default_rng(2)
    for layer, channels in (("batch_norm_0", 3), ("batch_norm_1", 8)):
        drawn[f"{layer}/moving_mean"] = generator.normal(size=channels)
        drawn[f"{layer}/moving_variance"] = generator.uniform(0.5, 2.0, channels)
    return {name: array.astype(np.float32).astype(dtype) for name, array in drawn.items()}


def test_float32_stays_within_the_bound_of_a_network_and_near_it() -> None:
    """The float32 forward pass is off by less than the bound, and by more than a ten-thousandth of it."""
    from bn_impls.accuracy.network_bounds import forward

    x = np.random.default_rng(3).normal(size=(16, 6, 6, 2)).astype(np.float32)
    narrow = state("float32")

    def normalize(named: object, h: np.ndarray) -> np.ndarray:
        own = {key.rpartition("/")[2]: array for key, array in narrow.items() if key.startswith(f"{named.name}/")}
        root = np.sqrt(own["moving_variance"] + np.float32(1e-3))
        return (h - own["moving_mean"]) / root * own.get("gamma", np.float32(1)) + own["beta"]

    got = forward(SETTINGS.network, narrow, x, normalize)
    exact, bound = inference_bounds(SETTINGS, narrow, x, "plain")
    assert got.dtype == np.float32
    assert np.array_equal(exact, inference(SETTINGS.network, state("float64"), x))
    worst = (np.abs(got - exact) / bound).max()
    assert 1e-4 < worst < 1
