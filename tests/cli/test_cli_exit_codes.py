"""What ``bn-bench run`` ends with, and what it says, for each way in which a run can come out."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

EPSILON_OUTSIDE = """
from dataclasses import replace

import numpy as np

from bn_impls.numpy_reference import BatchNorm, IMPLEMENTATION as GOOD


def build(configuration):
    built = GOOD.build(configuration)

    def training_step(x):
        y = built.training_step(x)
        axes, wide = configuration.reduction_axes, configuration.parameter_shape
        variance = x.var(axis=axes).reshape(wide)
        epsilon = np.asarray(configuration.epsilon, x.dtype)
        state = built.export_state()
        gamma, beta = state["gamma"].reshape(wide), state["beta"].reshape(wide)
        return gamma * (x - x.mean(axis=axes).reshape(wide)) / (np.sqrt(variance) + epsilon) + beta

    def both(x, dy):
        _, *gradients = built.training_step_with_gradients(x, dy)
        before = built.export_state()
        y = training_step(x)
        built.load_state(before)
        return (y, *gradients)

    return replace(built, training_step=training_step, training_step_with_gradients=both)


LAYER = replace(GOOD, build=build)
"""
CRASHING = """
import ctypes
from dataclasses import replace

from bn_impls.numpy_reference import IMPLEMENTATION as GOOD


def build(configuration):
    return replace(GOOD.build(configuration), training_step_with_gradients=lambda x, dy: ctypes.string_at(0))


LAYER = replace(GOOD, build=build)
"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two implementations that misbehave."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "outside.py").write_text(EPSILON_OUTSIDE)
    (folder / "crashing.py").write_text(CRASHING)
    return folder


