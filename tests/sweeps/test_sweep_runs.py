"""Sweeps that really run: on this machine, and on a Ray cluster of two nodes of which one is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.workers import CHECKOUT
from bn_impls import cli

HEARING = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
"""A background job, which tests may run in, ignores Ctrl-C; what it starts must not."""
DEADLINE_S = 120.0  # longest time that a test waits for a process to come so far; nothing is measured by it
SMALL = ("--implementations", "numpy-reference", "--dataset", "digits")


CLUSTER = """
import sys, time
import ray
from ray.cluster_utils import Cluster
node = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
second = cluster.add_node(**node)
print("address", cluster.address, flush=True)
ray.init(address=cluster.address, log_to_driver=False)
sys.stdin.readline()
deadline = time.monotonic() + 60
while (free := ray.available_resources().get("CPU", 0)) and time.monotonic() < deadline:
    time.sleep(0.02)
cluster.remove_node(second, allow_graceful=False)
print("killed idle" if free else "killed at work", flush=True)
sys.stdin.readline()
cluster.shutdown()
"""  # in a process of its own: Ray forks, which is refused once a framework with threads is imported


def records_in(folder: Path) -> list[dict[str, Any]]:
    """Every line of a sweep's records so far."""
    path = folder / "records.jsonl"
    whole = path.read_text().rpartition("\n")[0] if path.exists() else ""
    return [json.loads(line) for line in whole.splitlines()]


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait, and fail the test if it does not come about."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start ``bn-bench sweep`` and do not wait; what still runs at the end is killed."""
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: str | Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HEARING, sys.executable, "-m", "bn_impls.cli", "sweep", *map(str, arguments)],
            cwd=CHECKOUT, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def assert_each_once(folder: Path, cases: int) -> None:
    """So many cases are planned, and each has one record, which is ok."""
    planned = [case["case_id"] for case in json.loads((folder / "plan.json").read_text())["cases"]]
    found = records_in(folder)
    assert len(planned) == cases
    assert Counter(record["case_id"] for record in found) == Counter(planned)
    assert {record["status"] for record in found} == {"ok"}


def test_a_finished_sweep_resumes_to_nothing_and_seeds_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two rates x two seeds; what shared the machine keeps no duration, and nothing is left where others may write."""
    folder, temporary = tmp_path / "sweep", tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    arguments = [*SMALL, "--set", "learning_rate=0.01,0.001", "--seeds", "2", "--epochs", "1", "--jobs", "2", "--json"]
    assert cli.main(["sweep", *arguments, "--output", str(folder)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["ran"], len(told["cases"])) == (4, 4)
    assert len({case["metrics"]["final_train_loss"] for case in told["cases"]}) == 4
    assert_each_once(folder, 4)
    for record in records_in(folder):
        assert "durations_ns" not in record["samples"]
        assert record["samples"]["durations"].startswith("not kept: other cases ran on the same machine")
        assert (folder / record["samples"]["file"]).is_file()
    assert (folder / "index.html").stat().st_size > 0
    assert list(temporary.iterdir()) == []

    before = (folder / "records.jsonl").read_bytes()
    assert cli.main(["sweep", "--resume", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ran"] == 0
    assert (folder / "records.jsonl").read_bytes() == before


def test_ctrl_c_keeps_what_ended_and_resume_runs_only_the_rest(
    tmp_path: Path, started: Callable[..., subprocess.Popen[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """While it runs, a second sweep into the same folder is refused."""
    folder = tmp_path / "sweep"
    process = started(*SMALL, "--seeds", "16", "--epochs", "4", "--jobs", "1", "--output", folder)
    wait_until(lambda: len(records_in(folder)) >= 2)
    assert cli.main(["sweep", "--resume", str(folder)]) == 2
    assert "another run is writing" in capsys.readouterr().err
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"bn-bench sweep --resume {folder}" in errors
    ended = len(records_in(folder))
    assert 2 <= ended < 16
    assert cli.main(["sweep", "--resume", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ran"] == 16 - ended
    assert_each_once(folder, 16)


def test_a_node_killed_in_the_middle_costs_no_case_and_none_counts_twice(
    tmp_path: Path, started: Callable[..., subprocess.Popen[str]]
) -> None:
    """A real cluster of two nodes with one core each; the second goes down with its processes, a case in flight."""
    pytest.importorskip("ray", reason="the extra [cluster] is not installed")
    command, environment = [sys.executable, "-c", CLUSTER], {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as cluster:
        assert cluster.stdin is not None and cluster.stdout is not None
        address = next(line for line in cluster.stdout if line.startswith("address ")).split()[1]
        folder = tmp_path / "sweep"
        process = started(*SMALL, "--seeds", "10", "--epochs", "4", "--ray", address, "--output", folder)
        wait_until(lambda: len(records_in(folder)) >= 2 or process.poll() is not None)
        print("kill", file=cluster.stdin, flush=True)
        assert next(line for line in cluster.stdout if line.startswith("killed")) == "killed at work\n"
        output, errors = process.communicate(timeout=DEADLINE_S)
        cluster.stdin.close()
    assert process.returncode == 0, errors
    assert "10 cases, 10 run now: 10 ok" in output
    assert_each_once(folder, 10)
