"""Runs with real worker processes, in this process or through the real command line, on small cases."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cases import Case, plan
from benchmarks.harness.folder import RunFolder
from benchmarks.harness.scheduler import Scheduler
from benchmarks.harness.workers import CHECKOUT
from benchmarks.settings import Settings
from bn_impls.registry import describe

GOOD = "numpy-reference"
DEADLINE_S = 60.0  # longest time that a test waits for a process to come so far; nothing is measured by it


class SilentDisplay:
    """A display that shows nothing and adds up what it is told."""

    def __init__(self) -> None:
        """Begin at 0."""
        self.total, self.done = 0, 0

    def start(self, total: int) -> None:
        """Keep the total."""
        self.total = total

    def now(self, what: str) -> None:
        """Show nothing."""

    def advance(self, units: int = 1) -> None:
        """Add."""
        self.done += units

    def stop(self) -> None:
        """Show nothing."""


@dataclass
class Ran:
    """A finished run in this process, whose workers were real ones."""

    folder: RunFolder
    cases: Sequence[Case]
    display: SilentDisplay = field(default_factory=SilentDisplay)

    def of(self, implementation: str, axis: str = "agreement") -> list[dict[str, Any]]:
        """The records of an implementation on an axis."""
        records = self.folder.records().values()
        return [line for line in records if line["implementation"] == implementation and line["axis"] == axis]

    def lines(self, name: str = "records.jsonl") -> list[dict[str, Any]]:
        """Every line of a file of the folder."""
        return [json.loads(line) for line in (self.folder.path / name).read_text().splitlines()]


def settings_of(names: Sequence[str], **changes: Any) -> Settings:
    """The settings of a small run of these implementations."""
    chosen: dict[str, Any] = {"size": "quick", "dataset": "digits", "threads": 1, "timeout_s": 30.0}
    return Settings(implementations=tuple(names), **{**chosen, **changes})


def cases_of(settings: Settings, *parts: str) -> list[Case]:
    """The planned cases whose id contains every part."""
    found = plan(settings, [describe(name) for name in settings.implementations])
    return [case for case in found if all(re.search(part, case.case_id) for part in parts)]


def run_in(folder: RunFolder, cases: Sequence[Case]) -> Ran:
    """Run cases in a folder and let it go, as the command does."""
    ran = Ran(folder, cases)
    folder.write_plan(cases)
    try:
        descriptors = [describe(name) for name in folder.settings.implementations]
        Scheduler(folder, descriptors, ran.display).run(cases)
    finally:
        folder.close()
    return ran


@pytest.fixture
def scheduler_of() -> Iterator[Callable[[RunFolder], Scheduler]]:
    """Folder -> a scheduler of its implementations, whose workers end with the test."""
    made: list[Scheduler] = []

    def scheduler(folder: RunFolder) -> Scheduler:
        made.append(Scheduler(folder, [describe(name) for name in folder.settings.implementations], SilentDisplay()))
        return made[-1]

    yield scheduler
    for one in made:
        one.close()
        one.folder.close()


@pytest.fixture(scope="session")
def good() -> str:
    """The name of an implementation that does everything right and imports no framework."""
    return GOOD


@pytest.fixture(scope="session")
def small_settings() -> Callable[..., Settings]:
    """Settings of a small run: names, changes -> settings."""
    return settings_of


@pytest.fixture(scope="session")
def planned_cases() -> Callable[..., list[Case]]:
    """Settings and patterns -> the planned cases whose id matches them all."""
    return cases_of


@pytest.fixture(scope="session")
def run_cases() -> Callable[[RunFolder, Sequence[Case]], Ran]:
    """Folder and cases -> a finished run, with real workers."""
    return run_in


ROGUE = '''"""An implementation that is right but for what it was written to do wrong."""

import ctypes
import os
import signal
import sys
import time
from dataclasses import replace

import numpy as np

from bn_impls.interface import Observation, Unsupported
from bn_impls.numpy_reference import IMPLEMENTATION as GOOD

{top}


def build(configuration):
    built = GOOD.build(configuration)
    if isinstance(built, Unsupported):
        return built
    {building}

    def misbehave(x, dy):
        y, dx, dgamma, dbeta = built.training_step_with_gradients(x, dy)
        {step}
        return y, dx, dgamma, dbeta

    return replace(built, training_step_with_gradients=misbehave)


OBJECT = replace(GOOD, build=build)
'''


def write_rogue(
    folder: Path, name: str, *, step: str = "pass", building: str = "pass", top: str = "", whole: str | None = None
) -> str:
    """Write a module with one misbehaving implementation; returns its ``module:OBJECT``."""
    fields = {"top": top, "building": building.replace("\n", "\n    "), "step": step.replace("\n", "\n        ")}
    (folder / f"{name}.py").write_text(ROGUE.format(**fields) if whole is None else whole, encoding="utf-8")
    return f"{name}:OBJECT"


@pytest.fixture(scope="session")
def rogue_writer() -> Callable[..., str]:
    """Write a misbehaving implementation: folder, name, ``step=``, ``building=``, ``top=`` or ``whole=``."""
    return write_rogue


@pytest.fixture(scope="session")
def python_path() -> Iterator[Callable[[Path], None]]:
    """Let the workers of this session import from a folder."""
    with pytest.MonkeyPatch.context() as patched:
        yield lambda folder: patched.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)


@pytest.fixture
def rogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Write a misbehaving implementation that the workers of this test find: ``name``, ``step=`` and the like."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    return lambda name, **parts: write_rogue(tmp_path, name, **parts)


PREPARED = """
import os, resource, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)  # a background job, which tests may run in, ignores it
{before}
os.execv(sys.argv[1], sys.argv[1:])
"""  # in a process of its own: to fork this one is refused once a framework with threads is imported


def command_line(*arguments: str | Path) -> list[str]:
    """The real command with these arguments."""
    return [sys.executable, "-m", "bn_impls.cli", *map(str, arguments)]


def run_command(
    *arguments: str | Path, environment: Mapping[str, str] | None = None, folder: Path = CHECKOUT
) -> subprocess.CompletedProcess[str]:
    """Run the real command to its end."""
    return subprocess.run(
        command_line(*arguments), cwd=folder, env={**os.environ, **(environment or {})}, capture_output=True,
        text=True, timeout=1200, check=False,
    )  # fmt: skip


@pytest.fixture(scope="session")
def bn_bench() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``bn-bench`` with arguments: returns code, output and errors."""
    return run_command


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start ``bn-bench`` with arguments and do not wait; whatever still runs at the end of the test is killed."""
    running: list[subprocess.Popen[str]] = []

    def start(
        *arguments: str | Path,
        environment: Mapping[str, str] | None = None,
        before: str = "",
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", PREPARED.format(before=before), *command_line(*arguments)], cwd=CHECKOUT,
            env={**os.environ, **(environment or {})}, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def wait_until() -> Callable[[Callable[[], bool]], None]:
    """Wait for a condition, and fail the test if it does not come about."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"waited {DEADLINE_S:g} s in vain")
            time.sleep(0.01)

    return wait


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, bn_bench: Any) -> Path:
    """The folder of one small run through the real command, to be copied and spoilt."""
    folder = tmp_path_factory.mktemp("storage") / "run"
    done = bn_bench(
        "run", "--quick", "--axes", "throughput", "--implementations", "numpy-reference", "--dataset", "digits",
        "--threads", "1", "--output", folder,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.fixture
def spoilt(finished: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(finished, tmp_path / "run"))
