"""The rules of the claims about documents 002, 003 and 004's networks, on planted curves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.cases import Case
from benchmarks.claims.catalogue import claims
from benchmarks.claims.results import Results
from benchmarks.claims.verdicts import further_pictures, judge, picture
from benchmarks.report.claims import not_a_drawing
from benchmarks.report.figures.canvas import render
from tests.claims.planting import Planted, plant


def wobble(case: Case, size: float = 1e-4) -> float:
    """A seed's own small deviation."""
    return size * float(np.sin(3 * case.parameters["seed"] + 1))


def ends(case: Case, *, loss: float = 0.2, accuracy: float = 0.95, **more: Any) -> dict[str, Any]:
    """Final figures with a seed's deviation; one that pairs would share has been subtracted already."""
    return {
        "final_test_loss_moving": loss + wobble(case),
        "final_test_accuracy_moving": accuracy + wobble(case),
        **more,
    }


def order(case: Case, worse: float = 0.0) -> dict[str, Any]:
    """C12: the second order is so much worse."""
    off = worse * (case.parameters["options"]["order"] != "layer-norm-activation")
    curve = np.linspace(2.3, 0.2 + off, 6)
    return ends(case, loss=0.2 + off, accuracy=0.95 - off / 4, validation_loss_moving=curve)


def epoch(case: Case, gain: float = 0.02, sooner: int = 5, slower: float = 1.3) -> dict[str, Any]:
    """C13: what batch normalization gains at the end, how many looks sooner it reaches every level, a step's price."""
    if case.parameters["experiment"] == "eager_steps":
        seconds = {"with": 0.01 * slower, "without": 0.01}
        found = {f"{name}_{kind}_s": value for name, value in seconds.items() for kind in ("step", "logged_step")}
        return {**found, "step_time_ratio": slower, "logged_step_time_ratio": slower - 0.1}
    arm, steps = case.parameters["batch_norm"], np.array(case.parameters["looks"])
    curve = np.where(np.arange(len(steps)) >= (5 if arm else 5 + sooner), 0.94, 0.5)
    curve[-5:] += gain * arm
    return {"step": steps, "test_accuracy_moving": curve}


def placed(case: Case, off: tuple[str, ...] = ()) -> dict[str, Any]:
    """C16: normalizing after the activation is worse with these."""
    chosen = case.parameters["options"]
    worse = chosen["order"] == "layer-activation-norm" and chosen["activation"] in off
    loss = 0.8 + 0.2 * worse
    late = {"test_loss_moving": loss, "test_accuracy_moving": 0.7 - 0.1 * worse}
    curves = {name: np.full(21, value + wobble(case)) for name, value in late.items()}
    return {**curves, "validation_loss_moving": np.linspace(1.1, loss, 21)}


def regularized(case: Case, closes: Mapping[int, float], lost: float = 0.0, worse: float = 0.0) -> dict[str, Any]:
    """C19: what batch normalization closes of the gap by batch size, and what it loses on held-out digits.

    The gap is closed by a higher training loss but for what ``worse`` adds to both losses.
    """
    arm = case.parameters["batch_norm"]
    closed = arm * closes.get(case.parameters["batch_size"], 0.0)
    figures = {"loss": (0.1 + closed + arm * worse, 0.5 + arm * worse), "accuracy": (1.0, 0.85 - arm * lost)}
    return {f"final_{split}_{what}_{mode}": value + wobble(case)
            for mode in ("moving", "population") for what, (train, held_out) in figures.items()
            for split, value in (("train", train), ("validation", held_out), ("test", held_out))}  # fmt: skip


def spread(case: Case, growing: tuple[str, ...] = ()) -> dict[str, Any]:
    """C22: without it the spread doubles; with it under these losses too. And what its further pictures show."""
    if case.parameters["experiment"] == "example_images":
        return {"images": np.arange(3 * 8 * 4, dtype=np.uint8).reshape(3, 8, 2, 2, 1)}
    if case.parameters["experiment"] == "activations":
        looks = np.stack([np.linspace(-1, 1, 101), np.linspace(-2, 2, 101)])
        seen = {f"{layer}/{part}": looks for layer in ("activation_0", "logits") for part in ("z", "a", "unit")}
        seen |= {f"dense_{layer}/kernel/gradient_norm": np.array([2.0, 0.5]) for layer in (0, 1)}
        return {**seen, "activation_0/saturated": np.array([0.25, 0.75]), "steps": np.array([0, 2]),
                "losses": np.array([1.1, 0.7])}  # fmt: skip
    grows = not case.parameters["batch_norm"] or case.parameters["options"]["loss"] in growing
    width = np.linspace(1, 2 + (not case.parameters["batch_norm"]) if grows else 1, 21) * (1 + wobble(case))
    return {"input_percentiles_activation_0": np.stack([-width, 0 * width, width], axis=1)[:, :, None] * np.ones(3)}


def limit(case: Case, worse: float = 0.0) -> dict[str, Any]:
    """C29: ``tf.layers`` ends so much worse, in nats."""
    off = worse * (case.implementation == "tf1-layers")
    return to_the_end(case, 0.2 + off, 0.94 - off / 10)


