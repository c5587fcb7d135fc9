"""``bn-bench check`` as a command, on implementations that behave badly: real processes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bn_impls.conformance.kit import CHECKS
from bn_impls.registry import BUILT_IN

CHECKOUT = Path(__file__).resolve().parents[2]
ROGUES = "tests.conformance.mutants.rogues"
FIELDS = {"name", "status", "got", "expected", "message", "cause"}


def check(*arguments: str, folder: Path = CHECKOUT, timeout: float = 400) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    path = os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH", "")]))
    return subprocess.run(
        [sys.executable, "-m", "bn_impls.cli", "check", *arguments], cwd=folder,
        env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip


def report(*arguments: str, code: int, folder: Path = CHECKOUT) -> dict[str, Any]:
    """The JSON document of a check that ends with a code: standard output holds it and nothing else."""
    done = check(*arguments, "--json", "--quick", folder=folder)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def by_name(found: dict[str, Any]) -> dict[str, Any]:
    """The results by their checks' names."""
    return {result["name"]: result for result in found["checks"]}


def test_a_right_implementation_passes_with_code_0() -> None:
    """With the fields of the contract, exactly."""
    found = report("numpy-reference", code=0)
    assert set(found) == {"implementation", "passed", "checks"}
    assert (found["implementation"], found["passed"]) == ("numpy-reference", True)
    assert all(set(result) == FIELDS for result in found["checks"])
    assert {result["status"] for result in found["checks"]} == {"passed", "skipped"}
    assert [result["name"] for result in found["checks"]] == ["loads", *(c.name for c in CHECKS if c.quick)]


def test_a_wrong_implementation_fails_with_code_1_and_the_text_names_the_mistake() -> None:
    """Once, with the other checks that it fails."""
    done = check("tests.axes.batch_norm_mutants:SWAPPED_DECAY")
    assert done.stderr.splitlines()[0] == f"0 of {len(CHECKS) + 1} done, now loads"
    assert f"{len(CHECKS)} of {len(CHECKS) + 1} done, now {CHECKS[-1].name}" in done.stderr
    words = " ".join(done.stdout.split())
    assert done.returncode == 1
    assert words.count("decay weighs the new value in your update, but should weigh the old one") == 2
    assert "the same mistake fails update_with_gradients, " in words
    assert words.rsplit("tests.axes", 1)[1].startswith(".batch_norm_mutants:SWAPPED_DECAY: failed; ")
    told = re.search(
        r"(\d+) failed, .* likely mistake, in (\d+) of (\d+) failures: moving_mean of a training call", words
    )
    assert told is not None
    assert told[1] == told[3]
    assert int(told[2]) > 10
    assert words.endswith(
        "next: mend it, and give the same command again; --quick leaves out the checks that take longest"
    )


