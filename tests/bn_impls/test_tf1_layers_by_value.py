"""TensorFlow 1's three ways, one layer: what the statistics become, and that sessions really run."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bn_impls.errors import BadCheckpoint
from bn_impls.interface import Configuration, Implementation, Layer, Unsupported
from bn_impls.registry import describe, descriptors, load

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow greets on stderr

NAMES = ("tf1-manual", "tf1-manual-two-call", "tf1-layers")
MANUAL = NAMES[:2]
TOLERANCE = {"float64": 64 * 2.0**-53, "float32": 64 * 2.0**-24}
"""Values up to 10: a mean of 24 terms, squares, and the average's three roundings."""

Build = Callable[..., Layer]


def implementation(name: str) -> Implementation:
    """Import it, or skip with the reason."""
    descriptor = descriptors()[name]
    if reason := descriptor.missing():
        pytest.skip(reason)
    found: Implementation = load(descriptor)
    return found


def configuration(name: str, **changes: Any) -> Configuration:
    """A small layer with the implementation's own conventions."""
    usual: dict[str, Any] = {
        "input_shape": (6, 4), "layout": "channels_last", "dtype": "float64", "decay": 0.75, "epsilon": 1e-3,
        "center": True, "scale": True, "conventions": implementation(name).conventions, "style": "session",
        "device": "cpu",
    }  # fmt: skip
    return Configuration(**usual | changes)


@pytest.fixture
def build() -> Iterator[Build]:
    """Build layers that are closed afterwards."""
    made: list[Layer] = []

    def make(name: str, **changes: Any) -> Layer:
        built = implementation(name).build(configuration(name, **changes))
        assert isinstance(built, Layer), built
        made.append(built)
        return built

    yield make
    for layer in made:
        layer.close()


def draw(layer: Layer, seed: int = 0) -> Any:
    """An input around 1 with deviation 2."""
    settings = layer.configuration
    return np.random.default_rng(seed).normal(1.0, 2.0, settings.input_shape).astype(settings.dtype)


@pytest.mark.parametrize("name", MANUAL)
def test_the_averages_of_tensors_start_at_0(name: str, build: Build) -> None:
    """Also the variance's, which every other API starts at 1."""
    state = build(name).export_state()
    assert (state["moving_mean"].tolist(), state["moving_variance"].tolist()) == ([0.0] * 4, [0.0] * 4)


def test_the_statistics_of_tf_layers_start_at_0_and_1(build: Build) -> None:
    """The documented initializers."""
    state = build("tf1-layers").export_state()
    assert (state["moving_mean"].tolist(), state["moving_variance"].tolist()) == ([0.0] * 4, [1.0] * 4)


@pytest.mark.parametrize("name", MANUAL)
def test_the_fed_step_warms_the_decay_up(name: str, build: Build) -> None:
    """Steps 0, 1, 2 keep 1/10, 2/11, 3/12 of the old value, whatever the configured decay of 0.75."""
    layer = build(name)
    expected = np.zeros(4)
    for step in range(3):
        x = draw(layer, step)
        layer.training_step(x)
        kept = (1 + step) / (10 + step)
        expected = kept * expected + (1 - kept) * x.var(axis=0)
    rounding = 3 * 10 * 2.0**-24  # the decay is float32 inside
    np.testing.assert_allclose(layer.export_state()["moving_variance"], expected, rtol=0, atol=rounding)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("shape", "layout", "dtype"),
    [
        ((6, 4), "channels_last", "float32"),
        ((6, 4), "channels_last", "float64"),
        ((3, 2, 2, 4), "channels_last", "float32"),
        ((3, 2, 2, 4), "channels_last", "float64"),
        ((3, 4, 2, 2), "channels_first", "float32"),
    ],
)
def test_the_moving_variance_divides_as_declared(
    name: str, shape: tuple[int, ...], layout: str, dtype: str, build: Build
) -> None:
    """By n, but by n - 1 in `tf.layers` for float32 maps: there the layer goes to the fused kernel."""
    layer = build(name, input_shape=shape, layout=layout, dtype=dtype)
    fused = name == "tf1-layers" and len(shape) == 4 and dtype == "float32"
    conventions = layer.configuration.conventions
    assert conventions.ddof == (1 if fused else 0)
    x = draw(layer)
    layer.training_step(x)
    batch = x.astype(np.float64).var(axis=layer.configuration.reduction_axes, ddof=conventions.ddof)
    decay = conventions.decay_of(0.75, 0)
    expected = decay * conventions.initial_variance + (1 - decay) * batch
    np.testing.assert_allclose(layer.export_state()["moving_variance"], expected, rtol=0, atol=TOLERANCE[dtype])


