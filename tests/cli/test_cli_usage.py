"""What a user gets wrong: code 2, what was got, what was expected, the way out, no traceback."""

from __future__ import annotations

import gzip
import os
import shutil
import struct
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import called

CHECKOUT = Path(__file__).resolve().parents[2]
QUICK = ("run", "--quick", "--axes", "agreement")
IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ((), ("arguments are required: COMMAND",)),
        (("lst",), ("invalid choice: 'lst'", "did you mean list?")),
        (("list", "--jsn"), ("unrecognized arguments: --jsn",)),
        (("report",), ("arguments are required: RUN",)),
        (("report", "/no/such/run"), ("/no/such/run is no run folder", "Give the folder that `bn-bench run` wrote")),
        (("run", "--axes", "agrement"), ("got 'agrement'", "should be some of agreement,throughput,convergence,")),
        (("run", "--axes", ""), ("got ''", "should be some of agreement,")),
        (("run", "--implementations", ","), ("got ','", "should be names", "`bn-bench list`")),
        (("run", "--networks", ""), ("got '', but should be networks with commas between",)),
        (("run", "--timeout", "soon"), ("got 'soon', but should be a number of seconds above 0",)),
        (("run", "--timeout", "0"), ("got '0', but should be a number of seconds above 0",)),
        (("run", "--timeout", "-3"), ("got '-3', but should be a number of seconds above 0",)),
        (("run", "--timeout", "nan"), ("got 'nan', but should be a number of seconds above 0",)),
        (("run", "--timeout", "inf"), ("got 'inf', but should be a number of seconds above 0",)),
        (("run", "--threads", "two"), ("got 'two', but should be a whole number of threads, 0 for all cores",)),
        (("run", "--threads", "-1"), ("got '-1', but should be a whole number of threads",)),
        (("run", "--threads", "\u00b2"), ("but should be a whole number of threads",)),
        (("run", "--device", "tpu"), ("invalid choice: 'tpu'", "cpu", "gpu")),
        (("run", "--impl", "keras"), ("usage: bn-bench run", "unrecognized arguments: --impl keras")),
        (("run", "--implementatons", "keras"), ("--implementatons keras; did you mean --implementations?",)),
        (("run", "--device", "cpuu"), ("did you mean cpu?",)),
        (("run", "somewhere"), ("unrecognized arguments: somewhere",)),
    ],
)  # fmt: skip
def test_arguments_that_cannot_be_parsed_are_named_with_the_way_out(
    arguments: tuple[str, ...], parts: tuple[str, ...], refused: Any
) -> None:
    """By the command line itself; the other mistakes are found when a run is planned."""
    refused(called(*arguments), *parts)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("run", "--quick", "--full"), ("got --quick and --full, but should get at most one of them",)),
        ((*QUICK, "--implementations", "keraz"), (
            "unknown implementation 'keraz'", "did you mean keras or", "known are flax, haiku, keras, ",
            "`bn-bench list` shows them all", "package.module:OBJECT",
        )),
        ((*QUICK, "--implementations", "numpy-refrence,keras"), ("did you mean numpy-reference?",)),
        ((*QUICK, "--baseline", "kera"), ("unknown implementation 'kera'", "did you mean keras or")),
        (("run", "--quick", "--dataset", "mnist-500", "--implementations", "numpy-reference"), (
            "unknown data set 'mnist-500'", "did you mean mnist", "known are cifar10, digits, fashion-mnist, mnist",
            "--download", "--data-dir DIR",
        )),
        (("run", "--quick", "--dataset", "mnist", "--data-dir", "/no/such/folder", "--implementations", "keras"), (
            "the data directory /no/such/folder is no folder",
        )),
        (("run", "--quick", "--dataset", "mine.h5", "--implementations", "keras"), ("mine.h5",)),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_the_way_out(
    arguments: tuple[str, ...], parts: tuple[str, ...], tmp_path: Path, bn_bench: Any, refused: Any
) -> None:
    """Through the real command; a run has made no folder."""
    output = ("--output", str(tmp_path / "run")) if arguments[:1] == ("run",) else ()
    refused(bn_bench(*arguments, *output), *parts)
    assert not (tmp_path / "run").exists()


def test_pytest_refuses_the_same_mistakes_in_the_same_words(tmp_path: Path, bn_bench: Any) -> None:
    """Code 4 is pytest's for wrong usage."""
    done = bn_bench("--benchmark-only", "--implementations", "keraz", "--output", tmp_path / "run", module="pytest")
    assert done.returncode == 4
    assert "unknown implementation 'keraz': did you mean keras or" in done.stderr
    done = bn_bench("--benchmark-only", "--timeout", "nan", "--output", tmp_path / "run", module="pytest")
    assert done.returncode == 4
    assert "got 'nan', but should be a number of seconds above 0" in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_cut_data_file_is_refused_before_anything_runs(tmp_path: Path, bn_bench: Any, refused: Any) -> None:
    """An IDX file that announces more images than it holds."""
    for name in IDX:
        sizes = (10, 28, 28) if "images" in name else (10,)
        header = struct.pack(">HBB", 0, 8, len(sizes)) + b"".join(struct.pack(">I", size) for size in sizes)
        (tmp_path / name).write_bytes(header + bytes(5))
    done = bn_bench(
        "run", "--quick", "--axes", "convergence", "--dataset", "mnist", "--data-dir", tmp_path,
        "--implementations", "numpy-reference", "--output", tmp_path / "run",
    )  # fmt: skip
    refused(done, str(tmp_path / IDX[0]))
    assert not (tmp_path / "run").exists()


