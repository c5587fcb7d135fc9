"""``bn-bench explain A B``: why two implementations differ, and how to make them equal."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bn_impls.commands.progress import show
from bn_impls.errors import BadSpecification
from bn_impls.interface import FLOATS, STYLES

if TYPE_CHECKING:
    from bn_impls.explain.question import Question

SAME_OR_EXPLAINED, UNEXPLAINED, FAILED = 0, 1, 3


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = (
        "exit codes: 0 the same, or explained; 1 a difference that nothing explains; 2 usage; 3 a side failed"
    )
    parser.add_argument("a", metavar="A", nargs="?", help="a name of `bn-bench list`, or module:OBJECT")
    parser.add_argument("b", metavar="B", nargs="?", help="the other one")
    parser.add_argument(
        "--all", action="store_true",
        help="every pair of what is installed, in place of A and B: in all usual circumstances (ranks, dtypes, "
        "layouts, 50 steps, ill-conditioned and tiny inputs), or only in those that the other options give",
    )  # fmt: skip
    parser.add_argument(
        "--run", type=Path, metavar="RUN",
        help="with --all: leave the result in a run folder as well, for its report",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="the same facts as JSON")
    parser.add_argument("--shape", type=_shape, default=(32, 8), metavar="NxC", help="of the inputs (default 32x8)")
    parser.add_argument("--channels-first", action="store_true", help="the channels are the second axis, not the last")
    parser.add_argument("--dtype", choices=FLOATS, default="float32", help="(default float32)")
    parser.add_argument("--style", choices=STYLES, help="how both are called (default: each in its users' usual way)")
    parser.add_argument("--steps", type=_steps, default=6, help="training calls (default 6)")
    parser.add_argument("--decay", type=float, default=0.9, help="weight of the old moving value (default 0.9)")
    parser.add_argument("--epsilon", type=float, default=1e-3, help="(default 1e-3)")
    parser.add_argument(
        "--mean", type=float, default=0.0, metavar="M",
        help="mean of the inputs in units of their deviation (default 0); 1000 shows how a variance is computed",
    )  # fmt: skip
    parser.add_argument(
        "--scale", type=float, default=1.0, metavar="S",
        help="factor of the inputs (default 1); at 0.01 most variances are smaller than epsilon",
    )  # fmt: skip
    parser.add_argument(
        "--defaults", action="store_true", help="each API's own epsilon, decay and start values, where it says them"
    )


def _shape(given: str) -> tuple[int, ...]:
    sizes = given.lower().replace(",", "x").split("x")
    if len(sizes) < 2 or not all(size.isdecimal() for size in sizes):
        raise argparse.ArgumentTypeError(f"{given!r} is no shape; write batch and channels as in 32x8 or 8x5x5x4")
    return tuple(int(size) for size in sizes)


def _steps(given: str) -> int:
    if not given.isdigit() or not 1 <= int(given) <= 1000:
        raise argparse.ArgumentTypeError(f"{given!r} is no number of steps from 1 to 1000")
    return int(given)


def act(options: argparse.Namespace) -> int:
    """Explain, print, and say how it went.

    Returns:
        0 the same or explained, 1 a residual that nothing explains, 3 a side failed.

    Raises:
        BnBenchError: no two names, an unknown one, a missing framework, or something that one side does not offer.
    """
    from bn_impls.explain.question import Question

    question = Question(
        shape=options.shape, layout="channels_first" if options.channels_first else "channels_last",
        dtype=options.dtype, decay=options.decay, epsilon=options.epsilon, steps=options.steps, offset=options.mean,
        scale=options.scale, defaults=options.defaults,
    )  # fmt: skip
    question.check()
    if options.all != (options.a is None) or (options.a is None) != (options.b is None):
        raise BadSpecification("got neither two implementations nor --all alone; `bn-bench explain A B` compares two")
    if options.run is not None and not options.all:
        raise BadSpecification("got --run without --all; `bn-bench explain --all --run RUN` explains every pair for it")
    return _every_pair(options, question) if options.all else _one_pair(options, question)


def _one_pair(options: argparse.Namespace, question: Question) -> int:
    from bn_impls.explain.answer import explain
    from bn_impls.explain.asking import SideLost, side
    from bn_impls.explain.rendering import json_ready, text
    from bn_impls.isolation.lines import encode

    try:
        with side(options.a, options.style) as a, side(options.b, options.style) as b:
            answer = explain(question, a, b)
    except SideLost as lost:
        print(f"bn-bench: {lost}", file=sys.stderr)
        return FAILED
    print(encode(json_ready(answer)).decode() if options.json else text(answer))
    return UNEXPLAINED if answer.verdict == "unexplained" else SAME_OR_EXPLAINED


def _every_pair(options: argparse.Namespace, question: Question) -> int:
    from bn_impls.explain.circumstances import USUAL
    from bn_impls.explain.every import FILE, explanations, into_run
    from bn_impls.explain.question import Question
    from bn_impls.explain.rendering import pairs_text, sets_text
    from bn_impls.isolation.lines import encode
    from bn_impls.registry import descriptors

    questions = USUAL if question == Question() else (question,)
    if options.run is None:
        found = explanations(descriptors(), questions, show)
    else:
        found = into_run(options.run, descriptors(), questions, show)
    show(0, 0, "")
    if options.json:
        print(encode({"sets": found}).decode())
    else:
        print(pairs_text(found[0]) if len(found) == 1 else sets_text(found))
    if options.run is not None:
        print(f"{options.run / FILE}: `bn-bench report {options.run}` draws it", file=sys.stderr)
    unexplained = any(row["unexplained"] for entry in found for row in entry["differences"])
    return UNEXPLAINED if unexplained else SAME_OR_EXPLAINED
