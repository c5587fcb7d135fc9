"""The figures in docs/checkpoints.md are those of the published run."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.pages import checkpoints
from benchmarks.pages.checkpoints import BLOCKS, damage, sentences
from benchmarks.report.reading import read_run
from tests.report import synthetic
from tests.report.synthetic import record


def test_without_a_run_the_page_says_how_to_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In each of its blocks."""
    monkeypatch.setattr(checkpoints, "PUBLISHED", tmp_path / "nowhere")
    assert all("No run is published yet" in make() for make in BLOCKS.values())


def test_sentences_and_shares_come_from_the_records(tmp_path: Path) -> None:
    """What crashed was not restored wrong, and is counted by itself; other damage that was restored wrong is named."""
    by_kind = {"bit_flip": {"refused": 150, "wrong": 40, "crashed": 10}, "two_writers": {"wrong": 1}}
    ends = {"refused": 150, "identical": 0, "wrong": 41, "crashed": 10}
    trials = record("checkpoint", "a", {"format": "keras", "damage": "all", "part": "layer"},
                    metrics={"trials": 201, **ends}, samples={"by_kind": by_kind})  # fmt: skip
    records = (synthetic.checkpoint("a"), synthetic.checkpoint("a", format="npz"), trials)
    run = read_run(synthetic.write_run(tmp_path / "run", records))
    assert damage(run).splitlines()[-1] == (
        "| `a` | `keras` | 150 | 0 | 41 | 10 | 200 | 20 % | saved by two processes at once |"
    )
    assert "- With **the .keras archive** **everything comes back** in **a**." in sentences(run)
