"""The report on checkpoints beyond the usual ones: ways to save, situations, damage, probes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.report.document import Bullets, Section, Table, plain
from benchmarks.report.sections import cards, checkpoint, cross_restore, glance, warnings
from benchmarks.report.sections.restore_advice import cause
from benchmarks.report.sections.restore_names import moving_mean
from benchmarks.report.view import View
from benchmarks.report.wording import DASH
from tests.report import synthetic
from tests.report.synthetic import Json, record

Build = Callable[..., View]
OPTIMIZER_LOST = {"lost": [{"name": "optimizer/dense_0/kernel/m", "cause": "untouched", "other": ""},
                           {"name": "optimizer/step", "cause": "untouched", "other": ""}]}  # fmt: skip


def partial(who: str, way: str, samples: Json, reason: str | None = "the optimizer was not restored") -> Json:
    """A part that was saved by itself."""
    return synthetic.checkpoint(who, format=way, partial=True) | {"samples": samples, "reason": reason}


def damaged(who: str, by_kind: dict[str, dict[str, int]], way: str = "keras") -> Json:
    """Trials of damage, by kind and end."""
    ends = {end: sum(of.get(end, 0) for of in by_kind.values()) for end in ("refused", "identical", "wrong", "crashed")}
    metrics = {"trials": sum(ends.values()), **ends}
    return record("checkpoint", who, {"format": way, "damage": "all", "part": "layer"}, metrics=metrics,
                  samples={"by_kind": by_kind})  # fmt: skip


def table_of(section: Section, key: str) -> list[dict[str, str]]:
    """A table's rows by column."""
    (found,) = [block for block in section.blocks if isinstance(block, Table) and block.key == key]
    return [{c.title: cell.text for c, cell in zip(found.columns, row, strict=True)} for row in found.rows]


def told(section: Section) -> list[str]:
    """The sentences of all lists."""
    return [plain(item) for block in section.blocks if isinstance(block, Bullets) for item in block.items]


def test_ways_stand_side_by_side_and_a_part_has_its_advice(view_of: Build) -> None:
    """What comes back, what does not, what is not offered; and the sentence that a user needs."""
    absent = record("checkpoint", "a", {"format": "orbax", "not_offered": "no JAX"}, "unsupported", reason="no JAX")
    view = view_of(
        synthetic.checkpoint("a", format="tf-checkpoint"), absent, partial("a", "tf-checkpoint:network", OPTIMIZER_LOST)
    )
    section = checkpoint.build(view)
    (row,) = table_of(section, "checkpoint-ways")
    assert row == {
        "Implementation": "a",
        "tf-checkpoint": "✓ all",
        "orbax": DASH,
    }
    (part,) = table_of(section, "checkpoint-parts")
    assert (part["Saved by itself"], part["As users write it"]) == (
        "tf-checkpoint:network",
        "tf.train.Checkpoint(network)",
    )
    assert [part[words] for words in ("The weights", "num_updates", "The optimizer's slots")] == ["✓", "✓", "✗"]
    assert (
        "With tf.train.Checkpoint(network) (the network alone) you must also save the optimizer's slots and the "
        "optimizer's step: they did not come back in a."
    ) in told(section)
    assert "With tf.train.Checkpoint everything comes back in a." in told(section)


@pytest.mark.parametrize(
    ("lost", "metrics", "sentence", "cell"),
    [
        (["optimizer/step"], {}, "the optimizer's step did not come back in a; no result changed: inference and the "
         "resumed losses are bitwise the same.", "✗ no effect"),
        (["optimizer/step", "bn_0/num_updates"], {}, "num_updates and the optimizer's step did not come back in a; "
         "no result changed: inference and the resumed losses are bitwise the same. Save num_updates, too, where the "
         "decay warms up by it: the warm-up would start anew.", "✗ no effect"),
        (["optimizer/step"], {"resumed_bitwise": False}, "you must also save the optimizer's step: they did not come "
         "back in a.", "✗"),
        (["optimizer/step", "dense_0/kernel"], {}, "you must also save the weights and the optimizer's step: they did "
         "not come back in a.", "✗"),
    ],
)  # fmt: skip
def test_a_count_that_nothing_used_is_no_must(
    view_of: Build, lost: list[str], metrics: Json, sentence: str, cell: str
) -> None:
    """Only where the figures say so: an array, or a loss that differs, must be saved."""
    samples = {"lost": [{"name": one, "cause": "untouched", "other": ""} for one in lost]}
    way = "tf1-saver:variables"
    found = partial("a", way, samples)
    found["metrics"] |= {"inference_bitwise": True, "resumed_bitwise": True} | metrics
    section = checkpoint.build(view_of(synthetic.checkpoint("a", format="tf1-saver"), found))
    lead = "With Saver() of a graph whose step is fed (the variables, not the step that Python counts) "
    assert lead + sentence in told(section)
    (row,) = table_of(section, "checkpoint-parts")
    assert row["The optimizer's step"] == cell


