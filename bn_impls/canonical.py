"""Our own checkpoint format: one NPZ file with a checksum, written atomically and read without unpickling."""

from __future__ import annotations

import hashlib
import io
import os
import uuid
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from bn_impls.errors import BadCheckpoint, BadState
from bn_impls.interface import Format, Layer, Trainer

Array = npt.NDArray[Any]
FILE = "state.npz"
CHECKSUM = "sha256"
OPTIMIZER = "optimizer/"


def npz_format(export: Callable[[], Mapping[str, Any]], restore: Callable[[Mapping[str, Any]], None]) -> Format:
    """Make a checkpoint format out of an export and a checked import of named arrays.

    Args:
        export: gives the arrays by name.
        restore: takes them, and raises :class:`BadState` if they do not fit.

    Returns:
        The format.
    """

    def save(directory: Path) -> None:
        write(directory / FILE, {name: np.asarray(value) for name, value in export().items()})

    def load(directory: Path) -> None:
        try:
            restore(read(directory / FILE))
        except BadState as error:
            raise BadCheckpoint(f"{directory / FILE}: {error}") from error

    return Format(save, load, lambda directory: sorted(read(directory / FILE)))


def layer_format(layer: Layer) -> Format:
    """The canonical state of any implementation's layer as a checkpoint."""
    return npz_format(lambda: {**layer.export_state()}, layer.import_state)


def trainer_format(trainer: Trainer) -> Format:
    """Weights, statistics and optimizer of any implementation's network, by the names that all of them export."""
    return npz_format(lambda: everything(trainer), lambda arrays: load_everything(trainer, arrays))


def everything(trainer: Trainer) -> dict[str, Array]:
    """All that a trainer remembers: weights, statistics and counters by ``layer/name``, and ``optimizer/name``."""
    return trainer.export_weights() | {f"{OPTIMIZER}{name}": a for name, a in trainer.export_optimizer().items()}


def load_everything(trainer: Trainer, state: Mapping[str, Any]) -> None:
    """Set all of it.

    Raises:
        BadState: names, shapes or kinds of numbers do not fit; the trainer is then to be thrown away.
    """
    trainer.import_weights({name: array for name, array in state.items() if not name.startswith(OPTIMIZER)})
    trainer.import_optimizer(
        {name.removeprefix(OPTIMIZER): array for name, array in state.items() if name.startswith(OPTIMIZER)}
    )


def write(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write named arrays so that ``path`` is at every moment either the old or the new file.

    Raises:
        OSError: the folder cannot be written or the disk is full; an earlier file is untouched.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")  # open() gives it the usual permissions
    try:
        with open(temporary, "xb") as stream:
            entries: dict[str, Any] = {**arrays, CHECKSUM: np.array(checksum(arrays))}
            np.savez(stream, allow_pickle=False, **entries)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read(path: Path) -> dict[str, Array]:
    """Read named arrays and compare their checksum.

    No byte is unpickled, nothing is written anywhere, and no more memory is asked for than the file is long.

    Raises:
        BadCheckpoint: the file is missing, damaged, pickled, compressed, or carries no or another checksum.
    """
    try:
        with open(path, "rb") as stream, zipfile.ZipFile(stream) as archive:
            members = _harmless(archive.infolist(), os.fstat(stream.fileno()).st_size)
            arrays = {name: parse_array(archive.read(member)) for name, member in members.items()}
    except FileNotFoundError as error:
        raise BadCheckpoint(f"{path} does not exist; was the checkpoint saved in another format?") from error
    except Exception as error:  # zipfile and NumPy raise a dozen kinds over damaged bytes; all mean the same
        why = f"{type(error).__name__}: {error}"
        raise BadCheckpoint(f"{path} cannot be read as NPZ without pickles ({why}); save it again") from error
    stored = str(arrays.pop(CHECKSUM, "none"))
    if stored != checksum(arrays):
        raise BadCheckpoint(f"{path} has checksum {checksum(arrays)}, but should have {stored}; it is damaged")
    return arrays


def _harmless(members: list[zipfile.ZipInfo], file_size: int) -> dict[str, zipfile.ZipInfo]:
    """Members by the names of their arrays, refused where a member is no plain array of this file's own size.

    What is stored and not compressed cannot grow when it is read; members that overlap would together be longer than
    the file.
    """
    found: dict[str, zipfile.ZipInfo] = {}
    for member in members:
        name = member.filename.removesuffix(".npy")
        steps = PurePosixPath(member.filename.replace("\\", "/"))
        if name == member.filename or steps.is_absolute() or ".." in steps.parts or name in found:
            raise ValueError(f"the member {member.filename!r} is no array with a name of its own")
        if member.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"the member {member.filename!r} is compressed; this format never is")
        found[name] = member
    if (total := sum(member.file_size for member in found.values())) > file_size:
        raise ValueError(f"its members claim {total} bytes, but the file has {file_size}")
    return found


def parse_array(content: bytes) -> Array:
    """One array in NumPy's format, whose header must describe exactly the bytes that follow.

    Raises:
        ValueError: it does not, or it describes Python objects.
    """
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if header is None:
        raise ValueError(f"an array has the format's version {version}, but should have 1.0 or 2.0")
    shape, _, dtype = header(stream)
    if dtype.hasobject:
        raise ValueError("Object arrays cannot be loaded")
    claimed, left = int(np.prod(shape, dtype=object)) * dtype.itemsize, len(content) - stream.tell()
    if claimed != left:
        raise ValueError(f"an array claims {claimed} bytes, but {left} follow")
    stream.seek(0)
    array: Array = np.lib.format.read_array(stream, allow_pickle=False)
    return array


def checksum(arrays: Mapping[str, Array]) -> str:
    """The sha256 over names, dtypes, shapes and bytes, in order of the names."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
