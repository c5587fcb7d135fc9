"""The rules of the exact claims on planted results: what would confirm, refute and relativize each of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.cases import Case
from benchmarks.claims.catalogue import claims
from benchmarks.claims.results import Results
from benchmarks.claims.verdicts import judge, picture
from benchmarks.report.figures.canvas import render
from tests.claims.planting import Planted, plant

FINE = 0.5  # of a bound
SIZES = np.sqrt(np.array([1e-6, 1e-3, 1.0]) / (np.array([1e-6, 1e-3, 1.0]) + 1e-3))
ASKED = {
    "training_uses": "batch", "training_uses_evidence": "8 came out as 1", "inference_uses": "moving",
    "update_trigger": "something that the caller adds", "start_values": "mean 0, variance 1",
}  # fmt: skip
LOW_LEVEL = {
    "given_variance_error_over_bound": FINE, "given_deviation_smallest_output_std": 0.3,
    "given_deviation_largest_output_std": 3.2, "variables_made_by_the_function": 0, "random_operations": 0,
    "average_of_mean_start": 0.0, "average_of_variance_start": 0.0, "average_of_variable_start_is_its_value": True,
}  # fmt: skip
GIVEN_DEVIATION = {"given_deviation_smallest_output_std": 1.0, "given_deviation_largest_output_std": 1.0}
POPULATION = {
    "batches_as_good": 19.0, "batches_of_the_set": 220.0, "moving_mean_error_rms_over_deviation": 0.0145,
    "moving_variance_error_rms_rel": 0.02,
}  # fmt: skip
SAVED = {
    "averages": 4, "averages_bitwise": 4, "averages_nonzero": 4, "variables": 33, "variables_bitwise": 33,
    "steps_in_checkpoint": 0, "variables_to_restore_error": "NotFoundError", "names_not_in_checkpoint": 9,
    "names_that_are_averages_of_weights": 9, "first_missing_name": "conv/kernel/ExponentialMovingAverage",
    "variables_to_restore_of_nothing_error": None, "updates": np.array([0, 1, 10, 50]),
    "uninterrupted": np.array([0.13, 0.128, 0.12, 0.11]), "kept": np.array([0.13, 0.128, 0.12, 0.11]),
    "reset": np.array([0.13, 0.136, 0.12, 0.11]), "trained_steps": np.array([10, 100, 200]),
    "trained_course": np.array([0.7, 0.2, 0.13]),
    **{f"{arm}_course": np.linspace(0.13, 0.11, 51) for arm in ("uninterrupted", "kept", "reset")},
}  # fmt: skip
UNDONE = {
    "float32_same_batch_error_over_bound": FINE, "float32_inference_matched_error_over_bound": FINE,
    "float32_other_batch_error_rms_over_deviation": 0.3, "other_batch_expected_rms_over_deviation": 0.31,
}  # fmt: skip
RESUMED = {
    "network_weights_bitwise": 14, "weights": 14, "steps": 100, "network_largest_loss_difference_rel": 0.6,
    "network_mean_loss_excess_rel": 0.2, "network_and_optimizer_largest_loss_difference_rel": 0.0,
    "uninterrupted": np.full(50, 0.1), "network": np.full(50, 0.12), "network_and_optimizer": np.full(50, 0.1),
}  # fmt: skip
FORMULA = {
    "batch_norm_difference_rms": 0.7, "layer_norm_error_over_bound": FINE, "keras_layer_norm_error_over_bound": FINE,
}  # fmt: skip
EPSILON = {
    "output_deviation_from_closed_form_rel": 1e-7, "gradient_deviation_from_closed_form_rel": 1e-7,
    "epsilon": np.array([1e-5, 1e-3, 1e-1]), "variance": np.array([1e-6, 1e-3, 1.0]),
    "output_std": np.stack([SIZES, SIZES, SIZES]),
}  # fmt: skip
BIAS = {
    "float32_training_difference_over_bound": FINE, "float32_bias_gradient_over_bound": FINE,
    "float32_inference_followed_difference_over_bound": FINE, "float32_inference_stale_shift": 0.5,
    "float32_adam_first_step_over_rate": 0.9, "float32_bias_gradient_abs": 1e-6,
}  # fmt: skip
ONE = {
    "training_refused": None, "training_output_from_beta_over_bound": FINE, "inference_difference_over_bound": 0.0,
    "map_training_output_std": 1.0,
}  # fmt: skip
SCALED = {
    "float32_output_difference_over_bound": FINE, "float32_gradient_difference_over_bound": FINE,
    "float32_powers_of_two_bitwise": True, "smallest_scale_gradient_size": 0.003,
    "scale": np.array([1e-4, 1.0, 1e4]), "output_size": np.array([0.003, 1.0, 1.0]),
    "gradient_size": np.array([0.003, 1.0, 1.0]), "output_size_expected": np.array([0.003, 1.0, 1.0]),
}  # fmt: skip


def averaged(case: Case, *, warmed: bool = True) -> dict[str, Any]:
    """An average whose start fades by the closed forms, or not with num_updates."""
    fading = float(case.parameters["decay"]) ** np.arange(1, 1001)
    given = case.parameters["num_updates"] and warmed
    return {"error_over_bound": FINE, "error_abs": 1e-7, "share_of_start": fading**10_000 if given else fading}


def logged(case: Case, *, twice: bool = True) -> dict[str, Any]:
    """A loop that updates twice a step where it prints, or not; and what 26 steps log."""
    if case.parameters["experiment"] == "logged_training":
        curves = {f"{who}_{what}": np.linspace(0.9, 0.1, 26)
                  for who in ("printed", "step", "inference") for what in ("loss", "accuracy")}  # fmt: skip
        curves |= {f"validation_loss_{name}": np.array([1.0, 0.5]) for name in ("logging", "silent")}
        return {**curves, "looks": np.array([13, 26]), "printed_less_step_loss_nats": -0.2,
                "printed_less_inference_loss_nats": -0.3, "printed_less_step_accuracy": 0.05,
                "largest_validation_loss_change_rel": 0.4}  # fmt: skip
    count = 2.0 if case.parameters["logging"] and twice else 1.0
    return {"updates_per_step": count, "effective_decay_per_step": 0.99**count, "layer_decay": 0.99}


def two_calls(case: Case, *, off: tuple[bool, ...] = (False,)) -> dict[str, Any]:
    """Moving variances that differ where num_updates is one of ``off``."""
    apart = 3.0 if case.parameters["num_updates"] in off else 0.01
    curves = {f"{name}_loss": np.array([2.0, 1.0, 0.1]) for name in ("one_call", "two_calls", "batch")}
    ratios = np.full((3, 4), apart)
    return {**curves, "steps": np.array([10, 100, 500]), "variance_log_ratio": ratios,
            "two_calls_over_one_call_step_time_ratio": 1.5}  # fmt: skip


def answers(case: Case, *, keras_calls: bool = True, every: bool = False) -> dict[str, Any]:
    """What triggers the update; and trainings whose inference suffers without it."""
    if case.parameters["experiment"] == "asked":
        by_itself = every or (keras_calls and case.implementation in ("keras", "torch"))
        return {**ASKED, "update_trigger": "the training forward call itself" if by_itself else ASKED["update_trigger"]}
    lost = case.parameters["graph"] is not None
    return {"moving_test_accuracy": 0.7 if lost else 0.97, "batch_test_accuracy": 0.97}


def both(case: Case, **changes: Any) -> dict[str, Any]:
    """Claims that read two experiments."""
    kinds = {"low_level": LOW_LEVEL, "population": POPULATION, "asked": ASKED}
    return {**kinds[case.parameters["experiment"]], **changes}


TABLE: list[tuple[str, str, Planted]] = [
    ("C03", "depends", UNDONE),
    ("C03", "confirmed", UNDONE | {"float32_other_batch_error_rms_over_deviation": 0.001}),
    ("C03", "refuted", UNDONE | {"float32_same_batch_error_over_bound": 1.1}),
    ("C07", "depends", answers),
    ("C07", "confirmed", lambda case: answers(case, keras_calls=False)),
    ("C07", "refuted", lambda case: answers(case, every=True)),
    ("C14", "depends", RESUMED),
    ("C14", "confirmed", RESUMED | {"network_largest_loss_difference_rel": 1e-6}),
    ("C14", "refuted", RESUMED | {"network_and_optimizer_largest_loss_difference_rel": 0.1}),
    ("C15", "refuted", logged),
    ("C15", "confirmed", lambda case: logged(case, twice=False)),
    ("C17", "refuted", FORMULA),
    ("C17", "confirmed", FORMULA | {"batch_norm_difference_rms": 1e-6}),
    ("C18", "depends", EPSILON),
    ("C18", "confirmed", EPSILON | {"output_std": np.ones((3, 3))}),
    ("C18", "refuted", EPSILON | {"output_std": np.full((3, 3), 0.9)}),
    ("C20", "depends", BIAS),
    ("C20", "confirmed", BIAS | {"float32_inference_stale_shift": 0.0}),
    ("C20", "refuted", BIAS | {"float32_bias_gradient_over_bound": 2.0}),
    ("C21", "confirmed", ONE),
    ("C21", "confirmed", ONE | {"training_refused": "ValueError", "training_output_from_beta_over_bound": None}),
    ("C21", "refuted", ONE | {"training_output_from_beta_over_bound": 2.0}),
    ("C23", "confirmed", averaged),
    ("C23", "refuted", lambda case: averaged(case, warmed=False)),
    ("C24", "confirmed", averaged),
    ("C24", "refuted", lambda case: {**averaged(case), "error_over_bound": 1.5}),
    ("C25", "confirmed", SAVED),
    ("C25", "refuted", SAVED | {"averages_bitwise": 3}),
    ("C25", "refuted", SAVED | {"averages_nonzero": 0}),
    ("C26", "confirmed", SAVED),
    ("C26", "refuted", SAVED | {"variables_to_restore_error": None}),
    ("C27", "depends", SAVED),
    ("C27", "confirmed", SAVED | {"reset": SAVED["kept"]}),
    ("C27", "refuted", SAVED | {"kept": SAVED["reset"]}),
    ("C31", "depends", two_calls),
    ("C31", "confirmed", lambda case: two_calls(case, off=())),
    ("C31", "refuted", lambda case: two_calls(case, off=(True, False))),
    ("C32", "depends", SCALED),
    ("C32", "confirmed", SCALED | {"output_size": np.ones(3)}),
    ("C32", "refuted", SCALED | {"float32_output_difference_over_bound": 1.2}),
    ("C34", "refuted", both),
    ("C34", "depends", lambda case: both(case, batches_as_good=200.0)),
    ("C34", "confirmed", lambda case: both(case, **GIVEN_DEVIATION, batches_as_good=200.0)),
    ("C35", "refuted", ASKED),
    ("C35", "confirmed", ASKED | {"training_uses": "moving, after its update"}),
    ("C35", "depends", lambda case: ASKED | ({"training_uses": "moving"} if case.implementation == "keras" else {})),
    ("C36", "refuted", both),
    ("C36", "depends", lambda case: both(case, variables_made_by_the_function=2)),
    ("C36", "confirmed", lambda case: both(case, variables_made_by_the_function=2, random_operations=1)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("claim_id", "kind", "values"), TABLE, ids=[f"{row[0]}-{row[1]}-{n}" for n, row in enumerate(TABLE)]
)
def test_a_rule_says_what_its_figures_call_for(claim_id: str, kind: str, values: Planted, tmp_path: Path) -> None:
    """One row: planted figures, and the only verdict that they allow; it says on what, and what it means."""
    claim = claims()[claim_id]
    verdict = judge(claim, plant(claim, values, tmp_path))
    assert verdict.kind == kind, verdict.sentence
    assert len(verdict.sentence) > 20
    assert claim.meaning(verdict)
    assert all(isinstance(value, int | float | np.number) for value in verdict.figures.values())


@pytest.mark.parametrize("claim_id", sorted({row[0] for row in TABLE}))
def test_without_figures_there_is_no_verdict(claim_id: str, tmp_path: Path) -> None:
    """A run that was interrupted before anything ran."""
    claim = claims()[claim_id]
    empty = Results.of("quick", claim.cases("quick"), {}, tmp_path)
    verdict = judge(claim, empty)
    assert (verdict.kind, picture(claim, empty)) == ("undecided", None)
    assert claim.meaning(verdict)


def test_every_picture_is_drawn(tmp_path: Path) -> None:
    """From the first row of each claim that has one."""
    drawn = []
    first = {claim_id: values for claim_id, _, values in reversed(TABLE)}
    for claim_id in sorted(first):
        claim = claims()[claim_id]
        found = picture(claim, plant(claim, first[claim_id], tmp_path))
        if found is not None:
            assert "<svg" in render(claim_id, found.title, found.height_in, found.paint)
            drawn.append(claim_id)
    assert drawn == ["C14", "C15", "C18", "C23", "C27", "C31", "C32"]


def test_sizes_are_averaged_by_their_logarithms(tmp_path: Path) -> None:
    """C27: of 1, 2, 4, 8 and 16 % the mean is 4 %, its interval a factor; what is decided beside it is told."""

    def resumed(case: Case) -> dict[str, Any]:
        moved = 0.01 * 2.0 ** (case.parameters["seed"] % 5)
        return SAVED | {"reset": SAVED["uninterrupted"] * np.array([1, 1 + moved, 1, 1])}

    claim = claims()["C27"]
    verdict = judge(claim, plant(claim, resumed, tmp_path))
    factor = np.exp(2.776 * np.log(2) * np.sqrt(2.5 / 5))  # Student's t, four degrees; 0 to 4 have a variance of 2.5
    assert f"moves it by 4 % ({4 / factor:.2g} to {4 * factor:.2g} %, geometric mean)" in verdict.sentence
    assert "right after the restore is the same (bit for bit)" in verdict.sentence
    assert verdict.figures["reset_step_loss_change_after_1_updates_geometric_mean_percent"] == pytest.approx(4)
    none = judge(claim, Results.of("full", claim.cases("full"), {}, tmp_path))
    assert "goes on where it stopped" in claim.meaning(replace(verdict, kind="undecided", on="needs seeds"))
    assert claim.meaning(none).startswith("Nothing follows yet: this run lacks the figures")


def test_who_needs_the_updates_by_hand_is_named_as_it_was_found(tmp_path: Path) -> None:
    """C07: whichever APIs need them; here Keras alone updates by itself."""

    def only_keras(case: Case) -> dict[str, Any]:
        found = answers(case, keras_calls=False)
        return {**found, "update_trigger": "the call"} if case.implementation == "keras" else found

    claim = claims()["C07"]
    for values, on in (
        (answers, "the API: tf1-layers and tf1-manual need it, keras and torch do not"),
        (only_keras, "the API: tf1-layers, tf1-manual and torch need it, keras does not"),
    ):
        assert judge(claim, plant(claim, values, tmp_path)).on == on
