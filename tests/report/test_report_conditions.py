"""Grades by condition, 16 bits and second order in the report: every cell and sentence from the records."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.report.cautions import cautions
from benchmarks.report.document import Bullets, Paragraph, Section, Table, plain
from benchmarks.report.results_csv import frame
from benchmarks.report.sections import agreement as agreements
from benchmarks.report.sections import answer, cards
from benchmarks.report.sections.glance import glance
from benchmarks.report.sections.glossary import TERMS
from benchmarks.report.sections.warnings import warnings
from benchmarks.report.view import View
from benchmarks.report.wording import DASH, TIMES
from bn_impls.accuracy.inputs import HUGE
from tests.report.synthetic import Json, agreement, layer_case, record

Build = Callable[..., View]
MEANS = ("mean_1e2", "mean_1e3", "mean_1e4", "mean_1e6")


def graded(who: str, over: dict[str, float], rel: dict[str, float] | None = None, **more: Any) -> Json:
    """A record of conditions with these errors over their bounds, and relative ones; everything else is in order."""
    found = agreement(who, case={"input": "conditions"})
    for name, value in over.items():
        found["metrics"] |= {
            f"{name}_error_over_bound": value,
            f"{name}_worst_quantity": "moving_variance",
            f"{name}_error_rel": (rel or {}).get(name, 1e-6),
        }
    clean = {f"{name}_{kind}": [] for name in ("nan", "infinity") for kind in ("hidden", "spread", "other_kind")}
    found["metrics"] |= clean | more
    return found


def careful(who: str) -> Json:
    """Half of what each condition must cost."""
    return graded(who, dict.fromkeys((*MEANS, "constant", "huge"), 0.5))


def careless(who: str) -> Json:
    """One pass: 900 times at a mean of 100, everything lost from 10,000 on, huge values 70 times."""
    over = {"mean_1e2": 900.0, "mean_1e3": 7e4, "mean_1e4": 1.2e6, "mean_1e6": 5e5, "constant": 1.5, "huge": 70.0}
    return graded(who, over, {"mean_1e4": 33.0, "mean_1e6": 1.0})


def rows_of(section: Section, key: str) -> list[dict[str, str]]:
    """The rows of a table, column title -> text, with an x for each multiplication sign."""
    (table,) = [block for block in section.blocks if isinstance(block, Table) and block.key == key]
    titles = [column.title for column in table.columns]
    return [dict(zip(titles, [cell.text.replace(TIMES, "x") for cell in row], strict=True)) for row in table.rows]


def told(section: Section) -> str:
    """All sentences of a section."""
    texts = []
    for block in section.blocks:
        texts += [plain(block.text)] if isinstance(block, Paragraph) else []
        texts += [plain(item) for item in block.items] if isinstance(block, Bullets) else []
    return "\n".join(texts)


def test_each_condition_is_a_column_and_lost_digits_are_words(view_of: Build) -> None:
    """From a figure within the bound to an error as large as the value."""
    first, second = rows_of(agreements.build(view_of(careful("a"), careless("b"))), "conditioning-table")
    assert first == {
        "Implementation": "a", "Mean 100": "0.50x", "Mean 1,000": "0.50x", "Mean 10,000": "0.50x",
        "Mean 1,000,000": "0.50x", "Constant": "0.50x", "Huge": "0.50x", "One NaN": "stays", "One infinity": "stays",
    }  # fmt: skip
    assert second == first | {
        "Implementation": "b", "Mean 100": "900x", "Mean 1,000": "70,000x", "Mean 10,000": "all digits lost",
        "Mean 1,000,000": "all digits lost", "Constant": "1.5x", "Huge": "70x",
    }  # fmt: skip


def test_a_sentence_says_where_digits_go_and_another_who_keeps_them(view_of: Build) -> None:
    """The first mean that matters, the first at which nothing is left, and other conditions."""
    text = told(agreements.build(view_of(careful("a"), careless("b"))))
    assert (
        "b loses digits: at a mean of 100 deviations its error is 900 times what it must be (moving variance), and at "
        "10,000 all digits are lost; at huge values 70 times (moving variance)."
    ) in text
    assert "a stays within 1.0 times what each condition must cost." in text
    assert "One NaN or infinity spoils its own channel and no other in all 2 implementations" in text


def test_who_loses_digits_is_warned_of_and_does_not_win_on_accuracy(view_of: Build) -> None:
    """However exact it is around 0."""
    view = view_of(agreement("a", 0.8), careful("a"), agreement("b", 0.1), careless("b"))
    assert any(plain(warning).startswith("b loses digits") for warning in warnings(view))
    best = next(card for card in cards.build(view).items if card.use == "Most accurate")
    assert plain(best.choice) == "a"
    assert "Left out: b (digits lost on ill-conditioned input)." in plain(best.evidence)
    table = glance(view)
    place = [column.title for column in table.columns].index("Ill-conditioned")
    assert [row[place].text for row in table.rows] == ["0.50", "all digits lost"]


def test_a_grade_does_not_make_an_implementation_disagree(view_of: Build) -> None:
    """Nor does it enter the worst error of those that are compared."""
    view = view_of(agreement("b", 0.1), careless("b"))
    assert plain(answer._same(view)).startswith("Yes, each under its own conventions")
    assert view.worst["b"].over_bound == 0.25  # of the normal channels of the record with the conditions


@pytest.mark.parametrize(
    ("kind", "cell", "sentence"),
    [
        ("hidden", "hidden", "a: one NaN is hidden in its moving mean."),
        ("spread", "spreads", "a: one NaN spreads to its moving mean."),
    ],
)
def test_what_becomes_of_a_nan_is_told(view_of: Build, kind: str, cell: str, sentence: str) -> None:
    """Hidden, or spread to what should be finite."""
    section = agreements.build(view_of(graded("a", {"mean_1e2": 0.5}, **{f"nan_{kind}": ["moving_mean"]})))
    assert rows_of(section, "conditioning-table")[0]["One NaN"] == cell
    assert rows_of(section, "conditioning-table")[0]["One infinity"] == "stays"
    assert sentence in told(section)


def test_unusual_batches_are_told_and_counted_as_no_agreement(view_of: Build) -> None:
    """An empty batch that costs the statistics, one that does not, and a refusal."""
    empty, one = {"input": "empty", "shape": [0, 5]}, {"input": "one_value", "shape": [1, 5]}
    view = view_of(
        agreement("a"),
        record("agreement", "a", layer_case(**empty), metrics={"empty_statistics": "not finite"}),
        record("agreement", "b", layer_case(**empty), metrics={"empty_statistics": "unchanged"}),
        record("agreement", "b", layer_case(**one), "unsupported", reason="this input is refused: ValueError: no"),
    )
    section = agreements.build(view)
    first, second = rows_of(section, "conditioning-table")
    assert (first["After an empty batch"], first["One value"]) == ("lost", DASH)
    assert (second["After an empty batch"], second["One value"]) == ("kept", "refused")
    text = told(section)
    assert "An empty batch makes the moving statistics of a NaN or infinite for good" in text
    assert "b keeps them" in text
    assert "b refuses to train on one value a channel." in text
    assert list(view.worst) == ["a"]
    assert len(view.worst["a"].records) == 1


def sixteen(who: str, over: float, **dtypes: str) -> Json:
    """A bfloat16 record."""
    seen = dict.fromkeys(("training_dtype", "gradient_dtype", "inference_dtype", "statistics_dtype"), "float32")
    found = agreement(who, over, case={"dtype": "bfloat16"})
    found["metrics"] |= seen | {"parameter_dtype": "float32"} | dtypes
    return found


def test_the_arithmetic_behind_16_bits_has_a_table_and_stays_out_of_the_headline(view_of: Build) -> None:
    """Beside float32 figures, a bound of half an ulp of bfloat16 would look like a failure."""
    view = view_of(agreement("a", 0.3), sixteen("a", 1500.0, inference_dtype="bfloat16"), sixteen("b", 0.9))
    section = agreements.build(view)
    first, second = rows_of(section, "sixteen-table")
    assert (first["Inference in"], first["Training computes in"], first["Error over bound"]) == (
        "bfloat16", "float32", "1,500",
    )  # fmt: skip
    assert second["Error over bound"] == "0.90"
    assert "Not so a (inference)." in told(section)
    assert view.worst["a"].over_bound == 0.3


def second(who: str, status: str = "ok", **metrics: Any) -> Json:
    """A record of second-order gradients."""
    found = agreement(who, case={"gradients": "second_order"}, status=status)
    found["metrics"] = {"second_order_input_error_over_bound": 4e5 if status == "disagrees" else 0.1} | metrics
    return found


def test_wrong_second_order_gradients_are_told_with_their_cause(view_of: Build) -> None:
    """In the section, in what to watch out for, and beside the answer that all are the same."""
    absent = record("agreement", "c", layer_case(gradients="second_order"), "unsupported", reason="none")
    view = view_of(
        agreement("a"), agreement("b"), second("a", "disagrees", second_order_constant_mean=True), second("b"), absent
    )
    wrong = "Second-order gradients of a are wrong on dense inputs: the mean in the variance is held constant"
    section = agreements.build(view)
    assert wrong in told(section)
    assert "b agrees." in told(section)
    assert "c: not offered or not measured." in told(section)
    assert any(plain(warning).startswith(wrong) for warning in warnings(view))
    assert "for output, gradients and statistics; no for second-order gradients of 1 on dense inputs: " in plain(
        answer._same(view)
    )
    rows = rows_of(section, "second-order-table")
    assert [(row["Implementation"], row["Verdict"]) for row in rows] == [("a", "wrong"), ("b", "agrees")]


def test_grades_are_columns_of_the_csv(view_of: Build) -> None:
    """One for each condition and figure."""
    table = frame(view_of(careless("b")))
    assert table["metrics.mean_1e3_error_over_bound"].tolist() == [7e4]
    assert table["metrics.mean_1e3_worst_quantity"].tolist() == ["moving_variance"]
    assert "metrics.nan_hidden" in table.columns


def test_a_run_without_grades_has_none_of_these_parts(view_of: Build) -> None:
    """Runs of earlier versions are drawn as they were."""
    section = agreements.build(view_of(agreement("a")))
    keys = {block.key for block in section.blocks if isinstance(block, Table)}
    assert not keys & {"conditioning-table", "sixteen-table", "second-order-table"}
    assert "Ill-conditioned" not in [column.title for column in glance(view_of(agreement("a"))).columns]


def test_digits_are_warned_of_wherever_they_are_lost(view_of: Build) -> None:
    """A worse layer's huge values are told like a better one's, which loses digits there alone."""
    better = graded("a", dict.fromkeys((*MEANS, "constant"), 0.5) | {"huge": 1.5e5})
    view = view_of(agreement("a"), agreement("b"), better, careless("b"))
    assert cautions(view, "a") == ["digits lost at huge values (150,000 times the error of a good one)"]
    assert cautions(view, "b") == [
        "digits lost from a mean of 100 deviations on (900 times the error of a good one), all of them from 10,000 on; "
        "also at huge values"
    ]


def test_the_glossary_says_how_huge() -> None:
    """The report knows records only, so the sizes are written there once more."""
    for dtype, size in HUGE.items():
        assert f"1e{math.log10(size):.0f} in " in TERMS["huge values"] and dtype in TERMS["huge values"]
