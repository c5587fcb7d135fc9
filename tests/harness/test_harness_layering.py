"""Who may import whom, read from the source, and what the light commands really import."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.folder import RunFolder
from benchmarks.harness.workers import CHECKOUT

FRAMEWORKS = {"tensorflow", "tf_keras", "keras", "torch", "jax", "jaxlib", "flax", "haiku", "optax", "mxnet", "paddle"}
FRAMEWORK_FREE = (
    "bn_impls", "bn_impls.interface", "bn_impls.registry", "bn_impls.state", "bn_impls.errors", "bn_impls.canonical",
    "bn_impls.cli", "bn_impls.numpy_boundary", "bn_impls.numpy_reference", "bn_impls.networks",
    "bn_impls.networks.description", "bn_impls.networks.optimizers", "bn_impls.networks.numpy_layers",
    "bn_impls.networks.numpy_network", "bn_impls.networks.numpy_optimizers",
)  # fmt: skip
WORKER = "benchmarks.harness.worker"
STAGES = "benchmarks.axes.stages"


def module_name(path: Path) -> str:
    """The dotted name of a source file."""
    parts = path.relative_to(CHECKOUT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(source: bytes, package: str, known: set[str]) -> set[str]:
    """Every module that a source imports anywhere, inside functions and for type checkers too.

    Args:
        source: the file's content.
        package: the package that relative imports start from.
        known: modules whose names tell an imported module from an imported object.

    Returns:
        Dotted names.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *filter(None, [node.module])])
            found.add(base)
            found |= {f"{base}.{alias.name}" for alias in node.names if f"{base}.{alias.name}" in known}
    return found


def package_of(path: Path) -> str:
    """The package that a file's relative imports start from."""
    return module_name(path) if path.name == "__init__.py" else module_name(path).rpartition(".")[0]


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    """Module -> what it imports, for both packages."""
    files = [path for package in ("bn_impls", "benchmarks") for path in (CHECKOUT / package).rglob("*.py")]
    known = {module_name(path) for path in files}
    return {module_name(path): imports_of(path.read_bytes(), package_of(path), known) for path in files}


def below(module: str, package: str) -> bool:
    """Whether a module is a package or in it."""
    return module == package or module.startswith(f"{package}.")


def wrong(graph: dict[str, set[str]], importers: str, *forbidden: str, but: tuple[str, ...] = ()) -> list[str]:
    """Imports from a package into others that are not allowed, as ``importer -> imported``."""
    return sorted(
        f"{module} -> {imported}"
        for module, imports in graph.items() if below(module, importers)
        for imported in imports
        if any(below(imported, package) for package in forbidden) and imported not in but
    )  # fmt: skip


def test_the_source_is_found(graph: dict[str, set[str]]) -> None:
    """The other tests would pass on nothing; these edges are known to be there."""
    assert "tensorflow" in graph["bn_impls.tf_manual"]
    assert STAGES in graph["benchmarks.harness.scheduler"]
    assert "benchmarks.axes.agreement" in graph[WORKER]
    assert "benchmarks.datasets.loading" in graph["benchmarks.datasets"]


def test_what_an_implementation_builds_on_needs_no_framework(graph: dict[str, set[str]]) -> None:
    """Interface, registry, states, checkpoints of our own, descriptions, the NumPy network."""
    for module in FRAMEWORK_FREE:
        assert not {name.partition(".")[0] for name in graph[module]} & FRAMEWORKS, module


def test_implementations_know_nothing_of_the_suite(graph: dict[str, set[str]]) -> None:
    """The wheel holds ``bn_impls`` alone; the command line finds the suite by name, at run time."""
    assert wrong(graph, "bn_impls", "benchmarks", "tests", "reports") == []


def test_the_registry_names_implementations_and_imports_none(graph: dict[str, set[str]]) -> None:
    """Listing must not import what it lists."""
    assert {name for name in graph["bn_impls.registry"] if below(name, "bn_impls")} == {
        "bn_impls.errors",
        "bn_impls.interface", "bn_impls.plain.recognized",  # inside a function, for what was loaded
    }  # fmt: skip


@pytest.mark.parametrize(
    "part", ["benchmarks.harness", "benchmarks.cases", "benchmarks.settings", "benchmarks.datasets"]
)
def test_no_framework_in_the_scheduler_the_plan_and_the_data(graph: dict[str, set[str]], part: str) -> None:
    """Not even in the worker: its implementation brings the framework along."""
    assert wrong(graph, part, *FRAMEWORKS) == []


def test_only_the_worker_knows_the_axes(graph: dict[str, set[str]]) -> None:
    """The scheduler knows the names of their stages."""
    rest = {module: imports for module, imports in graph.items() if module != WORKER}
    for part in ("benchmarks.harness", "benchmarks.cases", "benchmarks.settings"):
        assert wrong(rest, part, "benchmarks.axes", but=(STAGES, "benchmarks.axes")) == []
    assert [
        module for module, imports in rest.items() if below(module, "benchmarks.harness") and STAGES in imports
    ] == ["benchmarks.harness.scheduler"]
    assert graph[STAGES] == {"collections.abc", "typing"}
    assert {name for name in graph["benchmarks.axes"] if name != "__future__"} == set()


