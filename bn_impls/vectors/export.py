"""Writing the set: all of it, or nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from bn_impls.errors import BnBenchError
from bn_impls.vectors.files import HASHES, contents
from bn_impls.vectors.verify import unlisted


class CannotExport(BnBenchError):
    """The folder cannot be written, or holds something else."""


def export(folder: Path, *, force: bool) -> int:
    """Write the golden vectors beside their place, then put them there in one move.

    Args:
        folder: where they go; it may be missing or empty.
        force: whether a set that lies there is replaced. Nothing but a set is ever replaced.

    Returns:
        How many bytes were written.

    Raises:
        CannotExport: the folder holds something, or cannot be written; whatever was there is as it was.
    """
    _refuse_what_is_there(folder, force=force)
    made = contents()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        for path, data in made.items():
            target = beside / path
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(data)
        beside.chmod(0o777 & ~_umask())  # a temporary folder is its owner's alone
        _put(beside, folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return sum(map(len, made.values()))


def _refuse_what_is_there(folder: Path, *, force: bool) -> None:
    if not folder.exists() and not folder.is_symlink():
        return
    if not folder.is_dir():
        raise CannotExport(f"{folder} is a file, but should be a folder, missing or empty; choose another name")
    try:
        held = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise _unwritable(folder, error) from error
    if not held:
        return
    if HASHES not in held:
        raise CannotExport(f"{folder} holds {held[0]}, but should be missing or empty; choose another folder")
    if not force:
        raise CannotExport(f"{folder} holds an earlier set, but should be missing or empty; --force replaces it")
    if foreign := unlisted(folder):
        raise CannotExport(f"{folder} holds {foreign[0]}, which is not of the set; move it away before --force")


def _put(beside: Path, folder: Path) -> None:
    """Move the new set to its place; an older one is moved out of the way first and comes back if that fails."""
    if folder.is_symlink():
        folder = folder.resolve()
    if not folder.exists():
        os.rename(beside, folder)
        return
    old = beside.with_name(f"{beside.name}.old")
    os.rename(folder, old)
    try:
        os.rename(beside, folder)
    except OSError:
        os.rename(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _unwritable(folder: Path, error: OSError) -> CannotExport:
    return CannotExport(f"{folder} cannot be written: {error.strerror or error}; nothing was left there")
