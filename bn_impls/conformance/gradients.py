"""The gradients of input, gamma and beta."""

from __future__ import annotations

from collections.abc import Callable

from bn_impls.conformance.diagnosis import Cause
from bn_impls.conformance.judging import judged, unless_usual_is_wrong
from bn_impls.conformance.model import Check, Failure
from bn_impls.conformance.subject import TABLE, Subject, calls

GRADIENTS = ("gradient_input", "gradient_gamma", "gradient_beta")


def _of(name: str) -> Callable[[Subject], Failure | None]:
    def run(subject: Subject) -> Failure | None:
        layer = subject.build()
        return judged(layer, calls(layer.configuration, "gradients", seed=10), only=(name,))

    return run


def _of_a_table(subject: Subject) -> Failure | None:
    layer = subject.build(input_shape=TABLE)
    return judged(layer, calls(layer.configuration, "gradients", seed=11), only=GRADIENTS)


def _output(subject: Subject) -> Failure | None:
    layer = subject.build()
    return judged(layer, calls(layer.configuration, "gradients", seed=12), only=("output",))


STALE = Cause(
    "stale_gradient",
    "the first call's gradients are right and later ones are not: what the forward pass leaves for the backward pass "
    "is not renewed in each call",
)


def _second_call(subject: Subject) -> Failure | None:
    layer = subject.build()
    first, second, third = calls(layer.configuration, "gradients", "gradients", "gradients", seed=13)
    if (wrong := judged(layer, [first], only=GRADIENTS)) is not None:
        return wrong
    return judged(layer, [second, third], lambda _: STALE, only=GRADIENTS)


def _after_inference(subject: Subject) -> Failure | None:
    layer = subject.build()
    order = calls(layer.configuration, "gradients", "inference", "gradients", seed=14)
    stale = unless_usual_is_wrong(subject, STALE)
    return judged(layer, order, stale, only=GRADIENTS)


CHECKS = (
    Check("gradient_input", "dx = gamma / s (dy - dbeta / n - xhat dgamma / n)", _of("gradient_input")),
    Check("gradient_gamma", "the gradient of gamma is sum dy xhat", _of("gradient_gamma")),
    Check("gradient_beta", "the gradient of beta is sum dy", _of("gradient_beta")),
    Check("gradients_table", "the gradients of a table are right, too", _of_a_table),
    Check("gradient_call_output", "the call with gradients gives the same output as the one without", _output),
    Check("gradients_second_call", "the gradients of a second and third call are right", _second_call),
    Check("gradients_after_inference", "an inference call in between does not disturb the gradients", _after_inference),
)
