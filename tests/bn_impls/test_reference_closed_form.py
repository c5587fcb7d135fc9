"""The oracle against cases worked out by hand, and against the equations of its own docstring."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bn_impls import numpy_reference
from bn_impls.interface import Configuration, Conventions
from bn_impls.numpy_reference import BatchNorm

if TYPE_CHECKING:
    from tests.bn_impls.conftest import LayerKit, Numbers

PLAIN = Conventions(ddof=0, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False)
ROUNDING = 8 * 2.0**-53  # a handful of float64 operations, relative to results near 1


def column(**changes: Any) -> Configuration:
    """Two examples of one channel: x = (1, 3) has mean 2 and variance 1."""
    fields: dict[str, Any] = {
        "input_shape": (2, 1),
        "layout": "channels_last",
        "dtype": "float64",
        "decay": 0.75,
        "epsilon": 0.0,
        "center": True,
        "scale": True,
        "conventions": PLAIN,
        "style": "eager",
        "device": "cpu",
    }
    return Configuration(**(fields | changes))


X = np.array([[1.0], [3.0]])


def test_training_normalizes_by_the_batch() -> None:
    """Deviations -1 and 1 over a root of 1."""
    assert BatchNorm(column()).forward(X).tolist() == [[-1.0], [1.0]]


def test_epsilon_stands_under_the_root() -> None:
    """With epsilon 3 the root is 2; added outside it would be 4."""
    assert BatchNorm(column(epsilon=3.0)).forward(X).tolist() == [[-0.5], [0.5]]


def test_gamma_multiplies_and_beta_is_added() -> None:
    """2 (-1, 1) + 0.5."""
    layer = BatchNorm(column())
    layer.gamma[:], layer.beta[:] = 2.0, 0.5
    assert layer.forward(X).tolist() == [[-1.5], [2.5]]


def test_a_layer_without_scale_or_offset_ignores_gamma_and_beta() -> None:
    """Each is off by itself."""
    layer = BatchNorm(column(scale=False))
    layer.gamma[:], layer.beta[:] = 2.0, 0.5
    assert layer.forward(X).tolist() == [[-0.5], [1.5]]
    layer = BatchNorm(column(center=False))
    layer.gamma[:], layer.beta[:] = 2.0, 0.5
    assert layer.forward(X).tolist() == [[-2.0], [2.0]]


@pytest.mark.parametrize(("ddof", "variance"), [(0, 3.25), (1, 3.5)])
def test_the_moving_statistics_average_old_and_batch(ddof: Any, variance: float) -> None:
    """0.75 * 10 + 0.25 * 2 = 8; 0.75 * 4 + 0.25 * 1 = 3.25, or with the unbiased variance 2, 3.5."""
    start = Conventions(ddof=ddof, initial_mean=10.0, initial_variance=4.0, warm_up=False, decay_in_float32=False)
    layer = BatchNorm(column(conventions=start))
    layer.forward(X)
    assert (layer.moving_mean.tolist(), layer.moving_variance.tolist()) == ([8.0], [variance])


def test_ddof_does_not_reach_the_output() -> None:
    """The variance that normalizes divides by n with every ddof."""
    unbiased = Conventions(ddof=1, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False)
    assert BatchNorm(column(conventions=unbiased)).forward(X).tolist() == [[-1.0], [1.0]]


def test_the_unbiased_variance_of_one_value_is_nan() -> None:
    """0 / 0, as the equation says; the output and the mean are not touched by it."""
    unbiased = Conventions(ddof=1, initial_mean=0.0, initial_variance=1.0, warm_up=False, decay_in_float32=False)
    layer = BatchNorm(column(input_shape=(1, 1), epsilon=1.0, conventions=unbiased))
    assert layer.forward(np.array([[4.0]])).tolist() == [[0.0]]
    assert layer.moving_mean.tolist() == [1.0]
    assert np.isnan(layer.moving_variance).all()


def test_the_warm_up_starts_at_one_tenth() -> None:
    """Decays 1/10, 2/11, 3/12 before they reach the configured one: means 1.8, 1.8 * 2/11 + 2 * 9/11, ..."""
    warm = Conventions(ddof=0, initial_mean=0.0, initial_variance=1.0, warm_up=True, decay_in_float32=False)
    layer, expected, means = BatchNorm(column(conventions=warm, decay=0.2)), 0.0, []
    for decay in (1 / 10, 2 / 11, 0.2, 0.2):
        expected = decay * expected + (1 - decay) * 2.0
        layer.forward(X)
        means.append((float(layer.moving_mean[0]), expected))
    assert all(math.isclose(got, wanted, rel_tol=ROUNDING) for got, wanted in means), means


def test_inference_uses_the_moving_statistics() -> None:
    """(5 - 1) / sqrt(4) = 2, whatever the batch is."""
    start = Conventions(ddof=0, initial_mean=1.0, initial_variance=4.0, warm_up=False, decay_in_float32=False)
    assert BatchNorm(column(conventions=start)).inference(np.array([[5.0], [1.0]])).tolist() == [[2.0], [0.0]]


def test_the_backward_pass_by_hand() -> None:
    """With epsilon 3 and gamma 2: xhat = (-1/2, 1/2); for dy = (1, 0) dbeta = 1, dgamma = -1/2, dx = (3/8, -3/8)."""
    layer = BatchNorm(column(epsilon=3.0))
    layer.gamma[:] = 2.0
    layer.forward(X)
    dx, dgamma, dbeta = layer.backward(np.array([[1.0], [0.0]]))
    assert dgamma is not None
    assert dbeta is not None
    assert (dx.tolist(), dgamma.tolist(), dbeta.tolist()) == ([[0.375], [-0.375]], [-0.5], [1.0])


def test_a_channel_without_deviation_has_output_beta_and_no_gradient() -> None:
    """A constant channel: xhat is 0, and the gradient of a sum does not reach the input."""
    layer = BatchNorm(column(epsilon=1e-3))
    layer.beta[:] = 0.5
    assert layer.forward(np.full((2, 1), 7.0)).tolist() == [[0.5], [0.5]]
    dx, _, _ = layer.backward(np.ones((2, 1)))
    assert dx.tolist() == [[0.0], [0.0]]


def test_every_channel_is_on_its_own(layers: LayerKit) -> None:
    """A layer of four channels gives what four layers of one give."""
    settings = column(input_shape=(8, 3, 2, 4), epsilon=1e-3)
    drawn = layers.draw(settings)
    together = BatchNorm(settings).forward(drawn.x)
    for channel in range(4):
        alone = BatchNorm(column(input_shape=(8, 3, 2, 1), epsilon=1e-3)).forward(drawn.x[..., channel : channel + 1])
        np.testing.assert_allclose(together[..., channel : channel + 1], alone, rtol=0, atol=ROUNDING)


def test_channels_first_is_the_transposed_problem(layers: LayerKit, numbers: Numbers) -> None:
    """Output, gradients and statistics are those of the transposed arrays."""
    last = column(input_shape=(8, 3, 2, 4), epsilon=1e-3)
    first = column(input_shape=(8, 4, 3, 2), epsilon=1e-3, layout="channels_first")
    drawn = layers.draw(last)
    by_last, by_first = BatchNorm(last), BatchNorm(first)
    expected = np.moveaxis(by_last.forward(drawn.x), 3, 1)
    numbers.assert_within(by_first.forward(np.moveaxis(drawn.x, 3, 1)), expected, ROUNDING)
    dx, dgamma, dbeta = by_first.backward(np.moveaxis(drawn.dy, 3, 1))
    expected_dx, expected_dgamma, expected_dbeta = by_last.backward(drawn.dy)
    assert dgamma is not None and dbeta is not None and expected_dgamma is not None and expected_dbeta is not None
    numbers.assert_within(dx, np.moveaxis(expected_dx, 3, 1), ROUNDING * 8)  # |gradients| up to 8
    numbers.assert_within(dgamma, expected_dgamma, ROUNDING * 48)  # sums of 48 terms near 1
    numbers.assert_within(dbeta, expected_dbeta, ROUNDING * 48)
    numbers.assert_within(by_first.moving_variance, by_last.moving_variance, ROUNDING)


def test_inference_changes_nothing(layers: LayerKit, numbers: Numbers) -> None:
    """Bit for bit, and a backward pass still belongs to the training call before."""
    settings = column(input_shape=(8, 4), epsilon=1e-3)
    drawn, other = layers.draw(settings), layers.draw(settings, seed=1)
    layer = BatchNorm(settings)
    layer.forward(drawn.x)
    state, gradients = layer.export_state(), layer.backward(drawn.dy)
    layer.inference(other.x)
    numbers.assert_same(layer.export_state(), state)
    np.testing.assert_array_equal(layer.backward(drawn.dy)[0], gradients[0])


def test_no_call_changes_its_input_in_place(layers: LayerKit) -> None:
    """Input and output gradient are what they were."""
    settings = column(input_shape=(8, 4), epsilon=1e-3)
    drawn, layer = layers.draw(settings), BatchNorm(settings)
    x, dy = drawn.x.copy(), drawn.dy.copy()
    layer.forward(x)
    layer.backward(dy)
    layer.inference(x)
    np.testing.assert_array_equal(x, drawn.x)
    np.testing.assert_array_equal(dy, drawn.dy)


def test_a_pass_without_update_leaves_the_statistics(numbers: Numbers) -> None:
    """`update=False` normalizes by the batch only."""
    layer = BatchNorm(column())
    before = layer.export_state()
    assert layer.forward(X, update=False).tolist() == [[-1.0], [1.0]]
    numbers.assert_same(layer.export_state(), before)


# ---- the docstring's equations, each beside a line of Python that says the same -----------------------------------

EQUATIONS: dict[str, str] = {
    "mean     = 1/n sum x_i": "mean = 1/n * math.fsum(x)",
    "variance = 1/n sum (x_i - mean)^2": "variance = 1/n * math.fsum((x_i - mean)**2 for x_i in x)",
    "xhat_i   = (x_i - mean) / sqrt(variance + epsilon)": (
        "xhat = [(x_i - mean) / math.sqrt(variance + epsilon) for x_i in x]"
    ),
    "y_i      = gamma xhat_i + beta": "y = [gamma * xhat_i + beta for xhat_i in xhat]",
    "dbeta  = sum dy_i": "dbeta = math.fsum(dy)",
    "dgamma = sum dy_i xhat_i": "dgamma = math.fsum(dy_i * xhat_i for dy_i, xhat_i in zip(dy, xhat))",
    "dx_i   = gamma / sqrt(variance + epsilon) (dy_i - dbeta / n - xhat_i dgamma / n)": (
        "dx = [gamma / math.sqrt(variance + epsilon) * (dy_i - dbeta / n - xhat_i * dgamma / n)"
        " for dy_i, xhat_i in zip(dy, xhat)]"
    ),
    "decay_t         = min(decay, (1 + t) / (10 + t)) with warm-up, otherwise decay": (
        "decay_t = min(decay, (1 + t) / (10 + t)) if warm_up else decay"
    ),
    "moving_mean     <- decay_t moving_mean + (1 - decay_t) mean": (
        "moving_mean = decay_t * moving_mean + (1 - decay_t) * mean"
    ),
    "moving_variance <- decay_t moving_variance + (1 - decay_t) variance n / (n - ddof)": (
        "moving_variance = decay_t * moving_variance + (1 - decay_t) * variance * n / (n - ddof)"
    ),
}


def test_the_docstring_states_these_equations_and_no_other() -> None:
    """An equation that is changed or added there must be executed here."""
    documented = re.findall(r"^ {4}(\S.*)$", numpy_reference.__doc__ or "", flags=re.MULTILINE)
    assert documented == list(EQUATIONS)


@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("warm_up", [False, True])
def test_the_docstring_equations_give_what_the_layer_gives(
    ddof: Any, warm_up: bool, layers: LayerKit, numbers: Numbers
) -> None:
    """Executed on Python floats with exact sums, one channel after the other, as the fourth update."""
    conventions = Conventions(
        ddof=ddof, initial_mean=0.0, initial_variance=1.0, warm_up=warm_up, decay_in_float32=False
    )
    settings = column(input_shape=(12, 3), epsilon=1e-3, conventions=conventions, decay=0.9)
    drawn = layers.draw(settings, num_updates=3)
    layer = BatchNorm(settings)
    layer.load_state(drawn.state)
    y = layer.forward(drawn.x)
    dx, dgamma, dbeta = layer.backward(drawn.dy)
    after = layer.export_state()
    assert dgamma is not None
    assert dbeta is not None
    for c in range(3):
        named: dict[str, Any] = {name: float(drawn.state[name][c]) for name in ("gamma", "beta")}  # type: ignore[literal-required]
        named |= {"moving_mean": drawn.state["moving_mean"][c], "moving_variance": drawn.state["moving_variance"][c]}
        named |= {"x": drawn.x[:, c].tolist(), "dy": drawn.dy[:, c].tolist(), "n": 12, "ddof": ddof, "math": math}
        named |= {"epsilon": 1e-3, "decay": 0.9, "warm_up": warm_up, "t": 3}
        exec("\n".join(EQUATIONS.values()), named)
        for got, name in (
            (y[:, c], "y"),
            (dx[:, c], "dx"),
            (dgamma[c], "dgamma"),
            (dbeta[c], "dbeta"),
            (after["moving_mean"][c], "moving_mean"),
            (after["moving_variance"][c], "moving_variance"),
        ):
            # sums of 12 terms near 1, each with ROUNDING
            numbers.assert_within(np.asarray(got), np.asarray(named[name]), 12 * ROUNDING)
