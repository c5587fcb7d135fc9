"""Checkpoints of a layer: everything comes back in a new layer, and what cannot be read is refused."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from bn_impls.accuracy.errors import distance, ulp
from bn_impls.conformance.calls import Call, Quantities, exported, played
from bn_impls.conformance.model import Check, Failure, NotOffered
from bn_impls.conformance.subject import Subject, calls, drawn_state
from bn_impls.errors import BadCheckpoint
from bn_impls.interface import Array, Layer
from bn_impls.state import CHANNEL_ARRAYS

WORDS = {
    "gamma": "gamma",
    "beta": "beta",
    "moving_mean": "the moving mean",
    "moving_variance": "the moving variance",
    "num_updates": "the step counter num_updates",
}
ROUNDED = "checkpoint_rounded"
ROUNDINGS = 16  # ulps; a value that is saved as a sum and divided again is off by two or three


def _trained(subject: Subject, seed: int) -> Layer:
    layer = subject.build()
    layer.import_state(drawn_state(layer.configuration, np.random.default_rng(seed), 5))
    for call in calls(layer.configuration, "training", "training", seed=seed):
        played(layer, call, load=False)
    return layer


def _formats(subject: Subject) -> list[str]:
    names = list(subject.build().formats)
    if not names:
        raise NotOffered("the layer has no checkpoint format")
    return names


def _comes_back(subject: Subject) -> Failure | None:
    return _worst(wrong for name in _formats(subject) for wrong in _restored(subject, name))


def _worst(found: Iterable[Failure]) -> Failure | None:
    """Of several, the one that no documented lesser one may hide: a wrong value, then a lost one, then a rounding."""
    return max(found, key=lambda wrong: (wrong.cause.endswith("_changed"), wrong.cause != ROUNDED), default=None)


def _folder(subject: Subject, name: str) -> Path:
    return Path(tempfile.mkdtemp(prefix=name, dir=subject.scratch))


def _restored(subject: Subject, format_name: str) -> Iterator[Failure]:
    saved, folder = _trained(subject, 130), _folder(subject, format_name)
    expected = exported(saved)
    saved.formats[format_name].save(folder)
    fresh = subject.build()
    start = exported(fresh)
    fresh.formats[format_name].restore(folder)
    found = exported(fresh)
    lost = [name for name in CHANNEL_ARRAYS if not np.array_equal(found[name], expected[name])]
    if lost:
        yield _lost(format_name, lost, found, start, expected)
    if any(not np.array_equal(expected[name], array) for name, array in exported(saved).items()):
        yield Failure(message=f"saving in the format {format_name} changed the layer", got="changed",
                      expected="unchanged", cause="saving_changes")  # fmt: skip
    if not all(_rounded(found[name], expected[name]) for name in lost):
        return  # the next call cannot be right
    if not np.array_equal(found["num_updates"], expected["num_updates"]):
        return  # another check's business; the next update may depend on it
    for call in calls(fresh.configuration, "inference", "training", seed=131):
        one, other = played(saved, call, load=False), played(fresh, call, load=False)
        if differing := [name for name, array in one.items() if not np.array_equal(array, other[name])]:
            yield _differs(format_name, call, differing, one, other)


def _differs(format_name: str, call: Call, names: list[str], one: Quantities, other: Quantities) -> Failure:
    """The next call of the restored layer, the other one, gives something else."""
    rounded = all(_rounded(other[name], one[name]) for name in names)
    name = names[0]
    return Failure(
        message=f"after restoring the format {format_name}, {name} of the next call ({call.kind}) is "
        f"{'rounded otherwise' if rounded else 'another'}: a copy, a hidden sum or a hidden counter was not restored",
        got=f"{float(other[name].flat[0]):.17g}", expected=f"{float(one[name].flat[0]):.17g}",
        cause=ROUNDED if rounded else "hidden_state_lost",
    )  # fmt: skip


def _counter(subject: Subject) -> Failure | None:
    return _worst(wrong for name in _formats(subject) for wrong in _counted(subject, name))


def _counted(subject: Subject, format_name: str) -> Iterator[Failure]:
    saved, folder, fresh = _trained(subject, 133), _folder(subject, format_name), subject.build()
    saved.formats[format_name].save(folder)
    start, expected = exported(fresh), exported(saved)
    fresh.formats[format_name].restore(folder)
    found = exported(fresh)
    if not np.array_equal(found["num_updates"], expected["num_updates"]):
        yield _lost(format_name, ["num_updates"], found, start, expected)


def _lost(
    format_name: str,
    lost: list[str],
    found: dict[str, Array],
    start: dict[str, Array],
    expected: dict[str, Array],
) -> Failure:
    name = lost[0]
    initial = all(np.array_equal(found[one], start[one]) for one in lost)
    verb = "comes" if len(lost) == 1 else "come"
    how = f"{verb} back as in a new layer" if initial else f"{verb} back changed"
    cause = "checkpoint_counter" if lost == ["num_updates"] else "checkpoint_statistics"
    if any(one in ("gamma", "beta") for one in lost):
        cause = "checkpoint_parameters"
    if not initial:
        cause = f"{cause}_changed"
    if all(_rounded(found[one], expected[one]) for one in lost):
        how, cause = f"{verb} back rounded", ROUNDED
    return Failure(
        message=f"in the format {format_name}, {' and '.join(WORDS[one] for one in lost)} {how}: it should be "
        "saved, and set when restoring",
        got=str(found[name].tolist()), expected=str(expected[name].tolist()), cause=cause,
    )  # fmt: skip


def _rounded(found: Array, expected: Array) -> bool:
    """Whether nothing but the last digits differs; a count has none."""
    if not np.issubdtype(expected.dtype, np.inexact):
        return False
    allowed = ROUNDINGS * ulp(np.abs(expected).max(initial=0.0), expected.dtype.name)
    return bool(np.all(distance(found, expected) <= allowed))


def _refuses(damage: Callable[[Path], None], what: str) -> Callable[[Subject], Failure | None]:
    def run(subject: Subject) -> Failure | None:
        for name in _formats(subject):
            folder = _folder(subject, name)
            _trained(subject, 132).formats[name].save(folder)
            damage(folder)
            try:
                subject.build().formats[name].restore(folder)
            except BadCheckpoint:
                continue
            except Exception as error:  # any other kind is what this check is about
                got = f"{type(error).__name__}: {error}"[:200]
            else:
                got = "no error"
            return Failure(
                message=f"restoring {what} in the format {name} gave {got}; it should raise BadCheckpoint, so that "
                "nobody goes on with a layer that is not restored",
                got=got, expected="BadCheckpoint", cause="bad_checkpoint_accepted",
            )  # fmt: skip
        return None

    return run


def _remove_all(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def _cut(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


CHECKS = (
    Check("checkpoint", "a checkpoint brings everything back in a new layer", _comes_back),
    Check("checkpoint_counter", "a checkpoint brings the count of updates back", _counter),
    Check("missing_checkpoint", "an empty folder is refused", _refuses(_remove_all, "an empty folder")),
    Check("damaged_checkpoint", "files cut in half are refused", _refuses(_cut, "files cut in half")),
)
