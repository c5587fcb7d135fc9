"""The study on planted pools, where every rate is known."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from benchmarks.calibration import live, rendering
from benchmarks.calibration.pool import Pool, Unit
from benchmarks.calibration.rules import Design, Verdicts, log_ratios
from benchmarks.calibration.study import DEFAULT, calibration, noise_floor, study
from benchmarks.calibration.trials import draw
from benchmarks.calibration.workers import LIVE_WORKERS
from benchmarks.report.calibration import read_calibration
from tests.calibration import planted

MACHINE = {"cores": 2, "cpu_model": "planted"}


@pytest.fixture(scope="module")
def quiet() -> dict[str, Any]:
    """A study of workers that differ by nothing but their slowdowns."""
    return study(Pool((planted.unit(20),)), count=50)


def test_without_noise_every_difference_is_found_and_no_other(quiet: dict[str, Any]) -> None:
    """2 % are within the margin, so they are the same; by every design, ours and pytest-benchmark's."""
    assert len(quiet["candidates"]) == 6 * 3 * 4
    for row in quiet["candidates"]:
        assert row["false_alarm"]["count"] == row["wrong_direction"]["count"] == 0
        assert {key: found["rate"] for key, found in row["detected"].items()} == {"2": 0, "5": 1, "10": 1, "20": 1}
        assert row["same"]["0"]["rate"] == row["same"]["2"]["rate"] == 1
    assert [row["detected"]["10"]["rate"] for row in quiet["others"]] == [1] * 6
    assert all(goal["reached"] for goal in quiet["targets"])
    assert quiet["noise_floor"] == pytest.approx(0, abs=1e-12)


def test_the_slowdowns_that_the_pool_shows_are_those_that_were_planted(quiet: dict[str, Any]) -> None:
    """Each with its interval, as fractions."""
    found = {fact["injected"]: fact["observed"] for fact in quiet["injected"]}
    assert found == {percent: pytest.approx(percent) for percent in (0.02, 0.05, 0.1, 0.2)}


def test_noise_between_processes_gives_the_false_alarms_that_students_t_promises() -> None:
    """With noise far above the margin, one look alarms in 5 % of trials, the default with two in less."""
    unit = planted.unit(1000, noise=0.5)

    def alarms(design: Design) -> float:
        rule = Verdicts(design)
        trials = draw(unit, 0, rule.rounds, 20_000, np.random.default_rng(1))
        words = rule.words(log_ratios(unit, design)[trials.first, trials.second, trials.rounds])
        return float(np.mean(np.isin(words, ["faster", "slower"])))

    assert alarms(Design()) == pytest.approx(0.05, abs=0.01)
    assert 0.02 < alarms(DEFAULT) < 0.05


def test_the_noise_floor_is_a_quantile_of_what_equals_show() -> None:
    """The mean of five differences of two normal values: 1.96 sigma sqrt(2 / 5)."""
    sigma = 0.02
    expected = math.expm1(stats.norm.ppf(0.975) * sigma * math.sqrt(2 / 5))
    assert noise_floor([planted.unit(400, noise=sigma)], 0, 4000) == pytest.approx(expected, rel=0.1)


def test_a_study_can_be_repeated_and_another_seed_draws_other_trials() -> None:
    """The same seed gives the same figures to the last digit."""
    pool = Pool((planted.unit(12, noise=0.05, jitter=0.02),))
    first, again, other = (study(pool, seed, count=40) for seed in (0, 0, 1))
    assert first == again
    assert first["noise_floor"] != other["noise_floor"]


def test_designs_and_rules_that_need_more_rounds_are_left_out_and_named() -> None:
    """Nine rounds: none of ten, and nothing one after the other."""
    found = study(Pool((planted.unit(9),)), count=10)
    assert len(found["candidates"]) == 6 * 3 * 3
    assert len(found["left_out"]) == 6 * 3 + 3
    assert "min, best, 10 x 3" in found["left_out"]
    assert "pyperf compare_to, one after the other" in found["left_out"]


def live_unit(rounds: int) -> Unit:
    """Live workers without noise."""
    slow = np.array([1 + worker.percent / 100 for worker in LIVE_WORKERS])
    durations = np.broadcast_to(slow[:, None, None, None], (len(slow), rounds, 5, 3))
    return Unit("planted", planted.WORKLOAD, LIVE_WORKERS, tuple(range(rounds)), durations)


def test_live_trials_are_whole_runs_of_four_pairs_each() -> None:
    """Nineteen rounds are two runs of eight: four pairs of equals, two of 5 % and two of 10 %."""
    found = live.live(Pool((live_unit(19),)))
    assert (found["trials"], found["runs"]) == (8, {"planted": 2})
    assert (found["same"]["0"]["count"], found["same"]["0"]["trials"]) == (4, 4)
    assert [(key, rate["count"], rate["trials"]) for key, rate in found["detected"].items()] == [
        ("5", 2, 2),
        ("10", 2, 2),
    ]
    assert live.runs_for(48) * live.TRIALS_OF_A_RUN >= 48
    assert live.runs_for(0) == 0


def test_the_file_has_the_figures_of_what_runs_use(quiet: dict[str, Any]) -> None:
    """The bound is the larger of the two."""
    wide = {**quiet, "half_pool_upper": 0.5}
    found = calibration(wide, None, MACHINE)
    assert {key: found[key] for key in ("schema", "statistic", "within", "rounds", "passes", "top_up", "trials")} == {
        "schema": 1, "statistic": DEFAULT.statistic, "within": DEFAULT.within, "rounds": 5, "passes": 5, "top_up": 3,
        "trials": 50,
    }  # fmt: skip
    assert (found["false_alarm_rate"], found["false_alarm_upper"]) == (0.0, 0.5)
    assert calibration(quiet, None, MACHINE)["false_alarm_upper"] == pytest.approx(1 - 0.025 ** (1 / 50))


def test_the_report_reads_the_file(quiet: dict[str, Any], tmp_path: Any) -> None:
    """Its reader of ``calibration.json`` takes what is written."""
    path, damage = tmp_path / "calibration.json", list[str]()
    path.write_text(json.dumps(calibration(quiet, None, MACHINE)))
    found = read_calibration(path, damage)
    assert damage == []
    assert found is not None and (found.statistic, found.trials, found.machine) == (DEFAULT.statistic, 50, MACHINE)


def test_a_machine_too_noisy_for_a_claim_says_so(quiet: dict[str, Any]) -> None:
    """Where equals differ by more than the margin."""
    shown = calibration(quiet, None, MACHINE)
    assert "too noisy" not in rendering.markdown(shown)
    assert "too noisy for claims below 7.0 %" in rendering.markdown({**shown, "noise_floor": 0.07})


def test_terminal_and_page_show_the_same_rates(quiet: dict[str, Any]) -> None:
    """The row of what runs use: 0 of 50 false alarms, with its bound of 7.1 %."""
    shown = calibration(quiet, live.live(Pool((live_unit(8),))), MACHINE)
    console = Console(width=240, record=True, file=io.StringIO())
    rendering.show(shown, console)
    for text in (console.export_text(), rendering.markdown(shown)):
        line = next(line for line in text.splitlines() if "(what runs use)" in line)
        cells = [cell.strip() for cell in line.replace("|", "  ").split("  ") if cell.strip()]
        assert cells[1:6] == ["0.0 (≤ 7.1)", "0.0", "100.0", "100.0", "100.0"]
        assert "4 trials; runs: 1 of planted" in text
