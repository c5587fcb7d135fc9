"""Every semantic that is planted is found and named, alone and in pairs, with the share that it has."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest

from bn_impls.explain.answer import Answer, OneSide, compare
from bn_impls.explain.observing import built, observe
from bn_impls.explain.question import Question, draw
from bn_impls.explain.replay import Replay
from bn_impls.explain.search import Search
from bn_impls.explain.telling import sentences
from bn_impls.interface import Implementation, Layer
from bn_impls.semantics.description import Semantics
from tests.axes import batch_norm_mutants as mutants
from tests.explain import planted as made

RANK_2, RANK_4 = Question(), Question(shape=(4, 5, 3, 3))
SQUARE = Question(shape=(5, 3, 4, 3), layout="channels_first")  # another axis has the channels' size
REFERENCE = mutants.GOOD
ROUNDING_SHARE = 1e-3  # of planted differences, which are at least 1e-3 of the values, float32's rounding is less


def found_in(implementation: Implementation, question: Question = RANK_2, name: str = "side") -> OneSide:
    """What the search finds of an implementation, in this process."""
    layer = built(implementation, question, "eager")
    assert isinstance(layer, Layer), layer
    observed = observe(layer, question)
    replay = Replay(question, layer.configuration, draw(question, layer.configuration))
    return OneSide(name, "eager", layer.configuration, observed, Search(replay, observed).find())


def answered(a: Implementation, b: Implementation, question: Question = RANK_2) -> Answer:
    """The answer for two of them, without a remedy."""
    one, other = found_in(a, question, "one"), found_in(b, question, "other")
    return Answer(question, one, other, compare(question, one, other), ())


def difference(side: OneSide) -> dict[str, Any]:
    """What was found to differ from what was declared."""
    return {field: found for field, (_, found) in side.undeclared().items()}


SINGLES: list[Semantics] = [
    Semantics(epsilon=1e-5), Semantics(epsilon=2.5e-3), Semantics(epsilon=0.0123), Semantics(epsilon_place="outside"),
    Semantics(epsilon_place="maximum"), Semantics(epsilon_place="none"), Semantics(decay=0.99),
    Semantics(decay=0.75), Semantics(decay=0.8125), Semantics(decay_weighs="new"), Semantics(normalizing_ddof=1),
    Semantics(moving_ddof=1), Semantics(moving_of="deviation"), Semantics(initial_mean=0.25),
    Semantics(initial_variance=0.0), Semantics(initial_variance=1.5), Semantics(warm_up="count"),
    Semantics(warm_up="debias"), Semantics(warm_up="debiased"),
    Semantics(warm_up="replace"), Semantics(updates=0), Semantics(updates=2),
    Semantics(inference_updates=True), Semantics(training_uses="before"), Semantics(training_uses="after"),
    Semantics(inference_uses="batch"), Semantics(gamma="plus_one"), Semantics(gamma="ignored"),
    Semantics(beta="ignored"), Semantics(swapped=True), Semantics(constant="mean"), Semantics(constant="variance"),
    Semantics(constant="both"), Semantics(gamma_in_gradient=False), Semantics(gamma_gradient_of="centered"),
    Semantics(gamma_gradient_of="input"), Semantics(gamma_gradient_of="output"), Semantics(epsilon_place="summed"),
    Semantics(moving_around="moving"), Semantics(parameter_gradients="mean"),
]  # fmt: skip


@pytest.mark.parametrize("question", [RANK_2, RANK_4], ids=["rank 2", "rank 4"])
@pytest.mark.parametrize("semantics", SINGLES, ids=lambda semantics: str(semantics.changes()))
def test_a_single_planted_semantic_is_found_with_its_value_and_its_share(
    semantics: Semantics, question: Question
) -> None:
    """It alone, as its value, explains all of each difference, and a sentence says so."""
    answer = answered(REFERENCE, made.planted(semantics), question)
    [(field, value)] = semantics.changes().items()
    assert answer.verdict == "explained"
    assert difference(answer.b) == {field: value}
    assert answer.causes() == [field]
    for quantity in answer.quantities:
        if not quantity.same:
            [cause] = quantity.causes
            assert cause.share == pytest.approx(1, abs=ROUNDING_SHARE)
    assert " explains " in sentences(answer)[1]


def test_another_axis_is_found() -> None:
    """In an input whose last axis has the size of the channels'."""
    answer = answered(REFERENCE, made.planted(Semantics(axes="last")), SQUARE)
    assert difference(answer.b) == {"axes": "last"}
    assert answer.verdict == "explained"


