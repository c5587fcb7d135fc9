"""The plan: complete, without doubles, and with the agreement case that each speed needs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks.agreement_grid import SMALL_SHAPES, small
from benchmarks.cases import LAYER_WORK, Case, agreement_cases, gates, plan, throughput_cases
from benchmarks.harness.folder import RunFolder
from benchmarks.harness.front import tell
from benchmarks.harness.session import exit_code, with_gates
from benchmarks.settings import AXES, Settings
from bn_impls.registry import BUILT_IN, Descriptor, describe

SIZES = ("quick", "default", "full")
NUMPY, MANUAL, KERAS = (describe(name) for name in ("numpy-reference", "tf-manual", "keras"))


def counts(size: str, descriptor: Descriptor) -> dict[str, int]:
    """Cases an axis."""
    return dict(Counter(case.axis for case in plan(Settings(size=size), [descriptor])))


@pytest.mark.parametrize("size", SIZES)
def test_case_ids_are_unique(size: str) -> None:
    """Across axes, implementations, shapes, precisions, layouts and styles."""
    cases = plan(Settings(size=size), BUILT_IN)
    assert len({case.case_id for case in cases}) == len(cases)


@pytest.mark.parametrize("size", SIZES)
def test_different_cases_have_different_parameters(size: str) -> None:
    """No two ids stand for one measurement."""
    cases = plan(Settings(size=size), BUILT_IN)
    content = {(case.axis, case.implementation, repr(sorted(case.parameters.items()))) for case in cases}
    assert len(content) == len(cases)


def test_the_number_of_cases_by_hand() -> None:
    """Quick: 8 on small shapes and 2 timed ones; 2 works of 2 shapes and the network; with and without; one format.

    Quick's eight: two shapes in two dtypes, channels first, the conditions, bfloat16, second order. The default has
    ten more: conditions of rank 2, ranks 3 and 5, one map, without beta, without gamma, float16, second order of
    rank 2, one value, an empty batch. Full has 32 more, of which the next test says which. The network runs compiled,
    so three of its layers' shapes are compared in that style too. Full trains all seven networks with batch
    normalization and without, from 10 seeds for network 000, 3 for others; two APIs also run on two replicas.
    """
    assert counts("quick", MANUAL) == {"agreement": 10 + 3, "throughput": 5, "convergence": 2, "checkpoint": 1}
    assert counts("default", MANUAL) == {
        "agreement": 18 + 4 + 3, "throughput": 9, "convergence": 2, "checkpoint": 1,
    }  # fmt: skip
    assert counts("quick", NUMPY) == {"agreement": 10, "throughput": 5, "convergence": 2, "checkpoint": 1}
    a_style, trained = 18 + 32 + 9, 2 * (10 + 6 * 3)
    full = {
        "agreement": 3 * a_style + 4, "throughput": 3 * (3 * 9 + 1), "convergence": trained,
        "checkpoint": restores(2, 1),
    }  # fmt: skip
    assert counts("full", MANUAL) == full
    with_subclass = {"agreement": 4 * a_style + 4, "throughput": 4 * 3 * 9 + 3}
    assert counts("full", KERAS) == full | with_subclass | {"checkpoint": restores(4, 2)}  # a fourth style of layers
    assert counts("full", NUMPY) == {"agreement": a_style, "throughput": 28, "convergence": trained, "checkpoint": 18}


def restores(formats: int, parts: int) -> int:
    """Checkpoint cases of a full run of an implementation whose own formats do not include NPZ.

    Each format and NPZ: a network into a new object and into six others, and a layer; each own format damaged; each
    part; and a row for each of the ten formats that is not offered.
    """
    offered = formats + 1
    return offered * (1 + 6 + 1) + formats + parts + (10 - offered)


def test_full_adds_dtypes_layouts_odd_sizes_and_what_is_off() -> None:
    """Counted by what they are for; each shape, dtype, layout and input once."""
    added = [case for case in small("full") if case not in set(small("default"))]
    kinds = Counter(
        (case.input, case.dtype, case.layout, case.gradients, case.center and case.scale, len(case.shape))
        for case in added
    )
    last, first = "channels_last", "channels_first"
    wide = ("float64", "float16", "bfloat16")
    conditions = {("conditions", dtype, last, "first", True, rank): 1 for dtype in wide for rank in (2, 4)}
    ranks = {("normal", dtype, last, "first", True, rank): 1 for dtype in wide for rank in (3, 5)}
    narrow = {
        key: 1 for dtype in wide[1:]
        for key in (("normal", dtype, last, "first", True, 2), ("normal", dtype, first, "first", True, 4))
    }  # fmt: skip
    assert kinds == conditions | ranks | narrow | {
        ("conditions", "float32", first, "first", True, 4): 1,
        ("normal", "float32", first, "first", True, 3): 1,
        ("normal", "float32", first, "first", True, 5): 1,
        ("normal", "float32", last, "first", True, 2): 3,  # odd sizes
        ("normal", "float32", last, "first", True, 4): 1,
        ("normal", "float32", last, "first", False, 2): 3,
        ("normal", "float32", last, "first", False, 4): 1,
        ("normal", "float64", last, "second_order", True, 2): 1,
        ("normal", "float64", last, "second_order", True, 4): 1,
        ("normal", "float32", first, "second_order", True, 4): 1,
        ("one_value", "float32", last, "first", True, 4): 1,
        ("empty", "float32", last, "first", True, 4): 1,
    }  # fmt: skip


def test_the_default_grid_is_the_one_that_was_promised() -> None:
    """Dense 32x32 and 256x256, maps 32x56x56x64 and 100x75x75x8, both works, each framework's usual style."""
    cases = [case.parameters for case in throughput_cases(Settings(), MANUAL)]
    layers = {(case["work"], tuple(case["shape"]), case["style"]) for case in cases if case["work"] in LAYER_WORK}
    shapes = ((32, 32), (256, 256), (32, 56, 56, 64), (100, 75, 75, 8))
    assert layers == {(work, shape, "graph") for work in ("inference", "training_forward_backward") for shape in shapes}


