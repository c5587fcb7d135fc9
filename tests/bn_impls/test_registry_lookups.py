"""Finding implementations: nothing heavy is imported, names are helped with, and broken parts become rows."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bn_impls.errors import BadSpecification, UnknownName
from bn_impls.interface import Implementation
from bn_impls.registry import BUILT_IN, Descriptor, describe, descriptors, from_checkout, load

CHECKOUT = Path(__file__).resolve().parents[2]


def in_a_process(code: str, *folders: Path) -> Any:
    """Run code in a fresh interpreter that also searches the folders; it prints JSON."""
    head = f"import json, sys\nsys.path[:0] = {[str(folder) for folder in folders]!r}\n"
    done = subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


IMPORTED = """
    before = set(sys.modules)
    {code}
    top = {{name.partition(".")[0] for name in set(sys.modules) - before}}
    print(json.dumps(sorted(name for name in top - set(sys.stdlib_module_names) if not name.startswith("_"))))
"""


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param("import bn_impls", ["bn_impls"], id="package"),
        pytest.param("import bn_impls.registry as r; r.descriptors()", ["bn_impls"], id="registry"),
        pytest.param("import bn_impls.interface", ["bn_impls", "numpy"], id="interface"),
        pytest.param("import bn_impls.networks.numpy_network", ["bn_impls", "numpy"], id="numpy-network"),
        pytest.param(
            "import bn_impls.registry as r; r.load(r.describe('numpy-reference'))",
            ["bn_impls", "numpy"],
            id="reference",
        ),
    ],
)
def test_importing_needs_at_most_numpy(code: str, expected: list[str]) -> None:
    """And to list the implementations not even that."""
    assert in_a_process(IMPORTED.format(code=code)) == expected


def test_the_built_in_implementations_are_known_in_order() -> None:
    """The oracle first."""
    assert list(descriptors())[:3] == ["numpy-reference", "tf-manual", "keras"]


@pytest.mark.parametrize("descriptor", BUILT_IN, ids=lambda descriptor: descriptor.name)
def test_a_built_in_descriptor_leads_to_an_implementation(descriptor: Descriptor) -> None:
    """Where its modules are installed."""
    if reason := descriptor.missing():
        pytest.skip(reason)
    assert isinstance(load(descriptor), Implementation)


@pytest.mark.parametrize("descriptor", BUILT_IN, ids=lambda descriptor: descriptor.name)
def test_a_built_in_descriptor_says_what_it_is(descriptor: Descriptor) -> None:
    """Framework and one line, styles and formats; the way to install what it needs."""
    assert descriptor.framework
    assert descriptor.summary
    assert "\n" not in descriptor.summary
    assert descriptor.styles
    assert descriptor.trainer_styles
    assert descriptor.formats
    assert bool(descriptor.install) == bool(descriptor.modules)
    if descriptor.install:
        extras = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        assert descriptor.install in {from_checkout(extra) for extra in extras}


# ---- names ----------------------------------------------------------------------------------------------------------


def test_a_name_finds_its_descriptor() -> None:
    """The registered one."""
    assert describe("keras") == descriptors()["keras"]


@pytest.mark.parametrize(
    ("given", "hint"),
    [("kera", "did you mean keras"), ("tf-manul", "did you mean tf-manual"), ("numpy_reference", "numpy-reference")],
)
def test_an_unknown_name_shows_close_ones(given: str, hint: str) -> None:
    """Then all, and how to give one's own."""
    with pytest.raises(UnknownName, match=rf"unknown implementation '{given}': .*{hint}.*package\.module:OBJECT"):
        describe(given)


def test_a_name_like_no_other_shows_all() -> None:
    """No hint is better than a wrong one."""
    with pytest.raises(UnknownName) as caught:
        describe("zzzzzz")
    assert "did you mean" not in str(caught.value)
    assert all(name in str(caught.value) for name in ("numpy-reference", "tf-manual", "keras"))


@pytest.mark.parametrize("given", ["", ":OBJECT"])
def test_a_specification_without_a_module_is_an_unknown_name(given: str) -> None:
    """Not an import of nothing."""
    with pytest.raises(UnknownName, match="unknown implementation"):
        describe(given)