REPRESENTATIVE = [
    Semantics(epsilon=1e-5), Semantics(epsilon_place="outside"), Semantics(decay=0.2), Semantics(moving_ddof=1),
    Semantics(normalizing_ddof=1), Semantics(initial_variance=0.0), Semantics(warm_up="count"),
    Semantics(inference_updates=True), Semantics(constant="variance"), Semantics(gamma_gradient_of="input"),
    Semantics(parameter_gradients="mean"),
]  # fmt: skip


NEIGHBOURS = {(place, (place + 1) % len(REPRESENTATIVE)) for place in range(len(REPRESENTATIVE))}
PAIRS = [
    pytest.param(
        REPRESENTATIVE[first], REPRESENTATIVE[second],
        marks=[] if {(first, second), (second, first)} & NEIGHBOURS else [pytest.mark.slow],
    )
    for first, second in combinations(range(len(REPRESENTATIVE)), 2)
]  # fmt: skip
"""Every pair; those of neighbours, in which each semantic is twice, are not slow."""


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=lambda semantics: str(semantics.changes()))
def test_a_pair_of_planted_semantics_is_found(first: Semantics, second: Semantics) -> None:
    """Both, and nothing else; together they explain all of each difference."""
    both = first.changed(**second.changes())
    answer = answered(REFERENCE, made.planted(both))
    assert answer.verdict == "explained"
    assert both.changes() in (difference(answer.b), *answer.b.alternatives())
    for quantity in answer.quantities:
        if not quantity.same:
            assert sum(cause.share for cause in quantity.causes) == pytest.approx(1, abs=ROUNDING_SHARE)


def test_a_difference_between_two_unusual_ones_is_walked_from_one_to_the_other() -> None:
    """Only the fields in which they differ are causes."""
    a = made.planted(Semantics(epsilon=1e-5, moving_ddof=1))
    b = made.planted(Semantics(epsilon=1e-5, decay=0.75))
    answer = answered(a, b)
    assert sorted(answer.causes()) == ["decay", "moving_ddof"]
    assert [quantity.quantity for quantity in answer.quantities if not quantity.same] == [
        "output_inference", "moving_mean", "moving_variance",
    ]  # fmt: skip
    assert answer.verdict == "explained"


