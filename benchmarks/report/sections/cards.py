"""The cards of the answer: which implementation for which use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from benchmarks.report.contest import Contest, smallest
from benchmarks.report.document import Card, Cards, Rich, Span, enumerate_spans, name, say
from benchmarks.report.errors import Worst, by_implementation
from benchmarks.report.grades import usual
from benchmarks.report.parameters import key_of, values
from benchmarks.report.restores import lost, rounded, unknown
from benchmarks.report.run import Record
from benchmarks.report.sections.conditioning import losing
from benchmarks.report.sections.winners import winner
from benchmarks.report.trainings import first_split, only_compared, trains_alike, uses_batch_norm
from benchmarks.report.view import View
from benchmarks.report.wording import QUANTITIES, count, listing, percent, shape_text, significant, visible

GRADIENTS = ("gradient_input", "gradient_gamma", "gradient_beta")
KINDS = {
    "outputs": ("output_training", "output_inference"),
    "gradients": GRADIENTS,
    "moving statistics": ("moving_mean", "moving_variance"),
}
SAME_ACCURACY = 2.0  # the largest error of other random inputs would differ by about so much
USES = (
    ("training_forward_backward", "Fastest layer to train"),
    ("network_training_step", "Fastest to train a network"),
    ("inference", "Fastest inference"),
)
MOST_CONTESTS = 3  # devices and dtypes of one use


def build(view: View) -> Cards:
    """All cards that the records have an answer for."""
    cards: list[Card] = []
    for work, use in USES:
        cards.extend(_fastest(view, work, use))
    cards.extend([*_small(view), *_accurate(view), *_trains(view), *_restores(view)])
    return Cards(tuple(cards))


def _fastest(view: View, work: str, use: str) -> list[Card]:
    found = view.contests(work)
    several = len(found) > 1
    return [
        card
        for contest in found[:MOST_CONTESTS]
        for card in _speed(
            view, f"{use}, {visible(contest.dtype)} on {visible(contest.device)}" if several else use, contest
        )
    ]


def _speed(view: View, use: str, contest: Contest) -> list[Card]:
    """The card; none where there is nothing to compare with."""
    if len(contest.entries) < 2:
        return []
    found = winner(view, contest)
    return [Card(use, found.choice, found.evidence, "good" if found.decided else "")]


def _small(view: View) -> list[Card]:
    """The smallest input, where the cost of a call decides."""
    for work in ("training_forward_backward", "inference", "training_forward"):
        for contest in view.contests(work)[:1]:
            found = smallest(contest)
            if found is not None:
                return _speed(view, f"Fastest in small steps, {shape_text(found.groups[0].shape)}", found)
    return []


def _accurate(view: View) -> list[Card]:
    """The smallest worst error, over inputs that all were measured on, of those that can train."""
    measured = set(view.choosable(view.worst))
    records = [record for record in view.agreements if record.implementation in measured]
    if not records:
        return []
    users = {
        dtype: {r.implementation for r in records if r.text("dtype") == dtype} for dtype in values(records, "dtype")
    }
    dtype = max(users, key=lambda key: len(users[key]))
    in_dtype = [record for record in records if record.text("dtype") == dtype]
    trainable = {
        r.implementation for r in in_dtype if any(r.number(f"{q}_error_over_bound") is not None for q in GRADIENTS)
    }
    aside = {"cannot train": [name(who) for who in users[dtype] if trainable and who not in trainable]}
    worsts = by_implementation(_common([r for r in in_dtype if not trainable or r.implementation in trainable]))
    right = {
        who: worst
        for who, worst in worsts.items()
        if worst.over_bound is not None and worst.over_bound >= 0 and not worst.disagreeing
    }
    grades = usual(view.grades)
    careful = {who: worst for who, worst in right.items() if not losing(who, grades.get(who, []))}
    if not right:
        told = say("None agrees with the reference in {dtype}.", dtype=visible(dtype))
        return [Card("Most accurate", (Span("none"),), told, "bad")]
    if careful:
        aside["digits lost on ill-conditioned input"] = [name(who) for who in right if who not in careful]
    return [_accuracy(careful or right, visible(dtype), aside)]


def _accuracy(right: dict[str, Worst], dtype: str, aside: Mapping[str, Sequence[Span]]) -> Card:
    errors = {who: worst.over_bound or 0.0 for who, worst in right.items()}
    ranking = sorted(errors, key=lambda who: errors[who])
    best = [who for who in ranking if errors[who] <= SAME_ACCURACY * errors[ranking[0]]]
    listed = [say("{who} {error}", who=name(who), error=significant(errors[who], 2)) for who in ranking[:4]]
    worst = right[ranking[0]]
    apart = [say("{who} ({why})", who=enumerate_spans(whom, 6), why=why) for why, whom in aside.items() if whom]
    told = say(
        "Worst error of {quantities} in {dtype}, as a multiple of what good rounding must cost: {errors}{rest}. The "
        "worst of {best} is its {quantity}.{tie}{apart}",
        quantities=listing(
            [title for title, keys in KINDS.items() if any(_graded(one, keys) for one in right.values())]
        ),
        dtype=dtype,
        errors=enumerate_spans(listed),
        rest=f", and {len(ranking) - 4} more" if len(ranking) > 4 else "",
        quantity=QUANTITIES.get(worst.quantity, visible(worst.quantity)),
        best=name(ranking[0]),
        apart=say(" Left out: {who}.", who=enumerate_spans(apart)) if apart else "",
        tie=" Less than a factor of two apart is no difference: other inputs could turn it." if len(best) > 1 else "",
    )
    return Card("Most accurate", _names(best), told, "good")


def _graded(worst: Worst, quantities: Sequence[str]) -> bool:
    return any(worst.of(quantity, "over_bound") is not None for quantity in quantities)


def _common(records: Sequence[Record]) -> list[Record]:
    """Records of the inputs that every implementation was measured on; all if there is no such input."""
    parameters = ("shape", "layout", "device", "center", "scale", "gradients", "input")
    covered: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for record in records:
        covered[record.implementation].add(key_of(record, parameters))
    common = set.intersection(*covered.values())
    return [record for record in records if not common or key_of(record, parameters) in common]


def _trains(view: View) -> list[Card]:
    measured = only_compared(view.by_implementation("convergence"))
    of = {who: [one for one in measured[who] if uses_batch_norm(one)] for who in view.choosable(measured)}
    of = {who: records for who, records in of.items() if records}
    if not of:
        return []
    alike = [who for who, records in of.items() if all(trains_alike(record, view.roundings) for record in records)]
    same = set(alike)
    others = [who for who in of if who not in same]
    trainings = count(sum(len(of[who]) for who in alike), "training")
    networks = {one.text("network") for records in of.values() for one in records}
    parts = [_alike(view, trainings, several=len(networks) > 1)] if alike else []
    if others:
        parts.append(say(" {partings}.", partings=enumerate_spans([_parting(who, of[who]) for who in others], 4)))
    told = tuple(span for part in parts for span in part)
    choice = _names(alike) if alike else (Span("none to the last step"),)
    spread = _spread(of) if len(networks) == 1 else ""  # accuracies of different networks are no spread
    return [Card("Trains the same", choice, (*told, Span(spread)), "good" if alike else "")]


def _alike(view: View, trainings: str, *, several: bool) -> Rich:
    first = view.roundings.first
    if first is None:
        return say("Their loss stays with the float64 reference's in every step of {trainings}.", trainings=trainings)
    return say(
        "Their loss stays with the float64 reference's for as long as rounding lets it: {reference}, the "
        "reference's own code in less precision, leaves it at step {first}.",
        reference=name(view.reference),
        first=f"{first:,} at the earliest, in one of several networks" if several else f"{first:,}",
    )


def _parting(who: str, records: Sequence[Record]) -> Rich:
    splits = [step for record in records if (step := first_split(record)) is not None]
    if not splits:
        return say("{who} disagrees", who=name(who))
    return say("{who} leaves the reference's loss at step {step}", who=name(who), step=f"{min(splits):,}")


def _spread(of: Mapping[str, list[Record]]) -> str:
    """How far the test accuracies are apart."""
    found = [r.number("final_test_accuracy") for records in of.values() for r in records if uses_batch_norm(r)]
    present = [value for value in found if value is not None]
    if not present:
        return ""
    ends = list(dict.fromkeys([percent(min(present)), percent(max(present))]))
    return f" Test accuracy with BN: {' to '.join(ends)}."


def _restores(view: View) -> list[Card]:
    measured = view.by_implementation("checkpoint")
    of = {who: measured[who] for who in view.choosable(measured)}
    if not of:
        return []
    whole = [who for who, records in of.items() if not any(lost(r) or unknown(r) or r.status != "ok" for r in records)]
    missing = {who: list(dict.fromkeys(title for r in records for title in lost(r))) for who, records in of.items()}
    broken = [say("{who} ({what})", who=name(who), what=listing(what)) for who, what in missing.items() if what]
    rest: Rich = (Span(" Not so "), *enumerate_spans(broken, 4), Span(".")) if broken else ()
    if not whole:
        return [
            Card(
                "Restores everything",
                (Span("none"),),
                say("No checkpoint brings back everything.{rest}", rest=rest),
                "bad",
            )
        ]
    inexact = [name(who) for who in whole if any(rounded(record) for record in of[who])]
    but = say(", but for rounding in {who}", who=enumerate_spans(inexact, 4)) if inexact else ()
    told = say("Inference and resumed training are the same to the last bit{but}.{rest}", but=but, rest=rest)
    return [Card("Restores everything", _names(whole), told, "good")]


def _names(implementations: Sequence[str]) -> Rich:
    return enumerate_spans([name(who) for who in implementations], 4)
