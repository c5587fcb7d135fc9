"""The documents' networks by value, and what can be varied in them."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.networks import RECIPES, network, optimizer, recipe
from bn_impls.errors import BadConfiguration, UnknownName
from bn_impls.networks.description import BatchNorm, Conv, Dense, Dropout, MaxPool, Network, Normal
from bn_impls.networks.optimizers import SGD, Adam

DIGITS, COLOUR = (28, 28, 1), (32, 32, 3)


def kinds(described: Network) -> str:
    """Layers in order, a letter each: d dense, n norm, a activation, o dropout, c convolution, p pool, f flatten."""
    letters = {"Dense": "d", "BatchNorm": "n", "Activation": "a", "Dropout": "o", "Conv": "c", "MaxPool": "p",
               "Flatten": "f", "Unused": "u"}  # fmt: skip
    return "".join(letters[type(layer).__name__] for layer in described.layers)


@pytest.mark.parametrize(
    ("name", "shape", "classes", "expected", "units", "trained"),
    [
        ("000", DIGITS, 10, "fdnadnad", [32, 32, 10], (Adam(0.01), 32, 10)),
        ("001", DIGITS, 10, "fdnadnad", [300, 100, 10], (SGD(0.01), 250, 25)),
        ("002", DIGITS, 10, "fdnadnad", [256, 256, 10], (Adam(0.001), 128, 1)),
        ("002-notebook", DIGITS, 10, "fdnadnadnadnad", [512, 512, 512, 512, 10], (Adam(0.001), 128, 1)),
        ("003", COLOUR, 3, "fdnad", [100, 3], (Adam(0.001), 64, 20)),
        ("004", DIGITS, 2, "cnapcnapcnapcnapfdnaodnaod", [128, 128, 2], (Adam(1e-4), 100, 250)),
        ("ioffe-szegedy", DIGITS, 10, "fdnadnadnad", [100, 100, 100, 10], (SGD(0.1), 60, 50_000)),
    ],
)
def test_a_network_is_the_documents(
    name: str, shape: Any, classes: int, expected: str, units: list[int], trained: Any
) -> None:
    """Layers, units, optimizer, batch and epochs; Ioffe and Szegedy count steps."""
    chosen = recipe(name)
    described = chosen.network(shape, classes)
    assert kinds(described) == expected
    assert [layer.units for layer in described.layers if isinstance(layer, Dense)] == units
    assert (optimizer(chosen.parameters()), chosen.batch_size, chosen.epochs or chosen.steps) == trained
    assert described.parameter_shapes()  # every layer fits the one before


def test_settings_that_documents_state() -> None:
    """Decay and epsilon, activation, initial weights, dropout, convolutions."""
    norms = {name: r.options.norm for name, r in RECIPES.items()}
    assert (norms["001"].decay, norms["004"].decay, norms["004"].epsilon) == (0.9, 0.99, 1e-5)
    assert {norms[name] for name in ("000", "002", "003")} == {
        BatchNorm(decay=0.99, epsilon=1e-3, center=True, scale=True)
    }
    functions = {name: r.options.activation for name, r in RECIPES.items()}
    assert (functions["001"], functions["003"], functions["ioffe-szegedy"]) == ("elu", "tanh", "sigmoid")
    fourth = network("004", DIGITS, 2)
    assert fourth.initialization == Normal(1e-3)
    assert [layer for layer in fourth.layers if isinstance(layer, Conv)] == [Conv(f, 3) for f in (8, 16, 16, 16)]
    assert [layer for layer in fourth.layers if isinstance(layer, Dropout)] == [Dropout(0.5)] * 2
    third = network("003", COLOUR, 3).initial_weights(0)
    assert third["dense_0/kernel"].std() == pytest.approx(0.05, rel=0.01)
    assert third["dense_0/bias"].std() == pytest.approx(0.05, rel=0.3)


def test_maps_are_halved_for_as_long_as_there_is_something_to_halve() -> None:
    """8 x 8 digits have three poolings in them, not four."""
    assert sum(isinstance(layer, MaxPool) for layer in network("004", (8, 8, 1), 2).layers) == 3


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"batch_norm": False}, "fdadad"),
        ({"batch_norm": False, "dropout": 0.5}, "fdaodaod"),
        ({"order": "layer-activation-norm"}, "fdandand"),
        ({"order": "norm-activation-layer"}, "fnadnadd"),
        ({"logits": "unused"}, "fdnadnadu"),
        ({"logits": "normalized"}, "fdnadnadn"),
        ({"hidden": [7] * 3}, "fdnadnadnad"),
    ],
)
def test_what_can_be_varied(overrides: dict[str, Any], expected: str) -> None:
    """By its letters."""
    assert kinds(network("002", DIGITS, 10, **overrides)) == expected


def test_biases_start_where_they_are_told() -> None:
    """At -3, and kernels are those of the same seed without it."""
    low, usual = (network("000", DIGITS, 10, bias=bias).initial_weights(1) for bias in (-3.0, 0.0))
    assert (low["dense_0/bias"] == -3).all()
    assert all((low[name] == usual[name]).all() for name in low if name.endswith("kernel"))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"widht": 3}, "unknown option 'widht' of a network, but should be one of batch_norm, order"),
        ({"order": "norm"}, "option order is 'norm', but should be one of layer-norm-activation, "),
        ({"kernels": "zeros"}, "option kernels is 'zeros', but should be glorot, he or a deviation"),
        ({"logits": "unused", "batch_norm": False}, "option logits is 'unused' without batch_norm"),
        ({"loss": "hinge"}, "option loss is 'hinge', but should be one of cross_entropy, swapped_cross_entropy"),
    ],
)
def test_an_impossible_option_is_named(overrides: dict[str, Any], message: str) -> None:
    """With what was got and what was expected."""
    with pytest.raises(BadConfiguration, match=message):
        network("000", DIGITS, 10, **overrides)


@pytest.mark.parametrize(
    ("name", "offered", "device", "expected"),
    [
        ("004", ("xla", "graph", "eager"), "cpu", "graph"),
        ("004", ("xla", "graph", "eager"), "gpu", "xla"),
        ("004", ("xla", "eager"), "cpu", "xla"),
        ("004", ("eager", "graph"), "cpu", "eager"),
        ("000", ("xla", "graph", "eager"), "cpu", "xla"),
    ],
)
def test_convolutions_on_a_cpu_are_kept_from_xla(
    name: str, offered: tuple[str, ...], device: str, expected: str
) -> None:
    """Where TensorFlow's graph is offered besides; PyTorch's compiled graph stays the user's choice."""
    assert recipe(name).style_of(offered, device) == expected


