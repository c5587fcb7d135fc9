"""Which mistake explains wrong numbers: the one whose own results are those numbers.

Every hypothesis computes the same calls. It explains them if each wrong quantity is the hypothesis's own, within the
bounds of rounding. Where no hypothesis does, the check may know what is special about its calls; then the accuracy is
looked at (a float64 result with float32's error), and the place of the wrong elements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bn_impls.accuracy.errors import distance
from bn_impls.conformance.calls import NAMES, Call, Exact, Quantities, exact, supposed
from bn_impls.conformance.hypotheses import Hypothesis, hypotheses
from bn_impls.conformance.model import UNKNOWN
from bn_impls.interface import Array, Configuration

SLACK = 4.0  # a hypothesis adds roundings of its own (a product with n / (n - 1), say); a wrong one is off by millions
LESS_EXACT = {"float64": ("float32", "float16"), "float32": ("float16",)}


@dataclass(frozen=True)
class Cause:
    """A likely mistake: its short name, and a sentence."""

    name: str
    sentence: str


Otherwise = Callable[[], "Cause | None"]


def nothing() -> Cause | None:
    """A check that knows nothing special."""
    return None


@dataclass(frozen=True)
class Played:
    """A call, what the layer made of it, and what it should have made."""

    call: Call
    got: Quantities
    exact: dict[str, Exact]

    def wrong(self) -> list[str]:
        """Names of the quantities that rounding does not explain, in the order in which they were computed."""
        return [name for name in self.got if name in self.exact and not within(self.got[name], self.exact[name])]


def within(got: Array, expected: Exact) -> bool:
    """Whether every element is within its bound; NaN is right where NaN is expected."""
    return got.shape == expected.value.shape and bool(np.all(distance(got, expected.value) <= _finite(expected.bound)))


def _finite(bound: Array) -> Array:
    return np.where(np.isnan(bound), 0.0, bound)


def diagnose(settings: Configuration, played: Sequence[Played], otherwise: Otherwise = nothing) -> Cause:
    """Name the likely mistake.

    Args:
        settings: of the layer under test.
        played: calls, at least one of which is wrong.
        otherwise: asked where no hypothesis explains the numbers.

    Returns:
        The cause; its name is ``unknown`` where nothing explains them.
    """
    if (found := _counter(played)) is not None:
        return found
    for hypothesis in hypotheses(settings):
        if _explains(hypothesis, settings, played):
            return Cause(hypothesis.cause, hypothesis.sentence)
    found = otherwise() or _precision(settings, played) or _channels(settings, played)
    return found or Cause(UNKNOWN, "no single known mistake gives these numbers")


def _explains(hypothesis: Hypothesis, settings: Configuration, played: Sequence[Played]) -> bool:
    with np.errstate(all="ignore"):  # a mistake may divide by nothing
        return all(_explains_call(hypothesis, settings, one) for one in played)


def _explains_call(hypothesis: Hypothesis, settings: Configuration, one: Played) -> bool:
    try:
        own = supposed(settings, hypothesis.semantics, one.call)
    except ValueError:  # statistics of another shape than the parameters
        return False
    for name in one.wrong():
        if name == "num_updates" and hypothesis.semantics.updates == 1:
            return False
        value, expected = own.get(name), one.exact[name]
        if value is None or value.shape != one.got[name].shape:
            return False
        size = np.abs(value).max(initial=0.0) / max(np.abs(expected.value).max(initial=0.0), np.finfo(float).tiny)
        bound = SLACK * max(1.0, float(size)) * np.maximum(expected.bound, np.max(_finite(expected.bound), initial=0.0))
        if not within(one.got[name], Exact(value, bound)):
            return False
    return True


def _counter(played: Sequence[Played]) -> Cause | None:
    wrong = [one for one in played if one.wrong()]
    if any(one.wrong() != ["num_updates"] for one in wrong):
        return None
    one = wrong[0]
    before, got, right = one.call.state["num_updates"], int(one.got["num_updates"]), int(one.exact["num_updates"].value)
    moved = "stays" if got == before else "goes"
    return Cause(
        "counter",
        f"the moving statistics are right, but num_updates {moved} {'at' if moved == 'stays' else f'from {before} to'} "
        f"{got}; after {NAMES[one.call.kind]} it should be {right}",
    )


def _precision(settings: Configuration, played: Sequence[Played]) -> Cause | None:
    """Wrong by no more than a less exact dtype explains."""
    for dtype in LESS_EXACT.get(settings.dtype, ()):
        coarse = replace(settings, dtype=dtype)
        names = [
            name
            for one in played
            for name in one.wrong()
            if not within(one.got[name], exact(coarse, one.call)[name])
        ]
        if not names:
            return Cause(
                f"computed_in_{dtype}",
                f"the error is that of {dtype}: somewhere a value is rounded to {dtype} (a constant, an accumulator, "
                f"a buffer); everything should stay in {settings.dtype}",
            )
    return None


def _channels(settings: Configuration, played: Sequence[Played]) -> Cause | None:
    """Right in some channels and wrong in others."""
    bad: set[int] = set()
    for one in played:
        for name in one.wrong():
            got, expected = one.got[name], one.exact[name]
            if got.ndim == 0 or name in ("gamma", "beta"):
                continue
            axis = settings.channel_axis if got.ndim > 1 else 0
            off = np.broadcast_to(distance(got, expected.value) > _finite(expected.bound), got.shape)
            bad |= set(np.flatnonzero(np.moveaxis(off, axis, 0).reshape(settings.channels, -1).any(axis=1)).tolist())
    good = sorted(set(range(settings.channels)) - bad)
    if not bad or not good:
        return None
    listed = ", ".join(map(str, good))
    return Cause(
        "some_channels",
        f"only channel {listed} of {settings.channels} is right (counted from 0): statistics or parameters of one "
        "channel are used for others; each channel has its own",
    )
