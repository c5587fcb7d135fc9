"""Debiased averages: the convention by value, and what is special about Sonnet and Haiku."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bn_impls.interface import Configuration, Conventions, Layer, OtherKernel, Unsupported
from bn_impls.numpy_reference import BatchNorm as Reference

DEBIASED = Conventions(
    ddof=0, initial_mean=0.0, initial_variance=0.0, warm_up=False, decay_in_float32=False, debias=True
)
SETTINGS = Configuration(
    input_shape=(2, 1),
    layout="channels_last",
    dtype="float64",
    decay=0.5,
    epsilon=1.0,
    center=True,
    scale=True,
    conventions=DEBIASED,
    style="eager",
    device="cpu",
)


@pytest.mark.parametrize(("updates", "weight"), [(0, 0.0), (1, 1 / 3), (2, 3 / 7), (3, 7 / 15), (2000, 0.5)])
def test_the_old_average_weighs_what_its_sum_of_powers_does(updates: int, weight: float) -> None:
    """With decay 1/2 after t updates: (1/2 + ... + 1/2^t) / (1 + 1/2 + ... + 1/2^t) = (2^t - 1) / (2^(t + 1) - 1)."""
    assert DEBIASED.decay_of(0.5, updates) == pytest.approx(weight, rel=2.0**-52, abs=0)


def test_a_decay_of_0_keeps_the_newest_value_only() -> None:
    """At every update."""
    assert [DEBIASED.decay_of(0.0, updates) for updates in (0, 1, 5)] == [0.0, 0.0, 0.0]


def test_the_reference_follows_the_definition() -> None:
    """hidden = 0, hidden <- d hidden + (1 - d) new, average = hidden / (1 - d^t), for the means 2, 6 and -4."""
    layer, hidden = Reference(SETTINGS), 0.0
    for count, mean in enumerate((2.0, 6.0, -4.0), start=1):
        layer.forward(np.array([[mean - 1], [mean + 1]]))
        hidden = 0.5 * hidden + 0.5 * mean
        assert layer.moving_mean == pytest.approx(hidden / (1 - 0.5**count), rel=4 * 2.0**-53, abs=0)
        assert layer.moving_variance == pytest.approx(1.0, rel=4 * 2.0**-53, abs=0)


def test_another_kernel_may_be_called_for_one_layout_only() -> None:
    """Maps with channels last, say; of rank 4 with channels second, ddof stays."""
    kernel = OtherKernel(ranks=(4,), dtypes=("float32",), ddof=1, layouts=("channels_last",))
    conventions = replace(DEBIASED, fused=kernel)
    found = {
        (rank, dtype, layout): conventions.of_input(rank, dtype, layout).ddof
        for rank in (2, 4)
        for dtype in ("float32", "float64")
        for layout in ("channels_last", "channels_first")
    }
    assert [key for key, ddof in found.items() if ddof] == [(4, "float32", "channels_last")]


# ---- the APIs -------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["sonnet", "haiku"])
def implementation(request: pytest.FixtureRequest, named_offer: Any) -> Any:
    """Either, imported."""
    return named_offer(request.param).implementation()


def built(implementation: Any, **changes: Any) -> Layer:
    """A small layer in the eager style with the implementation's own conventions."""
    changes = {"conventions": implementation.conventions, "layout": "channels_first"} | changes
    layer = implementation.build(Configuration(**{**vars(SETTINGS), **changes}))
    assert isinstance(layer, Layer), layer
    return layer


def train(layer: Layer, *means: float) -> None:
    """A training call for each mean, on two values that have variance 1."""
    for mean in means:
        x = np.array([mean - 1, mean + 1]).reshape(layer.configuration.input_shape)
        layer.training_step(layer.to_native(x))


@pytest.mark.parametrize("means", [(2.0,), (2.0, 6.0), (2.0, 6.0, -4.0)], ids=len)
def test_the_exported_average_is_the_debiased_one(implementation: Any, means: tuple[float, ...]) -> None:
    """(sum of d^(t - i) mean_i) / (sum of d^(t - i)), asked of the API itself."""
    layer = built(implementation)
    train(layer, *means)
    powers = 0.5 ** np.arange(len(means))[::-1]
    state = layer.export_state()
    assert state["moving_mean"] == pytest.approx(np.average(means, weights=powers), rel=8 * 2.0**-53, abs=0)
    assert state["moving_variance"] == pytest.approx(1.0, rel=8 * 2.0**-53, abs=0)


def test_a_fresh_average_is_0_and_forgotten_at_the_first_update(implementation: Any) -> None:
    """Inference divides by the root of epsilon, 1, before; the variance of the first batch, 1, replaces all of it."""
    layer = built(implementation)
    x = layer.to_native(np.array([[3.0], [5.0]]))
    assert layer.to_numpy(layer.inference(x)).ravel().tolist() == [3.0, 5.0]
    layer.import_state({**layer.export_state(), "moving_mean": np.array([100.0])})
    train(layer, 2.0)
    assert layer.export_state()["moving_mean"] == pytest.approx(2.0, rel=4 * 2.0**-53, abs=0)


