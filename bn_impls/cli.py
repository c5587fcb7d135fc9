"""The command ``bn-bench``. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from bn_impls.errors import BnBenchError, NeedsCheckout

USAGE, FAILED = 2, 3
DRAWING = ("rich", "jinja2", "matplotlib", "pandas", "scipy")  # modules that a run needs late
OF_THE_WHEEL = {
    "check": ("bn_impls.commands.check", "test an implementation, yours too, and say what is wrong with it"),
    "semantics": ("bn_impls.commands.semantics", "observe what implementations do where they may differ"),
    "explain": ("bn_impls.commands.explain", "say why two implementations differ, and how to make them equal"),
    "vectors": ("bn_impls.commands.vectors", "write the golden vectors: inputs and exact results, for any language"),
    "convert": ("bn_impls.commands.convert", "write one implementation's checkpoint in another's native format"),
    "new": ("bn_impls.commands.new", "write an implementation to start from, with its test"),
}
OF_THE_SUITE = {
    "compare": ("benchmarks.comparison.command", "two runs side by side; 1 on a regression"),
    "sweep": ("benchmarks.sweeps.command", "many training cases, on this machine or on a Ray cluster"),
    "claims": ("benchmarks.claims.command", "re-test what the source documents claim"),
    "calibrate": ("benchmarks.calibration.command", "measure this machine's noise floor and false-alarm rate"),
}
"""Command -> module with ``add_options(parser)`` and ``act(options) -> exit code``, and its help; in a checkout."""
SUITE_INSTALL = "the suite needs its own packages: `pip install -e '.[suite]'` in the repository brings them"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: without the program's name; those of the process if left out.

    Returns:
        0 all accounted for, 1 an implementation disagrees, 2 usage, 3 a case failed, 130 interrupted.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        options = _parser(given).parse_args(given)
        with _ending_as_if_interrupted():
            code = int(options.act(options, given[1:]))
        sys.stdout.flush()  # here, where a reader that has gone is no error
        return code
    except BnBenchError as error:
        print(f"bn-bench: {error}", file=sys.stderr)
        return USAGE
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] in ("bn_impls", "benchmarks"):
            raise  # one of ours, which no installation brings back
        print(f"bn-bench: {error.name} is not installed; {SUITE_INSTALL}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:  # the reader of our output has gone, as `bn-bench list | head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python still wants to write at exit
        return 0
    except KeyboardInterrupt:
        print("bn-bench: interrupted", file=sys.stderr)
        return 130
    except Exception:  # Python would end with 1, which says that an implementation disagrees
        traceback.print_exc()
        print("bn-bench: this should not happen; please report it", file=sys.stderr)
        return FAILED


@contextmanager
def _ending_as_if_interrupted() -> Iterator[None]:
    """SIGTERM, which `timeout` and a cancelled job send, does what Ctrl-C does: what was measured is kept and told."""
    if threading.current_thread() is not threading.main_thread():  # where no signal arrives
        yield
        return

    def interrupt(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # `timeout` sends it twice
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


class _Parser(argparse.ArgumentParser):
    """A parser that says what was probably meant.

    Attributes:
        asked: of the program's parser, the one of the command that was given.
    """

    asked: argparse.ArgumentParser | None = None

    def error(self, message: str) -> NoReturn:
        """End with code 2, under the command's own usage."""
        owner = self.asked or self
        options = re.findall(r"--[a-z-]+", owner.format_usage())
        unknown = re.search(r"unrecognized arguments:.*?(--[\w-]+)", message)
        choice = re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message)
        got, known = ("", [])
        if unknown:
            got, known = unknown[1], options
        elif choice:
            got, known = choice[1], re.findall(r"[\w.-]+", choice[2])
        close = difflib.get_close_matches(got, known, n=2)
        argparse.ArgumentParser.error(owner, f"{message}; did you mean {' or '.join(close)}?" if close else message)


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="bn-bench",
        allow_abbrev=False,
        description="Which batch normalization API should I use, are they the same, and is mine right?",
        epilog="exit codes: 0 all accounted for; 1 an implementation disagrees; 2 usage; 3 a case failed, crashed, "
        "timed out or ran out of memory; 130 interrupted",
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="show the implementations, and why one is not available")
    listing.add_argument("--json", action="store_true", help="a JSON list with the same facts")
    listing.set_defaults(act=_list)
    running = commands.add_parser(
        "run",
        help="measure; writes a run folder with a report (needs a checkout)",
        description="Measure, and write a run folder with a report.",
        allow_abbrev=False,  # pytest, which takes the same options, knows whole names only
    )
    running.set_defaults(act=_run)
    if given[:1] == ["run"]:
        _suite("benchmarks.settings").add_options(running.add_argument)
    for name, (module, summary) in OF_THE_WHEEL.items():
        command = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        if given[:1] == [name]:  # the others' modules are not imported
            found = import_module(module)
            found.add_options(command)
            command.set_defaults(act=lambda options, _, act=found.act: act(options))
    reporting = commands.add_parser("report", help="draw the report of a run folder again (needs a checkout)")
    reporting.add_argument("run", metavar="RUN", type=Path, help="the run folder")
    reporting.set_defaults(act=_report)
    for name, (module, told) in OF_THE_SUITE.items():
        parser_of_it = commands.add_parser(name, help=f"{told} (needs a checkout)", description=f"{told.capitalize()}.")
        if given[:1] == [name]:
            found = _suite(module)
            found.add_options(parser_of_it)
            parser_of_it.set_defaults(act=lambda options, _, act=found.act: act(options))
    parser.asked = commands.choices.get(given[0]) if given else None
    return parser


