"""Every choice of :class:`Semantics` computes what its docstring says, and the defaults are the reference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bn_impls.accuracy.bounds import step_bounds
from bn_impls.errors import BadConfiguration, BadState
from bn_impls.interface import Array, Configuration, Conventions
from bn_impls.numpy_reference import BatchNorm
from bn_impls.semantics.description import PLAIN, Semantics
from bn_impls.semantics.varied import VariedBatchNorm
from bn_impls.state import State

USUAL = Conventions(ddof=0, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False)
CONVENTIONS = {
    "usual": USUAL,
    "unbiased": replace(USUAL, ddof=1),
    "warm-up": replace(USUAL, warm_up=True, decay_in_float32=True, initial_variance=0.0),
    "starts elsewhere": replace(USUAL, initial_mean=0.5, initial_variance=2.0),
    "complement": replace(USUAL, complement_in_float32=True),
}
SHAPES = [(9, 3), (4, 5, 3), (4, 2, 5, 3), (2, 2, 3, 2, 3)]
ROUNDING = 1e-13  # relative; a few dozen operations of 1.1e-16 each, for values around 1


def configured(shape: tuple[int, ...] = (9, 3), **changes: Any) -> Configuration:
    """A small layer in float64."""
    usual: dict[str, Any] = {
        "input_shape": shape, "layout": "channels_last", "dtype": "float64", "decay": 0.9, "epsilon": 1e-2,
        "center": True, "scale": True, "conventions": USUAL, "style": "eager", "device": "cpu",
    }  # fmt: skip
    return Configuration(**usual | changes)


def drawn(settings: Configuration, seed: int = 0) -> tuple[Array, Array, State]:
    """Input, output gradient, and a state away from all defaults."""
    generator = np.random.default_rng(seed)
    x, dy = generator.normal(0.3, 1.5, (2, *settings.input_shape)).astype(settings.dtype)
    channels = settings.channels
    gamma, beta, mean = generator.normal(1.0, 0.5, (3, channels)).astype(settings.dtype)
    variance = generator.uniform(0.5, 2.0, channels).astype(settings.dtype)
    return x, dy, State(gamma=gamma, beta=beta, moving_mean=mean, moving_variance=variance, num_updates=0)


def made(semantics: Semantics, settings: Configuration | None = None) -> tuple[VariedBatchNorm, Array, Array]:
    """A layer of these semantics with the drawn parameters and its own statistics, an input and a gradient."""
    settings = settings or configured()
    layer = VariedBatchNorm(settings, semantics)
    x, dy, state = drawn(settings)
    layer.gamma, layer.beta = state["gamma"], state["beta"]
    return layer, x, dy


def moments(x: Array, ddof: int = 0) -> tuple[Array, Array]:
    """Mean and variance over all but the last axis, by NumPy's own functions."""
    axes = tuple(range(x.ndim - 1))
    return x.mean(axis=axes), x.var(axis=axes, ddof=ddof)


def near(got: Array, expected: Array) -> None:
    """Equal up to float64's rounding."""
    np.testing.assert_allclose(got, expected, rtol=ROUNDING, atol=ROUNDING)