def faster(
    case: Case, without: tuple[int, int] = (51, 20), gains: tuple[float, float] = (0.44, 0.02)
) -> dict[str, Any]:
    """C30: the evaluation at which 90 % is reached without BN, where 51 is never; with it, the second (epoch 10)."""
    place = "kernels" in case.parameters["options"]
    arm = case.parameters["batch_norm"]
    return to_the_end(case, 0.2, 0.95 - (not arm) * gains[place], reached=2 if arm else without[place])


def dropped(case: Case, gain: float = 0.0) -> dict[str, Any]:
    """C37: what batch normalization gains over dropout."""
    last = 0.94 + gain * case.parameters["batch_norm"]
    curves = {f"{split}_accuracy_moving": np.linspace(0.1, last, 6) for split in ("train", "test")}
    return ends(case, accuracy=last, final_train_accuracy_moving=last, **curves)


def swapped(case: Case, worse: tuple[bool, ...] = ()) -> dict[str, Any]:
    """C38: the loss as written is worse with these settings of batch normalization."""
    chosen = case.parameters
    harms = chosen["options"]["loss"] == "swapped_cross_entropy" and chosen["batch_norm"] in worse
    last = 0.7 - 0.1 * harms
    return {f"{split}_accuracy_moving": np.full(21, last + wobble(case)) for split in ("train", "test")}


