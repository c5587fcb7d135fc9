"""``bn-bench calibrate``: record a pool, draw trials from it, confirm them live, say what came out."""

from __future__ import annotations

import argparse
import datetime
import json
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.calibration import live, rendering
from benchmarks.calibration.pool import pack, read_pool
from benchmarks.calibration.recording import Recorder, SecondsDisplay, record_for, record_runs
from benchmarks.calibration.study import RECORDED, calibration, study
from benchmarks.calibration.workers import LIVE_WORKERS, POOL_WORKERS, Worker
from benchmarks.harness.contents import read_plan
from benchmarks.harness.environment import describe as describe_machine
from benchmarks.harness.environment import usable_cores
from benchmarks.harness.progress import display_for
from benchmarks.harness.rounds import Rounds
from benchmarks.kept_calibrations import keep
from bn_impls.errors import BadConfiguration, BadRunFolder
from bn_impls.registry import describe

RESULT, MACHINE, POOL, LIVE = "calibration.json", "machine.json", "pool.jsonl.gz", "live.jsonl.gz"
POOL_WORK, LIVE_WORK = Rounds(1, 8, 3), Rounds(1, 5, 3)
IMPLEMENTATIONS = ("numpy-reference", "keras")
MOST_MINUTES = 40.0
PIPED_COLUMNS = 110
MACHINE_FIELDS = (
    "cpu_model",
    "cores",
    "memory_gib",
    "operating_system",
    "architecture",
    "python",
    "versions",
    "threads",
)


@dataclass(frozen=True)
class Size:
    """How much is recorded; options change all but the rounds.

    Attributes:
        minutes: of the pool.
        rounds: of each implementation at least, if they take longer.
        live: live trials at least.
        implementations: names.
    """

    minutes: float
    rounds: int
    live: int
    implementations: tuple[str, ...]


DEFAULT = Size(20.0, 12, 48, IMPLEMENTATIONS)  # 12: every rule, those of ten rounds too, has some choice
QUICK = Size(2.0, live.RULE.rounds, 0, IMPLEMENTATIONS[:1])


def add_options(parser: argparse.ArgumentParser) -> None:
    """How much, of what, and where to."""
    add = parser.add_argument
    add("--quick", action="store_true", help="a pool of 2 minutes with NumPy alone, and no live trials")
    add("--minutes", type=_minutes, metavar="N", help=f"of the pool; default: 20, at most {MOST_MINUTES:g}")
    add("--live", type=_count, metavar="N", help="live trials at least; default: 48, with --quick 0")
    add(
        "--implementations",
        type=lambda text: tuple(filter(None, text.split(","))),
        metavar="X,Y",
        help=f"whose copies are timed against each other; default: {','.join(IMPLEMENTATIONS)}",
    )
    add(
        "--output",
        type=Path,
        metavar="DIR",
        help="folder to write, or to go on with; default: reports/calibration-DATE",
    )
    add("--run", type=Path, metavar="RUN", help="also put calibration.json into this run folder, for its report")
    add("--redraw", action="store_true", help="measure nothing: draw the trials again from the passes in --output")
    add("--seed", type=_count, default=0, metavar="N", help="of the trials that are drawn; default: 0")
    add("--json", action="store_true", help="print calibration.json")


def act(options: argparse.Namespace) -> int:
    """Record what is missing, draw, and print.

    Returns:
        0; a machine too noisy for a claim is a result, not a failure.

    Raises:
        BadRunFolder: the folder cannot be used, or a worker could not be measured.
    """
    say = Console(stderr=True)
    output = options.output or Path("reports") / f"calibration-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    if options.redraw and options.output is None:
        raise BadConfiguration("got --redraw without --output, but should get the folder that holds the passes")
    if options.run:
        read_plan(options.run)  # no run folder: said now, and not when all is measured
    try:
        if not options.redraw:
            _measure(options, output, say)
    except KeyboardInterrupt:
        again = shlex.join(["bn-bench", *_given(options), "--output", str(output)])
        say.print(f"interrupted; what was measured is kept: {again}", markup=False, soft_wrap=True)
        return 130
    result = _drawn(output, options.seed, lambda what: say.print(what, markup=False, soft_wrap=True))
    _tell(result, output / RESULT, options.json)
    if kept := keep(result):
        told = f"kept for later runs on this kind of machine: {kept}"
        say.print(told, markup=False, soft_wrap=True)
    if options.run:
        shutil.copyfile(output / RESULT, options.run / RESULT)
        say.print(f"bn-bench report {shlex.quote(str(options.run))} prints it", markup=False, soft_wrap=True)
    return 0


def _tell(result: dict[str, Any], path: Path, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result, indent=1))
        return
    console = Console()
    rendering.show(result, console if console.is_terminal else Console(width=PIPED_COLUMNS))
    print(path)


