"""``docs/explain.md`` and ``docs/vectors.md``, run as they stand: commands, outputs, exit codes, and a program."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bn_impls.registry import descriptors
from tests.docs.pages import CHECKOUT, Block, Command, blocks, same_output
from tests.docs.processes import environment

BN_BENCH = shlex.join([sys.executable, "-m", "bn_impls.cli"])
TIMEOUT_S = 300.0


def run(command: Command, folder: Path, code: int) -> int:
    """Run a command as a shell would after one that ended with a code; compare what it prints."""
    literal = re.sub(r"^bn-bench\b", BN_BENCH, command.text)
    done = subprocess.run(
        ["bash", "-c", f"(exit {code}); {literal}"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=TIMEOUT_S, env=environment() | {"PYTHONPATH": str(CHECKOUT)}, check=False,
    )  # fmt: skip
    assert same_output(command.output, done.stdout), f"{command.text}\n{done.stdout}\nbut should be\n{command.output}"
    return done.returncode


def follow(found: list[Block], folder: Path) -> None:
    """Write the files of blocks and run their commands."""
    code = 0
    for block in found:
        if block.file is not None:
            (folder / block.file).write_text(block.text)
        elif block.language == "console":
            for command in block.commands():
                code = run(command, folder, code)


def names(command: Command) -> list[str]:
    """The implementations that a command compares."""
    return [word for word in command.text.split() if word in descriptors()]


EXPLAINED = [
    command
    for block in blocks((CHECKOUT / "docs" / "explain.md").read_text()) if block.language == "console"
    for command in block.commands()
]  # fmt: skip


SHOWN = [
    pytest.param(command, id=command.text, marks=[pytest.mark.slow] if place else [])  # two frameworks' processes each
    for place, command in enumerate(EXPLAINED)
]


@pytest.mark.parametrize("command", SHOWN)
def test_explain_prints_what_its_page_shows(command: Command, tmp_path: Path) -> None:
    """Where both sides are installed; each ends with 0."""
    assert len(names(command)) == 2
    for reason in filter(None, (descriptors()[name].missing() for name in names(command))):
        pytest.skip(reason)
    assert run(command, tmp_path, 0) == 0


def test_the_page_of_the_vectors_can_be_followed(tmp_path: Path) -> None:
    """Export, verification, the reader, the damage and the replacement."""
    follow(blocks((CHECKOUT / "docs" / "vectors.md").read_text()), tmp_path)
    assert (tmp_path / "golden" / "manifest.json").is_file()


def test_a_line_that_a_page_does_not_show_is_noticed(tmp_path: Path) -> None:
    """The comparison can fail."""
    with pytest.raises(AssertionError, match="echo other"):
        run(Command("echo other", "one\n"), tmp_path, 0)