def test_an_edit_within_the_second_that_the_file_was_saved_in_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python takes bytecode for current whose source has the same second and size."""
    layer = tmp_path / "my_bn.py"
    right = "from bn_impls.numpy_reference import IMPLEMENTATION\n"
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    layer.write_text(right)
    os.utime(layer, (1_000_000_000, 1_000_000_000))
    report("my_bn:IMPLEMENTATION", code=0, folder=tmp_path)
    layer.write_text("IMPLEMENTATION = 3".ljust(len(right) - 1) + "\n")
    os.utime(layer, (1_000_000_000, 1_000_000_000))
    assert "is a int" in by_name(report("my_bn:IMPLEMENTATION", code=1, folder=tmp_path))["loads"]["message"]


@pytest.mark.parametrize(("arguments", "part"), [
    (["no-such-name"], "unknown implementation 'no-such-name'"),
    (["no_such_module:X"], "there is no module 'no_such_module'"),
    ([f"{ROGUES}:KILLZ"], "there is no object 'KILLZ'; there is KILLS"),
    ([], "the following arguments are required: SPEC"),
    (["torch", "--timeout", "0"], "0 is no number of seconds above 0"),
])  # fmt: skip
def test_a_usage_error_is_code_2(arguments: list[str], part: str) -> None:
    """No check is run; close names are told."""
    done = check(*arguments)
    assert done.returncode == 2
    assert part in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("specification", "part"), [
    (f"{ROGUES}:NO_IMPLEMENTATION", "is a SimpleNamespace, but should be a bn_impls.interface.Implementation"),
    (f"{ROGUES}:BUILDS_NOTHING", "only on Tuesdays"),
])  # fmt: skip
def test_what_does_not_load_is_named_and_every_other_check_is_skipped(specification: str, part: str) -> None:
    """All checks are in the result."""
    found = report(specification, code=1)
    first, *others = found["checks"]
    assert (first["name"], first["status"]) == ("loads", "failed")
    assert part in first["message"]
    assert {result["status"] for result in others} == {"skipped"}
    assert first["cause"] in ("does_not_load", "builds_nothing")
    assert len(others) == sum(c.quick for c in CHECKS)


def test_a_module_that_raises_on_import_is_a_failed_check_told_once(tmp_path: Path) -> None:
    """With what it raised and where; the checks that were not run are one line."""
    (tmp_path / "raising_bn.py").write_text("\nnumber = 1 / 0\n")
    done = check("raising_bn:IMPLEMENTATION", folder=tmp_path)
    assert done.returncode == 1
    words = " ".join(done.stdout.split())
    assert "its module raised ZeroDivisionError: division by zero [raising_bn.py line 2]" in words
    assert f"skipped: {len(CHECKS)} checks (the implementation did not load)" in words
    assert len(done.stdout.splitlines()) <= 12


@pytest.mark.parametrize(("name", "part"), [
    ("INCOMPLETE", "required keyword-only arguments: 'training_step', 'training_step_with_gradients'"),
    ("NO_LAYER", "build gave a SimpleNamespace, but should give a Layer or Unsupported(reason)"),
])  # fmt: skip
def test_an_incomplete_layer_is_named(name: str, part: str) -> None:
    """By what it lacks, and every check is in the result."""
    results = by_name(report(f"{ROGUES}:{name}", code=1))
    assert results["loads"]["status"] == "passed"
    assert part in results["builds"]["message"]
    assert part in results["training_output"]["message"]


@pytest.mark.parametrize(("name", "part"), [
    ("RAISES", "it raised RuntimeError: no weights [rogues.py line"),
    ("GIVES_NAN", "the output of an inference call is nan"),
    ("WRONG_SHAPE", "output has shape (5, 3, 2, 4), but should be shape (6, 3, 2, 4)"),
    ("WRONG_DTYPE", "output has dtype float16, but should be dtype float64"),
    ("KILLS", "the process was ended by SIGSEGV"),
    pytest.param("EXITS", "the process exited with code 5", marks=pytest.mark.slow),  # a new process a check, as above
])  # fmt: skip
def test_a_bad_inference_is_named_and_the_training_checks_go_on(name: str, part: str) -> None:
    """Each check starts from a living process."""
    results = by_name(report(f"{ROGUES}:{name}", code=1))
    assert results["inference_output"]["status"] == "failed"
    assert part in results["inference_output"]["message"]
    for passed in ("training_output", "gradient_input", "update", "state_comes_back", "load_copies"):
        assert results[passed]["status"] == "passed", results[passed]


@pytest.mark.slow  # a minute: every later check gets a shorter deadline
def test_a_hang_is_killed_at_its_deadline_and_the_rest_goes_on() -> None:
    """With a deadline of two seconds a check."""
    results = by_name(report(f"{ROGUES}:HANGS", "--timeout", "2", code=1))
    assert results["inference_output"]["message"].startswith("the check hung: no answer within 2 s")
    assert results["training_output"]["status"] == "passed"
    assert results["gradient_input"]["status"] == "passed"


def test_garbage_on_standard_output_is_named_and_damages_nothing() -> None:
    """The report is still one JSON document."""
    results = by_name(report(f"{ROGUES}:PRINTS", code=1))
    assert {name for name, result in results.items() if result["status"] == "failed"} == {"prints_nothing"}
    assert "bytes to standard output" in results["prints_nothing"]["message"]


@pytest.mark.parametrize(("name", "part"), [
    ("SEEDS", "NumPy's random state"),
    ("SILENCES_ERRORS", "NumPy's error state (np.seterr)"),
    ("SETS_VARIABLES", "the environment variable MY_CALLS"),
    ("MOVES_ELSEWHERE", "the working directory"),
])  # fmt: skip
def test_a_changed_global_state_is_named(name: str, part: str) -> None:
    """By what was changed."""
    results = by_name(report(f"{ROGUES}:{name}", code=1))
    assert results["calls_are_harmless"]["status"] == "failed"
    assert f"building and calling a layer changed {part}" in results["calls_are_harmless"]["message"]
    assert results["training_output"]["status"] == "passed"


@pytest.mark.parametrize(("name", "part"), [
    ("TORCH_DEFAULTS", "torch's default dtype"),
    ("TORCH_SEEDS", "torch's random state"),
])  # fmt: skip
def test_a_changed_state_of_torch_is_named(name: str, part: str) -> None:
    """Where torch is installed."""
    pytest.importorskip("torch")
    results = by_name(report(f"{ROGUES}:{name}", code=1))
    assert f"building and calling a layer changed {part}" in results["calls_are_harmless"]["message"]


def test_a_module_that_seeds_when_imported_is_named(tmp_path: Path) -> None:
    """What its own file does, not what the frameworks do that it imports."""
    (tmp_path / "seeding.py").write_text(
        "import numpy as np\nfrom bn_impls.numpy_reference import IMPLEMENTATION\nnp.random.seed(0)\n"
    )
    results = by_name(report("seeding:IMPLEMENTATION", code=1, folder=tmp_path))
    assert "importing the implementation changed NumPy's random state" in results["import_is_harmless"]["message"]


def test_an_import_that_ends_the_process_is_named(tmp_path: Path) -> None:
    """As a fault in a native library."""
    (tmp_path / "fatal.py").write_text("import os\nos._exit(9)\n")
    found = report("fatal:IMPLEMENTATION", code=1, folder=tmp_path)
    assert "exited with code 9" in found["checks"][0]["message"]


def test_an_import_that_works_once_is_given_up_after_three_more(tmp_path: Path) -> None:
    """Not once a check, each with the deadline of a framework's import."""
    (tmp_path / "once.py").write_text(
        "import os, pathlib\nfrom tests.conformance.mutants.rogues import KILLS as IMPLEMENTATION\n"
        "with open(pathlib.Path(__file__).with_name('starts'), 'a') as starts:\n    starts.write('x')\n"
        "    if starts.tell() > 1:\n        os._exit(9)\n"
    )
    found = report("once:IMPLEMENTATION", code=1, folder=tmp_path)["checks"]
    lost = [result for result in found if result["status"] == "failed"]
    assert "SIGSEGV" in lost[0]["message"]
    assert all("it could not be started again: the process exited with code 9" in one["message"] for one in lost[1:])
    later = found[found.index(lost[-1]) + 1 :]
    assert len(lost) == 4
    assert later
    assert {result["status"] for result in later} == {"skipped"}
    assert all(result["message"].startswith("not run: 3 times after an earlier check") for result in later)
    assert (tmp_path / "starts").stat().st_size == 4


