"""The kernel's machine code on disk: whole or not there, whoever is killed, writes at once, or may not write."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

numba = pytest.importorskip("numba", reason="Numba is not installed")

from bn_impls import numba_code, numba_internals  # noqa: E402  # needs Numba

ROOT = Path(__file__).resolve().parents[2]
USE = """
from bn_impls import numba_code, numba_layer
{before}
from tests.bn_impls.test_numba_kernel import build
import numpy as np
layer = build(input_shape=(1, 1, 2), layout="channels_first", dtype="float32")
layer.load_state({{**layer.export_state(), "moving_mean": np.array([1], "f"), "moving_variance": np.array([4], "f")}})
assert layer.inference(np.array([[[1, 3]]], "f")).tolist() == [[[0.0, 1.0]]]
hits = sum(numba_code.KERNELS["rows"].infer.stats.cache_hits.values())
print(hits, numba_code.code_file("float32", "rows", "inference"))
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
    assert numba_code.OneFile(file).read() is None


def test_files_of_others_are_left_alone(folder: Path, code: Path) -> None:
    """An older source's code, Numba's own index and code, and what a killed process left: nobody reads them."""
    others = [
        folder / name for name in ("float32-rows-inference-0.code", "numba_kernel.infer-1.py311.nbi", "tmpabc/new")
    ]
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


def test_the_name_tells_kinds_and_processors_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code for another dtype, layout, call or processor is another file."""
    kinds = list(itertools.product(numba_code.IN_MEMORY, get_args(numba_code.Matrix), get_args(numba_code.Call)))
    names = {numba_code.code_file(*kind).name for kind in kinds}
    monkeypatch.setattr(numba_internals, "processor", lambda function: ("another", "processor", ""))
    assert len(names | {numba_code.code_file(*kinds[0]).name}) == len(kinds) + 1


def test_nothing_is_compiled_after_the_start() -> None:
    """A call with types that were not compiled for is refused, not compiled without a lock."""
    work = numba_code.compile_for("float32", "rows", "inference")
    with pytest.raises(TypeError, match="No matching definition"):
        work(*[np.zeros(1, "complex64")] * 13)


# ---- another Numba --------------------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> numba_code.OneFile:
    """A file that is not there yet."""
    return numba_code.OneFile(tmp_path / "code")


def doubled() -> Any:
    """A function that nobody has compiled."""
    return numba.njit(lambda value: 2 * value)


INT = (numba.int64,)


def test_a_function_that_was_kept_is_loaded(place: numba_code.OneFile) -> None:
    """Without a reason against it."""
    for hits in (0, 1):
        function = doubled()
        assert numba_internals.compile_kept(function, INT, place) is None
        assert (function(21), sum(function.stats.cache_hits.values())) == (42, hits)


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("numba.core.serialize.dumps", "this Numba lacks a name, cannot import name 'dumps'"),
        ("numba.core.compiler.CompileResult._reduce", "this Numba lacks a name, .* no attribute '_reduce'"),
        ("numba.core.compiler.CompileResult._rebuild", "this Numba lacks a name, .* no attribute '_rebuild'"),
    ],
)
def test_a_numba_that_lacks_a_name_compiles_in_each_process(
    missing: str, reason: str, place: numba_code.OneFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The function works, nothing is kept, and the reason names what is missing."""
    monkeypatch.delattr(missing)
    function = doubled()
    told = numba_internals.compile_kept(function, INT, place)
    assert re.match(reason, str(told))
    assert function(21) == 42
    assert not place.file.exists()


@pytest.mark.parametrize(("changed", "verb"), [("_reduce", "saved"), ("_rebuild", "loaded")])
def test_a_numba_whose_names_mean_something_else_compiles_in_each_process(
    changed: str, verb: str, place: numba_code.OneFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it raises is the reason."""
    if changed == "_rebuild":
        assert numba_internals.compile_kept(doubled(), INT, place) is None

    def refuse(*arguments: Any) -> None:
        raise TypeError("another number of arguments")

    monkeypatch.setattr(f"numba.core.compiler.CompileResult.{changed}", refuse)
    function = doubled()
    told = numba_internals.compile_kept(function, INT, place)
    assert told == f"code could not be {verb}, TypeError('another number of arguments')"
    assert function(21) == 42


def test_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a warning, once for each kind of call."""
    monkeypatch.setattr(numba_internals, "compile_kept", lambda *arguments: "this Numba lacks a name")
    with pytest.warns(RuntimeWarning, match="compiled in each process: this Numba lacks a name"):
        numba_code.compile_for.__wrapped__("float32", "rows", "inference")
