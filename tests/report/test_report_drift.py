"""What the machine did while it measured, from made-up looks."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.report.document import Paragraph, Report, Section, plain
from benchmarks.report.drift import Drift, read_drift
from benchmarks.report.irregular import irregularities
from benchmarks.report.markdown import write_markdown
from benchmarks.report.sections import throughput
from benchmarks.report.sections.machine_watch import machine_watch, shared_cores
from benchmarks.report.view import View
from tests.report import synthetic

VISITS = 10  # of a round
NOISE = np.random.default_rng(1).normal(1, 0.005, 100)


def looks(ratios: Sequence[float], usual_ns: int = 200_000, **fields: Any) -> list[dict[str, Any]]:
    """One look after the other, ten a round; each took so many times the usual."""
    return [
        {
            "round": place // VISITS, "pass": place % VISITS, "group": "throughput:inference-32x32-*",
            "sentinel_ns": [round(3 * usual_ns), round(usual_ns * ratio * NOISE[place])], "load_1min": 1.5,
            "steal_share": 0.01,
        } | fields
        for place, ratio in enumerate(ratios)
    ]  # fmt: skip


def written(folder: Path, lines: Sequence[object]) -> Drift:
    """The drift of a folder with these lines."""
    folder.mkdir(exist_ok=True)
    (folder / "sentinel.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return read_drift(folder)


def test_a_machine_that_keeps_its_speed_has_no_stretch(tmp_path: Path) -> None:
    """Noise of half a percent."""
    drift = written(tmp_path, looks([1.0] * 50))
    assert drift.stretches == []
    assert drift.usual_ns == pytest.approx(200_000, rel=0.01)
    assert drift.noise is not None and 0.003 < drift.noise < 0.008


@pytest.mark.parametrize("ratio", [1.25, 0.8])
def test_a_change_in_the_middle_is_a_stretch_of_its_size(tmp_path: Path, ratio: float) -> None:
    """From the fourth visit of the third round to the end of the fourth, of six rounds."""
    drift = written(tmp_path, looks([1.0] * 23 + [ratio] * 17 + [1.0] * 20))
    (stretch,) = drift.stretches
    assert (len(stretch.looks), stretch.rounds, stretch.lasting) == (17, (2, 3), True)
    assert stretch.looks[0].visit == 3
    assert stretch.ratio == pytest.approx(ratio, rel=0.02)


def test_a_change_that_lasts_to_the_end_is_seen_too(tmp_path: Path) -> None:
    """Half of the looks are slower: the usual is one of the two speeds, not their mean."""
    drift = written(tmp_path, looks([1.0] * 30 + [1.3] * 30))
    assert [len(stretch.looks) for stretch in drift.stretches] == [30]
    assert drift.usual_ns == pytest.approx(200_000, rel=0.02)


def test_a_short_disturbance_is_no_change_of_speed(tmp_path: Path) -> None:
    """Two visits."""
    (stretch,) = written(tmp_path, looks([1.0] * 20 + [2.0] * 2 + [1.0] * 20)).stretches
    assert not stretch.lasting


def test_five_percent_are_tolerated_and_so_is_four_times_the_noise(tmp_path: Path) -> None:
    """Where neighbours differ by 10 %, 25 % mean nothing."""
    assert written(tmp_path, looks([1.0] * 20 + [1.03] * 20)).stretches == []
    noisy = np.random.default_rng(2).normal(1, 0.1, 60)
    assert not [one for one in written(tmp_path, looks([*noisy[:30], *1.25 * noisy[30:]])).stretches if one.lasting]


def test_few_looks_say_nothing(tmp_path: Path) -> None:
    """Neither noise nor stretches."""
    drift = written(tmp_path, looks([1.0, 9.0, 1.0]))
    assert (drift.noise, drift.stretches) == (None, [])


def test_durations_that_are_none_are_left_out(tmp_path: Path) -> None:
    """Zero, less, no numbers."""
    drift = written(tmp_path, looks([1.0] * 3, sentinel_ns=[0, -5, "NaN", None, True]))
    assert (drift.usual_ns, drift.timed, len(drift.looks)) == (None, [], 3)


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"round": 1}', b'{"round": "a", "pass": 0}', b"\xff"])
def test_a_damaged_line_is_skipped_and_told(tmp_path: Path, line: bytes) -> None:
    """The others are kept."""
    written(tmp_path, looks([1.0] * 6))
    with open(tmp_path / "sentinel.jsonl", "ab") as stream:
        stream.write(line)
    drift = read_drift(tmp_path)
    assert len(drift.looks) == 6
    assert drift.damage == ("sentinel.jsonl, line 7: skipped, it is no look",)


def told(view: View) -> str:
    """The section's blocks as Markdown."""
    section = Section("watch", "Watch", tuple(machine_watch(view)))
    return write_markdown(Report("", "", (), (), (section,)))


