"""The other call styles that a descriptor declares compute the same."""

from __future__ import annotations

from collections.abc import Callable

from bn_impls.conformance.diagnosis import Cause
from bn_impls.conformance.judging import judged, unless_usual_is_wrong
from bn_impls.conformance.model import Check, Failure, NotOffered
from bn_impls.conformance.subject import Subject, calls
from bn_impls.interface import STYLES, Style


def _in(style: Style) -> Callable[[Subject], Failure | None]:
    def run(subject: Subject) -> Failure | None:
        if style == subject.style or style not in subject.styles:
            used = "is the style of the other checks" if style == subject.style else "is not declared"
            raise NotOffered(f"{style} {used}")
        layer = subject.build(style=style)
        otherwise = Cause("style", f"the style {subject.style} is right and {style} is not")
        kinds = calls(layer.configuration, "gradients", "inference", seed=140)
        return judged(layer, kinds, unless_usual_is_wrong(subject, otherwise))

    return run


CHECKS = tuple(
    Check(f"style_{style}", f"called as {style}, the results are the same", _in(style), quick=style == "eager")
    for style in STYLES
)
