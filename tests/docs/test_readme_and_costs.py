"""The README says what its sources say, and the scripts that measure our own costs run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.costs.interface_cost import DESIGNS, compared, decision, measure
from benchmarks.costs.interleave import interleaved
from benchmarks.harness.workers import CHECKOUT
from benchmarks.readme import PAGES, rewritten
from tests.docs.processes import run_module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_what_registry_records_and_costs_say(page: Path) -> None:
    """Every block between markers, made anew, is the one that stands there."""
    text = page.read_text(encoding="utf-8")
    assert rewritten(text, page) == text


def test_a_readme_whose_results_were_edited_by_hand_is_found_out() -> None:
    """The check can fail: one changed digit between the markers is replaced."""
    text = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    begin = text.index("<!-- begin: results -->")
    digit = next(position for position in range(begin, len(text)) if text[position].isdigit())
    forged = f"{text[:digit]}{(int(text[digit]) + 1) % 10}{text[digit + 1 :]}"
    assert rewritten(forged) == text != forged


def test_every_form_of_the_interface_cost_is_built_and_compared() -> None:
    """In nanoseconds of a step by hand, and in nanoseconds and percent of what comes on top."""
    figures = measure("numpy-reference", replace(DESIGNS["small"], builds=2, passes=2), seed=0)
    assert set(figures) == {"by_hand_ns", "extra_ns", "extra_percent", "noise_ns", "noise_percent"}
    assert figures["by_hand_ns"] > 0


@pytest.mark.slow
def test_a_replicate_of_the_interface_cost_has_both_sizes_of_each_name() -> None:
    """As the parent process reads it."""
    found = run_module("benchmarks.costs.interface_cost", "--replicate", "0", "--names", "numpy-reference")
    assert {name: set(sizes) for name, sizes in found.items()} == {"numpy-reference": {"small", "millisecond"}}


def test_the_interface_cost_is_compared_pass_by_pass() -> None:
    """The machine takes three times as long in the last passes, which no median of times would forgive: 2 % remain."""
    hand = [100.0, 100.0, 300.0, 300.0, 300.0]
    found = compared({"interface": [102.0, 102.0, 306.0, 306.0, 306.0], "by_hand": hand, "by_hand_again": hand})
    assert found["extra_percent"] == pytest.approx(2)
    assert found["extra_ns"] == pytest.approx(6)
    assert (found["noise_percent"], found["by_hand_ns"]) == (0, 300)


def test_a_pass_is_its_shortest_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that moves while a call runs and at no other time: two calls a sample, three samples a pass."""
    now = [0]
    monkeypatch.setattr(time, "perf_counter_ns", lambda: now[0])
    left = {"steady": [200] * 7, "uneven": [999, 800, 300, 500, 400, 700, 600]}  # the first of each is not timed

    def call(name: str) -> Callable[[int], None]:
        def run(loops: int) -> None:
            assert loops == 2
            now[0] += left[name].pop(0)

        return run

    found = interleaved({name: call(name) for name in left}, 2, 2, seed=0, samples=3)
    assert found == {"steady": [100, 100], "uneven": [150, 200]}


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(-0.5, 0.9, "at most 1 %"), (0.2, 1.1, "undecided whether at most 1 %"), (1.2, 1.6, "more than 1 %")],
)
def test_the_interval_decides_what_is_said_of_the_cost(low: float, high: float, said: str) -> None:
    """Not its middle."""
    extra = {"mean": (low + high) / 2, "low": low, "high": high}
    assert decision("x", {"extra_percent": extra, "by_hand_ns": 1e6}).endswith(f"by hand: {said}")
