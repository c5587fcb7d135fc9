"""What the registry and the conventions say of each implementation, against what the probes see."""

from __future__ import annotations

from functools import cache

import pytest

from bn_impls.registry import Descriptor, descriptors
from bn_impls.semantics.observing import Row, observe
from bn_impls.semantics.questions import QUESTIONS
from bn_impls.semantics.table import TROUBLE


@cache
def row_of(descriptor: Descriptor) -> Row:
    """Every answer of an implementation in its usual style, from a process of its own; or skip with the reason."""
    if reason := descriptor.missing():
        pytest.skip(reason)
    return observe(descriptor, descriptor.styles[:1])  # type: ignore[arg-type]  # a descriptor's styles are plain text


@pytest.fixture(params=descriptors().values(), ids=lambda descriptor: descriptor.name)
def row(request: pytest.FixtureRequest) -> Row:
    """The answers of one implementation."""
    return row_of(request.param)


def test_what_is_declared_is_what_is_observed(row: Row) -> None:
    """A convention that an implementation declares and does not keep fails here, with the numbers."""
    wrong = {
        key: f"declared {cell['declared']}, observed {cell['observed']}: {cell['evidence']}"
        for key, cell in row.items()
        if cell["declared"] is not None and cell["declared"] != cell["observed"]
    }
    assert wrong == {}


def test_every_question_gets_an_answer(row: Row) -> None:
    """No probe fails on an implementation of ours: what an API refuses is an answer."""
    assert set(row) == {question.key for question in QUESTIONS}
    assert {key: cell["evidence"] for key, cell in row.items() if cell["observed"] in TROUBLE} == {}