def _given(options: argparse.Namespace) -> Iterable[str]:
    yield "calibrate"
    if options.quick:
        yield "--quick"
    if options.implementations:
        yield f"--implementations={','.join(options.implementations)}"
    if options.run:
        yield f"--run={options.run}"
    for name in ("minutes", "live"):
        if (value := getattr(options, name)) is not None:
            yield f"--{name}={value:g}"


def _measure(options: argparse.Namespace, output: Path, say: Console) -> None:
    """Fill the pool and the live runs as far as they are not yet, and pack both."""
    size = QUICK if options.quick else DEFAULT
    names = _installed(options.implementations or size.implementations, say)
    seconds = 60 * (size.minutes if options.minutes is None else options.minutes)
    trials = size.live if options.live is None else options.live
    least = f"at least {size.rounds} rounds each"
    say.print(f"pool of {seconds / 60:g} min, {', '.join(names)}, {least}: {output}", markup=False, soft_wrap=True)
    recording = Recording(output, "pool", POOL_WORKERS, POOL_WORK)
    took = _record(recording, names, say, lambda pool: record_for(pool, seconds, size.rounds), seconds)
    (output / MACHINE).write_text(json.dumps(_machine(), indent=1) + "\n")
    if runs := live.runs_for(trials):
        rounds = live.RULE.rounds
        say.print(f"{runs * live.TRIALS_OF_A_RUN} live trials in {runs} runs of {rounds} rounds", markup=False)
        recording = Recording(output, "live", LIVE_WORKERS, LIVE_WORK)
        expected = runs * rounds * max(took.values()) * LIVE_WORK.passes / POOL_WORK.passes
        _record(recording, names, say, lambda pool: record_runs(pool, runs, rounds), expected)


@dataclass(frozen=True)
class Recording:
    """Where passes go, and whose they are."""

    output: Path
    kind: str
    workers: Sequence[Worker]
    work: Rounds


def _record(
    recording: Recording, names: Sequence[str], say: Console, fill: Callable[[Recorder], None], seconds: float
) -> dict[str, float]:
    """Record and pack.

    Returns:
        Seconds of a round of each implementation.
    """
    output, kind = recording.output, recording.kind
    display = SecondsDisplay(display_for(say), seconds)
    recorder = Recorder(output / f"{kind}.recording", names, recording.workers, recording.work, display)
    try:
        display.begin(recorder.seconds())
        fill(recorder)
        pack(recorder.folder, output / f"{kind}.jsonl.gz")
    finally:
        display.stop()
        recorder.close()
    return {name: recorder.spent[name] / max(1, recorder.rounds[name]) for name in names}


def _installed(names: Sequence[str], say: Console) -> list[str]:
    """Those that can run here; what cannot is said.

    Raises:
        BadConfiguration: none can.
    """
    missing = {name: describe(name).missing() for name in dict.fromkeys(names)}
    for name, reason in missing.items():
        if reason:
            say.print(f"{name} is left out: {reason}", markup=False)
    found = [name for name, reason in missing.items() if not reason]
    if not found:
        raise BadConfiguration(f"got {','.join(names)}, but should get an implementation that is installed")
    return found


def _machine() -> dict[str, Any]:
    fields = {name: value for name, value in describe_machine(usable_cores()).items() if name in MACHINE_FIELDS}
    return {**fields, RECORDED: f"{datetime.date.today():%Y-%m-%d}"}


def _drawn(output: Path, seed: int, show: Callable[[str], None]) -> dict[str, Any]:
    """Draw the trials from the packed passes of a folder and write the result."""
    confirmed = live.live(read_pool(output / LIVE)) if (output / LIVE).exists() else None
    found = study(read_pool(output / POOL), seed, show=show)
    try:
        machine = json.loads((output / MACHINE).read_bytes())
    except (OSError, ValueError) as error:
        raise BadRunFolder(
            f"{output / 'pool.machine.json'} cannot be read ({error}), but should say on what machine the pool was "
            "recorded; the command without --redraw writes it"
        ) from error
    result = calibration(found, confirmed, machine)
    (output / RESULT).write_text(json.dumps(result) + "\n", encoding="utf-8")
    return result


def _minutes(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= MOST_MINUTES:  # NaN neither
        raise argparse.ArgumentTypeError(
            f"got {text!r}, but should be a number of minutes above 0, at most {MOST_MINUTES:g}"
        )
    return value


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"got {text!r}, but should be a whole number, 0 or more")
    return int(text)


def main() -> int:
    """``python -m benchmarks.calibration`` is ``bn-bench calibrate``."""
    from bn_impls.cli import main as front

    return front(["calibrate", *sys.argv[1:]])
