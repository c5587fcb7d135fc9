"""Damage done to the files of a checkpoint: each trial is a change of a copy of the folder."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BIT_FLIPS = 200
CUTS = (0.25, 0.5, 0.75, 0.99)
"""Shares of a file that a cut leaves."""
MARKER = "left-by-a-hostile-file"
BOMB_BYTES = 2**26


@dataclass(frozen=True)
class Trial:
    """One damage.

    Attributes:
        kind: one of :data:`benchmarks.checkpoints.damages.KINDS`.
        where: which file, and which place in it.
        inflict: does it to a copy of the folder.
    """

    kind: str
    where: str
    inflict: Callable[[Path], None]


def file_trials(folder: Path, flips: int = BIT_FLIPS) -> Iterator[Trial]:
    """Every trial that needs nothing but the files.

    Args:
        folder: a saved checkpoint; it is only looked at.
        flips: how many bits are flipped, one at a time; every file gets some, the longer ones more.
    """
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    sizes = {file: (folder / file).stat().st_size for file in files}
    for file, place in flip_places(sizes, flips):
        yield Trial("bit_flip", f"{file}, bit {place}", _flip(file, place))
    for file in files:
        for share in CUTS if sizes[file] > 1 else ():
            yield Trial("truncated", f"{file} to {share:.0%}", _cut(file, share))
        yield Trial("empty", str(file), _replace(file, b""))
        yield Trial("removed", str(file), _remove(file))
        for name, content in foreign_contents().items():
            yield Trial("foreign", f"{file} as {name}", _replace(file, content))
        for name, content in hostile_contents().items():
            yield Trial("hostile", f"{file} as {name}", _replace(file, content))
        yield Trial("directory", str(file), _directory(file))
        yield Trial("unreadable", str(file), _bar(file))


def flip_places(sizes: dict[Path, int], flips: int) -> list[tuple[Path, int]]:
    """Files and bits, spread evenly: half of them over the files alike, half over the bytes.

    Args:
        sizes: file -> bytes.
        flips: how many at least; fewer come out only where there are fewer bits.
    """
    counts = {file: 0 for file, size in sizes.items() if size}
    while (left := flips - sum(counts.values())) > 0:
        room = [file for file, count in counts.items() if count < 8 * sizes[file]]
        if not room:
            break
        total = sum(sizes[file] for file in room)
        for file in room:
            share = 0.5 / len(room) + 0.5 * sizes[file] / total
            counts[file] = min(counts[file] + int(np.ceil(left * share)), 8 * sizes[file])
    found = []
    for file, count in counts.items():
        bits = 8 * sizes[file]
        places = np.unique(np.linspace(0, bits - 1, count).astype(np.int64) // 8 * 8 + np.arange(count) % 8)
        found += [(file, int(place)) for place in places]
    return found


def foreign_contents() -> dict[str, bytes]:
    """Files that are whole, and something else."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("readme.txt", "nothing to restore")
    arrays = io.BytesIO()
    np.savez(arrays, unrelated=np.arange(3.0))
    return {"text": b"this is no checkpoint\n" * 20, "zip": packed.getvalue(), "npz": arrays.getvalue()}


class _Touches:
    """Writes a file where it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        """Have the unpickler call ``Path.touch`` in the folder that it works in."""
        return Path.touch, (Path(MARKER),)


def hostile_contents() -> dict[str, bytes]:
    """Files that harm whoever trusts them; the first and the last leave a file of the name :data:`MARKER`."""
    bomb, leaving = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("state.npy", bytes(BOMB_BYTES))
    with zipfile.ZipFile(leaving, "w") as archive:
        archive.writestr(f"../{MARKER}", "outside")
    return {"a pickle": pickle.dumps(_Touches()), "a zip bomb": bomb.getvalue(), "a path outside": leaving.getvalue()}


def _flip(file: Path, place: int) -> Callable[[Path], None]:
    def inflict(copy: Path) -> None:
        content = bytearray((copy / file).read_bytes())
        content[place // 8] ^= 1 << place % 8
        (copy / file).write_bytes(content)

    return inflict


def _cut(file: Path, share: float) -> Callable[[Path], None]:
    def inflict(copy: Path) -> None:
        content = (copy / file).read_bytes()
        (copy / file).write_bytes(content[: min(int(len(content) * share), len(content) - 1)])

    return inflict


def _replace(file: Path, content: bytes) -> Callable[[Path], None]:
    def inflict(copy: Path) -> None:
        (copy / file).write_bytes(content)

    return inflict


def _directory(file: Path) -> Callable[[Path], None]:
    def inflict(copy: Path) -> None:
        (copy / file).unlink()
        (copy / file).mkdir()

    return inflict


def _remove(file: Path) -> Callable[[Path], None]:
    def inflict(copy: Path) -> None:
        (copy / file).unlink()

    return inflict


def _bar(file: Path) -> Callable[[Path], None]:
    def inflict(copy: Path) -> None:
        (copy / file).chmod(0)

    return inflict
