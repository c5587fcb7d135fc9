"""Each probe, on a layer in which one choice was made otherwise: it must name that choice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bn_impls.interface import Conventions
from bn_impls.semantics.description import PLAIN, Semantics

COUNT = "decay min(d, (1 + n) / (10 + n))"
PLANTED: list[tuple[str, Semantics, str]] = [
    ("epsilon_place", PLAIN, "inside the root"),
    ("epsilon_place", Semantics(epsilon_place="outside"), "outside the root"),
    ("epsilon_place", Semantics(epsilon_place="maximum"), "a floor of the variance"),
    ("epsilon_place", Semantics(epsilon_place="none"), "nowhere"),
    ("least_epsilon", PLAIN, "used as given"),
    ("least_epsilon", Semantics(epsilon=1e-3), "raised to 0.001"),
    ("least_epsilon", Semantics(epsilon=1e-12), "lowered"),
    ("start_values", PLAIN, "mean 0, variance 1"),
    ("start_values", Semantics(initial_mean=2.0, initial_variance=0.0), "mean 2, variance 0"),
    ("warm_up", PLAIN, "none: the decay is constant"),
    ("warm_up", Semantics(warm_up="count"), COUNT),
    ("warm_up", Semantics(warm_up="debias", initial_variance=0.0), "debiased: divided by 1 - d^n"),
    ("warm_up", Semantics(warm_up="replace"), "the first batch replaces the start"),
    ("warm_up", Semantics(decay_weighs="new"), "none: the decay is constant, and weighs the new value"),
    ("warm_up", Semantics(updates=2), "another"),
    ("moving_variance_divisor", PLAIN, "n"),
    ("moving_variance_divisor", Semantics(moving_ddof=1), "n - 1"),
    ("moving_variance_divisor", Semantics(moving_ddof=1, decay_weighs="new"), "n - 1"),
    ("normalizing_variance_divisor", PLAIN, "n"),
    ("normalizing_variance_divisor", Semantics(normalizing_ddof=1), "n - 1"),
    ("variance_passes", PLAIN, "two passes"),
    ("variance_passes", Semantics(variance="one_pass"), "one pass, E[x^2] - E[x]^2"),
    ("variance_passes", Semantics(variance="one_pass_clamped"), "one pass, E[x^2] - E[x]^2"),
    ("updates_per_call", PLAIN, "once"),
    ("updates_per_call", Semantics(updates=0), "never"),
    ("updates_per_call", Semantics(updates=2), "twice"),
    ("inference_changes", PLAIN, "changes nothing"),
    ("training_uses", PLAIN, "batch"),
    ("training_uses", Semantics(training_uses="before"), "moving"),
    ("training_uses", Semantics(training_uses="after"), "moving, after its update"),
    ("inference_uses", PLAIN, "moving"),
    ("inference_uses", Semantics(inference_uses="batch"), "batch"),
    ("batch_of_one", PLAIN, "output beta, 0 averaged as variance"),
    ("batch_of_one", Semantics(moving_ddof=1), "output beta, NaN averaged as variance"),
    ("empty_batch", PLAIN, "statistics become NaN"),
    ("nan", PLAIN, "its channel stays NaN for good"),
    ("nan", Semantics(axes="elementwise"), "its channel stays NaN for good"),
    ("input", PLAIN, "left alone"),
    ("float16_statistics", PLAIN, "float16"),
    ("float16_statistics", Semantics(moving_dtype="float32"), "float32"),
    ("float16_computation", PLAIN, "float16"),
    ("float16_computation", Semantics(compute_dtype="float32"), "float32 or wider"),
    ("float16_moves", PLAIN, "stands still"),
    ("float16_moves", Semantics(moving_dtype="float32"), "moves"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "semantics", "observed"), PLANTED, ids=[f"{key}-{observed}" for key, _, observed in PLANTED]
)
def test_a_probe_observes_the_planted_choice(
    planted: Callable[..., Any], key: str, semantics: Semantics, observed: str
) -> None:
    """The answer is the planted one, and it comes with numbers."""
    answer = planted(key, semantics)
    assert answer.observed == observed, answer.evidence
    assert any(character.isdigit() for character in answer.evidence) or key == "input"


def test_inference_that_updates_is_seen_in_state_and_result(planted: Callable[..., Any]) -> None:
    """Both what changed and that the second call differs are named."""
    observed = planted("inference_changes", Semantics(inference_updates=True)).observed
    assert observed.startswith("changes moving_mean, moving_variance, num_updates")
    assert observed.endswith("a second call gives another result")


def test_a_deviation_in_place_of_the_variance_is_neither_divisor(planted: Callable[..., Any]) -> None:
    """A moving deviation is no variance, whatever it is divided by."""
    answer = planted("moving_variance_divisor", Semantics(moving_of="deviation"))
    assert answer.observed.startswith("neither n nor n - 1")


@pytest.mark.parametrize(
    ("changes", "observed"),
    [
        ({}, "none"),
        ({"decay_in_float32": True}, "decay and 1 - decay in float32"),
        ({"complement_in_float32": True}, "1 - decay in float32"),
    ],
)
def test_rounding_of_the_decay_is_solved_from_the_average(
    planted: Callable[..., Any], changes: dict[str, bool], observed: str
) -> None:
    """Float64 averages show which of decay and 1 - decay was rounded."""
    usual = {"ddof": 0, "initial_mean": 0.0, "initial_variance": 1.0, "warm_up": False, "decay_in_float32": False}
    answer = planted("decay_rounding", conventions=Conventions(**usual | changes))
    assert (answer.observed, answer.declared) == (observed, observed)


def test_a_declaration_that_is_wrong_stands_beside_what_was_seen(planted: Callable[..., Any]) -> None:
    """Conventions that say ddof 0 do not hide a layer that divides by n - 1."""
    answer = planted("moving_variance_divisor", Semantics(moving_ddof=1))
    assert (answer.observed, answer.declared) == ("n - 1", "n")


def test_a_changed_input_is_named_with_the_call_that_changed_it(planted: Callable[..., Any]) -> None:
    """A training call that centres its input in place is found, and inference is not blamed."""

    def in_place(varied: Any) -> Callable[[Any], Any]:
        def forward(x: Any) -> Any:
            y = varied.forward(x)
            x -= x.mean(axis=0)
            return y

        return forward

    assert planted("input", training_step=in_place).observed == "changed by training"


def test_nan_that_is_hidden_does_not_enter(planted: Callable[..., Any]) -> None:
    """A layer that replaces NaN by 0 is not said to be poisoned."""

    def hidden(varied: Any) -> Callable[[Any], Any]:
        return lambda x: varied.forward(np.nan_to_num(x))

    assert planted("nan", training_step=hidden).observed == "NaN does not enter"


def test_default_epsilon_and_decay_are_solved_from_numbers(planted: Callable[..., Any], layer_with: Any) -> None:
    """The variant's own 3e-4 and 0.97 are found, not the configured ones."""
    variants = {"defaults": lambda settings: layer_with(settings, Semantics(epsilon=3e-4, decay=0.97))}
    assert planted("default_epsilon", variants=variants).observed == "0.0003"
    assert planted("default_decay", variants=variants).observed == "0.97"


