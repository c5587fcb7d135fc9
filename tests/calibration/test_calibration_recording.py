"""Recording with real processes: what is injected, what an interruption leaves, and what the command refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.calibration.pool import pack, read_pool
from benchmarks.calibration.recording import Recorder, SecondsDisplay, record_for, record_runs
from benchmarks.calibration.subjects import slowed, slowed_layer
from benchmarks.calibration.workers import LIVE_PAIRS, LIVE_WORKERS, POOL_WORKERS, Worker, of_specification
from benchmarks.harness.folder import RunFolder
from benchmarks.harness.progress import PlainDisplay
from benchmarks.harness.rounds import Rounds
from benchmarks.harness.workers import CHECKOUT
from benchmarks.settings import Settings
from bn_impls.cli import main
from bn_impls.errors import BadRunFolder
from bn_impls.interface import Configuration, Layer
from bn_impls.numpy_reference import IMPLEMENTATION
from tests.calibration import planted

NAME, TWO, WORK = "numpy-reference", (Worker(0), Worker(20)), Rounds(1, 2, 3)
DEADLINE_S = 60.0
CONFIGURATION = Configuration(
    input_shape=(7, 3), layout="channels_last", dtype="float32", decay=0.9, epsilon=1e-3, center=True, scale=True,
    conventions=IMPLEMENTATION.conventions, style="eager", device="cpu",
)  # fmt: skip


def display() -> SecondsDisplay:
    """A display that shows nothing."""
    made = SecondsDisplay(PlainDisplay(lambda _: None), 1.0)
    made.begin(0.0)
    return made


def recorder(path: Path) -> Recorder:
    """A small pool of two workers."""
    return Recorder(path, [NAME], TWO, WORK, display())


def built(share: float) -> Layer:
    """A slowed NumPy layer."""
    layer = slowed(IMPLEMENTATION, share).build(CONFIGURATION)
    assert isinstance(layer, Layer)
    return layer


class Clock:
    """A clock that a call moves by 1,000 ns and a reading by 1 ns."""

    def __init__(self) -> None:
        """Begin somewhere, not at 0."""
        self.time = 5_000

    def __call__(self) -> int:
        """Read it."""
        self.time += 1
        return self.time


@pytest.mark.parametrize(("percent", "calls"), [(0, 40), (2, 40), (5, 1), (20, 40), (20, 1)])
def test_a_sample_takes_exactly_its_share_longer(percent: int, calls: int) -> None:
    """Whether one call fills the sample or many do; to the few nanoseconds of the clock's own readings."""
    clock = Clock()

    def step(_: object) -> None:
        clock.time += 1000

    good = IMPLEMENTATION.build(CONFIGURATION)
    assert isinstance(good, Layer)
    layer = slowed_layer(replace(good, inference=step), percent / 100, clock)
    for _ in range(3):  # every sample anew
        clock.time += 10**9  # time between samples costs nothing
        began = clock.time
        for _ in range(calls):
            layer.inference(None)
        layer.synchronize(None)
        assert clock.time - began == pytest.approx(calls * 1000 * (1 + percent / 100), abs=4)


