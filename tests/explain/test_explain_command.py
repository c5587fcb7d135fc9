"""``bn-bench explain`` as a user meets it: two processes, sentences, a table, JSON, exit codes, clear errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bn_impls import cli
from bn_impls.explain import asking

CHECKOUT = Path(__file__).resolve().parents[2]
HERE = "tests.explain.planted"


def bn_bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "bn_impls.cli", "explain", *arguments], cwd=CHECKOUT, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)}, timeout=300, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["UNBIASED", "TWO_CAUSES"])
def test_a_cause_is_told_with_its_share_and_its_size(name: str) -> None:
    """And what becomes of the difference when one side is built as the other: the remedy was tried."""
    done = bn_bench("numpy-reference", f"{HERE}:{name}")
    assert done.returncode == 0, done.stderr
    words = " ".join(done.stdout.split())
    assert "ddof of the moving variance explains" in words
    assert f"numpy-reference: divides by n; {HERE}:{name}: divides by n - 1." in words
    assert f"To make numpy-reference equal {HERE}:{name}, build it with" in words
    assert "Tried: the difference goes from" in words
    assert ("The decay explains" in words) == (name == "TWO_CAUSES")


def test_json_says_the_same() -> None:
    """Every quantity, cause and remedy."""
    done = bn_bench("numpy-reference", f"{HERE}:UNBIASED", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["verdict"], found["causes"]) == (0, "explained", ["moving_ddof"])
    [cause] = found["quantities"]["moving_variance"]["causes"]
    assert (cause["field"], cause["a"], cause["b"]) == ("moving_ddof", 0, 1)
    # moving variances of 6 updates with decay 0.9: (1 - 0.9^6) / 31 of a batch variance of up to about 4
    assert cause["before"] == pytest.approx(found["quantities"]["moving_variance"]["difference"], rel=1e-4)
    assert found["quantities"]["output_training"]["same"] is True
    assert found["sides"][f"{HERE}:UNBIASED"]["undeclared"] == {"moving_ddof": {"declared": 0, "found": 1}}
    [remedy] = found["remedies"]
    assert remedy["settings"] == {"moving_ddof": 1}
    assert remedy["left"]["moving_variance"] == 0


def test_two_of_the_same_are_the_same() -> None:
    """Exit code 0 and the figures."""
    done = bn_bench("numpy-reference", f"{HERE}:PLAIN_ONE", "--shape", "3x2x5x4", "--dtype", "float64")
    assert done.returncode == 0
    assert "are the same here: every difference is within rounding" in " ".join(done.stdout.split())
    assert "3x2x5x4 float64" in done.stdout


def test_a_residual_that_nothing_explains_ends_with_1() -> None:
    """With its size, and no cause."""
    done = bn_bench("numpy-reference", f"{HERE}:ONE_PERCENT_MORE")
    assert done.returncode == 1
    assert "Nothing tried explains 1.9e-2 of the difference in the moving variance" in " ".join(done.stdout.split())
    assert " explains " not in done.stdout.split("Nothing tried")[0]


def test_the_defaults_of_both_apis_are_compared() -> None:
    """Epsilon, decay and ddof of two styles of defaults."""
    done = bn_bench(f"{HERE}:LIKE_KERAS", f"{HERE}:LIKE_TORCH", "--defaults", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["verdict"]) == (0, "explained")
    assert sorted(found["causes"]) == ["decay", "epsilon", "moving_ddof"]
    [cause] = [c for c in found["quantities"]["output_training"]["causes"] if c["field"] == "epsilon"]
    assert (cause["a"], cause["b"]) == (1e-3, 1e-5)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["numpy-referense", "numpy-reference"], ["unknown implementation", "did you mean numpy-reference?"]),
        (["numpy-reference", f"{HERE}:NOT_THERE"], [f"{HERE}:NOT_THERE", "does not import"]),
        (["numpy-reference"], ["got neither two implementations nor --all alone"]),
        (["numpy-reference", f"{HERE}:PLAIN_ONE", "--all"], ["got neither two implementations nor --all alone"]),
        (["numpy-reference", f"{HERE}:SINGLE_ONLY", "--dtype", "float64"], ["SINGLE_ONLY", "only float32 is offered"]),
        (["numpy-reference", f"{HERE}:PLAIN_ONE", "--style", "xla"], ["style is 'xla'", "offers: eager"]),
        (["numpy-reference", f"{HERE}:PLAIN_ONE", "--defaults"], ["offers no probe variant 'defaults'"]),
        (["numpy-reference", f"{HERE}:PLAIN_ONE", "--shape", "8"], ["'8' is no shape; write batch and channels"]),
        (["numpy-reference", f"{HERE}:PLAIN_ONE", "--shape", "0x3"], ["sizes of 1 or more"]),
        (["numpy-reference", f"{HERE}:PLAIN_ONE", "--shape", "axb"], ["'axb' is no shape"]),
        (["numpy-reference", f"{HERE}:PLAIN_ONE", "--steps", "0"], ["'0' is no number of steps"]),
        (["numpy-reference", f"{HERE}:PLAIN_ONE", "--decay", "2"], ["decay is 2.0", "weight in [0, 1]"]),
    ],
)  # fmt: skip
def test_bad_usage_is_answered_in_words(arguments: list[str], parts: list[str]) -> None:
    """Exit code 2, one message, no traceback."""
    done = bn_bench(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    words = " ".join(done.stderr.split())
    for part in parts:
        assert part in words


@pytest.mark.parametrize(
    ("name", "part"), [("CRASHING", "exited with code 7"), ("RAISING", "the inference of this layer is not for you")]
)
def test_a_side_that_fails_is_named(name: str, part: str) -> None:
    """Exit code 3, and nothing is compared."""
    done = bn_bench("numpy-reference", f"{HERE}:{name}")
    assert done.returncode == 3
    assert "Traceback" not in done.stderr and done.stdout == ""
    assert f"{HERE}:{name}" in done.stderr and part in done.stderr


def test_a_side_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """After the time that an answer may take."""
    monkeypatch.setattr(asking, "ANSWER_S", 3.0)
    monkeypatch.chdir(CHECKOUT)
    assert cli.main(["explain", "numpy-reference", f"{HERE}:HANGING"]) == 3
    assert f"{HERE}:HANGING timed_out: no answer within 3 s; the process was killed" in capsys.readouterr().err