MUTANTS: dict[str, dict[str, Any]] = {
    "NORMALIZES_UNBIASED": {"normalizing_ddof": 1, "gradient": "usual"},
    "SWAPPED_DECAY": {"decay_weighs": "new"},
    "OTHER_DDOF": {"moving_ddof": 1},
    "UPDATES_TWICE": {"updates": 2},
    "STARTS_AT_ZERO": {"initial_variance": 0.0},
    "SECRET_WARM_UP": {"warm_up": "count"},
    "INFERENCE_UPDATES": {"inference_updates": True},
    "INFERENCE_BY_BATCH": {"inference_uses": "batch"},
    "NO_GAMMA_TERM": {"constant": "variance"},
    "NO_BETA_TERM": {"constant": "mean"},
    "GAMMA_FROM_INPUT": {"gamma_gradient_of": "input"},
    "HONEST": {},
    "HONEST_ONE_PASS": {},
    "HONEST_MULTIPLIED_OUT": {},
    "HONEST_IN_ORDER": {},
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mistakes_that_others_wrote_are_named(name: str) -> None:
    """Written as classes of their own, not from the semantics; honest ones are the same as the reference."""
    answer = answered(REFERENCE, getattr(mutants, name))
    assert difference(answer.b) == MUTANTS[name]
    assert answer.verdict == ("explained" if MUTANTS[name] else "same")


def test_different_places_of_epsilon_in_training_and_inference_are_said_of_training_only() -> None:
    """Its inference keeps epsilon inside the root, where nothing differs."""
    answer = answered(REFERENCE, mutants.EPSILON_OUTSIDE)
    assert answer.verdict == "explained"
    assert set(answer.causes()) == {"epsilon_place"}
    assert {q.quantity for q in answer.quantities if q.same} >= {"output_inference", "moving_variance"}


# ---- what cannot be explained ---------------------------------------------------------------------------------------


def test_what_no_field_describes_is_called_unexplained_with_its_size() -> None:
    """A moving variance of 1.01 times the batch's: no cause is invented, rounding least of all."""
    answer = answered(REFERENCE, made.ONE_PERCENT_MORE)
    assert answer.verdict == "unexplained"
    assert answer.causes() == [] and not answer.b.found.rounding
    [variance] = [quantity for quantity in answer.quantities if quantity.quantity == "moving_variance"]
    assert variance.unexplained == pytest.approx(variance.difference, rel=1e-4)
    assert any("Nothing tried explains" in sentence for sentence in sentences(answer))


def test_a_cause_is_named_beside_a_part_that_nothing_explains() -> None:
    """The gradient of gamma has a cause; the moving variance has none."""
    wrong = made.planted(Semantics(gamma_gradient_of="input"), made.OnePercentMore)
    answer = answered(REFERENCE, wrong)
    assert answer.verdict == "unexplained"
    assert answer.causes() == ["gamma_gradient_of"]
    left = {quantity.quantity for quantity in answer.quantities if quantity.unexplained}
    assert left == {"output_inference", "moving_variance"}


@pytest.mark.parametrize("name", ["ONE_NAN", "NO_GRADIENT_OF_BETA", "MEAN_GRADIENTS"])
def test_a_value_that_is_wrong_in_an_unknown_way_is_unexplained(name: str) -> None:
    """NaN, a gradient that is not there, one of two gradients averaged."""
    assert answered(REFERENCE, getattr(mutants, name)).verdict == "unexplained"


def test_an_api_without_gradients_is_compared_in_the_rest() -> None:
    """Its reason is told; what its moving variance does is found all the same."""
    answer = answered(REFERENCE, made.WITHOUT_GRADIENTS)
    assert (answer.verdict, answer.causes()) == ("explained", ["moving_ddof"])
    assert any("Gradients are not compared: other: this engine computes no gradients" in s for s in sentences(answer))
    assert [quantity.quantity for quantity in answer.quantities if quantity.missing == "b"] == [
        "gradient_input", "gradient_gamma", "gradient_beta",
    ]  # fmt: skip


# ---- rounding -------------------------------------------------------------------------------------------------------

FAR = Question(offset=1000.0)
LONG = Question(shape=(20000, 2), steps=3, offset=100.0)


@pytest.mark.parametrize(
    ("semantics", "question", "field"),
    [
        (Semantics(variance="one_pass_clamped"), FAR, "variance"),
        (Semantics(sums="in_order"), LONG, "sums"),
        (Semantics(compute_dtype="float16"), RANK_2, "compute_dtype"),
        (Semantics(moving_dtype="float16"), RANK_2, "moving_dtype"),
        (Semantics(compute_dtype="float32"), Question(dtype="float64"), "compute_dtype"),
    ],
    ids=lambda value: str(value.changes()) if isinstance(value, Semantics) else "",
)
def test_a_cause_within_rounding_is_named(semantics: Semantics, question: Question, field: str) -> None:
    """The reference, rounding in the same way, is off by as much; no change of the function is claimed."""
    answer = answered(made.planted(Semantics(accumulation_dtype="float64")), made.planted(semantics), question)
    assert answer.verdict == "explained"
    assert list(answer.b.found.rounding) == [field]
    assert answer.causes() == []
    assert any("accounts for" in sentence and "rounding" in sentence for sentence in sentences(answer))


def test_a_change_of_the_function_is_found_beside_one_of_the_rounding() -> None:
    """ddof and float16 statistics."""
    answer = answered(REFERENCE, made.planted(Semantics(moving_ddof=1, moving_dtype="float16")))
    assert answer.verdict == "explained"
    assert answer.causes() == ["moving_ddof"]
    assert answer.b.found.rounding == {"moving_dtype": "float16"}


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_an_implementation_and_itself_are_the_same(dtype: str) -> None:
    """Bit for bit, in every dtype."""
    answer = answered(made.PLAIN_ONE, made.PLAIN_ONE, Question(dtype=dtype))
    assert answer.verdict == "same"
    assert all(quantity.difference == 0 for quantity in answer.quantities)
    assert "the same here" in sentences(answer)[0]


def test_inputs_are_values_of_their_dtype() -> None:
    """bfloat16's too: the upper half of a float32."""
    for dtype, bits in (("bfloat16", 8), ("float16", 11), ("float32", 24)):
        question = Question(dtype=dtype)
        layer = found_in(made.PLAIN_ONE)
        x = draw(question, layer.configuration).x
        mantissa, _ = np.frexp(x)
        np.testing.assert_array_equal(mantissa * 2.0**bits, np.round(mantissa * 2.0**bits))
