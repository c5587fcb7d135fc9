"""Ctrl-C, SIGKILL and a second run: what was measured is kept, and the run can be finished."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmarks.harness.folder import RunFolder
from benchmarks.harness.front import Watch, closing_words
from benchmarks.settings import Settings

TIMING = ("run", "--quick", "--axes", "throughput", "--implementations", "numpy-reference", "--dataset", "digits")
Start = Callable[..., "subprocess.Popen[str]"]


def passes_in(folder: Path) -> int:
    """How many passes a run has kept so far."""
    path = folder / "passes.jsonl"
    return path.read_text().count('"kind": "pass"') if path.exists() else 0


def records_in(folder: Path) -> list[dict[str, Any]]:
    """Every line of a run's records."""
    return [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]


def planned_in(folder: Path) -> list[str]:
    """Ids of the planned cases."""
    return [case["case_id"] for case in json.loads((folder / "plan.json").read_text())["cases"]]


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The worker processes that a run has now."""
    return psutil.Process(process.pid).children(recursive=True)


def assert_finished(folder: Path, earlier: bytes) -> None:
    """Every planned case has one record, no pass was taken twice, and the earlier passes stand as they stood."""
    records = records_in(folder)
    assert Counter(record["case_id"] for record in records) == Counter(planned_in(folder))
    assert {record["status"] for record in records} == {"ok"}
    assert (folder / "passes.jsonl").read_bytes().startswith(earlier)
    for record in records:
        visits = [(line["round"], line["pass"]) for line in record["samples"].get("passes", [])]
        assert len(visits) == len(set(visits))
        whole = Counter(number for number, _ in visits)
        assert record["axis"] != "throughput" or sum(count == 3 for count in whole.values()) >= 3


def test_ctrl_c_in_the_middle_of_timing_keeps_the_run_and_resume_finishes_it(
    tmp_path: Path, started: Start, bn_bench: Any, wait_until: Any
) -> None:
    """SIGINT to the real command: code 130, the way on is named, no pass is lost or doubled."""
    folder = tmp_path / "run"
    process = started(*TIMING, "--output", folder)
    wait_until(lambda: passes_in(folder) >= 5)
    workers = workers_of(process)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"interrupted; what was measured is kept: bn-bench run --resume {folder}" in output
    assert "Traceback" not in output + errors
    assert len(workers) == 1
    assert not workers[0].is_running()
    earlier = (folder / "passes.jsonl").read_bytes()
    assert b'"kind": "pass"' in earlier
    assert len(records_in(folder)) < len(planned_in(folder))
    assert (folder / "index.html").stat().st_size > 0

    resumed = bn_bench("run", "--resume", folder)
    assert (resumed.returncode, resumed.stderr) == (0, "")
    assert "9 cases: 9 ok" in resumed.stdout
    assert_finished(folder, earlier)


def test_workers_die_with_a_killed_scheduler_and_resume_finishes_the_run(
    tmp_path: Path, started: Start, bn_bench: Any, wait_until: Any
) -> None:
    """SIGKILL leaves the scheduler no time for anything; the kernel ends the worker, the folder is free again."""
    folder = tmp_path / "run"
    process = started(*TIMING, "--output", folder)
    wait_until(lambda: passes_in(folder) >= 5)
    workers = workers_of(process)
    process.kill()
    process.communicate()
    assert len(workers) == 1
    gone, alive = psutil.wait_procs(workers, timeout=30)
    assert (len(gone), alive) == (1, [])
    earlier = (folder / "passes.jsonl").read_bytes()

    resumed = bn_bench("run", "--resume", folder)
    assert (resumed.returncode, resumed.stderr) == (0, "")
    assert_finished(folder, earlier)


def test_a_hanging_worker_dies_with_a_killed_scheduler_too(
    tmp_path: Path, started: Start, wait_until: Any, rogue_writer: Any
) -> None:
    """A worker that blocks every signal it can and never comes back to its pipe ends all the same."""
    action = f"signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))\nopen({str(tmp_path / 'in')!r}, 'w').close()\n"
    name = rogue_writer(tmp_path, "stubborn", step=action + "time.sleep(600)")
    process = started(
        "run", "--quick", "--axes", "agreement", "--implementations", name, "--output", tmp_path / "run",
        environment={"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    wait_until(lambda: (tmp_path / "in").exists())
    workers = workers_of(process)
    process.kill()
    process.communicate()
    assert psutil.wait_procs(workers, timeout=30)[1] == []


def test_ctrl_c_before_anything_is_measured_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """While the data set is still being read there is no folder to resume."""
    watch = Watch()
    with pytest.raises(KeyboardInterrupt) as caught:
        raise KeyboardInterrupt
    watch.pytest_keyboard_interrupt(caught)
    assert closing_words(watch, pytest.ExitCode.INTERRUPTED) == 130
    assert capsys.readouterr().out == "interrupted before anything was measured\n"


def test_two_runs_do_not_write_one_folder(tmp_path: Path, bn_bench: Any) -> None:
    """The second is refused, and the first goes on undisturbed."""
    holder = RunFolder.create(tmp_path / "run", Settings(implementations=("numpy-reference",)))
    holder.write_plan([])
    for option in ("--resume", "--output"):
        refused = bn_bench("run", option, holder.path, "--axes", "agreement", "--quick")
        assert refused.returncode == 2
        assert "Traceback" not in refused.stderr
    refused = bn_bench("run", "--resume", holder.path)
    assert f"another run is writing {holder.path}; wait for it, or give another --output" in refused.stderr
    holder.close()


def test_an_interrupted_case_is_timed_in_a_round_of_its_own(
    tmp_path: Path, run_cases: Any, small_settings: Any, planned_cases: Any, good: str
) -> None:
    """Passes of an unfinished round are kept, and do not count as a whole round: three whole ones follow."""
    settings = small_settings([good])
    cases = planned_cases(settings, ":(7x5|8x7x7x5|32x32|inference-32x32)-float32-eager-cpu$", "^agreement|^throughput")
    ran = run_cases(RunFolder.create(tmp_path / "run", settings), cases)
    passes, records = tmp_path / "run" / "passes.jsonl", tmp_path / "run" / "records.jsonl"
    kept = passes.read_bytes().splitlines(keepends=True)[:3]  # prepared, and two of three passes
    passes.write_bytes(b"".join(kept))
    records.write_bytes(b"".join(records.read_bytes().splitlines(keepends=True)[:-1]))
    ran = run_cases(RunFolder.resume(tmp_path / "run"), cases)
    (record,) = ran.of(good, "throughput")
    visits = [(line["round"], line["pass"]) for line in record["samples"]["passes"]]
    assert sorted(visits) == [(0, 0), (0, 1), *((number, visit) for number in (1, 2, 3) for visit in range(3))]
    assert record["metrics"]["rounds"] == 4
    assert ran.display.done == ran.display.total == 3
    assert passes.read_bytes().startswith(b"".join(kept))


@pytest.mark.parametrize("lost", [b"", b'{"schema": 1, "case_id": "throu'])
def test_a_case_whose_record_alone_was_lost_gets_it_back_from_its_passes(
    lost: bytes, tmp_path: Path, run_cases: Any, small_settings: Any, planned_cases: Any, good: str
) -> None:
    """Killed between the last pass and the record, or in the middle of the record: nothing is measured again."""
    settings = small_settings([good])
    cases = planned_cases(settings, ":(7x5|8x7x7x5|32x32|inference-32x32)-float32-eager-cpu$", "^agreement|^throughput")
    first = run_cases(RunFolder.create(tmp_path / "run", settings), cases)
    (whole,) = first.of(good, "throughput")
    records, passes = tmp_path / "run" / "records.jsonl", (tmp_path / "run" / "passes.jsonl").read_bytes()
    *agreement, _ = records.read_bytes().splitlines(keepends=True)
    records.write_bytes(b"".join(agreement) + lost)
    ran = run_cases(RunFolder.resume(tmp_path / "run"), cases)
    assert ran.of(good, "throughput") == [whole]
    assert (tmp_path / "run" / "passes.jsonl").read_bytes() == passes
    assert (ran.display.total, ran.display.done) == (3, 3)
    assert len(ran.folder.damage) == bool(lost)
