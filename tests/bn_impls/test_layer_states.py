"""Every implementation: its state goes out and comes back bit for bit, and a bad one is refused before any change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bn_impls.accuracy.bounds import UNIT_ROUNDOFF
from bn_impls.errors import BadState
from bn_impls.state import validated_arrays, validated_state

if TYPE_CHECKING:
    from collections.abc import Callable

    from bn_impls.interface import Layer
    from tests.bn_impls.conftest import Drawn, LayerKit, Numbers, Offer

PARTS = [
    pytest.param(True, True, id="center-and-scale"),
    pytest.param(False, True, id="scale-only"),
    pytest.param(True, False, id="center-only"),
    pytest.param(False, False, id="neither"),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("center", "scale"), PARTS)
def test_an_imported_state_is_exported_again(
    usual_offer: Offer, dtype: str, center: bool, scale: bool, layers: LayerKit, numbers: Numbers
) -> None:
    """Bit for bit, in the layer's dtype, the counter included."""
    layer = layers.built(usual_offer, dtype=dtype, center=center, scale=scale)
    drawn = layers.draw(layer.configuration, num_updates=7)
    layer.import_state(drawn.state)
    numbers.assert_same(layer.export_state(), drawn.state)


def test_the_state_of_one_implementation_is_that_of_another(
    usual_offer: Offer, layers: LayerKit, numbers: Numbers
) -> None:
    """What a layer exports after training gives the reference the same inference output."""
    layer = layers.built(usual_offer)
    drawn = layers.draw(layer.configuration)
    layer.import_state(drawn.state)
    native = layer.to_native(drawn.x)
    layer.training_step(native)
    reference = layers.exact(layer.configuration, layer.export_state())
    # gamma / s below 4 times |x| + |mean| below 16, a few roundings of each
    allowed = 64 * 4 * UNIT_ROUNDOFF[layer.configuration.dtype]
    exact = reference.inference(drawn.x.astype(np.float64))
    numbers.assert_within(layer.to_numpy(layer.inference(native)), exact, allowed)


def test_exported_arrays_share_no_memory_with_the_layer(usual_offer: Offer, layers: LayerKit, numbers: Numbers) -> None:
    """Overwriting them changes nothing."""
    layer = layers.built(usual_offer)
    drawn = layers.draw(layer.configuration, num_updates=7)
    layer.import_state(drawn.state)
    for value in layer.export_state().values():
        if isinstance(value, np.ndarray) and value.flags.writeable:
            value[:] = -1.0
    numbers.assert_same(layer.export_state(), drawn.state)


def test_imported_arrays_share_no_memory_with_the_layer(usual_offer: Offer, layers: LayerKit, numbers: Numbers) -> None:
    """Overwriting them afterwards changes nothing."""
    layer = layers.built(usual_offer)
    drawn, fresh = layers.draw(layer.configuration), layers.draw(layer.configuration)
    layer.import_state(drawn.state)
    for name in ("gamma", "beta", "moving_mean", "moving_variance"):
        drawn.state[name][:] = 9.0  # type: ignore[literal-required]
    numbers.assert_same(layer.export_state(), fresh.state)


def test_training_does_not_reach_back_into_an_exported_state(offer: Offer, layers: LayerKit, numbers: Numbers) -> None:
    """A snapshot stays a snapshot when the next step updates the variables in place."""
    layer = layers.built(offer)
    drawn = layers.draw(layer.configuration)
    layer.import_state(drawn.state)
    snapshot = layer.export_state()
    layer.training_step(layer.to_native(drawn.x))
    numbers.assert_same(snapshot, drawn.state)


@pytest.mark.parametrize("given", ["float64", "float32", "float16", "bfloat16"])
def test_a_state_of_another_float_dtype_is_converted(
    usual_offer: Offer, given: str, layers: LayerKit, numbers: Numbers
) -> None:
    """The values are taken as they are."""
    layer = layers.built(usual_offer, dtype="float32")
    dtype: Any = pytest.importorskip("ml_dtypes").bfloat16 if given == "bfloat16" else given
    values = np.array([0.5, 1.0, 2.0, 4.0])  # every dtype has them
    state: dict[str, Any] = {n: values.astype(dtype) for n in ("gamma", "beta", "moving_mean", "moving_variance")}
    layer.import_state(state | {"num_updates": np.int32(5)})
    expected: dict[str, Any] = {name: values.astype(np.float32) for name in state}
    numbers.assert_same(layer.export_state(), expected | {"num_updates": 5})


