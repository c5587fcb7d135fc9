"""``bn-bench claims``: run what the claims need, judge them, say what came out."""

from __future__ import annotations

import argparse
import datetime
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.cases import Case
from benchmarks.claims import data_options, running, verdicts
from benchmarks.claims.cases import DATASET
from benchmarks.claims.catalogue import chosen
from benchmarks.claims.model import Claim, Size
from benchmarks.harness.environment import describe
from benchmarks.harness.folder import RunFolder
from benchmarks.harness.progress import display_for
from benchmarks.harness.session import exit_code
from benchmarks.harness.workers import CHECKOUT
from benchmarks.settings import Settings
from benchmarks.stored_arrays import Unreadable, stored_content
from bn_impls.errors import BadConfiguration, BadRunFolder, UnknownName

COMMAND = "claims"
THREADS = 1  # of a worker: as many workers as cores compute side by side
TIMEOUT_S = 900.0
TIMES_LARGER = 14
"""The complete MNIST has so many times the digits of the default, and an epoch of it takes as much longer."""
PIPED_COLUMNS = 120


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which claims, how much, and where to."""
    add = parser.add_argument
    add("ids", nargs="*", metavar="ID", help="claims, such as C01 C28; default: all")
    add("--list", action="store_true", help="show the claims with their documents, and run nothing")
    add("--quick", action="store_true", help="few seeds and epochs, in 5 minutes; may say undecided")
    data_options.add_to(add)
    add("--output", type=Path, metavar="DIR", help="run folder to write; default: reports/claims-DATE")
    add("--resume", type=Path, metavar="DIR", help="finish a run in its own size; claims that are named join it")
    add("--json", action="store_true", help="print claims.json, or with --list the claims, as JSON")


def act(options: argparse.Namespace) -> int:
    """Run, judge, print.

    Returns:
        0 if every case is accounted for, whatever the verdicts; 3 if one failed; 130 if interrupted.

    Raises:
        UnknownName: there is no such claim.
        BadConfiguration: options contradict each other.
        BadRunFolder: the folder cannot be used.
    """
    if options.list:
        _list(chosen(options.ids), options.json)
        return 0
    if options.resume and (options.quick or options.output):
        raise BadConfiguration("got --resume with --quick or --output, but should not: the folder has its own")
    folder, asked = opened(options)
    say, size = Console(stderr=True), _size(folder.settings)
    cases = running.plan(asked, size, folder.settings.dataset)
    try:
        folder.write_plan(cases)
        folder.add_sitting(describe(THREADS))
        running.run(folder, cases, display_for(say))
        content = verdicts.write(folder, asked, size)
    except KeyboardInterrupt:
        again = shlex.join(["bn-bench", "claims", "--resume", str(folder.path)])
        say.print(f"interrupted; what was measured is kept: {again}", markup=False, soft_wrap=True)
        return 130
    finally:
        folder.close()
    page = _report(folder.path)
    _tell(content, options.json)
    _troubles(cases, folder.records(), say)
    say.print(f"report: {page}", markup=False, soft_wrap=True)
    return exit_code(cases, folder.records())


def opened(options: argparse.Namespace) -> tuple[RunFolder, list[Claim]]:
    """The run folder, and the claims that it is for."""
    if not options.resume:
        asked = chosen(options.ids)
        settings = _settings(options, asked)
        data_options.refuse_unusable(options, settings, running.plan(asked, _size(settings), settings.dataset))
        output = options.output or CHECKOUT / "reports" / f"claims-{datetime.datetime.now():%Y%m%d-%H%M%S}"
        folder = RunFolder.create(output, settings)
        folder.write_json(verdicts.FILE, {"schema": verdicts.SCHEMA, "chosen": [claim.id for claim in asked]})
        return folder, asked
    folder = RunFolder.resume(options.resume, COMMAND)
    try:
        data_options.refuse_others(folder.settings, options)
        _refuse_without_arrays(folder)
        content, ids = _kept(folder)
        asked = chosen([*ids, *options.ids])
        folder.write_json(verdicts.FILE, {**content, "chosen": [claim.id for claim in asked]})
    except (BadConfiguration, BadRunFolder, UnknownName):
        folder.close()
        raise
    return folder, asked


def _refuse_without_arrays(folder: RunFolder) -> None:
    """Judging again needs every array that the records name; without one, verdicts that stand would be lost."""
    named = [record["samples"] for record in folder.records().values() if "file" in record["samples"]]
    troubles = [trouble for samples in named if (trouble := _trouble(folder.path, samples))]
    if troubles:
        raise BadRunFolder(
            f"{folder.path} lacks {len(troubles)} of the {len(named)} array files that its records name "
            f"({troubles[0]}), but should have all to be judged again; put them back, or read what stands there with "
            f"{shlex.join(['bn-bench', 'report', str(folder.path)])}"
        )


def _trouble(folder: Path, samples: Mapping[str, Any]) -> str:
    try:
        stored_content(folder, samples)
    except Unreadable as error:
        return str(error)
    return ""


def _settings(options: argparse.Namespace, asked: Sequence[Claim]) -> Settings:
    usual = options.dataset in (None, DATASET)
    return Settings(
        axes=("claims",),
        size="quick" if options.quick else "full",
        implementations=tuple(dict.fromkeys(case.implementation for case in running.plan(asked, "full"))),
        timeout_s=TIMEOUT_S if usual else TIMEOUT_S * TIMES_LARGER,
        threads=THREADS,
        command=COMMAND,
        **data_options.given(options),
    )


def _kept(folder: RunFolder) -> tuple[Mapping[str, Any], list[str]]:
    """What ``claims.json`` holds, and the claims of the run: those that were chosen, or judged once it has finished.

    Where the file cannot be read, they are those whose cases are all planned.

    Raises:
        BadRunFolder: nor can they be told from the plan.
    """
    try:
        content = verdicts.read(folder.path)
        return content, [str(one) for one in content.get("chosen") or [entry["id"] for entry in content["claims"]]]
    except (BadRunFolder, KeyError, TypeError) as error:
        planned, settings = {case.case_id for case in folder.planned()}, folder.settings
        found = [
            claim.id
            for claim in chosen([])
            if planned.issuperset(case.case_id for case in running.cases_of(claim, _size(settings), settings.dataset))
        ]
        if not found:
            raise BadRunFolder(
                f"{folder.path} has neither a {verdicts.FILE} that can be read ({error}) nor the whole plan of a "
                "claim; begin another run"
            ) from error
        return {"schema": verdicts.SCHEMA}, found


def _size(settings: Settings) -> Size:
    return "quick" if settings.size == "quick" else "full"


def _report(folder: Path) -> Path:
    from benchmarks.report import draw

    return draw(folder).page


def _list(found: Sequence[Claim], as_json: bool) -> None:
    if as_json:
        fields = ("id", "documents", "statement", "experiment", "rule")
        print(json.dumps([{name: getattr(claim, name) for name in fields} for claim in found], indent=1))
        return
    _table(("id", "documents", "claim"), [(claim.id, ", ".join(claim.documents), claim.statement) for claim in found])


def _tell(content: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(content, indent=1))
        return
    rows = [
        (entry["id"], entry["statement"], _verdict(entry), entry["sentence"])
        for entry in content["claims"]
    ]  # fmt: skip
    _table(("id", "claim", "verdict", "what was found"), rows)


def _verdict(entry: Mapping[str, Any]) -> str:
    return f"{entry['kind']}: {entry['on']}" if entry["on"] else str(entry["kind"])


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(box=None, pad_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console(markup=False, highlight=False)
    (console if console.is_terminal else Console(width=PIPED_COLUMNS, markup=False)).print(table)


def _troubles(cases: Sequence[Case], records: Mapping[str, Mapping[str, Any]], say: Console) -> None:
    for case in cases:
        record = records.get(case.case_id)
        if record is None or record["status"] != "ok":
            told = "without a record" if record is None else f"{record['status']}: {record['reason']}"
            say.print(f"  {case.case_id}: {told}", markup=False, soft_wrap=True)