def test_what_a_layer_declines_is_skipped_with_its_reason() -> None:
    """Unsupported callables are no failure; a callable that is None is."""
    found = report(f"{ROGUES}:DECLINES", code=0)
    assert by_name(found)["gradient_input"]["message"] == "no gradients here"
    results = by_name(report(f"{ROGUES}:NO_GRADIENTS", code=1))
    assert "training_step_with_gradients is a NoneType, but should be a callable" in results["builds"]["message"]
    assert results["training_output"]["status"] == "passed"


def test_what_a_layer_does_offer_is_tested_where_it_declines_something_else() -> None:
    """Declined gradients cost the checks of gradients, and no other one."""
    results = by_name(report(f"{ROGUES}:DECLINES", code=0))
    declined = {name for name, result in results.items() if result["message"] == "no gradients here"}
    assert declined == {
        "gradient_input", "gradient_gamma", "gradient_beta", "gradients_table", "gradient_call_output",
        "gradients_second_call", "update_with_gradients",
    }  # fmt: skip
    results = by_name(report(f"{ROGUES}:DECLINES_AND_KEEPS", code=1))
    assert results["inputs_are_kept"]["status"] == "failed"


def test_documented_behaviour_that_is_not_found_is_a_failure() -> None:
    """What is declared must be true."""
    results = by_name(report(f"{ROGUES}:STALE_DOCUMENTATION", code=1))
    assert "take it out of `documented`" in results["update"]["message"]