def test_a_poisoned_state_is_restored_as_poisoned_as_it_was(
    usual_offer: Offer, layers: LayerKit, numbers: Numbers
) -> None:
    """NaN and infinity pass, and a negative zero keeps its sign."""
    layer = layers.built(usual_offer)
    state = layers.draw(layer.configuration).state
    state["moving_mean"][:] = [np.nan, np.inf, -np.inf, -0.0]
    state["moving_variance"][:] = [np.nan, np.inf, 0.0, 1.0]
    layer.import_state(state)
    numbers.assert_same(layer.export_state(), state)
    assert np.signbit(layer.export_state()["moving_mean"]).tolist()[3]


def _without(name: str) -> Callable[[dict[str, Any]], None]:
    def change(state: dict[str, Any]) -> None:
        del state[name]

    return change


def _with(**values: Any) -> Callable[[dict[str, Any]], None]:
    def change(state: dict[str, Any]) -> None:
        state.update(values)

    return change


def _negative_variance(state: dict[str, Any]) -> None:
    state["moving_variance"] = state["moving_variance"].copy()
    state["moving_variance"][2] = -0.25


ONES = np.ones(4)
BAD_STATES = [
    pytest.param(_without("beta"), "should have exactly", id="missing-name"),
    pytest.param(_without("num_updates"), "should have exactly", id="missing-count"),
    pytest.param(_with(momentum=ONES), "should have exactly", id="extra-name"),
    pytest.param(_with(gamma=np.ones(3)), r"gamma has shape \(3,\), but should be \(4,\)", id="wrong-size"),
    pytest.param(_with(beta=np.ones((1, 4))), r"beta has shape \(1, 4\)", id="wrong-rank"),
    pytest.param(_with(beta=1.0), r"beta has shape \(\)", id="scalar"),
    pytest.param(_with(beta=[[1.0], [1.0, 2.0]]), "beta is no array", id="ragged"),
    pytest.param(_with(moving_mean=np.ones(4, int)), "moving_mean has dtype int64", id="integers"),
    pytest.param(_with(moving_mean=np.ones(4, complex)), "moving_mean has dtype complex128", id="complex"),
    pytest.param(_with(moving_mean=np.array(["1"] * 4)), "moving_mean has dtype <U1", id="text"),
    pytest.param(_with(moving_mean=np.array([None] * 4)), "moving_mean has dtype object", id="objects"),
    pytest.param(_with(gamma=np.zeros(4, "V2")), r"gamma has dtype \|V2", id="raw-bytes"),
    pytest.param(_negative_variance, r"moving_variance goes down to -0\.25, but should be 0 or more", id="negative"),
    pytest.param(_with(num_updates=-1), "num_updates is -1, but should be an integer of 0", id="negative-count"),
    pytest.param(_with(num_updates=1.0), r"num_updates is 1\.0", id="count-float"),
    pytest.param(_with(num_updates=True), "num_updates is True", id="count-bool"),
    pytest.param(_with(num_updates=None), "num_updates is None", id="count-none"),
    pytest.param(_with(num_updates=np.array([1])), "num_updates is array", id="count-array"),
    pytest.param(_with(num_updates=2**63), "num_updates is 9223372036854775808", id="count-beyond-int64"),
]


def _refused(layer: Layer, drawn: Drawn, change: Callable[[dict[str, Any]], None], message: str) -> None:
    state: dict[str, Any] = {name: np.copy(v) if name != "num_updates" else v for name, v in drawn.state.items()}
    change(state)
    with pytest.raises(BadState, match=message):
        layer.import_state(state)


@pytest.mark.parametrize(("change", "message"), BAD_STATES)
def test_a_bad_state_is_refused_before_anything_changes(
    usual_offer: Offer, change: Any, message: str, layers: LayerKit, numbers: Numbers
) -> None:
    """The error says what was got and expected; the layer keeps every bit."""
    layer = layers.built(usual_offer)
    kept = layers.draw(layer.configuration, seed=1, num_updates=7)
    layer.import_state(kept.state)
    _refused(layer, layers.draw(layer.configuration), change, message)
    numbers.assert_same(layer.export_state(), kept.state)


