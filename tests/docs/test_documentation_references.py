"""What the pages refer to is there: links, files, commands and their options."""

from __future__ import annotations

import re
import shlex
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.command_line import called
from tests.docs.pages import CHECKOUT, INLINE, LINK, anchors, blocks, pages, prose

FOLDERS = ("benchmarks", "bn_impls", "docs", "examples", "reports", "tests", ".ci")


def name_of(page: Path) -> str:
    """A page as a reader of the repository knows it."""
    return page.relative_to(CHECKOUT).as_posix()


def commands_of(page: Path) -> list[str]:
    """Every ``bn-bench`` command in a fenced block of a page, without ``$``, comments and output."""
    lines = [line for block in blocks(page.read_text()) for line in block.text.splitlines()]
    parts = [part for line in lines for part in re.split(r"&&|\|", line.removeprefix("$ "))]
    return [part.strip() for part in parts if part.strip().startswith("bn-bench ")]


def broken_links(page: Path) -> list[str]:
    """Relative links of a page that lead to no file, folder or heading."""
    text = page.read_text()
    broken = []
    for found in LINK.finditer(prose(text)):
        target, _, anchor = found["target"].partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        path = (page.parent / target).resolve() if target else page
        if not path.exists() or (anchor and anchor not in anchors(path.read_text())):
            broken.append(found["target"])
    return broken


def missing_files(page: Path) -> list[str]:
    """Names in backticks that begin with a folder of the repository and are not there; a star stands for anything."""
    named = [found["text"] for found in INLINE.finditer(prose(page.read_text()))]
    paths = [name for name in named if re.fullmatch(r"[\w.*/-]+", name) and name.partition("/")[0] in FOLDERS]
    return [path for path in paths if "/" in path and not any(CHECKOUT.glob(path.rstrip("/")))]


@cache
def helped(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Ask the command line for help after some arguments, which it parses first."""
    return called(*arguments, "--help")


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    """To a file or folder that is there, and to a heading that it has."""
    broken = broken_links(page)
    assert not broken, f"{name_of(page)} links to {broken}, which should be there"


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    """A page does not outlive a file that was moved."""
    missing = missing_files(page)
    assert not missing, f"{name_of(page)} names {missing}, which should be there"


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_command_that_a_page_shows_is_understood(page: Path) -> None:
    """The command exists, has every option shown, and accepts the values: ``--help`` after them is read last."""
    for command in commands_of(page):
        arguments = shlex.split(command)[1:]
        done = helped(*arguments)
        assert done.returncode == 0, f"{name_of(page)} shows {command!r}: {done.stderr}"
        known = set(re.findall(r"--[a-z-]+", helped(arguments[0]).stdout))
        unknown = {part.partition("=")[0] for part in arguments if part.startswith("--")} - known
        assert not unknown, f"{name_of(page)} shows {command!r}, but {sorted(unknown)} should be among {sorted(known)}"


def test_the_pages_show_commands_at_all() -> None:
    """The search for commands finds those that are known to be there."""
    shown = {name_of(page): commands_of(page) for page in pages()}
    assert "bn-bench run" in shown["README.md"]
    assert "bn-bench list" in shown["docs/adding-an-implementation.md"]


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    """A missing file, a missing heading; neither whole addresses nor code are looked at."""
    page = tmp_path / "page.md"
    page.write_text(
        "# Of links\n[a](page.md#of-links) [b](gone.md) [c](#gone) [d](https://example.org)\n```\n[e](x.md)\n```\n"
    )
    assert broken_links(page) == ["gone.md", "#gone"]


def test_a_missing_file_is_found(tmp_path: Path) -> None:
    """Only names that begin with a folder of the repository are taken for files."""
    page = tmp_path / "page.md"
    page.write_text("`bn_impls/gone.py` `benchmarks/bench_*.py` `docs/decisions/` `a/b.py` `bn_impls`\n")
    assert missing_files(page) == ["bn_impls/gone.py"]


def test_a_command_with_a_wrong_value_is_not_understood() -> None:
    """The check can fail: an axis that does not exist, a command that does not exist."""
    assert helped("run", "--axes", "speed").returncode == 2
    assert helped("measure").returncode == 2