# ---- the defaults are the reference ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("conventions", CONVENTIONS, ids=str)
def test_the_defaults_compute_what_the_reference_does(
    conventions: str, shape: tuple[int, ...], layout: str, dtype: str
) -> None:
    """Outputs and statistics bit for bit over three steps; gradients, with terms collected otherwise, in bounds."""
    shape = shape if layout == "channels_last" else (shape[0], shape[-1], *shape[1:-1])
    settings = configured(shape, layout=layout, dtype=dtype, conventions=CONVENTIONS[conventions])
    varied, reference = VariedBatchNorm(settings), BatchNorm(settings)
    for step in range(3):
        x, dy, state = drawn(settings, step)
        if step == 1:
            varied.load_state(state)
            reference.load_state(state)
        np.testing.assert_array_equal(varied.forward(x), reference.forward(x), strict=True)
        gradients, expected = varied.backward(dy), reference.backward(dy)
        np.testing.assert_array_equal(varied.inference(x), reference.inference(x), strict=True)
        for name, value in reference.export_state().items():
            np.testing.assert_array_equal(varied.export_state()[name], value, err_msg=name)  # type: ignore[literal-required]  # names of a State
        wide = x.astype(np.float64), dy.astype(np.float64)
        bounds = step_bounds(settings, "plain", *wide, reference.gamma.astype(float), reference.beta.astype(float))
        allowed = (bounds.gradient_input, bounds.gradient_gamma, bounds.gradient_beta)
        for got, exact, bound in zip(gradients, expected, allowed, strict=True):
            assert got is not None and exact is not None and got.dtype == exact.dtype
            assert np.all(np.abs(got.astype(float) - exact) <= 2 * bound)  # each is within one bound of the exact value


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("scale", [True, False])
def test_a_parameter_that_is_off_has_no_gradient_and_no_effect(center: bool, scale: bool) -> None:
    """As in the reference."""
    settings = configured(center=center, scale=scale)
    varied, x, dy = made(PLAIN, settings)
    reference = BatchNorm(settings)
    reference.load_state(varied.export_state())
    near(varied.forward(x), reference.forward(x))
    for got, expected in zip(varied.backward(dy), reference.backward(dy), strict=True):
        assert (got is None) == (expected is None)
        if got is not None and expected is not None:
            near(got, expected)


@pytest.mark.parametrize("ddof", [0, 1])
def test_a_batch_of_one_value_has_no_unbiased_variance(ddof: int) -> None:
    """NaN, as in the reference; the biased one is 0."""
    settings = configured((1, 3), conventions=replace(USUAL, ddof=ddof))
    varied, x, _ = made(PLAIN, settings)
    varied.forward(x)
    if ddof:
        assert np.all(np.isnan(varied.export_state()["moving_variance"]))
    else:
        near(varied.export_state()["moving_variance"], np.full(3, 0.9))


# ---- what normalizes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "deviation"),
    [
        ("inside", lambda v: np.sqrt(v + 0.5)),
        ("outside", lambda v: np.sqrt(v) + 0.5),
        ("maximum", lambda v: np.sqrt(np.maximum(v, 0.5))),
        ("none", np.sqrt),
    ],
)
def test_epsilon_stands_where_it_is_said_to(place: Any, deviation: Any) -> None:
    """In training and in inference; one channel's variance is below epsilon."""
    layer, x, _ = made(Semantics(epsilon=0.5, epsilon_place=place))
    x[:, 0] *= 0.1
    mean, variance = moments(x)
    near(layer.forward(x), layer.gamma * (x - mean) / deviation(variance) + layer.beta)
    state = layer.export_state()
    expected = layer.gamma * (x - state["moving_mean"]) / deviation(state["moving_variance"]) + layer.beta
    near(layer.inference(x), expected)


@pytest.mark.parametrize("variance", ["one_pass", "one_pass_clamped"])
def test_a_one_pass_variance_is_the_difference_of_two_squares(variance: Any) -> None:
    """The same up to rounding for values around 0; far from 0 the clamped one is not negative, the other one may be."""
    layer, x, _ = made(Semantics(variance=variance))
    mean, exact = moments(x)
    near(layer.forward(x), layer.gamma * (x - mean) / np.sqrt(exact + 1e-2) + layer.beta)
    settings = configured((64, 400), dtype="float32")
    far = VariedBatchNorm(settings, Semantics(variance=variance, decay=0.0))
    far.forward((np.float32(1e4) + np.random.default_rng(1).normal(size=(64, 400))).astype(np.float32))
    assert (far.export_state()["moving_variance"].min() < 0) == (variance == "one_pass")