def test_a_slowed_layer_computes_the_same() -> None:
    """Outputs, gradients and the moving statistics, bit for bit; its labels are observed on the real callable."""
    x, dy = np.random.default_rng(0).standard_normal((2, 7, 3)).astype(np.float32)
    plain, slow = IMPLEMENTATION.build(CONFIGURATION), built(0.2)
    assert isinstance(plain, Layer)
    for one, other in zip(plain.differentiated(x, dy), slow.differentiated(x, dy), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(plain.inference(x), slow.inference(x))
    np.testing.assert_array_equal(plain.export_state()["moving_mean"], slow.export_state()["moving_mean"])
    assert slow.observe(slow.inference, x)["style"].observed == "eager"


def test_workers_are_named_and_at_most_eight() -> None:
    """A name reads back; in live runs no process is in two pairs."""
    for worker in (*POOL_WORKERS, *LIVE_WORKERS):
        assert of_specification(worker.descriptor(NAME).name) == (NAME, worker)
    assert len(set(POOL_WORKERS)) == 8 == len(LIVE_WORKERS) == len(set(LIVE_WORKERS))
    assert all(first.percent == percent for percent, pairs in LIVE_PAIRS.items() for first, _ in pairs)


KILLED = """
import sys
from pathlib import Path
from tests.calibration.test_calibration_recording import recorder
pool = recorder(Path(sys.argv[1]))
while True:
    pool.record_round("numpy-reference")
"""


def lines(path: Path) -> int:
    """Lines of a file that may not be there yet."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait(condition: Callable[[], bool]) -> None:
    """Until something has come about."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {DEADLINE_S:g} s in vain"
        time.sleep(0.01)


def test_a_killed_pool_keeps_its_passes_and_goes_on(tmp_path: Path) -> None:
    """The cut round is left out; whole ones before and after it count, by real workers of both speeds."""
    folder = tmp_path / "pool.recording"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(folder)], cwd=CHECKOUT) as child:
        wait(lambda: lines(folder / "rounds.jsonl") >= 1)
        whole = lines(folder / "passes.jsonl")
        wait(lambda: lines(folder / "passes.jsonl") > whole + 3)
        child.send_signal(signal.SIGKILL)
    pool = recorder(folder)
    try:
        done = pool.rounds[NAME]
        assert pool.seconds() > 0
        record_runs(pool, runs=1, rounds=done + 1)
        pack(pool.folder, tmp_path / "pool.jsonl.gz")
    finally:
        pool.close()
    found = read_pool(tmp_path / "pool.jsonl.gz")
    assert [unit.workload for unit in found.units] == [
        "inference 32x32", "inference 32x56x56x64", "training_forward_backward 256x256",
    ]  # fmt: skip
    assert {len(unit.rounds) for unit in found.units} <= {done + 1, done + 2}  # the cut round may be whole for some
    assert all(unit.workers == TWO and unit.durations.shape[2:] == (2, 3) for unit in found.units)
    assert all(np.nanmin(unit.durations) > 100 for unit in found.units)


FLAKY = """
from dataclasses import replace
from pathlib import Path
from bn_impls.numpy_reference import IMPLEMENTATION as GOOD

def build(configuration):
    marks = Path({folder!r})
    mark = marks / str(len(list(marks.iterdir())))
    mark.touch()
    if int(mark.name) in {failing}:
        raise RuntimeError("planted")
    return GOOD.build(configuration)

OBJECT = replace(GOOD, build=build)
"""


@pytest.mark.parametrize(("failing", "whole"), [("(1,)", True), ("range(1000)", False)])
def test_a_round_that_fails_is_tried_again_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, whole: bool
) -> None:
    """A worker that fails once costs a round; one that always fails is an error with its reason."""
    (tmp_path / "marks").mkdir()
    (tmp_path / "flaky.py").write_text(FLAKY.format(folder=str(tmp_path / "marks"), failing=failing))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    pool = Recorder(tmp_path / "pool", ["flaky:OBJECT"], TWO, WORK, display())
    try:
        if whole:
            pool.record_round("flaky:OBJECT")
        else:
            with pytest.raises(BadRunFolder, match=r"could not be measured in 3 attempts: failed, .*planted"):
                pool.record_round("flaky:OBJECT")
        assert pool.rounds == {"flaky:OBJECT": int(whole)}
        pack(pool.folder, tmp_path / "pool.jsonl.gz")
    finally:
        pool.close()
    if whole:
        assert [len(unit.rounds) for unit in read_pool(tmp_path / "pool.jsonl.gz").units] == [1, 1, 1]


def test_a_folder_of_other_workers_is_refused(tmp_path: Path) -> None:
    """Instead of mixing what cannot be compared."""
    recorder(tmp_path / "pool").close()
    with pytest.raises(BadRunFolder, match="was begun with other implementations or workers"):
        Recorder(tmp_path / "pool", [NAME], POOL_WORKERS, WORK, display())


class Planned(Recorder):
    """Takes rounds of a known length instead of measuring."""

    def __init__(self, lengths: dict[str, float]) -> None:
        """Nothing is recorded yet."""
        self.lengths = lengths
        self.spent, self.rounds = dict.fromkeys(lengths, 0.0), dict.fromkeys(lengths, 0)

    def record_round(self, implementation: str) -> None:
        """Let the time pass."""
        self.spent[implementation] += self.lengths[implementation]
        self.rounds[implementation] += 1


