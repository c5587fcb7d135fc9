"""The report's table of why implementations differ, from ``explanations.json`` alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.report.document import Paragraph, Table, plain
from benchmarks.report.sections import agreement as agreements
from benchmarks.report.sections.explanations import explanations
from benchmarks.report.view import View
from bn_impls.errors import BadRunFolder
from bn_impls.explain.every import into_run
from bn_impls.explain.question import Question
from tests.report.synthetic import agreement

Build = Callable[..., View]


def difference(quantity: str, over_bound: float, **changes: Any) -> dict[str, Any]:
    """A difference of ``a`` and ``<b>``, explained by ddof."""
    return {
        "a": "a", "b": "<b>", "quantity": quantity, "difference": 0.0625, "over_bound": over_bound, "unexplained": 0.0,
        "explained_by": "ddof of the moving variance 99.98 %",
    } | changes  # fmt: skip


def seen(view: View, content: object) -> tuple[list[str], list[dict[str, str]]]:
    """The sentences, and the rows of the table, for this content of the file."""
    text = content if isinstance(content, str) else json.dumps(content)
    (view.run.folder / "explanations.json").write_text(text)
    blocks = explanations(view)
    tables = [block for block in blocks if isinstance(block, Table)]
    rows = [
        dict(zip([column.title for column in found.columns], [cell.text for cell in row], strict=True))
        for found in tables for row in found.rows
    ]  # fmt: skip
    return [plain(block.text) for block in blocks if isinstance(block, Paragraph)], rows


def a_set(*differences: dict[str, Any]) -> dict[str, Any]:
    """One entry of the file."""
    return {"question": {"shape": [32, 8]}, "differences": list(differences)}


def test_a_run_without_the_file_has_no_table(view_of: Build) -> None:
    """And no word of it."""
    assert explanations(view_of(agreement("a"))) == []


def test_pairs_with_the_same_causes_are_a_row_with_their_largest_difference(view_of: Build) -> None:
    """In each of the circumstances, which are told in words; a file of an older version has the shape alone."""
    ddof, warm_up = {"causes_named": ["ddof"]}, {"causes_named": ["warm-up", "ddof"]}
    rank_2 = a_set(
        difference("output_inference", 12500.0, **ddof), difference("moving_variance", 31800.0, b="c", **ddof),
        difference("moving_mean", 50.0, b="d", **warm_up),
    )  # fmt: skip
    told, rows = seen(
        view_of(agreement("a")),
        {"schema": 1, "sets": [rank_2, a_set(difference("moving_mean", 5.0)) | {"circumstances": "4x4 float16"}]},
    )
    assert told == [
        "3 pairs of implementations differ by more than 4 times the bound of rounding in one of 2 circumstances; "
        "every difference has a cause."
    ]
    columns = ("Circumstances", "Explained by", "Pairs", "Other", "Over bound")
    assert [tuple(row[column] for column in columns) for row in rows] == [
        ("dense 32\N{MULTIPLICATION SIGN}8", "ddof", "2", "c", "31,800"),
        ("dense 32\N{MULTIPLICATION SIGN}8", "ddof, warm-up", "1", "d", "50.0"),
        ("4x4 float16", "ddof of the moving variance 99.98 %", "1", "<b>", "5.00"),
    ]  # fmt: skip


def test_a_difference_without_a_cause_comes_first_and_is_counted(view_of: Build) -> None:
    """Also one that is infinite."""
    unexplained = difference(
        "moving_mean", 9.0, unexplained="Infinity", explained_by="unexplained inf", causes_named=[]
    )
    content = {"schema": 1, "sets": [a_set(difference("moving_variance", 31800.0, b="c"), unexplained)]}
    told, rows = seen(view_of(agreement("a")), content)
    assert told[0].endswith("1 of these differences has no known cause.")
    assert [(row["Quantity"], row["Explained by"]) for row in rows] == [
        ("moving mean", "nothing that is known"), ("moving variance", "ddof of the moving variance 99.98 %"),
    ]  # fmt: skip


def test_a_run_in_which_all_are_the_same_says_so(view_of: Build) -> None:
    """Without a table."""
    told, rows = seen(view_of(agreement("a")), {"schema": 1, "sets": [a_set()]})
    assert (told, rows) == (["No pair of implementations differs by more than rounding."], [])


@pytest.mark.parametrize(
    "content",
    ["{", "[]", {"schema": 2, "sets": []}, {"schema": 1, "sets": [3]}, {"schema": 1, "sets": [a_set({"a": "x"})]}],
    ids=str,
)
def test_a_damaged_file_is_reported_and_the_rest_is_drawn(view_of: Build, content: object) -> None:
    """In one sentence."""
    view = view_of(agreement("a"))
    [sentence], rows = seen(view, content)
    assert sentence.startswith("explanations.json was not read: ") and rows == []
    assert agreements.build(view).blocks[-1] == explanations(view)[0]


def test_the_command_s_file_is_what_the_report_reads(view_of: Build) -> None:
    """Written beside the records; a folder that is no run is refused."""
    view = view_of(agreement("a"))
    [entry] = into_run(view.run.folder, ["numpy-reference", "nobody"], [Question()])
    assert entry["circumstances"] == "32x8 float32"
    assert [plain(block.text) for block in explanations(view) if isinstance(block, Paragraph)] == [
        "No pair of implementations differs by more than rounding."
    ]
    with pytest.raises(BadRunFolder, match="is no run folder"):
        into_run(Path(view.run.folder) / "figures", [])
