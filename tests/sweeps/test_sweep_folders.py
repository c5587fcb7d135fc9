"""What a sweep's folder and its options must be before anything runs; no process is started here but Ray's."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.harness.folder import LOCK, RECORDS, RunFolder
from benchmarks.harness.workers import CHECKOUT, WorkerSettings
from benchmarks.settings import Settings
from benchmarks.sweeps import connecting
from benchmarks.sweeps.executor import Executor
from benchmarks.sweeps.grid import Grid
from benchmarks.sweeps.on_ray import Cluster, _result, _room
from bn_impls import cli
from bn_impls.errors import BadConfiguration, BadRunFolder
from bn_impls.registry import describe

CASES = Grid(networks=("000",), seeds=3, dataset="digits", epochs=1, device="cpu").cases([describe("torch")])
SWEEP = Settings(axes=("convergence",), dataset="digits", command="sweep", timed=True, threads=1)


@pytest.fixture
def interrupted(tmp_path: Path) -> Path:
    """A timed sweep of three cases, of which the first has its record."""
    folder = RunFolder.create(tmp_path / "sweep", SWEEP)
    folder.write_plan(CASES)
    folder.append_record(CASES[0], {"status": "ok"}, {})
    folder.close()
    return folder.path


def test_a_dry_run_of_what_is_resumed_prints_what_is_open(
    interrupted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two of three."""
    assert cli.main(["sweep", "--resume", str(interrupted), "--dry-run"]) == 0
    assert capsys.readouterr().out.split("\n") == [CASES[1].case_id, CASES[2].case_id, "2 open cases", ""]


