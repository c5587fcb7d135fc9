"""Which mistake explains wrong numbers: the one whose own results are those numbers.

Every hypothesis computes the same calls. It explains them if each quantity is the hypothesis's own, within the bounds
of rounding; if there is none, it is enough that each wrong quantity is (a mistake may be made in one place of two).
Where no hypothesis does, the check may know what is special about its calls; then the accuracy is
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
from bn_impls.errors import BadConfiguration, BadState
from bn_impls.interface import Array, Configuration

UNKNOWN_SENTENCE = (
    "no single known mistake gives these numbers; `bn-bench explain YOURS numpy-reference` looks for several at once"
)
SLACK = 4.0  # a hypothesis adds roundings of its own (a product with n / (n - 1), say); a wrong one is off by millions
LESS_EXACT = {"float64": ("float32", "float16"), "float32": ("float16",)}


@dataclass(frozen=True)
class Cause:
    """A likely mistake: its short name, and a sentence."""

    name: str
    sentence: str


@dataclass(frozen=True)
class Played:
    """A call, what the layer made of it, and what it should have made.

    Attributes:
        call: the call.
        got: every quantity that came of it.
        exact: what each should be.
        judged: names of those that the check is about; the others help to tell mistakes apart.
    """

    call: Call
    got: Quantities
    exact: dict[str, Exact]
    judged: tuple[str, ...]

    def wrong(self) -> list[str]:
        """Names of judged quantities that rounding does not explain, in the order in which they were computed."""
        return [name for name in self.judged if not within(self.got[name], self.exact[name])]


Otherwise = Callable[[Sequence[Played]], Cause | None]
"""What a check knows that is special about its calls: the cause, from what came of them; None where it is another."""


def nothing(_: Sequence[Played]) -> Cause | None:
    """A check that knows nothing special."""
    return None


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
    if (hypothesis := _best(settings, played)) is not None:
        return Cause(hypothesis.cause, hypothesis.sentence)
    found = otherwise(played) or _not_finite(played) or _precision(settings, played) or _channels(settings, played)
    return found or Cause(UNKNOWN, UNKNOWN_SENTENCE)


def _best(settings: Configuration, played: Sequence[Played]) -> Hypothesis | None:
    """The first hypothesis that explains everything, or else the first that explains what is wrong."""
    partly = None
    with np.errstate(all="ignore"):  # a mistake may divide by nothing
        for hypothesis in hypotheses(settings):
            degree = EVERYTHING
            for one in played:
                degree = min(degree, _explained(hypothesis, settings, one))
                if degree == NOTHING:
                    break
            if degree == EVERYTHING:
                return hypothesis
            if degree == WRONG_ONES and partly is None:
                partly = hypothesis
    return partly


NOTHING, WRONG_ONES, EVERYTHING = range(3)


def _explained(hypothesis: Hypothesis, settings: Configuration, one: Played) -> int:
    """How much of a call a hypothesis explains."""
    assumed = settings if hypothesis.layout is None else replace(settings, layout=hypothesis.layout)
    try:
        own = supposed(assumed, hypothesis.semantics, one.call)
    except (BadConfiguration, BadState):  # statistics of another shape than the parameters
        return NOTHING
    for name in one.wrong():
        value, right = own.get(name), one.exact[name]
        if value is None or within(value, right) or not _matches(one.got[name], value, right):
            return NOTHING  # a hypothesis that is right here does not explain a wrong value
    others = (name for name in one.exact if name in one.got and name in own)
    return EVERYTHING if all(_matches(one.got[name], own[name], one.exact[name]) for name in others) else WRONG_ONES


def _matches(got: Array, supposed_value: Array, right: Exact) -> bool:
    """Whether a result is a hypothesis's, within the bound, which grows with the size of what is computed."""
    tiny = np.finfo(np.float64).tiny
    size = float(np.abs(supposed_value).max(initial=0.0) / max(np.abs(right.value).max(initial=0.0), tiny))
    widest = np.max(_finite(right.bound), initial=0.0)
    return got.shape == supposed_value.shape and within(
        got, Exact(supposed_value, np.full(got.shape, SLACK * max(1.0, size) * widest))
    )


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


def _not_finite(played: Sequence[Played]) -> Cause | None:
    """NaN or infinity where there should be none."""
    for one in played:
        for name in one.wrong():
            if np.any(~np.isfinite(one.got[name]) & np.isfinite(one.exact[name].value)):
                return Cause(
                    "nan_given",
                    "NaN or infinity comes out of finite input: a division by 0, the root of a negative variance, or "
                    "memory that was never written",
                )
    return None


def _precision(settings: Configuration, played: Sequence[Played]) -> Cause | None:
    """Wrong by no more than a less exact dtype explains."""
    for dtype in LESS_EXACT.get(settings.dtype, ()):
        coarse = replace(settings, dtype=dtype)
        names = [
            name for one in played for name in one.wrong() if not within(one.got[name], exact(coarse, one.call)[name])
        ]
        if not names:
            return Cause(
                f"computed_in_{dtype}",
                f"the error is no larger than that of {dtype}: somewhere a value is rounded to {dtype} (a constant, an "
                f"accumulator, a buffer); everything should stay in {settings.dtype}",
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
    listed = f"channel {good[0]}" if len(good) == 1 else f"channels {', '.join(map(str, good))}"
    return Cause(
        "some_channels",
        f"only {listed} of {settings.channels} (counted from 0) came out right: look for what tells it from the "
        "others; statistics or parameters of one channel may be used for another",
    )