def records(folder: Path) -> list[dict[str, Any]]:
    """The records of a run."""
    return [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def mixed(modules: Path, tmp_path_factory: pytest.TempPathFactory, bn_bench: Any) -> tuple[Path, Any]:
    """One run of an implementation that is wrong, one that crashes and one that is good: its folder and its end."""
    folder = tmp_path_factory.mktemp("mixed") / "run"
    done = bn_bench(
        "run", "--quick", "--axes", "agreement", "--implementations", "outside:LAYER,crashing:LAYER,numpy-reference",
        "--output", folder, environment={"PYTHONPATH": str(modules)},
    )  # fmt: skip
    return folder, done


def test_a_disagreeing_implementation_ends_with_1_a_reason_and_no_speed(
    tmp_path: Path, modules: Path, bn_bench: Any
) -> None:
    """Epsilon outside of the root: a classic mistake, far above rounding."""
    done = bn_bench(
        "run", "--quick", "--axes", "throughput", "--dataset", "digits", "--implementations", "outside:LAYER",
        "--output", tmp_path / "run", environment={"PYTHONPATH": str(modules)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "")
    rows = records(tmp_path / "run")
    assert "9 cases: 9 disagrees" in done.stdout
    for row in rows:
        assert (row["status"], row["axis"] == "agreement") in {("disagrees", True), ("disagrees", False)}
        if row["axis"] == "agreement":
            assert "output_training is " in row["reason"]
            assert "times what rounding explains" in row["reason"]
            assert row["metrics"]["worst_quantity"] == "output_training"
        else:
            assert row["reason"].startswith("no speed without a passed agreement: output_training is ")
            assert (row["metrics"], row["samples"]) == ({}, {})
    assert not (tmp_path / "run" / "passes.jsonl").read_text()
    assert not (tmp_path / "run" / "benchmark.json").exists()
    line = next(line for line in done.stdout.splitlines() if "inference-32x32" in line)
    assert line.startswith("  disagrees: throughput:outside:LAYER:inference-32x32-float32-eager-cpu: no speed without")


def settled(quick: Any) -> tuple[str, ...]:
    """What became of the three implementations of the run above, in the words of the terminal."""
    counts = [f"{quick.offered} {status}" for status in ("crashed", "ok", "disagrees")]
    return (f"{3 * quick.planned} cases: ", *counts)


def test_a_crash_ends_with_3_though_another_one_merely_disagrees(mixed: tuple[Path, Any], quick: Any) -> None:
    """The worse of the two; each row has its own status, and the good one is complete."""
    folder, done = mixed
    assert (done.returncode, done.stderr) == (3, "")
    assert [part for part in settled(quick) if part not in done.stdout] == []
    assert done.stdout.splitlines()[-1] == f"report: {folder / 'index.html'}"
    statuses = {
        row["implementation"]: row["status"]
        for row in records(folder)
        if row["status"] not in ("unsupported", "failed")
    }
    assert statuses == {"outside:LAYER": "disagrees", "crashing:LAYER": "crashed", "numpy-reference": "ok"}


def test_only_the_good_one_stands_in_pytest_benchmark_s_file(mixed: tuple[Path, Any], quick: Any) -> None:
    """A row that is wrong or crashed is no benchmark."""
    shown = json.loads((mixed[0] / "benchmark.json").read_text())["benchmarks"]
    assert [entry["extra_info"]["implementation"] for entry in shown] == ["numpy-reference"] * quick.offered


def test_a_run_leaves_every_file_that_was_promised(mixed: tuple[Path, Any]) -> None:
    """Also when some of it failed."""
    names = {path.name for path in mixed[0].iterdir()}
    assert names >= {"plan.json", "passes.jsonl", "records.jsonl", "environment.json", "benchmark.json", "index.html",
                     "report.md", "results.csv", "figures"}  # fmt: skip


def test_the_report_names_the_crash_and_the_mistake_and_can_be_drawn_again(
    mixed: tuple[Path, Any], bn_bench: Any
) -> None:
    """The same records give the same bytes, and the command says where they are."""
    folder, _ = mixed
    text = (folder / "report.md").read_text()
    assert "SIGSEGV" in text
    assert "times what rounding explains" in text
    done = bn_bench("report", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == [str(folder / name) for name in ("index.html", "report.md", "results.csv")]
    assert (folder / "report.md").read_text() == text


def test_resuming_a_finished_run_tries_again_only_what_crashed(
    mixed: tuple[Path, Any], modules: Path, bn_bench: Any, quick: Any
) -> None:
    """The same exit code; what is settled stays byte for byte, the crashes are tried once more and crash again."""
    folder, _ = mixed
    before = (folder / "records.jsonl").read_bytes()
    done = bn_bench("run", "--resume", folder, environment={"PYTHONPATH": str(modules)})
    assert (done.returncode, done.stderr) == (3, "")
    assert [part for part in settled(quick) if part not in done.stdout] == []
    added = (folder / "records.jsonl").read_bytes().removeprefix(before).splitlines()
    again = Counter(json.loads(line)["status"] for line in added)
    first = Counter(json.loads(line)["status"] for line in before.splitlines())
    assert again == {status: first[status] for status in ("crashed", "failed")}


def test_a_gpu_that_is_not_there_is_a_row_and_no_failure(tmp_path: Path, bn_bench: Any) -> None:
    """TensorFlow says that it has none, NumPy that it uses none; the run is accounted for."""
    done = bn_bench(
        "run", "--quick", "--axes", "agreement,throughput,checkpoint", "--dataset", "digits", "--device", "gpu",
        "--implementations", "tf-manual,numpy-reference", "--output", tmp_path / "run",
        environment={"CUDA_VISIBLE_DEVICES": "-1"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    rows = records(tmp_path / "run")
    assert {(row["implementation"], row["status"]) for row in rows} == {
        ("tf-manual", "no_device"), ("numpy-reference", "unsupported"),
    }  # fmt: skip
    assert all(row["reason"] for row in rows)
    assert {row["case"]["device"] for row in rows} == {"gpu"}
    counts = Counter(row["status"] for row in rows)
    assert f"{len(rows)} cases: {counts['no_device']} no_device, {counts['unsupported']} unsupported" in done.stdout
