"""From one implementation's checkpoint to another's: a process for each, and a check by the second's own restore."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bn_impls import canonical
from bn_impls.accuracy.errors import distance, over
from bn_impls.accuracy.network_bounds import inference_bounds
from bn_impls.conversion import converted_weights
from bn_impls.converting import manifest as manifests
from bn_impls.converting.manifest import Manifest
from bn_impls.converting.worker import LOGITS, probes
from bn_impls.errors import BadCheckpoint, BadConfiguration
from bn_impls.interface import Array, Conventions
from bn_impls.isolation.process import WorkerLost, WorkerProcess
from bn_impls.isolation.variables import environment
from bn_impls.registry import Descriptor, describe, descriptors

START_S, ANSWER_S = 180.0, 300.0
BOTH = 2  # sides, each of which may be off by the bound
Arrays = Mapping[str, Array]


@dataclass(frozen=True, kw_only=True)
class Converted:
    """What a conversion came to.

    Attributes:
        source: manifest of the checkpoint that was read.
        target: of the one that was written.
        conventions: of source and target.
        rescaled: whether the moving variances were converted to the target's ddof.
        lost: name of an array -> its value before and after, of what the target's own restore did not bring back; None
            where it brought back nothing of that name.
        arrays: how many arrays were written.
        difference: largest one of a logit, after the target's own restore.
        over_bound: the same over what rounding explains; above 1 something is wrong.
    """

    source: Manifest
    target: Manifest
    conventions: tuple[Conventions, Conventions]
    rescaled: bool
    lost: Mapping[str, tuple[Array, Array | None]]
    arrays: int
    difference: float
    over_bound: float


def convert(
    directory: Path, to: str, output: Path, *, format_name: str | None, rescale: bool, source: str | None = None
) -> Converted:
    """Convert a checkpoint.

    Args:
        directory: the checkpoint, with its manifest.
        to: the implementation that is to read the result: a name or ``module:OBJECT``.
        output: an empty or a new folder.
        format_name: one of the target's formats; None for its usual one.
        rescale: convert the moving variances to the target's ddof, as if it had trained.
        source: whose checkpoint the user says it is; None to take the manifest's word. Only with it is the code of a
            ``module:OBJECT`` imported.

    Returns:
        What it came to.

    Raises:
        BnBenchError: an unknown name, a missing framework, a checkpoint that its own implementation refuses, or a
            network that the target cannot hold.
    """
    read = manifests.read(directory)
    origin, target = _confirmed(read.implementation, source), _available(to)
    output = _free(output, directory)
    style = read.style if read.style in target.trainer_styles else target.trainer_styles[0]
    written = replace(read, implementation=to, style=style, format=format_name or target.formats[0])
    with tempfile.TemporaryDirectory(prefix="bn-convert-") as folder:
        scratch = Path(folder)
        given, back = scratch / "given.npz", scratch / "back.npz"
        with _worker(origin, scratch / "source.log") as process:
            request = {"manifest": read.as_json(), "directory": str(directory.resolve()), "path": str(given)}
            from_source = _ask(process, origin, {"do": "read", **request})
        arrays = canonical.read(given)
        logits = arrays.pop(LOGITS)
        with _worker(target, scratch / "target.log") as process:
            answer = _ask(process, target, {"do": "formats", "manifest": written.as_json()})
            conventions = Conventions(**from_source["conventions"]), Conventions(**answer["conventions"])
            if rescale:
                settings = written.settings(conventions[1])
                arrays = converted_weights(settings, arrays, *conventions)
            canonical.write(given, arrays)
            with _whole_or_nothing(output) as part:
                request = {"manifest": written.as_json(), "directory": str(part), "given": str(given),
                           "path": str(back)}  # fmt: skip
                _ask(process, target, {"do": "write", **request})
                manifests.write(part, written)
        return _compared(read, written, conventions, rescale, arrays, logits, canonical.read(back))


def _confirmed(named: str, source: str | None) -> Descriptor:
    """The implementation that a manifest names: a registered one, or code that the user named too.

    A manifest comes with the checkpoint, from whomever; by itself it must not choose what is imported.
    """
    if source not in (None, named):
        raise BadConfiguration(f"got --from {source}, but the manifest says {named}; leave --from out or correct it")
    if source is None and named not in descriptors():
        raise BadCheckpoint(
            f"the manifest names {named!r}, which is none of `bn-bench list`; a checkpoint does not choose what code "
            f"runs here: if you know and trust it, add --from {named}"
        )
    return _available(named)


def _free(output: Path, directory: Path) -> Path:
    """Where the result goes, resolved."""
    output, checkpoint = output.resolve(), directory.resolve()
    if checkpoint == output or checkpoint in output.parents:
        raise BadConfiguration(f"{output} lies in the checkpoint that is read, {checkpoint}; give another --output")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise BadConfiguration(f"{output} is not empty; give another --output")
    return output


@contextmanager
def _whole_or_nothing(output: Path) -> Iterator[Path]:
    """A folder beside ``output`` to write to, which becomes it at the end; after an error it is gone."""
    part = output.with_name(f".{output.name}.{uuid.uuid4().hex}.part")
    try:
        part.mkdir(parents=True)
        yield part
        if output.exists():  # empty, and perhaps where the user stands: it stays that folder
            for entry in part.iterdir():
                entry.rename(output / entry.name)
        else:
            part.rename(output)
    except OSError as error:
        raise BadConfiguration(f"{output} cannot be written ({error.strerror}); give another --output") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _compared(
    read: Manifest, written: Manifest, conventions: tuple[Conventions, Conventions], rescale: bool, arrays: Arrays,
    logits: Array, back: dict[str, Array],
) -> Converted:  # fmt: skip
    settings = written.settings(conventions[1])
    expected, bound = inference_bounds(settings, arrays, probes(written), "plain")
    restored = back.pop(LOGITS)
    own = expected if rescale else logits  # another variance gives other logits, on purpose
    gap = distance(restored, own)
    lost = {name: (array, back.get(name)) for name, array in arrays.items() if not _same(array, back.get(name))}
    return Converted(
        source=read, target=written, conventions=conventions,
        rescaled=rescale and conventions[0].ddof != conventions[1].ddof,
        lost=lost, arrays=len(arrays),
        difference=float(gap.max(initial=0.0)), over_bound=float(np.max(over(gap, BOTH * bound), initial=0.0)),
    )  # fmt: skip


def _same(before: Array, after: Array | None) -> bool:
    """Whether an array came back, NaN for NaN."""
    return after is not None and np.array_equal(after, before.astype(after.dtype), equal_nan=True)


def _available(specification: str) -> Descriptor:
    descriptor = describe(specification)
    if (reason := descriptor.missing()) is not None:
        raise BadConfiguration(f"{specification} cannot run here: {reason}")
    return descriptor


@contextmanager
def _worker(descriptor: Descriptor, log: Path) -> Iterator[WorkerProcess]:
    variables = environment(1, "cpu", descriptor.environment)
    given = {"specification": descriptor.name}
    process = WorkerProcess("bn_impls.converting.worker", given, variables, log)
    try:
        try:
            process.started(START_S)
        except WorkerLost as lost:
            raise BadConfiguration(f"{descriptor.name} does not start: {lost.reason}") from lost
        yield process
    finally:
        process.close()


def _ask(process: WorkerProcess, descriptor: Descriptor, request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        reply = process.ask(request, ANSWER_S)
    except WorkerLost as lost:
        raise BadCheckpoint(f"{descriptor.name} {lost.status}: {lost.reason}") from lost
    if reply["status"] != "ok":
        raise BadCheckpoint(f"{descriptor.name} refused it: {reply['reason']}")
    return reply
