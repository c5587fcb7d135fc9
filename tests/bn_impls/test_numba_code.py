"""The kernel's machine code on disk: whole or not there, whoever is killed, writes at once, or may not write."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

numba = pytest.importorskip("numba", reason="Numba is not installed")

from bn_impls import numba_code  # noqa: E402  # needs Numba

ROOT = Path(__file__).resolve().parents[2]
USE = """
from bn_impls import numba_code, numba_layer
{before}
from tests.bn_impls.test_numba_kernel import build
import numpy as np
layer = build(dtype="float32")
results = layer.differentiated(np.array([[1], [3]], "f"), np.array([[1], [3]], "f"))
assert [tensor.ravel().tolist() for tensor in results] == [[-1.0, 1.0], [0.0, 0.0], [2.0], [4.0]], results
print(sum(numba_code.kernel.work.stats.cache_hits.values()), numba_code.code_file("float32"))
"""


def start(folder: Path, before: str = "") -> subprocess.Popen[str]:
    """A process that computes by value, and tells how often it found code, and in which file."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(folder), "NUMBA_NUM_THREADS": "1"}
    command = [sys.executable, "-c", USE.format(before=before)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def found(process: subprocess.Popen[str]) -> tuple[int, Path]:
    """What such a process tells; it must end by itself."""
    told, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    hits, file = told.split(maxsplit=1)
    return int(hits), Path(file.strip())


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that a process leaves which finds an empty folder; made by two at once, of which one waits."""
    folder = tmp_path_factory.mktemp("code")
    told = [found(process) for process in [start(folder), start(folder)]]
    assert sorted(hits for hits, _ in told) == [0, 1]
    assert len({file for _, file in told}) == 1
    return told[0][1]


@pytest.fixture
def folder(code: Path, tmp_path: Path) -> Path:
    """A folder of its own with that file."""
    shutil.copy(code, tmp_path)
    return tmp_path


def test_two_cold_processes_leave_one_whole_file(code: Path) -> None:
    """And the lock; nothing half-written stays."""
    assert sorted(file.suffix for file in code.parent.iterdir()) == [".code", ".lock"]
    assert code.parent.joinpath(code.name).stat().st_size > 10_000


def test_a_second_process_compiles_nothing(folder: Path) -> None:
    """It loads the first one's code."""
    assert found(start(folder))[0] == 1


def test_a_read_only_folder_is_read(folder: Path) -> None:
    """Whoever may not write finds what is there; the lock is not needed for that."""
    before = "import pathlib, builtins\nreal = open\n"
    before += "def refuse(file, mode='r', *more, **options):\n"
    before += "    if 'w' in mode: raise PermissionError(13, 'read-only', str(file))\n"
    before += "    return real(file, mode, *more, **options)\n"
    before += "builtins.open = refuse"  # root may write anywhere, so the mode of the folder would show nothing
    assert found(start(folder, before))[0] == 1


@pytest.mark.parametrize("kept", [0, 40, 0.5, 1.0], ids=["empty", "head", "half", "changed"])
def test_what_is_not_whole_is_not_loaded(folder: Path, kept: float, code: Path) -> None:
    """The checksum at its head says so; such a file is as none."""
    file = folder / code.name
    stored = bytearray(file.read_bytes())
    stored[-1] ^= 1
    file.write_bytes(stored[: int(kept * len(stored)) if isinstance(kept, float) else kept])
    assert numba_code.OneFile(file).load_overload(None, None) is None


def test_files_of_others_are_left_alone(folder: Path, code: Path) -> None:
    """An older source's code, Numba's own index and code, and what a killed process left: nobody reads them."""
    others = [folder / name for name in ("kernel-float32-0.code", "numba_kernel.work-1.py311.nbi", "tmpabc/new")]
    for other in others:
        other.parent.mkdir(exist_ok=True)
        other.write_bytes(b"not code")
    assert found(start(folder)) == (1, folder / code.name)
    assert [other.read_bytes() for other in others] == [b"not code"] * 3


def test_a_process_that_is_killed_while_it_compiles_leaves_no_code(tmp_path: Path) -> None:
    """And no lock that anybody waits for: another that finds the folder takes it at once."""
    process = start(tmp_path, "import threading; print('here', flush=True)")
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("*.lock")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert [file.suffix for file in tmp_path.iterdir()] == [".lock"]
    with numba_code.one_at_a_time(next(tmp_path.iterdir()).with_suffix(".code")):
        pass


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_process_that_is_killed_before_the_rename_publishes_nothing(folder: Path, code: Path) -> None:
    """What it wrote stands under another name, and the next process finds the file as it was."""
    (folder / code.name).unlink()
    before = "import os, signal\nnumba_code.os.replace = lambda *names: os.kill(os.getpid(), signal.SIGKILL)\n"
    before += f"numba_code.OneFile(numba_code.Path({str(folder / code.name)!r})).publish(b'code')"
    process = start(folder, before)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (folder / code.name).exists()
    shutil.copy(code, folder)
    assert found(start(folder))[0] == 1


def test_a_folder_that_cannot_be_written_costs_the_code_and_nothing_else(tmp_path: Path) -> None:
    """Publishing where a file stands in the place of the folder does nothing."""
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with numba_code.one_at_a_time(blocked / "kernel.code"):
        numba_code.OneFile(blocked / "kernel.code").publish(b"code")
    assert blocked.read_text() == "in the way"


def test_the_name_tells_dtypes_and_processors_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code for another processor is another file."""
    names = {numba_code.code_file(dtype).name for dtype in numba_code.IN_MEMORY}
    codegen = numba_code.kernel.work.targetctx.codegen()
    monkeypatch.setattr(type(codegen), "magic_tuple", lambda self: ("another", "processor", ""))
    assert len(names | {numba_code.code_file("float32").name}) == len(numba_code.IN_MEMORY) + 1


def test_nothing_is_compiled_after_the_start() -> None:
    """A call with types that were not compiled for is refused, not compiled without a lock."""
    work = numba_code.compile_for("float32")
    with pytest.raises(TypeError, match="No matching definition"):
        work(*[np.zeros(1, "complex64")] * 14)
