"""Run folders hold what ``docs/records.md`` says, no more and no less."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from typing import Any

import numpy as np
import pytest

from benchmarks.harness.contents import STATUSES
from benchmarks.harness.environment import describe
from benchmarks.harness.folder import RunFolder
from benchmarks.harness.workers import CHECKOUT
from benchmarks.settings import AXES

DOCUMENT = (CHECKOUT / "docs" / "records.md").read_text(encoding="utf-8")
QUANTITIES = (
    "output_training", "output_inference", "gradient_input", "gradient_gamma", "gradient_beta", "moving_mean",
    "moving_variance",
)  # fmt: skip
TYPES: dict[str, Any] = {"int": int, "str": str, "object": dict, "str or null": (str, type(None))}


def section(title: str) -> str:
    """The text under a heading of the document."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]


def documented_names(axis: str, field: str) -> set[str]:
    """The names that the document lists for a field of an axis."""
    found = re.search(rf"^`{field}`: (.*?)\n\n", section(axis.capitalize()) + "\n\n", re.MULTILINE | re.DOTALL)
    assert found is not None, (axis, field)
    text = re.sub(r"\([^)]*\)", "", found[1])  # what stands in brackets explains a value
    return set(re.findall(r"`([^`]+)`", text))


def record_fields() -> dict[str, str]:
    """Field -> type, from the table of the document."""
    return dict(re.findall(r"^\| `(\w+)` \| ([\w ]+) \|", section("A record"), re.MULTILINE))


@pytest.fixture(scope="module")
def ran(
    tmp_path_factory: pytest.TempPathFactory, good: str, small_settings: Any, planned_cases: Any, run_cases: Any
) -> Any:
    """One small run over all axes."""
    settings = small_settings([good])
    chosen = planned_cases(
        settings,
        r"^agreement.*(:7x5-float32|:8x7x7x5-float32|:32x32)|^throughput.*(inference-32x32|network)|^convergence|^checkpoint",
    )
    folder = RunFolder.create(tmp_path_factory.mktemp("records") / "run", settings)
    folder.add_sitting(describe(1))
    return run_cases(folder, chosen)


def record_of(ran: Any, *parts: str) -> dict[str, Any]:
    """The one record whose id has all these parts, as it stands in the file."""
    (found,) = [line for line in ran.lines() if all(part in line["case_id"] for part in parts)]
    return dict(found)


def test_records_have_exactly_the_documented_fields_and_types(ran: Any) -> None:
    """In the order of the table."""
    fields = record_fields()
    assert list(fields)[:3] == ["schema", "run", "case_id"]
    for record in ran.lines():
        assert list(record) == list(fields)
        for name, kind in fields.items():
            assert isinstance(record[name], TYPES[kind]), name
        assert (record["schema"], record["run"]) == (1, ran.folder.run)
        assert re.fullmatch(r"\d{8}-\d{6}", record["run"])


def test_every_planned_case_is_one_record_and_good(ran: Any) -> None:
    """Planned = accounted; a status of ok has no reason."""
    lines = ran.lines()
    assert Counter(line["case_id"] for line in lines) == Counter(case.case_id for case in ran.cases)
    assert {(line["status"], line["reason"]) for line in lines if "second_order" not in line["case_id"]} == {
        ("ok", None)
    }
    assert {line["axis"] for line in lines} == set(AXES)
    for line in lines:
        assert line["case_id"].startswith(f"{line['axis']}:{line['implementation']}:")


