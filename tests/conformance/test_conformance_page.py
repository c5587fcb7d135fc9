"""``docs/conformance.md`` and ``examples/conformance_tests``, followed literally."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import CHECKOUT, blocks
from tests.docs.processes import environment
from tests.docs.test_adding_an_implementation import Reader

PAGE = CHECKOUT / "docs" / "conformance.md"
EXAMPLE = CHECKOUT / "examples" / "conformance_tests"


def test_the_page_leads_from_an_empty_folder_to_a_named_mistake(tmp_path: Path) -> None:
    """Every file, command, output and exit code of the page, in its order."""
    (tmp_path / "work").mkdir()
    reader = Reader(tmp_path / "work", tmp_path / "packages")
    for block in blocks(PAGE.read_text()):
        reader.follow(block)
    assert {"my_bn.py", "my_bn_descriptor.py", "test_my_bn.py"} <= {path.name for path in reader.folder.iterdir()}


def run_pytest(folder: Path, *arguments: str) -> str:
    """Output of pytest in a folder, as somebody else's project runs it."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment(CHECKOUT), capture_output=True, text=True, timeout=200)
    return f"{done.stdout}{done.stderr}\ncode {done.returncode}"


def test_the_example_passes_its_own_tests_and_a_mistake_in_it_fails_them(tmp_path: Path) -> None:
    """One test a check; a failing one shows the message and no traceback of ours."""
    folder = Path(shutil.copytree(EXAMPLE, tmp_path / "example", ignore=shutil.ignore_patterns("__pycache__")))
    said = run_pytest(folder)
    assert said.endswith("code 0"), said
    layer = folder / "tiny_norm.py"
    text = layer.read_text()
    assert text.count("ddof=1) - self.variance") == 1
    layer.write_text(text.replace("ddof=1) - self.variance", "ddof=0) - self.variance"))
    said = run_pytest(folder)
    assert said.endswith("code 1"), said
    assert "your moving variance divides by n; you declared ddof 1" in said
    assert "FAILED test_tiny_norm.py::test_conformance[update_table]" in said
    assert "bn_impls/conformance/pytest.py" not in said


def test_the_tests_work_from_another_folder_than_the_layer_s(tmp_path: Path) -> None:
    """The process searches where the tests search."""
    folder = Path(shutil.copytree(EXAMPLE, tmp_path / "example", ignore=shutil.ignore_patterns("__pycache__")))
    said = run_pytest(tmp_path, str(folder))
    assert said.endswith("code 0"), said


def test_a_framework_that_is_not_installed_skips_the_tests(tmp_path: Path) -> None:
    """With its reason, in the project of somebody who tests with and without it."""
    (tmp_path / "sitecustomize.py").write_text(
        "from bn_impls import registry\n"
        "registry.BUILT_IN += (registry.Descriptor(name='absent', framework='F', summary='S', target='x:Y', "
        "modules=('no_such_framework',), install='pip install it'),)\n"
    )
    (tmp_path / "test_absent.py").write_text(
        "import sitecustomize\nfrom bn_impls.conformance.pytest import conformance_tests\n"
        "test_conformance = conformance_tests('absent')\n"
    )
    said = run_pytest(tmp_path, "-rs")
    assert said.endswith("code 0"), said
    assert "no_such_framework is not installed; pip install it" in said
