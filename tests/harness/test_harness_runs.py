"""How runs are made: processes and their environment, the order of visits, what a machine is called."""

from __future__ import annotations

import json
import platform
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from benchmarks.cases import Case
from benchmarks.harness.environment import describe, usable_cores
from benchmarks.harness.folder import RunFolder
from benchmarks.harness.progress import display_for
from benchmarks.harness.rounds import shuffled
from benchmarks.harness.session import Session
from benchmarks.harness.workers import CHECKOUT, WorkerSettings
from bn_impls import registry
from bn_impls.errors import UnknownName


def test_the_environment_names_the_kind_of_the_machine_and_not_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No host name, no user, no path, not even one that a variable carries."""
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    monkeypatch.setenv("XLA_FLAGS", f"--xla_dump_to={Path.home()}/dump")
    found = describe(3)
    assert set(found) == {
        "cpu_model", "cores", "memory_gib", "operating_system", "architecture", "python", "versions", "threads", "gpu",
        "gpu_reason", "commit", "switches",
    }  # fmt: skip
    text = json.dumps(found)
    assert platform.node() not in text.split('"')
    assert str(Path.home()) not in text
    assert str(CHECKOUT) not in text
    assert not re.search(r'"[^"]*/[^"]*/', text)
    assert found["threads"] == {"worker": 3, "OMP_WAIT_POLICY": "PASSIVE"}
    assert found["versions"]["numpy"] == np.__version__
    assert found["switches"]["TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert found["switches"]["XLA_FLAGS"] == "set, and names a path"
    assert found["cores"] == usable_cores() >= 1
    assert (found["gpu"] is None) == bool(found["gpu_reason"])


def test_workers_start_with_the_threads_and_devices_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every library's own variable, the GPU hidden on request only, and the descriptor's variables last."""
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    on_cpu = WorkerSettings(3, "cpu", None, False).environment(
        (("KERAS_BACKEND", "tensorflow"), ("MKL_NUM_THREADS", "1"))
    )
    assert on_cpu["OMP_NUM_THREADS"] == on_cpu["OPENBLAS_NUM_THREADS"] == on_cpu["TF_NUM_INTRAOP_THREADS"] == "3"
    assert (on_cpu["MKL_NUM_THREADS"], on_cpu["KERAS_BACKEND"]) == ("1", "tensorflow")
    assert (on_cpu["OMP_WAIT_POLICY"], on_cpu["CUDA_VISIBLE_DEVICES"]) == ("PASSIVE", "-1")
    assert on_cpu["MALLOC_TRIM_THRESHOLD_"] == on_cpu["MALLOC_MMAP_THRESHOLD_"] == str(2**30)
    assert on_cpu["PYTHONPATH"].split(":")[0] == str(CHECKOUT)
    assert "CUDA_VISIBLE_DEVICES" not in WorkerSettings(3, "gpu", None, False).environment(())


def test_the_order_of_visits_is_drawn_and_can_be_drawn_again() -> None:
    """By seed, whatever the order in which the cases come; another visit has another order."""
    cases = [Case("throughput", name, "x", {}) for name in "abcdefgh"]
    first = shuffled(cases, (1, 2))
    assert shuffled(reversed(cases), (1, 2)) == first
    assert "".join(case.implementation for case in first) == "bdcahegf"  # by this seed, on every machine
    assert shuffled(cases, (1, 3)) != first
    assert sorted(case.implementation for case in first) == list("abcdefgh")


def test_passes_are_taken_in_the_drawn_order(
    tmp_path: Path, rogue: Any, good: str, small_settings: Any, planned_cases: Any, run_cases: Any
) -> None:
    """Each visit draws anew, and visits every case once."""
    names = [good, *(rogue(f"other_{letter}") for letter in "abc")]
    settings = small_settings(names)
    cases = planned_cases(settings, ":(7x5|8x7x7x5|32x32)-float32|inference-32x32", "^agreement|^throughput")
    ran = run_cases(RunFolder.create(tmp_path / "run", settings), cases)
    timed = [case for case in cases if case.axis == "throughput"]
    lines = [line for line in ran.lines("passes.jsonl") if line["kind"] == "pass"]
    drawn = set()
    for number in range(3):
        for visit in range(3):
            visited = [line["case_id"] for line in lines if (line["round"], line["pass"]) == (number, visit)]
            assert visited == [case.case_id for case in shuffled(timed, (number, visit))]
            drawn.add(tuple(visited))
    assert len(drawn) > 1


