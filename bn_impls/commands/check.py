"""``bn-bench check``: the conformance kit on one implementation."""

from __future__ import annotations

import argparse
import json

from bn_impls.commands.progress import show
from bn_impls.errors import BadSpecification
from bn_impls.registry import describe

FAILED = 1
FIXED = {"decay": "weight of the old moving value", "epsilon": "added to the variance"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "specification",
        metavar="SPEC",
        help="a name that `bn-bench list` shows, or module:OBJECT: an Implementation, or a class of PyTorch or Keras",
    )
    parser.add_argument("--json", action="store_true", help="a JSON object with the result of every check")
    parser.add_argument("--quick", action="store_true", help="leave out the checks that take longest")
    parser.add_argument(
        "--timeout", type=_seconds, default=60.0, metavar="S", help="deadline of one check in seconds (default: 60)"
    )
    for setting, meaning in FIXED.items():
        parser.add_argument(f"--{setting}", type=_number, metavar="X", help=f"{meaning}, for a class that has it fixed")
    parser.epilog = "exit codes: 0 passed; 1 a check failed; 2 usage"


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number between 0 and 1")
    return value


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds above 0")
    return value


def act(options: argparse.Namespace) -> int:
    """Test, and print what was found.

    Raises:
        BnBenchError: the specification names nothing, or its framework is not installed.
    """
    descriptor = describe(options.specification)
    if (reason := descriptor.missing()) is not None:
        raise BadSpecification(f"{descriptor.name} cannot be tested here: {reason}")
    from bn_impls.conformance import runner, wording

    given = {name: value for name in FIXED if (value := getattr(options, name)) is not None}
    try:
        report = runner.run(
            descriptor,
            quick=options.quick,
            check_s=options.timeout,
            path=runner.importable_from_here(),
            given=given,
            show=show,
        )
    finally:
        show(0, 0, "")
    print(json.dumps(wording.as_json(report), indent=1) if options.json else wording.as_text(report))
    return 0 if report.passed else FAILED
