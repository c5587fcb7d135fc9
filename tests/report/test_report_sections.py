"""What the sections say, by value: every sentence with a number comes from the records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.report.cautions import faults
from benchmarks.report.document import Bullets, Card, Paragraph, Section, Table, Terms, plain
from benchmarks.report.sections import agreement as agreements
from benchmarks.report.sections import answer, cards, checkpoint, convergence, environment, throughput, unmeasured
from benchmarks.report.sections.conventions import differing
from benchmarks.report.sections.warnings import unsteady as listed
from benchmarks.report.sections.warnings import warnings
from benchmarks.report.view import View
from tests.report import synthetic
from tests.report.synthetic import Json, agreement, layer_case, record

Build = Callable[..., View]


def sentences(section: Section) -> list[str]:
    """Every paragraph and list item, without marks."""
    found = []
    for block in section.blocks:
        if isinstance(block, Paragraph):
            found.append(plain(block.text))
        if isinstance(block, Bullets):
            found.extend(plain(item) for item in block.items)
    return found


def rows_of(section: Section, key: str) -> list[dict[str, str]]:
    """The rows of a table, column title -> text."""
    (table,) = [block for block in section.blocks if isinstance(block, Table) and block.key == key]
    titles = [column.title for column in table.columns]
    return [dict(zip(titles, [cell.text for cell in row], strict=True)) for row in table.rows]


def card(view: View, use: str) -> Card:
    """The card whose use begins so."""
    return next(card for card in cards.build(view).items if card.use.startswith(use))


# --- accounting ---------------------------------------------------------------------------------------------------


def test_planned_is_accounted(view_of: Build) -> None:
    """Two cases, two records."""
    view = view_of(agreement("a"), record("agreement", "b", layer_case(), "not_installed", reason="no b"))
    assert plain(unmeasured.accounting(view.run)) == "Planned 2 = accounted 2: every planned case ended as a record."


def test_an_interrupted_run_names_what_is_missing(view_of: Build) -> None:
    """One of two cases has no record."""
    view = view_of(agreement("a"), also_planned=[agreement("b")])
    assert plain(unmeasured.accounting(view.run)).startswith("Planned 2, accounted 1: 1 case without a record")
    missing = rows_of(unmeasured.build(view), "missing-table")
    assert [(row["Axis"], row["Implementation"]) for row in missing] == [("agreement", "b")]


def test_what_was_not_measured_is_grouped_by_reason(view_of: Build) -> None:
    """Breakdowns come first, and equal reasons are one row."""
    gpu = [record("throughput", who, layer_case(device="gpu"), "no_device", reason="no driver") for who in ("a", "b")]
    crash = record("checkpoint", "b", {"format": "x"}, "crashed", reason="signal 11")
    found = rows_of(unmeasured.build(view_of(*gpu, crash)), "reasons-table")
    assert [(row["Status"], row["Reason"], row["Cases"], row["Implementations"]) for row in found] == [
        ("crashed", "signal 11", "1", "b"),
        ("no device", "no driver", "2", "a and b"),
    ]


def test_statuses_are_counted_by_axis(view_of: Build) -> None:
    """The table's rows add up to the plan."""
    wrong = agreement("b", 9, "disagrees", reason="bad")
    view = view_of(agreement("a"), wrong, also_planned=[agreement("c")])
    (row,) = rows_of(unmeasured.build(view), "statuses-table")
    assert (row["Planned"], row["ok"], row["disagrees"], row["No record"]) == ("3", "1", "1", "1")


# --- agreement ----------------------------------------------------------------------------------------------------


def test_agreement_is_a_yes_with_the_largest_error(view_of: Build) -> None:
    """The answer to `are they the same`."""
    found = sentences(answer.build(view_of(agreement("a", 0.25), agreement("b", 0.5))))
    assert (
        "Yes, each under its own conventions, for output, gradients and statistics: 2 implementations measured, and in "
        "2 cases each computed what the float64 reference computes; the largest error is 0.50 of its bound." in found
    )


