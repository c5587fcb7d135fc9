"""The sentinel: by a fake clock and a fake kernel, and in a real run."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.folder import RunFolder
from benchmarks.harness.sentinel import CALLS, TICKS_PER_S, Sentinel, fixed_work, own_seconds

STAT = "cpu  {user} 0 50 {idle} 10 0 0 {steal} 7 0\ncpu0 1 2 3\nintr 5\n"


def test_the_work_is_always_the_same() -> None:
    """Its result is that of the formula."""
    assert fixed_work() == sum(number * number % 7 for number in range(4000))


def test_every_call_is_timed_by_the_clock_alone(tmp_path: Path) -> None:
    """A clock that ticks 3 ns at each reading."""
    readings = count(0, 3)
    assert Sentinel(lambda: next(readings), tmp_path / "none").look()["sentinel_ns"] == [3] * CALLS


def test_what_others_took_is_a_share_since_the_last_look(tmp_path: Path) -> None:
    """By hand: 60 of 100 ticks were busy, and 20 of them this process's own; then it claims more than there was."""
    stat, own = tmp_path / "stat", iter([3.0, 3.0 + 20 / TICKS_PER_S, 9.0])
    stat.write_text(STAT.format(user=100, idle=200, steal=5))
    sentinel = Sentinel(stat=stat, own_s=lambda: next(own))
    stat.write_text(STAT.format(user=160, idle=230, steal=15))
    assert sentinel.look()["others_share"] == pytest.approx(0.4)
    stat.write_text(STAT.format(user=170, idle=320, steal=15))
    assert sentinel.look()["others_share"] == 0


def test_the_time_of_ended_and_of_living_children_is_this_processs_own() -> None:
    """Two that burn a quarter of a second each; one is over when it is asked."""
    burn = "import time\nwhile time.process_time() < 0.25: pass\n"
    before = own_seconds()
    subprocess.run([sys.executable, "-c", burn], check=True)
    over = own_seconds()
    with subprocess.Popen(
        [sys.executable, "-c", burn + "print(flush=True)\ninput()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as living:
        assert living.stdout is not None and living.stdin is not None
        living.stdout.readline()
        assert own_seconds() - over >= 0.24
        living.stdin.write(b"\n")
    assert over - before >= 0.24


def test_stolen_time_is_a_share_since_the_last_look(tmp_path: Path) -> None:
    """By hand: 10 of 100 ticks; then nothing happened, then the counter of a moved machine went back."""
    stat = tmp_path / "stat"
    stat.write_text(STAT.format(user=100, idle=200, steal=5))
    sentinel = Sentinel(stat=stat)
    stat.write_text(STAT.format(user=130, idle=260, steal=15))
    assert sentinel.look()["steal_share"] == pytest.approx(0.1)
    assert sentinel.look()["steal_share"] is None
    stat.write_text(STAT.format(user=230, idle=260, steal=10))
    assert sentinel.look()["steal_share"] == 0


@pytest.mark.parametrize("content", ["", "cpu 1 2 3\n", "cpu a b c d e f g h\n", "something else\n"])
def test_a_kernel_that_does_not_tell_is_no_error(tmp_path: Path, content: str) -> None:
    """Then the share is not known."""
    stat = tmp_path / "stat"
    stat.write_text(content)
    assert Sentinel(stat=stat).look()["steal_share"] is None


def test_a_run_looks_before_every_pass_over_a_group(
    tmp_path: Path, good: str, small_settings: Any, planned_cases: Any, run_cases: Any
) -> None:
    """Three rounds of three passes, with real times; a resumed run that has all its records looks no more."""
    settings = small_settings([good])
    patterns = (r":(7x5|8x7x7x5|32x32|inference-32x32)-float32-eager-cpu$", r"^agreement|^throughput:.*:inference")
    cases = planned_cases(settings, *patterns)
    run_cases(RunFolder.create(tmp_path / "run", settings), cases)
    run_cases(RunFolder.resume(tmp_path / "run"), cases)
    looks = [json.loads(line) for line in (tmp_path / "run" / "sentinel.jsonl").read_text().splitlines()]
    assert [(look["round"], look["pass"]) for look in looks] == [(r, p) for r in range(3) for p in range(3)]
    assert {look["group"] for look in looks} == {"throughput:inference-32x32-float32-*-cpu"}
    for look in looks:
        assert len(look["sentinel_ns"]) == CALLS
        assert min(look["sentinel_ns"]) > 0
        assert set(look) == {
            "schema", "run", "round", "pass", "group", "sentinel_ns", "load_1min", "steal_share",
            "others_share",
        }  # fmt: skip