def test_an_imported_count_brings_the_hidden_sum_back(implementation: Any) -> None:
    """Average 2 after one update: hidden 1, then 0.5 + 3 = 3.5 over 3/4."""
    layer = built(implementation)
    layer.import_state({**layer.export_state(), "moving_mean": np.array([2.0]), "num_updates": 1})
    train(layer, 6.0)
    assert layer.export_state()["moving_mean"] == pytest.approx(3.5 / 0.75, rel=8 * 2.0**-53, abs=0)


def test_a_decay_of_1_is_refused(implementation: Any) -> None:
    """A debiased average with it is 0 / 0."""
    settings = Configuration(**{**vars(SETTINGS), "conventions": implementation.conventions, "decay": 1.0})
    found = implementation.build(settings)
    assert isinstance(found, Unsupported)
    assert "a decay below 1" in found.reason


@pytest.mark.parametrize(
    ("shape", "layout", "variance"),
    [
        ((2, 1), "channels_last", 1.0),
        ((2, 1, 1), "channels_last", 1.0),
        ((2, 1, 1, 1), "channels_last", 2.0),
        ((2, 1, 1, 1), "channels_first", 1.0),
        ((2, 1, 1, 1, 1), "channels_last", 1.0),
    ],
)
@pytest.mark.parametrize("style", ["eager", "graph"])
def test_sonnets_fused_kernel_divides_by_n_minus_1(
    shape: Any, layout: Any, variance: float, style: Any, named_offer: Any
) -> None:
    """For maps of rank 4 with channels last alone; 1 and 3 have variance 1 over n and 2 over n - 1."""
    layer = built(
        named_offer("sonnet").implementation(), input_shape=shape, layout=layout, dtype="float32", style=style
    )
    train(layer, 2.0)
    assert layer.export_state()["moving_variance"] == pytest.approx(variance, rel=2.0**-22, abs=0)


def test_sonnets_maps_in_float64_are_refused(named_offer: Any) -> None:
    """The fused kernel that it insists on has none."""
    sonnet = named_offer("sonnet").implementation()
    settings = {"conventions": sonnet.conventions, "input_shape": (2, 1, 1, 1)}
    found = sonnet.build(Configuration(**{**vars(SETTINGS), **settings}))
    assert isinstance(found, Unsupported)
    assert found.reason.startswith("snt.BatchNorm refuses float64 maps: Value for attr '")


def test_haikus_variance_takes_one_pass(named_offer: Any) -> None:
    """4096 and 4097 have variance 0.25; float32 has 4096.5^2 and the mean of the squares only to the nearest 2: 0."""
    layer = built(named_offer("haiku").implementation(), dtype="float32", decay=0.0)
    layer.training_step(layer.to_native(np.array([[4096.0], [4097.0]])))
    assert layer.export_state()["moving_variance"].tolist() == [0.0]


def test_haikus_fresh_averages_are_those_of_the_batch_for_init(named_offer: Any) -> None:
    """Haiku's behaviour that the adapter undoes with an example of zeros: 2 and 1, before any training."""
    named_offer("haiku").implementation()
    import haiku as hk

    transformed = hk.transform_with_state(lambda x: hk.BatchNorm(True, True, 0.5)(x, True))
    _, state = transformed.init(None, np.array([[1.0], [3.0]]))
    averages = [state[f"batch_norm/~/{name}_ema"]["average"].tolist() for name in ("mean", "var")]
    assert averages == [[[2.0]], [[1.0]]]


def test_a_debiased_average_is_refused_or_kept(usual_offer: Any) -> None:
    """No implementation ignores the convention: the first update keeps nothing of the old value, or it says why."""
    own = usual_offer.implementation().conventions
    conventions = replace(own, debias=True, warm_up=False)
    found = usual_offer.implementation().build(usual_offer.configuration(conventions=conventions, input_shape=(2, 1)))
    if isinstance(found, Unsupported):
        assert found.reason
        return
    found.import_state({**found.export_state(), "moving_mean": np.array([100.0])})
    train(found, 2.0)
    assert found.export_state()["moving_mean"] == pytest.approx(2.0, rel=2.0**-22, abs=0)


def test_a_count_beyond_haikus_int32_is_kept(named_offer: Any) -> None:
    """By then nothing is left to debias, so the average goes on with the plain decay."""
    layer = built(named_offer("haiku").implementation())
    layer.import_state({**layer.export_state(), "moving_mean": np.array([2.0]), "num_updates": 2**40})
    train(layer, 6.0)
    state = layer.export_state()
    assert (state["moving_mean"].tolist(), state["num_updates"]) == ([4.0], 2**40 + 1)
