"""What the registry and the conventions say of each implementation, against what the probes see."""

from __future__ import annotations

from functools import cache

import pytest

from bn_impls.interface import VARIANTS
from bn_impls.registry import BUILT_IN, Descriptor, descriptors, load
from bn_impls.semantics.observing import Row, observe
from bn_impls.semantics.questions import QUESTIONS
from bn_impls.semantics.table import TROUBLE


@cache
def row_of(descriptor: Descriptor) -> Row:
    """Every answer of an implementation in its usual style, from a process of its own; or skip with the reason."""
    if reason := descriptor.missing():
        pytest.skip(reason)
    return observe(descriptor, descriptor.styles[:1])  # type: ignore[arg-type]  # a descriptor's styles are plain text


FAST = ("numpy-reference", "keras", "torch", "numba", "onnxruntime")
"""Two frameworks and what starts fast; every other one takes its process 10 s."""


def marks_of(name: str) -> list[pytest.MarkDecorator]:
    """Slow, unless it is fast."""
    return [] if name in FAST else [pytest.mark.slow]


OFFERED = [pytest.param(one, id=one.name, marks=marks_of(one.name)) for one in descriptors().values()]


@pytest.fixture(params=OFFERED)
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


APIS = [descriptor for descriptor in BUILT_IN if descriptor.framework != "NumPy"]  # the reference is no API


@pytest.mark.parametrize("descriptor", APIS, ids=lambda descriptor: descriptor.name)
def test_every_variant_is_a_layer_or_has_its_reason(descriptor: Descriptor) -> None:
    """No cell of the matrix is empty because nobody looked."""
    if reason := descriptor.missing():
        pytest.skip(reason)
    assert set(load(descriptor).variants) == set(VARIANTS)


OBSERVED = {
    ("haiku", "tensor_flag"): "refused",
    ("haiku", "replicas_synchronized"): "normalized by both halves; moving mean over both, variance over both",
    ("haiku", "inference_gradient"): "flows",
    ("keras-jax", "default_decay"): "0.99",
    ("keras-jax", "frozen"): "moving statistics, which stay; gradients of parameters: none",
    ("keras-jax", "mask"): "left out of mean and variance",
    ("keras-torch", "default_epsilon"): "0.001",
    ("keras-torch", "frozen"): "moving statistics, which stay; gradients of parameters: none",
    ("keras-torch", "mask"): "left out of mean and variance",
    ("keras-torch", "tensor_flag"): "works",
    ("sonnet", "default_decay"): "0.999",
    ("sonnet", "default_epsilon"): "1e-05",
    ("sonnet", "tensor_flag"): "works",
    ("onnxruntime", "default_decay"): "0.9",
    ("onnxruntime", "default_epsilon"): "1e-05",
    ("onnxruntime", "update_trigger"): "something that the caller adds",
}


@pytest.mark.parametrize(("name", "key"), [pytest.param(*known, marks=marks_of(known[0])) for known in OBSERVED])
def test_a_variant_does_what_its_api_is_known_to_do(name: str, key: str) -> None:
    """Defaults from the signatures of the APIs and the ONNX standard, the rest from their documentation."""
    assert row_of(descriptors()[name])[key]["observed"] == OBSERVED[name, key]
