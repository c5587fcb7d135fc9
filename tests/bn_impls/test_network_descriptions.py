"""A network's description: names, shapes, errors, initial weights and dropout masks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bn_impls.errors import BadConfiguration
from bn_impls.networks.description import (
    Activation,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Glorot,
    He,
    MaxPool,
    Network,
    Normal,
)

if TYPE_CHECKING:
    from tests.bn_impls.conftest import NetworkKit

NORM = BatchNorm(decay=0.9, epsilon=1e-3, center=True, scale=True)


def test_layers_are_named_by_kind_and_number(networks: NetworkKit) -> None:
    """Each kind counts from 0, in order."""
    assert [named.name for named in networks.every_layer.named_layers()] == [
        "conv_0",
        "batch_norm_0",
        "activation_0",
        "max_pool_0",
        "conv_1",
        "batch_norm_1",
        "activation_1",
        "flatten_0",
        "dropout_0",
        "dense_0",
        "batch_norm_2",
        "activation_2",
        "dropout_1",
        "dense_1",
        "activation_3",
        "dense_2",
    ]


def test_shapes_follow_from_layer_to_layer(networks: NetworkKit) -> None:
    """5 x 5 maps lose their last row and column in windows of 2; the convolution keeps the size."""
    assert [named.output_shape for named in networks.every_layer.named_layers()] == [
        (5, 5, 4),
        (5, 5, 4),
        (5, 5, 4),
        (2, 2, 4),
        (2, 2, 3),
        (2, 2, 3),
        (2, 2, 3),
        (12,),
        (12,),
        (6,),
        (6,),
        (6,),
        (6,),
        (6,),
        (6,),
        (3,),
    ]


def test_each_layer_takes_what_the_one_before_gives(networks: NetworkKit) -> None:
    """From the network's input shape on."""
    named = list(networks.every_layer.named_layers())
    before = [networks.every_layer.input_shape, *(layer.output_shape for layer in named[:-1])]
    assert [layer.input_shape for layer in named] == before


def test_parameters_are_named_with_their_shapes_in_order(networks: NetworkKit) -> None:
    """Kernels of a convolution are (rows, columns, inputs, outputs); a layer without center and scale has none."""
    assert list(networks.every_layer.parameter_shapes().items()) == [
        ("conv_0/kernel", (3, 3, 2, 4)),
        ("conv_0/bias", (4,)),
        ("batch_norm_0/gamma", (4,)),
        ("batch_norm_0/beta", (4,)),
        ("conv_1/kernel", (3, 3, 4, 3)),
        ("conv_1/bias", (3,)),
        ("dense_0/kernel", (12, 6)),
        ("dense_0/bias", (6,)),
        ("batch_norm_2/gamma", (6,)),
        ("batch_norm_2/beta", (6,)),
        ("dense_1/kernel", (6, 6)),
        ("dense_1/bias", (6,)),
        ("dense_2/kernel", (6, 3)),
        ("dense_2/bias", (3,)),
    ]


@pytest.mark.parametrize(("center", "scale", "names"), [(True, False, ["beta"]), (False, True, ["gamma"])])
def test_a_parameter_that_is_off_is_not_named(center: bool, scale: bool, names: list[str]) -> None:
    """Gamma and beta are each on by themselves."""
    layer = BatchNorm(decay=0.9, epsilon=1e-3, center=center, scale=scale)
    network = Network("n", (4,), (layer,), Glorot())
    assert network.parameter_shapes() == {f"batch_norm_0/{name}": (4,) for name in names}


