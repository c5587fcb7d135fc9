"""pytest-benchmark shows what the workers measured, to the last bit, and nothing that was not measured."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import platform
import re
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks.harness.workers import CHECKOUT

UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}  # of a second
CELL = re.compile(r"([\d,.]+)(?: +\([^)]*\))?")  # of pytest-benchmark's table; how many times the best in brackets
SMALL = ("--quick", "--dataset", "digits", "--threads", "1")
Done = subprocess.CompletedProcess[str]


def run_pytest(*arguments: str | Path, path: Path | None = None) -> Done:
    """Run pytest as a user does, in the checkout."""
    environment = dict(os.environ) if path is None else {**os.environ, "PYTHONPATH": str(path)}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *map(str, arguments)], cwd=CHECKOUT, env=environment, capture_output=True,
        text=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the run of this module, pytest-benchmark's storage and the misbehaving implementations are."""
    return tmp_path_factory.mktemp("replay")


@pytest.fixture(scope="module")
def benchmarked(place: Path, rogue_writer: Callable[..., str]) -> Done:
    """``pytest --benchmark-only`` with a good implementation, one that is wrong, and one that crashes."""
    wrong = rogue_writer(place, "wrong", step="dgamma = dgamma * 1.01")
    crashing = rogue_writer(place, "crashing", step="ctypes.string_at(0)")
    names = ",".join(("numpy-reference", wrong, crashing))
    return run_pytest(
        "--benchmark-only", *SMALL, "--implementations", names, "--output", place / "run",
        "--benchmark-save", "first", "--benchmark-save-data", "--benchmark-storage", place / "storage",
        "--benchmark-json", place / "given.json", "-k", "agreement or inference or checkpoint", path=place,
    )  # fmt: skip


@pytest.fixture(scope="module")
def records(benchmarked: Done, place: Path) -> dict[str, dict[str, Any]]:
    """The records of that run."""
    lines = (place / "run" / "records.jsonl").read_text().splitlines()
    return {record["case_id"]: record for record in map(json.loads, lines)}


@pytest.fixture(scope="module")
def shown(benchmarked: Done, place: Path) -> dict[str, dict[str, Any]]:
    """The entries of its benchmark.json, by case."""
    content = json.loads((place / "run" / "benchmark.json").read_text())
    return {entry["extra_info"]["case_id"]: entry for entry in content["benchmarks"]}


def seconds(record: dict[str, Any]) -> list[float]:
    """The samples of a record as pytest-benchmark should have them, in the order in which they were taken."""
    if record["axis"] != "throughput":
        return [ns / 1e9 for ns in record["samples"]["durations_ns"]]
    return [ns / line["loops"] / 1e9 for line in record["samples"]["passes"] for ns in line["durations_ns"]]


def tabled(text: str) -> dict[str, list[str]]:
    """Name of a case -> its unit, Min and Median in the table that pytest-benchmark prints."""
    found, unit = {}, ""
    for line in text.splitlines():
        if header := re.match(r"Name \(time in (\w+)\) +Min +Max +Mean +StdDev +Median ", line):
            unit = header[1]
        elif unit and (row := re.match(r"(bench_\w+\[\S+\]) +(.+)", line)):
            cells = CELL.findall(row[2])
            found[row[1]] = [unit, cells[0], cells[4]]
    return found


def assert_tabled(text: str, records: dict[str, dict[str, Any]], shown: dict[str, dict[str, Any]]) -> None:
    """Every case that was measured stands in a table, its Min and Median rounded from the samples as one rounds."""
    found = tabled(text)
    assert found.keys() == {entry["name"] for entry in shown.values()}
    for case_id, entry in shown.items():
        unit, *cells = found[entry["name"]]
        taken = seconds(records[case_id])
        assert cells == [f"{of(taken) * UNITS[unit]:,.4f}" for of in (min, statistics.median)]


def test_every_duration_arrives_bit_for_bit(
    records: dict[str, dict[str, Any]], shown: dict[str, dict[str, Any]]
) -> None:
    """One round a sample: ns over loops over 1e9, equal as floats, in the order in which they were taken."""
    speeds = 0
    for case_id, entry in shown.items():
        expected = seconds(records[case_id])
        if records[case_id]["axis"] == "throughput":
            speeds += 1
            assert len(expected) == 27
        assert entry["stats"]["data"] == expected
        assert entry["stats"]["min"] == min(expected)
        assert entry["stats"]["rounds"] == len(expected)
        assert entry["stats"]["iterations"] == 1
    assert speeds == 2


