"""What is wrong with an implementation, the most harmful first: silent errors before what a user is told."""

from __future__ import annotations

from benchmarks.report.grades import MATTERS, MEANS, ONE_VALUE, Graded, usual, worst_of
from benchmarks.report.restores import lost
from benchmarks.report.run import as_number
from benchmarks.report.trainings import trains_alike, uses_batch_norm
from benchmarks.report.view import View
from benchmarks.report.wording import count, listing, significant

ELSEWHERE = {"constant": "in a constant channel", "huge": "at huge values", "variance_near_epsilon": "near epsilon"}


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


def cautions(view: View, who: str) -> list[str]:
    """Everything that a user must know of an implementation, as what follows its name and a colon.

    Args:
        view: of the run.
        who: the implementation.

    Returns:
        Phrases such as ``a batch of one value a channel is refused``, the most harmful first.
    """
    grades = usual(view.grades).get(who, [])
    found = [*faults(view, who), *_digits(grades)]
    if any(record.implementation == who and record.status == "disagrees" for record in view.second_order):
        found.append("wrong second-order gradients, which gradient penalties need")
    if _divides_by_less(view, who):
        found.append("a moving variance over n - 1, where others divide by n")
    if any(graded.refused(ONE_VALUE) for graded in grades):
        found.append("a batch of one value a channel is refused")
    return found


def missing_after_restore(view: View, who: str) -> list[str]:
    """What checkpoints of an implementation do not bring back."""
    return list(dict.fromkeys(what for one in view.by_implementation("checkpoint").get(who, []) for what in lost(one)))


def _digits(grades: list[Graded]) -> list[str]:
    """From which mean on an implementation loses digits, or under what else."""
    first = next((mean for mean in MEANS if (worst_of(grades, mean) or 0) > MATTERS), None)
    if first is not None:
        over = significant(worst_of(grades, first) or 0, 2)
        gone = next((mean for mean in MEANS if any(graded.lost(mean) for graded in grades)), None)
        end = "" if gone is None else f", all of them from {MEANS[gone]:,} on"
        return [
            f"digits lost from a mean of {MEANS[first]:,} deviations on ({over} times the error of a good one){end}"
        ]
    where = [text for condition, text in ELSEWHERE.items() if (worst_of(grades, condition) or 0) > MATTERS]
    return [f"digits lost {listing(where)}"] if where else []


def _divides_by_less(view: View, who: str) -> bool:
    """Whether the moving variance divides by n - 1, unlike that of another implementation of the run."""
    held = {
        name: {as_number(record.parameter("ddof")) for record in worst.records} for name, worst in view.worst.items()
    }
    return 1 in held.get(who, set()) and any(0 in ddof for ddof in held.values())
