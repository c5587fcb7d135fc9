"""A layer whose framework has no builder trains inside the NumPy network, through the gradients that it hands out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bn_impls.interface import (
    Configuration,
    Conventions,
    Format,
    Implementation,
    Layer,
    Trainer,
    Unsupported,
    build_trainer,
)
from bn_impls.networks.optimizers import SGD, Adam
from bn_impls.numpy_boundary import identity, no_wait, observe
from bn_impls.state import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bn_impls.conftest import NetworkKit, Numbers, Offer

EXACT = 1e-12  # thirty steps of float64 roundings
DRIFT = 1e-8
"""Of biases before batch normalization, whose gradient is rounding alone, and of the moving means that follow them; a
prediction sees how far a mean lags behind its bias."""
CONVENTIONS = Conventions(ddof=1, initial_mean=0.5, initial_variance=2.0, warm_up=False, decay_in_float32=False)


class Tiny:
    """A third party's layer: NumPy, biased towards brevity; it counts what is built, called and closed."""

    def __init__(self) -> None:
        """Nothing happened yet."""
        self.built, self.closed = 0, 0

    def implementation(self, **changes: Any) -> Implementation:
        """Without a builder of networks."""
        return Implementation(**({"conventions": CONVENTIONS, "packages": (), "build": self.build} | changes))

    def build(self, settings: Configuration) -> Layer | Unsupported:
        """Build a layer whose memory is one dictionary."""
        if settings.dtype != "float64":
            return Unsupported(f"tiny computes in float64, not in {settings.dtype}")
        self.built += 1
        axes, wide, c = settings.reduction_axes, settings.parameter_shape, settings.channels
        start = settings.conventions
        memory: dict[str, Any] = {"gamma": np.ones(c), "beta": np.zeros(c), "num_updates": 0}
        memory |= {"moving_mean": np.full(c, start.initial_mean), "moving_variance": np.full(c, start.initial_variance)}

        def normalized(x: Any, mean: Any, variance: Any) -> tuple[Any, Any, Any]:
            inverse = (variance.reshape(wide) + settings.epsilon) ** -0.5
            xhat = (x - mean.reshape(wide)) * inverse
            return memory["gamma"].reshape(wide) * xhat + memory["beta"].reshape(wide), xhat, inverse

        def with_gradients(x: Any, dy: Any) -> Any:
            y, xhat, inverse = normalized(x, x.mean(axis=axes), x.var(axis=axes))
            for name, batch in (("mean", x.mean(axis=axes)), ("variance", x.var(axis=axes, ddof=start.ddof))):
                memory[f"moving_{name}"] = settings.decay * memory[f"moving_{name}"] + (1 - settings.decay) * batch
            memory["num_updates"] += 1
            centred = dy - dy.mean(axis=axes, keepdims=True) - xhat * (dy * xhat).mean(axis=axes, keepdims=True)
            dgamma, dbeta = (dy * xhat).sum(axis=axes), dy.sum(axis=axes)
            dx = memory["gamma"].reshape(wide) * inverse * centred
            return y, dx, dgamma if settings.scale else None, dbeta if settings.center else None

        def close() -> None:
            self.closed += 1

        return Layer(
            configuration=settings,
            inference=lambda x: normalized(x, memory["moving_mean"], memory["moving_variance"])[0],
            training_step=lambda x: with_gradients(x, np.zeros_like(x))[0],
            training_step_with_gradients=with_gradients,
            to_native=lambda array: np.array(array, settings.dtype),
            to_numpy=identity,
            synchronize=no_wait,
            export_state=lambda: State(**{n: np.copy(v) if n != "num_updates" else v for n, v in memory.items()}),  # type: ignore[typeddict-item]
            load_state=memory.update,
            observe=observe,
            formats={"none": Format(lambda folder: None, lambda folder: None)},
            close=close,
        )


@pytest.fixture
def tiny() -> Tiny:
    """A third party's layer of this test's own."""
    return Tiny()


def settings_for(networks: NetworkKit, named_offer: Callable[[str], Offer], **changes: Any) -> Any:
    """The network of every layer with Adam, in float64 and eager."""
    settings = named_offer("numpy-reference").trainer_configuration(networks.every_layer, Adam(0.01))
    return replace(settings, **({"conventions": CONVENTIONS} | changes))


def prepared(trainer: Any, networks: NetworkKit) -> Trainer:
    """With initial weights and data."""
    assert isinstance(trainer, Trainer), trainer
    network = trainer.configuration.network
    trainer.import_weights({**trainer.export_weights(), **network.initial_weights(3)})
    trainer.load_data(*networks.data(network))
    return trainer


