"""Verdicts in the report: beside each speed, what is undecided with its price, and how far to trust the machine."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.report.document import Paragraph, Table, plain
from benchmarks.report.reading import read_run
from benchmarks.report.sections import throughput as section
from benchmarks.report.sections.noise import trust
from benchmarks.report.view import View, look
from benchmarks.settings import Settings, add_options
from benchmarks.verdicts.price import rounds_of_fresh_run
from benchmarks.verdicts.ratios import log_ratios_to
from tests.report.synthetic import Json, agreement, throughput, write_run

Build = Callable[..., View]
TIMES = {
    "keras": (100.0, 101.0, 100.0, 100.5, 100.0),
    "quick": (50.0, 50.5, 50.0, 50.2, 50.1),
    "alike": (100.4, 101.1, 100.2, 100.6, 100.3),
    "slow": (130.0, 131.0, 130.5, 130.0, 131.0),
    "open": (103.0, 112.0, 101.0, 109.0, 106.0),
}
CALIBRATION = {
    "schema": 1, "statistic": "min", "false_alarm_rate": 0.0123, "false_alarm_upper": 0.0187, "noise_floor": 0.014,
    "trials": 3000, "recorded": "2026-03-01",
    "machine": {"cpu_model": "Example CPU, 2.6 GHz", "cores": 2, "memory_gib": 23.5},
}  # fmt: skip


TOO_NOISY = "This machine was too noisy to tell differences of 3 %: trust only what is called faster or slower."
WILD = {(number, 0): value for number, value in enumerate((1000.0, 1500.0, 800.0, 1900.0))}


def timed(round_s: float | None = None) -> list[Json]:
    """One pass a round of each; with what a round takes, where the run recorded it."""
    rows = []
    for who, values in TIMES.items():
        speed = throughput(who, {(number, 0): value for number, value in enumerate(values)}, loops=1000)
        speed["metrics"] |= {} if round_s is None else {"round_s": round_s}
        rows += [agreement(who), speed]
    return rows


def rows_of(view: View) -> dict[str, dict[str, str]]:
    """Implementation -> column -> text, of the table of step times."""
    (table,) = [b for b in section.build(view).blocks if isinstance(b, Table) and b.key.startswith("throughput")]
    titles = [column.title for column in table.columns]
    found = [dict(zip(titles, (cell.text for cell in row), strict=True)) for row in table.rows]
    return {row["Implementation"]: row for row in found}


def sentences(view: View) -> list[str]:
    """What the section says of prices, as text."""
    told = [plain(block.text) for block in section.build(view).blocks if isinstance(block, Paragraph)]
    return [text for text in told if text.startswith("To decide")]


def calibrated(folder: Path, content: object, rows: list[Json] | None = None) -> View:
    """A run with a ``calibration.json``."""
    write_run(folder, timed() if rows is None else rows)
    (folder / "calibration.json").write_text(json.dumps(content))
    return look(read_run(folder))


def test_every_row_has_its_verdict_against_the_baseline(view_of: Build) -> None:
    """One of each kind; the baseline has none."""
    rows = rows_of(view_of(*timed()))
    assert {who: row["Verdict"] for who, row in rows.items()} == {
        "keras": "–", "quick": "faster", "alike": "same", "slow": "slower", "open": "undecided",  # noqa: RUF001
    }  # fmt: skip
    assert rows["quick"]["Ratio"] == "0.500"


def test_an_undecided_row_tells_its_price(view_of: Build) -> None:
    """In a run of the two alone, which the command makes; two cases of a minute a round."""
    view = view_of(*timed(60.0), settings={"size": "full", "budget_min": 2.0})
    (group,) = view.speeds.groups
    minima = [speed.minima for speed in group.speeds]
    rounds = rounds_of_fresh_run(log_ratios_to(minima, 0)[4])
    assert rounds is not None
    assert rounds > 2
    minutes = f"{2 * rounds} min"
    assert rows_of(view)["open"]["To decide"] == f"{rounds} rounds, {minutes}"
    (sentence,) = [sentence for sentence in sentences(view) if "open (graph)" in sentence]
    command = f"run --full --axes throughput --implementations open,keras --baseline keras --rounds {rounds} --budget 0"
    assert sentence == (
        "To decide open (graph) against keras (graph) at 3 % on dense 32×32 takes about "  # noqa: RUF001
        f"{rounds} process rounds, {minutes}: bn-bench {command}."
    )
    parser = argparse.ArgumentParser()
    add_options(parser.add_argument)
    settings = Settings.from_options(parser.parse_args(command.split()[1:]))
    assert (settings.rounds, settings.budget_min, settings.size) == (rounds, 0.0, "full")
    assert settings.implementations == ("open", "keras")


def test_without_a_recorded_time_the_price_is_in_rounds(view_of: Build) -> None:
    """A run of an older version."""
    view = view_of(*timed())
    assert rows_of(view)["open"]["To decide"].endswith(" rounds")
    assert re.search(r" takes about \d+ process rounds: bn-bench run ", sentences(view)[0])
    assert rows_of(view)["slow"]["To decide"] == "–"  # noqa: RUF001


def test_a_top_up_budget_widens_every_interval(view_of: Build) -> None:
    """Two looks at 95 % together."""
    once, twice = view_of(*timed()), view_of(*timed(), settings={"budget_min": 2.0})
    for before, after in zip(once.speeds.groups[0].speeds[1:], twice.speeds.groups[0].speeds[1:], strict=True):
        assert before.verdict
        assert after.verdict
        assert after.verdict.low < before.verdict.low < before.verdict.high < after.verdict.high  # type: ignore[operator]
    text = plain(trust(twice))
    assert "not been calibrated" in text


def test_the_noise_floor_of_a_run_is_the_median_half_width_of_its_intervals(view_of: Build) -> None:
    """And it is said that nobody calibrated the machine."""
    view = view_of(*timed())
    halves = sorted(
        speed.verdict.high / speed.verdict.ratio - 1
        for speed in view.speeds.groups[0].speeds
        if speed.verdict and speed.verdict.high and not speed.is_baseline
    )
    floor = 100 * ((halves[1] + 1) * (halves[2] + 1)) ** 0.5 - 100
    assert plain(trust(view)) == (
        "This machine has not been calibrated: how often it calls identical workers different is unknown, and bn-bench "
        f"calibrate measures it. By this run's own rounds the noise floor is {floor:.1f} %: half of the comparisons "
        "cannot show a smaller difference."
    )


def test_a_calibration_is_printed_beside_the_verdicts(tmp_path: Path) -> None:
    """In the section, and under the answer."""
    view = calibrated(tmp_path / "run", CALIBRATION)
    told = plain(trust(view))
    assert told == (
        "Calibrated on this kind of machine, 2026-03-01: of 3,000 pairs of identical workers, 1.23 % were called "
        "faster or slower (at most 1.87 %, with 95 % confidence); its noise floor was 1.4 %. By this run's own rounds "
        "the noise floor is 0.6 %: half of the comparisons cannot show a smaller difference."
    )
    paragraphs = [plain(block.text) for block in section.build(view).blocks if hasattr(block, "tone")]
    assert told in paragraphs
    assert "Of 4 comparisons with keras: 1 faster, 1 slower, 1 the same, 1 undecided. Same means within 3 %." in (
        " ".join(paragraphs)
    )


def test_a_machine_too_noisy_for_a_claim_says_so(tmp_path: Path) -> None:
    """A noise floor beyond the margin, be it the calibration's or the run's own."""
    told = plain(trust(calibrated(tmp_path / "run", {**CALIBRATION, "noise_floor": 0.08})))
    assert "its noise floor was 8.0 %. By this run's own rounds the noise floor is 0.6 %" in told
    assert told.endswith(TOO_NOISY)
    calm = {(number, 0): 1000.0 for number in range(4)}
    rows = [agreement("keras"), throughput("keras", calm), agreement("a"), throughput("a", WILD)]
    told = plain(trust(calibrated(tmp_path / "wild", CALIBRATION, rows)))
    assert (
        "its noise floor was 1.4 %. By this run's own rounds the noise floor is 86.0 %" in told
    )  # t(0.975, 3) s / 2, by hand
    assert told.endswith(TOO_NOISY)


@pytest.mark.parametrize("machine", [{"cpu_model": "Cray-1", "cores": 999, "memory_gib": 0.008}, {}, {"cores": 2}])
def test_a_calibration_of_another_machine_does_not_count(tmp_path: Path, machine: dict[str, object]) -> None:
    """Nor one of a machine that was not recorded."""
    told = plain(trust(calibrated(tmp_path / "run", {**CALIBRATION, "machine": machine})))
    assert told.startswith("The calibration in this run folder is of another machine (")
    assert "; this run: Example CPU, 2.6 GHz, 2 cores, 24.0 GiB) and does not count. This machine has not been" in told
    assert "1.23 %" not in told and "1.4 %" not in told
    assert "Cray-1, 999 cores, 0.008 GiB" in told or "Cray-1" not in machine.values()


def test_one_round_tells_nothing_of_the_noise(view_of: Build) -> None:
    """No interval, no floor."""
    rows = [agreement("keras"), agreement("a"), throughput("keras", {(0, 0): 1.0}), throughput("a", {(0, 0): 2.0})]
    assert "One round tells nothing of this run's own noise" in plain(trust(view_of(*rows)))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ([], "not used, it is a list, but should be an object"),
        ({**CALIBRATION, "schema": 2}, "not used, it has schema 2, but should have 1"),
        ({**CALIBRATION, "noise_floor": -1}, "not used, it has no usable noise_floor"),
        ({"schema": 1}, "not used, it has no usable false_alarm_rate, false_alarm_upper, noise_floor, trials"),
    ],
)
def test_a_damaged_calibration_is_named_and_not_used(tmp_path: Path, content: object, complaint: str) -> None:
    """The report is drawn without it."""
    view = calibrated(tmp_path / "run", content)
    assert view.run.calibration is None
    assert view.run.damage == [f"calibration.json: {complaint}"]
