"""``docs/adding-an-implementation.md``, followed to the letter.

Its blocks are taken in order: one that names a file is written to it, a ``diff`` is applied to its file, the commands
of a ``console`` block run as processes in one folder, and their outputs and exit codes are compared with what is shown
(``...`` excludes what varies). A command must end with 0, unless ``echo $?`` after it shows another code.

One command is not run as it stands: ``python -m pip install .`` gets options that keep it off the network and out of
the environment of the tests.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.pages import CHECKOUT, Block, blocks, changed, same_output
from tests.docs.processes import PIP_OPTIONS, TIMEOUT_S, environment

PAGE = CHECKOUT / "docs" / "adding-an-implementation.md"
INSTALL = "python -m pip install ."


@dataclass
class Reader:
    """Somebody who does what a page says, in an empty folder."""

    folder: Path
    packages: Path
    last_code: int = 0

    def follow(self, block: Block) -> None:
        """Do what one block says."""
        if block.language == "console":
            commands = list(block.commands())
            for command, after in zip(commands, [*commands[1:], None], strict=True):
                asked = after is not None and after.text == "echo $?"
                self.run(command.text, command.output, block.line, may_fail=asked)
        elif block.file is not None and block.language == "diff":
            path = self.folder / block.file
            path.write_text(changed(path.read_text(), block.text))
        elif block.file is not None:
            (self.folder / block.file).write_text(block.text)

    def run(self, command: str, shown: str, line: int, *, may_fail: bool) -> None:
        """Run a command and compare what it prints with what is shown."""
        literal = command
        if command == INSTALL:
            literal = f"{INSTALL} {' '.join(PIP_OPTIONS)} --target '{self.packages}'"
        done = subprocess.run(
            ["bash", "-c", f"(exit {self.last_code}); {literal}"],
            cwd=self.folder, env=environment(self.packages), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=TIMEOUT_S,
        )  # fmt: skip
        self.last_code = done.returncode
        where = f"[{PAGE.name}, block at line {line}: {command}]"
        assert may_fail or done.returncode == 0, f"exit code {done.returncode}, but should be 0 {where}\n{done.stdout}"
        assert same_output(shown, done.stdout), f"got\n{done.stdout}\nbut should be\n{shown}\n{where}"


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """A reader in an empty folder."""
    (tmp_path / "work").mkdir()
    return Reader(tmp_path / "work", tmp_path / "packages")


def test_the_page_leads_from_an_empty_folder_to_a_named_implementation(reader: Reader) -> None:
    """Every file, command, output and exit code of the page, in its order."""
    for block in blocks(PAGE.read_text()):
        reader.follow(block)
    made = {path.name for path in reader.folder.iterdir()}
    assert {"my_bn.py", "wrong_bn.py", "my_bn_descriptor.py", "run-1", "run-2", "run-3"} <= made


def test_an_output_that_the_page_does_not_show_is_noticed(reader: Reader) -> None:
    """The comparison can fail, also where part of the output is left out."""
    with pytest.raises(AssertionError, match="7 cases: 7 ok"):
        reader.run("echo 8 cases: 7 ok", "...\n7 cases: 7 ok\n", 1, may_fail=False)


def test_an_exit_code_that_the_page_does_not_show_is_noticed(reader: Reader) -> None:
    """A command that fails is an error, unless the page shows its code."""
    with pytest.raises(AssertionError, match="exit code 3"):
        reader.run("exit 3", "", 1, may_fail=False)


def test_an_exit_code_is_what_echo_shows(reader: Reader) -> None:
    """The code of a command reaches the next one."""
    reader.follow(Block("console", None, "$ exit 3\n$ echo $?\n3\n", 1))


def test_a_difference_that_does_not_fit_its_file_is_refused() -> None:
    """An edit is applied once or not at all."""
    with pytest.raises(ValueError, match="there 2 times, but should be there once"):
        changed("a = 1\na = 1\n", "-a = 1\n+a = 2\n")
