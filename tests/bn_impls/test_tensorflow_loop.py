"""The call of many training steps that builders on TensorFlow share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

import tensorflow as tf

from bn_impls.networks.optimizers import SGD
from bn_impls.networks.tensorflow_loop import TrainingLoop

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bn_impls.conftest import NetworkKit, Offer


@pytest.mark.parametrize("style", ["graph", "xla"])
def test_what_is_observed_is_the_graph_that_trained(
    style: str, named_offer: Callable[[str], Offer], networks: NetworkKit
) -> None:
    """No other one is traced for it, with dropout masks too."""
    network = networks.every_layer
    settings = named_offer("tf-fused").trainer_configuration(network, SGD(0.1), style=style)
    weight = tf.Variable(1.0, dtype=settings.dtype)

    def step(x: Any, labels: Any, masks: Any) -> Any:
        return weight.assign_add(tf.reduce_sum(x)) + sum(tf.reduce_sum(mask) for mask in masks.values())

    loop = TrainingLoop(settings, step, lambda x, training, masks: x, [])
    loop.load_data(*networks.data(network))
    assert loop.train(*networks.batches(network, 3)).shape == (3,)
    before = weight.numpy()
    assert loop.observe(weight)["style"].observed == style
    assert loop.run.experimental_get_tracing_count() == 1
    assert weight.numpy() == before
