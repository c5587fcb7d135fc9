"""``bn-bench compare RUN_A RUN_B``: what changed between two runs, for people and for CI."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

NO_REGRESSION, REGRESSION, UNFINISHED = 0, 1, 4


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = (
        "exit codes: 0 no regression; 1 a case is slower for certain by more than the margin, on the same machine and "
        "under like conditions (with --relative under any), or has a worse status; 2 usage; 4 no speed was compared, "
        "as run B is unfinished and has none of those that A has"
    )
    parser.add_argument("run_a", metavar="RUN_A", type=Path, help="the run folder of before")
    parser.add_argument("run_b", metavar="RUN_B", type=Path, help="the run folder of after")
    parser.add_argument("--json", action="store_true", help="the same facts as JSON")
    parser.add_argument(
        "--margin", type=_percent, metavar="PCT", help="difference of a step's time that does not matter; default: 3"
    )
    parser.add_argument(
        "--relative", action="store_true",
        help="compare ratios to the baseline within each run also where times could be compared; "
        "on the same machine they decide, whatever ran beside the runs",
    )  # fmt: skip


def _percent(text: str) -> float:
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = 0.0
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"got {text!r}, but should be a percentage above 0, such as 3")
    return value / 100


def act(options: argparse.Namespace) -> int:
    """Compare and print.

    Returns:
        0 no regression, 1 a regression, 4 no speed was compared, as B is unfinished.

    Raises:
        BnBenchError: a folder that cannot be compared.
    """
    from benchmarks.comparison.comparing import compare_runs  # here: SciPy takes a second, and `--help` needs none
    from benchmarks.comparison.plain import plain_values
    from benchmarks.comparison.telling import document
    from benchmarks.report.markdown import write_markdown
    from benchmarks.verdicts.judging import MARGIN
    from bn_impls.isolation.lines import encode

    margin = MARGIN if options.margin is None else options.margin
    comparison = compare_runs(options.run_a, options.run_b, margin=margin, relative=options.relative)
    if options.json:
        print(encode(plain_values(comparison)).decode())
    else:
        print(write_markdown(document(comparison)), end="")
    if comparison.regressions:
        return REGRESSION
    return UNFINISHED if comparison.speeds_lost else NO_REGRESSION
