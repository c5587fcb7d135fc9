"""Claim C28 on planted curves: its verdicts, what they depend on, the rise above ln 2, and the prediction."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.cases import Case
from benchmarks.claims.catalogue import claims
from benchmarks.claims.forgetting import until_little, updates_until
from benchmarks.claims.hump_courses import KNOWS_NOTHING_NATS, course, courses_of
from benchmarks.claims.hump_variants import (
    BY_HAND,
    DECAY,
    DOCUMENT,
    EPSILON,
    HE,
    LAYERS,
    NUM_UPDATES,
    SECOND_PASS,
    SEEDS,
    START,
    VARIANTS,
    Variant,
)
from benchmarks.claims.model import Verdict
from benchmarks.claims.verdicts import judge, picture
from benchmarks.pages import hump as page
from benchmarks.report.figures.canvas import render
from tests.claims.planting import Planted, plant

CLAIM = claims()["C28"]
FALLS: Mapping[Variant, float] = {LAYERS: 46.5, BY_HAND: 46.5, SECOND_PASS: 46.5, EPSILON: 61.5, HE: 11.5}
"""Epochs at which inference falls in the truth that is planted; of the others 5.5; by their own statistics 4.5."""
ON = (
    "enough to end the delay alone: num_updates, the start value, the decay and the initial weights; "
    "not enough: the API, the pass of the update and epsilon"
)


def bumped(
    case: Case, falls: Mapping[Variant, float] | None = None, rise: tuple[float, float] = (0.4, 40.0), own: float = 0.15
) -> dict[str, Any]:
    """A plateau at ln 2, and a fall that differs by an epoch between seeds.

    Args:
        case: of a variant.
        falls: epochs of the fall that differ from :data:`FALLS`.
        rise: height and middle epoch of a rise of ``tf.layers`` above ln 2, nine epochs wide.
        own: what the loss by the rows' own statistics ends at.
    """
    variant = next(one for one in VARIANTS if one.name == case.parameters["variant"])
    steps = np.array(case.parameters["looks"])
    epochs = steps / 14.44
    fall = {**FALLS, **(falls or {})}.get(variant, 5.5) + case.parameters["seed"] % 2
    moving = np.where(epochs > fall, own, KNOWS_NOTHING_NATS)
    height, middle = rise
    moving += np.where((variant == LAYERS) & (abs(epochs - middle) < 4.6), height, 0)
    share = {EPSILON: 1e-5, HE: 0.2}.get(variant, 1e-3)  # (v + epsilon) over the start value
    scale = math.sqrt(share / (1 + variant.epsilon))
    return {"step": steps, "validation_loss_moving": moving, "inference_scale": np.full((len(steps), 6), scale),
            "validation_loss_batch": np.where(epochs > 4.5, own, KNOWS_NOTHING_NATS)}  # fmt: skip


def planted(**changes: Any) -> Callable[[Case], dict[str, Any]]:
    """The planted truth with changes."""
    return lambda case: bumped(case, **changes)


def judged(folder: Path, values: Planted, size: Any = "full") -> Verdict:
    """The verdict on it."""
    return judge(CLAIM, plant(CLAIM, values, folder, size))


KINDS: list[tuple[str, Planted, str, str]] = [
    ("as found", planted(), "depends", ON),
    ("the API", planted(falls={BY_HAND: 5.5}), "confirmed", ""),
    ("no bump, the API", planted(falls={BY_HAND: 5.5}, rise=(0.0, 40.0)), "depends",
     "what is meant: inference is late through tf.layers, but no rise above ln 2 was seen, where the document has a "
     "hump at 45 to 50"),
    ("no bump", planted(rise=(0.0, 40.0)), "depends",
     f"{ON}; no rise above ln 2 was seen, where the document has a hump at 45 to 50"),
    ("bump sooner", planted(rise=(0.4, 20.0)), "depends",
     f"{ON}; its rise above ln 2 peaks at epoch 20 (the document: 45 to 50)"),
    ("start value late", planted(falls={START: 46.5}), "depends",
     "enough to end the delay alone: num_updates, the decay and the initial weights; not enough: the API, the pass of "
     "the update, the start value and epsilon; prediction fails for start value 0"),
    ("decay late", planted(falls={DECAY: 46.5}), "depends",
     "enough to end the delay alone: num_updates, the start value and the initial weights; not enough: the API, the "
     "pass of the update, the decay and epsilon; prediction fails for decay 0.9"),
    ("nothing ends it", planted(falls={START: 46.5, DECAY: 46.5, NUM_UPDATES: 46.5, HE: 46.5}), "undecided",
     "needs another difference: none of those tried ends the delay alone"),
    ("prediction wrong", planted(falls={EPSILON: 22}), "depends", f"{ON}; prediction fails for epsilon 1e-5"),
    ("never late", planted(falls={LAYERS: 5.5}), "refuted", ""),
    ("too soon", planted(falls={LAYERS: 20}), "refuted", ""),
    ("the document's own too", planted(falls={DOCUMENT: 46.5}), "refuted", ""),
    ("learned nothing", planted(own=0.65), "undecided",
     f"needs trainings that learn: {LAYERS.name}, {DOCUMENT.name}, {BY_HAND.name}"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "kind", "on"), [row[1:] for row in KINDS], ids=[row[0] for row in KINDS])
def test_the_verdict_says_what_was_planted(values: Planted, kind: str, on: str, tmp_path: Path) -> None:
    """Kind and ``on`` by value: each single difference, the rise and the prediction can change them."""
    verdict = judged(tmp_path, values)
    assert (verdict.kind, verdict.on) == (kind, on), verdict.sentence
    assert CLAIM.meaning(verdict)


def test_the_picture_is_drawn_and_told_in_words(tmp_path: Path) -> None:
    """Of a quick run, which has two trainings."""
    found = picture(CLAIM, plant(CLAIM, bumped, tmp_path, "quick"))
    assert found is not None and "its rise above ln 2 peaks at epoch 40 (the document: 45 to 50)" in found.alternative
    assert "<svg" in render("C28", found.title, found.height_in, found.paint)


def test_the_advice_names_what_ended_the_delay(tmp_path: Path) -> None:
    """And nothing else."""
    told = CLAIM.meaning(judged(tmp_path, planted(falls={START: 46.5})))
    assert "What ended the delay here: num_updates given, decay 0.9 and He's initial weights." in told


def test_a_quick_run_names_no_cause(tmp_path: Path) -> None:
    """One seed of two trainings; the sentence counts it."""
    verdict = judged(tmp_path, bumped, "quick")
    assert verdict.kind == "undecided" and "over 1 seed," in verdict.sentence


def test_the_epoch_is_predicted_from_start_decay_and_epsilon() -> None:
    """ln(1e-3) / ln(0.99) = 687.3 steps of 14.44 an epoch; with num_updates 1 / binomial(14, 9) is below 1e-3 first."""
    assert LAYERS.closed_form_epoch == pytest.approx(47.60, abs=0.01)
    assert EPSILON.closed_form_epoch == pytest.approx(79.33, abs=0.01)
    assert DECAY.closed_form_epoch == pytest.approx(4.54, abs=0.01)
    assert NUM_UPDATES.closed_form_epoch == pytest.approx(5 / 14.44)
    assert DOCUMENT.closed_form_epoch == 0


def test_the_same_formula_tells_how_long_to_wait() -> None:
    """ln(0.01) / ln(0.99) = 458.2 updates until 1 % is left; nothing to wait for where the variance is the start."""
    assert (until_little(0.9), until_little(0.99), until_little(0.999)) == ("44", "459", "4,603")
    assert updates_until(1e-3, 0.99) == pytest.approx(687.3, abs=0.05) and updates_until(1.0, 0.99) == 0
    advice = claims()["C23"].meaning(Verdict(kind="confirmed", sentence="It is so."))
    assert "ln((variance + epsilon) / start) / ln(decay)" in advice and "459 at 0.99" in advice and "687" in advice


def test_the_course_of_a_loss_is_read_from_its_curve(tmp_path: Path) -> None:
    """Fall at epoch 47, or 48 with an odd seed; the rise; predicted from the first look's scale."""
    result = plant(CLAIM, bumped, tmp_path, "quick").select(variant=LAYERS.name)[0]
    odd, found = result.parameters["seed"] % 2, course(result)
    assert found.fell and found.fall_epoch == pytest.approx(47 + odd, abs=0.1)
    assert found.behind_epochs == pytest.approx(42 + odd, abs=0.1)
    assert (found.rise_epoch, found.rise_nats) == (pytest.approx(40, abs=0.1), pytest.approx(0.4))
    assert found.predicted_epoch == pytest.approx(47.6, abs=0.1)


