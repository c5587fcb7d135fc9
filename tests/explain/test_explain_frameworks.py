"""Real implementations: every difference beyond rounding among those installed has a cause, and known ones are named.

Each implementation is observed once in a process of its own; the pairs are compared from what it answered.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from bn_impls.explain.answer import OneSide, compare
from bn_impls.explain.circumstances import MAPS, USUAL
from bn_impls.explain.every import explanations, look_at_all, rows
from bn_impls.explain.question import Question, plain
from bn_impls.explain.rendering import cause_names, circumstances_words
from bn_impls.registry import descriptors

pytestmark = pytest.mark.slow  # every framework is started for each question: a minute each
RANK_2, RANK_4, FLOAT64, FAR = (
    Question(), Question(shape=MAPS), Question(dtype="float64"), Question(offset=1000.0),
)  # fmt: skip


@cache
def looked(name: str) -> dict[Question, OneSide | str]:
    """One implementation in all usual circumstances, in one process; or why it does not take part."""
    return dict(zip(USUAL, look_at_all([name], USUAL)[name], strict=True))


def everybody(question: Question) -> tuple[dict[str, OneSide], list[str]]:
    """Every implementation that can, and the reasons of the others."""
    answers = {name: looked(name)[question] for name in descriptors()}
    found = {name: answer for name, answer in answers.items() if isinstance(answer, OneSide)}
    return found, [answer for answer in answers.values() if isinstance(answer, str)]


def side(name: str, question: Question) -> OneSide:
    """One of them; the test is skipped with the reason where it cannot run."""
    answer = looked(name)[question]
    if isinstance(answer, str):
        pytest.skip(answer)
    return answer


def shares(a: str, b: str, question: Question) -> dict[str, dict[str, float]]:
    """Quantity -> field -> share, of the quantities that differ."""
    compared = compare(question, side(a, question), side(b, question))
    return {q.quantity: {cause.field: cause.share for cause in q.causes} for q in compared if not q.same}


@pytest.mark.parametrize("question", USUAL, ids=lambda question: circumstances_words(plain(question)))
def test_every_difference_beyond_rounding_has_a_cause(question: Question) -> None:
    """Of every pair; and whoever is left out has a reason that is not a failure."""
    found, reasons = everybody(question)
    assert len(found) >= 2
    assert [row for row in rows(question, found) if row["unexplained"] or not cause_names(row)] == []
    for reason in reasons:
        assert not any(word in reason for word in ("failed", "crashed", "timed_out", "out_of_memory")), reason


@pytest.mark.parametrize("question", USUAL, ids=lambda question: circumstances_words(plain(question)))
def test_no_implementation_does_otherwise_than_it_declares(question: Question) -> None:
    """The conventions that each declares reproduce its answers."""
    found, _ = everybody(question)
    assert {name: one.undeclared() for name, one in found.items() if one.undeclared()} == {}


@pytest.mark.parametrize(
    ("a", "b", "question", "expected"),
    [
        ("tf-manual", "keras", RANK_2, {"warm_up"}),
        ("tf-manual", "tf1-manual", RANK_2, {"initial_variance"}),
        ("keras", "tf1-manual", RANK_2, {"warm_up", "initial_variance"}),
        ("torch", "flax", RANK_2, {"moving_ddof"}),
        ("tf-fused", "tf-keras", RANK_2, {"moving_ddof"}),
        ("tf-fused", "tf-keras", RANK_4, set()),
        ("keras", "tf1-layers", RANK_2, set()),
        ("keras", "tf1-layers", RANK_4, {"moving_ddof"}),
        ("keras", "tf-keras", FLOAT64, {"decay_rounding"}),
    ],
)  # fmt: skip
def test_known_pairs_have_their_known_causes(a: str, b: str, question: Question, expected: set[str]) -> None:
    """In the moving variance, whose causes add up to all of its difference."""
    found = shares(a, b, question)
    assert set(found) <= {"output_inference", "moving_mean", "moving_variance"}
    assert set(found.get("moving_variance", {})) == expected
    if expected:
        assert sum(found["moving_variance"].values()) == pytest.approx(1, abs=1e-3)  # the rest is float32's rounding


def test_the_one_pass_variance_of_flax_is_named_where_it_loses_its_digits() -> None:
    """For inputs of mean 1,000 deviations; torch takes two passes and stays within rounding."""
    flax, torch = side("flax", FAR), side("torch", FAR)
    assert flax.found.rounding == {"variance": "one_pass"}
    assert torch.found.rounding == {} and torch.found.solved
    [training, *_] = compare(FAR, torch, flax)
    [rounding] = training.rounding
    assert (rounding.side, rounding.share) == ("b", pytest.approx(1, abs=0.05))


@pytest.mark.parametrize(
    ("name", "dtype", "expected"),
    [
        ("flax", "float16", {"inference_dtype": "float16", "gradient_dtype": "float16"}),
        ("flax", "bfloat16", {"inference_dtype": "bfloat16", "gradient_dtype": "bfloat16"}),
        ("haiku", "bfloat16", {"compute_dtype": "bfloat16", "moving_dtype": "bfloat16"}),
        ("tf-manual", "float16", {"compute_dtype": "float16", "moving_dtype": "float16"}),
        ("torch", "float16", {}),
    ],
)
def test_what_is_done_in_16_bits_is_named(name: str, dtype: str, expected: dict[str, str]) -> None:
    """Flax computes in float32 but for the gradients and inference; torch rounds once."""
    found = side(name, Question(dtype=dtype)).found
    assert found.solved
    assert found.rounding == expected


def test_nan_of_a_negative_variance_is_explained_by_the_one_pass_that_gives_it() -> None:
    """For a mean of 10,000 deviations no digit is left: Haiku takes roots of negative numbers, Flax clamps at 0."""
    far = Question(offset=1e4)
    assert side("haiku", far).found.rounding == {"variance": "one_pass"}
    assert side("flax", far).found.rounding == {"variance": "one_pass_clamped"}
    [training, *_] = compare(far, side("torch", far), side("haiku", far))
    [rounding] = training.rounding
    assert (training.difference, rounding.side, rounding.share) == (float("inf"), "b", 1.0)


def test_all_pairs_make_a_file_of_plain_values() -> None:
    """Names that are missing are left out with a reason."""
    import json

    from bn_impls.isolation.lines import encode

    found: dict[str, Any] = json.loads(encode(explanations(["numpy-reference", "nobody"], [Question()])[0]))
    assert found["implementations"] == ["numpy-reference"]
    assert "unknown implementation 'nobody'" in found["left_out"]["nobody"]
    assert found["differences"] == [] and found["undeclared"] == {}
