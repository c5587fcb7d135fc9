"""Tiny data sets in the real formats, and a server on this machine to download them from."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks.datasets.cifar_files import BATCHES
from benchmarks.datasets.download import Remote
from benchmarks.datasets.editions import Edition
from benchmarks.datasets.raw import find_cifar10, find_mnist

Pixels = npt.NDArray[np.uint8]


def idx_file(array: Pixels) -> bytes:
    """Serialize uint8 as IDX, written out independently of the reader under test."""
    header = b"\x00\x00\x08" + bytes([array.ndim]) + b"".join(struct.pack(">I", size) for size in array.shape)
    return header + array.tobytes()


@dataclass
class TinyMnist:
    """Twenty training and ten test images of 4 x 4 pixels, as arrays and as an edition that expects them."""

    arrays: dict[str, Pixels]
    edition: Edition

    def write(self, folder: Path, compress: bool = False) -> None:
        """Write the four IDX files."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in self.arrays.items():
            content = idx_file(array)
            path = folder / (f"{name}.gz" if compress else name)
            path.write_bytes(gzip.compress(content) if compress else content)

    def write_npz(self, path: Path) -> None:
        """Write the NPZ edition."""
        keys = ("x_train", "y_train", "x_test", "y_test")
        np.savez(path, **dict(zip(keys, self.arrays.values(), strict=True)))  # type: ignore[arg-type]


@pytest.fixture
def tiny_mnist() -> TinyMnist:
    """A data set of MNIST's format whose pixel values count up."""
    arrays = {
        "train-images-idx3-ubyte": (np.arange(20 * 16) % 256).astype(np.uint8).reshape(20, 4, 4),
        "train-labels-idx1-ubyte": (np.arange(20) % 10).astype(np.uint8),
        "t10k-images-idx3-ubyte": np.full((10, 4, 4), 255, np.uint8),
        "t10k-labels-idx1-ubyte": np.arange(10, dtype=np.uint8),
    }
    files = {name: idx_file(array) for name, array in arrays.items()}
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    remotes = tuple(Remote(name, sums[name], len(content)) for name, content in files.items())
    edition = Edition("tiny", "Tiny", "none", sums, 5, find_mnist, "the files", "http://invalid/", remotes)
    return TinyMnist(arrays, edition)


@dataclass
class TinyCifar:
    """Two records a batch, as files and as an edition that expects them."""

    batches: dict[str, bytes]
    edition: Edition

    def write(self, folder: Path) -> None:
        """Write the six batches."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.batches.items():
            (folder / name).write_bytes(content)

    def write_archive(self, path: Path) -> None:
        """Write the batches as the authors' archive has them."""
        with tarfile.open(path, "w:gz") as archive:
            for name, content in self.batches.items():
                member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))


@pytest.fixture
def tiny_cifar() -> TinyCifar:
    """CIFAR-10's format: batch k holds labels k and k + 1; red is the label, green 100, blue 200."""
    batches = {}
    for number, name in enumerate(BATCHES):
        records = [
            bytes([label]) + bytes([label]) * 1024 + b"\x64" * 1024 + b"\xc8" * 1024 for label in (number, number + 1)
        ]
        batches[name] = b"".join(records)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in batches.items()}
    edition = Edition("cifar10", "Tiny", "none", sums, 3, find_cifar10, "the batches", "http://invalid/", ())
    return TinyCifar(batches, edition)


@dataclass
class Server:
    """What a local server serves, and what it was asked for.

    Attributes:
        url: its address, ending in ``/``.
        bodies: path without ``/`` -> what is sent.
        announced: path -> Content-Length, where it is to differ from what is sent.
        asked: the paths, in order.
    """

    url: str
    bodies: dict[str, bytes] = field(default_factory=dict)
    announced: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


def _handler_for(state: Callable[[], Server]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server, name = state(), self.path[1:]
            server.asked.append(name)
            if name not in server.bodies:
                self.send_error(404)
                return
            body = server.bodies[name]
            self.send_response(200)
            self.send_header("Content-Length", str(server.announced.get(name, len(body))))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test output clean."""

    return Handler


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server on the loopback interface, at a port of its own."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    held: list[Server] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(lambda: held[0])) as http_server:
        held.append(Server(f"http://127.0.0.1:{http_server.server_port}/"))
        thread = threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield held[0]
        http_server.shutdown()
        thread.join()