def to_the_end(case: Case, loss: float, accuracy: float, reached: int = 2) -> dict[str, Any]:
    """Document 004's 250 epochs of 14 steps, looked at 51 times."""
    looks = np.arange(case.parameters["epochs"] // 5 + 1)
    climbing = np.where(looks < reached, 0.5, 0.91)
    climbing[-10:][looks[-10:] >= reached] = accuracy
    found: dict[str, Any] = {"steps": 14 * case.parameters["epochs"], "evaluated_steps": 14 * 5 * looks}
    for split in ("train", "validation", "test"):
        found[f"{split}_loss_moving"] = np.where(looks < reached, 0.7, loss) + wobble(case)
        found |= {f"{split}_accuracy_{mode}": climbing + wobble(case) for mode in ("moving", "batch")}
    return found


TABLE: list[tuple[str, str, Planted]] = [
    ("C12", "confirmed", order),
    ("C12", "refuted", lambda case: order(case, worse=0.1)),
    ("C13", "confirmed", epoch),
    ("C13", "depends", lambda case: epoch(case, gain=0.0)),
    ("C13", "refuted", lambda case: epoch(case, gain=0.0, sooner=0)),
    ("C16", "confirmed", placed),
    ("C16", "depends", lambda case: placed(case, ("relu",))),
    ("C16", "refuted", lambda case: placed(case, ("relu", "tanh"))),
    ("C19", "confirmed", lambda case: regularized(case, {10: 0.2, 125: 0.2})),
    ("C19", "depends", lambda case: regularized(case, {10: 0.2})),
    ("C19", "depends", lambda case: regularized(case, {10: 0.1, 125: 0.2})),  # against noise as the reason
    ("C19", "refuted", lambda case: regularized(case, {})),
    ("C19", "refuted", lambda case: regularized(case, {10: 0.2, 125: 0.2}, lost=0.03)),
    ("C19", "refuted", lambda case: regularized(case, {10: 0.2, 125: 0.2}, worse=0.05)),
    ("C22", "confirmed", spread),
    ("C22", "depends", lambda case: spread(case, ("cross_entropy",))),
    ("C22", "refuted", lambda case: spread(case, ("cross_entropy", "swapped_cross_entropy"))),
    ("C29", "confirmed", limit),
    ("C29", "refuted", lambda case: limit(case, worse=0.1)),
    ("C30", "confirmed", faster),
    ("C30", "depends", lambda case: faster(case, (51, 3), (0.44, 0.0))),
    ("C30", "refuted", lambda case: faster(case, (3, 3), (0.0, -0.1))),
    ("C37", "confirmed", dropped),
    ("C37", "refuted", lambda case: dropped(case, gain=-0.05)),
    ("C38", "confirmed", swapped),
    ("C38", "depends", lambda case: swapped(case, (True,))),
    ("C38", "refuted", lambda case: swapped(case, (True, False))),
]


@pytest.mark.parametrize(
    ("claim_id", "kind", "values"), TABLE, ids=[f"{row[0]}-{row[1]}-{place}" for place, row in enumerate(TABLE)]
)
def test_a_rule_says_what_its_figures_call_for(claim_id: str, kind: str, values: Planted, tmp_path: Path) -> None:
    """One row: planted figures, the only verdict that they allow, and a picture."""
    claim = claims()[claim_id]
    results = plant(claim, values, tmp_path)
    verdict = judge(claim, results)
    assert verdict.kind == kind, verdict.sentence
    assert claim.meaning(verdict)
    found = picture(claim, results)
    assert found is not None
    assert "<svg" in render(claim_id, found.title, found.height_in, found.paint)


def test_what_the_noise_of_batches_would_not_do_is_named(tmp_path: Path) -> None:
    """C19: 0.1 nats less closed with batches of 10 than with 125; the losses and accuracies of both stand there."""
    claim = claims()["C19"]
    verdict = judge(claim, plant(claim, lambda case: regularized(case, {10: 0.1, 125: 0.2}), tmp_path))
    assert verdict.on.startswith("what is meant: it regularizes, but less with small batches")
    assert verdict.figures["gap_change_batch_10_less_batch_125_nats"] == pytest.approx(0.1)
    assert verdict.figures["batch_normalization_batch_125_train_loss_nats"] == pytest.approx(0.3, abs=1e-3)
    assert verdict.figures["plain_batch_10_held_out_accuracy_percent"] == pytest.approx(85, abs=0.1)


def test_a_growth_is_told_apart_from_what_is_judged(tmp_path: Path) -> None:
    """C22: twofold with and threefold without by the right loss, two thirds; by the other one onefold, a third."""
    claim = claims()["C22"]
    verdict = judge(claim, plant(claim, lambda case: spread(case, ("cross_entropy",)), tmp_path))
    assert "2.00 (2.00 to 2.00) with and 3.00 (3.00 to 3.00) without, the first being 0.67 (0.67 to 0.67)" in (
        verdict.sentence
    )
    assert verdict.figures["swapped_cross_entropy_spread_ratio_with_over_without"] == pytest.approx(1 / 3)
    assert verdict.on == "which loss trains it: it holds by the loss as written, its arguments swapped"


def test_document_003s_pictures_are_told_by_value(tmp_path: Path) -> None:
    """Its images, distributions and course below C22's own picture, in words and files; the first takes no damage."""
    claim = claims()["C22"]
    results = plant(claim, spread, tmp_path)
    images, distributions, course = further_pictures(claim, results)
    assert "3 rows of 8" in images.alternative
    ends = "-0.9 to 0.9 at first and -1.8 to 1.8 after 2 steps"
    assert f"z1, before tanh, with it after tanh: {ends}" in distributions.alternative
    assert "with it before tanh: loss from 1.1 to 0.7, saturated from 25 to 75 %" in course.alternative
    assert "gradient norm of layer 1 from 2 to 0.5" in course.alternative
    for found in (images, distributions, course):
        assert not_a_drawing(render("C22", found.title, found.height_in, found.paint)) is None
    lost = Results(results.size, [one for one in results if one.parameters["experiment"] != "activations"])
    assert len(further_pictures(claim, lost)) == 1 and picture(claim, lost) is not None


def test_a_quick_run_does_not_decide(tmp_path: Path) -> None:
    """Two seeds are too few."""
    for claim_id, values in (
        ("C12", order),
        ("C13", epoch),
        ("C16", placed),
        ("C22", spread),
        ("C29", limit),
        ("C30", faster),
    ):
        claim = claims()[claim_id]
        assert judge(claim, plant(claim, values, tmp_path, "quick")).kind == "undecided", claim_id


def test_a_seed_that_never_arrives_is_counted_and_told(tmp_path: Path) -> None:
    """C13: two of ten without it; 488 is 20 steps after the end. Looks are 4 steps apart, so 20 against 40 steps."""
    never: list[int] = []

    def planted(case: Case) -> dict[str, Any]:
        found = epoch(case)
        if case.parameters.get("batch_norm") is False and (len(never) < 2):
            never.append(case.parameters["seed"])
            found["test_accuracy_moving"] = np.minimum(found["test_accuracy_moving"], 0.92)
        return found

    claim = claims()["C13"]
    verdict = judge(claim, plant(claim, planted, tmp_path))
    assert "to 93 % it takes 20 steps with and 130 steps (2 of 10 seeds never, counted as 488) without" in (
        verdict.sentence.replace("93%", "93 %")
    )
    assert verdict.figures["seeds_never_at_93_percent_without"] == 2
    assert verdict.figures["seeds_never_at_90_percent_without"] == 0


def test_the_price_of_a_step_stands_beside_the_documents(tmp_path: Path) -> None:
    """C13: 0.281 / 0.223 = 1.26; half the steps at 1.3 times the time of each are 0.65 times the time."""
    claim = claims()["C13"]
    verdict = judge(claim, plant(claim, epoch, tmp_path))
    assert "A step takes 1.30 times as long with it" in verdict.sentence
    assert "the time to 93% is 0.65 times that without" in verdict.sentence
    ratio = verdict.printed[-1]
    assert (ratio.printed, ratio.ours) == (pytest.approx(1.26, abs=0.001), pytest.approx(1.2))
    assert "every 4 steps to the 240th, then every 20" in verdict.sentence


@pytest.mark.parametrize(("claim_id", "values"), [("C29", limit), ("C30", faster)])
def test_the_last_epochs_are_those_that_there_are(claim_id: str, values: Planted, tmp_path: Path) -> None:
    """Ten looks five epochs apart in a full run; a quick one of five epochs has two."""
    claim = claims()[claim_id]
    assert "10 looks, at epochs 205 to 250" in judge(claim, plant(claim, values, tmp_path)).sentence
    assert "2 looks, at epochs 0 to 5" in judge(claim, plant(claim, values, tmp_path, "quick")).sentence
