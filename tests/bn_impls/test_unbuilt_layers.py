"""Checkpoints restored into layers that have no variables yet: what waits for them, and what refuses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bn_impls.errors import BadCheckpoint
from bn_impls.interface import Layer, Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bn_impls.conftest import LayerKit, Numbers, Offer

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")
"""Keras hands its variables to h5py through an ``__array__`` of NumPy 1's form."""

WAITS = {"keras": "tf-checkpoint", "tf-keras": "tf-checkpoint", "sonnet": "tf-checkpoint", "torch": "state-dict"}
REFUSES = {
    "keras": ("weights-h5", "loading weights into a model that has not yet been built"),
    "keras-torch": ("state-dict", "Unexpected key"),
}


def unbuilt(offer: Offer) -> Layer:
    """The layer before it has variables."""
    implementation = offer.implementation()
    assert implementation.unbuilt is not None
    layer = implementation.unbuilt(offer.configuration())
    assert isinstance(layer, Layer)
    return layer


@pytest.mark.parametrize("name", WAITS)
def test_what_waits_for_its_variables_gets_every_bit(
    name: str, named_offer: Callable[[str], Offer], layers: LayerKit, numbers: Numbers, tmp_path: Path
) -> None:
    """Parameters, statistics, the count where the format holds one; and inference by them."""
    offer, saved = named_offer(name), named_offer(name).build()
    drawn = layers.draw(saved.configuration, num_updates=7)
    saved.import_state(drawn.state)
    saved.formats[WAITS[name]].save(tmp_path)
    layer = unbuilt(offer)
    layer.formats[WAITS[name]].restore(tmp_path)
    count = 0 if name == "keras" else 7  # Keras' layer has no counter
    numbers.assert_same(layer.export_state(), drawn.state | {"num_updates": count})
    expected = saved.to_numpy(saved.inference(saved.to_native(drawn.x)))
    numbers.assert_same({"y": layer.to_numpy(layer.inference(layer.to_native(drawn.x)))}, {"y": expected})


@pytest.mark.parametrize("name", REFUSES)
def test_what_cannot_wait_says_so(name: str, named_offer: Callable[[str], Offer], tmp_path: Path) -> None:
    """With the framework's own words, on one line."""
    form, words = REFUSES[name]
    named_offer(name).build().formats[form].save(tmp_path)
    with pytest.raises(BadCheckpoint, match=words) as refused:
        unbuilt(named_offer(name)).formats[form].restore(tmp_path)
    assert "\n" not in str(refused.value)


def test_pure_functions_have_no_object_to_build(named_offer: Callable[[str], Offer]) -> None:
    """JAX: the restored values are arguments."""
    offer = named_offer("flax")
    implementation = offer.implementation()
    assert implementation.unbuilt is not None
    found = implementation.unbuilt(offer.configuration())
    assert isinstance(found, Unsupported)
    assert "arguments of pure functions" in found.reason