def test_a_disagreement_is_a_no_by_name(view_of: Build) -> None:
    """In the answer, in the section, and among the warnings."""
    view = view_of(agreement("a"), agreement("b", 12, "disagrees", reason="moving_variance: 12 times the bound"))
    assert (
        "No: b computed something else than the float64 reference; 1 of 2 implementations agrees in every case of "
        "outputs, first-order gradients and moving statistics."
    ) in sentences(answer.build(view))
    told = sentences(agreements.build(view))
    assert "b disagrees in 1 of 1 case (dense 32×32): moving_variance: 12 times the bound." in told  # noqa: RUF001
    assert any("b disagrees with the reference in 1 of 1 case" in plain(warning) for warning in warnings(view))


def test_the_table_shows_the_worst_over_seeds_in_ulp(view_of: Build) -> None:
    """The helper's moving variance has 8 ulp per bound, the quantity before it half of that."""
    view = view_of(agreement("a", 0.25, case={"seed": 0}), agreement("a", 0.5, case={"seed": 1}))
    (row,) = rows_of(agreements.build(view), "agreement-table")
    assert (row["Cases"], row["Verdict"], row["Error over bound"]) == ("2", "agrees", "0.50")
    assert (row["Moving variance"], row["Moving mean"]) == ("4.0", "2.0")


def test_without_agreement_the_page_says_that_there_are_no_speeds(view_of: Build) -> None:
    """A run of the throughput axis alone."""
    view = view_of(synthetic.throughput("a", {(0, 0): 1.0}))
    assert "so no speed is shown either" in sentences(agreements.build(view))[0]
    assert "1 of 1 measured speeds are not shown; their rows say why." in sentences(throughput.build(view))


def test_accuracy_within_a_factor_of_two_is_a_tie(view_of: Build) -> None:
    """a and b are, c is not."""
    found = card(view_of(agreement("a", 0.2), agreement("b", 0.39), agreement("c", 0.41)), "Most accurate")
    assert plain(found.choice) == "a and b"
    assert "a 0.20, b 0.39 and c 0.41" in plain(found.evidence)


def test_accuracy_is_compared_on_common_inputs(view_of: Build) -> None:
    """b is worse only where a was not measured."""
    hard = agreement("b", 3.0, case=layer_case((512, 512)))
    found = card(view_of(agreement("a", 0.5), agreement("b", 0.1), hard), "Most accurate")
    assert plain(found.choice) == "b"


def test_an_error_that_is_not_a_number_never_wins(view_of: Build) -> None:
    """NaN compares false with everything, which is no virtue."""
    nan = agreement("a", float("nan"), "disagrees", reason="NaN in output_training")
    found = card(view_of(nan, agreement("b", 0.9)), "Most accurate")
    assert plain(found.choice) == "b"


def test_an_error_over_its_bound_is_a_grade_not_a_mistake(view_of: Build) -> None:
    """Three times the bound and within the limit of four: right, and a warning."""
    view = view_of(agreement("a", 3.0))
    told = sentences(agreements.build(view))
    assert "a agrees in 1 case; its worst error is 3.0 times its bound (moving variance, dense 32×32, float32)." in told  # noqa: RUF001
    (row,) = rows_of(agreements.build(view), "agreement-table")
    assert (row["Verdict"], row["Error over bound"], row["Error over limit"]) == ("agrees", "3.0", "0.75")
    assert any("a is right, but rounds more than it must" in plain(warning) for warning in warnings(view))


def test_figures_that_are_not_finite_are_words_in_a_record(view_of: Build) -> None:
    """JSON has no NaN and no infinity."""
    wrong = agreement("a", 9, "disagrees", reason="NaN in training output")
    wrong["metrics"] |= {"worst_error_over_bound": "NaN", "moving_variance_error_ulp": "Infinity"}
    (row,) = rows_of(agreements.build(view_of(wrong)), "agreement-table")
    assert (row["Error over bound"], row["Moving variance"]) == ("not a number", "∞")


def test_differing_conventions_are_named(view_of: Build) -> None:
    """From the case or, where only the worker knew, from the metrics."""
    other = agreement("b", case={"warm_up": True})
    view = view_of(agreement("a"), agreement("c"), other)
    assert differing(view) == ["whether the decay warms up"]


# --- convergence --------------------------------------------------------------------------------------------------


