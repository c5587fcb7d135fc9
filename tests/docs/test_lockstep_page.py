"""The table of who follows the reference on which network says what the records say."""

from __future__ import annotations

from pathlib import Path

from benchmarks.pages.lockstep import lockstep
from tests.report.synthetic import convergence, record, write_run

CURVES = {"step_loss": [1.0, 0.9, 0.8], "rounding_band": [1e-7, 2e-3, 2e-3]}


def test_each_cell_is_the_step_at_which_a_loss_leaves_the_reference(tmp_path: Path) -> None:
    """One that rounding explains, one that it does not, one that stays, one that does not train."""
    found = {"a": (2, "rounding"), "b": (1, "algorithm"), "c": (None, "none")}
    records = []
    for name, (split, kind) in found.items():
        one = convergence(name, tmp_path, CURVES, split=split)
        one["metrics"] |= {"departure": kind, "first_step_beyond_rounding": 1 if kind == "algorithm" else None}
        records.append(one)
    refused = record("convergence", "d", records[0]["case"], status="unsupported", reason="no gradients")
    text = lockstep(write_run(tmp_path, [*records, refused]))
    assert [line for line in text.splitlines() if line.startswith("|")] == [
        "| implementation | `000`, 3 steps |",
        "| --- | --- |",
        "| *rounding alone* | 1 |",
        "| `a` | 2 |",
        "| `b` | 1 (algorithm: beyond rounding from 1) |",
        "| `c` | - |",
        "| `d` | not trained |",
    ]
    assert "Of 4 trainings (4 implementations, 1 networks" in text
    assert "3 were made: 1 stay with the float64 network to the last step, 1 leave it no further than" in text
    assert "1 go further, 0 diverge. The other 1 are refused" in text