def _version() -> str:
    try:
        return f"bn-bench {metadata.version('bn-bench')}"
    except metadata.PackageNotFoundError:
        return "bn-bench, not installed"


def _suite(module: str) -> Any:
    """Import a module of the suite from the checkout that this package or the current folder lies in."""
    here = Path(__file__).resolve().parents[1]
    for folder in (here, Path.cwd(), *Path.cwd().parents):
        if (folder / "benchmarks" / "cases.py").is_file():
            if str(folder) not in sys.path:
                sys.path.insert(0, str(folder))
            return import_module(module)
    raise NeedsCheckout(
        "this command is part of the suite, which is not in the installed wheel; clone the repository, "
        "`pip install -e '.[suite]'` in it, and call the command there"
    )


def _list(options: argparse.Namespace, _: Sequence[str]) -> int:
    from bn_impls.registry import descriptors

    rows = []
    for found in descriptors().values():
        reason = found.missing()
        rows.append(
            {
                "name": found.name,
                "framework": found.framework,
                "summary": found.summary,
                "available": reason is None,
                "reason": reason,
            }
        )
    if options.json:
        print(json.dumps(rows, indent=1))
        return 0
    width = max(len(str(row["name"])) for row in rows)
    frame = max(len(str(row["framework"])) for row in rows)
    for row in rows:
        print(f"{row['name']:{width}}  {row['framework']:{frame}}  {row['summary']}")
        if not row["available"]:
            print(f"{'':{width}}  not available: {row['reason']}")
    return 0


def _run(options: argparse.Namespace, given: Sequence[str]) -> int:
    for module in DRAWING:  # now, and not when all is measured
        if find_spec(module) is None:
            raise ModuleNotFoundError(name=module)
    return int(_suite("benchmarks.harness.front").run(options, list(given)))


def _report(options: argparse.Namespace, _: Sequence[str]) -> int:
    paths = _suite("benchmarks.report").draw(options.run)
    for path in (paths.page, paths.markdown, paths.table):
        print(path)
    for line in paths.damage:
        print(f"bn-bench: damaged: {line}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
