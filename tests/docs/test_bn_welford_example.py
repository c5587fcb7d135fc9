"""``examples/bn_welford``: a package of its own that bn-bench finds, runs on every axis, and agrees with."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from bn_impls.interface import Configuration, Layer, Unsupported
from tests.docs.pages import CHECKOUT
from tests.docs.processes import PIP_OPTIONS, TIMEOUT_S, environment

EXAMPLE = CHECKOUT / "examples" / "bn_welford"
NAME = "numpy-welford"
AXES = {"agreement", "convergence", "checkpoint", "throughput"}


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package, so that nothing is left in the tree."""
    folder = tmp_path_factory.mktemp("example") / "bn_welford"
    return Path(shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".*")))


@pytest.fixture(scope="module")
def installed(example: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, installed by pip into a folder of its own."""
    packages = tmp_path_factory.mktemp("packages")
    command = [sys.executable, "-m", "pip", "install", *PIP_OPTIONS, "--target", str(packages), str(example)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    return packages


@pytest.fixture(scope="module")
def layer_module() -> ModuleType:
    """The module of the layer, imported from where it lies."""
    specification = importlib.util.spec_from_file_location("bn_welford_layer", EXAMPLE / "bn_welford" / "layer.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    return module


def bn_bench(*arguments: str, folder: Path, packages: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line in a folder, with or without the installed package."""
    command = ["bn-bench", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment(packages), capture_output=True, text=True, timeout=TIMEOUT_S
    )


def records_of(run: Path) -> list[dict[str, Any]]:
    """The records of a run folder."""
    return [json.loads(line) for line in (run / "records.jsonl").read_text().splitlines()]


def configuration(module: ModuleType, **changes: Any) -> Configuration:
    """A small layer with the example's own conventions."""
    settings: dict[str, Any] = {
        "input_shape": (600, 3), "layout": "channels_last", "dtype": "float32", "decay": 0.9, "epsilon": 1e-3,
        "center": True, "scale": True, "conventions": module.IMPLEMENTATION.conventions, "style": "eager",
        "device": "cpu",
    }  # fmt: skip
    return Configuration(**{**settings, **changes})


def test_the_example_is_listed_once_it_is_installed(installed: Path, tmp_path: Path) -> None:
    """Its entry point adds one available row with the descriptor's own words."""
    without, with_it = (
        {row["name"]: row for row in json.loads(bn_bench("list", "--json", folder=tmp_path, packages=packages).stdout)}
        for packages in (None, installed)
    )
    assert set(with_it) - set(without) == {NAME}
    assert with_it[NAME]["available"] is True
    assert with_it[NAME]["framework"] == "NumPy"


def test_listing_the_example_imports_neither_its_layer_nor_numpy(installed: Path) -> None:
    """The descriptor is found without anything heavy."""
    code = "import sys, bn_impls.registry as r; r.descriptors(); print([m in sys.modules for m in sys.argv[1:]])"
    command = [sys.executable, "-c", code, "bn_welford.descriptor", "bn_welford.layer", "numpy"]
    done = subprocess.run(command, env=environment(installed), capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[True,", "False,", "False]"]


def offered(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the two agreement cases that the example leaves out."""
    return [row for row in records if row["case"]["dtype"] != "bfloat16" and "second_order" not in row["case_id"]]


def test_the_installed_example_passes_every_axis(installed: Path, tmp_path: Path) -> None:
    """Every case of a quick run is ok, but for 16 bits and the second-order gradient; nothing is withheld."""
    options = ("--quick", "--dataset", "digits", "--implementations", NAME, "--output", "run")
    done = bn_bench("run", *options, folder=tmp_path, packages=installed)
    assert done.returncode == 0, done.stdout + done.stderr
    records = records_of(tmp_path / "run")
    assert {record["axis"] for record in records} == AXES
    assert {(record["implementation"], record["status"]) for record in offered(records)} == {(NAME, "ok")}
    assert {record["metrics"]["ddof"] for record in offered(records) if record["axis"] == "agreement"} == {1}


def test_the_example_runs_from_its_own_folder_without_being_installed(example: Path, tmp_path: Path) -> None:
    """Given as ``module:OBJECT``, from the folder that the package lies in."""
    target, run = "bn_welford.layer:IMPLEMENTATION", tmp_path / "run"
    options = ("--quick", "--axes", "agreement,checkpoint", "--dataset", "digits", "--output", str(run))
    done = bn_bench("run", *options, "--implementations", target, folder=example)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {(record["implementation"], record["status"]) for record in offered(records_of(run))} == {(target, "ok")}


@pytest.mark.parametrize("parts", [(1, 1), (1, 599), (256, 344), (600,), (13, 200, 387)], ids=str)
def test_merged_moments_are_those_of_all_rows(layer_module: ModuleType, parts: tuple[int, ...]) -> None:
    """However the rows are cut, count, mean and sum of squared deviations are those of all of them."""
    rows = np.random.default_rng(0).normal(3.0, 2.0, (sum(parts), 3))
    merged, *others = (layer_module.moments(part) for part in np.split(rows, np.cumsum(parts)[:-1]))
    for other in others:
        merged = merged.merged(other)
    assert merged.count == len(rows)
    np.testing.assert_allclose(merged.mean, rows.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(merged.squares, np.square(rows - rows.mean(axis=0)).sum(axis=0), rtol=1e-13)


def test_the_variance_survives_a_mean_that_is_far_from_zero(layer_module: ModuleType) -> None:
    """For N(10^4, 1) in float32, where a mean of squares minus a squared mean is wrong by 100 and more."""
    rows = (np.random.default_rng(0).standard_normal((100_000, 2)) + 1e4).astype(np.float32)
    found = layer_module.moments(rows)
    exact = rows.astype(np.float64).var(axis=0)
    rounding = 1e-4  # a mean near 10^4 is good to 1e-3, and the means of two chunks differ by 0.1
    np.testing.assert_allclose(found.squares / found.count, exact, rtol=rounding)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"dtype": "float16"}, "float16 is not offered: its range is too small for a sum of squared deviations"),
        ({"style": "graph"}, "NumPy has one call style: eager, not graph"),
        ({"device": "gpu"}, "NumPy computes on the CPU only"),
    ],
    ids=lambda value: next(iter(value.values())) if isinstance(value, dict) else "",
)
def test_what_the_example_does_not_offer_is_a_reason(
    layer_module: ModuleType, change: dict[str, str], reason: str
) -> None:
    """A value, not an exception."""
    assert layer_module.build(configuration(layer_module, **change)) == Unsupported(reason)


def test_a_parameter_that_is_off_has_no_gradient(layer_module: ModuleType) -> None:
    """The gradient of gamma is None without scale, that of beta without center."""
    built = layer_module.build(configuration(layer_module, scale=False, center=False))
    assert isinstance(built, Layer)
    x = built.to_native(np.random.default_rng(0).standard_normal((600, 3)))
    y, dx, dgamma, dbeta = built.training_step_with_gradients(x, x)
    assert (y.shape, dx.shape, dgamma, dbeta) == ((600, 3), (600, 3), None, None)