@pytest.fixture
def trained(view_of: Build, tmp_path: Path) -> Callable[..., View]:
    """Trainings of implementations by the step of their first split."""

    def build(**splits: int | None) -> View:
        arrays = {"step_loss": [1.0] * 1250, "reference_step_loss": [1.0] * 1250}
        names = {who.replace("_", "-"): split for who, split in splits.items()}
        return view_of(*(synthetic.convergence(who, tmp_path / "run", arrays, split) for who, split in names.items()))

    return build


def test_who_never_leaves_the_reference_trains_the_same(trained: Callable[..., View]) -> None:
    """a does not, b leaves at step 412 by 0.13 %."""
    view = trained(a=None, b=412)
    told = sentences(convergence.build(view))
    assert (
        "a never leaves the reference's loss by more than 0.1 % in 1 training (its largest relative difference is "
        "4.0e-4)." in told
    )
    assert (
        "b leaves the reference's loss by more than 0.1 % in 1 of 1 training, first at step 412 (by 0.13 %), with "
        "batch normalization." in told
    )
    found = card(view, "Trains the same")
    assert plain(found.choice) == "a"
    assert "b leaves the reference's loss at step 412." in plain(found.evidence)
    assert any("earlier than rounding explains: b at step 412" in plain(warning) for warning in warnings(view))


def test_of_several_networks_no_accuracies_are_thrown_together(view_of: Build, tmp_path: Path) -> None:
    """And the first step of rounding is said to be that of one of them; of one network both are told."""
    arrays = {"step_loss": [1.0] * 1250, "reference_step_loss": [1.0] * 1250}

    def told(*networks: str) -> str:
        records = [
            synthetic.convergence(who, tmp_path / "run", arrays, split, network=network)
            for network in networks
            for who, split in (("numpy-reference", 400), ("a", None))
        ]
        return plain(card(view_of(*records), "Trains the same").evidence)

    assert "leaves it at step 400. Test accuracy with BN: 94.12 %." in told("000")
    several = told("000", "003")
    assert "leaves it at step 400 at the earliest, in one of several networks." in several
    assert "Test accuracy" not in several


def test_a_split_where_rounding_splits_too_is_put_down_to_rounding(trained: Callable[..., View]) -> None:
    """The reference's own code in float32 parts at step 400: 380 is rounding, 100 is not."""
    view = trained(numpy_reference=400, late=380, early=100)
    assert plain(card(view, "Trains the same").choice) == "late"
    rows = {row["Implementation"]: row for row in rows_of(convergence.build(view), "convergence-table")}
    assert rows["late"]["First split"] == "step 380, rounding"
    assert rows["early"]["First split"] == "step 100"
    assert not any("late" in plain(warning) for warning in warnings(view))


def test_final_figures_stand_in_the_table(trained: Callable[..., View]) -> None:
    """As recorded, in the units of a reader."""
    (row,) = rows_of(convergence.build(trained(a=None)), "convergence-table")
    assert (row["Test loss"], row["Test accuracy"]) == ("0.2104", "94.12 %")
    assert row["First split"] == "never in 1,250 steps"


def test_the_gap_between_moving_and_batch_statistics_is_told(view_of: Build, tmp_path: Path) -> None:
    """Two and a half points at the end."""
    arrays = {"validation_accuracy_moving": [0.5, 0.9], "validation_accuracy_batch": [0.6, 0.925]}
    view = view_of(synthetic.convergence("a", tmp_path / "run", arrays))
    assert any("validation accuracy of a is 2.5 points lower" in told for told in sentences(convergence.build(view)))


# --- checkpoint ---------------------------------------------------------------------------------------------------


def test_a_checkpoint_that_brings_everything_back(view_of: Build) -> None:
    """With times and size."""
    view = view_of(synthetic.checkpoint("a"))
    assert sentences(checkpoint.build(view))[1] == (
        "a brings everything back, bit by bit, in 1 case (saved in 21.0 ms, restored in 34.0 ms, 338 KiB)."
    )
    assert plain(card(view, "Restores everything").choice) == "a"


