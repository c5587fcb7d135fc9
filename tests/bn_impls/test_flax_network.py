"""What is special about networks in training on Flax; the shared tests of trainers see to the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("flax", reason="Flax is not installed")
pytest.importorskip("orbax.checkpoint", reason="Orbax is not installed")

import jax

from bn_impls.flax_layer import FlaxLayer
from bn_impls.networks.jax_training import Training
from bn_impls.networks.optimizers import Adam

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bn_impls.conftest import NetworkKit, Offer


def test_the_compiled_call_takes_over_the_memory_of_the_state(
    named_offer: Callable[[str], Offer], networks: NetworkKit
) -> None:
    """Donation: the arrays that went in are gone, so no second copy of the weights lived beside them."""
    settings = named_offer("flax").trainer_configuration(networks.every_layer, Adam(0.01))
    training = Training(settings, FlaxLayer)
    training.load_data(*networks.data(networks.every_layer))
    before = jax.tree.leaves((training.parameters, training.statistics, training.slots))
    training.train(*networks.batches(networks.every_layer, 2))
    assert all(array.is_deleted() for array in before)