def test_the_normalizing_variance_can_divide_by_one_less() -> None:
    """The moving one has its own choice."""
    layer, x, _ = made(Semantics(normalizing_ddof=1))
    mean, unbiased = moments(x, ddof=1)
    near(layer.forward(x), layer.gamma * (x - mean) / np.sqrt(unbiased + 1e-2) + layer.beta)
    near(layer.export_state()["moving_variance"], 0.9 + 0.1 * moments(x)[1])


@pytest.mark.parametrize("axes", ["configured", "elementwise"])
def test_sums_can_be_taken_one_term_after_the_other(axes: Any) -> None:
    """The same up to rounding; of 4,096 values side by side in float32 they lose more than NumPy's blocks."""
    settings = configured((5, 2, 3))
    layer, x, _ = made(Semantics(sums="in_order", axes=axes), settings)
    other, _, _ = made(Semantics(axes=axes), settings)
    near(layer.forward(x), other.forward(x))
    near(layer.export_state()["moving_variance"], other.export_state()["moving_variance"])
    values = np.random.default_rng(2).uniform(0.5, 1.5, (4096, 1)).astype(np.float32)
    error = {}
    for sums in ("usual", "in_order"):
        single = VariedBatchNorm(configured((4096, 1), dtype="float32"), Semantics(sums=sums, decay=0.0))  # type: ignore[arg-type]  # both are known
        single.forward(values)
        error[sums] = abs(float(single.export_state()["moving_mean"][0]) - float(values.astype(float).mean()))
    assert error["in_order"] > 4 * error["usual"]


@pytest.mark.parametrize("output", ["centered", "multiplied_out"])
def test_both_forms_of_the_output_are_the_same_function(output: Any) -> None:
    """And round differently: far from 0 the multiplied one cancels."""
    layer, x, _ = made(Semantics(output=output))
    mean, variance = moments(x)
    near(layer.forward(x), layer.gamma * (x - mean) / np.sqrt(variance + 1e-2) + layer.beta)
    rounded, x, _ = made(Semantics(output=output, initial_mean=1e4), configured(dtype="float32"))
    x = x + np.float32(1e4)
    exact = rounded.gamma * (x.astype(np.float64) - 1e4) / np.sqrt(1 + 1e-2) + rounded.beta
    error = np.abs(rounded.inference(x) - exact).max()
    cancelled = float(np.abs(rounded.gamma).max()) * 1e4 * 2.0**-24  # u |gamma| |x|
    assert (error > cancelled / 8) == (output == "multiplied_out")


@pytest.mark.parametrize(("when", "weight"), [("before", 0.0), ("after", 0.1)])
def test_training_can_normalize_by_the_moving_statistics(when: Any, weight: float) -> None:
    """Before or after their update."""
    layer, x, dy = made(Semantics(training_uses=when))
    mean, variance = moments(x)
    used = weight * mean, 1 - weight + weight * variance
    near(layer.forward(x), layer.gamma * (x - used[0]) / np.sqrt(used[1] + 1e-2) + layer.beta)
    near(layer.backward(dy)[0], dy * layer.gamma / np.sqrt(used[1] + 1e-2))  # they are constants


def test_inference_can_normalize_by_the_batch() -> None:
    """And then leaves the statistics alone."""
    layer, x, _ = made(Semantics(inference_uses="batch"))
    mean, variance = moments(x)
    near(layer.inference(x), layer.gamma * (x - mean) / np.sqrt(variance + 1e-2) + layer.beta)
    near(layer.export_state()["moving_mean"], np.zeros(3))


# ---- moving statistics ----------------------------------------------------------------------------------------------


def after(semantics: Semantics, steps: int = 1) -> tuple[State, list[tuple[Array, Array]]]:
    """The state after some training calls, and the moments of their batches."""
    layer, _, _ = made(semantics)
    seen = []
    for step in range(steps):
        x, _, _ = drawn(layer.settings, step)
        layer.forward(x)
        seen.append(moments(x))
    return layer.export_state(), seen


