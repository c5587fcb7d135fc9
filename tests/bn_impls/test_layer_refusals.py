"""What an implementation does not offer is a value with a reason; what its descriptor declares, it really offers."""

from __future__ import annotations

from dataclasses import replace
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest

from bn_impls.interface import STYLES, Layer, NoDevice, Trainer, Unsupported, build_trainer
from bn_impls.networks.optimizers import SGD

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bn_impls.conftest import NetworkKit, Offer


def test_the_layers_of_exactly_the_declared_styles_are_built(usual_offer: Offer) -> None:
    """Every other style is refused with a reason that says what there is."""
    for style in STYLES:
        found = usual_offer.implementation().build(usual_offer.configuration(style=style))
        assert isinstance(found, Layer) == (style in usual_offer.descriptor.styles), (style, found)
        if isinstance(found, Unsupported):
            assert usual_offer.descriptor.styles[0] in found.reason


HAVE_NO_NETWORK = {"onnxruntime": "computes no gradients"}
"""Implementations that cannot be trained; their descriptor's style is the one that their rows are planned with."""


def test_the_networks_of_exactly_the_declared_styles_are_built(usual_offer: Offer, networks: NetworkKit) -> None:
    """Every other style is refused with a reason that says what there is."""
    dtype = usual_offer.usual_dtype()
    settings = usual_offer.trainer_configuration(networks.every_layer, SGD(0.1), dtype=dtype)
    if usual_offer.name in HAVE_NO_NETWORK:
        found = build_trainer(usual_offer.implementation(), settings)
        assert isinstance(found, Unsupported)
        assert HAVE_NO_NETWORK[usual_offer.name] in found.reason
        return
    for style in STYLES:
        found = build_trainer(usual_offer.implementation(), replace(settings, style=style))
        assert isinstance(found, Trainer) == (style in usual_offer.descriptor.trainer_styles), (style, found)
        if isinstance(found, Unsupported):
            assert usual_offer.descriptor.trainer_styles[0] in found.reason


def test_the_declared_formats_are_those_of_the_network(usual_trainer_offer: Offer, networks: NetworkKit) -> None:
    """In the same order: the usual one first."""
    dtype = usual_trainer_offer.usual_dtype()
    trainer = usual_trainer_offer.trainer(networks.every_layer, SGD(0.1), dtype=dtype)
    assert list(trainer.formats) == list(usual_trainer_offer.descriptor.formats)


def test_a_layer_has_the_formats_of_its_network(usual_offer: Offer) -> None:
    """So that a checkpoint of either goes by one name; a SavedModel is of whole networks."""
    known = usual_offer.descriptor
    of_layers = [offered for offered in known.formats if offered in usual_offer.build().formats]
    assert list(usual_offer.build().formats) == of_layers
    whole = {"saved-model"} | ({"tf-checkpoint"} if known.name == "keras" else set())
    assert set(known.formats) - set(of_layers) <= whole


def test_the_named_packages_are_installed_distributions(usual_offer: Offer) -> None:
    """Their versions belong into records."""
    assert all(metadata.version(package) for package in usual_offer.implementation().packages)


def test_a_layer_remembers_what_it_was_built_from(offer: Offer) -> None:
    """With the implementation's own conventions, which it must offer."""
    assert offer.build().configuration == offer.configuration()


LAYERS: list[Any] = [
    pytest.param("numpy-reference", {"dtype": "bfloat16"}, "NumPy has no dtype bfloat16", id="numpy-bfloat16"),
    pytest.param("numpy-reference", {"device": "gpu"}, "NumPy computes on the CPU only", id="numpy-gpu"),
]


@pytest.mark.parametrize(("name", "change", "reason"), LAYERS)
def test_a_dtype_or_device_that_is_not_offered_is_a_value(
    name: str, change: Any, reason: str, named_offer: Callable[[str], Offer], networks: NetworkKit
) -> None:
    """For a layer and for a network, with the same reason."""
    offer = named_offer(name)
    layer = offer.implementation().build(offer.configuration(**change))
    settings = offer.trainer_configuration(networks.every_layer, SGD(0.1), **change)
    trainer = build_trainer(offer.implementation(), settings)
    assert isinstance(layer, Unsupported)
    assert isinstance(trainer, Unsupported)
    assert reason in layer.reason
    assert str(next(iter(change.values()))) in trainer.reason or "CPU only" in trainer.reason


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["tf-manual", "keras", "tf-fused", "tf-keras", "torch", "flax", "haiku"])
def test_a_network_in_16_bits_is_not_offered(
    name: str, dtype: str, named_offer: Callable[[str], Offer], networks: NetworkKit
) -> None:
    """A layer is; a network in mixed precision needs more than its layers, such as a scale of the loss."""
    offer = named_offer(name)
    settings = offer.trainer_configuration(networks.every_layer, SGD(0.1), dtype=dtype)
    trainer = build_trainer(offer.implementation(), settings)
    assert isinstance(trainer, Unsupported)
    assert f"{dtype} is not offered: only float32 and float64" in trainer.reason