def test_the_record_holds_what_the_passes_hold(records: dict[str, dict[str, Any]], place: Path) -> None:
    """The samples of a speed are the lines of passes.jsonl, one for one."""
    lines = [json.loads(line) for line in (place / "run" / "passes.jsonl").read_text().splitlines()]
    fields = ("round", "pass", "loops", "durations_ns", "heap_grown_bytes", "python_blocks_grown")
    for case_id, record in records.items():
        if record["axis"] == "throughput" and record["status"] == "ok":
            kept = [line for line in lines if line["case_id"] == case_id and line["kind"] == "pass"]
            assert record["samples"]["passes"] == [{field: line[field] for field in fields} for line in kept]


def test_rows_without_figures_are_no_benchmarks(
    benchmarked: Done, records: dict[str, dict[str, Any]], shown: dict[str, dict[str, Any]]
) -> None:
    """What disagrees or crashed is no entry of the JSON, and its test ends with the reason of its row."""
    assert set(shown) == {case_id for case_id, record in records.items() if record["status"] == "ok"}
    statuses = {record["implementation"]: set() for record in records.values()}  # type: dict[str, set[str]]
    for record in records.values():
        statuses[record["implementation"]].add(record["status"])
    assert statuses["numpy-reference"] == {"ok", "unsupported"}  # the second-order gradient
    assert statuses["wrong:OBJECT"] >= {"disagrees", "ok"}  # its checkpoint restores what was saved
    assert statuses["crashing:OBJECT"] >= {"crashed"}
    assert "ok" not in statuses["crashing:OBJECT"]
    assert benchmarked.returncode == pytest.ExitCode.TESTS_FAILED
    assert "disagrees: gradient_gamma is" in benchmarked.stdout
    assert "crashed: the process was ended by SIGSEGV" in benchmarked.stdout


def test_the_table_holds_the_samples(
    benchmarked: Done, records: dict[str, dict[str, Any]], shown: dict[str, dict[str, Any]]
) -> None:
    """To the four decimals that pytest-benchmark prints."""
    assert_tabled(benchmarked.stdout, records, shown)


def test_the_table_shows_the_cases_in_groups_of_what_is_comparable(benchmarked: Done) -> None:
    """The call style is left open in a group's name, since each implementation has its own."""
    assert "benchmark 'throughput:inference-32x32-float32-*-cpu'" in benchmarked.stdout
    assert "bench_throughput[numpy-reference-inference-32x32-float32-eager-cpu]" in benchmarked.stdout


def test_both_jsons_name_the_case_and_no_machine(benchmarked: Done, place: Path) -> None:
    """The one that the user asked for and the one in the run folder are the same file; neither has a host's name."""
    given, kept = (place / "given.json").read_bytes(), (place / "run" / "benchmark.json").read_bytes()
    assert given == kept
    content = json.loads(kept)
    assert "node" not in content["machine_info"]
    assert content["machine_info"]["release"] == platform.release().split("-")[0]
    assert platform.node() not in _words(content)
    for entry in content["benchmarks"]:
        assert set(entry["extra_info"]) == {"case_id", "axis", "implementation", "status", "run", "timed_alone"}
        assert entry["options"]["timer"] == "replay_of_measured_durations"


def _words(content: Any) -> set[str]:
    if isinstance(content, dict):
        return set().union(*map(_words, content.values()))
    if isinstance(content, list):
        return set().union(*map(_words, content))
    return {content} if isinstance(content, str) else set()


