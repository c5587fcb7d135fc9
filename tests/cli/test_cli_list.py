"""``bn-bench list`` and the help texts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.settings import add_options
from bn_impls import cli
from bn_impls.registry import BUILT_IN


def options_of_a_run() -> list[str]:
    """The names of every option, from where they are written."""
    names: list[str] = []
    add_options(lambda name, **_: names.append(name))
    return names


def test_list_shows_every_implementation_with_its_framework_and_summary(bn_bench: Any) -> None:
    """One line each, in the order of the registry."""
    done = bn_bench("list")
    assert (done.returncode, done.stderr) == (0, "")
    for line, descriptor in zip(done.stdout.splitlines(), BUILT_IN, strict=False):
        assert line.split() == [*descriptor.name.split(), *descriptor.framework.split(), *descriptor.summary.split()]


def test_list_as_json_has_the_five_documented_fields(bn_bench: Any) -> None:
    """By value, for those that are installed here."""
    rows = json.loads(bn_bench("list", "--json").stdout)
    assert rows[:3] == [
        {"name": "numpy-reference", "framework": "NumPy", "summary": BUILT_IN[0].summary, "available": True,
         "reason": None},
        {"name": "tf-manual", "framework": "TensorFlow", "summary": BUILT_IN[1].summary, "available": True,
         "reason": None},
        {"name": "keras", "framework": "Keras 3 on TensorFlow", "summary": BUILT_IN[2].summary, "available": True,
         "reason": None},
    ]  # fmt: skip
    assert [row["name"] for row in rows[: len(BUILT_IN)]] == [descriptor.name for descriptor in BUILT_IN]
    assert all(set(row) == {"name", "framework", "summary", "available", "reason"} for row in rows)


def write_distribution(folder: Path, name: str, value: str, source: str) -> None:
    """Install a distribution with one entry point, by hand."""
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[bn_impls]\n{name} = {value}\n")
    (folder / f"{name}_module.py").write_text(source)


def test_a_missing_framework_and_a_broken_entry_point_are_rows_with_a_reason(tmp_path: Path, bn_bench: Any) -> None:
    """The list still shows everything else, and its code is 0."""
    descriptor = "from bn_impls.registry import Descriptor\nD = Descriptor(name='{0}', framework='F', summary='S', "
    absent = descriptor.format("absent") + "target='x:Y', modules=('no_such_framework',), install='pip install it')\n"
    write_distribution(tmp_path, "absent", "absent_module:D", absent)
    write_distribution(tmp_path, "broken", "broken_module:D", "raise OSError('no licence')\n")
    write_distribution(tmp_path, "taken", "taken_module:D", descriptor.format("keras") + "target='x:Y')\n")
    done = bn_bench("list", "--json", environment={"PYTHONPATH": str(tmp_path)})
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert done.returncode == 0
    assert rows["keras"]["available"] is True
    assert rows["absent"]["reason"] == "no_such_framework is not installed; pip install it"
    assert rows["broken"]["reason"] == "the entry point broken_module:D is broken: OSError: no licence"
    assert rows["keras (x:Y)"]["reason"] == "the name 'keras' is taken; the other package must choose another"
    assert [rows[name]["available"] for name in ("absent", "broken", "keras (x:Y)")] == [False] * 3
    text = bn_bench("list", environment={"PYTHONPATH": str(tmp_path)}).stdout
    assert "not available: no_such_framework is not installed; pip install it" in text


def test_rows_of_what_is_not_installed_or_broken_end_the_run_well_or_badly(
    tmp_path: Path, bn_bench: Any, quick: Any
) -> None:
    """Not installed is accounted for; a broken entry point is a failure. Neither starts a process."""
    source = "from bn_impls.registry import Descriptor\nD = Descriptor(name='absent', framework='F', summary='S', "
    write_distribution(
        tmp_path, "absent", "absent_module:D", source + "target='x:Y', modules=('no_such_framework',))\n"
    )
    write_distribution(tmp_path, "broken", "broken_module:D", "raise OSError('no licence')\n")
    options = ("run", "--quick", "--axes", "agreement", "--output")
    environment = {"PYTHONPATH": str(tmp_path)}
    done = bn_bench(*options, tmp_path / "a", "--implementations", "absent", environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{quick.planned} cases: {quick.planned} not_installed" in done.stdout
    done = bn_bench(*options, tmp_path / "b", "--implementations", "broken,absent", environment=environment)
    assert done.returncode == 3
    assert (
        "failed: agreement:broken:7x5-float32-eager-cpu: the entry point broken_module:D is broken: OSError: no"
        in done.stdout
    )


def test_python_m_benchmarks_is_the_same_command(bn_bench: Any) -> None:
    """Output for output."""
    assert bn_bench("list", module="benchmarks").stdout == bn_bench("list").stdout
    assert bn_bench("--help", module="benchmarks").stdout == bn_bench("--help").stdout


def test_the_help_names_every_command_and_every_exit_code(bn_bench: Any) -> None:
    """What a script needs to know."""
    done = bn_bench("--help")
    words = " ".join(done.stdout.split())
    assert done.returncode == 0
    for part in (
        "list show the implementations", "run measure", "report draw the report", "--version", "0 all accounted for;",
        "1 an implementation disagrees; 2 usage; 3 a case failed", "130 interrupted",
    ):  # fmt: skip
        assert part in words


def test_the_help_of_run_explains_every_option(bn_bench: Any) -> None:
    """Each one with a sentence; the sixteen that are promised are there."""
    words = bn_bench("run", "--help").stdout
    names = options_of_a_run()
    promised = {"--axes", "--implementations", "--device", "--output", "--resume", "--quick", "--full", "--dataset",
                "--data-dir", "--networks", "--download", "--baseline", "--timeout", "--threads",
                "--rounds", "--budget"}  # fmt: skip
    assert set(names) == promised
    section = words.split("options:")[1]
    for name in names:
        (line,) = [line for line in section.splitlines() if line.split()[:1] == [name]]
        following = section[section.index(line) :].split("--")[1]
        assert len(following.split()) > 3, name


@pytest.mark.parametrize(("command", "names"), [("list", ["--json"]), ("report", ["RUN"])])
def test_the_help_of_the_other_commands_explains_their_arguments(command: str, names: list[str], bn_bench: Any) -> None:
    """Each one with a sentence."""
    done = bn_bench(command, "--help")
    assert done.returncode == 0
    for name in names:
        (line,) = [line for line in done.stdout.splitlines() if line.split()[:1] == [name]]
        assert len(line.split()) > 3


def test_every_option_means_the_same_under_pytest(pytestconfig: pytest.Config) -> None:
    """The plugin has added them all, with the defaults of the command."""
    parsed = cli._parser(["run"]).parse_args(["run"])
    for name in options_of_a_run():
        field = name.removeprefix("--").replace("-", "_")
        assert pytestconfig.getoption(name) == getattr(parsed, field)


def test_the_version_is_the_distribution_s(bn_bench: Any) -> None:
    """Or says that there is none."""
    assert bn_bench("--version").stdout.startswith("bn-bench")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away_is_no_error(unbuffered: str) -> None:
    """As with ``bn-bench list | head -0``, whether Python writes at once or at its end."""
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run(
        [sys.executable, "-m", "bn_impls.cli", "list", "--json"], stdout=theirs, stderr=subprocess.PIPE, timeout=60,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered}, check=False,
    )  # fmt: skip
    os.close(theirs)
    assert (done.returncode, done.stderr) == (0, b"")