@pytest.mark.parametrize(
    ("change", "column", "cell", "lost"),
    [
        ({"optimizer_step_restored": 0}, "Optimizer", "✗ step 100 → 0", "optimizer"),
        ({"optimizer_error_ulp": 3.0}, "Optimizer", "✗ 3.0 ulp", "optimizer"),
        ({"num_updates_restored": None}, "num_updates", "✗ 100 → lost", "num_updates"),
        ({"moving_variance_error_ulp": 2.5}, "Moving statistics", "✗ 2.5 ulp", "moving statistics"),
        ({"weights_error_ulp": float("nan")}, "Weights", "✗ not a number ulp", "weights"),
        ({"inference_bitwise": False, "inference_error_ulp": 1.0}, "Inference", "✗ 1.0 ulp", "inference"),
        (
            {"resumed_bitwise": False, "resumed_first_difference_step": 1, "resumed_loss_difference_abs": 0.0231},
            "Resumed training",
            "✗ from step 1 by 0.023",
            "resumed training",
        ),
    ],
)
def test_each_loss_is_named(view_of: Build, change: Json, column: str, cell: str, lost: str) -> None:
    """In its column, in the sentence, on the card and among the warnings."""
    view = view_of(synthetic.checkpoint("a", change) | {"status": "disagrees"})
    section = checkpoint.build(view)
    (row,) = rows_of(section, "checkpoint-table")
    assert row[column] == cell
    assert f"a does not bring back {lost} in 1 of 1 case" in sentences(section)[1]
    assert f"a ({lost})" in plain(card(view, "Restores everything").evidence)
    assert any(f"A checkpoint of a does not bring back {lost}" in plain(warning) for warning in warnings(view))


def test_rounding_in_what_is_computed_is_told_and_is_no_loss(view_of: Build) -> None:
    """All of the state came back and the row is ok: a sum in another order is nothing to beware of."""
    change = {"resumed_bitwise": False, "resumed_first_difference_step": 8, "resumed_loss_difference_abs": 1.04e-7}
    view = view_of(synthetic.checkpoint("a", change))
    section = checkpoint.build(view)
    (row,) = rows_of(section, "checkpoint-table")
    assert (row["Inference"], row["Resumed training"]) == ("✓ bitwise", "≈ from step 8 by 1.0e-7")
    told = "a brings everything back, but for rounding in resumed training (from step 8 by 1.0e-7), in 1 case"
    assert sentences(section)[1].startswith(told)
    whole = card(view, "Restores everything")
    assert plain(whole.choice) == "a"
    assert plain(whole.evidence) == (
        "Inference and resumed training are the same to the last bit, but for rounding in a."
    )
    assert not any("bring back" in plain(warning) for warning in warnings(view))
    assert faults(view, "a") == []


def test_what_differs_because_state_was_lost_is_no_rounding(view_of: Build) -> None:
    """A documented loss leaves the row ok."""
    change = {
        "num_updates_restored": 0,
        "resumed_bitwise": False,
        "resumed_first_difference_step": 1,
        "resumed_loss_difference_abs": 0.2,
    }
    view = view_of(synthetic.checkpoint("a", change))
    assert faults(view, "a") == ["no num_updates and resumed training from a checkpoint"]


def test_a_checkpoint_that_was_refused_has_not_brought_everything_back(view_of: Build) -> None:
    """No figure was measured, but the status says enough."""
    refused = synthetic.checkpoint("a") | {"status": "disagrees", "metrics": {}, "reason": "its own file was refused"}
    view = view_of(refused)
    assert "a does not bring back what was saved in 1 of 1 case" in sentences(checkpoint.build(view))[1]
    assert plain(card(view, "Restores everything").choice) == "none"


def test_what_is_not_recorded_is_not_called_whole(view_of: Build) -> None:
    """A missing figure is neither good nor bad."""
    view = view_of(synthetic.checkpoint("a", {"optimizer_error_ulp": None, "optimizer_step_saved": None}))
    assert "not recorded: optimizer" in sentences(checkpoint.build(view))[1]
    assert plain(card(view, "Restores everything").choice) == "none"


# --- environment, settings, warnings ------------------------------------------------------------------------------


