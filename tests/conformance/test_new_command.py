"""``bn-bench new``: what it writes is right as written; what it refuses, it refuses before it writes."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bn_impls.commands.new import TEMPLATES

CHECKOUT = Path(__file__).resolve().parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join([str(CHECKOUT), os.environ.get("PYTHONPATH", "")])}


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with arguments in a folder."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=300
    )


def new(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``bn-bench new``."""
    return command(folder, "-m", "bn_impls.cli", "new", *arguments)


def test_what_is_written_passes_check_and_its_own_test(tmp_path: Path) -> None:
    """Every check that it offers, in a folder of its own."""
    done = new(tmp_path, "my_bn")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("next:\n  cd my_bn\n  bn-bench check my_bn:IMPLEMENTATION\n  python -m pytest\n")
    folder = tmp_path / "my_bn"
    assert {path.name for path in folder.iterdir()} == {
        "my_bn.py", "my_bn_descriptor.py", "test_my_bn.py", "pyproject.toml",
    }  # fmt: skip
    checked = command(folder, "-m", "bn_impls.cli", "check", "my_bn:IMPLEMENTATION")
    assert checked.returncode == 0, checked.stdout
    tested = command(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert tested.returncode == 0, tested.stdout


def test_what_is_written_declines_dtypes_devices_and_conventions_only(tmp_path: Path) -> None:
    """Layouts, ranks and missing parameters are in it."""
    new(tmp_path, "my_bn", "--output", str(tmp_path))
    checked = command(tmp_path, "-m", "bn_impls.cli", "check", "my_bn:IMPLEMENTATION").stdout
    (line,) = [line for line in checked.splitlines() if line.startswith("skipped: ")]
    skipped = set(line.removeprefix("skipped: ").removesuffix(" (--json gives each reason)").split(", "))
    styles = {"style_eager", "style_graph", "style_xla", "style_session", "style_subclassed"}
    assert skipped == {"float64", "float16", "bfloat16", "second_order", *styles}


def test_the_descriptor_names_the_implementation_and_imports_no_framework(tmp_path: Path) -> None:
    """As an entry point it must be light."""
    new(tmp_path, "my_bn", "--output", str(tmp_path))
    code = (
        "import sys, my_bn_descriptor as d; print(d.DESCRIPTOR.name, d.DESCRIPTOR.target, 'numpy' in sys.modules, "
        "d.DESCRIPTOR.missing())"
    )
    assert command(tmp_path, "-c", code).stdout.split() == ["my-bn", "my_bn:IMPLEMENTATION", "False", "None"]


def test_no_placeholder_is_left_and_every_file_is_python_or_toml(tmp_path: Path) -> None:
    """By parsing each."""
    import tomllib

    new(tmp_path, "my_bn", "--output", str(tmp_path))
    for path in tmp_path.iterdir():
        text = path.read_text()
        assert "@" not in text, path
        if path.suffix == ".py":
            ast.parse(text)
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["bn_impls"] == {"my-bn": "my_bn_descriptor:DESCRIPTOR"}


def test_what_cannot_be_written_whole_is_not_written(tmp_path: Path) -> None:
    """A file size limit stands for a full disk; the same command works once the cause is gone."""
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); "
        "from bn_impls.cli import main; raise SystemExit(main(['new', 'my_bn', '--output', 'made']))"
    )
    done = command(tmp_path, "-c", code)
    assert done.returncode == 2 and "made cannot be written" in done.stderr
    assert list((tmp_path / "made").iterdir()) == []


@pytest.mark.parametrize(("name", "part"), [
    ("my-bn", "'my-bn' is no module's name; it should be a Python identifier in ASCII, such as my_bn"),
    ("2bn", "'2bn' is no module's name"),
    ("größe", "it should be a Python identifier in ASCII"),
    ("../bn", "is no module's name"),
    ("", "'' is no module's name"),
    ("__", "'__' is no module's name"),
    ("class", "'class' is a keyword of Python, but should be a name of your own, such as my_class"),
    ("__main__", "a module '__main__' can be imported already"),
    ("keras", "the name 'keras' is taken"),
    ("tf_manual", "the name 'tf-manual' is taken"),
    ("json", "a module 'json' can be imported already"),
    ("numpy", "a module 'numpy' can be imported already"),
])  # fmt: skip
def test_a_bad_name_is_refused_and_nothing_is_written(name: str, part: str, tmp_path: Path) -> None:
    """With code 2, in one line."""
    done = new(tmp_path, name)
    assert done.returncode == 2
    assert part in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", [name.format(module="my_bn") for name in TEMPLATES])
def test_nothing_is_overwritten_and_nothing_is_written_beside_it(there: str, tmp_path: Path) -> None:
    """All files or none."""
    (tmp_path / there).write_text("mine")
    done = new(tmp_path, "my_bn", "--output", str(tmp_path))
    assert done.returncode == 2
    assert f"{there} exists and is not overwritten" in done.stderr
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(there, "mine")]


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "file").write_text("")
    done = new(tmp_path, "my_bn", "--output", str(tmp_path / "file"))
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_imports_no_framework_not_even_numpy(tmp_path: Path) -> None:
    """So that it answers at once."""
    code = (
        "import sys; from bn_impls.cli import main; main(['new', 'my_bn']); "
        "print([n for n in ('numpy', 'torch', 'tensorflow', 'jax', 'keras', 'pytest') if n in sys.modules])"
    )
    assert command(tmp_path, "-c", code).stdout.splitlines()[-1] == "[]"


def test_the_wheel_holds_the_templates(tmp_path: Path) -> None:
    """Built as it is published, without a network."""
    built = command(
        CHECKOUT, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check",
        "--wheel-dir", str(tmp_path), str(CHECKOUT),
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {f"bn_impls/scaffold/{template}" for template in TEMPLATES.values()} <= names
