"""What is wrong with an implementation, the most harmful first: silent errors before what a user is told."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from benchmarks.report.grades import MATTERS, MEANS, ONE_VALUE, Graded, usual, worst_of
from benchmarks.report.kinds import in_order, kind_of, measured_kinds, right_kinds, where, wrong_kinds
from benchmarks.report.restores import lost
from benchmarks.report.run import as_number
from benchmarks.report.trainings import trains_alike, uses_batch_norm
from benchmarks.report.view import View
from benchmarks.report.wording import count, listing, percent, significant

ELSEWHERE = {"constant": "in a constant channel", "variance_near_epsilon": "near epsilon", "huge": "at huge values"}
FEW = 32  # values a channel of a small batch, of which n - 1 is told as a share


def faults(view: View, who: str) -> list[str]:
    """What rules an implementation out as the plain choice: it is wrong, loses state, or trains differently."""
    found = []
    worst = view.worst.get(who)
    if worst is not None and worst.disagreeing:
        cases = count(len(worst.records), "case")
        found.append(f"disagreement with the float64 reference in {len(worst.disagreeing)} of {cases}")
    missing = missing_after_restore(view, who)
    if missing:
        found.append(f"no {listing(missing)} from a checkpoint")
    trainings = [one for one in view.by_implementation("convergence").get(who, []) if uses_batch_norm(one)]
    if not all(trains_alike(one, view.roundings) for one in trainings):
        found.append("a training that leaves the reference's earlier than rounding explains")
    return found


def cautions(view: View, who: str, kinds: Collection[str] | None = None, among: Sequence[str] = ()) -> list[str]:
    """Everything that a user must know of an implementation, as what follows its name and a colon.

    Args:
        view: of the run.
        who: the implementation.
        kinds: of inputs that it is to be trained on, as in :mod:`benchmarks.report.kinds`; what holds on others alone
            is left out. None for all of them, and none of them for inference alone.
        among: whom else its user may choose; those who do right what it does wrong are named.

    Returns:
        Phrases such as ``a batch of one value a channel is refused``, the most harmful first.
    """
    grades = usual(view.grades).get(who, [])
    found = [*faults(view, who), *_digits(grades)]
    wrong = wrong_kinds(view.second_order, who)
    if _concerns(wrong, kinds):
        there = where(wrong, measured_kinds(view.second_order, who))
        right = [other for other in among if set(wrong) <= set(right_kinds(view.second_order, other))]
        way_out = f" (right in {listing(right)})" if right else ""
        found.append(f"wrong second-order gradients {there}, which gradient penalties need{way_out}")
    found += _divides_by_less(view, who, kinds)
    if any(graded.refused(ONE_VALUE) for graded in grades) and (kinds is None or kinds):
        found.append("a batch of one value a channel is refused")
    return found


def _concerns(held: Collection[str], kinds: Collection[str] | None) -> bool:
    """Whether something holds on inputs of interest."""
    return bool(held) if kinds is None else any(kind in kinds for kind in held)


def missing_after_restore(view: View, who: str) -> list[str]:
    """What checkpoints of an implementation do not bring back."""
    return list(dict.fromkeys(what for one in view.by_implementation("checkpoint").get(who, []) for what in lost(one)))


def _digits(grades: list[Graded]) -> list[str]:
    """From which mean on an implementation loses digits, and under what else."""
    elsewhere = {one: place for one, place in ELSEWHERE.items() if (worst_of(grades, one) or 0) > MATTERS}
    first = next((mean for mean in MEANS if (worst_of(grades, mean) or 0) > MATTERS), None)
    if first is None:
        by = [f"{place} ({_times(grades, condition)})" for condition, place in elsewhere.items()]
        return [f"digits lost {listing(by)}"] if by else []
    gone = next((mean for mean in MEANS if any(graded.lost(mean) for graded in grades)), None)
    end = "" if gone is None else f", all of them from {MEANS[gone]:,} on"
    also = f"; also {listing(list(elsewhere.values()))}" if elsewhere else ""
    return [f"digits lost from a mean of {MEANS[first]:,} deviations on ({_times(grades, first)}){end}{also}"]


def _times(grades: list[Graded], condition: str) -> str:
    return f"{significant(worst_of(grades, condition) or 0, 2)} times the error of a good one"


def _divides_by_less(view: View, who: str, kinds: Collection[str] | None) -> list[str]:
    """That the moving variance divides by n - 1: on which inputs, and how many others divide by n there."""
    held: dict[str, dict[str, set[float | None]]] = {}
    for name, worst in view.worst.items():
        for record in worst.records:
            divisor = as_number(record.parameter("ddof"))
            if divisor is not None:
                held.setdefault(name, {}).setdefault(kind_of(record), set()).add(divisor)
    own = held.get(who, {})
    less = in_order([kind for kind, ddof in own.items() if 1 in ddof])
    if not _concerns(less, kinds):
        return []
    by_n = sum(all(of.get(kind) == {0} for kind in less) for of in held.values())
    if not by_n:
        return []
    there = "" if len(less) == len(own) else f" {where(less, own)}"
    larger = f"{percent(1 / (FEW - 1), 0)} larger at {FEW} values a channel, less at more"
    others = count(by_n, "other divides", "others divide")
    return [f"a moving variance over n - 1{there} ({larger}), where {others} by n"]