def test_the_report_tells_a_change_of_speed_load_and_stolen_time(view_of: Callable[..., View], tmp_path: Path) -> None:
    """By value."""
    view = view_of(synthetic.agreement("keras"))
    written(
        tmp_path / "run", looks([1.0] * 20 + [1.25] * 5 + [1.0] * 30, load_1min=4.5, steal_share=0.08, others_share=0.5)
    )
    text = told(view)
    assert (
        "on 2 cores, this run's own workers included; other programs took 50 % of the processor time in the median."
        in text
    )
    assert "**Cores were shared most of the time: step times" in text
    assert "the host gave to others: 8.0 % in the median" in text
    assert "The machine changed its speed:" in text
    assert (
        "- **25 % slower** during round 3 (5 visits, of inference-32x32-\\* pass 1 to inference-32x32-\\* pass 5)"
        in text
    )


def test_the_report_says_that_a_machine_kept_its_speed(view_of: Callable[..., View], tmp_path: Path) -> None:
    """And says nothing where nothing was timed."""
    view = view_of(synthetic.agreement("keras"))
    assert machine_watch(view) == []
    written(tmp_path / "run", looks([1.0] * 20 + [2.0] + [1.0] * 30))
    again = view_of(synthetic.agreement("keras"))
    assert "The machine kept its speed. 1 visit met a short disturbance." in told(again)


@pytest.mark.parametrize(
    ("others", "when"),
    [
        ([0.02] * 52, ""),
        ([None] * 52, ""),  # an earlier version's; the load of 14 may be our own threads'
        ([0.11] * 52, "most of the time"),
        ([0.02] * 47 + [0.9] * 5, ""),
        ([0.02] * 40 + [0.9] * 12, "at times"),
    ],
)
def test_shared_cores_are_told_beside_the_verdicts(
    view_of: Callable[..., View], tmp_path: Path, others: list[float | None], when: str
) -> None:
    """And nobody says then that the machine kept its speed; what our own workers take is no sharing."""
    seen = looks([1.0] * 52, load_1min=14.0)
    written(tmp_path / "run", [look | {"others_share": share} for look, share in zip(seen, others, strict=True)])
    view = view_of(synthetic.agreement("keras"), synthetic.throughput("keras", {(0, 0): 5.0}))
    assert shared_cores(view) == when
    assert ("The machine kept its speed." in told(view)) == (when == "")
    beside = [plain(block.text) for block in throughput.build(view).blocks if isinstance(block, Paragraph)]
    assert any(f"its cores were shared {when} (other programs took" in text for text in beside) == (when != "")


def test_a_changed_speed_is_told_beside_the_verdicts_and_at_the_groups_it_hit(
    view_of: Callable[..., View], tmp_path: Path
) -> None:
    """Two stretches, of 3 and of 5 visits; one of two groups was measured then."""
    hit, calm = (
        synthetic.throughput("keras", {(0, 0): 5.0}, "inference", {"shape": shape}) for shape in ([32, 32], [64, 64])
    )
    for entry, size in ((hit, "32x32"), (calm, "64x64")):
        entry["case_id"] = f"throughput:keras:inference-{size}-float32-graph-cpu"
    lines = looks(
        [1.0] * 20 + [1.5] * 3 + [1.0] * 10 + [1.25] * 5 + [1.0] * 12, group="throughput:inference-32x32-float32-*-cpu"
    )
    written(tmp_path / "run", [*lines, *looks([1.0] * 30, group="throughput:inference-64x64-float32-*-cpu")])
    agreements = (synthetic.agreement("keras", case={"shape": shape}) for shape in ([32, 32], [64, 64]))
    view = view_of(*agreements, hit, calm)
    assert [len(stretch.looks) for stretch in view.drift.lasting] == [3, 5]
    beside = [plain(block.text) for block in throughput.build(view).blocks if isinstance(block, Paragraph)]
    assert any("it changed its speed by 25 % to 50 % in 2 stretches (8 of 80 visits)" in text for text in beside)
    (remark,) = [text for text in beside if text.startswith("The machine changed its speed at")]
    assert "32 (8 of 50 visits): look" in remark and "64" not in remark


def test_a_row_says_what_was_not_regular(view_of: Callable[..., View]) -> None:
    """Passes left out, refused samples, collections, flushed denormals; nothing where all was regular."""
    odd = synthetic.throughput("keras", {(0, 0): 5.0})
    odd["metrics"] |= {"passes_left_out": 20, "samples_refused": 1, "collections": 3, "denormals_flushed": True}
    view = view_of(synthetic.agreement("keras"), odd, synthetic.throughput("torch", {(0, 0): 5.0}))
    remarks = {record.implementation: irregularities(record) for record in view.measured("throughput")}
    assert remarks == {
        "keras": [
            "slow: 20 planned passes left out", "1 sample without a duration refused",
            "collected garbage 3 times while timed", "flushes denormals",
        ],
        "torch": [],
    }  # fmt: skip
