"""``bn-bench convert``: real checkpoints, a fresh process for each framework, inference by value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bn_impls import canonical, registry
from bn_impls.cli import main
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
        convert(checkpoint, "numpy-reference", checkpoint, format_name=None, rescale=False)
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
        ('{"schema": 1, "network": {"layers": [{"kind": "__import__"}]}}', "it has no usable '__import__'"),
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