def test_full_adds_shapes_works_and_styles() -> None:
    """Every combination stands in the plan once."""
    cases = [case.parameters for case in throughput_cases(Settings(size="full"), KERAS)]
    layers = Counter(
        (case["work"], tuple(case["shape"]), case["style"]) for case in cases if case["work"] in LAYER_WORK
    )
    more = ((64, 4096), (8192, 100), (32, 28, 28, 128), (32, 14, 14, 256), (128, 7, 7, 512))
    assert {shape for _, shape, _ in layers} == {(32, 32), (256, 256), (32, 56, 56, 64), (100, 75, 75, 8), *more}
    assert {style for _, _, style in layers} == {"graph", "eager", "xla", "subclassed"}
    assert {work for work, _, _ in layers} == set(LAYER_WORK)
    assert len(layers) == 3 * 9 * 4
    assert set(layers.values()) == {1}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("axes", [("throughput",), AXES])
@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_each_speed_has_its_agreement_case_in_the_plan(size: str, axes: tuple[str, ...], device: str) -> None:
    """Same implementation, dtype and device; for a layer also the same shape, layout and style."""
    settings = Settings(size=size, axes=axes, device=device)
    cases = {case.case_id: case for case in plan(settings, BUILT_IN)}
    timed = [case for case in cases.values() if case.axis == "throughput"]
    assert timed
    for case in timed:
        needed = [cases[one.case_id] for one in gates(case)]
        assert all(one.axis == "agreement" and one.implementation == case.implementation for one in needed)
        assert all(one.parameters["input"] == "normal" for one in needed)
        same = ("dtype", "device", *(("shape", "layout", "style") if case.parameters["work"] in LAYER_WORK else ()))
        assert [needed[0].parameters[name] for name in same] == [case.parameters[name] for name in same]
        assert [tuple(one.parameters["shape"]) for one in needed[1:]] == list(SMALL_SHAPES)


def test_a_selected_speed_brings_its_gate_along_once() -> None:
    """Two works of one shape share their gates, the small odd shapes among them; the selected stay in front."""
    settings = Settings(size="quick")
    selected = [case for case in throughput_cases(settings, MANUAL) if "-32x32-" in case.label]
    found = with_gates(selected)
    assert found[: len(selected)] == selected
    assert [case.case_id for case in found[len(selected) :]] == [
        f"agreement:tf-manual:{shape}-float32-graph-cpu" for shape in ("32x32", "7x5", "8x7x7x5")
    ]


def test_agreement_covers_both_layouts_two_precisions_and_odd_sizes() -> None:
    """Even where nothing is timed."""
    seen = {
        (case.parameters["layout"], case.parameters["dtype"], len(case.parameters["shape"]))
        for case in agreement_cases(Settings(size="quick"), NUMPY)
    }
    assert seen == {
        ("channels_last", "float32", 2), ("channels_last", "float64", 2), ("channels_last", "float32", 4),
        ("channels_last", "float64", 4), ("channels_first", "float32", 4), ("channels_last", "bfloat16", 4),
    }  # fmt: skip
    smallest = next(agreement_cases(Settings(size="quick"), NUMPY)).parameters
    assert (smallest["shape"], smallest["steps"], smallest["seed"]) == ([7, 5], 50, 0)


def test_all_conditions_of_a_dtype_have_their_channels() -> None:
    """Four each; float16 cannot express a mean of a million."""
    widths = {
        case.dtype: case.shape[-1]
        for case in small("full")
        if case.input == "conditions" and case.layout == "channels_last"
    }
    assert widths == {"float32": 40, "float64": 40, "bfloat16": 40, "float16": 36}