def test_tf_layers_rounds_the_complement_of_its_momentum(build: Build) -> None:
    """With decay 0.9 the new value weighs float32(0.1), in float64 too; not 1 - float32(0.9)."""
    layer = build("tf1-layers", decay=0.9)
    x = draw(layer)
    layer.training_step(x)
    weight = float(np.float32(0.1))
    expected = (1 - weight) + weight * x.var(axis=0)
    np.testing.assert_allclose(layer.export_state()["moving_variance"], expected, rtol=0, atol=TOLERANCE["float64"])


@pytest.mark.parametrize(("name", "runs"), [("tf1-manual", 1), ("tf1-manual-two-call", 2), ("tf1-layers", 1)])
def test_a_training_step_is_seen_to_make_its_session_calls(name: str, runs: int, build: Build) -> None:
    """One with the update beside it, or two; each traced by the session itself."""
    layer = build(name)
    seen = layer.observe(layer.training_step, draw(layer))
    assert {name: found.observed for name, found in seen.items() if name not in ("kernel", "onednn")} == {
        "device": "cpu", "dtype": "float64", "style": "session",
    }  # fmt: skip
    assert seen["style"].evidence.startswith(f"{runs} session run(s) of ")


def test_a_call_without_a_session_is_not_labelled_session(build: Build) -> None:
    """NumPy arrays come back from NumPy, too; only a traced run counts."""
    layer = build("tf1-manual")
    seen = layer.observe(lambda x: 2 * x, draw(layer))
    assert (seen["style"].observed, seen["device"].observed) == ("unknown", "unknown")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("style", ["eager", "graph", "xla"])
def test_only_sessions_run_these_graphs(name: str, style: str) -> None:
    """Every other style is refused by a value."""
    found = implementation(name).build(configuration(name, style=style))
    assert isinstance(found, Unsupported)
    assert "session" in found.reason


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("tf1-manual", {"ddof": 1}, "tf.nn.moments divides by n"),
        ("tf1-manual", {"decay_in_float32": False}, "rounds its decay to float32"),
        ("tf1-layers", {"warm_up": True}, "keeps its momentum constant"),
        ("tf1-layers", {"ddof": 1}, "divides by n for rank 2 in float64"),
    ],
)
def test_a_convention_that_is_not_offered_is_a_value(name: str, change: Any, reason: str) -> None:
    """Nothing is approximated silently."""
    from dataclasses import replace

    conventions = replace(configuration(name).conventions, **change)
    found = implementation(name).build(configuration(name, conventions=conventions))
    assert isinstance(found, Unsupported)
    assert reason in found.reason


@pytest.mark.parametrize("name", ["tf1-layers", "tf-fused", "tf-keras"])
def test_the_fused_kernel_uses_a_small_epsilon_as_given(name: str) -> None:
    """Older versions raised it to 1.001e-5. The batch +-2^-20 comes out as +-1 / sqrt(1 + epsilon 2^40)."""
    settings = configuration(name, input_shape=(4, 1, 1, 4), dtype="float32", epsilon=1e-12)
    layer = implementation(name).build(replace(settings, style=describe(name).styles[0]))
    assert isinstance(layer, Layer), layer
    x = np.tile(np.array([1, -1, 1, -1], np.float32).reshape(4, 1, 1, 1) * np.float32(2.0**-20), (1, 1, 1, 4))
    y = layer.to_numpy(layer.training_step(layer.to_native(x)))
    np.testing.assert_allclose(y, np.sign(x) / math.sqrt(1 + 1e-12 * 2.0**40), rtol=8 * 2.0**-24)
    layer.close()


@pytest.mark.parametrize("name", NAMES)
def test_the_saver_brings_back_the_fed_step(name: str, build: Build, tmp_path: Path) -> None:
    """The count is no variable of the API; the checkpoint holds it nevertheless."""
    first, second = build(name), build(name)
    for seed in range(3):
        first.training_step(draw(first, seed))
    first.formats["tf1-saver"].save(tmp_path)
    second.formats["tf1-saver"].restore(tmp_path)
    for layer in (first, second):
        layer.training_step(draw(layer, 9))
    found, expected = second.export_state(), first.export_state()
    assert found["num_updates"] == expected["num_updates"] == 4
    for key in ("gamma", "beta", "moving_mean", "moving_variance"):
        np.testing.assert_array_equal(found[key], expected[key], strict=True)


def test_a_variable_that_the_graph_lacks_is_noticed(build: Build, tmp_path: Path) -> None:
    """A Saver by itself would ignore it."""
    build("tf1-layers").formats["tf1-saver"].save(tmp_path)
    with pytest.raises(BadCheckpoint, match="layer/gamma"):
        build("tf1-layers", scale=False).formats["tf1-saver"].restore(tmp_path)
