"""A worker imports its framework without what it takes along by chance, and finds all of that again afterwards."""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bn_impls.isolation.loading import absent
from bn_impls.registry import BUILT_IN, Descriptor, describe

GREEDY = "try:\n    import luxury\nexcept ModuleNotFoundError:\n    luxury = None\n"


@pytest.fixture
def greedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module ``greedy`` that takes ``luxury`` along where it can be imported."""
    (tmp_path / "greedy.py").write_text(GREEDY)
    (tmp_path / "luxury.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("greedy", "luxury"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.mark.usefixtures("greedy")
def test_what_is_absent_is_not_taken_along() -> None:
    """As if it were not installed; afterwards it can be imported."""
    with absent(["luxury", "not_there_anyway"]):
        assert importlib.import_module("greedy").luxury is None
        assert importlib.util.find_spec("luxury") is None
    assert importlib.import_module("luxury").__name__ == "luxury"
    assert "not_there_anyway" not in sys.modules


@pytest.mark.usefixtures("greedy")
def test_what_is_imported_stays() -> None:
    """Also where the block raises."""
    luxury = importlib.import_module("luxury")
    with pytest.raises(ZeroDivisionError), absent(["luxury", "json_of_another_kind"]):
        assert importlib.import_module("greedy").luxury is luxury
        raise ZeroDivisionError
    assert sys.modules["luxury"] is luxury
    assert "json_of_another_kind" not in sys.modules


@pytest.mark.parametrize("descriptor", BUILT_IN, ids=lambda descriptor: descriptor.name)
def test_nobody_does_without_what_it_needs(descriptor: Descriptor) -> None:
    """The two lists of a descriptor exclude each other."""
    needed = {module.partition(".")[0] for module in descriptor.modules}
    assert not needed & set(descriptor.does_without)


def test_keras_takes_nothing_along() -> None:
    """In a fresh process; what it does not need is found again once it is imported."""
    descriptor = describe("keras-jax")
    if reason := descriptor.missing():
        pytest.skip(reason)
    code = f"""
import importlib.util, json, os, sys
os.environ |= {dict(descriptor.environment)!r}
from bn_impls.isolation.loading import load_alone
load_alone("keras-jax")
names = {descriptor.does_without!r}
print(json.dumps([sorted(set(names) & set(sys.modules)), [bool(importlib.util.find_spec(name)) for name in names]]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    taken, found = json.loads(done.stdout.splitlines()[-1])
    assert taken == []
    assert found == [importlib.util.find_spec(name) is not None for name in descriptor.does_without]
