"""Hand-overs in real processes, between NumPy layers: what is found out, what is explained, what is no fault."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.cases import plan
from benchmarks.report.crossings import matrix
from benchmarks.report.reading import read_run
from benchmarks.report.sections import cross_restore
from benchmarks.report.view import look
from benchmarks.settings import Settings
from bn_impls.commands.convert import checkpoint_in
from bn_impls.converting import manifest
from bn_impls.errors import BadCheckpoint
from bn_impls.registry import BUILT_IN
from tests.report.test_report_sections import rows_of, sentences

Crossed = tuple[Path, dict[tuple[str, str], dict[str, Any]]]
NAMES = ("numpy-reference", "unbiased", "forgetful", "undeclared", "broken")


def test_every_ordered_pair_has_a_record(crossed: Crossed) -> None:
    """Also those whose source broke."""
    assert set(crossed[1]) == {(a, b) for a in NAMES for b in NAMES}


def test_an_implementation_takes_its_own_state_up_bit_by_bit(crossed: Crossed) -> None:
    """Inference, fifty losses, and the inference after them."""
    metrics = crossed[1]["numpy-reference", "numpy-reference"]["metrics"]
    assert metrics["inference_bitwise"] and metrics["resumed_bitwise"]
    assert metrics["continued_inference_difference_abs"] == 0
    assert metrics["reasons"] == []


def test_another_ddof_is_converted_and_leaves_rounding(crossed: Crossed) -> None:
    """The statistics of 150 steps are then those of an uninterrupted training; without it they would not be."""
    for pair, values in ((("numpy-reference", "unbiased"), (0, 1)), (("unbiased", "numpy-reference"), (1, 0))):
        record = crossed[1][pair]
        (reason,) = record["metrics"]["reasons"]
        assert record["status"] == "ok"
        assert (reason["field"], reason["source"], reason["target"]) == ("ddof", *values)
        assert record["metrics"]["continued_over_bound"] < 1 < reason["size"] / 0.01


def test_a_lost_moving_mean_is_named(crossed: Crossed) -> None:
    """Also where the state is its own."""
    for source in ("numpy-reference", "unbiased"):
        record = crossed[1][source, "forgetful"]
        assert record["status"] == "disagrees"
        assert "the moving mean came back" in record["reason"]
        assert "inference by it is" in record["reason"]


def test_a_convention_that_is_not_declared_leaves_what_nothing_explains(crossed: Crossed) -> None:
    """The reference goes on by the declared ones, and ends elsewhere."""
    record = crossed[1]["numpy-reference", "undeclared"]
    assert record["status"] == "disagrees"
    assert record["metrics"]["continued_residual_over_bound"] > 1
    assert "all conventions considered" in record["reason"]


def test_a_target_whose_source_failed_has_the_reason(crossed: Crossed) -> None:
    """And a status that is no disagreement."""
    for target in NAMES:
        record = crossed[1]["broken", target]
        assert record["status"] == "failed"
        assert "BROKEN left nothing: RuntimeError: no step today" in record["reason"]


def test_the_report_says_what_became_of_each(crossed: Crossed) -> None:
    """One row a pair; sentences count from the same records."""
    view = look(read_run(crossed[0]))
    section = cross_restore.build(view)
    rows = {(row["Trained by"].rpartition(":")[2], row["Taken up by"].rpartition(":")[2]): row
            for row in rows_of(section, "cross-restore-table")}  # fmt: skip
    assert len(rows) == 25
    assert rows["numpy-reference", "UNBIASED"]["Reason"].startswith("ddof converted from 0 to 1; without that, ")
    assert rows["numpy-reference", "numpy-reference"]["Reason"] in ("", "\N{EN DASH}")
    assert rows["numpy-reference", "UNDECLARED"]["Reason"].startswith("unexplained: ")
    said = " ".join(sentences(section))
    unexplained = sum(not cell.explained for cell in matrix(view.crossings) if cell.record.measured)
    assert f"nothing explains it in {unexplained} pairs" in said
    assert view.measured("checkpoint") == []  # the other section has its own


def test_the_run_folder_keeps_each_source_s_own_checkpoint(crossed: Crossed) -> None:
    """With what is needed to read it again; whose it is must be said where there are several."""
    assert manifest.read(checkpoint_in(crossed[0], "numpy-reference")).network.name == "000"
    with pytest.raises(BadCheckpoint, match=r"got no --from, but .* has checkpoints of .*numpy-reference"):
        checkpoint_in(crossed[0], None)


def test_the_plan_has_no_hand_over_in_a_quick_run_six_by_six_by_default_and_all_in_a_full_one() -> None:
    """And an exchange of files wherever both sides are in the matrix."""
    for size, pairs, files in (("quick", 0, 0), ("default", 36, 4), ("full", 256, 22)):
        cases = [case for case in plan(Settings(axes=("checkpoint",), size=size), BUILT_IN)
                 if "source" in case.parameters]  # fmt: skip
        assert (sum("file" not in case.parameters for case in cases), len(cases)) == (pairs, pairs + files)
        assert all(case.implementation == case.parameters["target"] for case in cases)
