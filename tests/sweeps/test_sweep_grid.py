"""What a sweep multiplies out, and what it refuses before anything runs."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.sweeps.grid import Grid, varied
from bn_impls import cli
from bn_impls.registry import describe


def grid(**changes: Any) -> Grid:
    """A small grid with changes."""
    chosen: dict[str, Any] = {"networks": ("000",), "seeds": 1, "dataset": "digits", "epochs": 2, "device": "cpu"}
    return Grid(**{**chosen, **changes})


def test_every_combination_is_one_case_with_an_id_of_its_own() -> None:
    """2 implementations x 2 networks x (2 rates x 2 depths) x 3 seeds."""
    settings = varied(["learning_rate=0.01,0.001", "hidden=10,20x20"])
    found = grid(networks=("000", "001"), seeds=3, varied=settings).cases([describe("torch"), describe("keras")])
    assert len(found) == len({case.case_id for case in found}) == 48
    last = found[-1]
    assert last.case_id == "convergence:keras:001-learning_rate=0.001-hidden=20x20-seed=2-digits-xla-cpu"
    assert last.parameters == {
        "network": "001", "batch_size": 250, "optimizer": "sgd", "learning_rate": 0.001, "batch_norm": True,
        "dataset": "digits", "epochs": 2, "dtype": "float32", "options": {"hidden": [20, 20]}, "seed": 2,
        "device": "cpu", "style": "xla",
    }  # fmt: skip


def test_what_is_named_twice_counts_once_and_values_of_one_name_add_up() -> None:
    """0.01 and 0.010 are one rate; ``--set`` for the same name goes on."""
    settings = varied(["learning_rate=0.01,0.010", "learning_rate=0.1"])
    found = grid(networks=("000", "000"), varied=settings).cases([describe("torch")])
    assert [case.parameters["learning_rate"] for case in found] == [0.01, 0.1]
    assert len({case.case_id for case in found}) == 2


def test_a_document_s_own_values_stand_where_nothing_is_varied() -> None:
    """Document 000: Adam 0.01, batch 32."""
    (case,) = grid().cases([describe("torch")])
    assert (case.parameters["optimizer"], case.parameters["learning_rate"]) == ("adam", 0.01)
    assert (case.parameters["batch_size"], case.parameters["options"]) == (32, {})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "learning_rte=1"], "did you mean learning_rate?"),
        (["--set", "learning_rate"], "should be NAME=VALUE,VALUE"),
        (["--set", "batch_size=0"], "got --set batch_size=0, but should be a whole number above 0"),
        (["--set", "decay=nan"], "got --set decay=nan, but should be a weight in [0, 1]"),
        (["--set", "batch_norm=maybe"], "should be true or false"),
        (["--set", "order=upside-down"], "should be one of layer-norm-activation"),
        (["--set", "optimizer=rms"], "should be one of adam, sgd"),
        (["--set", "dtype=float8"], "should be float32 or float64"),
        (["--set", "learning_rate=-1"], "got --set learning_rate=-1, but should be a number of 0 or more"),
        (["--set", "dropout=1.5"], "got --set dropout=1.5, but should be a rate in [0, 1)"),
        (["--set", "decay=2"], "got --set decay=2, but should be a weight in [0, 1]"),
        (["--set", "epsilon=-1"], "got --set epsilon=-1, but should be a number of 0 or more"),
        (["--set", "kernels=-3"], "got --set kernels=-3, but should be glorot, he or a standard deviation"),
        (["--networks", "999"], "unknown network '999'"),
        (["--dataset", "digits+halves", "--data-dir", "d"], "comes with a package and is read from no folder"),
        (["--implementations", "kears"], "did you mean keras"),
        (["--timed", "--jobs", "2"], "what shares a machine is not timed"),
        (["--ray", "127.0.0.1:1"], "nothing answers there"),
        (["--ray", "127.0.0.1:99999999"], "nothing answers there"),
        (["--ray", "auto", "--jobs", "2"], "Ray decides how many run at once"),
    ],
)
def test_what_cannot_be_is_refused_with_a_way_out(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, one line, no traceback."""
    assert cli.main(["sweep", "--dry-run", *arguments]) == 2
    errors = capsys.readouterr().err
    assert words in errors
    assert "Traceback" not in errors