@pytest.mark.parametrize(
    ("shape", "layers", "message"),
    [
        ((4, 4, 1), (Dense(3),), r"dense_0 of network n gets shape \(4, 4, 1\).*put Flatten\(\) before it"),
        ((4,), (Conv(2, 3),), r"conv_0 of network n gets shape \(4,\), but should get \(height, width, channels\)"),
        ((8,), (Dense(4), MaxPool(2)), r"max_pool_0 of network n gets shape \(4,\)"),
        ((4, 4, 1), (Conv(2, 2),), "conv_0 of network n has a kernel of size 2, but should have an odd one"),
        ((4, 4, 1), (Conv(0, 3),), "conv_0 of network n has 0 outputs, but should have 1 or more"),
        ((4,), (Dense(2), Dense(0)), "dense_1 of network n has 0 outputs"),
        ((4, 4, 1), (MaxPool(0),), "max_pool_0 of network n has windows of size 0"),
        ((4, 2, 1), (MaxPool(3),), "max_pool_0 of network n gets maps of 4 x 2, but windows of 3 need more"),
        ((4,), (Dropout(1.0),), r"dropout_0 of network n has rate 1\.0, but should have one in \[0, 1\)"),
        ((4,), (Dropout(-0.5),), r"dropout_0 of network n has rate -0\.5"),
        ((4,), (Dropout(float("nan")),), "dropout_0 of network n has rate nan"),
        ((4,), (Activation("gelu"),), "activation_0 of network n is 'gelu', but should be one of relu, elu"),  # type: ignore[arg-type]
    ],
)
def test_an_impossible_layer_is_named_with_got_and_expected(shape: Any, layers: Any, message: str) -> None:
    """At the place where it stands."""
    with pytest.raises(BadConfiguration, match=message):
        list(Network("n", shape, layers, Glorot()).named_layers())


# ---- initial weights ------------------------------------------------------------------------------------------------


def test_a_seed_always_gives_the_same_weights(networks: NetworkKit) -> None:
    """Bit for bit, in the order of the parameters."""
    first, second = (networks.every_layer.initial_weights(7) for _ in range(2))
    assert list(first) == list(networks.every_layer.parameter_shapes())
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_other_seeds_give_other_kernels(networks: NetworkKit) -> None:
    """Every kernel, in every element."""
    first, second = networks.every_layer.initial_weights(7), networks.every_layer.initial_weights(8)
    assert all(np.all(first[name] != second[name]) for name in first if name.endswith("kernel"))


def test_the_seed_is_that_of_numpys_default_generator() -> None:
    """So that another program can draw the same weights: the first kernel of a dense 2-3 network, by value."""
    limit = math.sqrt(6 / (2 + 3))
    expected = np.random.default_rng(5).uniform(-limit, limit, (2, 3)).astype(np.float32)
    found = Network("n", (2,), (Dense(3),), Glorot()).initial_weights(5)["dense_0/kernel"]
    np.testing.assert_array_equal(found, expected.astype(np.float64), strict=True)


def test_float32_represents_every_initial_weight(networks: NetworkKit) -> None:
    """So that every precision starts from the same point."""
    weights = networks.every_layer.initial_weights(7)
    assert all(array.dtype == np.float64 for array in weights.values())
    assert all(np.array_equal(array.astype(np.float32).astype(np.float64), array) for array in weights.values())


def test_biases_and_beta_start_at_0_and_gamma_at_1(networks: NetworkKit) -> None:
    """Only kernels are drawn."""
    starts = {"bias": 0.0, "beta": 0.0, "gamma": 1.0}
    for name, array in networks.every_layer.initial_weights(7).items():
        if not name.endswith("kernel"):
            assert array.tolist() == [starts[name.rsplit("/", 1)[1]]] * len(array), name


FANS = [  # of the network below: inputs and outputs, times the kernel's 3 x 3 for the convolution
    pytest.param("conv_0/kernel", 9 * 40, 9 * 60, id="conv"),
    pytest.param("dense_0/kernel", 60, 400, id="dense"),
]
LARGE = ((1, 1, 40), (Conv(60, 3), Flatten(), Dense(400)))
SHARES = 5.0
"""Standard errors. A deviation of n normal draws has the relative standard error 1 / sqrt(2 n)."""


