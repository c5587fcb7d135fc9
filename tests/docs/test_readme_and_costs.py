"""The README says what its sources say, and the scripts that measure our own costs run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from benchmarks.harness.workers import CHECKOUT
from benchmarks.readme import rewritten


def run_module(module: str, *arguments: str) -> Any:
    """Run a module of the suite in the checkout; returns the JSON of its last line."""
    command = [sys.executable, "-m", module, *arguments]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_the_readme_is_what_registry_records_and_costs_say() -> None:
    """Every block between markers, made anew, is the one that stands there."""
    text = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    assert rewritten(text) == text


def test_a_readme_whose_results_were_edited_by_hand_is_found_out() -> None:
    """The check can fail: one changed digit between the markers is replaced."""
    text = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    begin = text.index("<!-- begin: results -->")
    digit = next(position for position in range(begin, len(text)) if text[position].isdigit())
    forged = f"{text[:digit]}{(int(text[digit]) + 1) % 10}{text[digit + 1 :]}"
    assert rewritten(forged) == text != forged


def test_a_replicate_of_the_interface_cost_times_all_three_forms() -> None:
    """Through the interface and twice by hand, at both sizes, in nanoseconds."""
    found = run_module("benchmarks.costs.interface_cost", "--replicate", "0", "--name", "numpy-reference")
    assert set(found) == {"small", "millisecond"}
    for times in found.values():
        assert set(times) == {"interface", "by_hand", "by_hand_again"}
        assert all(value > 0 for value in times.values())


@pytest.mark.slow
def test_a_replicate_of_the_training_loop_times_all_four_loops() -> None:
    """Both trainers, the document's session loop and fit, in nanoseconds a step."""
    found = run_module("benchmarks.costs.training_loop", "--replicate", "0")
    assert set(found) == {"tf-manual", "keras", "document", "fit"}
    assert all(value > 0 for value in found.values())
