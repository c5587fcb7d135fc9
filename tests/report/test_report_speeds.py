"""Which speeds are published, what they are compared with, and how they are ranked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.report.speeds import Group, Speed
from benchmarks.report.view import View
from tests.report.synthetic import Json, agreement, convergence, layer_case, record, throughput

Build = Callable[..., View]
ONE = {(0, 0): 100.0}


def rounds(*values: float) -> dict[tuple[int, int], float]:
    """One pass a round."""
    return {(number, 0): value for number, value in enumerate(values)}


def only_group(view: View) -> Group:
    """The one group of a run."""
    (group,) = view.speeds.groups
    return group


def by_name(view: View) -> dict[str, Speed]:
    """The speeds of the one group, by implementation and style."""
    return {f"{speed.entry[0]}-{speed.entry[1]}": speed for speed in only_group(view).speeds}


def test_a_speed_beside_a_passed_agreement_is_published(view_of: Build) -> None:
    """The same implementation, shape, layout, dtype, style and device."""
    view = view_of(agreement("a"), throughput("a", ONE))
    assert by_name(view)["a-graph"].withheld is None


@pytest.mark.parametrize(
    "change", [{"shape": [64, 32]}, {"layout": "NHWC"}, {"dtype": "float16"}, {"style": "xla"}, {"device": "gpu"}]
)
def test_a_speed_without_its_own_agreement_is_withheld(view_of: Build, change: Json) -> None:
    """An agreement of something else bears no witness."""
    view = view_of(agreement("a", case=change), throughput("a", ONE))
    assert by_name(view)["a-graph"].withheld == (
        "no speed: no agreement was measured for this shape, layout, dtype, style and device"
    )


def test_the_speed_of_a_wrong_implementation_is_withheld_with_the_reason(view_of: Build) -> None:
    """A wrong implementation gets a row that says what is wrong, and no speed."""
    wrong = agreement("a", 12, "disagrees", reason="moving_variance is 12 times its bound")
    view = view_of(wrong, throughput("a", ONE))
    assert by_name(view)["a-graph"].withheld == "no speed: disagrees: moving_variance is 12 times its bound"


def test_one_disagreement_outweighs_agreements(view_of: Build) -> None:
    """Of the same case with two seeds, one is wrong."""
    right, wrong = agreement("a", case={"seed": 0}), agreement("a", 9, "disagrees", case={"seed": 1}, reason="bad")
    view = view_of(right, wrong, throughput("a", ONE))
    assert by_name(view)["a-graph"].withheld == "no speed: disagrees: bad"


def test_an_agreement_that_crashed_bears_no_witness(view_of: Build) -> None:
    """And its reason is given."""
    crashed = record("agreement", "a", layer_case() | {"input": "normal"}, "crashed", reason="signal 11")
    assert by_name(view_of(crashed, throughput("a", ONE)))["a-graph"].withheld == (
        "no speed: agreement crashed: signal 11"
    )


def test_conditioning_grades_never_gate_a_speed(view_of: Build) -> None:
    """Only normally distributed input does."""
    hard = agreement("a", 900, "disagrees", case={"input": "offset 1e4"}, reason="cancellation")
    assert by_name(view_of(agreement("a"), hard, throughput("a", ONE)))["a-graph"].withheld is None
    hard["status"] = "ok"
    assert by_name(view_of(hard, throughput("a", ONE)))["a-graph"].withheld is not None


NETWORK = {"shape": None, "layout": None, "network": "000", "batch_size": 32}


@pytest.mark.parametrize(
    ("style", "layer_style", "published"), [("graph", None, True), ("xla", None, False), ("xla", "graph", True)]
)
def test_a_network_needs_an_agreement_in_the_style_of_its_layers(
    view_of: Build, style: str, layer_style: str | None, published: bool
) -> None:
    """Any shape will do; ``layer_style`` names the layers' style where the network's is another."""
    case = NETWORK | {"style": style} | ({"layer_style": layer_style} if layer_style else {})
    view = view_of(agreement("a"), throughput("a", ONE, "network_training_step", case))
    assert only_group(view).speeds[0].published == published


def test_dense_agreements_decide_for_a_network(view_of: Build) -> None:
    """A layer that is wrong on maps only may still train a dense network."""
    maps = agreement("a", 99, "disagrees", case=layer_case((8, 4, 4, 2)), reason="wrong axis")
    view = view_of(agreement("a"), maps, throughput("a", ONE, "network_training_step", NETWORK))
    assert only_group(view).speeds[0].withheld is None


def test_a_training_time_is_gated_too(view_of: Build, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The time of a training step in the convergence axis is a speed as well."""
    training = convergence("a", tmp_path_factory.mktemp("curves"), {"step_loss": [1.0]}, style="loop")
    assert view_of(agreement("a"), training).speeds.gate.why_withheld(_last(view_of(agreement("a"), training))) is None
    wrong = view_of(agreement("a", 9, "disagrees", reason="bad"), training)
    assert wrong.speeds.gate.why_withheld(_last(wrong)) == "no speed: disagrees: bad"