@pytest.mark.parametrize(("weighs", "observed"), [("old", "the old value"), ("new", "the new value")])
def test_what_the_parameter_weighs_is_found(
    planted: Callable[..., Any], layer_with: Any, weighs: Any, observed: str
) -> None:
    """The decay as the API's own parameter keeps the old value or takes the new one."""
    variants = {"verbatim": lambda settings: layer_with(settings, Semantics(decay_weighs=weighs))}
    assert planted("parameter_weighs", variants=variants).observed == observed


def test_an_epsilon_raised_at_one_rank_is_found_there(planted: Callable[..., Any], layer_with: Any) -> None:
    """A kernel for maps that raises epsilon is told from the one for rows."""

    def raised(settings: Any) -> Any:
        least = 1.001e-5 if len(settings.input_shape) == 4 else 0.0
        return layer_with(replace(settings, epsilon=max(settings.epsilon, least)))

    answer = planted("least_epsilon", variants={"verbatim": raised})
    assert answer.observed == "used as given at rank 2; raised to 1.001e-05 at rank 4"


@pytest.mark.parametrize(("key", "variant"), [("frozen", "frozen"), ("evaluation_in_training", "evaluating")])
@pytest.mark.parametrize(
    ("semantics", "observed"),
    [
        (Semantics(training_uses="before", updates=0), "moving statistics, which stay"),
        (Semantics(training_uses="before"), "moving statistics, which move"),
        (PLAIN, "batch statistics, which move"),
        (Semantics(updates=0), "batch statistics, which stay"),
    ],
)
def test_a_frozen_layer_shows_what_it_uses_and_whether_it_moves(
    planted: Callable[..., Any], layer_with: Any, key: str, variant: str, semantics: Semantics, observed: str
) -> None:
    """Statistics used and statistics moved are told apart."""
    variants = {variant: lambda settings: layer_with(settings, semantics)}
    assert planted(key, variants=variants).observed == f"{observed}; gradients of parameters: gamma, beta"


@pytest.mark.parametrize(
    ("forward", "observed"),
    [
        (lambda varied: varied.forward, "the training forward call itself"),
        (lambda varied: lambda x: x, "something that the caller adds"),
    ],
)
def test_what_triggers_the_update_is_found(
    planted: Callable[..., Any], layer_with: Any, forward: Any, observed: str
) -> None:
    """A forward call that leaves the statistics alone needs something beside it."""
    variants = {"forward_only": lambda settings: layer_with(settings, training_step=forward)}
    assert planted("update_trigger", variants=variants).observed == observed


