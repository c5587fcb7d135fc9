"""The kit kills every mutant, names its mistake, and lets what is right pass."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest

from tests.conformance.matrix import PAGE, Row, page, results_of, row_of
from tests.conformance.mutants.catalogue import AXES, MUTANTS, Mutant

HONEST = (
    "numpy-reference",
    f"{AXES}:HONEST",
    f"{AXES}:HONEST_IN_ORDER",
    f"{AXES}:HONEST_MULTIPLIED_OUT",
    f"{AXES}:HONEST_WITH_OTHER_CONVENTIONS",
)


EACH = 4  # mutants, of which one is not slow


def some(mutants: Sequence[Mutant]) -> list[Any]:
    """Parameters: one of each four in every run of the tests, all of them in the slow ones."""
    return [
        pytest.param(mutant, id=mutant.name.replace(" ", "-"), marks=[pytest.mark.slow] if place % EACH else [])
        for place, mutant in enumerate(mutants)
    ]


@cache
def once(mutant: Mutant) -> Row:
    """The kit on a mutant."""
    return row_of(mutant)


@pytest.mark.parametrize("mutant", some(MUTANTS))
def test_a_mutant_is_killed_and_its_mistake_is_named_first(mutant: Mutant) -> None:
    """A survivor fails here; so does a wrong name, of which none is left at present."""
    row = once(mutant)
    assert row.failed, "it survived"
    assert row.named == row.mutant.cause, row.message


@pytest.mark.parametrize("mutant", some([mutant for mutant in MUTANTS if mutant.specification.startswith(AXES)]))
def test_float32_suffices_to_name_a_mistake(mutant: Mutant) -> None:
    """As for an implementation that offers nothing more exact: bounds are wider, and tell mistakes apart still."""
    row = row_of(mutant, "float32")
    assert row.named == mutant.cause, row.message


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_variance_that_is_wrong_for_another_reason_is_not_called_one_pass(dtype: str) -> None:
    """In float32 one pass has no digit left at a mean of 10,000, so the size of the error alone tells nothing."""
    (mutant,) = [mutant for mutant in MUTANTS if mutant.specification.endswith(":VARIANCE_OF_ONE")]
    assert {result.name: result.cause for result in row_of(mutant, dtype).failed} == dict.fromkeys(
        ("mean_100", "mean_10000"), "unknown"
    )


def test_there_are_at_least_34_mutants_and_no_two_are_the_same() -> None:
    """As many as were asked for, each counted once."""
    assert len({mutant.specification for mutant in MUTANTS}) == len(MUTANTS) >= 34


@pytest.mark.slow
def test_the_page_is_what_a_run_gives() -> None:
    """Write it again with ``python -m tests.conformance.matrix``."""
    assert PAGE.read_text() == page([once(mutant) for mutant in MUTANTS])


@pytest.mark.parametrize("specification", HONEST)
def test_an_honest_implementation_passes(specification: str) -> None:
    """However it sums, and whatever conventions it declares."""
    wrong = [(result.name, result.message) for result in results_of(specification) if result.status == "failed"]
    assert wrong == []


def test_a_message_says_what_was_declared_and_what_right_would_be() -> None:
    """The example that the kit was asked for."""
    (mutant,) = [mutant for mutant in MUTANTS if mutant.specification == f"{AXES}:OTHER_DDOF"]
    message = once(mutant).message
    assert "your moving variance divides by n - 1; you declared ddof 0" in message
    assert "average the batch variance over n, or declare ddof 1" in message