def compare(place: Path, *options: str) -> Done:
    """``pytest-benchmark compare`` of what ``--benchmark-save`` wrote, in groups as the run had them."""
    return subprocess.run(
        [
            sys.executable, "-m", "pytest_benchmark", "--storage", str(place / "storage"), "compare", "0001",
            "--group-by", "group", *options,
        ],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_the_saved_run_can_be_compared(
    records: dict[str, dict[str, Any]], shown: dict[str, dict[str, Any]], place: Path
) -> None:
    """``pytest-benchmark compare`` shows the samples in its table, and has them to the last bit in its CSV."""
    done = compare(place, f"--csv={place / 'compared.csv'}")
    assert done.returncode == 0
    assert_tabled(done.stdout, records, shown)
    with open(place / "compared.csv", newline="") as stream:
        rows = {row["name"]: (float(row["min"]), float(row["median"])) for row in csv.DictReader(stream)}
    taken = {entry["fullname"]: seconds(records[case_id]) for case_id, entry in shown.items()}
    assert rows == {name: (min(values), statistics.median(values)) for name, values in taken.items()}


def test_the_saved_run_can_be_drawn_as_a_histogram(
    records: dict[str, dict[str, Any]], shown: dict[str, dict[str, Any]], place: Path
) -> None:
    """One SVG a group, by pytest-benchmark's own means; each box holds the samples of its case."""
    if importlib.util.find_spec("pygal") is None:
        pytest.skip("pygal, which pytest-benchmark draws with, is not installed")
    done = compare(place, "--histogram", str(place / "drawn"))
    assert done.returncode == 0
    drawn = dict(map(boxes, place.glob("drawn*.svg")))
    assert {group for group, _ in drawn} == {entry["group"] for entry in shown.values()}
    for (group, unit), found in drawn.items():
        taken = [seconds(records[case_id]) for case_id, entry in shown.items() if entry["group"] == group]
        expected = [[f"{of(values) * UNITS[unit]:.4f}" for of in (min, statistics.median, max)] for values in taken]
        assert sorted(found) == sorted(expected)


def boxes(path: Path) -> tuple[tuple[str, str], list[list[str]]]:
    """The group and the unit that a histogram names, and Min, Median and Max of each of its boxes."""
    name = "{http://www.w3.org/2000/svg}"
    root = ElementTree.parse(path).getroot()
    (title,) = [text for node in root.iter(f"{name}title") if (text := str(node.text)).startswith("Speed in ")]
    heading = re.fullmatch(r"Speed in \w+ \((\w+)\) of (.+)", title)
    assert heading
    values = [str(node.text) for node in root.iter(f"{name}desc") if node.get("class") == "value"]
    figures = [dict(line.split(": ") for line in value.splitlines()) for value in values]
    return (heading[2], heading[1]), [[box[key] for key in ("Min", "Median", "Max")] for box in figures]


def test_only_the_selected_cases_run(benchmarked: Done, records: dict[str, dict[str, Any]]) -> None:
    """``-k`` chose: every agreement case, inference and its gates, checkpoint; no convergence."""
    works = {record["case"].get("work") for record in records.values() if record["axis"] == "throughput"}
    assert works == {"inference"}
    assert {record["axis"] for record in records.values()} == {"agreement", "throughput", "checkpoint"}


def test_axes_and_a_speed_bring_their_gate_along(tmp_path: Path) -> None:
    """One timed case alone is run with the agreement cases that it needs, and shown alone."""
    done = run_pytest(
        "--benchmark-only", *SMALL, "--implementations", "numpy-reference", "--axes", "throughput",
        "-k", "inference-32x32", "--output", tmp_path / "run",
    )  # fmt: skip
    assert done.returncode == 0
    planned = [case["case_id"] for case in json.loads((tmp_path / "run" / "plan.json").read_text())["cases"]]
    assert planned == [
        "throughput:numpy-reference:inference-32x32-float32-eager-cpu",
        *(f"agreement:numpy-reference:{shape}-float32-eager-cpu" for shape in ("32x32", "7x5", "8x7x7x5")),
    ]
    assert "1 passed" in done.stdout
    assert f"report: {tmp_path / 'run' / 'index.html'}" in done.stdout


def test_plain_pytest_collects_tests_only() -> None:
    """The benchmark stays out of ``pytest``."""
    done = run_pytest("--collect-only", "-q", "benchmarks", "tests/harness/test_harness_replay.py")
    items = [line for line in done.stdout.splitlines() if "::" in line]
    assert f"tests/harness/{Path(__file__).name}::{test_plain_pytest_collects_tests_only.__name__}" in items
    assert not [item for item in items if not item.startswith("tests/")]


def test_benchmark_only_collects_cases_only(tmp_path: Path) -> None:
    """One item a planned case, no test; nothing runs and no folder is made."""
    done = run_pytest(
        "--benchmark-only", "--collect-only", "-q", "--quick", "--implementations", "keras,tf-manual",
        "--axes", "convergence,checkpoint", "--output", tmp_path / "run",
    )  # fmt: skip
    items = [line for line in done.stdout.splitlines() if "::" in line]
    assert sorted(items) == sorted(
        [
            f"benchmarks/bench_convergence.py::bench_convergence[{name}-000-{kind}_batch_norm-mnist-5000-xla-cpu]"
            for name in ("keras", "tf-manual") for kind in ("with", "without")
        ]
        + [
            "benchmarks/bench_checkpoint.py::bench_checkpoint[keras-000-keras-xla-cpu]",
            "benchmarks/bench_checkpoint.py::bench_checkpoint[tf-manual-000-tf-checkpoint-xla-cpu]",
        ]
    )  # fmt: skip
    assert not (tmp_path / "run").exists()


def test_a_damaged_line_is_told_by_pytest_too(benchmarked: Done, place: Path) -> None:
    """Resuming under pytest ends with the damage, by file and line.

    ``--resume=`` with an equals sign: pytest takes a separate word that is a path outside of the checkout for the
    place where its settings are.
    """
    records = place / "run" / "records.jsonl"
    records.write_bytes(records.read_bytes() + b"{\n")
    number = records.read_bytes().count(b"\n")
    done = run_pytest(
        "--benchmark-only", f"--resume={place / 'run'}", "-k", "checkpoint and numpy-reference", path=place
    )
    assert f"damaged: records.jsonl line {number} was skipped: not JSON" in done.stdout
    assert done.returncode == 0
