"""The top-up round: what is undecided is measured once more, within a budget, and never decided upon twice."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.cases import Case
from benchmarks.harness import pacing, top_up
from benchmarks.harness.folder import RunFolder
from benchmarks.harness.rounds import Rounds, Timing
from benchmarks.settings import Settings, add_options

PATTERNS = (r":(7x5|8x7x7x5|32x32|inference-32x32)-float32-eager-cpu$", r"^agreement|^throughput:.*:inference")
STEADY_MS, FAR_MS, NOISY_MS = 1.5, 10, (1, 3)
SLEEPING = """inner = built.inference
def inference(x):
    time.sleep(SECONDS if x.shape == (32, 32) else 0)
    return inner(x)
built = replace(built, inference=inference)"""
COUNTING = """
from pathlib import Path
STARTS = Path(__file__).with_suffix(".starts")
NUMBER = len(STARTS.read_text()) if STARTS.exists() else 0
STARTS.write_text("x" * (NUMBER + 1))
SECONDS = {milliseconds}[NUMBER % 2] / 1000
{mishap}
"""


@pytest.fixture
def timed(rogue: Callable[..., str], small_settings: Any) -> Callable[..., Settings]:
    """Settings of a run of a steady baseline, one far behind, and one whose processes differ by a factor of 3."""

    def settings(budget_min: float, mishap: str = "") -> Settings:
        names = [
            rogue("steady", building=SLEEPING, top=f"SECONDS = {STEADY_MS / 1000}"),
            rogue("far", building=SLEEPING, top=f"SECONDS = {FAR_MS / 1000}"),
            rogue("noisy", building=SLEEPING, top=COUNTING.format(milliseconds=NOISY_MS, mishap=mishap)),
        ]
        return small_settings(names, baseline=names[0], budget_min=budget_min)

    return settings


def rounds_of(ran: Any) -> dict[str, int]:
    """Implementation -> rounds of its speed; each has one record."""
    records = [line for line in ran.lines() if line["axis"] == "throughput"]
    assert max(Counter(line["case_id"] for line in records).values()) == 1
    return {line["implementation"].split(":")[0]: line["metrics"]["rounds"] for line in records}


def test_the_undecided_and_the_baseline_get_three_more_rounds(
    tmp_path: Path, timed: Callable[..., Settings], planned_cases: Any, run_cases: Any
) -> None:
    """What is far behind is decided and keeps its three; the price of a round is recorded."""
    settings = timed(5.0)
    ran = run_cases(RunFolder.create(tmp_path / "run", settings), planned_cases(settings, *PATTERNS))
    assert rounds_of(ran) == {"steady": 6, "far": 3, "noisy": 6}
    decided = [line["case_id"].split(":")[1] for line in ran.lines("passes.jsonl") if line["kind"] == "top_up"]
    assert sorted(decided) == ["noisy", "steady"]
    (record,) = ran.of("far:OBJECT", "throughput")
    assert record["metrics"]["round_s"] > 9 * FAR_MS / 1000  # a round of nine samples cannot take less
    assert record["reason"] is None
    prepared = [line for line in ran.lines("passes.jsonl") if line["kind"] == "prepared"]
    assert {(line["round"] == 0, line["alone"]) for line in prepared} == {(True, True), (False, False)}


def test_without_time_nothing_is_measured_again(
    tmp_path: Path, timed: Callable[..., Settings], planned_cases: Any, run_cases: Any
) -> None:
    """A budget of a millisecond buys no round."""
    settings = timed(1e-3 / 60)
    ran = run_cases(RunFolder.create(tmp_path / "run", settings), planned_cases(settings, *PATTERNS))
    assert rounds_of(ran) == {"steady": 3, "far": 3, "noisy": 3}


def test_a_resumed_run_goes_on_with_its_top_up(
    tmp_path: Path, timed: Callable[..., Settings], planned_cases: Any, run_cases: Any
) -> None:
    """Killed after the first of its three rounds: the passes stand, two more rounds come, nothing is decided anew."""
    settings = timed(5.0)
    cases = planned_cases(settings, *PATTERNS)
    folder = RunFolder.create(tmp_path / "run", settings)
    run_cases(folder, cases)
    passes, records = folder.path / "passes.jsonl", folder.path / "records.jsonl"
    kept = [line for line in passes.read_text().splitlines(keepends=True) if json.loads(line)["round"] <= 3]
    passes.write_text("".join(kept))
    left = [
        line for line in records.read_text().splitlines(keepends=True) if "throughput:far" in line or "agree" in line
    ]
    records.write_text("".join(left))

    ran = run_cases(RunFolder.resume(folder.path), cases)
    assert rounds_of(ran) == {"steady": 6, "far": 3, "noisy": 6}
    assert passes.read_text().startswith("".join(kept))
    assert sum(line["kind"] == "top_up" for line in ran.lines("passes.jsonl")) == 2


def test_a_crash_in_the_top_up_costs_nothing_that_was_measured(
    tmp_path: Path, timed: Callable[..., Settings], planned_cases: Any, run_cases: Any
) -> None:
    """The fifth process, the first of the top-up, kills itself; the record says so and keeps its planned rounds."""
    settings = timed(5.0, "if NUMBER >= 4: os.kill(os.getpid(), signal.SIGKILL)")
    ran = run_cases(RunFolder.create(tmp_path / "run", settings), planned_cases(settings, *PATTERNS))
    assert rounds_of(ran)["noisy"] == 3
    (record,) = ran.of("noisy:OBJECT", "throughput")
    assert record["status"] == "ok"
    assert record["reason"].startswith("the top-up round crashed: ")


def case(name: str, shape: str = "32x32") -> Case:
    """A case of one of two groups."""
    return Case("throughput", name, f"inference-{shape}-eager", {"style": "eager"})


def rounds(*logs: float) -> dict[tuple[int, int], float]:
    """One pass a round, from logarithms."""
    return {(number, 0): float(np.exp(log)) for number, log in enumerate(logs)}


CASES = [case("base"), case("near"), case("far"), case("wild"), case("base", "8x8"), case("wild", "8x8")]
VALUES = {
    CASES[0].case_id: rounds(0, 0, 0, 0, 0),
    CASES[1].case_id: rounds(0.05, 0.14, 0.02, 0.11, 0.08),  # a few more rounds would do
    CASES[2].case_id: rounds(1, 1.01, 0.99, 1, 1.01),  # slower
    CASES[3].case_id: rounds(0.9, -0.8, 0.7, -0.9, 0.2),  # hopeless
    CASES[4].case_id: rounds(0, 0, 0, 0, 0),
    CASES[5].case_id: rounds(0.3, 0.7, -0.1, 0.6, 0.1),
}


def names_of(cases: Sequence[Case]) -> list[str]:
    """Implementation and shape."""
    return [f"{case.implementation} {case.label.split('-')[1]}" for case in cases]


def test_the_cheapest_decisions_come_first_and_hopeless_ones_not_at_all() -> None:
    """By further rounds; the baseline stands beside each."""
    pairs = top_up.open_pairs(CASES, VALUES, "base")
    assert [names_of(pair) for pair in pairs] == [["near 32x32", "base 32x32"], ["wild 8x8", "base 8x8"]]


@pytest.mark.parametrize(
    ("budget_s", "chosen"),
    [(5.9, []), (6.0, ["near 32x32", "base 32x32"]),
     (12.0, ["near 32x32", "base 32x32", "wild 8x8", "base 8x8"])],
)  # fmt: skip
def test_the_budget_holds_for_all_three_rounds(budget_s: float, chosen: list[str]) -> None:
    """A second a case and round, starting a worker included: two cases take six seconds."""
    lines = {one.case_id: [{"round": 0, "took_s": 0.75, "start_s": 0.25}] for one in CASES[:4]}
    lines |= {one.case_id: [{"round": 0, "took_s": 1.0, "start_s": 0.0}] for one in CASES[4:]}
    found = top_up.choose(CASES, VALUES, "base", lines, budget_s)
    assert names_of(found) == chosen


@pytest.mark.parametrize(
    ("exhausted", "chosen"),
    [("near", ["wild 8x8", "base 8x8"]), ("base", []), ("far", ["near 32x32", "base 32x32", "wild 8x8", "base 8x8"])],
)
def test_nothing_is_measured_beside_what_gets_no_further_round(exhausted: str, chosen: list[str]) -> None:
    """A comparison one side of which is exhausted stays open, and its price is there for the others."""
    ids = {one.case_id for one in CASES if one.implementation == exhausted}
    found = top_up.choose(CASES, VALUES, "base", {}, 1.0, ids)
    assert names_of(found) == chosen


@pytest.mark.parametrize(
    ("took_s", "asked", "planned"),
    [(1.0, False, {"near", "base"}), (12.0, False, set()), (12.0, True, {"near", "base"})],
)
def test_what_took_a_minute_is_in_no_top_up(
    took_s: float, asked: bool, planned: set[str],
    tmp_path: Path, small_settings: Any, good: str, scheduler_of: Any,
) -> None:  # fmt: skip
    """Five rounds of twelve seconds; where somebody asked for the rounds, it gets them all the same."""
    folder = RunFolder.create(tmp_path / "run", small_settings([good], baseline="base"))
    timing = Timing(scheduler_of(folder), Rounds(5, 1, 1, 600.0, asked=asked))
    for one in CASES[:4]:
        prepared = {"kind": "prepared", "took_s": took_s if one is CASES[1] else 0.1}
        passed = {"kind": "pass", "pass": 0, "loops": 1}
        timing.lines[one.case_id] = [
            {"round": number, **line}
            for number, value in enumerate(VALUES[one.case_id].values())
            for line in (prepared, passed | {"durations_ns": [value * 1e6]})
        ]
    timing.plan_top_up(CASES[:4])
    assert {one.implementation for one in CASES[:4] if timing.top_up_rounds(one)} == planned


def test_a_round_costs_one_start_a_worker_and_the_median_of_its_visits() -> None:
    """Two cases of one implementation share its worker."""
    lines = {
        CASES[0].case_id: [
            {"kind": "prepared", "round": 0, "start_s": 4.0, "took_s": 1.0}, {"round": 0, "took_s": 0.5},
            {"kind": "prepared", "round": 1, "start_s": 3.0, "took_s": 2.0}, {"round": 1, "took_s": 1.5},
        ],
        CASES[4].case_id: [{"kind": "prepared", "round": 1, "start_s": 3.0, "took_s": 0.25}],
    }  # fmt: skip
    assert top_up.round_s(lines, [CASES[0]]) == pytest.approx(3 + (1.5 + 3.5) / 2)
    assert top_up.round_s(lines, [CASES[0], CASES[4]]) == pytest.approx(3 + 2.5 + 0.25)
    assert top_up.round_s(lines, [CASES[1]]) == 0


def options(*arguments: str) -> Settings:
    """Settings of a command line."""
    parser = argparse.ArgumentParser()
    add_options(parser.add_argument)
    return Settings.from_options(parser.parse_args(list(arguments)))


@pytest.mark.parametrize(
    ("arguments", "minutes"),
    [
        ([], 2.0),
        (["--quick"], 0.0),
        (["--full"], 10.0),
        (["--quick", "--budget", "0.5"], 0.5),
        (["--budget", "0"], 0.0),
    ],
)
def test_the_budget_depends_on_the_size_unless_it_is_given(arguments: list[str], minutes: float) -> None:
    """It is stored with the plan, so a resumed run and the report know it; older plans had none."""
    settings = options(*arguments)
    assert settings.budget_min == minutes
    assert Rounds.of(settings).top_up_s == 60 * minutes
    stored = settings.as_json()
    assert Settings.from_json(stored) == settings
    del stored["budget_min"]
    assert Settings.from_json(stored).budget_min == 0


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "soon", ""])
def test_a_budget_that_is_no_number_of_minutes_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With what was got and what it should be."""
    with pytest.raises(SystemExit, match="2"):
        options(f"--budget={text}")
    assert f"got {text!r}, but should be a number of minutes, 0 for no top-up round" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "work"),
    [
        (["--rounds", "9", "--budget", "0"], Rounds(9, 5, 3, 0.0, asked=True)),
        (["--rounds", "2", "--quick"], Rounds(2, 3, 3, 0.0, asked=True)),
        (["--budget", "1"], Rounds(5, 5, 3, 60.0)),
    ],
)
def test_rounds_that_are_asked_for_replace_those_of_the_size(arguments: list[str], work: Rounds) -> None:
    """The passes stay."""
    assert Rounds.of(options(*arguments)) == work


@pytest.mark.parametrize("text", ["0", "1", "101", "-3", "2.5", "many"])
def test_a_number_of_rounds_that_is_none_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With what it should be; one round has no interval."""
    with pytest.raises(SystemExit):
        options(f"--rounds={text}")
    assert f"got '{text}', but should be a whole number of rounds, 2 to 100" in capsys.readouterr().err


def test_a_slow_case_gets_the_rounds_that_were_asked_for(
    tmp_path: Path, good: str, small_settings: Any, planned_cases: Any, run_cases: Any, monkeypatch: Any
) -> None:
    """Of itself it would get two, for it takes longer than a case may; four fresh processes are timed."""
    monkeypatch.setattr(pacing, "CASE_S", 0.0)
    ran = []
    for rounds in (0, 4):
        settings = small_settings([good], rounds=rounds)
        folder = RunFolder.create(tmp_path / f"run-{rounds}", settings)
        ran.append(rounds_of(run_cases(folder, planned_cases(settings, *PATTERNS))))
    assert [list(found.values()) for found in ran] == [[2], [4]]
