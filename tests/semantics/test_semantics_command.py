"""``bn-bench semantics``: the JSON contract, the table for a person, and mistakes of a user."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bn_impls.semantics.asking import Question
from bn_impls.semantics.questions import BY_KEY, QUESTIONS
from bn_impls.semantics.table import as_text, differing, most

CHECKOUT = Path(__file__).resolve().parents[2]
ASKED = BY_KEY["start_values"]


def bn_bench(*arguments: str, columns: str = "100") -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "bn_impls.cli", "semantics", *arguments], cwd=CHECKOUT,
        env={**os.environ, "COLUMNS": columns}, capture_output=True, text=True, timeout=1200, check=False,
    )  # fmt: skip


def cell(observed: str, declared: str | None = None, evidence: str = "1 became 2") -> dict[str, str | None]:
    """One cell."""
    return {"observed": observed, "declared": declared, "evidence": evidence}


def text_of(question: Question = ASKED, **answers: dict[str, str | None]) -> str:
    """The table of one question."""
    return as_text({name: {question.key: answer} for name, answer in answers.items()}, [question])


def test_what_all_answer_alike_is_counted_and_not_shown() -> None:
    """With two names; --all shows it."""
    names = ("numpy-reference", "bn_impls.numpy_reference:IMPLEMENTATION")
    asked = ("--question", "epsilon_place", "--question", "start_values")
    done = bn_bench(*names, *asked)
    assert done.returncode == 0, done.stderr
    assert "Place of epsilon" not in done.stdout
    assert done.stdout.endswith("\n2 of 2 the same; --all shows them\n")
    assert "Place of epsilon" in bn_bench(*names, *asked, "--all").stdout


def test_only_what_differs_contradicts_or_failed_is_kept() -> None:
    """By value, from the cells."""

    def kept(*answers: dict[str, str | None]) -> bool:
        return bool(differing({str(n): {ASKED.key: one} for n, one in enumerate(answers)}, [ASKED]))

    assert not kept(cell("a"), cell("a", "a"))
    assert kept(cell("a"), cell("b"))
    assert kept(cell("a"), cell("a", "b"))
    assert kept(cell("failed"), cell("failed"))


def test_json_keeps_its_shape() -> None:
    """Name, question, and the three fields that scripts read."""
    done = bn_bench("numpy-reference", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert list(found) == ["numpy-reference"]
    assert list(found["numpy-reference"]) == [question.key for question in QUESTIONS]
    for answer in found["numpy-reference"].values():
        assert set(answer) == {"observed", "declared", "evidence"}
    assert found["numpy-reference"]["start_values"]["observed"] == "mean 0, variance 1"


def test_one_question_of_a_module_of_ones_own() -> None:
    """``module:OBJECT`` and ``--question`` go together; no line is wider than the terminal."""
    done = bn_bench("bn_impls.numpy_reference:IMPLEMENTATION", "--question", "epsilon_place", columns="90")
    assert done.returncode == 0, done.stderr
    assert "Place of epsilon" in done.stdout
    assert "inside the root" in done.stdout
    assert "Start values" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 90


def test_the_exit_code_tells_of_contradictions_and_failures() -> None:
    """1 for something else than declared, with its mark; 3 for what does not import, and for a lost process."""
    done = bn_bench("tests.axes.batch_norm_mutants:STARTS_AT_ZERO", "--question", "start_values")
    assert (done.returncode, done.stderr.strip()) == (1, "asking tests.axes.batch_norm_mutants:STARTS_AT_ZERO eager")
    assert "  ! mean 0, variance 0" in done.stdout
    assert bn_bench("no_such_module:OBJECT", "--question", "start_values").returncode == 3
    assert bn_bench("tests.conformance.mutants.rogues:KILLS", "--question", "start_values").returncode == 3


@pytest.mark.slow  # PyTorch is started three times
def test_every_call_style_is_asked_unless_the_usual_one_is_wanted() -> None:
    """Each in a process of its own."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    asked = ["torch", "--question", "start_values"]
    assert bn_bench(*asked).stderr.split("\n")[:2] == ["asking torch eager", "asking torch graph"]
    assert bn_bench(*asked, "--styles", "usual").stderr.strip() == "asking torch eager"


def test_unknown_names_and_questions_are_usage_errors() -> None:
    """With what is close, and without a traceback."""
    for arguments, hint in (
        (["numpy-referense"], "numpy-reference"),
        (["--question", "epsilon_plays"], "epsilon_place"),
    ):
        done = bn_bench(*arguments)
        assert done.returncode == 2
        assert f"did you mean {hint}" in done.stderr
        assert "Traceback" not in done.stderr


def test_the_majority_needs_two() -> None:
    """What is not offered does not vote, and a tie has no majority."""
    matrix = {
        name: {"k": cell(observed)} for name, observed in (("a", "x"), ("b", "not offered"), ("c", "not offered"))
    }
    assert most(matrix, "k") is None
    assert most({**matrix, "d": {"k": cell("x")}}, "k") == "x"
    assert most({**matrix, "d": {"k": cell("x")}, "e": {"k": cell("y")}, "f": {"k": cell("y")}}, "k") is None


def test_differences_and_contradictions_are_marked() -> None:
    """Who differs has a mark, who contradicts a declaration another, and what was declared is said."""
    text = text_of(a=cell("x"), b=cell("x"), c=cell("y"), d=cell("z", declared="x"))
    lines = text.splitlines()
    assert "    x" in lines
    assert "  > y" in lines
    assert "  ! z" in lines
    assert "d declares x; 1 became 2" in text


def test_control_characters_of_an_error_do_not_reach_the_terminal() -> None:
    """An implementation's message cannot move the cursor."""
    assert "\x1b" not in text_of(a=cell("failed", evidence="\x1b[2Jgone"))


def test_the_page_on_semantics_lists_every_question() -> None:
    """The table in the docs is the registry's."""
    table = "\n".join(f"| {q.title} | `{q.key}` | {q.meaning} |" for q in QUESTIONS)
    page = (CHECKOUT / "docs" / "semantics.md").read_text(encoding="utf-8")
    assert table in page, f"docs/semantics.md should have this table:\n{table}"