# ---- module:OBJECT --------------------------------------------------------------------------------------------------

MODULE = """
    from bn_impls.numpy_reference import IMPLEMENTATION as MINE
    number = 7
"""


@pytest.fixture
def module_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with modules, searched first; modules imported from it are forgotten afterwards."""
    (tmp_path / "their_layer.py").write_text(textwrap.dedent(MODULE))
    (tmp_path / "their_broken_layer.py").write_text("raise RuntimeError('no licence')\n")
    (tmp_path / "their_quitting_layer.py").write_text("import sys\nsys.exit('good bye')\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("their_layer", "their_broken_layer", "their_quitting_layer"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


@pytest.mark.usefixtures("module_folder")
def test_a_module_and_object_lead_to_an_implementation() -> None:
    """The specification is its name, and it counts as available until it is imported."""
    descriptor = describe("their_layer:MINE")
    assert (descriptor.name, descriptor.target, descriptor.missing()) == ("their_layer:MINE", "their_layer:MINE", None)
    assert load(descriptor) is load(describe("numpy-reference"))


@pytest.mark.usefixtures("module_folder")
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("no_such_module:OBJECT", "does not import: there is no module 'no_such_module'"),
        ("their_layer:OTHER", "does not import: there is no object 'OTHER'; there is MINE; give module:OBJECT"),
        ("their_layer:", "does not import: there is no object ''; there is MINE"),
        (
            "their_broken_layer:MINE",
            r"does not import: its module raised RuntimeError: no licence \[their_broken_layer.py line 1\]",
        ),
        ("their_quitting_layer:MINE", "does not import: its module raised SystemExit: good bye"),
        ("their_layer:number", r"is a int, but should be a bn_impls\.interface\.Implementation, or a class"),
    ],
)
def test_a_specification_that_leads_nowhere_says_why(given: str, message: str) -> None:
    """What happened, what was expected, and the way out."""
    with pytest.raises(BadSpecification, match=f"{given}.*{message}"):
        load(describe(given))


def test_the_current_folder_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `python -m` does and an installed script does not."""
    (tmp_path / "layer_beside_me.py").write_text(textwrap.dedent(MODULE))
    code = """
        import os
        sys.path[:] = [entry for entry in sys.path if entry]
        os.chdir(sys.path[0])
        sys.path.pop(0)
        from bn_impls.registry import describe, load
        print(json.dumps(type(load(describe("layer_beside_me:MINE"))).__name__))
    """
    assert in_a_process(code, tmp_path) == "Implementation"


def test_a_file_in_the_current_folder_does_not_shadow_a_library(tmp_path: Path) -> None:
    """It is searched last: `import numpy` is still the real one."""
    (tmp_path / "layer_beside_me.py").write_text("import numpy\n" + textwrap.dedent(MODULE))
    (tmp_path / "numpy.py").write_text("raise RuntimeError('not the real one')\n")
    code = """
        import os
        folder = sys.path.pop(0)
        sys.path[:] = [entry for entry in sys.path if entry]
        os.chdir(folder)
        from bn_impls.registry import describe, load
        print(json.dumps(type(load(describe("layer_beside_me:MINE"))).__name__))
    """
    assert in_a_process(code, tmp_path) == "Implementation"


def test_the_current_folder_is_not_searched_for_a_registered_name() -> None:
    """The search path stays as it was."""
    code = """
        sys.path[:] = [entry for entry in sys.path if entry]
        before = list(sys.path)
        from bn_impls.registry import describe, load
        load(describe("numpy-reference"))
        print(json.dumps(sys.path == before))
    """
    assert in_a_process(code) is True


# ---- what is missing ------------------------------------------------------------------------------------------------


def a_descriptor(**changes: Any) -> Descriptor:
    """A third party's, with defaults."""
    return Descriptor(**({"name": "x", "framework": "X", "summary": "s", "target": "x:X"} | changes))


def test_a_module_that_is_not_installed_is_a_reason_with_the_way_out() -> None:
    """Every absent one is named; those that are there are not."""
    found = a_descriptor(modules=("no_such_module", "numpy", "nor_this.inner"), install="pip install x").missing()
    assert found == "no_such_module, nor_this.inner is not installed; pip install x"


