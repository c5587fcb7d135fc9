"""The binary edition of CIFAR-10: records of a label byte and a red, green and blue plane of 32 x 32.

The format is described at https://www.cs.toronto.edu/~kriz/cifar.html under "Binary version". The python
edition of the same page holds pickles, which are never read here.
"""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path, PurePosixPath

import numpy as np

from benchmarks.datasets.files import readable
from benchmarks.datasets.model import PixelArray
from bn_impls.errors import BadData

FOLDER_NAME = "cifar-10-batches-bin"
ARCHIVE_NAME = "cifar-10-binary.tar.gz"
TRAIN_BATCHES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST_BATCH = "test_batch.bin"
BATCHES = (*TRAIN_BATCHES, TEST_BATCH)

_SIDE, _CHANNELS = 32, 3
_RECORD_BYTES = 1 + _CHANNELS * _SIDE * _SIDE
_LIMIT_BYTES = 64 << 20  # a batch of 10,000 records has 29.3 MiB
_PICKLED_NAMES = ("cifar-10-batches-py", "cifar-10-python.tar.gz", "batches.meta", "data_batch_1")


def find_batches(folder: Path) -> tuple[str, dict[str, bytes]] | None:
    """Read the six batches from a folder, from `FOLDER_NAME` in it, or from `ARCHIVE_NAME` in it.

    Args:
        folder: where to look.

    Returns:
        What they were read from, and the batches by file name; None if the folder holds no CIFAR-10.

    Raises:
        BadData: some batches are missing or unreadable, or there is only the pickled edition.
    """
    for place in (folder / FOLDER_NAME, folder):
        present = [name for name in BATCHES if (place / name).is_file()]
        if present:
            return f"the files of {FOLDER_NAME}", _read_folder(place, present)
    if (folder / ARCHIVE_NAME).is_file():
        return ARCHIVE_NAME, _read_archive(folder / ARCHIVE_NAME)
    for name in _PICKLED_NAMES:
        if (folder / name).exists():
            raise BadData(
                f"{folder / name} is the python edition of CIFAR-10, which is pickled; unpickling a file "
                f"that was handed over could run anything: get the binary edition, {ARCHIVE_NAME}"
            )
    return None


def parse_batch(values: bytes, name: str) -> tuple[PixelArray, PixelArray]:
    """Take a batch apart.

    Args:
        values: the bytes of one ``.bin`` file.
        name: what to call it in messages.

    Returns:
        Images, uint8, (n, 32, 32, 3), and labels, uint8, (n,).

    Raises:
        BadData: the batch is empty or not a whole number of records.
    """
    if not values or len(values) % _RECORD_BYTES:
        raise BadData(
            f"{name} has {len(values)} bytes, but should have a multiple of {_RECORD_BYTES} (a label and 3 "
            "planes of 32 x 32 pixels): the file is cut off or not of the binary edition, get it again"
        )
    records = np.frombuffer(values, np.uint8).reshape(-1, _RECORD_BYTES)
    planes = records[:, 1:].reshape(-1, _CHANNELS, _SIDE, _SIDE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), records[:, 0].copy()


def batches_sha256(batches: dict[str, bytes]) -> dict[str, str]:
    """Hash the batches.

    Args:
        batches: file name -> bytes.

    Returns:
        File name -> sha256, hexadecimal.
    """
    return {name: hashlib.sha256(values).hexdigest() for name, values in batches.items()}


def _read_folder(folder: Path, present: list[str]) -> dict[str, bytes]:
    missing = [name for name in BATCHES if name not in present]
    if missing:
        raise BadData(f"{folder} lacks {', '.join(missing)}, but should hold all of {', '.join(BATCHES)}: add them")
    batches = {}
    for name in BATCHES:
        with readable(folder / name) as stream:
            batches[name] = _limited(stream.read(_LIMIT_BYTES + 1), f"{folder / name}")
    return batches


def _read_archive(path: Path) -> dict[str, bytes]:
    """Read the members in the order in which they come; nothing is written to disk."""
    batches: dict[str, bytes] = {}
    try:
        with readable(path) as unpacked, tarfile.open(fileobj=unpacked, mode="r|") as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                stream = archive.extractfile(member) if name in BATCHES and member.isfile() else None
                if stream is not None:
                    batches[name] = _limited(stream.read(_LIMIT_BYTES + 1), f"{member.name} in {path}")
    except tarfile.TarError as error:
        raise BadData(f"{path} is a damaged archive ({error}), but should be a whole .tar.gz: get it again") from error
    missing = [name for name in BATCHES if name not in batches]
    if missing:
        raise BadData(
            f"{path} lacks {', '.join(missing)}, but should be the whole {ARCHIVE_NAME} of CIFAR-10: get it again"
        )
    return {name: batches[name] for name in BATCHES}


def _limited(values: bytes, name: str) -> bytes:
    if len(values) > _LIMIT_BYTES:
        raise BadData(f"{name} has more than {_LIMIT_BYTES} bytes, but a batch has 30730000: get CIFAR-10 again")
    return values
