"""The diagnosis: each hypothesis is told from the others, and what is right is never accused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bn_impls.conformance.calls import Call, exact, supposed
from bn_impls.conformance.diagnosis import UNKNOWN_SENTENCE, Cause, Played, diagnose
from bn_impls.conformance.documentation import NEVER_MEANT, document
from bn_impls.conformance.hypotheses import Hypothesis, hypotheses
from bn_impls.conformance.judging import told
from bn_impls.conformance.kit import CHECKS
from bn_impls.conformance.model import Result
from bn_impls.conformance.subject import calls
from bn_impls.interface import Configuration, Conventions, Documented
from bn_impls.numpy_reference import IMPLEMENTATION

CONFIGURATION = Configuration(
    input_shape=(6, 4, 4, 4), layout="channels_last", dtype="float64", decay=0.875, epsilon=0.02, center=True,
    scale=True, conventions=IMPLEMENTATION.conventions, style="eager", device="cpu",
)  # fmt: skip
FIRST = replace(CONFIGURATION, layout="channels_first")
WARMING = replace(
    CONFIGURATION,
    conventions=Conventions(ddof=1, initial_mean=0.0, initial_variance=1.0, warm_up=True, decay_in_float32=False),
)


def drawn(settings: Configuration) -> list[Call]:
    """Calls of every kind, of the first update and of a later one."""
    return [
        *calls(settings, "training", "gradients", "inference", seed=5, num_updates=0),
        *calls(settings, "training", seed=6, num_updates=3),
    ]


def played(settings: Configuration, hypothesis: Hypothesis) -> list[Played]:
    """What a layer with this mistake makes of the calls."""
    assumed = settings if hypothesis.layout is None else replace(settings, layout=hypothesis.layout)
    found = []
    for call in drawn(settings):
        right = exact(settings, call)
        got = supposed(assumed, hypothesis.semantics, call)
        found.append(Played(call, got, right, tuple(name for name in got if name in right)))
    return found


@pytest.mark.parametrize("settings", [CONFIGURATION, FIRST, WARMING], ids=["last", "first", "warming"])
def test_each_mistake_is_told_from_every_other(settings: Configuration) -> None:
    """Those that change something under these settings; the others are no mistakes there."""
    named = 0
    for hypothesis in hypotheses(settings):
        if any(np.shape(one.got["moving_mean"]) != (4,) for one in played(settings, hypothesis)):
            continue  # statistics of every element, which no state holds
        found = played(settings, hypothesis)
        if any(one.wrong() for one in found):
            assert diagnose(settings, found).name == hypothesis.cause, hypothesis
            named += 1
    assert named >= 35


def test_a_mistake_that_is_none_of_them_is_unknown() -> None:
    """An output that is off by a hundredth."""
    (call,) = calls(CONFIGURATION, "training", seed=7)
    right = exact(CONFIGURATION, call)
    got = {name: np.asarray(value.value) for name, value in right.items()}
    got["output"] = got["output"] * 1.5 + 3
    found = diagnose(CONFIGURATION, [Played(call, got, right, ("output",))])
    assert (found.name, found.sentence) == ("unknown", UNKNOWN_SENTENCE)


def test_what_a_check_knows_is_said_where_no_hypothesis_fits() -> None:
    """And only there."""
    (call,) = calls(CONFIGURATION, "training", seed=8)
    right = exact(CONFIGURATION, call)
    got = {name: np.asarray(value.value) for name, value in right.items()}
    got["output"] = got["output"] + 1.0
    special = Cause("special", "rows are left out")
    assert diagnose(CONFIGURATION, [Played(call, got, right, ("output",))], lambda _: special) == special


def test_only_the_counter_being_wrong_is_the_counter_s_mistake() -> None:
    """With the number that it has and the one that it should have."""
    (call,) = calls(CONFIGURATION, "training", seed=9)
    right = exact(CONFIGURATION, call)
    got = {name: np.asarray(value.value) for name, value in right.items()} | {"num_updates": np.array(3)}
    found = diagnose(CONFIGURATION, [Played(call, got, right, tuple(got))])
    assert found.name == "counter"
    assert "num_updates stays at 3; after a training call it should be 4" in found.sentence


def test_the_worst_element_is_told_with_what_it_should_be() -> None:
    """The one that is furthest beyond its bound, not the one with the largest error."""
    (call,) = calls(CONFIGURATION, "training", seed=10)
    right = exact(CONFIGURATION, call)["moving_mean"]
    got = right.value.copy()
    got[2] += 1.0
    shown, expected, difference = told(got, right)
    assert shown == f"element (2,): {got[2]:.17g}"
    assert expected.startswith(f"element (2,): {right.value[2]:.17g} within ")
    assert difference.startswith("1 off, ")


def test_documented_behaviour_passes_with_what_was_found_and_a_crash_never_does() -> None:
    """A sentence excuses what the API does on purpose, and nothing else."""
    found = Result(name="a", status="failed", got="1", expected="2", message="it is 1", cause="c")
    meant = {"a": Documented("c", "it is always 1")}
    (shown,) = document([found], meant)
    assert (shown.status, shown.got, shown.expected) == ("passed", "1", "2")
    assert shown.message == "documented behaviour of this API: it is always 1 (it is 1)"
    for cause in NEVER_MEANT:
        (lost,) = document([replace(found, cause=cause)], {"a": Documented(cause, "it is always 1")})
        assert lost.status == "failed"
    (other,) = document([replace(found, cause="d")], meant)
    assert (other.status, other.cause) == ("failed", "d")
    assert (
        other.message
        == "it is 1 (it is documented that it is always 1; the cause of that is c, and the cause of this is d)"
    )


def test_every_check_has_a_name_of_its_own_and_says_what_is_right() -> None:
    """Names are what scripts rely on."""
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    assert all(check.name.isidentifier() and check.meaning for check in CHECKS)
