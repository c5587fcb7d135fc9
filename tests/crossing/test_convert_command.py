"""``bn-bench convert``: real checkpoints, a fresh process for each framework, inference by value."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bn_impls import canonical, registry
from bn_impls.cli import main
from bn_impls.commands.convert import checkpoint_in
from bn_impls.converting import manifest
from bn_impls.converting.conversion import convert
from bn_impls.converting.worker import LOGITS
from bn_impls.errors import BadCheckpoint, BadConfiguration
from bn_impls.interface import Trainer, TrainerConfiguration, build_trainer
from bn_impls.isolation.process import WorkerProcess
from bn_impls.isolation.variables import environment
from bn_impls.networks.description import Activation, BatchNorm, Dense, Glorot, Network
from bn_impls.networks.optimizers import Adam

LAYERS = (Dense(8), BatchNorm(decay=0.9, epsilon=1e-3, center=True, scale=True), Activation("relu"), Dense(3))
NETWORK = Network("tiny", (6,), LAYERS, Glorot())


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A checkpoint of the NumPy network after 30 steps, with its manifest."""
    implementation = registry.load(registry.describe("numpy-reference"))
    settings = TrainerConfiguration(
        network=NETWORK, optimizer=Adam(0.01), conventions=implementation.conventions, batch_size=16, dtype="float32",
        style="eager", device="cpu",
    )  # fmt: skip
    trainer = build_trainer(implementation, settings)
    assert isinstance(trainer, Trainer)
    trainer.import_weights({**trainer.export_weights(), **NETWORK.initial_weights(0)})
    generator = np.random.default_rng(0)
    trainer.load_data(generator.normal(2, 3, (200, 6)), generator.integers(0, 3, 200))
    trainer.train(generator.integers(0, 200, (30, 16), dtype=np.int32), {})
    folder = tmp_path / "trained"
    folder.mkdir()
    trainer.formats["npz"].save(folder)
    manifest.write(folder, manifest.Manifest.of("numpy-reference", "npz", settings))
    return folder


def restored(name: str, directory: Path, tmp_path: Path) -> dict[str, Any]:
    """What an implementation's own restore finds there, in a fresh process."""
    told = manifest.read(directory)
    variables = environment(1, "cpu", registry.describe(name).environment)
    process = WorkerProcess("bn_impls.converting.worker", {"specification": name}, variables, tmp_path / f"{name}.log")
    try:
        process.started(180)
        path = tmp_path / f"{name}.npz"
        request = {"manifest": told.as_json(), "directory": str(directory), "path": str(path)}
        assert process.ask({"do": "read", **request}, 180)["status"] == "ok"
        return canonical.read(path)
    finally:
        process.close()


