"""What a sweep prints at its end, by value."""

from __future__ import annotations

import pytest

from benchmarks.cases import Case
from benchmarks.sweeps.outcome import as_text, outcomes


def case(implementation: str, rate: str, seed: int) -> Case:
    """A training of a sweep."""
    return Case("convergence", implementation, f"000-learning_rate={rate}-seed={seed}-digits-eager-cpu", {"seed": seed})


def test_seeds_are_averaged_and_the_best_setting_stands_first() -> None:
    """Student's interval of 0.90, 0.92 and 0.94: t(0.975, 2) = 4.302653, deviation 0.02, over the root of 3."""
    cases = [case("keras", rate, seed) for rate in ("0.1", "0.01") for seed in range(3)] + [case("torch", "0.1", 0)]
    accuracies = [0.5, 0.5, 0.5, 0.90, 0.92, 0.94, 0.7]
    records = {
        one.case_id: {"status": "ok", "metrics": {"final_test_accuracy": value}}
        for one, value in zip(cases, accuracies, strict=True)
    }
    records[case("torch", "0.01", 0).case_id] = {"status": "failed", "metrics": {}}
    best, middle, last = outcomes([*cases, case("torch", "0.01", 0)], records)
    assert (best.setting, best.implementation) == ("000-learning_rate=0.01-digits-eager-cpu", "keras")
    assert best.mean == pytest.approx(0.92)
    assert best.half_width == pytest.approx(4.302653 * 0.02 / 3**0.5, rel=1e-6)
    assert (middle.implementation, middle.half_width, last.half_width) == ("torch", None, 0.0)
    lines = as_text([best, middle, last]).splitlines()
    assert lines[1].endswith("keras   92.00 % ± 4.97  (3 seeds)")
    assert lines[2].endswith("torch   70.00 % one seed: no interval  (1 seed)")
    assert as_text([]) == ""
