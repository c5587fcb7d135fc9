"""Claims through real workers: a training, a failure, an interruption; then the command."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from benchmarks.cases import Case
from benchmarks.claims import running, verdicts
from benchmarks.claims.cases import case
from benchmarks.claims.catalogue import chosen
from benchmarks.claims.command import opened
from benchmarks.claims.model import Claim, Verdict
from benchmarks.claims.results import Missing, Result, Results
from benchmarks.claims.running import plan
from benchmarks.claims.training import training
from benchmarks.harness.folder import RunFolder
from benchmarks.harness.workers import CHECKOUT
from benchmarks.settings import Settings
from bn_impls.cli import main
from bn_impls.errors import BadRunFolder

SETTINGS = Settings(axes=("claims",), size="quick", threads=1, timeout_s=120.0)


class Silent:
    """A display that shows nothing and counts."""

    def __init__(self) -> None:
        """Begin at 0."""
        self.total = self.done = 0

    def start(self, total: int) -> None:
        """Keep the total."""
        self.total = total

    def now(self, what: str) -> None:
        """Show nothing."""

    def advance(self, units: int = 1) -> None:
        """Count."""
        self.done += units

    def stop(self) -> None:
        """Show nothing."""


def small(seed: int, **changes: Any) -> Case:
    """Network 000 on small digits for 2 epochs."""
    return training(dataset="digits", epochs=2, seed=seed, **changes)


CASES = [
    small(0, watch=["dead_units"], precise=True, keep=["gamma", "population_variance"]),
    small(0, batch_norm=False),
    small(0, learning_rate=1e30, batch_norm=False),
    case("no_such_experiment", "numpy-reference", seed=0),
]


def run_in(folder: RunFolder, cases: list[Case]) -> Silent:
    """Run cases to their end."""
    display = Silent()
    folder.write_plan(cases)
    running.run(folder, cases, display)
    return display


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three trainings, one of which diverges, and of one experiment that is not there."""
    folder = RunFolder.create(tmp_path_factory.mktemp("claims") / "run", SETTINGS)
    display = run_in(folder, CASES)
    folder.close()
    assert (display.total, display.done) == (4, 4)
    return folder.path


def results_of(path: Path) -> Results:
    """The results of the run."""
    folder = RunFolder.resume(path, "claims")
    folder.close()
    return Results.of("quick", CASES, folder.records(), path)


def test_a_training_keeps_curves_and_what_was_asked_for(ran: Path) -> None:
    """By value: the exact variance is positive, gamma has left 1, and the watched share is one."""
    found = results_of(ran).one(batch_norm=True)
    assert found.curve("step_loss").shape == (90,)  # 1,445 digits in batches of 32, twice
    assert list(found.curve("evaluated_steps")) == [0, 45, 90]
    assert found.curve("batch_norm_0/gamma").shape == (32,)
    assert not np.all(found.curve("batch_norm_0/gamma") == 1)
    assert np.all(found.curve("batch_norm_0/population_variance") > 0)
    assert np.all((found.curve("dead_share_batch") >= 0) & (found.curve("dead_share_batch") <= 1))
    assert min(found.number(f"final_{split}_accuracy_population") for split in ("train", "test")) > 0.8
    assert found.number("final_train_loss_population") == pytest.approx(
        found.number("final_train_loss_batch"), rel=0.05
    )


def test_a_divergence_is_a_result_and_a_failure_costs_its_row(ran: Path) -> None:
    """The first is ok with the step where it happened; the second has a reason, and the others are there."""
    statuses = [result.status for result in results_of(ran)]
    assert statuses == ["ok", "ok", "ok", "failed"]
    diverged = results_of(ran).one(learning_rate=1e30)
    assert np.isnan(diverged.number("final_train_loss_moving"))
    assert 0 < diverged.number("diverged_step") < 10
    assert "no_such_experiment" in results_of(ran).results[3].trouble