def assert_trains_alike(hosted: Trainer, networks: NetworkKit, numbers: Numbers) -> None:
    """Losses, weights, statistics and counters are those of the network around the reference."""
    batch = networks.batches(networks.every_layer)
    conventions = hosted.configuration.conventions
    reference = networks.numpy_trainer(networks.every_layer, hosted.configuration.optimizer, conventions)
    expected = reference.train(*batch)
    numbers.assert_within(hosted.train(*batch), expected, EXACT * expected)
    found, right = hosted.export_weights(), reference.export_weights()
    assert set(found) == set(right)
    for name, array in found.items():
        moves_nothing = name.endswith(("0/bias", "conv_1/bias", "moving_mean"))
        numbers.assert_within(array, right[name], DRIFT if moves_nothing else EXACT)
    inputs, _ = networks.data(networks.every_layer)
    for statistics in ("moving", "batch"):
        numbers.assert_within(hosted.predict(inputs, statistics), reference.predict(inputs, statistics), DRIFT)


def test_a_hosted_layer_trains_like_the_reference(
    tiny: Tiny, networks: NetworkKit, named_offer: Any, numbers: Numbers
) -> None:
    """An unbiased one with start values of its own."""
    hosted = prepared(build_trainer(tiny.implementation(), settings_for(networks, named_offer)), networks)
    assert_trains_alike(hosted, networks, numbers)


@pytest.mark.in_float64
def test_a_layer_of_another_framework_can_be_hosted(
    usual_trainer_offer: Offer, networks: NetworkKit, named_offer: Any, numbers: Numbers
) -> None:
    """Its tensors cross the boundary in every step; the builder of its framework is not used."""
    implementation = replace(usual_trainer_offer.implementation(), build_trainer=None)
    settings = settings_for(networks, named_offer, conventions=implementation.conventions, optimizer=SGD(0.1))
    built = build_trainer(implementation, settings)
    if isinstance(built, Unsupported):
        pytest.skip(built.reason)
    assert_trains_alike(prepared(built, networks), networks, numbers)


def test_a_hosted_network_moves_each_layers_statistics_once_a_step(
    tiny: Tiny, networks: NetworkKit, named_offer: Any
) -> None:
    """Although forward and backward pass each call the layer, and predictions call it, too."""
    hosted = prepared(build_trainer(tiny.implementation(), settings_for(networks, named_offer)), networks)
    inputs, _ = networks.data(networks.every_layer)
    counts = []
    for step in range(3):
        rows, masks = networks.batches(networks.every_layer, 3)
        hosted.train(rows[step : step + 1], {name: mask[step : step + 1] for name, mask in masks.items()})
        hosted.predict(inputs, "batch")
        counts.append([int(hosted.export_weights()[f"batch_norm_{number}/num_updates"]) for number in range(3)])
    assert counts == [[1, 1, 1], [2, 2, 2], [3, 3, 3]]


def test_closing_a_hosted_network_closes_every_layer(tiny: Tiny, networks: NetworkKit, named_offer: Any) -> None:
    """Those for training, for gradients, and for the shapes that were predicted."""
    hosted = prepared(build_trainer(tiny.implementation(), settings_for(networks, named_offer)), networks)
    inputs, _ = networks.data(networks.every_layer)
    hosted.predict(inputs[:5], "moving")
    hosted.predict(inputs[:7], "moving")
    assert tiny.built == 3 * (2 + 2)
    hosted.close()
    assert tiny.closed == tiny.built


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"device": "gpu"}, "the NumPy network computes on the CPU only"),
        ({"style": "xla"}, "the NumPy network has one call style: eager, not xla"),
        ({"dtype": "bfloat16"}, "NumPy has no dtype bfloat16"),
        ({"dtype": "float32"}, "tiny computes in float64, not in float32"),
    ],
)
def test_what_host_or_layer_lack_is_a_value_with_the_reason(
    change: Any, reason: str, tiny: Tiny, networks: NetworkKit, named_offer: Any
) -> None:
    """The host's own, or the layer's."""
    settings = settings_for(networks, named_offer, **change)
    assert build_trainer(tiny.implementation(), settings) == Unsupported(reason)


def test_an_implementation_with_a_builder_is_not_hosted(tiny: Tiny, networks: NetworkKit, named_offer: Any) -> None:
    """Its builder's answer is the answer."""
    own = tiny.implementation(build_trainer=lambda settings: Unsupported("asked me"))
    assert build_trainer(own, settings_for(networks, named_offer)) == Unsupported("asked me")
    assert tiny.built == 0
