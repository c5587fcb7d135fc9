"""Every implementation, in every style: what a call does to the statistics and to nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bn_impls.accuracy.bounds import UNIT_ROUNDOFF

if TYPE_CHECKING:
    from bn_impls.interface import Layer
    from tests.bn_impls.conftest import Drawn, LayerKit, Numbers, Offer

DTYPES = ("float64", "float32")
TOLERANCE = {dtype: 32 * u for dtype, u in UNIT_ROUNDOFF.items()}
"""Moving values up to 5: a mean of 48 terms in blocks (7 roundings), squares, and the average's three roundings."""

with_and_without_gradients = pytest.mark.parametrize("gradients", [False, True], ids=["forward", "with-gradients"])


def train(layer: Layer, drawn: Drawn, gradients: bool) -> Any:
    """One training call of either kind."""
    x = layer.to_native(drawn.x)
    if not gradients:
        return layer.training_step(x)
    return layer.training_step_with_gradients(x, layer.to_native(drawn.dy))


def moments(layer: Layer, drawn: Drawn) -> tuple[Any, Any]:
    """Mean and the variance with the convention's ddof, in float64."""
    wide, axes = drawn.x.astype(np.float64), layer.configuration.reduction_axes
    return wide.mean(axis=axes), wide.var(axis=axes, ddof=layer.configuration.conventions.ddof)


def test_a_fresh_layer_starts_where_its_conventions_say(offer: Offer) -> None:
    """Gamma 1, beta 0, the given moving statistics, no update; these are not the start values of any API."""
    conventions = replace(offer.implementation().conventions, initial_mean=-1.5, initial_variance=0.25)
    state = offer.build(conventions=conventions).export_state()
    found = {name: np.asarray(value).tolist() for name, value in state.items()}
    expected: dict[str, Any] = {"gamma": [1.0] * 4, "beta": [0.0] * 4}
    expected |= {"moving_mean": [-1.5] * 4, "moving_variance": [0.25] * 4}
    assert found == expected | {"num_updates": 0}


