"""Verdicts over seeds, departures and the rounding band in the convergence section."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks.report.document import Bullets, Figure, Paragraph, Section, Table, plain
from benchmarks.report.reading import read_run
from benchmarks.report.sections import convergence as section
from benchmarks.report.view import look
from benchmarks.report.wording import DASH
from tests.report.synthetic import Json, convergence, write_run

CURVES = {
    "step_loss": [1.0, 0.5, 0.25],
    "reference_step_loss": [1.0, 0.4, 0.25],
    "validation_accuracy_moving": [0.80],
    "validation_accuracy_batch": [0.90],
    "validation_accuracy_population": [0.90],
}
BAND = {"rounding_band": [1e-7, 1e-2, 1e-2], "rounding_limit": [1.0, 1.0, 1.0]}


def built(folder: Path, records: list[Json]) -> Section:
    """The convergence section."""
    return section.build(look(read_run(write_run(folder, records))))


def trained(folder: Path, implementation: str, seed: int, accuracy: float, **metrics: Any) -> Json:
    """A record with a final accuracy."""
    record = convergence(implementation, folder, CURVES | BAND, split=1, seed=seed)
    record["metrics"] |= {"final_test_accuracy": accuracy, "departure": "rounding", **metrics}
    return record


def test_the_first_step_over_the_error_bound_stands_in_the_table(tmp_path: Path) -> None:
    """With its step, never, and nothing in a run that is too old to tell."""
    step = "first_step_beyond_rounding"
    told: dict[str, Json] = {"late": {step: 7}, "within": {step: None}, "old": {}}
    records = [trained(tmp_path, name, 0, 0.9, **metrics) for name, metrics in told.items()]
    (table,) = (block for block in built(tmp_path, records).blocks if getattr(block, "key", "") == "convergence-table")
    heads = [column.title for column in table.columns]
    who, beyond = heads.index("Implementation"), heads.index("Beyond rounding")
    assert {row[who].text: row[beyond].text for row in table.rows} == {"late": "step 7", "within": "never", "old": DASH}


def text(found: Section) -> str:
    """All paragraphs."""
    return " ".join(plain(block.text) for block in found.blocks if isinstance(block, Paragraph))


def test_verdicts_over_seeds_are_against_the_baseline(tmp_path: Path) -> None:
    """Accuracies one hundredth apart in every seed, where the baseline's own differ by thousandths: better."""
    records = [
        trained(tmp_path, name, seed, 0.90 + 0.001 * seed + shift)
        for name, shift in (("keras", 0.0), ("torch", 0.01), ("flax", 0.0))
        for seed in range(4)
    ]
    tables = [block for block in built(tmp_path, records).blocks if isinstance(block, Table)]
    rows = {(row[1].text, row[2].text): row for found in tables if "seeds" in found.key for row in found.rows}
    assert rows["torch", "test accuracy"][3].text == "better"
    assert rows["flax", "test accuracy"][3].text == "same"
    assert rows["torch", "test accuracy"][7].text == "4"
    assert "An interval from 4 seeds, 8 at once, reaches 3.4 standard deviations" in plain(tables[0].note)
    assert not any(name == "keras" for name, _ in rows)


def test_settings_of_the_network_are_experiments_of_their_own(tmp_path: Path) -> None:
    """One of two sizes diverges with torch; neither table rests on the other's seeds."""
    records = []
    for hidden in (4, 64):
        for name in ("keras", "torch"):
            for seed in range(3):
                accuracy = None if (hidden, name, seed) == (4, "torch", 2) else 0.9 + 0.01 * seed + hidden / 1000
                record = trained(tmp_path, name, seed, 0.0, final_test_accuracy=accuracy)
                record["case"]["options"] = {"hidden": [hidden]}
                record["case_id"] += f"-{hidden}"
                records.append(record)
    blocks = built(tmp_path, records).blocks
    rows = [
        row
        for block in blocks
        if isinstance(block, Table) and "seeds" in block.key
        for row in block.rows
        if row[2].text == "test accuracy"
    ]
    assert [(row[3].text, row[7].text, row[8].text) for row in rows] == [("worse", "2", "1"), ("same", "3", "0")]
    (whole,) = (block for block in blocks if isinstance(block, Table) and block.key == "convergence-table")
    titles = [column.title for column in whole.columns]
    assert Counter(row[titles.index("hidden")].text for row in whole.rows) == {"[4]": 6, "[64]": 6}


def test_one_seed_has_no_verdicts(tmp_path: Path) -> None:
    """Nothing is said of chance."""
    blocks = built(tmp_path, [trained(tmp_path, name, 0, 0.9) for name in ("keras", "torch")]).blocks
    assert not any(isinstance(block, Table) and "seeds" in block.key for block in blocks)


def test_population_statistics_say_whose_fault_a_gap_is(tmp_path: Path) -> None:
    """They close it: the moving average's."""
    said = text(built(tmp_path, [trained(tmp_path, "keras", 0, 0.9)]))
    assert "10.0 points lower with the moving statistics" in said
    assert "With exact population statistics of the same weights there is none" in said


def test_the_band_is_drawn_where_there_is_one(tmp_path: Path) -> None:
    """And explained in the caption; records of older runs have none."""
    new = built(tmp_path / "new", [trained(tmp_path / "new", "keras", 0, 0.9)])
    old = built(tmp_path / "old", [convergence("keras", tmp_path / "old", CURVES, split=1)])
    drawn = [next(b for b in found.blocks if isinstance(b, Figure) and "differences" in b.key) for found in (new, old)]
    assert ["one ulp away" in plain(figure.caption) for figure in drawn] == [True, False]
    assert ["one ulp away" in figure.svg for figure in drawn] == [True, False]


@pytest.mark.parametrize(
    ("departure", "said", "tone"),
    [
        ("rounding", "step 1, rounding", ""),
        ("algorithm", "step 1", "warn"),
        ("diverged", "step 1, diverges as the reference does", ""),
    ],
)
def test_a_split_is_told_by_what_the_axis_made_of_it(departure: str, said: str, tone: str, tmp_path: Path) -> None:
    """Rounding and divergence with the reference are no warning."""
    record = trained(tmp_path, "keras", 0, 0.9, departure=departure)
    table = next(b for b in built(tmp_path, [record]).blocks if isinstance(b, Table) and b.key == "convergence-table")
    cells = [cell for row in table.rows for cell in row if cell.text.startswith("step 1")]
    assert [(cell.text, cell.tone) for cell in cells] == [(said, tone)]


def test_a_training_without_the_reference_is_not_said_to_follow_it(tmp_path: Path) -> None:
    """It has its row and its accuracy, and no sentence."""
    record = trained(tmp_path, "keras", 0, 0.97, departure="not_compared", first_split_step=None)
    found = built(tmp_path, [record])
    rows = [[cell.text for cell in row] for block in found.blocks if isinstance(block, Table) for row in block.rows]
    assert any("not compared" in row for row in rows)
    assert not any("never" in cell for row in rows for cell in row)
    assert not any(isinstance(block, Bullets) for block in found.blocks)
