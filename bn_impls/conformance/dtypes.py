"""Every dtype that is offered: results in it, and as exact as it allows."""

from __future__ import annotations

from collections.abc import Callable

from bn_impls.conformance.judging import judged
from bn_impls.conformance.model import Check, Failure, NotOffered
from bn_impls.conformance.subject import Subject, calls


def _in(dtype: str, seed: int) -> Callable[[Subject], Failure | None]:
    def run(subject: Subject) -> Failure | None:
        if dtype == subject.dtype:
            raise NotOffered(f"{dtype} is what the other checks run in")
        layer = subject.build(dtype=dtype)
        kinds = calls(layer.configuration, "training", "gradients", "inference", seed=seed, num_updates=50)
        return judged(layer, kinds)

    return run


def _float16(dtype: str, seed: int) -> Callable[[Subject], Failure | None]:
    """In half precision parameters and statistics may be kept wider or not; the output alone is judged."""

    def run(subject: Subject) -> Failure | None:
        layer = subject.build(dtype=dtype)
        return judged(layer, calls(layer.configuration, "training", "inference", seed=seed), only=("output",))

    return run


CHECKS = (
    Check("float64", "float64 goes in and comes out, with float64's accuracy", _in("float64", 110)),
    Check("float32", "float32 goes in and comes out, with float32's accuracy", _in("float32", 111)),
    Check("float16", "float16 goes in and comes out, with float16's accuracy", _float16("float16", 112)),
    Check("bfloat16", "bfloat16 goes in and comes out, with bfloat16's accuracy", _float16("bfloat16", 113)),
)