def test_an_export_has_its_cell_and_its_sentence(view_of: Build) -> None:
    """It holds what inference needs: no column counts what it does not hold as lost."""
    exported = record("checkpoint", "a", {"format": "onnx", "export": True},
                      metrics={"inference_bitwise": False, "inference_difference_abs": 4.77e-7})  # fmt: skip
    section = checkpoint.build(view_of(synthetic.checkpoint("a", format="state-dict"), exported))
    (row,) = table_of(section, "checkpoint-ways")
    assert row["onnx"] == "✓ inference"
    assert (
        "From an ONNX model that a exported, ONNX Runtime infers the same: a logit is at most 4.8e-7 off. Nobody "
        "trains on from it."
    ) in told(section)


def test_a_way_that_is_refused_is_told_with_the_frameworks_words(view_of: Build) -> None:
    """What the averages' documentation suggests, where the weights are not averaged."""
    refused = record("checkpoint", "a", {"format": "tf1-saver:variables_to_restore", "partial": True}, "unsupported",
                     reason="restoring in this way is refused: x (NotFoundError: Key w not found)")  # fmt: skip
    section = checkpoint.build(view_of(synthetic.checkpoint("a", format="tf1-saver"), refused))
    (row,) = table_of(section, "checkpoint-parts")
    assert row["The weights"] == "refused"
    assert any("is refused in a: NotFoundError: Key w not found." in sentence for sentence in told(section))


def test_a_run_of_usual_formats_shows_no_table_of_ways(view_of: Build) -> None:
    """One format each: the table of what came back says it."""
    section = checkpoint.build(view_of(synthetic.checkpoint("a"), synthetic.checkpoint("b")))
    assert [block.key for block in section.blocks if isinstance(block, Table)] == ["checkpoint-table"]


@pytest.mark.parametrize(
    ("metrics", "cell"),
    [
        ({}, "✓ bitwise"),
        ({"inference_bitwise": False, "inference_error_ulp": 2.0}, "✓ state; not bitwise: inference"),
        ({"resumed_bitwise": None}, "✓ state"),
        ({"moving_mean_error_ulp": 9.0}, "✗ moving statistics"),
    ],
)
def test_each_situation_is_a_cell(view_of: Build, metrics: Json, cell: str) -> None:
    """State first; rounding is told apart from loss; what is not there has its reason."""
    gpu = record(
        "checkpoint", "a", {"format": "keras", "situation": "another_device"}, "no_device", reason="no GPU here"
    )
    view = view_of(synthetic.checkpoint("a"), synthetic.checkpoint("a", metrics, situation="trained"), gpu)
    (row,) = table_of(checkpoint.build(view), "checkpoint-situations")
    assert (row["Into an object that has trained on"], row["Into another device"]) == (cell, f"{DASH} no GPU here")


def test_what_damage_restored_wrong_is_told_with_its_share(view_of: Build) -> None:
    """By kind; who restores nothing wrong is told so, also where a process crashed."""
    careless = damaged("a", {"bit_flip": {"refused": 20, "wrong": 180}, "removed": {"refused": 1}})
    careful = damaged("b", {"bit_flip": {"refused": 199, "identical": 1}})
    clumsy = damaged("c", {"bit_flip": {"refused": 198, "crashed": 2}})
    section = checkpoint.build(view_of(synthetic.checkpoint("a"), careless, careful, clumsy))
    assert told(section)[-3:] == [
        "a restores something wrong without complaint from 180 of 201 damaged checkpoints in the format keras (90 %): "
        "one bit flipped (180 of 200).",
        "b restores nothing wrong from 200 damaged checkpoints in the format keras.",
        "c restores nothing wrong from 200 damaged checkpoints in the format keras; 2 trials crashed or hung.",
    ]
    first, second, third = table_of(section, "checkpoint-damage")
    assert (first["Bit flip"], first["Removed"], first["Wrong"]) == ("20 / 0 / 180", "1 / 0 / 0", "180")
    assert (second["Bit flip"], second["Removed"]) == ("199 / 1 / 0", DASH)
    assert third["Bit flip"] == "198 / 0 / 0, 2 crashed"


