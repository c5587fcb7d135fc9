"""``bn-bench sweep``: many training cases, on this machine or on a Ray cluster."""

from __future__ import annotations

import argparse
import datetime
import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import datasets
from benchmarks.cases import Case
from benchmarks.datasets.loading import refuse_useless_folder
from benchmarks.datasets.placing import placed
from benchmarks.harness.environment import describe, usable_cores
from benchmarks.harness.folder import RunFolder
from benchmarks.harness.progress import display_for
from benchmarks.harness.session import GOOD_STATUSES, chosen_descriptors, exit_code
from benchmarks.harness.workers import WorkerSettings
from benchmarks.settings import Settings
from benchmarks.sweeps.connecting import find, reach
from benchmarks.sweeps.executor import Executor
from benchmarks.sweeps.grid import VARIABLE, Grid, refuse_untrainable, varied
from benchmarks.sweeps.local import run_locally
from benchmarks.sweeps.on_ray import Cluster, run_on_ray
from benchmarks.sweeps.running import Run, run, still_open, temporary_folder
from bn_impls.errors import BadConfiguration

DESCRIPTION = f"""\
Train every implementation on every network with every setting and seed, and write a run folder with a record of each.
--set varies one of {", ".join(VARIABLE)}.
example: bn-bench sweep --implementations keras,torch --set learning_rate=0.01,0.001 --seeds 5
"""


