"""Real implementations: every difference beyond rounding among those installed has a cause, and known ones are named.

Each implementation is observed once in a process of its own; the pairs are compared from what it answered.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from bn_impls.explain.answer import OneSide, compare
from bn_impls.explain.every import explanations, look_at_all, rows
from bn_impls.explain.question import Question
from bn_impls.registry import descriptors

pytestmark = pytest.mark.slow  # every framework is started for each question: a minute each
QUESTIONS = {
    "rank 2": Question(),
    "rank 4": Question(shape=(4, 5, 5, 3)),
    "far from 0": Question(offset=1000.0),
    "float64": Question(dtype="float64"),
}


@cache
def looked(name: str, circumstances: str) -> OneSide | str:
    """One implementation in these circumstances, or why it does not take part."""
    found, reasons = look_at_all([name], QUESTIONS[circumstances])
    return found[name] if name in found else reasons[name]


def everybody(circumstances: str) -> tuple[dict[str, OneSide], list[str]]:
    """Every implementation that can, and the reasons of the others."""
    answers = {name: looked(name, circumstances) for name in descriptors()}
    found = {name: answer for name, answer in answers.items() if isinstance(answer, OneSide)}
    return found, [answer for answer in answers.values() if isinstance(answer, str)]


def side(name: str, circumstances: str) -> OneSide:
    """One of them; the test is skipped with the reason where it cannot run."""
    answer = looked(name, circumstances)
    if isinstance(answer, str):
        pytest.skip(answer)
    return answer


def shares(a: str, b: str, circumstances: str) -> dict[str, dict[str, float]]:
    """Quantity -> field -> share, of the quantities that differ."""
    compared = compare(QUESTIONS[circumstances], side(a, circumstances), side(b, circumstances))
    return {q.quantity: {cause.field: cause.share for cause in q.causes} for q in compared if not q.same}


@pytest.mark.parametrize("circumstances", ["rank 2", pytest.param("rank 4", marks=pytest.mark.slow)])
def test_every_difference_beyond_rounding_has_a_cause(circumstances: str) -> None:
    """Of every pair; and whoever is left out has a reason that is not a failure."""
    found, reasons = everybody(circumstances)
    assert "numpy-reference" in found
    assert [row for row in rows(QUESTIONS[circumstances], found) if row["unexplained"]] == []
    for reason in reasons:
        assert not any(word in reason for word in ("failed", "crashed", "timed_out", "out_of_memory")), reason


@pytest.mark.parametrize("circumstances", ["rank 2", pytest.param("rank 4", marks=pytest.mark.slow)])
def test_no_implementation_does_otherwise_than_it_declares(circumstances: str) -> None:
    """The conventions that each declares reproduce its answers."""
    found, _ = everybody(circumstances)
    assert {name: one.undeclared() for name, one in found.items() if one.undeclared()} == {}


@pytest.mark.parametrize(
    ("a", "b", "circumstances", "expected"),
    [
        ("tf-manual", "keras", "rank 2", {"warm_up"}),
        ("tf-manual", "tf1-manual", "rank 2", {"initial_variance"}),
        ("keras", "tf1-manual", "rank 2", {"warm_up", "initial_variance"}),
        ("torch", "flax", "rank 2", {"moving_ddof"}),
        ("tf-fused", "tf-keras", "rank 2", {"moving_ddof"}),
        ("tf-fused", "tf-keras", "rank 4", set()),
        ("keras", "tf1-layers", "rank 2", set()),
        ("keras", "tf1-layers", "rank 4", {"moving_ddof"}),
        ("keras", "tf-keras", "float64", {"decay_rounding"}),
    ],
)  # fmt: skip
def test_known_pairs_have_their_known_causes(a: str, b: str, circumstances: str, expected: set[str]) -> None:
    """In the moving variance, whose causes add up to all of its difference."""
    found = shares(a, b, circumstances)
    assert set(found) <= {"output_inference", "moving_mean", "moving_variance"}
    assert set(found.get("moving_variance", {})) == expected
    if expected:
        assert sum(found["moving_variance"].values()) == pytest.approx(1, abs=1e-3)  # the rest is float32's rounding


def test_the_one_pass_variance_of_flax_is_named_where_it_loses_its_digits() -> None:
    """For inputs of mean 1,000 deviations; torch takes two passes and stays within rounding."""
    flax, torch = side("flax", "far from 0"), side("torch", "far from 0")
    assert flax.found.rounding == {"variance": "one_pass_clamped"}
    assert torch.found.rounding == {} and torch.found.solved
    [training, *_] = compare(QUESTIONS["far from 0"], torch, flax)
    [rounding] = training.rounding
    assert (rounding.side, rounding.share) == ("b", pytest.approx(1, abs=0.05))


def test_all_pairs_make_a_file_of_plain_values() -> None:
    """Names that are missing are left out with a reason."""
    import json

    from bn_impls.isolation.lines import encode

    found: dict[str, Any] = json.loads(encode(explanations(["numpy-reference", "nobody"], Question())))
    assert found["implementations"] == ["numpy-reference"]
    assert "unknown implementation 'nobody'" in found["left_out"]["nobody"]
    assert found["differences"] == [] and found["undeclared"] == {}
