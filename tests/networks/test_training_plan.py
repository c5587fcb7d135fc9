"""Which trainings a run of each size has."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.cases import convergence_cases
from benchmarks.networks import RECIPES
from benchmarks.settings import Settings
from benchmarks.training_plan import Training, trainings
from bn_impls.errors import UnknownName
from bn_impls.registry import describe


def seeds_of(size: str, implementation: str) -> Counter[tuple[str, bool]]:
    """Network and batch normalization -> number of seeds."""
    return Counter((each.network, each.batch_norm) for each in trainings(size, implementation))


def test_the_default_trains_one_network_as_its_document_does() -> None:
    """Network 000 with and without batch normalization; for others they must be asked for."""
    assert list(trainings("default", "torch")) == [Training("000", True, 10, 0), Training("000", False, 10, 0)]
    assert list(trainings("default", "torch", ("001",))) == [Training("001", on, 25, 0) for on in (True, False)]


def test_full_has_ten_paired_seeds_on_000_and_three_on_the_others() -> None:
    """Only the first three implementations train the paper's network from three, and without batch normalization."""
    arms = [(name, batch_norm) for name in RECIPES for batch_norm in (True, False)]
    for who in ("numpy-reference", "tf-manual", "keras"):
        assert seeds_of("full", who) == {(name, on): 10 if name == "000" else 3 for name, on in arms}
    others = {(name, on): 1 if name == "ioffe-szegedy" or not on else 3 for name, on in arms}
    assert seeds_of("full", "torch") == others | {("000", True): 10}


def test_networks_that_are_asked_for_are_trained_with_and_without() -> None:
    """An unknown one is named."""
    asked = list(trainings("quick", "torch", ("002-notebook",)))
    assert asked == [Training("002-notebook", True, 1, 0), Training("002-notebook", False, 1, 0)]
    with pytest.raises(UnknownName, match="unknown network '02'"):
        list(trainings("quick", "torch", ("02",)))


def test_a_case_carries_what_its_document_trains_with() -> None:
    """Optimizer, rate, batch and its view of the run's data set; seeds make labels of their own."""
    cases = list(convergence_cases(Settings(size="full", dataset="mnist"), describe("keras")))
    assert len({case.label for case in cases}) == len(cases)
    fourth = next(case for case in cases if case.parameters["network"] == "004")
    assert {name: fourth.parameters[name] for name in ("dataset", "optimizer", "learning_rate", "batch_size")} == {
        "dataset": "mnist+small+halves", "optimizer": "adam", "learning_rate": 1e-4, "batch_size": 100,
    }  # fmt: skip
