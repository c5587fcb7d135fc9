"""The documents' training loops beside ours: the same work, told in parts that add up, on a page that says no more."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.costs.documents.model import DocumentLoop
from benchmarks.costs.shares import document_parts, our_parts
from benchmarks.costs.subjects import ALLOWED_REL, CHECKED_STEPS, SUBJECTS, difference, ours
from benchmarks.networks import RECIPES
from benchmarks.pages.networks import beside_the_printed
from benchmarks.report.run import Record
from bn_impls import registry
from tests.docs.processes import run_module


def test_every_network_has_its_documents_loop_and_api() -> None:
    """None is left out, and each API is an implementation."""
    assert set(SUBJECTS) == set(RECIPES)
    assert all(registry.describe(subject.own).name == subject.own for subject in SUBJECTS.values())


def loop_with_losses(losses: list[float]) -> DocumentLoop:
    """A document's loop whose first steps have these losses."""
    left = iter(losses)
    return DocumentLoop(batches=lambda: iter(()), step=lambda x, y: None, checked=lambda x, y: next(left))


def test_loops_whose_first_losses_differ_are_not_compared() -> None:
    """A loss that is 1 % off is other work; a millionth is rounding."""
    losses = [float(loss) for loss in _first_losses()]
    experiment, trainer = ours("000", "numpy-reference")
    close = loop_with_losses([loss * (1 + 1e-6) for loss in losses])
    assert difference(experiment, trainer, close) == pytest.approx(1e-6, rel=1e-2)
    with pytest.raises(ValueError, match=r"network 000: the losses of the first steps are .* should be the same"):
        difference(*ours("000", "numpy-reference"), loop_with_losses([losses[0], losses[1] * 1.01, losses[2]]))


def _first_losses() -> Any:
    experiment, trainer = ours("000", "numpy-reference")
    return trainer.train(experiment.batches(1)[0][0][:CHECKED_STEPS], {})


def test_parts_of_a_step_add_up() -> None:
    """By hand: 100 ns, of which 10 feed, 25 call and 5 fetch; ours 20, of which 2 draw and 8 is an epoch's call."""
    mean = {
        "document": 100.0, "document: feeding": 10.0, "document: called": 35.0, "document: unfetched": 95.0,
        "steps": 4.0, "drawing": 2.0, "keras": 20.0, "keras: one step": 10.5,  # 42 ns: 32 for the call, 10 for the step
    }  # fmt: skip
    assert document_parts(mean) == {"feeding": 10, "call": 25, "loss": 5, "compute": 60}
    assert our_parts(mean, "keras") == {"feeding": 2, "call": 8, "loss": None, "compute": 10}


def test_what_cannot_be_told_apart_is_part_of_computing() -> None:
    """Eager steps are no single call, and fetch no loss."""
    parts = document_parts({"document": 100.0, "document: feeding": 10.0})
    assert parts == {"feeding": 10, "call": None, "loss": None, "compute": 90}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([97.1, 97.2, 97.3], "within 0.5 points"),
        ([96.8, 97.0, 97.2], "undecided whether within 0.5 points"),
        ([96.2, 96.3, 96.4], "not within 0.5 points"),
    ],
)
def test_an_interval_decides_whether_a_printed_accuracy_is_met(values: list[float], said: str) -> None:
    """Of 97.37 %, from records of three seeds; without batch normalization all are 2 points lower."""
    records = [
        Record(
            case_id=f"{seed}{bn}", axis="convergence", implementation="keras", status="ok", reason=None, samples={},
            labels={}, versions={}, case={"batch_norm": bn, "seed": seed},
            metrics={"final_test_accuracy": value / 100 - 0.02 * (not bn)},
        )
        for seed, value in enumerate(values) for bn in (True, False)
    ]  # fmt: skip
    told = beside_the_printed(records)
    first = next(line for line in told.splitlines() if "| with |" in line)
    assert first.endswith(f"| {said} |")
    assert "in 3 of 3 seeds; the mean paired difference is 2.00 (2.00 to 2.00) points." in told


@pytest.mark.slow
@pytest.mark.parametrize("network", SUBJECTS)
def test_a_replicate_times_the_documents_loop_and_ours(network: str) -> None:
    """In nanoseconds a step, after their first losses were found to be the same."""
    found = run_module("benchmarks.costs.training_loop", "--replicate", "0", "--networks", network)[network]
    assert {"document", "tf-manual", "keras", SUBJECTS[network].own} <= set(found)
    assert found["difference"] <= ALLOWED_REL
    assert all(value >= 0 for value in found.values())