@pytest.mark.parametrize(
    "name",
    ["torch", *(pytest.param(name, marks=pytest.mark.slow) for name in ("keras", "tf1-manual", "flax", "sonnet"))],
)
def test_a_converted_checkpoint_restored_by_its_new_framework_infers_alike(
    name: str, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every array came over to the last bit, and the logits to within the bound."""
    if (missing := registry.describe(name).missing()) is not None:
        pytest.skip(missing)
    found = convert(checkpoint, name, tmp_path / "converted", format_name=None, rescale=False)
    before, after = (restored(who, where, tmp_path)
                     for who, where in (("numpy-reference", checkpoint), (name, tmp_path / "converted")))  # fmt: skip
    logits = before.pop(LOGITS), after.pop(LOGITS)
    assert {key: int((after[key] != array).sum()) for key, array in before.items()} == dict.fromkeys(before, 0)
    assert found.lost == {}
    assert float(np.abs(logits[0] - logits[1]).max()) <= 2 * found.difference + 1e-6
    assert found.over_bound < 1


def test_what_cannot_be_converted_is_refused_in_words(checkpoint: Path, tmp_path: Path) -> None:
    """No traceback, no half-written folder."""
    output = tmp_path / "converted"
    with pytest.raises(BadConfiguration, match="is not empty"):
        convert(checkpoint, "numpy-reference", checkpoint.parent, format_name=None, rescale=False)
    (checkpoint / "state.npz").write_bytes(b"PK\x03\x04 and nothing more")
    with pytest.raises(BadCheckpoint, match=r"numpy-reference refused it: BadCheckpoint: .*cannot be read as NPZ"):
        convert(checkpoint, "numpy-reference", output, format_name=None, rescale=False)
    assert not output.exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "has no bn-bench.json"),
        ("{", "describes no checkpoint"),
        ('{"schema": 2}', "it has no schema 1"),
        ("[" * 100_000, "describes no checkpoint"),
    ],
)
def test_a_manifest_that_says_nothing_is_refused(
    content: str | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the command line, with the usage code."""
    if content is not None:
        (tmp_path / manifest.FILE).write_text(content)
    assert main(["convert", str(tmp_path), "--to", "torch"]) == 2
    assert words in capsys.readouterr().err


DOCUMENTED = Path(__file__).parents[2] / "docs" / "cross-restore.md"


def documented() -> dict[str, Any]:
    """The manifest that the documentation shows."""
    (block,) = re.findall(r"```json\n(.*?)```", DOCUMENTED.read_text(), re.DOTALL)
    found: dict[str, Any] = json.loads(block)
    return found


def test_the_documented_manifest_is_read_and_written_as_it_stands() -> None:
    """Word for word; the names that schema 1 once gave to layers are read too."""
    read = manifest.Manifest.from_json(documented())
    assert read.network.layers == LAYERS
    assert read.optimizer == Adam(0.01)
    assert read.as_json() == documented()
    older = documented()
    for layer in older["network"]["layers"]:
        layer["kind"] = layer["kind"].title().replace("_", "")
    assert manifest.Manifest.from_json(older) == read


WIDE = {"name": "wide", "input_shape": [2**24], "layers": [{"kind": "dense", "units": 2**24}]}
HUGE = {"name": "huge", "input_shape": [4096, 4096, 3], "layers": [{"kind": "max_pool", "size": 2}]}


def _set(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(stored: dict[str, Any]) -> None:
        for step in path[:-1]:
            stored = stored[step]
        stored[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_set("network", "layers", 0, "units", to="8"), "units of layer 0 is '8', but should be a whole number from 1"),
        (_set("network", "layers", 0, "units", to=-1), "units of layer 0 is -1"),
        (_set("network", "layers", 0, "units", to=True), "units of layer 0 is True"),
        (_set("network", "layers", 0, "units", to=10**15), "units of layer 0 is 1000000000000000"),
        (
            _set("network", "layers", 0, "kind", to="__import__"),
            "kind of layer 0 is '__import__', but should be one of",
        ),
        (_set("network", "layers", 0, "bias", to=0), "layer 0 has an unknown 'bias'"),
        (_set("network", "layers", 1, "decay", to="0.9"), "decay of layer 1 is '0.9', but should be a finite number"),
        (_set("network", "layers", 1, "decay", to=float("nan")), "decay of layer 1 is nan"),
        (
            _set("network", "layers", 1, "decay", to=2),
            r"decay of layer 1 is 2, but should be a finite number in \[0, 1\]",
        ),
        (_set("network", "layers", 1, "center", to=1), "center of layer 1 is 1, but should be true or false"),
        (_set("network", "layers", 2, to=[1]), r"layer 2 is \[1\], but should be an object"),
        (_set("network", "layers", to={}), "layers of network of the manifest is {}, but should be a list"),
        (_set("network", "layers", to="abc"), "layers of network of the manifest is 'abc', but should be a list"),
        (_set("network", "input_shape", to=[-6]), r"input_shape of network of the manifest is \[-6\]"),
        (_set("network", to=HUGE), "max_pool_0 meets 50,331,648 values of one example, but should at most 16,777,216"),
        (_set("network", to=WIDE), "the network has 281,474,993,487,872 parameters"),
        (_set("network", "input_shape", to=[2**24]), None),
        (_set("network", to=3), "network of the manifest is 3, but should be an object"),
        (_set("batch_size", to=float("inf")), "batch_size of the manifest is inf"),
        (_set("optimizer", "beta_1", to=1), r"beta_1 of optimizer of the manifest is 1, but .* in \[0, 1\)"),
        (_set("dtype", to="float8"), "dtype of the manifest is 'float8', but should be one of float64"),
        (_set("style", to=["eager"]), "style of the manifest is"),
    ],
)
def test_an_impossible_value_in_a_manifest_is_named(
    change: Callable[[dict[str, Any]], None], words: str | None, tmp_path: Path
) -> None:
    """What was got, what was expected; a layer as wide as allowed is none."""
    stored = documented()
    change(stored)
    (tmp_path / manifest.FILE).write_text(json.dumps(stored))
    if words is None:
        assert manifest.read(tmp_path).network.input_shape == (2**24,)
        return
    with pytest.raises(BadCheckpoint, match=words):
        manifest.read(tmp_path)


