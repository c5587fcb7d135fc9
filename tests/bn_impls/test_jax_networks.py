"""What is special about networks in training on JAX; the shared tests of trainers see to the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("jax", reason="JAX is not installed")
pytest.importorskip("orbax.checkpoint", reason="Orbax is not installed")

import jax

from bn_impls.networks.jax_training import Training
from bn_impls.networks.optimizers import Adam

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bn_impls.conftest import NetworkKit, Offer


@pytest.fixture(params=["flax", "haiku"])
def training(request: pytest.FixtureRequest, named_offer: Callable[[str], Offer], networks: NetworkKit) -> Training:
    """A network around a library's layer, with data."""
    offer = named_offer(request.param)
    offer.implementation()  # skips where the library is not installed
    made = Training(offer.trainer_configuration(networks.every_layer, Adam(0.01)), layer_of(request.param))
    made.load_data(*networks.data(networks.every_layer))
    return made


def layer_of(name: str) -> Any:
    """The library's layer in pure form."""
    if name == "flax":
        from bn_impls.flax_layer import FlaxLayer

        return FlaxLayer
    from bn_impls.haiku_layer import HaikuLayer

    return HaikuLayer


def test_the_compiled_call_takes_over_the_memory_of_the_state(training: Training, networks: NetworkKit) -> None:
    """Donation: the arrays that went in are gone, so no second copy of the weights lived beside them."""
    before = jax.tree.leaves((training.parameters, training.statistics, training.slots))
    training.train(*networks.batches(networks.every_layer, 2))
    assert all(array.is_deleted() for array in before)


def test_what_is_observed_is_the_program_that_trained(training: Training, networks: NetworkKit) -> None:
    """Another one would have to be compiled, which takes as long as the training's own."""
    training.train(*networks.batches(networks.every_layer, 3))
    assert training.observe()["style"].observed == "xla"
    compiled: Any = training.run
    assert compiled._cache_size() == 1


def test_a_checkpoint_holds_the_librarys_own_values(training: Training, networks: NetworkKit) -> None:
    """Every leaf by its path; Haiku's averages with their hidden sums and counters, the steps beside them."""
    training.train(*networks.batches(networks.every_layer, 2))
    found = training.own_arrays()
    leaves = jax.tree.leaves((training.parameters, training.statistics, training.slots))
    assert len(found) == len(leaves) + 3 + 1  # a count of updates for each batch normalization, and the steps
    assert found["steps"] == 2
    hidden = [name for name in found if name.endswith("/hidden")]
    assert len(hidden) == (6 if "haiku" in type(training.network.batch_norms["batch_norm_0"]).__module__ else 0)
    for name in hidden:
        average = found[name.replace("/hidden", "/average")]
        np.testing.assert_allclose(found[name], average * (1 - 0.75**2), rtol=1e-14)