def test_a_resumed_run_does_what_is_left_and_nothing_twice(ran: Path) -> None:
    """The failure is tried again; a further case runs; the lasting records stay as they are."""
    before = (ran / "records.jsonl").read_text().splitlines()
    folder = RunFolder.resume(ran, "claims")
    display = run_in(folder, [*CASES[1:], small(1, batch_norm=False)])
    folder.close()
    after = (ran / "records.jsonl").read_text().splitlines()
    assert display.total == 2
    assert after[: len(before)] == before
    assert len(after) == len(before) + 2


def test_a_verdict_without_its_cases_is_undecided_and_says_which(ran: Path) -> None:
    """One that needs the failed case."""

    def judge(results: Results) -> Verdict:
        results.one(experiment="no_such_experiment")
        raise AssertionError("there are no figures")

    texts = {"statement": "S.", "experiment": "E.", "rule": "R."}
    claim = Claim(
        id="C99", documents=("000",), cases=lambda size: CASES, judge=judge, meaning=lambda verdict: "M.", **texts
    )  # fmt: skip
    folder = RunFolder.resume(ran, "claims")
    content = verdicts.write(folder, [claim, replace(claim, id="C98")], "quick")
    folder.close()
    assert [entry["kind"] for entry in content["claims"]] == ["undecided", "undecided"]
    assert content["claims"][0]["on"] == "needs the figures of 1 of 4 cases"
    assert "no_such_experiment" in content["claims"][0]["sentence"]
    assert verdicts.read(ran) == content


def interrupted(folder: Path, temporary: Path) -> tuple[int, str]:
    """C04 in its quick size in a process of its own, ended as `timeout` does it after its first record.

    Returns:
        Exit code, and what it said.
    """
    command = [sys.executable, "-m", "bn_impls.cli", "claims", "c04", "--quick", "--output", str(folder)]
    process = subprocess.Popen(
        command, cwd=CHECKOUT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        env=os.environ | {"TMPDIR": str(temporary)},
    )  # fmt: skip
    records = folder / "records.jsonl"
    while process.poll() is None and not (records.exists() and records.read_bytes().endswith(b"\n")):
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)  # which sends it to the process and to its group
    _, said = process.communicate()
    return process.returncode, said


def test_an_interrupted_command_is_resumed_and_measures_nothing_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Code 130, the way on, no temporary file; then a verdict and code 0, and nothing is left. It needs its arrays."""
    folder, temporary = tmp_path / "run", tmp_path / "temporary"
    temporary.mkdir()
    code, said = interrupted(folder, temporary)
    assert list(temporary.iterdir()) == []
    assert code == 130 and f"bn-bench claims --resume {folder}" in said
    kept = (folder / "records.jsonl").read_bytes()
    assert 1 <= kept.count(b"\n") < 4
    assert main(["claims", "--resume", str(folder), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [(one["id"], one["kind"], one["ok"]) for one in printed["claims"]] == [("C04", "undecided", 4)]
    assert printed["claims"][0]["figures"]["training_loss_plain_nats"] > 0
    page = (folder / "index.html").read_text()
    assert "Where batch normalization is not needed" in page and 'id="claim-C04-figure"' in page
    lines = (folder / "records.jsonl").read_bytes()
    assert lines.startswith(kept) and lines.count(b"\n") == 4
    assert main(["claims", "--resume", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == printed
    assert (folder / "records.jsonl").read_bytes() == lines
    judged, (array, other, *_) = (folder / "claims.json").read_bytes(), sorted((folder / "curves").iterdir())
    for spoil, why in (
        (lambda: array.write_bytes(other.read_bytes()), "is not the file that was recorded"),
        (array.unlink, "cannot be read (FileNotFoundError)"),
    ):
        spoil()
        assert main(["claims", "--resume", str(folder)]) == 2
        said = capsys.readouterr().err
        assert f"lacks 1 of the 4 array files that its records name (curves/{array.name} {why}" in said
        assert (folder / "claims.json").read_bytes() == judged


WHOLE, OTHER = io.BytesIO(), io.BytesIO()
np.savez(WHOLE, allow_pickle=False, loss=np.arange(9.0))
np.savez(OTHER, allow_pickle=False, loss=np.ones(9))


@pytest.mark.parametrize("content", [b"", WHOLE.getvalue()[:100], OTHER.getvalue()])
@pytest.mark.parametrize("recorded", [b"", WHOLE.getvalue()[:100], WHOLE.getvalue()])
def test_a_damaged_array_file_is_a_missing_figure(content: bytes, recorded: bytes, tmp_path: Path) -> None:
    """Empty, cut, exchanged for another, also where it was recorded so; the file that was recorded is read."""
    (tmp_path / "a.npz").write_bytes(content)
    samples = {"file": "a.npz", "sha256": hashlib.sha256(recorded).hexdigest()}
    result = Result(CASES[0], {"status": "ok", "metrics": {}, "samples": samples}, tmp_path)
    with pytest.raises(Missing, match=r"a\.npz (cannot be read|is not the file that was recorded)"):
        result.curve("loss")
    (tmp_path / "a.npz").write_bytes(WHOLE.getvalue())
    whole = {**samples, "sha256": hashlib.sha256(WHOLE.getvalue()).hexdigest()}
    assert Result(CASES[0], {"status": "ok", "samples": whole}, tmp_path).curve("loss")[8] == 8


def resumed(folder: Path, *ids: str) -> list[str]:
    """The claims that a resumed folder is for."""
    options = argparse.Namespace(resume=folder, ids=list(ids), dataset=None, data_dir=None, download=False)
    found, asked = opened(options)
    found.close()
    return [claim.id for claim in asked]


def test_a_further_claim_joins_a_run(ran: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The folder remembers it, before anything of it has run; one that is unknown changes nothing."""
    (ran / "claims.json").write_text(json.dumps({"schema": 1, "chosen": ["C04"]}))
    assert main(["claims", "C99", "--resume", str(ran)]) == 2
    assert resumed(ran, "c01") == ["C01", "C04"] == verdicts.read(ran)["chosen"]


