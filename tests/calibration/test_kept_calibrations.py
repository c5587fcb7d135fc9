"""Calibrations kept in the user's cache: one for each kind of machine, and found by the next run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.datasets.download import default_cache_dir
from benchmarks.harness.environment import describe
from benchmarks.harness.session import Session
from benchmarks.kept_calibrations import keep, kept_in, known_for
from benchmarks.machine_kind import same_kind
from benchmarks.settings import Settings

HERE = {"cpu_model": "Example CPU", "cores": 2, "memory_gib": 24.0}


def calibration(machine: dict[str, object], recorded: str | None, floor: float = 0.01) -> dict[str, object]:
    """What the report needs of one."""
    rates = {"false_alarm_rate": 0.01, "false_alarm_upper": 0.02, "trials": 100}
    return {"schema": 1, "statistic": "min", "noise_floor": floor, "machine": machine, "recorded": recorded, **rates}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in place of the user's."""
    monkeypatch.setenv("BN_BENCH_CALIBRATIONS", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({}, True),
        ({"memory_gib": 23.5}, True),
        ({"memory_gib": 16.0}, False),
        ({"memory_gib": None}, False),
        ({"cores": 999}, False),
        ({"cpu_model": "Cray-1"}, False),
        ({"cpu_model": None}, False),
    ],
)
def test_a_kind_is_processor_cores_and_memory(other: dict[str, object], same: bool) -> None:
    """Memory within 5 %; what is not recorded matches nothing, not even another gap."""
    assert same_kind({**HERE, **other}, HERE) is same
    assert same_kind({**HERE, **other}, {**HERE, **other}) is (None not in other.values())


def test_the_later_calibration_of_a_kind_is_kept_and_other_kinds_beside_it(cache: Path) -> None:
    """Neither an earlier one nor one of an unknown day replaces it; a damaged file is passed over."""
    assert known_for(HERE) is None
    first = keep(calibration(HERE, "2026-03-01"))
    assert first is not None and first.parent == cache
    assert keep(calibration({**HERE, "cores": 8}, "2026-04-01")) not in (None, first)
    assert keep(calibration(HERE, "2026-02-01", 0.5)) is None
    assert keep(calibration(HERE, None, 0.5)) is None
    (cache / "damaged.json").write_bytes(b"{")
    assert known_for(HERE) == first and json.loads(first.read_bytes())["noise_floor"] == 0.01
    assert keep(calibration({**HERE, "memory_gib": 23.9}, "2026-03-02", 0.02)) == first
    assert json.loads(first.read_bytes())["noise_floor"] == 0.02


def test_the_folder_is_that_of_downloads_unless_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And one that cannot be written keeps nothing."""
    monkeypatch.delenv("BN_BENCH_CALIBRATIONS")
    assert kept_in() == default_cache_dir() / "calibrations"
    (tmp_path / "file").touch()
    monkeypatch.setenv("BN_BENCH_CALIBRATIONS", str(tmp_path / "file" / "folder"))
    assert keep(calibration(HERE, "2026-03-01")) is None


@pytest.mark.parametrize(
    ("axis", "cores", "taken"), [("throughput", 0, True), ("throughput", 1, False), ("agreement", 0, False)]
)
def test_a_new_run_takes_the_calibration_of_its_machine(tmp_path: Path, axis: str, cores: int, taken: bool) -> None:
    """If it times anything; what is of another machine, or was put there by hand, is left alone."""
    machine = describe(1)
    keep(calibration({**machine, "cores": machine["cores"] + cores}, "2026-03-01"))
    session = Session(Settings(axes=(axis,), implementations=("numpy-reference",)), tmp_path / "run", None)
    folder = session.open_folder(list(session.cases.values()))
    file = folder.path / "calibration.json"
    assert file.exists() is taken
    if taken:
        assert json.loads(file.read_bytes())["recorded"] == "2026-03-01"
        file.write_text("{}")
        session.open_folder(list(session.cases.values()))
        assert file.read_text() == "{}"
    folder.close()