def masked_by(rows: Callable[[Any, Any], Any]) -> Any:
    """A training step of x and mask, which normalizes what ``rows`` makes of both."""

    def make(varied: Any) -> Callable[[Any, Any], Any]:
        def forward(x: Any, mask: Any) -> Any:
            mean, variance = rows(x, mask)
            varied.moving_mean = varied.moving_mean * 0.5 + 0.5 * mean
            varied.moving_variance = varied.moving_variance * 0.5 + 0.5 * variance
            return (x - mean) / np.sqrt(variance + 1e-3)

        return forward

    return make


@pytest.mark.parametrize(
    ("rows", "observed"),
    [
        (lambda x, mask: (x[mask].mean(), x[mask].var()), "left out of mean and variance"),
        (lambda x, mask: (x[mask].mean(), x.var()), "left out of the mean only"),
        (lambda x, mask: (x.mean(), x.var()), "ignored"),
        (lambda x, mask: ((x[mask].sum()) / x.size, 1.0), "all rows, masked ones as 0"),
    ],
)
def test_what_a_mask_weighs_is_found(planted: Callable[..., Any], layer_with: Any, rows: Any, observed: str) -> None:
    """Masked rows may be left out, counted as 0, or counted as they are."""
    variants = {"masked": lambda settings: layer_with(settings, training_step=masked_by(rows))}
    assert planted("mask", variants=variants).observed == observed


@pytest.mark.parametrize(
    ("step", "observed"),
    [
        (lambda v: lambda x, flag: v.forward(x) if flag else v.inference(x), "works"),
        (lambda v: lambda x, flag: v.forward(x), "not obeyed"),
        (lambda v: lambda x, flag: v.forward(x) if flag else (v.inference(x), v.forward(x))[0],
         "governs the output, not the update"),
    ],
)  # fmt: skip
def test_a_training_flag_is_followed_or_not(
    planted: Callable[..., Any], layer_with: Any, step: Any, observed: str
) -> None:
    """Output and update are looked at by themselves."""
    variants = {"tensor_flag": lambda settings: layer_with(settings, training_step=step)}
    assert planted("tensor_flag", variants=variants).observed == observed


def twice(factor: float) -> Any:
    """The right second-order gradient of sum(v dx), by differences, times a factor."""

    def make(varied: Any) -> Any:
        def product(x: Any, dy: Any, v: Any) -> float:
            varied.forward(x)
            return float((v * varied.backward(dy)[0]).sum())

        def compute(x: Any, dy: Any, v: Any) -> tuple[Any, Any, Any]:
            found = np.zeros((2, *x.shape))
            for index in np.ndindex(*x.shape):
                step = np.zeros(x.shape)
                step[index] = 1e-5
                found[0][index] = product(x + step, dy, v) - product(x - step, dy, v)
                found[1][index] = product(x, dy + step, v) - product(x, dy - step, v)
            return dy, factor * found[0] / 2e-5, found[1] / 2e-5

        return compute

    return make


@pytest.mark.parametrize(
    ("dense", "maps", "observed"),
    [
        (1.0, 1.0, "right"),
        (1.01, 1.01, "wrong"),
        (1.01, 1.0, "wrong on dense inputs, right on maps"),
        (1.0, 1.01, "wrong on maps, right on dense inputs"),
    ],
)
def test_a_second_order_gradient_is_compared_by_value(
    planted: Callable[..., Any], layer_with: Any, dense: float, maps: float, observed: str
) -> None:
    """One that is off by a hundredth is wrong, on the inputs where it is."""

    def build(settings: Any) -> Any:
        factor = dense if len(settings.input_shape) == 2 else maps
        precise = replace(settings, dtype="float64")  # differences need it
        return layer_with(precise, training_step_with_gradients=twice(factor))

    variants = {"second_order": build}
    assert planted("second_order", variants=variants).observed == observed


@pytest.mark.parametrize(
    ("share", "observed"),
    [(None, "none"), (0.0, "zero"), (-1.0, "flows"), (1.0, "flows, but is wrong")],
)
def test_the_gradient_to_the_moving_mean_is_compared_by_value(
    planted: Callable[..., Any], layer_with: Any, share: float | None, observed: str
) -> None:
    """It is -sum(dy) / sqrt(v + e), or absent, or wrong."""

    def make(varied: Any) -> Any:
        def compute(x: Any, dy: Any) -> tuple[Any, Any, Any]:
            inverse = 1 / np.sqrt(varied.moving_variance + 1e-3)
            found = None if share is None else (share * (dy * inverse).sum(axis=(0, 1, 2))).reshape(-1)
            return varied.inference(x), dy * inverse, found

        return compute

    variants = {"inference_gradient": lambda settings: layer_with(settings, training_step_with_gradients=make)}
    assert planted("inference_gradient", variants=variants).observed == observed