def test_nothing_imports_the_worker(graph: dict[str, set[str]]) -> None:
    """It is started as a process of its own."""
    assert [module for module, imports in graph.items() if WORKER in imports] == []


def test_the_axes_know_neither_harness_nor_framework(graph: dict[str, set[str]]) -> None:
    """A workload gets an implementation and a case, from whatever executor."""
    assert wrong(graph, "benchmarks.axes", "benchmarks.harness", "benchmarks.report", *FRAMEWORKS) == []


def test_the_report_knows_records_only(graph: dict[str, set[str]]) -> None:
    """And the registry's descriptors: neither harness nor axes nor an implementation, so any machine's can be drawn."""
    assert wrong(
        graph, "benchmarks.report", "benchmarks.harness", "benchmarks.axes", "benchmarks.cases", "benchmarks.datasets",
        "bn_impls", "pytest", *FRAMEWORKS, but=("bn_impls.errors", "bn_impls.registry"),
    ) == []  # fmt: skip


def test_verdicts_know_samples_only(graph: dict[str, set[str]]) -> None:
    """Scheduler, report, ``compare`` and ``calibrate`` share them; they know none of those, and no framework."""
    others = {name for name in graph if below(name, "benchmarks") and not below(name, "benchmarks.verdicts")}
    assert wrong(graph, "benchmarks.verdicts", *(others - {"benchmarks"}), "bn_impls", *FRAMEWORKS) == []


def test_the_roofline_knows_nobody_and_the_report_takes_its_arithmetic_only(graph: dict[str, set[str]]) -> None:
    """Measuring the machine needs NumPy, or PyTorch for a GPU; the model and the limits no framework."""
    gpu = "benchmarks.roofline.gpu"
    rest = {module: imports for module, imports in graph.items() if module != gpu}
    assert wrong(rest, "benchmarks.roofline", *FRAMEWORKS) == []
    assert wrong(
        graph, "benchmarks.roofline", "benchmarks.harness", "benchmarks.axes", "benchmarks.report", "benchmarks.cases"
    ) == []  # fmt: skip
    pure = ("benchmarks.roofline", "benchmarks.roofline.limits", "benchmarks.roofline.model")
    assert wrong(graph, "benchmarks.report", "benchmarks.roofline", but=pure) == []
    assert wrong(graph, "benchmarks.harness", "benchmarks.roofline") == []


def test_the_harness_uses_the_report_through_its_front_door(graph: dict[str, set[str]]) -> None:
    """``draw``, nothing inside."""
    assert wrong(graph, "benchmarks.harness", "benchmarks.report") == [
        "benchmarks.harness.pytest_plugin -> benchmarks.report"
    ]


def test_claims_are_run_by_workers_judged_from_records_and_shown_from_files(graph: dict[str, set[str]]) -> None:
    """Experiments know neither harness nor verdicts; claims know no experiment; the report knows no claim."""
    experiments = "benchmarks.claims.experiments"
    assert wrong(graph, experiments, "benchmarks.harness", "benchmarks.report", "benchmarks.claims.catalogue") == []
    assert wrong(graph, "benchmarks.claims.catalogue", experiments, "benchmarks.axes", *FRAMEWORKS) == []
    assert wrong(graph, "benchmarks.report", "benchmarks.claims") == []


def test_nothing_imports_tests(graph: dict[str, set[str]]) -> None:
    """Nor the examples."""
    assert wrong(graph, "bn_impls", "tests", "examples", "conftest") == []
    assert wrong(graph, "benchmarks", "tests", "examples", "conftest") == []


def test_imports_inside_functions_are_seen_too() -> None:
    """The reader of this test finds planted ones, relative ones included."""
    source = b"def f():\n    from ..axes import agreement\n    from . import worker\n    import torch.nn\n"
    found = imports_of(source, "benchmarks.harness", {"benchmarks.axes.agreement", WORKER})
    assert found == {"benchmarks.axes", "benchmarks.axes.agreement", "benchmarks.harness", WORKER, "torch.nn"}


HEAVY = (*sorted(FRAMEWORKS), "pandas", "matplotlib", "scipy", "pytest")
PROBE = """
import sys
from bn_impls.cli import main
try:
    code = main(sys.argv[1:])
except SystemExit as ended:
    code = ended.code
print("imported:", *[name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
sys.exit(code)
"""


def imported_by(heavy: tuple[str, ...], *arguments: str) -> list[str]:
    """Which of these modules a command has imported when it ends."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(heavy=heavy), *arguments], cwd=CHECKOUT, env=dict(os.environ),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()[-1].split()[1:]


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["list"], ["list", "--json"], ["run", "--help"]])
def test_light_commands_import_nothing_heavy(arguments: list[str]) -> None:
    """No framework, not pandas or Matplotlib, not even NumPy."""
    assert imported_by((*HEAVY, "numpy"), *arguments) == []


def test_the_report_imports_no_framework(
    tmp_path: Path, good: str, small_settings: Any, planned_cases: Any, run_cases: Any
) -> None:
    """Drawn from records alone."""
    settings = small_settings([good])
    folder = RunFolder.create(tmp_path / "run", settings)
    run_cases(folder, planned_cases(settings, ":7x5-float32"))
    assert imported_by((*sorted(FRAMEWORKS), "pytest"), "report", str(folder.path)) == []
    assert (folder.path / "index.html").stat().st_size > 0
