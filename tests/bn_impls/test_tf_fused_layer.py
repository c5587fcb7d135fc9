"""The fused kernel: output, gradients and statistics against the float64 reference, and what it refuses."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bn_impls.accuracy.bounds import UNIT_ROUNDOFF, step_bounds
from bn_impls.interface import Configuration, Implementation, Layer, Style, Trainer, TrainerConfiguration, Unsupported
from bn_impls.networks.description import Activation, BatchNorm, Conv, Dense, Flatten, Glorot, Network
from bn_impls.networks.numpy_network import hosted_trainer
from bn_impls.networks.optimizers import SGD
from bn_impls.numpy_reference import IMPLEMENTATION as REFERENCE
from bn_impls.numpy_reference import BatchNorm as Reference
from bn_impls.registry import descriptors, load

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow greets on stderr

STYLES: tuple[Style, ...] = ("graph", "eager", "xla")
SHAPES: dict[str, dict[str, Any]] = {
    "dense": {"input_shape": (16, 4)},
    "maps": {},
    "maps-channels-first": {"input_shape": (8, 4, 3, 2), "layout": "channels_first"},
    "maps-scale-only": {"center": False},
    "maps-center-only": {"scale": False},
}
ALLOWED = 8.0
"""Multiples of the bound of a good evaluation; a wrong formula is off by 1 / u."""
each_style = pytest.mark.parametrize("style", STYLES)
each_shape = pytest.mark.parametrize("shape", SHAPES)


@pytest.fixture(scope="module")
def fused() -> Implementation:
    """Import it, or skip with the reason."""
    descriptor = descriptors()["tf-fused"]
    if reason := descriptor.missing():
        pytest.skip(reason)
    found: Implementation = load(descriptor)
    return found


def configuration(implementation: Implementation, **changes: Any) -> Configuration:
    """A small layer."""
    usual: dict[str, Any] = {
        "input_shape": (8, 3, 2, 4), "layout": "channels_last", "dtype": "float32", "decay": 0.75, "epsilon": 1e-3,
        "center": True, "scale": True, "conventions": implementation.conventions, "style": "graph", "device": "cpu",
    }  # fmt: skip
    return Configuration(**usual | changes)


def built(implementation: Implementation, **changes: Any) -> Layer:
    """A layer with drawn gamma, beta and statistics."""
    layer = implementation.build(configuration(implementation, **changes))
    assert isinstance(layer, Layer), layer
    generator, settings = np.random.default_rng(5), layer.configuration
    state: dict[str, Any] = {
        "gamma": generator.normal(1.0, 0.5, 4) if settings.scale else np.ones(4),
        "beta": generator.normal(0.0, 0.5, 4) if settings.center else np.zeros(4),
        "moving_mean": generator.normal(0.0, 1.0, 4),
        "moving_variance": generator.uniform(0.5, 2.0, 4),
    }
    layer.import_state({name: a.astype(np.float32) for name, a in state.items()} | {"num_updates": 3})
    return layer


def reference_of(layer: Layer) -> Reference:
    """The float64 reference in the same state."""
    reference = Reference(replace(layer.configuration, dtype="float64", style="eager"))
    reference.load_state(layer.export_state())
    return reference


@each_style
@each_shape
def test_outputs_and_gradients_are_the_references(fused: Implementation, style: Style, shape: str) -> None:
    """Within the bound, element by element; a parameter that is off has no gradient."""
    layer = built(fused, style=style, **SHAPES[shape])
    reference = reference_of(layer)
    generator = np.random.default_rng(6)
    x, dy = (generator.standard_normal(layer.configuration.input_shape).astype(np.float32) for _ in range(2))
    results = layer.training_step_with_gradients(layer.to_native(x), layer.to_native(dy))
    wide_x, wide_dy = x.astype(np.float64), dy.astype(np.float64)
    bounds = step_bounds(layer.configuration, "good", wide_x, wide_dy, reference.gamma, reference.beta)
    expected = (reference.forward(wide_x), *reference.backward(wide_dy))
    for name, got, exact in zip(("output", "gradient_input", "gradient_gamma", "gradient_beta"), results, expected,
                                strict=True):  # fmt: skip
        assert (got is None) == (exact is None), name
        if exact is not None:
            error = np.abs(layer.to_numpy(got) - exact)
            assert np.all(error <= ALLOWED * getattr(bounds, name)), name


@each_style
@each_shape
def test_the_caller_assigns_a_variance_over_n_minus_1(fused: Implementation, style: Style, shape: str) -> None:
    """after == 0.75 before + 0.25 variance n / (n - 1): the factor weighs the new value; the mean likewise."""
    layer = built(fused, style=style, **SHAPES[shape])
    before, axes = layer.export_state(), layer.configuration.reduction_axes
    x = np.random.default_rng(6).standard_normal(layer.configuration.input_shape).astype(np.float32)
    layer.training_step(layer.to_native(x))
    after, wide = layer.export_state(), x.astype(np.float64)
    tolerance = 32 * UNIT_ROUNDOFF["float32"]
    for name, batch in (("moving_mean", wide.mean(axis=axes)), ("moving_variance", wide.var(axis=axes, ddof=1))):
        expected = 0.75 * before[name] + 0.25 * batch  # type: ignore[literal-required]
        np.testing.assert_allclose(after[name], expected, rtol=0, atol=tolerance)  # type: ignore[literal-required]
    assert after["num_updates"] == before["num_updates"] + 1


@each_style
def test_the_style_is_what_runs(fused: Implementation, style: Style) -> None:
    """Device, dtype and style of the call with gradients."""
    layer = built(fused, style=style)
    x = layer.to_native(np.ones((8, 3, 2, 4), np.float32))
    seen = layer.observe(layer.training_step_with_gradients, x, x)
    assert {name: found.observed for name, found in seen.items() if name not in ("kernel", "onednn")} == {
        "device": "cpu", "dtype": "float32", "style": style,
    }  # fmt: skip


@each_style
def test_inference_leaves_the_state_alone(fused: Implementation, style: Style) -> None:
    """Bit for bit, far from the moving statistics, and its output is the reference's."""
    layer = built(fused, style=style)
    before, x = layer.export_state(), np.full((8, 3, 2, 4), 100.0, np.float32)
    got = layer.to_numpy(layer.inference(layer.to_native(x)))
    expected = reference_of(layer).inference(x.astype(np.float64))
    np.testing.assert_allclose(got, expected, rtol=16 * UNIT_ROUNDOFF["float32"])
    for name, value in layer.export_state().items():
        np.testing.assert_array_equal(value, before[name])  # type: ignore[literal-required]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"dtype": "float64"}, "no kernel for float64"),
        ({"input_shape": (8, 3, 4)}, "rank 3 is not offered"),
        ({"style": "session"}, "not as session"),
    ],
)
def test_what_the_kernel_cannot_do_is_a_value(fused: Implementation, change: Any, reason: str) -> None:
    """With the reason."""
    found = fused.build(configuration(fused, **change))
    assert isinstance(found, Unsupported)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("change", "reason"), [({"ddof": 0}, "divided by n - 1"), ({"warm_up": True}, "frozen into a graph")]
)
def test_a_convention_that_is_not_offered_is_a_value(fused: Implementation, change: Any, reason: str) -> None:
    """With the reason."""
    found = fused.build(configuration(fused, conventions=replace(fused.conventions, **change)))
    assert isinstance(found, Unsupported)
    assert reason in found.reason


