"""The machine is measured by a real process: what it writes, and what it says where it cannot."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.folder import RunFolder
from benchmarks.harness.machine import measure_machine
from benchmarks.roofline import cpu
from benchmarks.roofline.limits import read_rates
from benchmarks.settings import Settings


class Quiet:
    """A display that shows nothing."""

    def start(self, total: int) -> None:
        """Nothing."""

    def now(self, what: str) -> None:
        """Nothing."""

    def advance(self, units: int = 1) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""


def test_the_processor_is_measured_inside_and_outside_its_cache() -> None:
    """Counts of bytes and operations by hand; a small cache keeps it short."""
    found = cpu.measure(threads=2, samples=2, cache_bytes=2**20)
    sets = [entry["working_set_bytes"] for entry in found["copy"]]
    assert sets == [2**14, 2**16, 2**18, 2**19, 2**20, 3 * 2**19, 2**21, 3 * 2**20, 2**22]
    assert [entry["inside_cache"] for entry in found["copy"]] == [True] * 4 + [False] * 5
    for entry in found["copy"]:
        assert entry["bytes_per_sample"] % entry["working_set_bytes"] == 0
        assert len(entry["durations_ns"]) == 2
    assert [entry["dtype"] for entry in found["arithmetic"]] == ["float32", "float64"]
    assert all(entry["operations_per_sample"] % (2 * 2 * 256**3) == 0 for entry in found["arithmetic"])
    rates, _ = read_rates(found)
    assert rates is not None and rates.cache_bytes == 2**20


def test_every_thread_makes_every_loop() -> None:
    """So that the bytes that are counted were moved."""
    calls: list[int] = []
    assert cpu.side_by_side(calls.append, threads=3, loops=5) > 0
    assert sorted(calls) == [0] * 5 + [1] * 5 + [2] * 5


def test_the_largest_cache_is_found(tmp_path: Path) -> None:
    """As Linux lists caches; a file that cannot be understood is passed over."""
    for place, text in enumerate(("32K", "32K", "1024K", "33M", "strange")):
        (tmp_path / f"index{place}").mkdir()
        (tmp_path / f"index{place}" / "size").write_text(f"{text}\n")
    assert cpu.last_level_cache_bytes(tmp_path) == 33 * 2**20
    assert cpu.last_level_cache_bytes(tmp_path / "none") is None


def test_a_run_measures_its_machine_once_in_a_process_of_its_own(tmp_path: Path) -> None:
    """The file of an interrupted run is kept."""
    folder = RunFolder.create(tmp_path / "run", Settings(size="quick", threads=1))
    measure_machine(folder, 1, Quiet())
    stored = json.loads((folder.path / "machine.json").read_text())
    assert (stored["schema"], stored["cpu"]["status"], stored["cpu"]["threads"]) == (1, "ok", 1)
    assert stored["cpu"].keys() >= {"load_1min", "steal_share", "others_share"}
    (folder.path / "machine.json").write_text("{}")
    measure_machine(folder, 1, Quiet())
    assert (folder.path / "machine.json").read_text() == "{}"
    folder.close()


def test_a_gpu_that_is_not_there_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing raises, and the run goes on."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    folder = RunFolder.create(tmp_path / "run", Settings(size="quick", device="gpu"))
    measure_machine(folder, 1, Quiet())
    stored = json.loads((folder.path / "machine.json").read_text())
    assert stored["gpu"]["status"] == "no_device"
    assert "PyTorch" in stored["gpu"]["reason"]
    folder.close()


@pytest.mark.parametrize(("of", "name"), [(tempfile, "tempdir"), (sys, "executable")])
def test_no_room_and_no_process_are_reasons(
    of: Any, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a folder for temporary files, nor an interpreter to start."""
    folder = RunFolder.create(tmp_path / "run", Settings(size="quick", threads=1))
    monkeypatch.setattr(of, name, str(tmp_path / "nowhere"))
    measure_machine(folder, 1, Quiet())
    stored = json.loads((folder.path / "machine.json").read_text())
    assert stored["cpu"] == {
        "status": "failed",
        "reason": "no process, or no temporary file, can be made for it (No such file or directory)",
    }
    folder.close()
