"""A download ends as the whole right file under its name, or as nothing."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.datasets.download import Remote, default_cache_dir, fetch
from benchmarks.datasets.loading import load_edition
from bn_impls.errors import BadData

if TYPE_CHECKING:
    from tests.datasets.conftest import Server, TinyMnist

CONTENT = b"what was published"
REMOTE = Remote("file.bin", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


def test_a_file_is_downloaded_into_a_folder_that_is_made(tmp_path: Path, server: Server) -> None:
    """Nothing else is in the folder afterwards."""
    server.bodies["file.bin"] = CONTENT
    path = fetch(REMOTE, server.url, tmp_path / "new" / "folder")
    assert path.read_bytes() == CONTENT
    assert list((tmp_path / "new" / "folder").iterdir()) == [path]


def test_a_file_that_is_there_is_not_downloaded_again(tmp_path: Path, server: Server) -> None:
    """The server is not asked."""
    (tmp_path / "file.bin").write_bytes(CONTENT)
    assert fetch(REMOTE, server.url, tmp_path) == tmp_path / "file.bin"
    assert server.asked == []


def test_a_damaged_file_in_the_cache_is_replaced(tmp_path: Path, server: Server) -> None:
    """Its sum is looked at, not its name."""
    (tmp_path / "file.bin").write_bytes(b"damaged")
    server.bodies["file.bin"] = CONTENT
    assert fetch(REMOTE, server.url, tmp_path).read_bytes() == CONTENT


def test_a_file_with_another_sum_is_refused_and_not_kept(tmp_path: Path, server: Server) -> None:
    """Of the right length, with one byte changed."""
    changed = CONTENT[:-1] + b"!"
    server.bodies["file.bin"] = changed
    got = hashlib.sha256(changed).hexdigest()
    with pytest.raises(BadData, match=f"sha256 {got}, but should send {REMOTE.sha256}"):
        fetch(REMOTE, server.url, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_download_leaves_nothing(tmp_path: Path, server: Server) -> None:
    """The server announces the whole file and hangs up half way."""
    server.bodies["file.bin"] = CONTENT[:7]
    server.announced["file.bin"] = len(CONTENT)
    with pytest.raises(BadData, match=r"7 bytes|IncompleteRead\(7 bytes"):
        fetch(REMOTE, server.url, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_download_leaves_an_earlier_file_alone(tmp_path: Path, server: Server) -> None:
    """What was in the cache before, right or wrong, is not made worse."""
    (tmp_path / "file.bin").write_bytes(b"earlier")
    server.bodies["file.bin"] = CONTENT[:7]
    with pytest.raises(BadData):
        fetch(REMOTE, server.url, tmp_path)
    assert (tmp_path / "file.bin").read_bytes() == b"earlier"


def test_a_file_that_is_too_long_is_refused(tmp_path: Path, server: Server) -> None:
    """No more than its known size is taken in."""
    server.bodies["file.bin"] = CONTENT * 1000
    with pytest.raises(BadData, match="sent more, but should send 18 bytes"):
        fetch(REMOTE, server.url, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_the_server_lacks_is_an_error_with_its_address(tmp_path: Path, server: Server) -> None:
    """And with another way to get the data."""
    with pytest.raises(BadData, match=rf"{server.url}file\.bin.*404.*give its folder"):
        fetch(REMOTE, server.url, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_cannot_be_reached_is_an_error(tmp_path: Path) -> None:
    """Port 1 of this machine, where nothing listens."""
    with pytest.raises(BadData, match="cannot be downloaded"):
        fetch(REMOTE, "http://127.0.0.1:1/", tmp_path, timeout_s=5.0)


def test_a_cache_that_cannot_be_written_is_an_error(tmp_path: Path, server: Server) -> None:
    """A file stands where the folder should be; the server is not asked."""
    (tmp_path / "cache").write_bytes(b"")
    with pytest.raises(BadData, match=r"cache folder .* cannot be written"):
        fetch(REMOTE, server.url, tmp_path / "cache" / "mnist")
    assert server.asked == []


def test_a_data_set_is_downloaded_once(tmp_path: Path, server: Server, tiny_mnist: TinyMnist) -> None:
    """Each file by its name; then the cache has them, and no download need be allowed."""
    edition = dataclasses.replace(tiny_mnist.edition, base_url=server.url)
    tiny_mnist.write(tmp_path / "served")
    server.bodies = {path.name: path.read_bytes() for path in (tmp_path / "served").iterdir()}
    cache, system = tmp_path / "cache", tmp_path / "system"
    first = load_edition(edition, None, True, cache, system)
    again = load_edition(edition, None, True, cache, system)
    offline = load_edition(edition, None, False, cache, system)
    assert server.asked == [remote.file_name for remote in edition.remotes]
    assert first.description() == again.description() == offline.description()
    assert first.train.size == 15


def test_no_download_happens_unless_it_is_allowed(tmp_path: Path, server: Server, tiny_mnist: TinyMnist) -> None:
    """The error names the places and the ways out."""
    edition = dataclasses.replace(tiny_mnist.edition, base_url=server.url)
    with pytest.raises(BadData, match=r"tiny is not in .*system.* or .*cache.* allow the download with --download"):
        load_edition(edition, None, False, tmp_path / "cache", tmp_path / "system")
    assert server.asked == []
    assert not (tmp_path / "cache").exists()


def test_the_cache_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An absolute $XDG_CACHE_HOME is where caches go."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / "bn-bench"


@pytest.mark.parametrize("configured", ["", "relative/folder"])
def test_the_cache_is_in_the_home_folder_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, configured: str
) -> None:
    """The XDG specification has empty and relative settings ignored."""
    monkeypatch.setenv("XDG_CACHE_HOME", configured)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / ".cache" / "bn-bench"
