"""The options of a run: what is left out has its default, and a resumed run keeps its own settings."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.datasets import NAMES
from benchmarks.settings import AXES, OPTIONS, TOP_UP_MIN, Settings, add_options
from bn_impls.errors import BadConfiguration, BadData, UnknownName


def parsed(*arguments: str) -> argparse.Namespace:
    """A command line."""
    parser = argparse.ArgumentParser()
    add_options(parser.add_argument)
    return parser.parse_args(list(arguments))


RUN = Settings(axes=("agreement", "throughput"), implementations=("keras", "torch"), size="quick", baseline="keras")


def test_what_is_left_out_has_its_default() -> None:
    """Those of the settings, and the budget of the size."""
    assert Settings.from_options(parsed()) == Settings(budget_min=TOP_UP_MIN["default"])
    assert Settings.from_options(parsed("--axes", "checkpoint,agreement", "--threads", "0")) == Settings(
        axes=("agreement", "checkpoint"), threads=0, budget_min=TOP_UP_MIN["default"]
    )


def test_a_folder_for_a_data_set_that_comes_with_a_package_is_refused() -> None:
    """Not ignored, also where the data set is the default, or a view of it is asked for."""
    with pytest.raises(BadData, match=r"mnist-5000 comes with a package and is read from no folder: .* mnist\|"):
        Settings.from_options(parsed("--data-dir", "d"))
    for name in ("mnist-5000+small", "digits+halves", "photographs"):
        with pytest.raises(BadData, match=f"the data set {re.escape(name)} comes with a package"):
            Settings.from_options(parsed("--data-dir", "d", "--dataset", name))
    with pytest.raises(UnknownName, match="unknown view of a data set 'smal': did you mean small"):
        Settings.from_options(parsed("--data-dir", "d", "--dataset", "mnist+smal"))
    assert Settings.from_options(parsed("--data-dir", "d", "--dataset", "mnist+small")).dataset == "mnist+small"
    assert Settings.from_options(parsed("--data-dir", "d", "--dataset", "mnist")).dataset == "mnist"


def test_networks_that_nothing_would_train_are_refused() -> None:
    """Unknown ones on any axes, known ones where convergence is left out."""
    for axes in ("throughput", "convergence"):
        with pytest.raises(UnknownName, match="unknown network '0005': did you mean 000 or"):
            Settings.from_options(parsed("--axes", axes, "--networks", "004,0005"))
    with pytest.raises(
        BadConfiguration, match="got --networks 001,004 with --axes agreement,throughput, but only conv"
    ):
        Settings.from_options(parsed("--axes", "throughput,agreement", "--networks", "001,004"))
    for axes in ([], ["--axes", "throughput,convergence"]):
        assert Settings.from_options(parsed("--networks", "001,004", *axes)).networks == ("001", "004")


@pytest.mark.parametrize(
    "repeated",
    [
        [],
        ["--quick", "--axes", "throughput,agreement", "--implementations", "keras,torch", "--baseline", "keras"],
        ["--timeout", "300", "--threads", "0", "--device", "cpu", "--budget", "0", "--output", "RUN"],
    ],
)
def test_a_resumed_run_may_be_given_its_own_settings_again(repeated: list[str]) -> None:
    """They contradict nothing."""
    RUN.refuse_others(parsed("--resume", "RUN", *repeated))


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (["--full"], "--quick or --full (the run has quick)"),
        (["--axes", "agreement"], "--axes (the run has agreement,throughput)"),
        (["--implementations", "keras"], "--implementations (the run has keras,torch)"),
        (["--dataset", "digits"], "--dataset (the run has mnist-5000)"),
        (["--data-dir", "d"], "--data-dir (the run has none)"),
        (["--download"], "--download (the run has none)"),
        (["--baseline", "torch"], "--baseline (the run has keras)"),
        (["--device", "gpu"], "--device (the run has cpu)"),
        (["--timeout", "5"], "--timeout (the run has 300.0)"),
        (["--threads", "2"], "--threads (the run has 0)"),
        (["--rounds", "9"], "--rounds (the run has 0)"),
        (["--budget", "1"], "--budget (the run has 0.0)"),
        (["--output", "elsewhere"], "--output (the run stays in its folder)"),
        (["--threads", "2", "--full"], "--quick or --full (the run has quick), --threads (the run has 0)"),
    ],
)
def test_an_option_that_contradicts_the_resumed_run_is_refused_by_name(other: list[str], named: str) -> None:
    """With what the run has, and the way out."""
    with pytest.raises(BadConfiguration) as caught:
        RUN.refuse_others(parsed("--resume", "RUN", *other))
    assert f"got --resume with {named}, but a resumed run keeps the settings in its plan.json" in str(caught.value)


def test_a_file_of_data_is_the_same_one_from_every_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan has its folder; resumed elsewhere it may be named as the plan or in full, and another is refused."""
    monkeypatch.chdir(tmp_path)
    run = Settings.from_options(parsed("--dataset", "own.h5"))
    assert (run.dataset, run.data_dir) == ("own.h5", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for same in ("own.h5", "../own.h5", str(tmp_path / "own.h5")):
        run.refuse_others(parsed("--resume", "RUN", "--dataset", same))
    with pytest.raises(BadConfiguration, match="got --resume with --data-dir"):
        run.refuse_others(parsed("--resume", "RUN", "--dataset", "./own.h5"))


def test_every_setting_that_an_option_gives_is_compared() -> None:
    """One that is forgotten here would be ignored in silence."""
    of_the_run = {"yardsticks", "command", "timed"}  # no option of a run gives them
    assert {*OPTIONS, *of_the_run} == set(Settings.__dataclass_fields__)


def test_the_help_names_every_data_set_and_axis() -> None:
    """Both stand in sentences of their own."""
    told: dict[str, Any] = {}
    add_options(lambda name, **how: told.update({name: how["help"]}))
    assert all(name in told["--dataset"] for name in NAMES)
    assert all(axis in told["--axes"] for axis in AXES)