def test_the_time_is_shared_and_no_implementation_goes_without_its_rounds() -> None:
    """60 s for rounds of 1 and 10 s, then 60 s that are too short for 8 rounds of 20 s."""
    pool = Planned({"fast": 1.0, "slow": 10.0})
    record_for(pool, 60.0, 2)
    assert pool.rounds["slow"] in (3, 4) and 60 <= pool.seconds() < 70
    pool = Planned({"fast": 1.0, "slow": 20.0})
    record_for(pool, 60.0, 8)
    assert pool.rounds["slow"] == 8 and pool.rounds["fast"] >= 8


def test_live_runs_are_whole_and_fast_starters_get_more() -> None:
    """Runs of 8 rounds, of one implementation at a time."""
    pool = Planned({"fast": 1.0, "slow": 3.0})
    record_runs(pool, 4, 8)
    assert pool.rounds == {"fast": 24, "slow": 8}


def bn_bench(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The command, in the checkout."""
    command = [sys.executable, "-m", "bn_impls.cli", "calibrate", *map(str, arguments)]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--minutes", "41"), "should be a number of minutes above 0, at most 40"),
        (("--minutes", "nan"), "should be a number of minutes above 0"),
        (("--live", "-1"), "should be a whole number, 0 or more"),
        (("--run", "nowhere"), "nowhere is no run folder"),
        (("--redraw",), "got --redraw without --output"),
        (("--implementations", "kears"), "unknown implementation 'kears': did you mean"),
    ],
)
def test_wrong_usage_is_refused_with_the_way_out(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and no traceback."""
    try:
        code: object = main(["calibrate", *arguments])
    except SystemExit as ended:
        code = ended.code
    said = capsys.readouterr().err
    assert code == 2
    assert words in said
    assert "Traceback" not in said


def test_redraw_draws_from_the_passes_of_a_folder_and_measures_nothing(tmp_path: Path) -> None:
    """``--json`` prints the file that it writes; without the machine it says what is missing."""
    planted.write(tmp_path / "pool.jsonl.gz", planted.lines_of(planted.unit(8)))
    done = bn_bench("--redraw", "--json", "--output", tmp_path)
    assert done.returncode == 2
    assert "machine.json cannot be read" in done.stderr
    (tmp_path / "machine.json").write_text(json.dumps({"cores": 2, "cpu_model": "planted"}))
    run = RunFolder.create(tmp_path / "run", Settings())
    run.write_plan([])
    run.close()
    done = bn_bench("--redraw", "--json", "--output", tmp_path, "--run", run.path)
    assert done.returncode == 0, done.stderr
    assert (run.path / "calibration.json").read_bytes() == (tmp_path / "calibration.json").read_bytes()
    found = json.loads(done.stdout)
    assert found == json.loads((tmp_path / "calibration.json").read_text())
    assert (found["false_alarm_rate"], found["trials"]) == (0.0, 1000)
    assert found["study"]["candidates"][0]["detected"]["5"]["rate"] == 1.0
    assert {path.name for path in tmp_path.iterdir()} == {
        "pool.jsonl.gz", "machine.json", "calibration.json", "run",
    }  # fmt: skip


def test_ctrl_c_says_how_to_go_on_and_leaves_no_worker(tmp_path: Path) -> None:
    """Exit code 130; the passes so far are kept."""
    hearing = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    )
    command = [sys.executable, "-c", hearing]  # a background job, which tests may run in, ignores Ctrl-C
    command += [sys.executable, "-m", "bn_impls.cli", "calibrate", "--quick", "--output", str(tmp_path / "out")]
    passes = tmp_path / "out" / "pool.recording" / "passes.jsonl"
    with subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.PIPE, text=True) as child:
        wait(lambda: lines(passes) > 10)
        workers = children(child.pid)
        child.send_signal(signal.SIGINT)
        said = child.communicate(timeout=DEADLINE_S)[1]
    assert child.returncode == 130
    assert f"bn-bench calibrate --quick --output {tmp_path / 'out'}" in said
    assert len(workers) == 8
    wait(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


def children(parent: int) -> list[int]:
    """Processes that a process has started."""
    text = Path(f"/proc/{parent}/task/{parent}/children")
    if not text.exists():
        pytest.skip(f"{os.uname().sysname} does not tell a process's children")
    return [int(number) for number in text.read_text().split()]
