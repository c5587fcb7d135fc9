"""On which kinds of inputs something holds: an API may take another way for maps than for dense inputs."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from benchmarks.report.run import Record
from benchmarks.report.speeds import Group
from benchmarks.report.wording import listing

KINDS = {2: "dense inputs", 3: "sequences", 4: "maps", 5: "volumes"}  # rank -> its inputs
DENSE = KINDS[2]
OTHER = "other inputs"
ALL = (*KINDS.values(), OTHER)


def kind_of(case: Record | Group) -> str:
    """The kind of a case's input."""
    return KINDS.get(len(case.shape), OTHER)


def in_order(kinds: Collection[str]) -> list[str]:
    """Kinds without repetition, the lowest rank first."""
    return [kind for kind in ALL if kind in kinds]


def where(held: Collection[str], asked: Collection[str]) -> str:
    """``everywhere`` if it holds on all of several kinds that were asked; else ``on dense inputs and maps``."""
    if len(set(asked)) > 1 and set(asked) <= set(held):
        return "everywhere"
    return f"on {listing(in_order(held))}"


def wrong_kinds(records: Sequence[Record], who: str) -> list[str]:
    """Kinds of inputs on which cases of an implementation disagree, in order."""
    return in_order({kind_of(one) for one in records if one.implementation == who and one.status == "disagrees"})


def right_kinds(records: Sequence[Record], who: str) -> list[str]:
    """Kinds of inputs on which all cases of an implementation are right, in order."""
    wrong = wrong_kinds(records, who)
    right = {kind_of(one) for one in records if one.implementation == who and one.status == "ok"}
    return in_order(right - set(wrong))


def measured_kinds(records: Sequence[Record], who: str) -> list[str]:
    """Kinds of inputs that cases of an implementation were measured on, in order."""
    return in_order({kind_of(one) for one in records if one.implementation == who and one.measured})