def test_missing_keys_of_the_environment_are_not_recorded(view_of: Build) -> None:
    """Only the processor is known; unknown keys are shown as they are."""
    view = view_of(agreement("a"), environment={"cpu_model": "Some CPU", "turbo_boost": False})
    terms = dict(environment.build(view).blocks[0].items)  # type: ignore[union-attr]
    assert plain(terms["Processor"]) == "Some CPU"
    assert plain(terms["Commit"]) == "not recorded"
    assert plain(terms["Turbo boost"]) == "no"


def test_a_published_page_names_no_folder_of_the_user(view_of: Build) -> None:
    """A setting may hold a path."""
    view = view_of(agreement("a"), settings={"data_dir": "/home/someone/secret"})
    assert "secret" not in str(environment.build(view))


@pytest.mark.parametrize("settings", [{"quick": True}, {"size": "quick"}])
def test_a_quick_run_says_so(view_of: Build, settings: Json) -> None:
    """Before anything else."""
    assert sentences(answer.build(view_of(agreement("a"), settings=settings)))[0].startswith("This was a quick run")


def test_a_slow_call_style_is_a_warning(view_of: Build) -> None:
    """Eager takes eight times as long as the graph."""
    rows = []
    for style, value in (("graph", 100.0), ("eager", 800.0)):
        case = layer_case(style=style)
        rows += [agreement("a", case=case), synthetic.throughput("a", {(0, 0): value, (1, 0): value}, case=case)]
    told = [plain(warning) for warning in warnings(view_of(*rows))]
    assert "The call style matters: a (eager) takes 8.00 times as long as a (graph) at dense 32×32." in told  # noqa: RUF001


def test_a_speed_that_depends_on_the_process_is_a_warning(view_of: Build) -> None:
    """One round takes 100 µs a call, the other thirty times that."""
    unsteady = synthetic.throughput("a", {(0, 0): 1e5, (0, 1): 9e5, (1, 0): 3e6})
    told = [plain(warning) for warning in listed(view_of(agreement("a"), unsteady))]
    assert any(warning.startswith("From round to round a (graph) takes 100 µs to 3.00 ms") for warning in told)


def test_many_of_a_kind_are_counted_not_listed(view_of: Build) -> None:
    """Seven wrong ones among twenty: four warnings and a count; in the section the wrong ones alone are listed."""
    wrong = [agreement(f"wrong-{number}", 9, "disagrees", reason="bad") for number in range(7)]
    view = view_of(*(agreement(f"right-{number}") for number in range(13)), *wrong)
    told = [plain(warning) for warning in warnings(view)]
    assert sum("disagrees with the reference" in warning for warning in told) == 4
    assert "3 more of this kind: see Agreement." in told
    listed = [
        told for told in sentences(agreements.build(view)) if "agrees in 1 case" in told or "disagrees in" in told
    ]
    assert [sentence.split("-")[0] for sentence in listed] == ["wrong"] * 7
    told = sentences(agreements.build(view))
    assert any(
        one.startswith(
            "13 of 20 agree in every case of outputs, first-order gradients and moving statistics. Within the bound in "
            "32 and 64 bits on ordinary data: right-0, "
        )
        for one in told
    )


def test_data_sets_are_described_in_their_own_words(view_of: Build, tmp_path: Path) -> None:
    """Source, sizes and split."""
    training = synthetic.convergence("a", tmp_path / "run", {"step_loss": [1.0]})
    described = {"name": "digits", "source": "a package.", "train_size": 80, "test_size": 10, "split_rule": "by hash"}
    training["samples"]["dataset"] = described
    blocks = environment.build(view_of(training)).blocks
    (data,) = [dict(block.items) for block in blocks if isinstance(block, Terms) and dict(block.items).get("digits")]
    assert plain(data["digits"]) == "a package. 80 for training, 10 for testing. Split: by hash."


def test_labels_show_what_was_observed(view_of: Build) -> None:
    """A claim and what was seen need not be the same words."""
    labels = {"threads": {"claimed": "at most 2", "observed": "1.00", "evidence": "processor time"}}
    section = environment.build(view_of(agreement("a", labels=labels)))
    (row,) = rows_of(section, "labels-table")
    assert (row["Claimed"], row["Observed"], row["Records"]) == ("at most 2", "1.00", "1")