@pytest.mark.parametrize(
    ("semantics", "old_weights"),
    [
        (Semantics(decay=0.25), [0.25, 0.25]),
        (Semantics(decay_weighs="new"), [0.1, 0.1]),
        (Semantics(warm_up="never"), [0.9, 0.9]),
        (Semantics(warm_up="count"), [1 / 10, 2 / 11]),
        (Semantics(warm_up="debias"), [0.9, 0.9]),
        (Semantics(warm_up="debiased"), [0.0, 0.9 * 0.1 / 0.19]),
        (Semantics(warm_up="replace"), [0.0, 0.9]),
        (Semantics(decay_rounding="both"), [1 - float(np.float32(1) - np.float32(0.9))] * 2),
        (Semantics(decay_rounding="complement"), [1 - float(np.float32(0.1))] * 2),
    ],
    ids=str,
)
def test_the_old_value_has_the_weight_that_is_said(semantics: Semantics, old_weights: list[float]) -> None:
    """Two updates by hand."""
    state, seen = after(semantics, 2)
    mean, variance = np.zeros(3), np.ones(3)
    for weight, (batch_mean, batch_variance) in zip(old_weights, seen, strict=True):
        mean, variance = weight * mean + (1 - weight) * batch_mean, weight * variance + (1 - weight) * batch_variance
    near(state["moving_mean"], mean)
    near(state["moving_variance"], variance)


def test_a_debiased_average_of_one_batch_is_that_batch() -> None:
    """Started at 0, divided by 1 - decay^t where it is read."""
    layer, x, _ = made(Semantics(warm_up="debias", initial_variance=0.0))
    trained = layer.forward(x)
    near(layer.inference(x), trained)
    layer.forward(x)
    near(layer.inference(x), trained)


def test_a_debiased_average_is_the_same_whether_it_is_divided_before_or_after() -> None:
    """Started at 0: the divided average moves with a decay of its own."""
    read, _, _ = made(Semantics(warm_up="debias", initial_variance=0.0))
    kept, _, _ = made(Semantics(warm_up="debiased"))
    for step in range(4):
        x, _, _ = drawn(read.settings, step)
        read.forward(x)
        kept.forward(x)
        near(kept.inference(x), read.inference(x))
        near(kept.export_state()["moving_variance"], read.export_state()["moving_variance"] / (1 - 0.9 ** (step + 1)))


def test_a_layer_that_starts_elsewhere_moves_from_there() -> None:
    """Both start values."""
    state, [(mean, variance)] = after(Semantics(initial_mean=3.0, initial_variance=0.5))
    near(state["moving_mean"], 0.9 * 3.0 + 0.1 * mean)
    near(state["moving_variance"], 0.9 * 0.5 + 0.1 * variance)


