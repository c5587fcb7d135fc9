"""What the kit observes beside single calls: declared semantics, which must hold, and second order, which is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bn_impls.accuracy.second_order import second_order
from bn_impls.conformance.kit import CHECKS, outcome
from bn_impls.conformance.model import Result
from bn_impls.conformance.subject import Subject
from bn_impls.interface import Array, Configuration, Implementation, Layer, Unsupported
from bn_impls.numpy_reference import IMPLEMENTATION as GOOD
from bn_impls.numpy_reference import BatchNorm
from bn_impls.registry import describe, load
from tests.axes.batch_norm_mutants import implementation


def result_of(name: str, tested: Implementation, folder: Path) -> Result:
    """One check on an implementation."""
    (check,) = [check for check in CHECKS if check.name == name]
    return outcome(check, Subject(implementation=tested, scratch=folder).settled())


def twice_differentiated(
    change: Callable[[tuple[Array, ...]], tuple[Array, ...]] = lambda results: results, *, constant_mean: bool = False
) -> Implementation:
    """The reference with second-order gradients, right or with the mean in the variance held constant."""

    def build(configuration: Configuration) -> Layer | Unsupported:
        layer = BatchNorm(configuration)

        def gradients(x: Array, dy: Array, v: Array) -> tuple[Array, ...]:
            layer.forward(x)
            return change(second_order(configuration, x, dy, v, layer.gamma, constant_mean=constant_mean))

        tested: Any = implementation(lambda _: layer, training_step_with_gradients=lambda _: gradients)
        built: Layer | Unsupported = tested.build(configuration)
        return built

    return replace(GOOD, variants={"second_order": build})


def test_right_second_order_gradients_pass_in_silence(tmp_path: Path) -> None:
    """Beside the derived formula and its bound."""
    found = result_of("second_order", twice_differentiated(), tmp_path)
    assert (found.status, found.message) == ("passed", "")


def test_second_order_gradients_with_a_constant_mean_are_told_and_are_no_failure(tmp_path: Path) -> None:
    """As TensorFlow's moments give them."""
    found = result_of("second_order", twice_differentiated(constant_mean=True), tmp_path)
    assert (found.status, found.cause) == ("passed", "")
    assert "it is what follows if the mean in the variance is held constant" in found.message


def test_second_order_gradients_that_are_wrong_otherwise_have_no_known_cause(tmp_path: Path) -> None:
    """A claim is made only where it explains the numbers."""
    doubled = twice_differentiated(lambda results: tuple(2 * result for result in results))
    found = result_of("second_order", doubled, tmp_path)
    assert found.status == "passed"
    assert "no cause is known" in found.message


def test_an_implementation_without_second_order_is_not_asked(tmp_path: Path) -> None:
    """With the reason."""
    found = result_of("second_order", GOOD, tmp_path)
    assert (found.status, found.message) == ("skipped", "the implementation offers no variant 'second_order'")


@pytest.mark.parametrize(("name", "cause", "told"), [
    ("tests.axes.batch_norm_mutants:STARTS_AT_ZERO", "contradicts_start_values",
     "declared mean 0, variance 1, observed mean 0, variance 0"),
    ("tests.axes.batch_norm_mutants:OTHER_DDOF", "contradicts_moving_variance_divisor", "declared n, observed n - 1"),
    ("tests.conformance.mutants.statistics:NO_WARM_UP", "contradicts_warm_up", "observed none: the decay is constant"),
])  # fmt: skip
def test_observed_semantics_that_contradict_the_declared_ones_are_a_failure(
    name: str, cause: str, told: str, tmp_path: Path
) -> None:
    """By the questions that they contradict, and with both answers."""
    found = result_of("semantics", load(describe(name)), tmp_path)
    assert (found.status, found.cause) == ("failed", cause)
    assert told in found.message


def test_semantics_as_declared_pass(tmp_path: Path) -> None:
    """The reference's."""
    assert result_of("semantics", GOOD, tmp_path) == Result(name="semantics", status="passed")
