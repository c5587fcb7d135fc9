"""Second-order gradients: told, and no failure (docs/decisions/0011)."""

from __future__ import annotations

from bn_impls.accuracy.second_order import compare_second_order
from bn_impls.conformance.model import Check, Failure, NotOffered
from bn_impls.conformance.subject import Subject
from bn_impls.interface import Unsupported

VARIANT = "second_order"
STEPS = 2


def _second_order(subject: Subject) -> Failure | None:
    variants = subject.implementation.variants
    if VARIANT not in variants:
        raise NotOffered(f"the implementation offers no variant {VARIANT!r}")
    layer = variants[VARIANT](subject.configuration())
    if isinstance(layer, Unsupported):
        raise NotOffered(layer.reason)
    try:
        steps, constant_mean = compare_second_order(layer, 140, STEPS)
    finally:
        layer.close()
    worst = max((figures for step in steps for figures in step.values()), key=lambda figures: figures["over_limit"])
    if worst["over_limit"] <= 1:
        return None
    why = "it is what follows if the mean in the variance is held constant" if constant_mean else "no cause is known"
    return Failure(
        message=f"second-order gradients are wrong by {worst['rel']:.2g} of their size, {worst['over_limit']:.3g} "
        f"times what rounding explains: {why}; gradient penalties use them, training does not",
        got=f"{worst['abs']:.3g} off", expected="the derivative of the input's gradient",
        cause="second_order_constant_mean" if constant_mean else "second_order", told=True,
    )  # fmt: skip


CHECKS = (Check("second_order", "second-order gradients are right; told, and no failure", _second_order, quick=False),)
