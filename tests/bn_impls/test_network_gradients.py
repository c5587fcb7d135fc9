"""The NumPy network's gradients, for every layer type, against central finite differences in float64.

Only the trainer's interface is used: a step of SGD with rate 1 moves each weight by minus its gradient, and the loss
comes back from before the step. A layer stands between two layers with weights, so that the gradient it hands back to
its input is judged by the weights before it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bn_impls.interface import Conventions
from bn_impls.networks.description import (
    Activation,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    He,
    MaxPool,
    NamedLayer,
    Network,
)
from bn_impls.networks.numpy_layers import ActivationLayer, Context, MaxPoolLayer
from bn_impls.networks.numpy_losses import softmax_cross_entropy
from bn_impls.networks.optimizers import SGD

if TYPE_CHECKING:
    from tests.bn_impls.conftest import NetworkKit, Numbers

STEP = 2.0**-17  # near the cube root of u, where truncation and rounding balance
TOLERANCE = 1e-8  # STEP^2 f''' / 6 = 1e-11 f''', rounding u |loss| / STEP = 1e-11; gradients are near 1
PLAIN = Conventions(ddof=0, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False)


def norm(center: bool, scale: bool) -> BatchNorm:
    """A batch normalization layer."""
    return BatchNorm(decay=0.9, epsilon=1e-3, center=center, scale=scale)


VECTORS = {
    "dense": (),
    "relu": (Activation("relu"),),
    "elu": (Activation("elu"),),
    "tanh": (Activation("tanh"),),
    "sigmoid": (Activation("sigmoid"),),
    "dropout": (Dropout(0.4),),
    "batch-norm": (norm(True, True),),
    "batch-norm-scale-only": (norm(False, True),),
    "batch-norm-center-only": (norm(True, False),),
    "batch-norm-neither": (norm(False, False),),
}
MAPS = {
    "conv-1": (Conv(2, 1),),
    "conv-3": (Conv(2, 3),),
    "conv-5": (Conv(2, 5),),
    "max-pool": (MaxPool(2),),
    "max-pool-3": (MaxPool(3),),
    "batch-norm-maps": (norm(True, True),),
    "dropout-maps": (Dropout(0.4),),
}
NETWORKS = {name: Network(name, (5,), (Dense(4), *layers, Dense(3)), He()) for name, layers in VECTORS.items()} | {
    name: Network(name, (5, 4, 2), (Conv(3, 3), *layers, Flatten(), Dense(3)), He()) for name, layers in MAPS.items()
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_gradient_of_every_weight_is_the_derivative_of_the_loss(
    name: str, networks: NetworkKit, numbers: Numbers
) -> None:
    """Of each element of each weight, biases, gamma and beta included, at weights that are not the initial ones."""
    network = NETWORKS[name]
    trainer = networks.numpy_trainer(network, SGD(1.0), PLAIN)
    generator = np.random.default_rng(1)
    start = {
        key: array if array.dtype.kind == "i" else array + 0.1 * np.abs(generator.normal(size=array.shape))
        for key, array in trainer.export_weights().items()
    }
    batch = networks.batches(network, 1)

    def loss(weights: Any) -> float:
        trainer.import_weights(weights)
        return float(trainer.train(*batch)[0])

    loss(start)
    after = trainer.export_weights()
    for key in network.parameter_shapes():
        gradient, differences = start[key] - after[key], np.zeros_like(start[key])
        for index in np.ndindex(start[key].shape):
            moved = start[key].copy()
            moved[index] += STEP
            above = loss(start | {key: moved})
            moved[index] -= 2 * STEP
            differences[index] = (above - loss(start | {key: moved})) / (2 * STEP)
        numbers.assert_within(gradient, differences, TOLERANCE)


def test_the_loss_is_the_mean_cross_entropy_of_the_softmax() -> None:
    """Logits (0, log 3): probabilities 1/4 and 3/4; labels 0 and 1 cost log 4 and log 4/3."""
    logits = np.array([[0.0, np.log(3.0)], [0.0, np.log(3.0)]])
    loss, gradient = softmax_cross_entropy(logits, np.array([0, 1]))
    assert loss == pytest.approx((np.log(4) + np.log(4 / 3)) / 2, rel=4 * 2.0**-53)
    np.testing.assert_allclose(gradient, [[-0.375, 0.375], [0.125, -0.125]], rtol=0, atol=4 * 2.0**-53)


def test_the_loss_survives_large_logits() -> None:
    """exp(1000) would overflow; the loss is 1000 and 0."""
    logits = np.array([[0.0, 1000.0], [0.0, 1000.0]])
    loss, gradient = softmax_cross_entropy(logits, np.array([0, 1]))
    assert loss == 500.0
    assert gradient.tolist() == [[-0.5, 0.5], [0.0, 0.0]]


CONTEXT = Context(training=True, statistics="batch", masks={})


@pytest.mark.parametrize(
    ("function", "values", "derivatives"),
    [
        ("relu", [0.0, 0.0, 2.0], [0.0, 0.0, 1.0]),
        ("elu", [np.expm1(-1.0), 0.0, 2.0], [np.exp(-1.0), 1.0, 1.0]),
        ("tanh", [-np.tanh(1.0), 0.0, np.tanh(2.0)], [1 - np.tanh(1.0) ** 2, 1.0, 1 - np.tanh(2.0) ** 2]),
        (
            "sigmoid",
            [1 / (1 + np.e), 0.5, 1 / (1 + np.exp(-2.0))],
            [np.e / (1 + np.e) ** 2, 0.25, np.exp(-2.0) / (1 + np.exp(-2.0)) ** 2],
        ),
    ],
)
def test_an_activation_and_its_derivative_by_value(function: Any, values: Any, derivatives: Any) -> None:
    """At -1, at the kink 0 and at 2."""
    layer = ActivationLayer(NamedLayer("activation_0", Activation(function), (3,), (3,)), "float64")
    got = layer.forward(np.array([[-1.0, 0.0, 2.0]]), CONTEXT)
    slope = layer.backward(np.ones((1, 3)))
    np.testing.assert_allclose(got, [values], rtol=0, atol=8 * 2.0**-53)
    np.testing.assert_allclose(slope, [derivatives], rtol=0, atol=8 * 2.0**-53)


@pytest.mark.parametrize("function", ["relu", "elu", "tanh", "sigmoid"])
def test_an_activation_far_out_neither_overflows_nor_warns(function: Any) -> None:
    """At -1000 and 1000: the limits, with slopes 0 or 1."""
    layer = ActivationLayer(NamedLayer("activation_0", Activation(function), (2,), (2,)), "float64")
    far = layer.forward(np.array([[-1000.0, 1000.0]]), CONTEXT)
    slope = layer.backward(np.ones((1, 2)))
    limits = {"relu": [0.0, 1000.0], "elu": [-1.0, 1000.0], "tanh": [-1.0, 1.0], "sigmoid": [0.0, 1.0]}
    slopes = {"relu": [0.0, 1.0], "elu": [0.0, 1.0], "tanh": [0.0, 0.0], "sigmoid": [0.0, 0.0]}
    assert (far.tolist(), slope.tolist()) == ([limits[function]], [slopes[function]])


def test_of_equal_maxima_the_first_in_row_order_gets_the_gradient() -> None:
    """The window ((1, 2), (2, 2)): its second value."""
    layer = MaxPoolLayer(NamedLayer("max_pool_0", MaxPool(2), (2, 2, 1), (1, 1, 1)), "float64")
    x = np.array([[1.0, 2.0], [2.0, 2.0]]).reshape(1, 2, 2, 1)
    assert layer.forward(x, CONTEXT).tolist() == [[[[2.0]]]]
    assert layer.backward(np.full((1, 1, 1, 1), 5.0)).reshape(2, 2).tolist() == [[0.0, 5.0], [0.0, 0.0]]


def test_rows_and_columns_outside_the_windows_get_no_gradient() -> None:
    """3 x 3 maps, windows of 2: only the upper left four take part."""
    layer = MaxPoolLayer(NamedLayer("max_pool_0", MaxPool(2), (3, 3, 1), (1, 1, 1)), "float64")
    x = np.arange(9.0).reshape(1, 3, 3, 1)
    assert layer.forward(x, CONTEXT).tolist() == [[[[4.0]]]]
    assert layer.backward(np.ones((1, 1, 1, 1))).reshape(3, 3).tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_a_dropped_unit_gets_no_gradient(networks: NetworkKit) -> None:
    """With the first of four units masked out, its column of the kernel stays where it was."""
    network = NETWORKS["dropout"]
    trainer = networks.numpy_trainer(network, SGD(1.0), PLAIN)
    before = trainer.export_weights()["dense_0/kernel"]
    rows, masks = networks.batches(network, 1)
    mask = np.full_like(masks["dropout_0"], 2.0)
    mask[..., 0] = 0.0
    trainer.train(rows, {"dropout_0": mask})
    moved = (trainer.export_weights()["dense_0/kernel"] != before).any(axis=0)
    assert moved.tolist() == [False, True, True, True]


def test_a_network_of_another_dtype_stays_in_it(networks: NetworkKit) -> None:
    """Weights, slots and losses in float32: nothing is widened on the way."""
    trainer = networks.numpy_trainer(replace(networks.every_layer), SGD(0.1), PLAIN, dtype="float32")
    losses = trainer.train(*networks.batches(networks.every_layer))
    arrays = trainer.export_weights()
    kinds = {array.dtype.name for name, array in arrays.items() if not name.endswith("num_updates")}
    assert (kinds, losses.dtype.name) == ({"float32"}, "float32")
