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
from benchmarks.harness.environment import describe, usable_cores
from benchmarks.harness.folder import RunFolder
from benchmarks.harness.progress import display_for
from benchmarks.harness.session import GOOD_STATUSES, chosen_descriptors, exit_code
from benchmarks.harness.workers import WorkerSettings
from benchmarks.settings import Settings
from benchmarks.sweeps.executor import Executor
from benchmarks.sweeps.grid import VARIABLE, Grid, varied
from benchmarks.sweeps.local import run_locally
from benchmarks.sweeps.on_ray import Cluster, find, run_on_ray
from benchmarks.sweeps.running import Run, run
from bn_impls.errors import BadConfiguration

DESCRIPTION = f"""\
Train every implementation on every network with every setting and seed, and write a run folder with a record of each.
--set varies one of {", ".join(VARIABLE)}.
example: bn-bench sweep --implementations keras,torch --set learning_rate=0.01,0.001 --seeds 5
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """What is multiplied out, and where it runs."""
    parser.description, parser.formatter_class = DESCRIPTION, argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--implementations", type=_names, default=(), metavar="X,Y", help="default: all that are registered")
    add("--networks", type=_names, default=("000",), metavar="N,M", help="default: 000")
    add("--set", action="append", default=[], metavar="NAME=V,W", help="values of a parameter; may be given again")
    add("--seeds", type=_above_0, default=1, metavar="N", help="seeds 0 to N-1; default: 1")
    add("--epochs", type=_above_0, default=2, metavar="N", help="of each training; default: 2")
    add("--dataset", default="mnist-5000", metavar="NAME", help="default: mnist-5000")
    add("--data-dir", type=Path, metavar="DIR", help="folder with your own files of the data set")
    add("--download", action="store_true", help="allow fetching the data set; checked by sha256 and cached")
    add("--device", choices=("cpu", "gpu"), default="cpu", help="where networks compute; default: cpu")
    add("--output", type=Path, metavar="DIR", help="run folder to write; default: reports/sweep-DATE")
    add("--resume", type=Path, metavar="DIR", help="finish an interrupted sweep; its plan is used")
    add("--ray", metavar="ADDRESS", help="run on a Ray cluster: auto, HOST:PORT or ray://HOST:PORT")
    add("--jobs", type=_above_0, metavar="N", help="cases at once on this machine; default: one for each core")
    add("--threads", type=_above_0, default=1, metavar="N", help="cores that a case takes; default: 1")
    add("--timeout", type=_above_0, default=3600, metavar="S", help="seconds that a case may take; default: 3600")
    add("--timed", action="store_true", help="keep durations: each case gets a machine (or a node) of its own")
    add("--dry-run", action="store_true", help="print the cases and run none")
    add("--json", action="store_true", help="print what came out as JSON")


def act(options: argparse.Namespace) -> int:
    """Plan or resume, run, draw the report, and say what came out.

    Returns:
        As of ``bn-bench run``; 130 after Ctrl-C, with everything that ended kept.

    Raises:
        BnBenchError: an unknown name, a folder that cannot be used, no cluster.
    """
    say = Console(stderr=True)
    _refuse(options)
    if options.dry_run:
        cases = _grid(options).cases(chosen_descriptors(_settings(options)))
        print(*(case.case_id for case in cases), f"{len(cases)} cases", sep="\n")
        return 0
    folder, cases = _resumed(options.resume) if options.resume else _planned(options)
    try:
        ran = run(folder, cases, _where(options, folder.settings), display_for(say), timed=options.timed)
    except KeyboardInterrupt:
        again = shlex.join(["bn-bench", "sweep", "--resume", str(folder.path)])
        say.print(f"interrupted; every case that ended is kept: {again}", markup=False, soft_wrap=True)
        return 130
    finally:
        folder.close()
    return _tell(folder, ran, options.json)


def _refuse(options: argparse.Namespace) -> None:
    """Say what cannot be before anything is written.

    Raises:
        BadConfiguration: two options contradict each other, or no cluster answers.
    """
    if options.ray and options.jobs:
        raise BadConfiguration("got --jobs with --ray, but Ray decides how many run at once; leave --jobs out")
    if options.timed and (options.jobs or 1) > 1:
        raise BadConfiguration(
            f"got --timed and --jobs {options.jobs}, but what shares a machine is not timed; leave one out"
        )
    if options.ray:
        find(options.ray)


def _where(options: argparse.Namespace, settings: Settings) -> Run:
    """What runs the cases."""
    worker = WorkerSettings(settings.threads, settings.device, settings.data_dir, settings.download)
    if options.ray:
        cluster = Cluster(options.ray, whole_node=options.timed)
        return lambda cases: run_on_ray(cases, cluster, worker, settings.timeout_s)
    jobs = 1 if options.timed else options.jobs or max(1, usable_cores() // settings.threads)
    return partial(run_locally, jobs=jobs, make=lambda: Executor(worker, settings.timeout_s))


def _settings(options: argparse.Namespace) -> Settings:
    return Settings(
        axes=("convergence",),
        implementations=options.implementations,
        device=options.device,
        dataset=options.dataset,
        data_dir=None if options.data_dir is None else str(options.data_dir.resolve()),
        download=options.download,
        timeout_s=float(options.timeout),
        threads=options.threads,
    )


def _grid(options: argparse.Namespace) -> Grid:
    return Grid(
        networks=options.networks, seeds=options.seeds, varied=varied(options.set), dataset=options.dataset,
        epochs=options.epochs, device=options.device,
    )  # fmt: skip


def _planned(options: argparse.Namespace) -> tuple[RunFolder, list[Case]]:
    settings = _settings(options)
    cases = _grid(options).cases(chosen_descriptors(settings))
    for name in sorted({case.parameters["dataset"] for case in cases}):
        datasets.load(name, data_dir=options.data_dir, allow_download=settings.download)
    output = options.output or Path("reports") / f"sweep-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    folder = RunFolder.create(output, settings)
    folder.write_plan(cases)
    folder.add_sitting(describe(settings.threads))
    return folder, cases


def _resumed(path: Path) -> tuple[RunFolder, list[Case]]:
    folder = RunFolder.resume(path)
    folder.add_sitting(describe(folder.settings.threads))
    return folder, folder.planned()


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
    return tuple(name for name in text.split(",") if name)


def _above_0(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"got {text!r}, but should be a whole number above 0")
    return int(text)