@pytest.mark.parametrize(("normalizing", "moving"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_the_moving_variance_divides_as_it_is_said_to(normalizing: Any, moving: Any) -> None:
    """By n or n - 1 = 8, whatever normalizes."""
    state, [(_, variance)] = after(Semantics(normalizing_ddof=normalizing, moving_ddof=moving))
    near(state["moving_variance"], 0.9 + 0.1 * variance * (9 / 8 if moving else 1))


def test_deviations_can_be_averaged_in_place_of_variances() -> None:
    """And inference squares them again."""
    state, [(_, variance)] = after(Semantics(moving_of="deviation"))
    near(state["moving_variance"], 0.9 + 0.1 * np.sqrt(variance))
    layer, x, _ = made(Semantics(moving_of="deviation"))
    layer.load_state(state)
    layer.gamma, layer.beta = np.ones(3), np.zeros(3)
    expected = (x - state["moving_mean"]) / np.sqrt(np.square(state["moving_variance"]) + 1e-2)
    near(layer.inference(x), expected)


@pytest.mark.parametrize("updates", [0, 1, 2])
def test_a_training_call_updates_as_often_as_is_said(updates: Any) -> None:
    """Each time with the same batch."""
    state, [(mean, variance)] = after(Semantics(updates=updates))
    old = 0.9**updates
    near(state["moving_mean"], (1 - old) * mean)
    near(state["moving_variance"], old + (1 - old) * variance)
    assert state["num_updates"] == updates


def test_inference_can_move_the_statistics() -> None:
    """Before it uses them."""
    layer, x, _ = made(Semantics(inference_updates=True))
    y = layer.inference(x)
    mean, variance = moments(x)
    near(layer.export_state()["moving_mean"], 0.1 * mean)
    near(y, layer.gamma * (x - 0.1 * mean) / np.sqrt(0.9 + 0.1 * variance + 1e-2) + layer.beta)


# ---- dtypes ---------------------------------------------------------------------------------------------------------


def test_moments_and_output_can_be_computed_in_another_dtype() -> None:
    """float32 in a float64 layer: what comes out is float64, and no better than float32."""
    layer, x, _ = made(Semantics(compute_dtype="float32"))
    x = x.astype(np.float32).astype(np.float64)
    single = VariedBatchNorm(configured(dtype="float32"))
    single.gamma, single.beta = layer.gamma.astype(np.float32), layer.beta.astype(np.float32)
    y = layer.forward(x)
    assert y.dtype == np.float64
    np.testing.assert_array_equal(y, single.forward(x.astype(np.float32)).astype(np.float64))


def test_terms_can_be_summed_in_another_dtype() -> None:
    """In float16, 4,096 ones sum to less than 4,096 when added row by row; in float32 they do not."""
    settings = configured((4096, 2), dtype="float16")
    ones = np.ones((4096, 2), np.float16)
    means = {}
    for dtype in ("float16", "float32"):
        layer = VariedBatchNorm(settings, Semantics(accumulation_dtype=dtype, decay=0.0))
        layer.forward(ones)
        means[dtype] = layer.export_state()["moving_mean"]
    assert np.all(means["float16"] == 0.5)  # the sum stops at 2,048, where float16's numbers are 2 apart
    assert np.all(means["float32"] == 1)


def test_moving_statistics_can_be_kept_in_another_dtype() -> None:
    """In float16 a change of less than half a spacing is lost."""
    layer = VariedBatchNorm(configured(dtype="float32"), Semantics(moving_dtype="float16", decay=0.9999))
    x = np.tile(np.float32([[1.5], [2.5]]), (1, 3)).repeat(5, axis=0)[:9]
    layer.load_state(State(gamma=np.ones(3), beta=np.ones(3), moving_mean=np.ones(3, np.float32),
                           moving_variance=np.ones(3), num_updates=0))  # fmt: skip
    layer.forward(x)
    assert layer.export_state()["moving_mean"].dtype == np.float16
    np.testing.assert_array_equal(layer.export_state()["moving_mean"], np.ones(3))


def test_a_dtype_that_numpy_does_not_know_is_refused() -> None:
    """With what to do about it."""
    with pytest.raises(BadConfiguration, match="'float7', but should be one that NumPy knows"):
        VariedBatchNorm(configured(), Semantics(compute_dtype="float7"))


# ---- axes and parameters --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("axes", "layout", "reduced", "kept"),
    [
        ("last", "channels_first", (0, 1, 2), 3),
        ("second", "channels_last", (0, 2, 3), 1),
        ("elementwise", "channels_last", (0,), 3),
    ],
)
def test_another_axis_can_be_taken_for_the_channels(axes: Any, layout: Any, reduced: Any, kept: int) -> None:
    """Statistics, parameters and gradients follow it."""
    settings = configured((5, 3, 2, 3), layout=layout)
    layer, x, dy = made(Semantics(axes=axes), settings)
    shape = [1, 1, 1, 1]
    shape[kept] = 3
    gamma, beta = layer.gamma.reshape(shape), layer.beta.reshape(shape)
    mean, variance = x.mean(axis=reduced, keepdims=True), x.var(axis=reduced, keepdims=True)
    xhat = (x - mean) / np.sqrt(variance + 1e-2)
    near(layer.forward(x), gamma * xhat + beta)
    over = tuple(axis for axis in range(4) if axis != kept)
    near(layer.backward(dy)[1], (dy * xhat).sum(axis=over))
    assert layer.export_state()["moving_mean"].shape == ((3, 2, 3) if axes == "elementwise" else (3,))
    near(layer.export_state()["moving_mean"].reshape(-1), 0.1 * mean.reshape(-1))


def test_statistics_of_every_element_start_from_those_of_a_channel_and_come_back() -> None:
    """Both shapes are taken; a third one is refused."""
    layer, _, _ = made(Semantics(axes="elementwise"), configured((5, 2, 3)))
    _, _, state = drawn(layer.settings)
    layer.load_state(state)
    own = layer.export_state()
    near(own["moving_mean"], np.tile(state["moving_mean"], (2, 1)))
    layer.load_state(own)
    near(layer.export_state()["moving_variance"], own["moving_variance"])
    bad = State(gamma=state["gamma"], beta=state["beta"], moving_mean=np.ones(4), moving_variance=np.ones(4),
                num_updates=0)  # fmt: skip
    with pytest.raises(BadState, match=r"moving_mean has shape \(4,\), but should be \(3,\) or \(2, 3\)"):
        layer.load_state(bad)


def test_an_axis_that_the_parameters_do_not_fit_is_refused() -> None:
    """In words, when the layer is made."""
    with pytest.raises(BadConfiguration, match=r"axes is 'last'.* has size 4, but should be an axis of size 3"):
        VariedBatchNorm(configured((5, 3, 2, 4), layout="channels_first"), Semantics(axes="last"))


@pytest.mark.parametrize(
    ("semantics", "scale", "offset"),
    [
        (Semantics(gamma="plus_one"), lambda g, b: 1 + g, lambda g, b: b),
        (Semantics(gamma="absolute"), lambda g, b: np.abs(g), lambda g, b: b),
        (Semantics(gamma="ignored"), lambda g, b: 1, lambda g, b: b),
        (Semantics(beta="ignored"), lambda g, b: g, lambda g, b: 0),
        (Semantics(swapped=True), lambda g, b: b, lambda g, b: g),
    ],
    ids=["gamma plus one", "absolute gamma", "gamma ignored", "beta ignored", "swapped"],
)
def test_the_parameters_do_what_is_said(semantics: Semantics, scale: Any, offset: Any) -> None:
    """In training and inference."""
    layer, x, _ = made(semantics)
    g, b = layer.gamma, layer.beta
    near(layer.inference(x), scale(g, b) * x / np.sqrt(1 + 1e-2) + offset(g, b))
    mean, variance = moments(x)
    near(layer.forward(x), scale(g, b) * (x - mean) / np.sqrt(variance + 1e-2) + offset(g, b))


# ---- what is resolved -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("conventions", CONVENTIONS, ids=str)
def test_resolved_semantics_say_the_same_as_the_configuration(conventions: str) -> None:
    """They compute the same in a configuration with other conventions, and resolve to themselves."""
    settings = configured(conventions=CONVENTIONS[conventions], decay=0.75)
    written_out = PLAIN.resolved(settings)
    assert written_out.conventions() == settings.conventions
    assert written_out.resolved(configured()) == written_out
    other = replace(configured(), conventions=replace(USUAL, initial_mean=7.0, ddof=1), epsilon=1.0, decay=0.1)
    layers = VariedBatchNorm(settings), VariedBatchNorm(other, written_out)
    x, _, _ = drawn(settings)
    np.testing.assert_array_equal(layers[0].forward(x), layers[1].forward(x))
    np.testing.assert_array_equal(layers[0].inference(x), layers[1].inference(x))
    assert "epsilon" not in PLAIN.changes() and written_out.changes()["decay"] == 0.75