@pytest.mark.parametrize("dtype", DTYPES)
@with_and_without_gradients
def test_a_training_call_moves_the_mean_once(
    offer: Offer, dtype: str, gradients: bool, layers: LayerKit, numbers: Numbers
) -> None:
    """after == decay * before + (1 - decay) * batch mean, with the decay of the implementation's convention."""
    layer = layers.built(offer, dtype=dtype)
    drawn = layers.draw(layer.configuration, num_updates=3)
    layer.import_state(drawn.state)
    train(layer, drawn, gradients)
    decay = layer.configuration.conventions.decay_of(0.75, 3)
    expected = decay * drawn.state["moving_mean"].astype(np.float64) + (1 - decay) * moments(layer, drawn)[0]
    numbers.assert_within(layer.export_state()["moving_mean"], expected, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@with_and_without_gradients
def test_a_training_call_moves_the_variance_once(
    offer: Offer, dtype: str, gradients: bool, layers: LayerKit, numbers: Numbers
) -> None:
    """after == decay * before + (1 - decay) * batch variance, divided as the implementation's convention says."""
    layer = layers.built(offer, dtype=dtype)
    drawn = layers.draw(layer.configuration, num_updates=3)
    layer.import_state(drawn.state)
    train(layer, drawn, gradients)
    decay = layer.configuration.conventions.decay_of(0.75, 3)
    expected = decay * drawn.state["moving_variance"].astype(np.float64) + (1 - decay) * moments(layer, drawn)[1]
    numbers.assert_within(layer.export_state()["moving_variance"], expected, TOLERANCE[dtype])


def test_the_first_update_sees_no_update_before_it(offer: Offer, numbers: Numbers, layers: LayerKit) -> None:
    """A fresh layer with decay 0.75: a tenth of the old value is kept with a warm-up, nothing by a debiased average."""
    layer = offer.build()
    drawn = layers.draw(layer.configuration)
    train(layer, drawn, gradients=False)
    conventions = layer.configuration.conventions
    kept = 0.1 if conventions.warm_up else 0.0 if conventions.debias else 0.75
    rounding = 2.0**-25 if layer.configuration.conventions.decay_in_float32 else 0.0  # of 0.1 and of 1 - 0.1
    expected = (1 - kept) * moments(layer, drawn)[0]
    numbers.assert_within(
        layer.export_state()["moving_mean"], expected, TOLERANCE[layer.configuration.dtype] + 2 * rounding
    )


@pytest.mark.parametrize("updates", [0, 5, 400])
def test_the_decay_follows_an_imported_count(offer: Offer, updates: int, layers: LayerKit, numbers: Numbers) -> None:
    """Decays 0.1, 6/15 and 0.75 with a warm-up; of debiased averages by their sums; 0.75 throughout without."""
    layer = layers.built(offer)
    drawn = layers.draw(layer.configuration, num_updates=updates)
    layer.import_state(drawn.state)
    train(layer, drawn, gradients=False)
    warm = {0: 0.1, 5: 0.4, 400: 0.75}[updates]
    conventions, powers = layer.configuration.conventions, 0.75 ** np.arange(1 + updates)
    debiased = 1 - powers[0] / powers.sum()  # the new value's share of 1 + 0.75 + 0.75^2 + ...
    decay = warm if conventions.warm_up else debiased if conventions.debias else 0.75
    expected = decay * drawn.state["moving_mean"] + (1 - decay) * moments(layer, drawn)[0]
    rounding = 2.0**-23 if layer.configuration.conventions.decay_in_float32 else 0.0  # of decay and 1 - decay, times 2
    numbers.assert_within(
        layer.export_state()["moving_mean"], expected, TOLERANCE[layer.configuration.dtype] + rounding
    )


def test_training_calls_of_both_kinds_are_counted_from_0(offer: Offer, layers: LayerKit) -> None:
    """0, 1, 2, 3, and inference does not count."""
    layer = offer.build()
    drawn = layers.draw(layer.configuration)
    counts = [layer.export_state()["num_updates"]]
    for gradients in (False, True, False):
        train(layer, drawn, gradients)
        layer.inference(layer.to_native(drawn.x))
        counts.append(layer.export_state()["num_updates"])
    assert counts == [0, 1, 2, 3]


@pytest.mark.parametrize("decay", [0.0, 1.0])
def test_the_ends_of_the_decay_are_meant_literally(
    usual_offer: Offer, decay: float, layers: LayerKit, numbers: Numbers
) -> None:
    """0 keeps the batch's statistics only; 1 keeps the old ones bit for bit, once a warm-up is over."""
    layer = usual_offer.build(decay=decay)
    drawn = layers.draw(layer.configuration, num_updates=10**9)
    layer.import_state(drawn.state)
    train(layer, drawn, gradients=False)
    expected = moments(layer, drawn)[1] if decay == 0 else drawn.state["moving_variance"]
    warm_up_left = 1e-7 if layer.configuration.conventions.warm_up and decay else 0.0  # 9 / 10^9, and float32's step
    numbers.assert_within(
        layer.export_state()["moving_variance"], expected, TOLERANCE[layer.configuration.dtype] + warm_up_left
    )


def test_inference_leaves_the_state_alone(offer: Offer, layers: LayerKit, numbers: Numbers) -> None:
    """Bit for bit, for a batch whose statistics are far from the moving ones."""
    layer = layers.built(offer)
    drawn = layers.draw(layer.configuration, num_updates=3)
    layer.import_state(drawn.state)
    layer.inference(layer.to_native(100 * drawn.x))
    numbers.assert_same(layer.export_state(), drawn.state)


def test_training_leaves_gamma_and_beta_alone(offer: Offer, layers: LayerKit, numbers: Numbers) -> None:
    """Gradients are handed out, not applied."""
    layer = layers.built(offer)
    drawn = layers.draw(layer.configuration)
    layer.import_state(drawn.state)
    train(layer, drawn, gradients=True)
    after = layer.export_state()
    kept = {name: drawn.state[name] for name in ("gamma", "beta")}  # type: ignore[literal-required]
    numbers.assert_same({name: after[name] for name in kept}, kept)  # type: ignore[literal-required]


def test_no_call_changes_its_inputs(offer: Offer, layers: LayerKit) -> None:
    """The native tensors and the arrays that they were made from."""
    layer = layers.built(offer)
    drawn, fresh = layers.draw(layer.configuration), layers.draw(layer.configuration)
    x, dy = layer.to_native(drawn.x), layer.to_native(drawn.dy)
    layer.training_step(x)
    layer.training_step_with_gradients(x, dy)
    layer.inference(x)
    for tensor, array, expected in ((x, drawn.x, fresh.x), (dy, drawn.dy, fresh.dy)):
        np.testing.assert_array_equal(layer.to_numpy(tensor), expected, strict=True)
        np.testing.assert_array_equal(array, expected, strict=True)


def test_two_layers_share_no_state(usual_offer: Offer, layers: LayerKit, numbers: Numbers) -> None:
    """Training one leaves the other where it was."""
    first, second = usual_offer.build(), usual_offer.build()
    drawn = layers.draw(first.configuration)
    second.import_state(drawn.state)
    train(first, drawn, gradients=True)
    numbers.assert_same(second.export_state(), drawn.state)