@pytest.mark.parametrize(
    ("parts", "change", "message"),
    [
        ({"scale": False}, _with(gamma=2 * ONES), "gamma is not 1, but should be: this layer does not scale"),
        ({"center": False}, _with(beta=ONES), "beta is not 0, but should be: this layer has no offset"),
    ],
    ids=["gamma", "beta"],
)
def test_a_parameter_that_the_layer_lacks_is_not_dropped_silently(
    usual_offer: Offer, parts: Any, change: Any, message: str, layers: LayerKit, numbers: Numbers
) -> None:
    """Its effect would be lost, so the import is refused."""
    layer = layers.built(usual_offer, **parts)
    kept = layers.draw(layer.configuration, seed=1)
    layer.import_state(kept.state)
    _refused(layer, layers.draw(layer.configuration), change, message)
    numbers.assert_same(layer.export_state(), kept.state)


# ---- the checks themselves, without a layer -------------------------------------------------------------------------


def test_a_validated_state_is_a_copy() -> None:
    """Of arrays and of the count, which becomes a Python integer."""
    given: dict[str, Any] = {name: np.ones(2) for name in ("gamma", "beta", "moving_mean", "moving_variance")}
    found = validated_state(given | {"num_updates": np.int16(3)}, 2)
    given["gamma"][:] = 5.0
    assert found["gamma"].tolist() == [1.0, 1.0]
    assert type(found["num_updates"]) is int


OWN = {
    "dense_0/kernel": np.zeros((2, 3), np.float32),
    "batch_norm_0/moving_variance": np.ones(3, np.float32),
    "batch_norm_0/num_updates": np.array(0, np.int64),
}


def test_validated_arrays_are_copies_in_the_own_dtype() -> None:
    """Whatever float or integer they came in."""
    given = {
        "dense_0/kernel": np.full((2, 3), 0.5),
        "batch_norm_0/moving_variance": np.ones(3, np.float16),
        "batch_norm_0/num_updates": 4,
    }
    found = validated_arrays(given, OWN, "here")
    given["dense_0/kernel"][:] = 9.0  # type: ignore[index]
    assert {name: (array.dtype.name, array.tolist()) for name, array in found.items()} == {
        "dense_0/kernel": ("float32", [[0.5] * 3] * 2),
        "batch_norm_0/moving_variance": ("float32", [1.0] * 3),
        "batch_norm_0/num_updates": ("int64", 4),
    }


BAD_ARRAYS: list[Any] = [
    pytest.param({"dense_0/kernel": np.zeros((3, 2))}, r"has shape \(3, 2\), but should be \(2, 3\)", id="shape"),
    pytest.param({"dense_0/kernel": np.zeros((2, 3), int)}, "has dtype int64", id="integers-for-floats"),
    pytest.param({"dense_0/kernel": np.zeros((2, 3), "V4")}, r"has dtype \|V4", id="raw-bytes"),
    pytest.param({"dense_0/kernel": [[0.0], [0.0, 1.0]]}, "is no array", id="ragged"),
    pytest.param({"batch_norm_0/num_updates": 1.5}, "has dtype float64, but should be a number like int64", id="half"),
    pytest.param({"batch_norm_0/num_updates": -1}, "goes down to -1", id="negative-count"),
    pytest.param({"batch_norm_0/moving_variance": -np.ones(3)}, r"goes down to -1\.0", id="negative-variance"),
    pytest.param({"dense_9/kernel": np.zeros(1)}, r"\['dense_9/kernel'\] unknown", id="unknown-name"),
]


@pytest.mark.parametrize(("change", "message"), BAD_ARRAYS)
def test_bad_named_arrays_are_refused(change: Any, message: str) -> None:
    """With name, got, expected and the caller."""
    with pytest.raises(BadState, match=rf"{message}.*\[here\]"):
        validated_arrays(OWN | change, OWN, "here")


def test_missing_named_arrays_are_refused() -> None:
    """With their names."""
    given = {name: array for name, array in OWN.items() if name != "dense_0/kernel"}
    with pytest.raises(BadState, match=r"\['dense_0/kernel'\] missing"):
        validated_arrays(given, OWN, "here")