def test_the_statuses_are_the_documented_ones() -> None:
    """All of them, in the order of the document."""
    (listed,) = re.findall(r"^Statuses: (.*?)\. Every", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert tuple(re.findall(r"`(\w+)`", listed)) == STATUSES


def test_agreement_has_the_documented_case_metrics_and_samples(ran: Any) -> None:
    """Five measures of each of seven quantities, the worst of all, and the conventions."""
    record = record_of(ran, "agreement", ":7x5-float32")
    assert set(record["case"]) == documented_names("agreement", "case")
    measures = ("abs", "rel", "ulp", "over_bound", "over_limit")
    documented = documented_names("agreement", "metrics") - set(QUANTITIES)
    named = {name for name in documented if not name.startswith(("_error_", "<quantity>"))}
    assert documented - named == {"<quantity>_error_abs", *(f"_error_{measure}" for measure in measures[1:])}
    figures = {f"{quantity}_error_{measure}" for quantity in QUANTITIES for measure in measures}
    assert set(record["metrics"]) == figures | named
    assert set(record["samples"]) == {"steps", "durations_ns"}
    assert set(record["samples"]["steps"]) == set(QUANTITIES)
    assert len(record["samples"]["durations_ns"]) == 51  # fifty steps with gradients and one without
    worst = record["metrics"]["worst_quantity"]
    assert record["metrics"]["worst_error_over_bound"] == record["metrics"][f"{worst}_error_over_bound"]
    for quantity in QUANTITIES:
        for measure in measures:
            values = record["samples"]["steps"][quantity][measure]
            assert len(values) == 51
            worst_value = max(value for value in values if value is not None)
            assert float(f"{record['metrics'][f'{quantity}_error_{measure}']:.4g}") == worst_value
            assert values[:50].count(None) == 0
            assert (values[50] is None) == quantity.startswith("gradient")


FIELDS_OF_A_PASS = ("round", "pass", "loops", "durations_ns", "heap_grown_bytes", "python_blocks_grown")


def test_throughput_has_the_documented_case_metrics_and_samples(ran: Any) -> None:
    """A layer and the network, each with its own fields; metrics follow from the samples."""
    layer, network = record_of(ran, "throughput", "inference"), record_of(ran, "throughput", "network")
    documented = documented_names("throughput", "case") - {"network_training_step"}
    of_network = {"network", "dataset", "batch_size", "optimizer", "learning_rate", "steps_per_call", "layer_style"}
    assert set(layer["case"]) == documented - of_network
    assert set(network["case"]) == documented - {"decay", "epsilon"}
    for record in (layer, network):
        assert set(record["metrics"]) == documented_names("throughput", "metrics")
        assert set(record["samples"]) == {"passes"}
        passes = record["samples"]["passes"]
        steps = [ns / line["loops"] for line in passes for ns in line["durations_ns"]]
        assert [sorted(line) for line in passes] == [sorted(FIELDS_OF_A_PASS)] * 9
        assert record["metrics"]["step_ns_min"] == min(steps)
        assert record["metrics"]["step_ns_median"] == sorted(steps)[len(steps) // 2]
        assert len(steps) in range(9, 28)  # a machine under load may make a sample long, and then one is enough
        assert record["metrics"]["rounds"] == 3
        assert record["metrics"]["peak_rss_mib"] > 1
    assert all(line["loops"] % 50 == 0 for line in network["samples"]["passes"])  # one call is 50 steps


def test_convergence_has_the_documented_case_metrics_and_samples(ran: Any) -> None:
    """The curves stand in an NPZ named by its hash, with both modes only where there are two."""
    for kind, modes in (("-with_", ("moving", "batch", "population")), ("without_", ("moving",))):
        record = record_of(ran, "convergence", kind)
        assert set(record["case"]) == documented_names("convergence", "case")
        assert set(record["metrics"]) == documented_names("convergence", "metrics")
        samples = record["samples"]
        assert set(samples) == {"file", "sha256", "arrays", "durations_ns", "dataset"}
        path = ran.folder.path / samples["file"]
        assert samples["file"] == f"curves/{samples['sha256'][:16]}.npz"
        assert hashlib.sha256(path.read_bytes()).hexdigest() == samples["sha256"]
        curves = {f"{split}_{what}_{mode}" for split in ("train", "validation") for what in ("loss", "accuracy")
                  for mode in modes}  # fmt: skip
        with np.load(path, allow_pickle=False) as arrays:
            by_step = {"step_loss", "reference_step_loss", "rounding_band", "rounding_limit"}
            assert set(arrays.files) == set(samples["arrays"]) == curves | by_step
            assert {arrays[name].shape for name in by_step} == {(record["metrics"]["steps"],)}
            assert {arrays[name].shape for name in curves} == {(2,)}  # one an epoch
            assert record["metrics"]["final_train_loss"] == float(arrays["step_loss"][-1])
        assert len(samples["durations_ns"]) == 2
        assert record["metrics"]["steps"] == 2 * (record["metrics"]["train_size"] // 32)


def test_checkpoint_has_the_documented_case_metrics_and_samples(ran: Any) -> None:
    """A hundred steps before, fifty after; everything came back."""
    record = record_of(ran, "checkpoint")
    assert set(record["case"]) == documented_names("checkpoint", "case")
    assert set(record["metrics"]) == documented_names("checkpoint", "metrics")
    assert set(record["samples"]) == documented_names("checkpoint", "samples")
    assert len(record["samples"]["uninterrupted_loss"]) == len(record["samples"]["resumed_loss"]) == 50
    metrics = record["metrics"]
    assert (metrics["num_updates_saved"], metrics["num_updates_restored"]) == (100, 100)
    assert (metrics["optimizer_step_saved"], metrics["optimizer_step_restored"]) == (100, 100)
    assert metrics["resumed_bitwise"] is True
    assert metrics["resumed_first_difference_step"] is None


def test_labels_are_claims_beside_observations(ran: Any) -> None:
    """Device, dtype and style everywhere; threads where something was timed, and the outputs of a timed layer."""
    for line in (line for line in ran.lines() if line["status"] == "ok"):
        timed = {"threads"} if line["axis"] == "throughput" else set()
        if timed and line["case"]["work"] != "network_training_step":
            timed |= {"outputs"}
        assert set(line["labels"]) == {"device", "dtype", "style"} | timed
        for name, label in line["labels"].items():
            assert set(label) == {"claimed", "observed", "evidence"}
            if name != "threads":
                assert label["claimed"] == label["observed"] == line["case"].get(name, label["claimed"])
        if timed:
            assert line["labels"]["threads"]["claimed"] == "at most 1"


def test_records_carry_the_versions_that_the_implementation_names(ran: Any) -> None:
    """Those of the worker's own interpreter."""
    assert {json.dumps(line["versions"]) for line in ran.lines()} == {json.dumps({"numpy": np.__version__})}


def test_the_folder_has_the_documented_files(ran: Any) -> None:
    """What the harness writes; the report and pytest-benchmark's file come from elsewhere."""
    listed = set(
        re.findall(r"`([\w./*]+)`", "".join(re.findall(r"^\| (`.*?) \|", DOCUMENT.split("## A record")[0], re.M)))
    )
    found = {path.name for path in ran.folder.path.iterdir()} - {".lock"}
    assert found == {
        "plan.json", "passes.jsonl", "records.jsonl", "sentinel.jsonl", "environment.json", "curves",
    }  # fmt: skip
    assert found - {"curves"} <= listed
    assert "curves/*.npz" in listed
