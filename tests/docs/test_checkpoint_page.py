"""The figures in docs/checkpoints.md are those of the published run."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import checkpoint_page
from benchmarks.checkpoint_page import PAGE, damage, rewritten, sentences
from benchmarks.report.reading import read_run
from tests.report import synthetic
from tests.report.synthetic import record


def test_the_page_shows_the_published_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made anew, it is the same; a changed word between the markers is found; without a run, it says so."""
    text = PAGE.read_text(encoding="utf-8")
    assert rewritten(text) == text
    begin = "<!-- begin: damage -->\n"
    assert rewritten(text.replace(begin, f"{begin}forged ")) == text
    with pytest.raises(ValueError, match="should have the block"):
        rewritten(text.replace(begin, ""))
    monkeypatch.setattr(checkpoint_page, "PUBLISHED", tmp_path / "nowhere")
    assert "No run is published yet" in rewritten(text)


def test_sentences_and_shares_come_from_the_records(tmp_path: Path) -> None:
    """A share of flipped bits counts what crashed as missed; other damage that was restored wrong is named."""
    by_kind = {"bit_flip": {"refused": 150, "wrong": 40, "crashed": 10}, "two_writers": {"wrong": 1}}
    ends = {"refused": 150, "identical": 0, "wrong": 41, "crashed": 10}
    trials = record("checkpoint", "a", {"format": "keras", "damage": "all", "part": "layer"},
                    metrics={"trials": 201, **ends}, samples={"by_kind": by_kind})  # fmt: skip
    records = (synthetic.checkpoint("a"), synthetic.checkpoint("a", format="npz"), trials)
    run = read_run(synthetic.write_run(tmp_path / "run", records))
    assert damage(run).splitlines()[-1] == (
        "| `a` | `keras` | 150 | 0 | 41 | 10 | 200 | 25 % | saved by two processes at once |"
    )
    assert "- With **the .keras archive** **everything comes back** in **a**." in sentences(run)