def test_a_compressed_data_file_that_is_cut_is_refused_too(tmp_path: Path, bn_bench: Any, refused: Any) -> None:
    """As a download that broke off leaves it."""
    for name in IDX:
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(bytes(10_000))[:20])
    done = bn_bench(
        "run", "--quick", "--axes", "checkpoint", "--dataset", "fashion-mnist", "--data-dir", tmp_path,
        "--implementations", "numpy-reference", "--output", tmp_path / "run",
    )  # fmt: skip
    refused(done, f"{IDX[0]}.gz")


def test_data_with_nan_are_refused_before_anything_runs(tmp_path: Path, bn_bench: Any, refused: Any) -> None:
    """One value of an HDF5 file is enough to spoil every training."""
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    with h5py.File(tmp_path / "own.h5", "w") as file:
        file["x"] = [[0.5, float("nan")]] + [[0.0, 1.0]] * 19
        file["y"] = [0, 1] * 10
    done = bn_bench(
        "run", "--quick", "--axes", "convergence", "--dataset", tmp_path / "own.h5",
        "--implementations", "numpy-reference", "--output", tmp_path / "run",
    )  # fmt: skip
    refused(done, "own.h5: x has 1 values that are NaN or infinite, but should have none: clean them")
    assert not (tmp_path / "run").exists()


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A folder that holds ``bn_impls`` alone, as an installed wheel does."""
    shutil.copytree(CHECKOUT / "bn_impls", tmp_path / "site" / "bn_impls", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "site"


@pytest.mark.parametrize("arguments", [("run",), ("run", "--help"), ("report", "somewhere")])
def test_a_command_of_the_suite_says_that_it_needs_a_checkout(
    arguments: tuple[str, ...], wheel: Path, tmp_path: Path, bn_bench: Any, refused: Any
) -> None:
    """The wheel has no ``benchmarks``; the message says where they are and what to do."""
    done = bn_bench(*arguments, folder=tmp_path, environment={"PYTHONPATH": str(wheel)})
    refused(done, "this command is part of the suite, which is not in the installed wheel; clone the repository")


def test_the_wheel_alone_lists(wheel: Path, tmp_path: Path, bn_bench: Any) -> None:
    """What needs no checkout works without one."""
    done = bn_bench("list", folder=tmp_path, environment={"PYTHONPATH": str(wheel)})
    assert done.returncode == 0
    assert done.stdout.startswith("numpy-reference")


def test_the_wheel_inside_a_checkout_finds_the_suite(wheel: Path, bn_bench: Any) -> None:
    """Installed as a wheel, called in a folder of the repository."""
    done = bn_bench("run", "--help", folder=CHECKOUT / "docs", environment={"PYTHONPATH": str(wheel)})
    assert done.returncode == 0
    assert "--implementations" in done.stdout


@pytest.mark.parametrize("missing", ["pandas", "rich", "pytest", "psutil"])
def test_a_missing_package_of_the_suite_is_named_before_anything_runs(
    missing: str, tmp_path: Path, bn_bench: Any, refused: Any
) -> None:
    """Only ``pip install bn-bench`` was done: the message says which package, and what brings all of them."""
    (tmp_path / "sitecustomize.py").write_text(HIDE.format(missing=missing))
    done = bn_bench(
        "run", "--quick", "--implementations", "numpy-reference", "--output", tmp_path / "run",
        environment={"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    refused(
        done, f"bn-bench: {missing} is not installed; the suite needs its own packages: `pip install -e '.[suite]'`"
    )
    assert not (tmp_path / "run").exists()


HIDE = """
import sys
from importlib.machinery import PathFinder


class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] == "{missing}" else super().find_spec(name, path, target)


sys.meta_path[:] = [Without if finder is PathFinder else finder for finder in sys.meta_path]
"""


def test_an_error_of_our_own_does_not_look_like_a_disagreement(tmp_path: Path, bn_bench: Any) -> None:
    """Python would exit with 1; a bug is 3, with its traceback and the wish to hear of it."""
    copy = tmp_path / "site"
    shutil.copytree(CHECKOUT / "bn_impls", copy / "bn_impls", ignore=shutil.ignore_patterns("__pycache__"))
    registry = copy / "bn_impls" / "registry.py"
    registry.write_text(registry.read_text() + "\n\ndef descriptors():\n    return 1 / 0\n")
    done = bn_bench("list", folder=tmp_path, environment={"PYTHONPATH": str(copy)})
    assert done.returncode == 3
    assert "ZeroDivisionError" in done.stderr
    assert done.stderr.endswith("bn-bench: this should not happen; please report it\n")


def test_an_implementation_of_one_s_own_is_found_where_one_stands(tmp_path: Path, bn_bench: Any, quick: Any) -> None:
    """``module:OBJECT`` from the current folder, by the command and by its workers, without PYTHONPATH."""
    (tmp_path / "mine.py").write_text("from bn_impls.numpy_reference import IMPLEMENTATION as LAYER\n")
    environment = {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry == str(CHECKOUT))}
    done = bn_bench(
        *QUICK, "--implementations", "mine:LAYER", "--output", "run", folder=tmp_path, environment=environment
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{quick.planned} cases: {quick.offered} ok" in done.stdout
    assert "report: run/index.html" in done.stdout
