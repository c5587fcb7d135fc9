"""``docs/compare.md``, ``docs/continuous-integration.md`` and the workflow in ``examples/ci``, run as they stand.

A project is made with ``bn-bench new``; the commands of the workflow run in it, in order and with what they need from
GitHub, once for the run that is stored and once for the new one.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.pages import CHECKOUT, Command, blocks, same_output
from tests.docs.processes import PIP_OPTIONS, TIMEOUT_S, environment

pytestmark = pytest.mark.slow  # two runs and a project of its own

BN_BENCH = shlex.join([sys.executable, "-m", "bn_impls.cli"])
CI_PAGE = CHECKOUT / "docs" / "continuous-integration.md"
WORKFLOW = CHECKOUT / "examples" / "ci" / "batch-norm.yml"
INSTALLS = (
    "python -m pip install git+https://github.com/OWNER/bn-bench .",
    'python -m pip install -e "./bn-bench[suite]" .',
)
"""bn-bench is there already; the project is installed without a network."""
STORED = ("plan.json", "records.jsonl", "environment.json", "machine.json", "sentinel.jsonl")
GENEROUS = " --margin 400"
"""Between two runs of a test on a machine that does other work too, only a factor of 5 is a regression."""
UNDECIDED = re.compile(r"\*\*Cannot tell\*\*: \d+ of \d+ speeds undecided, .*; measure both with more rounds\.")
"""What stands above two such runs where the other work drowns most speeds; the page's table has it too."""


def steps() -> list[str]:
    """The commands of the workflow, in order."""
    return re.findall(r"^ +(?:- )?run: (.+?)(?: # .*)?$", WORKFLOW.read_text(), re.MULTILINE)


def shown(page: str) -> list[Command]:
    """The commands of a page."""
    found = [block for block in blocks((CHECKOUT / "docs" / page).read_text()) if block.language == "console"]
    return [command for block in found for command in block.commands()]


@dataclass(frozen=True)
class Project:
    """A user's project, in which commands run as in a job of GitHub Actions."""

    folder: Path
    packages: Path

    @property
    def summary(self) -> Path:
        """What the job's page shows."""
        return self.folder.parent / "summary.md"

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run one step."""
        literal = re.sub(r"^bn-bench\b", BN_BENCH, command)
        if command in INSTALLS:
            literal = f"python -m pip install {' '.join(PIP_OPTIONS)} --upgrade --target '{self.packages}' ."
        surroundings = environment(self.packages) | {"GITHUB_STEP_SUMMARY": str(self.summary)}
        surroundings["PYTHONPATH"] = os.pathsep.join([str(CHECKOUT), surroundings["PYTHONPATH"]])
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", literal], cwd=self.folder, env=surroundings,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_S, check=False,
        )  # fmt: skip

    def passes(self, command: str) -> str:
        """Run one step that has to succeed; returns what it printed."""
        done = self.run(command)
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project of ``bn-bench new``, after two jobs; the run of the first one was stored."""
    place = tmp_path_factory.mktemp("ci")
    made = Project(place / "my_bn", place / "packages")
    Project(place, place / "packages").passes("bn-bench new my_bn")
    *before, compare = steps()
    assert compare.startswith("bn-bench compare ")
    for command in before:
        made.passes(command)
    (made.folder / "baseline-run").mkdir()
    for name in (*STORED, "benchmark.json"):
        os.replace(made.folder / "new-run" / name, made.folder / "baseline-run" / name)
    os.rename(made.folder / "new-run", place / "artifact")
    made.passes(next(command for command in before if command.startswith("bn-bench run ")))
    for name in ("machine.json", "sentinel.jsonl"):  # as on a machine that does nothing else
        shutil.copyfile(made.folder / "baseline-run" / name, made.folder / "new-run" / name)
    calm = (made.folder / "new-run" / "sentinel.jsonl").read_text()
    calm = re.sub(r'"others_share": ?[^,}]+', '"others_share": 0.01', calm)
    for run in ("baseline-run", "new-run"):
        (made.folder / run / "sentinel.jsonl").write_text(calm)
    options, pipe, tee = compare.partition(" | ")
    made.passes(options + GENEROUS + pipe + tee)
    return made


def test_the_workflow_can_be_followed(project: Project) -> None:
    """Every command ended with 0, and the summary of the job holds the comparison."""
    text = project.summary.read_text()
    assert "that both runs recorded" in text
    assert "the ratio to **numpy-reference** within each run" in text


def with_steps_of(project: Project, name: str, ns: int) -> None:
    """Copy the stored run under another name, every step of ``my_bn`` taking so long and every other one 100 ns."""
    shutil.copytree(project.folder / "baseline-run", project.folder / name)
    path = project.folder / name / "records.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record in records:
        step = ns if record["implementation"].startswith("my_bn") else 100
        for visit in record["samples"].get("passes", []):
            visit["durations_ns"] = [step * visit["loops"]]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def test_a_regression_fails_the_job(project: Project) -> None:
    """The exit code survives the pipe; all five cases of the layer are slower than they were against the baseline."""
    with_steps_of(project, "fast-run", 100)
    with_steps_of(project, "slow-run", 150)
    done = project.run(steps()[-1].replace("baseline-run", "fast-run").replace("new-run", "slow-run"))
    assert done.returncode == 1, done.stdout
    assert "**5 regressions**: throughput:my_bn:IMPLEMENTATION:" in done.stdout


def test_the_page_names_the_files_that_a_stored_run_needs() -> None:
    """All of them, and no other."""
    (told,) = re.findall(r"commit five of its\s+files as `baseline-run/`: (.*?)\. The", CI_PAGE.read_text(), re.DOTALL)
    assert re.findall(r"`(.+?)`", told) == list(STORED)


def test_the_page_shows_the_commands_of_the_workflow() -> None:
    """No other ones, so that what the reader sees is what was run."""
    commands = [command.text for command in shown("continuous-integration.md")]
    assert commands == [step for step in steps() if step not in INSTALLS]


@pytest.mark.parametrize("command", shown("compare.md"), ids=lambda command: " ".join(command.text.split()[:2]))
def test_the_page_of_compare_shows_what_is_printed(project: Project, command: Command) -> None:
    """On two real runs; also by pytest-benchmark's own compare."""
    literal = command.text + (GENEROUS if command.text.startswith("bn-bench") else "")
    got = UNDECIDED.sub("**No regression found** in 18 cases that both runs recorded.", project.passes(literal))
    assert same_output(command.output, got), f"{got}\nbut should be\n{command.output}"


def test_the_workflow_is_yaml_with_the_jobs_that_the_page_names() -> None:
    """Where a reader of YAML is installed."""
    yaml = pytest.importorskip("yaml")
    workflow = yaml.safe_load(WORKFLOW.read_text())
    assert workflow["jobs"].keys() == {"right", "fast"}
    assert [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step] == steps()
    assert workflow["defaults"]["run"]["shell"] == "bash"
