"""A configuration refuses what no implementation could mean, and derives axes and decays."""

from __future__ import annotations

from typing import Any

import pytest

from bn_impls.errors import BadConfiguration
from bn_impls.interface import Configuration, Conventions

PLAIN: dict[str, Any] = {
    "ddof": 0,
    "initial_mean": 0.0,
    "initial_variance": 1.0,
    "warm_up": False,
    "decay_in_float32": False,
}
GOOD: dict[str, Any] = {
    "input_shape": (8, 3, 2, 4),
    "layout": "channels_last",
    "dtype": "float64",
    "decay": 0.9,
    "epsilon": 1e-3,
    "center": True,
    "scale": True,
    "conventions": Conventions(**PLAIN),
    "style": "eager",
    "device": "cpu",
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input_shape": (8,)}, r"input_shape is \(8,\), but should be at least \(batch, channels\)"),
        ({"input_shape": (8, -1)}, r"input_shape is \(8, -1\), but should be sizes of 0 or more"),
        ({"layout": "NHWC"}, "layout is 'NHWC', but should be a known layout"),
        ({"dtype": "int32"}, "dtype is 'int32', but should be one of float64, float32"),
        ({"decay": -0.1}, r"decay is -0\.1, but should be a weight in \[0, 1\]"),
        ({"decay": 1.5}, r"decay is 1\.5"),
        ({"decay": float("nan")}, "decay is nan"),
        ({"epsilon": -1e-3}, r"epsilon is -0\.001, but should be 0 or more"),
        ({"epsilon": float("nan")}, "epsilon is nan"),
        ({"style": "lazy"}, "style is 'lazy', but should be one of eager, graph"),
        ({"device": "tpu"}, "device is 'tpu', but should be cpu or gpu"),
        ({"conventions": Conventions(**(PLAIN | {"ddof": 2}))}, "ddof is 2, but should be 0 or 1"),
        ({"conventions": Conventions(**(PLAIN | {"initial_variance": -1.0}))}, r"initial_variance is -1\.0"),
    ],
)
def test_an_impossible_configuration_is_refused(change: Any, message: str) -> None:
    """With name, got and expected."""
    with pytest.raises(BadConfiguration, match=message):
        Configuration(**(GOOD | change))


@pytest.mark.parametrize(
    ("shape", "layout", "channels", "axes", "wide"),
    [
        ((8, 4), "channels_last", 4, (0,), (1, 4)),
        ((8, 4), "channels_first", 4, (0,), (1, 4)),
        ((8, 3, 2, 4), "channels_last", 4, (0, 1, 2), (1, 1, 1, 4)),
        ((8, 3, 2, 4), "channels_first", 3, (0, 2, 3), (1, 3, 1, 1)),
    ],
)
def test_the_layout_decides_channels_and_axes(shape: Any, layout: Any, channels: int, axes: Any, wide: Any) -> None:
    """The statistics are over all axes but the channels'."""
    found = Configuration(**(GOOD | {"input_shape": shape, "layout": layout}))
    assert (found.channels, found.reduction_axes, found.parameter_shape) == (channels, axes, wide)


@pytest.mark.parametrize(("updates", "decay"), [(0, 0.1), (1, 2 / 11), (5, 0.4), (80, 0.9), (81, 0.9), (10**6, 0.9)])
def test_the_warm_up_is_that_of_its_equation(updates: int, decay: float) -> None:
    """min(0.9, (1 + t) / (10 + t)), reached at t = 80."""
    assert Conventions(**(PLAIN | {"warm_up": True})).decay_of(0.9, updates) == decay


def test_without_a_warm_up_the_decay_is_the_given_one() -> None:
    """At every update."""
    assert [Conventions(**PLAIN).decay_of(0.9, updates) for updates in (0, 1, 100)] == [0.9] * 3


def test_a_decay_in_float32_is_one_minus_the_rounded_complement() -> None:
    """float32(0.9) = 0.89999998 and 1 - that, in float32, = 0.10000002: both of float32's grid, worked out by hand."""
    rounded = Conventions(**(PLAIN | {"decay_in_float32": True})).decay_of(0.9, 0)
    assert rounded == 15099494 / 2**24  # 0.9 * 2^24 = 15099494.4, rounded to an integer
    assert 1.0 - rounded == 1677722 / 2**24  # which float32 holds exactly


@pytest.mark.parametrize("updates", [0, 1, 7, 1000])
def test_the_decay_in_float32_is_the_one_tensorflow_applies(updates: int) -> None:
    """Asked of tf.train.ExponentialMovingAverage itself, with an old value of 1 and a new one of 0."""
    tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    average = tf.train.ExponentialMovingAverage(0.99, num_updates=tf.Variable(updates))
    value = tf.Variable(1.0, dtype=tf.float64)
    average.apply([value])
    value.assign(0.0)
    average.apply([value])
    conventions = Conventions(**(PLAIN | {"warm_up": True, "decay_in_float32": True}))
    assert float(average.average(value)) == conventions.decay_of(0.99, updates)