def test_an_inference_that_never_falls_counts_as_one_look_after_the_last(tmp_path: Path) -> None:
    """It is late, and is counted."""
    results = plant(CLAIM, planted(falls={LAYERS: 1000}), tmp_path)
    found = courses_of(results)[LAYERS.name]
    assert found.late and found.never == SEEDS
    assert found.fall.mean == pytest.approx(67, abs=0.1)
    assert "With tf.layers the validation loss in inference mode never falls" in judge(CLAIM, results).sentence


def test_the_figures_have_intervals_over_seeds(tmp_path: Path) -> None:
    """Four of eight seeds fall an epoch later: 47.5, and 3.92 (Student's t, seven degrees, nine intervals) x 0.189."""
    figures = judged(tmp_path, bumped).figures
    key = LAYERS.key
    assert figures[f"{key}_seeds"] == figures[f"{key}_seeds_that_rise"] == SEEDS
    assert figures[f"{key}_fall_epoch"] == pytest.approx(47.5, abs=0.05)
    assert figures[f"{key}_fall_epoch_high"] - figures[f"{key}_fall_epoch"] == pytest.approx(0.74, abs=0.06)
    assert figures[f"{key}_rise_nats"] == pytest.approx(0.4)
    assert figures[f"{START.key}_seeds_that_rise"] == 0 and f"{START.key}_rise_epoch" not in figures
    assert (figures[f"{key}_is_late"], figures[f"{START.key}_is_late"]) == (1, 0)


def test_the_page_shows_peak_interval_and_prediction(tmp_path: Path) -> None:
    """One row a variant, from a run's figures alone."""
    verdict = judged(tmp_path, planted(falls={EPSILON: 22}))
    rows = page.rows(verdict.figures)
    assert [row[0] for row in rows] == [variant.name for variant in VARIANTS]
    told = {row[0]: row[1:] for row in rows}
    assert told[LAYERS.name] == [
        "47.6", "14 to 58", "48 (47 to 48)", "yes", "43 epochs: late", "8 of 8", "40 (40 to 40)", "0.40 (0.40 to 0.40)"
    ]  # fmt: skip
    assert told[EPSILON.name][3] == "no" and told[START.name][-3:] == ["0 of 8", "", ""]