def test_documented_behaviour_that_is_found_passes_and_is_shown() -> None:
    """A layer without a counter that says so."""
    shown = by_name(report(f"{ROGUES}:NO_COUNTER", code=0))["checkpoint_counter"]
    assert shown["message"].startswith("documented behaviour of this API: there is no counter (in the format npz, ")


@pytest.mark.parametrize(("name", "checks", "part"), [
    ("ANOTHER_COUNT", {"checkpoint_counter"}, "the cause of this is checkpoint_counter_changed"),
    ("LOSES_GAMMA", {"checkpoint"}, "the cause of this is checkpoint_parameters"),
    ("VARIANCE_OF_ONE", {"mean_100", "mean_10000"}, "the cause of this is unknown"),
])  # fmt: skip
def test_a_sentence_does_not_excuse_another_mistake_of_the_same_check(name: str, checks: set[str], part: str) -> None:
    """Only the cause that it is about."""
    results = by_name(report(f"{ROGUES}:{name}", code=1))
    assert {check for check, result in results.items() if result["status"] == "failed"} == checks
    assert all(part in results[check]["message"] for check in checks)


@pytest.mark.parametrize(("name", "part"), [
    ("DOCUMENTS_A_SENTENCE", "a str for 'update', but should have a bn_impls.interface.Documented(cause, behaviour)"),
    ("DOCUMENTS_NO_CHECK", "a behaviour for 'updates', but should have the name of a check, which this is not"),
    ("DOCUMENTS_THE_UNKNOWN", "the cause 'unknown' for 'update', but should have a named mistake"),
])  # fmt: skip
def test_documentation_that_could_excuse_nothing_or_anything_is_refused(name: str, part: str) -> None:
    """With what it has and what it should have."""
    assert part in by_name(report(f"{ROGUES}:{name}", code=1))["documentation"]["message"]


FAST = ("numpy-reference", "torch")
SHIPPED = [
    pytest.param(one, id=one.name, marks=[] if one.name in FAST else [pytest.mark.slow])  # 10 to 30 s each
    for one in BUILT_IN
]


@pytest.mark.parametrize("descriptor", SHIPPED)
def test_every_shipped_implementation_passes(descriptor: Any) -> None:
    """No false alarm; what an API does on purpose is declared, and shown as such."""
    if (reason := descriptor.missing()) is not None:
        pytest.skip(reason)
    found = report(descriptor.name, code=0)
    findings = {r["name"] for r in found["checks"] if r["status"] == "passed" and r["message"]}
    assert findings == FINDINGS.get(descriptor.name, set())


FINDINGS = {
    "keras": {"checkpoint_counter"},
    "keras-torch": {"mean_100", "mean_10000"},
    "flax": {"mean_100", "mean_10000"},
    "haiku": {"mean_100", "mean_10000", "constant_channel"},
}
"""Checks that find what an API does on purpose, by implementation."""
