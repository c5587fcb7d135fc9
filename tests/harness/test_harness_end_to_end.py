"""Real implementations through the real command, on real data."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.harness.workers import CHECKOUT
from bn_impls.registry import BUILT_IN

NAMES = {"numpy-reference", "tf-manual", "keras"}
AVAILABLE = [descriptor.name for descriptor in BUILT_IN if descriptor.missing() is None]


def records_in(folder: Path) -> list[dict[str, Any]]:
    """The records of a run."""
    return [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]


PROBE = """
import sys
from bn_impls.cli import main
code = main(sys.argv[1:])
print("imported:", *[name for name in ("tensorflow", "keras") if name in sys.modules], file=sys.stderr)
sys.exit(code)
"""


def test_all_three_agree_in_one_run_whose_own_process_imports_no_framework(tmp_path: Path) -> None:
    """TensorFlow and Keras stay in their workers; every quantity of every implementation is within its limit."""
    options = ("run", "--quick", "--axes", "agreement", "--implementations", ",".join(sorted(NAMES)))
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *options, "--output", str(tmp_path / "run")], cwd=CHECKOUT, capture_output=True,
        text=True, timeout=1800, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.strip()) == (0, "imported:")
    assert "30 cases: 26 ok, 2 disagrees, 2 unsupported" in done.stdout
    second, rows = [], []
    for row in records_in(tmp_path / "run"):
        (second if row["case"]["gradients"] == "second_order" else rows).append(row)
    found = {row["implementation"]: row["status"] for row in second}
    assert found == {"keras": "disagrees", "tf-manual": "disagrees", "numpy-reference": "unsupported"}
    assert all(row["metrics"]["second_order_constant_mean"] for row in second if row["status"] == "disagrees")
    assert Counter(row["implementation"] for row in rows) == dict.fromkeys(NAMES, 9)
    rows = [row for row in rows if row["status"] == "ok"]
    assert len(rows) == 26  # NumPy has no bfloat16
    styles = {row["implementation"]: row["labels"]["style"]["observed"] for row in rows}
    assert styles == {"keras": "graph", "tf-manual": "graph", "numpy-reference": "eager"}
    for row in rows:
        assert row["metrics"]["num_updates"] == row["case"]["steps"] + 1
        limits = [value for name, value in row["metrics"].items() if name.endswith("_error_over_limit")]
        assert 0 <= max(limits) <= 1  # the reference in float64 is itself
    text = (tmp_path / "run" / "index.html").read_text(encoding="utf-8")
    assert str(CHECKOUT) not in text
    assert all(name in text for name in NAMES)


@pytest.mark.slow  # minutes on two free cores
def test_a_quick_run_of_everything_is_good_throughout(tmp_path: Path, bn_bench: Any) -> None:
    """All that is installed: every case ok, not offered, or wrong in a known second order; three processes."""
    folder = tmp_path / "run"
    done = bn_bench(
        "run", "--quick", "--dataset", "digits", "--implementations", ",".join(AVAILABLE), "--output", folder
    )
    assert (done.returncode, done.stderr) == (0, "")
    rows = records_in(folder)
    planned = json.loads((folder / "plan.json").read_text())["cases"]
    assert Counter(row["case_id"] for row in rows) == Counter(case["case_id"] for case in planned)
    disagree = {row["implementation"]: row["metrics"] for row in rows if row["status"] == "disagrees"}
    assert set(disagree) == {"tf-manual", "keras", "tf1-manual", "tf1-manual-two-call"}  # who use tf.nn.moments on maps
    assert all(metrics["second_order_constant_mean"] for metrics in disagree.values())
    refused = [row for row in rows if row["status"] not in ("ok", "disagrees")]
    assert [row["case_id"] for row in refused if row["status"] != "unsupported" or not row["reason"]] == []
    assert sorted(row["case_id"] for row in refused if row["implementation"] in NAMES) == [
        "agreement:numpy-reference:8x7x7x5-bfloat16-eager-cpu",
        "agreement:numpy-reference:8x7x7x5-float32-eager-cpu-second_order",
    ]
    for row in (row for row in rows if row["status"] == "ok"):
        if row["axis"] == "throughput":
            assert row["metrics"]["rounds"] == 3
            assert row["metrics"]["step_ns_min"] > 0
        if row["axis"] == "checkpoint" and "source" not in row["case"]:
            assert row["metrics"]["resumed_bitwise"], row["case_id"]  # whoever restores computes as who saved
        if row["axis"] == "convergence":
            with np.load(folder / row["samples"]["file"], allow_pickle=False) as arrays:
                np.testing.assert_allclose(arrays["step_loss"][:3], arrays["reference_step_loss"][:3], rtol=1e-3)
    shown = json.loads((folder / "benchmark.json").read_text())["benchmarks"]
    assert Counter(entry["extra_info"]["case_id"] for entry in shown) == Counter(
        row["case_id"] for row in rows if row["status"] == "ok"
    )
    assert (folder / "index.html").stat().st_size < 3_000_000