def test_unknown_networks_and_optimizers_are_named() -> None:
    """With those that exist."""
    with pytest.raises(UnknownName, match=r"unknown network '005': .*000, 001, 002"):
        recipe("005")
    with pytest.raises(BadConfiguration, match="optimizer is 'lion', but should be one of adam, sgd"):
        optimizer({"optimizer": "lion", "learning_rate": 1})


@pytest.mark.parametrize(
    ("name", "chosen", "expected"),
    [
        ("000", "mnist", "mnist"),
        ("003", "mnist-5000", "photographs"),
        ("003", "cifar10", "cifar10+vehicles"),
        ("003", "mini_cifar.h5", "mini_cifar.h5"),
        ("004", "mnist-5000", "mnist-5000+small+halves"),
        ("004", "mnist+small", "mnist+small"),
        ("004", "mnist+halves", "mnist+halves"),
        ("004", "mnist+binary", "mnist+binary+small+halves"),
        ("ioffe-szegedy", "mnist", "mnist+binary"),
        ("ioffe-szegedy", "own.h5", "own.h5"),
    ],
)
def test_each_network_takes_its_view_of_the_data_set_of_a_run(name: str, chosen: str, expected: str) -> None:
    """Document 003 its colours, 004 its two halves, the paper its binary pixels; what is named by hand stays so."""
    assert recipe(name).dataset_of(chosen) == expected