def _last(view: View):  # type: ignore[no-untyped-def]
    return view.run.records[-1]


def test_the_baseline_is_keras(view_of: Build) -> None:
    """The ratio of the baseline is 1, that of one that takes twice the time is 2."""
    view = view_of(
        agreement("slow"), agreement("keras"), throughput("slow", rounds(200)), throughput("keras", rounds(100))
    )
    speeds = by_name(view)
    assert speeds["keras-graph"].is_baseline
    assert speeds["slow-graph"].verdict is not None
    assert speeds["slow-graph"].verdict.ratio == pytest.approx(2)


def test_without_a_published_baseline_the_first_row_is_it(view_of: Build) -> None:
    """Keras disagrees here, so its time is no measure."""
    wrong = agreement("keras", 9, "disagrees", reason="bad")
    rows = [throughput(who, rounds(value)) for who, value in (("keras", 100), ("a", 200), ("b", 50))]
    view = view_of(agreement("a"), agreement("b"), wrong, *rows)
    baseline = only_group(view).baseline
    assert baseline is not None
    assert baseline.entry == ("a", "graph")


def test_the_baseline_is_a_setting(view_of: Build) -> None:
    """``baseline`` of the plan."""
    rows = [agreement("a"), agreement("keras"), throughput("keras", ONE), throughput("a", ONE)]
    baseline = only_group(view_of(*rows, settings={"baseline": "a"})).baseline
    assert baseline is not None
    assert baseline.entry[0] == "a"


def test_different_work_is_never_in_one_group(view_of: Build) -> None:
    """Inference and training are not ranked against each other, nor are two dtypes."""
    half = layer_case(dtype="float16")
    view = view_of(
        agreement("a"),
        agreement("a", case=half),
        throughput("a", ONE, "inference"),
        throughput("a", ONE, "training_forward"),
        throughput("a", ONE, "inference", half),
    )
    assert sorted(len(group.speeds) for group in view.speeds.groups) == [1, 1, 1]


def test_rows_that_cannot_be_told_apart_share_a_rank(view_of: Build) -> None:
    """a and b cross from round to round; c is slower in every round."""
    times = {"a": (100, 101, 100), "b": (101, 100, 100.5), "c": (200, 202, 201)}
    rows = [throughput(who, rounds(*values)) for who, values in times.items()]
    speeds = by_name(view_of(*(agreement(who) for who in times), *rows))
    assert [speeds[f"{who}-graph"].rank for who in times] == [1, 1, 3]


def test_one_round_ranks_nobody(view_of: Build) -> None:
    """Nothing is certain without an interval."""
    view = view_of(agreement("a"), agreement("b"), throughput("a", ONE), throughput("b", {(0, 0): 900.0}))
    assert {speed.rank for speed in only_group(view).speeds} == {None}