PLANTED = """
from pathlib import Path
Path(__file__).with_name("ran").touch()
from bn_impls.numpy_reference import IMPLEMENTATION as X
"""


def test_a_checkpoint_chooses_no_code(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The module beside it runs only where the command names it too, also from a run's folder."""
    run = tmp_path / "run"
    folder = run / "checkpoints" / "planted-X"
    folder.parent.mkdir(parents=True)
    checkpoint.rename(folder)
    stored = json.loads((folder / manifest.FILE).read_text()) | {"implementation": "planted:X"}
    (folder / manifest.FILE).write_text(json.dumps(stored))
    (folder / "planted.py").write_text(PLANTED)
    monkeypatch.chdir(folder)
    for arguments, words in (
        ((), "a checkpoint does not choose what code runs here"),
        (("--from", "numpy-reference"), "got --from numpy-reference, but the manifest says planted:X"),
        (("--from", "planted:Y"), "got --from planted:Y"),
    ):
        assert main(["convert", ".", "--to", "numpy-reference", *arguments]) == 2
        assert words in capsys.readouterr().err
    assert not (folder / "ran").exists()

    assert checkpoint_in(run, "planted:X") == folder
    assert main(["convert", str(run), "--from", "planted:X", "--to", "numpy-reference"]) == 0
    assert "of what planted:X restored, all " in capsys.readouterr().out
    assert (folder / "ran").exists()


def test_the_current_folder_converts_beside_itself_and_nan_comes_back(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``convert .`` leaves the checkpoint as it is; a diverged training's NaN is no loss."""
    state = canonical.read(checkpoint / canonical.FILE)
    canonical.write(checkpoint / canonical.FILE, state | {"batch_norm_0/moving_mean": np.full(8, np.nan)})
    before = sorted(checkpoint.iterdir())
    monkeypatch.chdir(checkpoint)
    assert main(["convert", ".", "--to", "numpy-reference"]) == 0
    assert f"of what numpy-reference restored, all {len(state)} arrays came back bit by bit" in capsys.readouterr().out
    assert sorted(checkpoint.iterdir()) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["trained", "trained-as-numpy-reference"]
    assert main(["convert", ".", "--to", "numpy-reference", "--output", "inside"]) == 2
    assert "lies in the checkpoint" in capsys.readouterr().err


def test_a_write_that_fails_leaves_no_half_folder(checkpoint: Path, tmp_path: Path) -> None:
    """The target refuses the format after it was asked to write."""
    with pytest.raises(BadCheckpoint, match="has no format 'zip'"):
        convert(checkpoint, "numpy-reference", tmp_path / "converted", format_name="zip", rescale=False)
    assert [path.name for path in tmp_path.iterdir()] == ["trained"]