def test_a_file_of_data_gives_cases_its_name_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """Where it lies is the plan's."""
    assert cli.main(["sweep", "--implementations", "torch", "--dataset", "/home/alice/x.h5", "--dry-run"]) == 0
    assert "convergence:torch:000-seed=0-x.h5-eager-cpu\n1 cases" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--seeds", "3"], "got --resume with --seeds, but a resumed sweep keeps what is in its plan.json"),
        (["--epochs", "2", "--timed"], "got --resume with --epochs, --timed"),
        (["--jobs", "2"], "got --timed and --jobs 2"),
    ],
)
def test_a_resumed_sweep_keeps_its_plan(
    arguments: list[str], words: str, interrupted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What would be ignored is refused; that it is timed is in the plan."""
    assert cli.main(["sweep", "--resume", str(interrupted), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_folder_is_resumed_by_the_command_that_wrote_it(
    interrupted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each names the other one; so does a disk that is full."""
    run = RunFolder.create(tmp_path / "run", Settings())
    run.write_plan(CASES)
    run.close()
    assert cli.main(["sweep", "--resume", str(run.path)]) == 2
    assert f"finish it with `bn-bench run --resume {run.path}`" in capsys.readouterr().err
    with pytest.raises(BadRunFolder, match=f"finish it with `bn-bench sweep --resume {interrupted}`"):
        RunFolder.resume(interrupted)

    sweep = RunFolder.resume(interrupted, "sweep")
    (interrupted / RECORDS).unlink()
    (interrupted / RECORDS).symlink_to("/dev/full")
    with pytest.raises(BadRunFolder, match=f"`bn-bench sweep --resume {interrupted}` goes on"):
        sweep.append_record(CASES[1], {"status": "ok"}, {})
    sweep.close()


def test_what_a_data_set_cannot_train_is_refused_before_a_folder_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A batch larger than the training rows; an empty list of networks."""
    output = tmp_path / "sweep"
    arguments = ["sweep", "--implementations", "torch", "--dataset", "digits", "--output", str(output)]
    assert cli.main([*arguments, "--set", "batch_size=32,100000"]) == 2
    assert "got --set batch_size=100000, but digits has" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        cli.main([*arguments, "--networks", ","])
    assert "got ',', but should be names" in capsys.readouterr().err
    assert not output.exists()


def test_what_is_registered_no_more_is_not_installed(tmp_path: Path) -> None:
    """A resumed sweep may name it; the other cases go on."""
    executor = Executor(WorkerSettings(1, "cpu", None, False), 1.0, tmp_path)
    found = executor.run(replace(CASES[0], implementation="gone")).outcome
    assert found["status"] == "not_installed"
    assert found["reason"].startswith("unknown implementation 'gone'")


def test_no_outcome_names_a_folder_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that says where its log is; on another node the folder has another name."""
    (tmp_path / "named").mkdir()
    (tmp_path / "tells.py").write_text("import os\nraise ImportError(os.readlink('/proc/self/fd/2'))")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    executor = Executor(WorkerSettings(1, "cpu", None, False), 1.0, tmp_path / "named")
    found = executor.run(replace(CASES[0], implementation="tells:OBJECT")).outcome
    assert found["status"] == "failed"
    assert "SCRATCH/" in found["reason"]
    assert str(tmp_path) not in found["reason"]


def test_a_folder_that_a_refused_run_left_can_be_used(tmp_path: Path) -> None:
    """It holds a lock and nothing else."""
    (tmp_path / LOCK).touch()
    RunFolder.create(tmp_path, SWEEP).close()


def test_no_room_for_temporary_files_is_told(
    interrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the way out, and no traceback."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    assert cli.main(["sweep", "--resume", str(interrupted)]) == 2
    assert "TMPDIR names another folder" in capsys.readouterr().err


WITHOUT_RAY = """
import sys
sys.modules["ray"] = None  # Python's own way to say that it is not installed
from bn_impls.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_without_ray_a_cluster_is_refused_with_how_to_install_it(tmp_path: Path) -> None:
    """In a process that cannot import it: a usage error, no traceback, and no folder."""
    output = tmp_path / "sweep"
    arguments = ["sweep", "--implementations", "torch", "--dataset", "digits", "--output", str(output), "--ray", "auto"]
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_RAY, *arguments], cwd=CHECKOUT, text=True, capture_output=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "got --ray, but Ray is not installed here; `pip install -e '.[cluster]'` in the repository" in ended.stderr
    assert "without --ray the sweep runs on this machine" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not output.exists()


def test_a_server_that_is_not_ray_is_refused_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It takes the connection and says nothing; no folder is written."""
    pytest.importorskip("ray", reason="the extra [cluster] is not installed")
    monkeypatch.setattr(connecting, "JOINED_S", 3.0)
    output = tmp_path / "sweep"
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        arguments = ["--implementations", "torch", "--dataset", "digits", "--output", str(output), "--ray", address]
        assert cli.main(["sweep", *arguments]) == 2
    assert f"no Ray cluster answers at {address}: what listens there did not answer as Ray" in capsys.readouterr().err
    assert not output.exists()


class Nodes:
    """What Ray says of its nodes."""

    def __init__(self, *cores: float) -> None:
        """Each alive, with so many cores."""
        self.cores = cores

    def nodes(self) -> list[dict[str, object]]:
        """As Ray gives them."""
        return [{"Alive": True, "Resources": {"CPU": cores}} for cores in self.cores]


def test_a_timed_case_holds_a_whole_node() -> None:
    """All cores of the largest one, so that no other case shares it; otherwise as many as it has threads."""
    settings = WorkerSettings(1, "cpu", None, download=False)
    assert _room(Nodes(4, 2), Cluster("auto", whole_node=True), settings) == (4, 2)
    assert _room(Nodes(4, 2), Cluster("auto"), settings) == (1, 12)
    with pytest.raises(BadConfiguration, match="the largest node of the cluster has 4 cores"):
        _room(Nodes(4, 2), Cluster("auto"), WorkerSettings(8, "cpu", None, download=False))


def test_what_dies_is_handed_out_again_a_bounded_number_of_times() -> None:
    """None is another attempt; four where a process or node dies, two where there is no memory."""
    exceptions = pytest.importorskip("ray.exceptions", reason="the extra [cluster] is not installed")

    def statuses(error: Exception) -> list[str | None]:
        def get(_: object) -> None:
            raise error

        ray = SimpleNamespace(get=get, exceptions=exceptions)
        found = [_result(ray, None, attempt) for attempt in (1, 2, 3, 4)]
        return [None if result is None else result.outcome["status"] for result in found]

    assert statuses(exceptions.WorkerCrashedError()) == [None, None, None, "crashed"]
    assert statuses(exceptions.OutOfMemoryError("too much"))[:2] == [None, "out_of_memory"]