def test_ill_conditioned_input_gates_no_speed() -> None:
    """Nor do 16 bits, parameters that are off or second-order gradients: what is timed has none of them."""
    for case in plan(Settings(size="full"), [KERAS]):
        if case.axis == "throughput":
            for needed in gates(case):
                chosen = needed.parameters
                assert (chosen["input"], chosen["gradients"]) == ("normal", "first")
                assert (chosen["center"], chosen["scale"], chosen["dtype"]) == (True, True, "float32")


@pytest.mark.parametrize("size", SIZES)
def test_a_case_comes_back_from_json_as_it_was(size: str) -> None:
    """Also with a ``module:OBJECT``, whose colon is the separator too."""
    descriptors = [*BUILT_IN, Descriptor(name="my.own:LAYER", framework="", summary="", target="my.own:LAYER")]
    for case in plan(Settings(size=size), descriptors):
        assert Case.from_json(case.as_json()) == case


def test_settings_come_back_from_json_as_they_were() -> None:
    """With fields that a later version adds ignored."""
    settings = Settings(axes=("checkpoint",), implementations=("a:B",), size="full", timeout_s=2.5, data_dir="/d")
    assert Settings.from_json({**settings.as_json(), "invented": 1}) == settings


def test_a_group_holds_what_is_compared_whatever_the_style() -> None:
    """The same work, shape, dtype and device of every implementation."""
    groups: dict[str, set[tuple[str, str]]] = {}
    for descriptor in BUILT_IN:
        for case in throughput_cases(Settings(size="quick"), descriptor):
            groups.setdefault(case.group, set()).add((case.implementation, case.parameters["style"]))
    usual = {(descriptor.name, descriptor.styles[0]) for descriptor in BUILT_IN}
    assert groups["throughput:inference-32x32-float32-*-cpu"] == usual
    assert len(groups) == 5


def test_a_group_leaves_the_style_open_and_no_part_of_another_word() -> None:
    """Photographs are drawn in graphs too; what has no style, or none in its label, is its own group."""
    label = "cnn-with_batch_norm-photographs-graph-cpu"
    assert Case("convergence", "keras", label, {"style": "graph"}).group == (
        "convergence:cnn-with_batch_norm-photographs-*-cpu"
    )
    for parameters in ({}, {"style": "eager"}):
        assert Case("convergence", "keras", label, parameters).group == f"convergence:{label}"
    named = [case for case in plan(Settings(size="full"), BUILT_IN) if f"-{case.parameters.get('style')}" in case.label]
    assert named
    assert all(f"-{case.parameters['style']}-" in case.label and "-*-" in case.group for case in named)


def test_the_data_set_of_the_settings_is_the_one_of_every_case_that_needs_one() -> None:
    """Network cases carry its name, those of other documents with a view; document 003's needs colour."""
    cases = plan(Settings(dataset="digits", size="full"), BUILT_IN)
    named = {case.parameters["dataset"] for case in cases if "dataset" in case.parameters}
    assert named == {"digits", "digits+binary", "digits+small+halves", "photographs"}
    assert all(("dataset" in case.parameters) == ("network" in case.parameters) for case in cases)


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        (["ok", "unsupported", "not_installed", "no_device"], 0),
        (["ok", "disagrees"], 1),
        (["ok", "failed"], 3),
        (["disagrees", "crashed"], 3),
        (["timed_out"], 3),
        (["out_of_memory"], 3),
        (["ok", None], 3),
        ([], 0),
    ],
)
def test_the_exit_code_says_the_worst(statuses: list[str | None], code: int) -> None:
    """0 all accounted for, 1 disagreement, 3 failure or a planned case without a record."""
    cases = [Case("agreement", "i", str(number), {}) for number in range(len(statuses))]
    pairs = zip(cases, statuses, strict=True)
    records: dict[str, dict[str, Any]] = {case.case_id: {"status": status} for case, status in pairs if status}
    assert exit_code(cases, records) == code


def test_a_wrong_second_order_gradient_is_told_and_decides_nothing() -> None:
    """Ordinary training never uses it (decision 0011); a crash there counts all the same."""
    second = Case("agreement", "i", "second", {"gradients": "second_order"})
    codes = [exit_code([second], {second.case_id: {"status": status}}) for status in ("disagrees", "crashed")]
    assert codes == [0, 3]


def test_only_what_decides_nothing_is_told_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong second-order gradient; one that failed ends the command with 3, and nothing else is said of it."""
    cases = [Case("agreement", "i", name, {"gradients": "second_order"}) for name in ("wrong", "broken")]
    statuses = dict(zip((case.case_id for case in cases), ("disagrees", "failed"), strict=True))
    records = {name: {"case_id": name, "status": status, "reason": "why"} for name, status in statuses.items()}
    folder = RunFolder.create(tmp_path / "run", Settings())
    folder.write_plan(cases)
    assert tell(folder, records) == 3
    folder.close()
    told = capsys.readouterr().out
    assert "  disagrees (told; it decides no exit code, see docs/decisions/0011): agreement:i:wrong: why\n" in told
    assert "  failed: agreement:i:broken: why\n" in told
