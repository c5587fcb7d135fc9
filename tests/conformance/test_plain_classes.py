"""``check`` on classes that know nothing of bn-bench: a ``torch.nn.Module`` and a ``keras.Layer``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from bn_impls.conformance.kit import CHECKS, outcome
from bn_impls.conformance.model import Result
from bn_impls.conformance.subject import DECAY, EPSILON, Subject
from bn_impls.errors import BadSpecification
from bn_impls.registry import describe, load

from .test_conformance_processes import check

torch = pytest.importorskip("torch")
PLAIN = "tests.conformance.plain_torch"
MOST_TELLING = (
    "builds", "training_output", "inference_output", "gradient_input", "gradient_gamma", "update", "update_table",
    "update_by_count", "fresh_state", "counts_updates", "channels_first", "one_value_a_channel", "mean_10000",
    "checkpoint", "checkpoint_counter",
)  # fmt: skip


def results(name: str, scratch: Path, given: Mapping[str, float] | None = None) -> dict[str, Result]:
    """Those checks on a class of this module, in this process."""
    given = given or {}
    implementation = load(describe(name), given)
    scratch.mkdir(exist_ok=True)
    found = Subject(
        implementation=implementation, scratch=scratch, decay=given.get("decay", DECAY),
        epsilon=given.get("epsilon", EPSILON),
    ).settled()  # fmt: skip
    by_name = {one.name: one for one in CHECKS}
    got = {}
    for number, check_name in enumerate(MOST_TELLING):
        folder = scratch / str(number)
        folder.mkdir()
        got[check_name] = outcome(by_name[check_name], replace(found, scratch=folder))
    return got


def causes(found: Mapping[str, Result]) -> dict[str, str]:
    """What failed, and why."""
    return {name: result.cause for name, result in found.items() if result.status == "failed"}


@pytest.mark.parametrize(("name", "given"), [
    (f"{PLAIN}:MyBN", {}),
    ("torch.nn:BatchNorm2d", {}),
    (f"{PLAIN}:Fixed", {"decay": 0.9, "epsilon": 1e-5}),
])  # fmt: skip
def test_a_right_module_fails_nothing(name: str, given: dict[str, float], tmp_path: Path) -> None:
    """One that can be set, PyTorch's own for one rank, and one with constants."""
    assert causes(results(name, tmp_path / "scratch", given)) == {}


@pytest.mark.parametrize(("name", "wrong"), [
    ("Biased", {"update": "moving_ddof", "update_table": "moving_ddof", "update_by_count": "moving_ddof"}),
    ("Reversed", {"update": "decay_swapped", "update_table": "decay_swapped", "update_by_count": "decay_swapped"}),
])  # fmt: skip
def test_a_mistake_in_a_module_is_named(name: str, wrong: dict[str, str], tmp_path: Path) -> None:
    """The averaged variance over n, and momentum as Keras has it; all else is right."""
    found = causes(results(f"{PLAIN}:{name}", tmp_path / "scratch"))
    assert {check_name: found.get(check_name) for check_name in wrong} == wrong
    assert set(found.values()) == {*wrong.values()}


def test_statistics_that_are_no_buffers_are_missed_in_the_checkpoint(tmp_path: Path) -> None:
    """And in nothing else."""
    assert set(causes(results(f"{PLAIN}:Unregistered", tmp_path / "scratch"))) == {"checkpoint"}


@pytest.mark.parametrize(("name", "parts"), [
    ("Nameless", ["keeps no moving mean and no moving variance", "running_mean or moving_mean",
                  "running_var or running_variance or moving_var or moving_variance"]),
    ("Fixed", ["has no decay that can be set: looked for momentum or decay", "--decay VALUE"]),
    ("NeedsMore", ["cannot be built as NeedsMore(4)", "num_dims"]),
    ("torch", ["is a module, but should be a bn_impls.interface.Implementation, or a class derived from"]),
])  # fmt: skip
def test_what_cannot_be_tested_says_what_was_looked_for(name: str, parts: list[str]) -> None:
    """With the way out."""
    with pytest.raises(BadSpecification) as caught:
        load(describe(f"{PLAIN}:{name}"))
    for part in parts:
        assert part in str(caught.value)


def test_a_right_layer_of_keras_passes_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the backend that Keras is told to run on."""
    for module in ("keras", "tensorflow"):
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    done = check("tests.conformance.plain_keras:MyBN", "--quick")
    assert done.returncode == 0, done.stdout
