"""The cards of the answer: which implementation for which use."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.report.contest import Contest, smallest
from benchmarks.report.document import Card, Cards, Rich, Span, enumerate_spans, name, say
from benchmarks.report.errors import by_implementation
from benchmarks.report.reading import Record
from benchmarks.report.restores import lost, unknown
from benchmarks.report.sections.fastest import choice, evidence
from benchmarks.report.parameters import key_of
from benchmarks.report.trainings import first_split
from benchmarks.report.view import View, cases_of
from benchmarks.report.wording import QUANTITIES, count, listing, percent, shape_text, significant, visible

SAME_ACCURACY = 2.0  # the largest error of other random inputs would differ by about so much
USES = (
    ("training_forward_backward", "Fastest layer to train"),
    ("network_training_step", "Fastest to train a network"),
    ("inference", "Fastest inference"),
)
MOST_CONTESTS = 3


def build(view: View) -> Cards:
    """All cards that the records have an answer for."""
    cards: list[Card] = []
    for work, use in USES:
        cards.extend(_speed(view, work, use))
    cards.extend([*_small(view), *_accurate(view), *_trains(view), *_restores(view)])
    return Cards(tuple(cards))


def _speed(view: View, work: str, use: str) -> list[Card]:
    found = view.contests(work)
    cards = []
    for contest in found[:MOST_CONTESTS]:
        where = f", {visible(contest.dtype)} on {visible(contest.device)}" if len(found) > 1 else ""
        cards.append(_card(f"{use}{where}", contest))
    return cards


def _card(use: str, contest: Contest) -> Card:
    compared = len(contest.entries) > 1
    return Card(use, choice(contest), evidence(contest), "good" if compared and contest.rounds > 1 else "")


def _small(view: View) -> list[Card]:
    for work in ("training_forward_backward", "inference", "training_forward"):
        for contest in view.contests(work)[:1]:
            found = smallest(contest)
            if found is not None:
                return [_card(f"Fastest in small steps ({shape_text(found.groups[0].shape)})", found)]
    return []


def _accurate(view: View) -> list[Card]:
    """The smallest worst error, over cases that all were measured on."""
    records = [r for r in view.measured("agreement") if r.implementation != view.reference]
    counts = {
        dtype: len({r.implementation for r in records if r.text("dtype") == dtype})
        for dtype in _dtypes(records)
    }
    if not counts:
        return []
    dtype = max(counts, key=lambda key: counts[key])
    shared = _shared([record for record in records if record.text("dtype") == dtype])
    right = {
        who: worst
        for who, worst in by_implementation(shared).items()
        if worst.over_bound is not None and worst.over_bound == worst.over_bound and not worst.disagreeing
    }
    if not right:
        return [
            Card(
                "Most accurate",
                (Span("none"),),
                say("None agrees with the reference in {dtype}.", dtype=visible(dtype)),
                "bad",
            )
        ]
    ranking = sorted(right, key=lambda who: right[who].over_bound or 0.0)
    lowest = right[ranking[0]].over_bound or 0.0
    best = [who for who in ranking if (right[who].over_bound or 0.0) <= SAME_ACCURACY * lowest]
    errors = [(who, significant(right[who].over_bound or 0.0, 2)) for who in ranking[:4]]
    worst = right[ranking[0]]
    told = say(
        "Worst error in {dtype}, as a multiple of its bound: {errors}{rest} ({cases}; {quantity} is the worst of {best}).{tie}",
        dtype=visible(dtype),
        errors=enumerate_spans([say("{who} {error}", who=name(who), error=error) for who, error in errors]),
        rest=f" and {len(ranking) - 4} more" if len(ranking) > 4 else "",
        cases=f"{cases_of(worst.records)} each",
        quantity=QUANTITIES.get(worst.quantity, visible(worst.quantity)),
        best=name(ranking[0]),
        tie=" Less than a factor of two apart: other inputs could turn that round." if len(best) > 1 else "",
    )
    return [Card("Most accurate", enumerate_spans([name(who) for who in best], 3), told, "good")]


def _dtypes(records: Sequence[Record]) -> list[str]:
    return list(dict.fromkeys(record.text("dtype") for record in records))


def _shared(records: Sequence[Record]) -> list[Record]:
    """Records of the inputs that every implementation was measured on; all of them if there is no such input."""
    parameters = ("shape", "layout", "device", "input")
    covered: dict[str, set[tuple[str, ...]]] = {}
    for record in records:
        covered.setdefault(record.implementation, set()).add(key_of(record, parameters))
    common = set.intersection(*covered.values())
    return [record for record in records if not common or key_of(record, parameters) in common]


def _trains(view: View) -> list[Card]:
    of: dict[str, list[Record]] = {}
    for record in view.measured("convergence"):
        if record.implementation != view.reference:
            of.setdefault(record.implementation, []).append(record)
    if not of:
        return []
    same = [
        who
        for who, records in of.items()
        if all(first_split(r) is None and r.status == "ok" for r in records)
    ]
    accuracies = [v for records in of.values() for r in records if r.case.get("batch_norm") is not False
                  and (v := r.number("final_test_accuracy")) is not None]  # fmt: skip
    spread = (
        f" Test accuracies with BN: {percent(min(accuracies))} to {percent(max(accuracies))}."
        if accuracies
        else ""
    )
    parted = [who for who in of if who not in same]
    trainings = count(sum(len(records) for records in of.values()), "training")
    if not parted:
        told = say(
            "No loss of any step in {trainings} leaves the reference's curve.{spread}",
            trainings=trainings,
            spread=spread,
        )
        return [Card("Trains the same", _names(same), told, "good")]
    splits = [_first_split(who, of[who]) for who in parted]
    told = say("{splits}.{spread}", splits=enumerate_spans(splits, 4), spread=spread)
    return [
        Card(
            "Trains the same",
            _names(same) if same else (Span("none, to the last step"),),
            told,
            "good" if same else "",
        )
    ]


def _first_split(who: str, records: Sequence[Record]) -> Rich:
    splits = [step for record in records if (step := first_split(record)) is not None]
    if not splits:
        return say("{who} disagrees", who=name(who))
    return say("{who} leaves the reference's curve at step {step}", who=name(who), step=f"{min(splits):,}")


def _restores(view: View) -> list[Card]:
    of: dict[str, list[Record]] = {}
    for record in view.measured("checkpoint"):
        of.setdefault(record.implementation, []).append(record)
    if not of:
        return []
    whole = [
        who
        for who, records in of.items()
        if not any(lost(r) or unknown(r) or r.status != "ok" for r in records)
    ]
    broken = [
        say(
            "{who} lacks {what}",
            who=name(who),
            what=listing(list(dict.fromkeys(t for r in records for t in lost(r)))),
        )
        for who, records in of.items()
        if any(lost(record) for record in records)
    ]
    cases = count(sum(len(records) for records in of.values()), "case")
    if whole:
        told = say(
            "Inference and resumed training are the same to the last bit.{broken}", broken=_after(broken)
        )
    else:
        told = say("Nothing brings back everything in {cases}.{broken}", cases=cases, broken=_after(broken))
    return [
        Card(
            "Restores everything",
            _names(whole) if whole else (Span("none"),),
            told,
            "good" if whole else "bad",
        )
    ]


def _after(parts: Sequence[Rich]) -> Rich:
    return (Span(" But "), *enumerate_spans(parts, 4), Span(".")) if parts else ()


def _names(implementations: Sequence[str]) -> Rich:
    return enumerate_spans([name(who) for who in implementations], 4)
