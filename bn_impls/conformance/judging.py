"""The step that most checks share: play calls, compare with the reference, and say what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from bn_impls.accuracy.errors import distance, over
from bn_impls.conformance.calls import NAMES, Call, Exact, exact, offers, played
from bn_impls.conformance.diagnosis import Cause, Otherwise, Played, diagnose, nothing
from bn_impls.conformance.model import Failure, NotOffered
from bn_impls.conformance.subject import Subject
from bn_impls.conformance.subject import calls as drawn
from bn_impls.interface import Array, Configuration, Layer

WORDS = {
    "output": "the output",
    "gradient_input": "the gradient of the input",
    "gradient_gamma": "the gradient of gamma",
    "gradient_beta": "the gradient of beta",
}


def judged(
    layer: Layer, calls: Sequence[Call], otherwise: Otherwise = nothing, only: Sequence[str] = ()
) -> Failure | None:
    """Play calls on a layer and compare every quantity with the reference.

    Args:
        layer: under test.
        calls: each starts from its own state; those of a kind that the layer does not offer are left out.
        otherwise: gives the mistake to name where no hypothesis explains the numbers.
        only: names of quantities; all if left out.

    Returns:
        What is wrong, or None.

    Raises:
        NotOffered: the layer offers none of the calls.
    """
    settings = layer.configuration
    found = []
    kinds = offers(layer, *(call.kind for call in calls))
    for call in calls:
        if call.kind not in kinds:
            continue
        got, expected = played(layer, call), exact(settings, call)
        names = tuple(name for name in got if name in expected and (not only or name in only))
        found.append(Played(call, got, expected, names))
    return verdict(layer, found, otherwise)


def verdict(layer: Layer, found: Sequence[Played], otherwise: Otherwise = nothing) -> Failure | None:
    """Compare calls that were played.

    Args:
        layer: under test.
        found: the calls.
        otherwise: as above.

    Returns:
        What is wrong, or None.
    """
    wrong = [(one, name) for one in found for name in one.wrong()]
    if not wrong:
        return None
    one, name = wrong[0]
    cause = diagnose(layer.configuration, found, otherwise)
    got, expected, difference = told(one.got[name], one.exact[name])
    where = f"{WORDS.get(name, name)} of {NAMES[one.call.kind]}"
    others = sorted({WORDS.get(other, other) for _, other in wrong} - {WORDS.get(name, name)})
    also = f" (so are {', '.join(others)})" if others else ""
    return Failure(
        message=f"{where} is {difference}{also}: {cause.sentence}", got=got, expected=expected, cause=cause.name
    )


def unless_usual_is_wrong(subject: Subject, cause: Cause) -> Otherwise:
    """Blame what is special about a check, if the usual calls are right.

    Args:
        subject: under test.
        cause: what to blame.

    Returns:
        A function that plays the usual calls when it is asked for the cause.
    """

    def ask(_: Sequence[Played]) -> Cause | None:
        layer = subject.build()
        usual = judged(layer, drawn(layer.configuration, "training", "gradients", "inference", seed=1000))
        return cause if usual is None else None

    return ask


def each_offered(
    subject: Subject,
    field: str,
    values: Sequence[float],
    otherwise: Otherwise,
    only: Sequence[str],
    drawn: Callable[[Configuration], Sequence[Call]],
) -> Failure | None:
    """Judge a layer for each value of a field of the configuration.

    Args:
        subject: under test.
        field: of the configuration.
        values: which it takes; those that are refused are left out.
        otherwise: gives the mistake to name where no hypothesis explains the numbers.
        only: names of quantities.
        drawn: calls for a configuration.

    Returns:
        What is wrong with the first value that is wrong, or None.

    Raises:
        NotOffered: every value is refused.
    """
    refusals = []
    for value in values:
        try:
            layer = subject.build(**{field: value})
        except NotOffered as refusal:
            refusals.append(refusal)
            continue
        if (wrong := judged(layer, drawn(layer.configuration), otherwise, only)) is not None:
            return replace(wrong, message=f"with {field} {value:g}, {wrong.message}")
    if len(refusals) == len(values):
        raise refusals[0]
    return None


def told(got: Array, expected: Exact) -> tuple[str, str, str]:
    """The worst element, what it should be, and how far off it is, in words."""
    error = distance(got, expected.value)
    bound = np.broadcast_to(expected.bound, error.shape)
    ratio = over(error, np.maximum(np.where(np.isnan(bound), 0.0, bound), np.finfo(np.float64).tiny))
    worst = np.unravel_index(int(np.argmax(ratio)), ratio.shape) if ratio.ndim else ()
    place = f"element {tuple(int(i) for i in worst)}: " if ratio.ndim else ""
    value, right, allowed = float(got[worst]), float(expected.value[worst]), float(bound[worst])
    if not np.isfinite(error[worst]):
        difference = f"{value:g} where it should be {right:g}"
    elif allowed > 0:
        difference = f"{error[worst]:.3g} off, {ratio[worst]:.3g} times what rounding explains"
    else:
        difference = f"{error[worst]:.3g} off"
    margin = f" within {allowed:.3g}" if allowed > 0 else ""
    return f"{place}{value:.17g}", f"{place}{right:.17g}{margin}", difference