@pytest.mark.parametrize(("name", "fan_in", "fan_out"), FANS)
def test_glorots_kernels_fill_their_interval(name: str, fan_in: int, fan_out: int) -> None:
    """Uniform in +-sqrt(6 / (fan in + fan out)): never outside, and the largest of 20,000 is close to the limit."""
    kernel = Network("n", *LARGE, Glorot()).initial_weights(0)[name]
    limit = math.sqrt(6 / (fan_in + fan_out))
    assert limit * (1 - 20 / kernel.size) < np.abs(kernel).max() <= np.float32(limit)
    assert abs(kernel.std() * math.sqrt(3) / limit - 1) < SHARES / math.sqrt(2 * kernel.size)


@pytest.mark.parametrize(("name", "fan_in", "fan_out"), FANS)
def test_hes_kernels_have_their_deviation(name: str, fan_in: int, fan_out: int) -> None:
    """sqrt(2 / fan in), around 0."""
    kernel = Network("n", *LARGE, He()).initial_weights(0)[name]
    deviation = math.sqrt(2 / fan_in)
    assert abs(kernel.std() / deviation - 1) < SHARES / math.sqrt(2 * kernel.size)
    assert abs(kernel.mean()) < SHARES * deviation / math.sqrt(kernel.size)


def test_normal_kernels_have_the_given_deviation() -> None:
    """Whatever the fan is."""
    kernel = Network("n", *LARGE, Normal(0.05)).initial_weights(0)["dense_0/kernel"]
    assert abs(kernel.std() / 0.05 - 1) < SHARES / math.sqrt(2 * kernel.size)


# ---- dropout --------------------------------------------------------------------------------------------------------


def test_masks_are_drawn_for_each_dropout_layer_step_and_example(networks: NetworkKit) -> None:
    """In float32, by the layer's name."""
    masks = networks.every_layer.dropout_masks(np.random.default_rng(0), 7, 5)
    assert {name: (mask.shape, mask.dtype.name) for name, mask in masks.items()} == {
        "dropout_0": ((7, 5, 12), "float32"),
        "dropout_1": ((7, 5, 6), "float32"),
    }
    assert networks.every_layer.dropout_shapes() == {"dropout_0": (12,), "dropout_1": (6,)}


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.75])
def test_a_mask_is_0_or_the_inverse_of_what_is_kept(rate: float) -> None:
    """1 / (1 - rate), rounded to float32 once."""
    network = Network("n", (50,), (Dropout(rate), Dense(2)), Glorot())
    mask = network.dropout_masks(np.random.default_rng(0), 20, 20)["dropout_0"]
    assert set(np.unique(mask).tolist()) == {0.0, float(np.float32(1 / (1 - rate)))}


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.75])
def test_a_mask_drops_its_rate(rate: float) -> None:
    """The share of zeros among 20,000 is within five standard errors sqrt(rate (1 - rate) / n)."""
    network = Network("n", (50,), (Dropout(rate), Dense(2)), Glorot())
    mask = network.dropout_masks(np.random.default_rng(0), 20, 20)["dropout_0"]
    assert abs((mask == 0).mean() - rate) < SHARES * math.sqrt(rate * (1 - rate) / mask.size)


def test_a_rate_of_0_keeps_everything() -> None:
    """The mask is 1 throughout."""
    network = Network("n", (5,), (Dropout(0.0), Dense(2)), Glorot())
    assert np.all(network.dropout_masks(np.random.default_rng(0), 2, 3)["dropout_0"] == 1.0)


def test_no_two_steps_share_a_mask() -> None:
    """60 random bits each: steps are drawn, not repeated."""
    network = Network("n", (60,), (Dropout(0.5), Dense(2)), Glorot())
    mask = network.dropout_masks(np.random.default_rng(0), 10, 1)["dropout_0"]
    assert len({row.tobytes() for row in mask}) == 10