PLANNED: Mapping[str, Any] = {
    "implementations": (), "networks": ("000",), "set": (), "seeds": 1, "epochs": 2, "dataset": "mnist-5000",
    "data_dir": None, "download": False, "device": "cpu", "output": None, "threads": 1, "timeout": 3600, "timed": False,
}  # fmt: skip
"""What a plan keeps -> its default; a resumed sweep takes it from the plan."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """What is multiplied out, and where it runs."""
    parser.description, parser.formatter_class = DESCRIPTION, argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--implementations", type=_names, metavar="X,Y", help="default: all that are registered")
    add("--networks", type=_names, metavar="N,M", help="default: 000")
    add("--set", action="append", metavar="NAME=V,W", help="values of a parameter; may be given again")
    add("--seeds", type=_above_0, metavar="N", help="seeds 0 to N-1; default: 1")
    add("--epochs", type=_above_0, metavar="N", help="of each training; default: 2")
    add("--dataset", metavar="NAME", help="default: mnist-5000")
    add("--data-dir", type=Path, metavar="DIR", help="folder with your own files of the data set")
    add("--download", action="store_true", default=None,
        help="allow fetching the data set; checked by sha256 and cached")  # fmt: skip
    add("--device", choices=("cpu", "gpu"), help="where networks compute; default: cpu")
    add("--output", type=Path, metavar="DIR", help="run folder to write; default: reports/sweep-DATE")
    add("--resume", type=Path, metavar="DIR", help="finish an interrupted sweep; its plan is used")
    add("--ray", metavar="ADDRESS", help="run on a Ray cluster: auto, HOST:PORT or ray://HOST:PORT")
    add("--jobs", type=_above_0, metavar="N", help="cases at once on this machine; default: one for each core")
    add("--threads", type=_above_0, metavar="N", help="cores that a case takes; default: 1")
    add("--timeout", type=_above_0, metavar="S", help="seconds that a case may take; default: 3600")
    add("--timed", action="store_true", default=None,
        help="keep durations: each case gets a machine (or a node) of its own")  # fmt: skip
    add("--dry-run", action="store_true", help="print the cases, with --resume the open ones, and run none")
    add("--json", action="store_true", help="print what came out as JSON")


def act(options: argparse.Namespace) -> int:
    """Plan or resume, run, draw the report, and say what came out.

    Returns:
        As of ``bn-bench run``; 130 after Ctrl-C, with everything that ended kept.

    Raises:
        BnBenchError: an unknown name, a folder that cannot be used, no cluster.
    """
    say = Console(stderr=True)
    _fill(options)
    if options.ray:
        find(options.ray)
    if options.dry_run:
        cases = _open_cases(options.resume) if options.resume else _cases(options)
        print(*(case.case_id for case in cases), f"{len(cases)} {'open ' * bool(options.resume)}cases", sep="\n")
        return 0
    cases = [] if options.resume else _checked(options)
    if options.ray:
        reach(options.ray)
    folder = RunFolder.resume(options.resume, "sweep") if options.resume else _created(options, cases)
    try:
        settings = folder.settings
        _refuse_together(options, settings.timed)
        folder.add_sitting(describe(settings.threads))
        with temporary_folder() as shared:
            execute = _where(options, settings, shared)
            ran = run(folder, folder.planned(), execute, display_for(say), timed=settings.timed)
    except KeyboardInterrupt:
        say.print(
            f"interrupted; every case that ended is kept: {_again(options, folder)}", markup=False, soft_wrap=True
        )
        return 130
    finally:
        folder.close()
    return _tell(folder, ran, options.json)


def _fill(options: argparse.Namespace) -> None:
    """Put in the defaults.

    Raises:
        BadConfiguration: options contradict each other.
        BadData: a folder is given for a data set that is read from none.
    """
    given = [name for name in PLANNED if getattr(options, name) is not None]
    if options.resume and given:
        told = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise BadConfiguration(
            f"got --resume with {told}, but a resumed sweep keeps what is in its plan.json: leave the others out to "
            "finish it, or leave --resume out to begin another; --ray, --jobs, --dry-run and --json may stand beside it"
        )
    for name, default in PLANNED.items():
        if getattr(options, name) is None:
            setattr(options, name, default)
    data = placed(options.dataset, options.data_dir)
    options.dataset, options.data_dir = data["dataset"], data.get("data_dir")
    if options.data_dir is not None:
        refuse_useless_folder(options.dataset, options.data_dir)
    _refuse_together(options, options.timed)


def _refuse_together(options: argparse.Namespace, timed: bool) -> None:
    if options.ray and options.jobs:
        raise BadConfiguration("got --jobs with --ray, but Ray decides how many run at once; leave --jobs out")
    if timed and (options.jobs or 1) > 1:
        raise BadConfiguration(
            f"got --timed and --jobs {options.jobs}, but what shares a machine is not timed; leave one out"
        )


def _again(options: argparse.Namespace, folder: RunFolder) -> str:
    """The command that goes on in the same place."""
    places = [
        part for name in ("ray", "jobs") if (value := getattr(options, name)) for part in (f"--{name}", str(value))
    ]
    return shlex.join(["bn-bench", "sweep", "--resume", str(folder.path), *places])


def _where(options: argparse.Namespace, settings: Settings, shared: Path) -> Run:
    """What runs the cases."""
    worker = WorkerSettings(settings.threads, settings.device, settings.data_dir, settings.download)
    if options.ray:
        cluster = Cluster(options.ray, whole_node=settings.timed)
        return lambda cases: run_on_ray(cases, cluster, worker, settings.timeout_s)
    jobs = 1 if settings.timed else options.jobs or max(1, usable_cores() // settings.threads)
    return partial(run_locally, jobs=jobs, make=lambda: Executor(worker, settings.timeout_s, shared))


def _settings(options: argparse.Namespace) -> Settings:
    return Settings(
        axes=("convergence",),
        implementations=options.implementations,
        device=options.device,
        dataset=options.dataset,
        data_dir=options.data_dir,
        download=options.download,
        timeout_s=float(options.timeout),
        threads=options.threads,
        command="sweep",
        timed=options.timed,
    )


def _cases(options: argparse.Namespace) -> list[Case]:
    grid = Grid(
        networks=options.networks, seeds=options.seeds, varied=varied(options.set), dataset=options.dataset,
        epochs=options.epochs, device=options.device,
    )  # fmt: skip
    return grid.cases(chosen_descriptors(_settings(options)))


def _checked(options: argparse.Namespace) -> list[Case]:
    """The cases of a new sweep, which its data sets can train."""
    cases = _cases(options)
    for name in sorted({case.parameters["dataset"] for case in cases}):
        folder = None if options.data_dir is None else Path(options.data_dir)
        data = datasets.load(name, data_dir=folder, allow_download=options.download)
        refuse_untrainable([case for case in cases if case.parameters["dataset"] == name], data)
    return cases


def _created(options: argparse.Namespace, cases: Sequence[Case]) -> RunFolder:
    output = options.output or Path("reports") / f"sweep-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    folder = RunFolder.create(output, _settings(options))
    folder.write_plan(cases)
    return folder


def _open_cases(path: Path) -> list[Case]:
    folder = RunFolder.resume(path, "sweep")
    try:
        return still_open(folder, folder.planned())
    finally:
        folder.close()


def _tell(folder: RunFolder, ran: int, as_json: bool) -> int:
    from benchmarks.report import draw  # pandas, SciPy and matplotlib: only now
    from benchmarks.sweeps.outcome import as_text, outcomes

    page = draw(folder.path).page
    planned, records = folder.planned(), folder.records()
    if as_json:
        told = [_short(case, records.get(case.case_id, {})) for case in planned]
        print(json.dumps({"folder": str(folder.path), "ran": ran, "cases": told}, indent=1))
        return exit_code(planned, records)
    counts = Counter(record["status"] for record in records.values())
    print(f"{len(planned)} cases, {ran} run now: {', '.join(f'{n} {status}' for status, n in counts.most_common())}")
    for record in records.values():
        if record["status"] not in GOOD_STATUSES:
            print(f"  {record['status']}: {record['case_id']}: {record['reason']}")
    if table := as_text(outcomes(planned, records)):
        print(table)
    print(f"report: {page}")
    return exit_code(planned, records)


def _short(case: Case, record: Mapping[str, Any]) -> dict[str, Any]:
    return {**case.as_json(), **{name: record.get(name) for name in ("status", "reason", "metrics")}}


def _names(text: str) -> Sequence[str]:
    names = tuple(name for name in text.split(",") if name)
    if not names:
        raise argparse.ArgumentTypeError(f"got {text!r}, but should be names with commas between them")
    return names


def _above_0(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"got {text!r}, but should be a whole number above 0")
    return int(text)
