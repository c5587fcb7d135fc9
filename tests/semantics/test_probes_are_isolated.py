"""A probe that raises, crashes or hangs costs its own cell; the others are asked all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from bn_impls.registry import Descriptor, describe
from bn_impls.semantics.observing import MOST_STARTS, observe
from bn_impls.semantics.questions import BY_KEY

ROGUE = """
import os, time
from bn_impls.numpy_reference import IMPLEMENTATION as GOOD
from dataclasses import replace

def build(settings):
    print("said on standard output")
    if settings.epsilon == 1e-2:  # asked for by the question about epsilon's place alone
        {act}
    return GOOD.build(settings)

ROGUE = replace(GOOD, build=build)
"""
ASKED = [BY_KEY[key] for key in ("start_values", "epsilon_place", "training_uses")]


@pytest.fixture
def rogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module that worker processes find."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "rogue_of_semantics"


@pytest.mark.parametrize(
    ("act", "observed", "evidence"),
    [
        ("raise ArithmeticError('no epsilon today')", "failed", "ArithmeticError: no epsilon today"),
        ("os._exit(7)", "crashed", "exited with code 7"),
        ("time.sleep(60)", "timed out", "no answer within 3 s"),
    ],
)
def test_trouble_costs_one_cell(tmp_path: Path, rogue: str, act: str, observed: str, evidence: str) -> None:
    """The cell says what happened; the question before it and the one after it are answered."""
    (tmp_path / f"{rogue}.py").write_text(ROGUE.format(act=act))
    row = observe(describe(f"{rogue}:ROGUE"), ["eager"], ASKED, answer_s=3.0)
    assert row["epsilon_place"]["observed"] == observed
    assert evidence in row["epsilon_place"]["evidence"]
    assert row["start_values"]["observed"] == "mean 0, variance 1"
    assert row["training_uses"]["observed"] == "batch"


def test_who_crashes_every_time_is_not_asked_for_ever(tmp_path: Path, rogue: str) -> None:
    """After a few starts the questions that are left say so."""
    (tmp_path / f"{rogue}.py").write_text(ROGUE.format(act="pass").replace("print(", "os._exit(9); print("))
    keys = ("epsilon_place", "start_values", "warm_up", "training_uses", "inference_uses", "nan")
    row = observe(describe(f"{rogue}:ROGUE"), ["eager"], [BY_KEY[key] for key in keys])
    assert [row[key]["observed"] for key in keys] == ["crashed"] * MOST_STARTS + ["not asked"] * 2


def test_a_module_that_does_not_import_is_a_row_of_reasons(tmp_path: Path, rogue: str) -> None:
    """Every cell says why."""
    (tmp_path / f"{rogue}.py").write_text("import nothing_of_this_name")
    row = observe(describe(f"{rogue}:ROGUE"), ["eager"], ASKED)
    assert {cell["observed"] for cell in row.values()} == {"failed"}
    assert all("nothing_of_this_name" in cell["evidence"] for cell in row.values())


def test_a_framework_that_is_missing_is_a_row_with_the_reason() -> None:
    """Nothing is started for it."""
    absent = Descriptor(
        name="absent",
        framework="?",
        summary="",
        target="absent:A",
        modules=("no_such_module",),
        install="pip install it",
    )
    row = observe(absent, ["eager"], ASKED)
    assert row["start_values"] == {
        "observed": "not installed",
        "declared": None,
        "evidence": "no_such_module is not installed; pip install it",
    }


def test_styles_that_differ_stand_beside_the_usual_one(tmp_path: Path, rogue: str) -> None:
    """The cell keeps its shape and says what each style does."""
    source = ROGUE.format(act="pass").replace(
        "return GOOD.build(settings)",
        "built = GOOD.build(replace(settings, style='eager'))\n"
        "    return replace(built, training_step=built.inference) if settings.style == 'graph' else built",
    )
    (tmp_path / f"{rogue}.py").write_text(source)
    row = observe(describe(f"{rogue}:ROGUE"), ["eager", "graph"], ASKED)
    assert row["training_uses"]["observed"] == "batch"
    assert {style: cell["observed"] for style, cell in row["training_uses"]["by_style"].items()} == {
        "eager": "batch",
        "graph": "moving",
    }
    assert "by_style" not in row["start_values"]
