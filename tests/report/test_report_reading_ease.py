"""What keeps the page readable with many implementations: folds, one sentence for all, extremes, legends that fit."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.lines import Line2D

from benchmarks.report.document import Bullets, Fold, Paragraph, name, plain, say
from benchmarks.report.figures.canvas import legend, render
from benchmarks.report.sections import convergence
from benchmarks.report.sections.curves import _chosen
from benchmarks.report.sections.dots import _extremes
from benchmarks.report.sections.watch_out import MOST, by_implementation, watch_out
from benchmarks.report.trainings import experiments
from benchmarks.report.view import View
from tests.report import synthetic
from tests.report.synthetic import agreement

Build = Callable[..., View]


def test_what_is_said_of_one_implementation_stands_together() -> None:
    """At the place of the gravest; what is said of several stays alone."""
    said = [
        say("{who} loses.", who=name("a")),
        say("{who} is slow.", who=name("b")),
        say("{one} and {other} leak.", one=name("a"), other=name("b")),
        say("{who} is late.", who=name("a (xla)")),
    ]
    assert [plain(item) for item in by_implementation(said)] == [
        "a loses. a (xla) is late.", "b is slow.", "a and b leak.",
    ]  # fmt: skip


def test_seven_warnings_stand_before_a_fold(view_of: Build) -> None:
    """Nine that lose something each: four and a count of each kind, in ten items."""
    who = [f"w{number}" for number in range(9)]
    lost = [synthetic.checkpoint(one, {"optimizer_step_restored": 0}) for one in who[:5]]
    wrong = [agreement(one, 9, "disagrees", reason="bad") for one in who[5:]]
    _, listed, fold = watch_out(view_of(*lost, *wrong))
    assert isinstance(listed, Bullets)
    assert isinstance(fold, Fold)
    (rest,) = fold.blocks
    assert isinstance(rest, Bullets)
    assert (len(listed.items), len(rest.items), plain(fold.title)) == (MOST, 2, "2 more")
    assert "disagrees" in plain(listed.items[0])


def test_curves_and_dots_show_the_extremes(view_of: Build, tmp_path: Path) -> None:
    """Of nine: the four most and the four least accurate; who departs the least, and the three who depart most."""
    who = [f"w{number}" for number in range(9)]
    assert _extremes(view_of(*(agreement(one, 0.1 * (1 + place)) for place, one in enumerate(who)))) == [
        *who[:4], *who[5:],
    ]  # fmt: skip
    trainings = []
    for place, one in enumerate(who):
        training = synthetic.convergence(one, tmp_path / "run", {"step_loss": [1.0]})
        training["metrics"]["max_loss_difference_rel"] = 0.1 * place
        trainings.append(training)
    view = view_of(*trainings)
    (experiment,) = experiments(view.measured("convergence"))
    assert _chosen(view, experiment) == ["w0", "w6", "w7", "w8"]


def test_who_trains_alike_has_one_sentence(view_of: Build, tmp_path: Path) -> None:
    """Three do, one splits."""
    arrays = {"step_loss": [1.0]}
    view = view_of(
        *(synthetic.convergence(who, tmp_path / "run", arrays) for who in "abc"),
        synthetic.convergence("d", tmp_path / "run", arrays, 0),
    )
    blocks = convergence.build(view).blocks
    (alike,) = [plain(b.text) for b in blocks if isinstance(b, Paragraph) and "train alike" in plain(b.text)]
    assert alike.startswith("3 of 4 train alike")
    (listed,) = [block for block in blocks if isinstance(block, Bullets)]
    assert [plain(item).split(" ")[0] for item in listed.items] == ["d"]


@pytest.mark.parametrize("names", [("keras", "torch"), ("tf1-manual-two-call", "with BN, exact population statistics")])
def test_a_legend_stays_within_the_figure(names: tuple[str, ...]) -> None:
    """However long the names, and whatever the reader's font: by the widest letters, two thirds of an em."""
    handles = [Line2D([], [], label=text) for text in names * 4]
    svg = render("k", "t", 3.0, lambda canvas: legend(canvas, [handles]))
    width = float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1])  # type: ignore[index]
    starts = [float(x) for x in re.findall(r'<text[^>]*transform="translate\(([\d.]+)', svg)] or [
        float(x) for x in re.findall(r'<text[^>]* x="([\d.]+)"', svg)
    ]
    assert len(starts) == len(handles)
    assert max(starts) + max(len(text) for text in names) * 4.9 <= width