SAME_PROCESS = """
import os
from dataclasses import replace
from pathlib import Path

from bn_impls.errors import BadCheckpoint
from bn_impls.interface import Format
from bn_impls.networks.numpy_network import hosted_trainer
from bn_impls.numpy_reference import IMPLEMENTATION as GOOD


def build_trainer(configuration):
    trainer = hosted_trainer(configuration, GOOD.build)
    own = trainer.formats["npz"]

    def save(directory):
        own.save(directory)
        (directory / "pid").write_text(str(os.getpid()))

    def restore(directory):
        if (directory / "pid").read_text() == str(os.getpid()):
            raise BadCheckpoint("this is the process that saved it")
        own.restore(directory)

    return replace(trainer, formats={"npz": Format(save, restore)})


with Path(__file__).with_suffix(".started").open("a") as started:
    started.write("a process imports this\\n")
OBJECT = replace(GOOD, build_trainer=build_trainer)
"""


@pytest.mark.parametrize(
    ("chosen", "processes"),
    [
        ("^checkpoint", 2),
        ("^checkpoint|^agreement.*:(7x5|8x7x7x5|32x32)-float32|^throughput.*inference-32x32", 1 + 3),  # 3 rounds
    ],
)
def test_a_checkpoint_is_restored_in_another_process(
    chosen: str, processes: int, tmp_path: Path, rogue: Any, small_settings: Any, planned_cases: Any, run_cases: Any
) -> None:
    """An implementation that refuses to restore in the process that saved is content; the last round's worker does."""
    name = rogue("careful", whole=SAME_PROCESS)
    settings = small_settings([name])
    ran = run_cases(RunFolder.create(tmp_path / "run", settings), planned_cases(settings, chosen))
    (record,) = ran.of(name, "checkpoint")
    assert (record["status"], record["reason"]) == ("ok", None)
    assert ran.display.done == ran.display.total
    assert len((tmp_path / "careful.started").read_text().splitlines()) == processes


def test_a_process_that_cannot_be_made_is_a_row(
    tmp_path: Path, good: str, monkeypatch: pytest.MonkeyPatch, small_settings: Any, planned_cases: Any, run_cases: Any
) -> None:
    """A descriptor whose environment no process can have (a NUL in it) fails alone."""
    broken = replace(registry.describe(good), name="broken", environment=(("A", "B\0C"),))
    monkeypatch.setattr(registry, "BUILT_IN", (*registry.BUILT_IN, broken))
    settings = small_settings(["broken", good])
    ran = run_cases(RunFolder.create(tmp_path / "run", settings), planned_cases(settings, ":7x5-float32"))
    (record,), (other,) = ran.of("broken"), ran.of(good)
    assert record["status"] == "failed"
    assert record["reason"] == "it does not start: no process can be made for it (embedded null byte)"
    assert other["status"] == "ok"


def test_an_implementation_that_is_registered_no_more_is_a_row(
    tmp_path: Path, good: str, small_settings: Any, planned_cases: Any, run_cases: Any
) -> None:
    """A resumed plan may name an entry point whose package has been removed since."""
    settings = small_settings([good])
    (kept,) = planned_cases(settings, ":7x5-float32")
    gone = Case("agreement", "gone", kept.label, kept.parameters)
    ran = run_cases(RunFolder.create(tmp_path / "run", settings), [kept, gone])
    (record,) = ran.of("gone")
    assert record["status"] == "not_installed"
    assert record["reason"] == "no implementation of this name is registered any more"
    assert ran.of(good)[0]["status"] == "ok"


def test_a_run_is_resumed_without_an_implementation_that_was_named_and_is_gone(
    tmp_path: Path, good: str, small_settings: Any, planned_cases: Any
) -> None:
    """Its open case gets its row, the other one is measured; a new run of that name is refused."""
    (kept,) = planned_cases(small_settings([good]), ":7x5-float32")
    gone = Case("agreement", "gone", kept.label, kept.parameters)
    settings = small_settings([good, "gone"])
    folder = RunFolder.create(tmp_path / "run", settings)
    folder.write_plan([kept, gone])
    folder.close()
    with pytest.raises(UnknownName, match="unknown implementation 'gone'"):
        Session(settings, tmp_path / "other", None)
    session = Session(settings, None, folder.path)
    with open(tmp_path / "progress", "w") as log:
        records = session.run(session.cases.values(), display_for(Console(file=log)))
    assert session.folder is not None
    session.folder.close()
    assert [records[case.case_id]["status"] for case in (kept, gone)] == ["ok", "not_installed"]


def test_a_folder_named_benchmarks_where_the_user_stands_does_not_stand_in_for_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, good: str, small_settings: Any, planned_cases: Any, run_cases: Any
) -> None:
    """Many projects have one; workers start in the user's folder and must still find this suite."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "__init__.py").write_text("raise RuntimeError('the wrong package')\n")
    monkeypatch.chdir(tmp_path)
    settings = small_settings([good])
    ran = run_cases(RunFolder.create(tmp_path / "run", settings), planned_cases(settings, ":7x5-float32"))
    assert [record["status"] for record in ran.of(good)] == ["ok"]
