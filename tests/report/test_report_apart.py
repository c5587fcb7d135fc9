"""Runs that hold only what stands apart from the agreement that is counted: the whole page, from the records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.pages.readme import COLUMNS
from benchmarks.report.document import Table
from benchmarks.report.drawing import compose
from benchmarks.report.markdown import write_markdown
from benchmarks.report.view import View
from benchmarks.report.wording import TIMES
from tests.report.synthetic import Json, agreement, layer_case, record

Build = Callable[..., View]


def replica(who: str, synchronized: bool, status: str = "ok", **metrics: Any) -> Json:
    """A record of a layer on two replicas."""
    case = {"input": "replicas", "strategy": "mirrored", "synchronized": synchronized}
    found = agreement(who, case=case, status=status, reason="the replicas differ" if status != "ok" else None)
    found["metrics"] |= {"output_training_error_abs": 1.5, "moving_mean_replicas_differ_abs": 0.0} | metrics
    return found


def second(who: str, status: str) -> Json:
    """A record of second-order gradients."""
    found = record("agreement", who, layer_case(gradients="second_order"), status)
    return found | {"metrics": {"second_order_input_error_over_bound": 0.1 if status == "ok" else 4e5}}


def unusual(who: str) -> list[Json]:
    """Records of one value a channel and of an empty batch."""
    one, none = (agreement(who, case={"input": kind}) for kind in ("one_value", "empty"))
    one["metrics"] |= {"one_value_error_over_bound": 0.5}
    none["metrics"] |= {"empty_statistics": "unchanged"}
    return [one, none]


@pytest.mark.parametrize(
    ("records", "measured", "table", "first_row"),
    [
        (
            [replica("a", synchronized=False, moving_mean_replicas_differ_abs=0.19), replica("b", True, "disagrees")],
            "layers on two replicas (2 cases, 1 of them wrong)",
            "replicas-table",
            ["a", "MirroredStrategy, one process", "each part", "another batch norm, as declared", "1.5"],
        ),
        (
            [second("a", "disagrees"), second("b", "ok")],
            "second-order gradients (2 cases, 1 of them wrong)",
            "second-order-table",
            ["a", "dense inputs", "wrong", "400,000"],
        ),
        (unusual("a"), "unusual batches (2 cases)", "conditioning-table", ["a", f"0.50{TIMES}", "kept"]),
        (
            [replica("a", synchronized=True), second("a", "ok")],
            "layers on two replicas (1 case) and second-order gradients (1 case)",
            "second-order-table",
            ["a", "dense inputs", "agrees", "0.10"],
        ),
    ],
)
def test_a_run_of_nothing_but_what_stands_apart_shows_it(
    view_of: Build, records: list[Json], measured: str, table: str, first_row: list[str]
) -> None:
    """Its table is drawn, agreement is not called unmeasured, and the answer says what alone was measured."""
    report = compose(view_of(*records))
    (section,) = [section for section in report.sections if section.key == "agreement"]
    (drawn,) = [block for block in section.blocks if isinstance(block, Table) and block.key == table]
    assert [cell.text for cell in drawn.rows[0]][: len(first_row)] == first_row
    text = write_markdown(report)
    assert f"This run cannot tell: of agreement, it measured only {measured}." in text
    assert f"> Of agreement, this run measured only {measured}." in text
    assert "Not measured in this run: throughput," in text


def test_a_run_whose_agreement_cases_all_failed_measured_none(view_of: Build) -> None:
    """They were planned, so that the run holds some."""
    text = write_markdown(compose(view_of(record("agreement", "a", layer_case(), "crashed", reason="SIGSEGV"))))
    assert "No agreement case was measured in this run, so it cannot tell." in text
    assert "Not measured in this run: agreement, " in text


def test_all_agree_only_in_what_is_counted(view_of: Build) -> None:
    """Beside a wrong second order and wrong replicas; the README's figure is of the same cases."""
    view = view_of(
        agreement("a", 0.25), agreement("b"), second("a", "disagrees"), replica("b", True, "disagrees"), *unusual("a")
    )
    assert (
        "All 2 **agree** in every case of outputs, first-order gradients and moving statistics on one device. "
    ) in write_markdown(compose(view))
    (figures,) = [cell for title, cell in COLUMNS if title == "float32 cases that agree, worst error"]
    assert figures(view, "a") == "1 of 1, 0.25"