def test_one_value_a_channel_moves_the_variance_to_0(fused: Implementation) -> None:
    """Where n - 1 is 0 the kernel divides by 1; another library gives NaN."""
    layer = fused.build(configuration(fused, input_shape=(1, 4)))
    assert isinstance(layer, Layer)
    layer.training_step(layer.to_native(np.full((1, 4), 3.0, np.float32)))
    assert layer.export_state()["moving_variance"].tolist() == [0.75] * 4


def test_a_layers_checkpoint_holds_the_count(fused: Implementation, tmp_path: Path) -> None:
    """Although the API has none."""
    first, second = built(fused), built(fused)
    for _ in range(2):
        first.training_step(first.to_native(np.ones((8, 3, 2, 4), np.float32)))
    first.formats["tf-checkpoint"].save(tmp_path)
    second.formats["tf-checkpoint"].restore(tmp_path)
    for name, value in first.export_state().items():
        np.testing.assert_array_equal(second.export_state()[name], value)  # type: ignore[literal-required]


@each_style
def test_a_network_trains_as_the_numpy_network_does(fused: Implementation, style: Style) -> None:
    """Ten steps in float32 beside float64, with maps and a dense layer; statistics over n - 1, too."""
    norm = BatchNorm(decay=0.75, epsilon=1e-3, center=True, scale=True)
    layers = (Conv(4, 3), norm, Activation("tanh"), Flatten(), Dense(6), norm, Activation("tanh"), Dense(3))
    network = Network("both", (3, 3, 2), layers, Glorot())
    settings = TrainerConfiguration(network=network, optimizer=SGD(0.1), conventions=fused.conventions, batch_size=8,
                                    dtype="float32", style=style, device="cpu")  # fmt: skip
    assert fused.build_trainer is not None
    trainers = fused.build_trainer(settings), hosted_trainer(settings.exact(), REFERENCE.build)
    generator = np.random.default_rng(1)
    inputs, labels = generator.normal(size=(32, 3, 3, 2)), generator.integers(0, 3, 32)
    rows = generator.integers(0, 32, (10, 8)).astype(np.int32)
    losses, weights = [], []
    for trainer in trainers:
        assert isinstance(trainer, Trainer), trainer
        trainer.import_weights({**trainer.export_weights(), **network.initial_weights(3)})
        trainer.load_data(inputs, labels)
        losses.append(trainer.train(rows, {}))
        weights.append(trainer.export_weights())
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)  # ten steps of some hundred roundings of 6e-8
    for name, exact in weights[1].items():
        np.testing.assert_allclose(weights[0][name], exact, rtol=1e-4, atol=1e-5, err_msg=name)