@pytest.mark.parametrize("content", ["{", "{}", '{"schema": 1}', '{"schema": 1, "claims": [3]}', None])
def test_the_claims_of_a_damaged_file_are_those_of_the_plan(content: str | None, tmp_path: Path) -> None:
    """All whose cases are planned, in the size and on the data of the run; without a plan there are none."""
    folder = RunFolder.create(tmp_path / "run", replace(SETTINGS, dataset="mnist"))
    folder.write_plan(plan(chosen(["C04", "C33"]), "quick", "mnist"))
    folder.close()
    if content is not None:
        (tmp_path / "run" / "claims.json").write_text(content)
    assert resumed(tmp_path / "run") == ["C04", "C33"] == verdicts.read(tmp_path / "run")["chosen"]
    (tmp_path / "run" / "claims.json").write_text("{")
    of_the_plan = json.loads((tmp_path / "run" / "plan.json").read_text())
    (tmp_path / "run" / "plan.json").write_text(json.dumps({**of_the_plan, "cases": of_the_plan["cases"][:1]}))
    with pytest.raises(BadRunFolder, match=r"has neither a claims\.json that can be read .* nor the whole plan"):
        resumed(tmp_path / "run")


@pytest.mark.parametrize("told", ["claims", "run"])
def test_a_folder_of_claims_is_no_run_and_says_so(
    told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also one whose plan is older and says `run`; what cannot be written names the command that goes on."""
    folder = RunFolder.create(tmp_path / "run", replace(SETTINGS, command=told))
    folder.write_plan(plan(chosen(["C04"]), "quick"))
    folder.close()
    with pytest.raises(BadRunFolder, match=f"finish it with `bn-bench claims --resume {tmp_path / 'run'}`"):
        RunFolder.resume(tmp_path / "run")
    assert resumed(tmp_path / "run", "c01") == ["C01", "C04"]
    (tmp_path / "run" / "claims.json").unlink()
    (tmp_path / "run" / "claims.json").mkdir()
    assert main(["claims", "--resume", str(tmp_path / "run")]) == 2
    assert f"`bn-bench claims --resume {tmp_path / 'run'}` goes on" in capsys.readouterr().err


def test_claims_run_on_a_data_set_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The plan keeps it, cases and verdicts name it, and a resumed run refuses another; its own again is none."""
    draw = np.random.default_rng(1)
    with h5py.File(tmp_path / "own.h5", "w") as file:
        file["x"] = draw.random((640, 6, 6, 1), np.float32)
        file["y"] = np.arange(640) % 4
    with h5py.File(tmp_path / "few.h5", "w") as file:
        file["x"], file["y"] = np.ones((100, 6, 6, 1), np.float32), np.arange(100) % 4
    named = ["--dataset", "own.h5", "--data-dir", str(tmp_path)]
    assert main(["claims", "C33", "--quick", "--json", *named, "--output", str(tmp_path / "run")]) == 0
    content = json.loads(capsys.readouterr().out)
    assert main(["claims", "C33", "--dataset", "few.h5", "--data-dir", str(tmp_path)]) == 2
    assert "with 84 rows to train on, but these claims take batches of up to 250" in capsys.readouterr().err
    assert content["dataset"] == "own.h5" and content["claims"][0]["ok"] == 2
    assert "(2 steps each)" in content["claims"][0]["sentence"]
    assert "(Trained on own.h5, which the command named" in content["claims"][0]["sentence"]
    assert {one["why"] for one in content["claims"][0]["printed"]} == {"trained on own.h5, which the command named"}
    planned = json.loads((tmp_path / "run" / "plan.json").read_text())
    assert planned["settings"]["data_dir"] == str(tmp_path)
    assert all("dataset=own.h5" in one["case_id"] for one in planned["cases"])
    assert main(["claims", "--resume", str(tmp_path / "run"), "--dataset", "digits"]) == 2
    assert "got --resume with --dataset (the run has own.h5)" in capsys.readouterr().err
    folder, _ = opened(
        argparse.Namespace(resume=tmp_path / "run", ids=[], dataset="own.h5", data_dir=None, download=False)
    )
    folder.close()


def test_a_data_set_changes_the_cases_that_train_on_the_default_one() -> None:
    """Each network has its own view of it; what has colour, or small digits on purpose, stays."""
    changed = {
        claim_id: {case.parameters.get("dataset") for case in plan(chosen([claim_id]), "quick", "mnist")}
        for claim_id in ("C01", "C07", "C14", "C28", "C38")
    }
    assert changed == {
        "C01": {"mnist"},
        "C07": {None, "digits"},
        "C14": {"mnist"},
        "C28": {"mnist+small+halves"},
        "C38": {"photographs"},
    }
    assert {case.parameters["dataset"] for case in plan(chosen(["C38"]), "quick", "cifar10")} == {"cifar10+vehicles"}
    for claim_id in changed:
        usual = plan(chosen([claim_id]), "quick")
        assert plan(chosen([claim_id]), "quick", "mnist-5000") == usual
        moved = {case.case_id for case in plan(chosen([claim_id]), "quick", "mnist")} - {case.case_id for case in usual}
        assert all("dataset=mnist" in case_id for case_id in moved)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["C99"], ("unknown claim 'C99'", "known are C01, ", "bn-bench claims --list")),
        (["--resume", "/no/such/run"], ("/no/such/run is no run folder",)),
        (["--quick", "--resume", "/no/such/run"], ("got --resume with --quick", "the folder has its own")),
        (["C38", "--dataset", "digits"], ("got --dataset digits, but none of these claims trains on it", "C38 on")),
        (["--dataset", "mnits"], ("unknown data set 'mnits'", "mnist")),
        (["--data-dir", "/no/such/folder"], ("got --data-dir /no/such/folder", "read from no folder")),
    ],
)
def test_what_a_user_gets_wrong_is_said(
    arguments: list[str], parts: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Code 2, what was got, the way out."""
    assert main(["claims", *arguments]) == 2
    said = capsys.readouterr().err
    assert all(part in said for part in parts), said
    assert "Traceback" not in said


def test_the_list_shows_every_claim(capsys: pytest.CaptureFixture[str]) -> None:
    """Without running anything."""
    assert main(["claims", "--list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {"id": "C01", "documents": ["000"]}.items() <= listed[0].items()
    assert set(listed[0]) == {"id", "documents", "statement", "experiment", "rule"}