def test_nothing_is_missing_where_everything_is_installed() -> None:
    """The module is looked up, not imported."""
    assert a_descriptor(modules=("numpy", "json")).missing() is None


def test_a_problem_is_what_is_missing() -> None:
    """And loading raises it."""
    broken = a_descriptor(problem="the entry point is broken")
    assert broken.missing() == "the entry point is broken"
    with pytest.raises(BadSpecification, match="x: the entry point is broken"):
        load(broken)


# ---- entry points: real distributions in a real process -------------------------------------------------------------

THEIR_DESCRIPTORS = """
    from bn_impls.registry import Descriptor

    def named(name):
        return Descriptor(name=name, framework="Theirs", summary="a layer", target="their_package.layer:MINE")

    GOOD, TAKEN, TWICE = named("theirs"), named("keras"), named("theirs")
    NUMBER = 7
"""
LISTED = """
    from bn_impls.registry import BUILT_IN, descriptors
    found = descriptors()
    built_in = {d.name for d in BUILT_IN}
    print(json.dumps({name: [d.framework, d.missing()] for name, d in found.items() if name not in built_in}))
"""


def install(folder: Path, name: str, entry_points: str) -> None:
    """Write what an installer leaves behind: the package's metadata with its entry points."""
    information = folder / f"{name}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[bn_impls]\n{entry_points}\n")
    package = folder / "their_package"
    package.mkdir(exist_ok=True)
    (package / "__init__.py").touch()
    (package / "descriptors.py").write_text(textwrap.dedent(THEIR_DESCRIPTORS))
    (package / "layer.py").write_text(textwrap.dedent(MODULE))
    (package / "broken.py").write_text("raise RuntimeError('no licence')\n")
    (package / "quits.py").write_text("raise SystemExit('good bye')\n")


def test_an_entry_point_adds_an_implementation(tmp_path: Path) -> None:
    """It is listed without importing NumPy, and leads to its layer."""
    install(tmp_path, "theirs", "theirs = their_package.descriptors:GOOD")
    assert in_a_process(LISTED, tmp_path) == {"theirs": ["Theirs", None]}
    code = """
        from bn_impls.registry import describe, load
        print(json.dumps(type(load(describe("theirs"))).__name__))
    """
    assert in_a_process(code, tmp_path) == "Implementation"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("no_such_package:GOOD", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("their_package.descriptors:MISSING", "AttributeError: module 'their_package.descriptors' has no attribute"),
        ("their_package.broken:GOOD", "RuntimeError: no licence"),
        ("their_package.quits:GOOD", "SystemExit: good bye"),
        ("their_package.descriptors:NUMBER", "it is a int, but should be a Descriptor"),
        ("their_package.layer:MINE", "it is a Implementation, but should be a Descriptor"),
    ],
)
def test_a_broken_entry_point_is_a_row_that_says_why(target: str, reason: str, tmp_path: Path) -> None:
    """The others are listed as if nothing had happened."""
    install(tmp_path, "theirs", f"broken = {target}\ngood = their_package.descriptors:GOOD")
    rows = in_a_process(LISTED, tmp_path)
    assert rows["theirs"] == ["Theirs", None]
    assert rows["broken"][0] == "?"
    assert rows["broken"][1].startswith(f"the entry point {target} is broken: {reason}")


def test_a_built_in_name_cannot_be_taken(tmp_path: Path) -> None:
    """The built-in stays; the other is a row of its own that says what to do."""
    install(tmp_path, "theirs", "keras = their_package.descriptors:TAKEN")
    rows = in_a_process(LISTED, tmp_path)
    problem = "the name 'keras' is taken; the other package must choose another"
    assert rows == {"keras (their_package.layer:MINE)": ["?", problem]}


def test_of_two_packages_with_one_name_the_first_by_entry_point_wins(tmp_path: Path) -> None:
    """The second is a row that says so."""
    entries = "a = their_package.descriptors:GOOD\nb = their_package.descriptors:TWICE"
    install(tmp_path, "theirs", entries)
    rows = in_a_process(LISTED, tmp_path)
    assert rows["theirs"] == ["Theirs", None]
    assert "is taken" in rows["theirs (their_package.layer:MINE)"][1]