CONVENTIONS: list[Any] = [
    pytest.param("tf-manual", {"ddof": 1}, "tf.nn.moments divides by n; ddof 1 is not offered", id="tf-manual-ddof"),
    pytest.param("tf-manual", {"decay_in_float32": False}, "rounds its decay to float32", id="tf-manual-exact-decay"),
    pytest.param("keras", {"ddof": 1}, "divides by n; ddof 1 is not offered", id="keras-ddof"),
    pytest.param("keras", {"warm_up": True}, "keeps its momentum constant", id="keras-warm-up"),
    pytest.param("keras", {"decay_in_float32": True}, "applies its momentum as given", id="keras-rounded-decay"),
    pytest.param("keras", {"complement_in_float32": True}, "applies its momentum as given", id="keras-complement"),
]


@pytest.mark.parametrize(("name", "change", "reason"), CONVENTIONS)
def test_a_convention_that_is_not_offered_is_a_value(
    name: str, change: Any, reason: str, named_offer: Callable[[str], Offer], networks: NetworkKit
) -> None:
    """For a layer and for a network, with the same reason; nothing is approximated silently."""
    offer = named_offer(name)
    conventions = replace(offer.implementation().conventions, **change)
    layer = offer.implementation().build(offer.configuration(conventions=conventions))
    settings = offer.trainer_configuration(networks.every_layer, SGD(0.1), conventions=conventions)
    trainer = build_trainer(offer.implementation(), settings)
    assert isinstance(layer, Unsupported)
    assert reason in layer.reason
    assert trainer == layer


@pytest.mark.parametrize("name", ["numpy-reference", "tf-manual"])
def test_a_convention_that_is_offered_is_followed(name: str, named_offer: Callable[[str], Offer]) -> None:
    """The reference follows every convention; the manual form works without its warm-up, too."""
    offer = named_offer(name)
    conventions = replace(offer.implementation().conventions, warm_up=False)
    layer = offer.build(conventions=conventions, input_shape=(2, 1))
    layer.training_step(layer.to_native([[1.0], [3.0]]))
    assert layer.export_state()["moving_mean"].tolist() == [0.25 * 2.0]  # exact: decay 0.75 is representable


def test_a_gpu_that_is_not_there_is_no_device(named_offer: Callable[[str], Offer], networks: NetworkKit) -> None:
    """A kind of its own, so that its row says `no_device`: the same code would run on another machine."""
    offer = named_offer("tf-manual")
    offer.implementation()
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("TensorFlow sees a GPU here")
    for name in ("tf-manual", "keras"):
        offer = named_offer(name)
        layer = offer.implementation().build(offer.configuration(device="gpu"))
        settings = offer.trainer_configuration(networks.every_layer, SGD(0.1), device="gpu")
        trainer = build_trainer(offer.implementation(), settings)
        assert isinstance(layer, NoDevice)
        assert layer.reason == f"TensorFlow {tf.__version__} sees no GPU on this machine"
        assert trainer == layer


def test_the_gpu_of_numpy_is_no_missing_device(named_offer: Callable[[str], Offer]) -> None:
    """No machine has one that NumPy could use."""
    offer = named_offer("numpy-reference")
    assert not isinstance(offer.implementation().build(offer.configuration(device="gpu")), NoDevice)


def test_keras_on_another_backend_is_refused(
    named_offer: Callable[[str], Offer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable KERAS_BACKEND decides at import; the adapter asks what came of it."""
    offer = named_offer("keras")
    implementation = offer.implementation()
    import keras

    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    found = implementation.build(offer.configuration())
    assert isinstance(found, Unsupported)
    assert found.reason.startswith("Keras runs on jax here")