def handed(source: str, target: str, over: float | None) -> Json:
    """A hand-over whose inference at once is so many bounds off."""
    figures = {"inference_bitwise": over == 0, "inference_difference_abs": 1e-6, "inference_over_bound": over}
    case = {"format": "npz", "source": source, "target": target}
    return record("checkpoint", target, case, metrics=figures)


@pytest.mark.parametrize(
    ("over", "words"),
    [(0.5, "is the same in 1 pair"), (2.0, "explains in 1 of 1 pair"), (None, "explains in 1 of 1 pair")],
)
def test_a_hand_over_is_from_elsewhere_and_has_a_bound(view_of: Build, over: float | None, words: str) -> None:
    """One's own state is none; where there is no bound, nothing explains the difference."""
    section = cross_restore.build(view_of(handed("a", "a", 0.0), handed("a", "b", over)))
    assert words in told(section)[0]


def test_what_is_lost_on_purpose_is_no_warning(view_of: Build) -> None:
    """Cards, glance and warnings judge the usual checkpoints alone."""
    view = view_of(
        synthetic.checkpoint("a"), partial("a", "keras:network", OPTIMIZER_LOST), damaged("a", {"empty": {"wrong": 1}})
    )
    assert "a" in plain(next(c for c in cards._restores(view)).choice)
    assert glance._restores(view, "a").text == "✓ 1 case"
    assert warnings._restores(view) == []


def test_a_probe_is_told_with_its_figures(view_of: Build) -> None:
    """Evaluation by averages of the weights."""
    figures: dict[str, Any] = {"evaluated_bitwise": True, "shadows_of_weights": 4}
    probe = record("checkpoint", "a", {"format": "tf1-saver", "probe": "averaged_weights"}, metrics=figures)
    section = checkpoint.build(view_of(synthetic.checkpoint("a"), probe))
    assert told(section)[-1] == (
        "a, evaluation by moving averages of the weights, restored through variables_to_restore(): works (evaluated "
        "bitwise: yes, shadows of weights: 4)."
    )


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["a/moving_mean/_hidden/.ATTRIBUTES/VARIABLE_VALUE", "a/moving_mean/.ATTRIBUTES/VARIABLE_VALUE"],
         "a/moving_mean/.ATTRIBUTES/VARIABLE_VALUE"),
        (["network.parts.batch_norm_0.weight", "network.parts.batch_norm_0.running_mean"],
         "network.parts.batch_norm_0.running_mean"),
        (["a/moments/Squeeze_1/ExponentialMovingAverage", "a/moments/Squeeze/ExponentialMovingAverage"],
         "a/moments/Squeeze/ExponentialMovingAverage"),
        (["_CHECKPOINTABLE_OBJECT_GRAPH", "layers/batch_normalization/vars/0"],
         "a number, such as layers/batch_normalization/vars/0"),
        (["dense_0/kernel", "a/batch_mean"], DASH),
    ],
)  # fmt: skip
def test_the_name_of_a_moving_mean_is_found(names: list[str], shown: str) -> None:
    """Not a hidden sum, not the batch's mean, not the variance."""
    assert moving_mean(names) == shown


def test_a_refusal_is_told_in_the_frameworks_words() -> None:
    """What stands in its parentheses, with those inside; without any, all of it."""
    refusal = (
        "restoring into another dtype is refused: x is no checkpoint of these tensors (w is f32 (3,), but f64 (3,))"
    )
    assert cause(f"{refusal}; it must come from the same implementation and network") == "w is f32 (3,), but f64 (3,)"
    assert cause("no GPU here") == "no GPU here"
