"""``bn-bench convert``: a checkpoint of one implementation, in the native format of another."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bn_impls.errors import BadCheckpoint

if TYPE_CHECKING:
    from bn_impls.converting.conversion import Converted

DONE, WRONG = 0, 1
CHECKPOINTS = "checkpoints"
AVERAGES = {"warm_up": "warms its decay up", "debias": "debiases its averages"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = "exit codes: 0 converted; 1 converted, but inference differs by more than rounding; 2 refused"
    parser.add_argument("checkpoint", metavar="RUN_OR_CHECKPOINT", type=Path,
                        help="a checkpoint's folder with its bn-bench.json, or a run folder")  # fmt: skip
    parser.add_argument("--to", required=True, metavar="NAME", help="the implementation that is to read the result")
    parser.add_argument(
        "--from", dest="source", metavar="NAME",
        help="whose checkpoint it is: one of a run folder's, or a module:OBJECT whose code may run here",
    )  # fmt: skip
    parser.add_argument("--format", metavar="FORMAT", help="one of the target's formats (default: its usual one)")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: ./CHECKPOINT-as-NAME")
    parser.add_argument(
        "--rescale-variance", action="store_true",
        help="convert the moving variances to the target's ddof, as if it had trained; inference then changes",
    )  # fmt: skip


def act(options: argparse.Namespace) -> int:
    """Convert, say what was converted and what is lost.

    Returns:
        0 converted, 1 converted but inference is further off than rounding explains.

    Raises:
        BnBenchError: what cannot be converted, and why.
    """
    from bn_impls.converting.conversion import convert

    directory = checkpoint_in(options.checkpoint, options.source)
    output = options.output or _beside(directory, f"{directory.resolve().name}-as-{_folder(options.to)}")
    found = convert(
        directory, options.to, output,
        format_name=options.format, rescale=options.rescale_variance, source=options.source,
    )  # fmt: skip
    print("\n".join(told(found, directory, output)))
    return DONE if found.over_bound <= 1 else WRONG


def _beside(directory: Path, name: str) -> Path:
    """A folder where the user stands; beside the checkpoint if that is in it."""
    inside = directory.resolve() in (Path.cwd(), *Path.cwd().parents)
    return directory.resolve().with_name(name) if inside else Path(name)


def _folder(specification: str) -> str:
    """The name of an implementation's folder."""
    return specification.replace(":", "-")


def checkpoint_in(path: Path, source: str | None) -> Path:
    """The checkpoint that a path and a name mean.

    Raises:
        BadCheckpoint: there is none, or more than one.
    """
    kept = path / CHECKPOINTS
    if not kept.is_dir():
        if not path.is_dir():
            raise BadCheckpoint(f"{path} is no folder; give a checkpoint's folder, or a run folder")
        return path
    names = sorted(folder.name for folder in kept.iterdir() if folder.is_dir())
    if source is None and len(names) == 1:
        return kept / names[0]
    if source is None or _folder(source) not in names:
        got = "no --from" if source is None else f"--from {source}"
        known = ", ".join(names) or "nobody"
        raise BadCheckpoint(f"got {got}, but {path} has checkpoints of {known}; name one of them")
    return kept / _folder(source)


def told(found: Converted, directory: Path, output: Path) -> Iterator[str]:
    """What was converted, what goes on otherwise, and what is lost, in lines."""
    source, target = found.source, found.target
    yield f"{directory} ({source.implementation}, {source.format})"
    yield f"-> {output} ({target.implementation}, {target.format}): {found.arrays} arrays"
    for line in (*_of_conventions(found), *_of_losses(found)):
        yield f"  {line}"
    verdict = "within rounding" if found.over_bound <= 1 else "MORE THAN ROUNDING EXPLAINS"
    yield (
        f"checked: restored by {target.implementation} itself, inference is {found.difference:.3g} off "
        f"({found.over_bound:.2g} of the bound): {verdict}"
    )


def _of_conventions(found: Converted) -> Iterator[str]:
    a, b = found.source.implementation, found.target.implementation
    own, other = found.conventions
    if found.rescaled:
        yield f"moving variance: converted from ddof {own.ddof} ({a}) to {other.ddof} ({b}), so inference changes"
    elif own.ddof != other.ddof:
        yield (
            f"moving variance: kept as it is, so inference is the same; {b} goes on with ddof {other.ddof}, {a} had "
            f"{own.ddof} (--rescale-variance converts)"
        )
    for field, words in AVERAGES.items():
        if getattr(own, field) != getattr(other, field):
            one, another = (a, b) if getattr(own, field) else (b, a)
            yield f"training on: {one} {words}, {another} does not"
    if own.decay_in_float32 != other.decay_in_float32:
        yield f"training on: {a if own.decay_in_float32 else b} rounds its decay to float32"


def _of_losses(found: Converted) -> Iterator[str]:
    source, target = found.source.implementation, found.target.implementation
    for name, (before, after) in found.lost.items():
        if name.endswith("num_updates"):
            now = "gone" if after is None else str(int(after))
            yield f"lost: {name} was {int(before)}, and is {now} after {target}'s own restore"
        elif after is None:
            yield f"lost: {name} is gone after {target}'s own restore"
        else:
            yield f"not restored bit by bit by {target}: {name}"
    if not found.lost:
        yield f"of what {source} restored, all {found.arrays} arrays came back bit by bit"
