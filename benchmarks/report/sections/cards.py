"""The cards of the answer: which implementation for which use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from benchmarks.report.contest import Contest, hold, smallest
from benchmarks.report.document import Card, Cards, Rich, Span, enumerate_spans, name, say
from benchmarks.report.errors import Worst, by_implementation
from benchmarks.report.grades import usual
from benchmarks.report.parameters import key_of, values
from benchmarks.report.restores import lost, unknown
from benchmarks.report.run import Record
from benchmarks.report.sections.conditioning import losing
from benchmarks.report.sections.fastest import all_the_same, choice, entry_name, evidence
from benchmarks.report.trainings import first_split, only_compared, trains_alike, uses_batch_norm
from benchmarks.report.view import View
from benchmarks.report.wording import QUANTITIES, count, listing, percent, shape_text, significant, visible

SAME_ACCURACY = 2.0  # the largest error of other random inputs would differ by about so much
USES = (
    ("training_forward_backward", "Fastest layer to train"),
    ("network_training_step", "Fastest to train a network"),
    ("inference", "Fastest inference"),
)
NOT_DECIDED = (Span("not decided"),)
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
        _speed(view, f"{use}, {visible(contest.dtype)} on {visible(contest.device)}" if several else use, contest)
        for contest in found[:MOST_CONTESTS]
    ]


def _speed(view: View, use: str, contest: Contest) -> Card:
    """The fastest, if that rests on decided ratios of speeds that the report does not distrust itself."""
    if len(contest.entries) < 2:
        return Card(use, choice(contest), evidence(contest))
    trusted = _trusted(view, contest)
    entries = trusted.entries if trusted else ()
    left_out = [entry_name(entry) for entry in contest.entries if entry not in entries]
    aside = say(
        " Speeds not to be trusted, see the warnings below, are those of {who}.", who=enumerate_spans(left_out, 4)
    ) if left_out else ()  # fmt: skip
    if trusted is None or len(entries) < 2:
        return Card(use, NOT_DECIDED, (*evidence(contest), *aside))
    told = (*evidence(trusted), *aside)
    decided = trusted.rounds > 1 and (len(trusted.tied) < len(trusted.entries) or all_the_same(trusted))
    return Card(use, choice(trusted), told, "good") if decided else Card(use, NOT_DECIDED, told)


def _trusted(view: View, contest: Contest) -> Contest | None:
    """The same contest without distrusted speeds; None if there are none left."""
    shapes = {group.shape for group in contest.groups}
    for found in view.trusted_contests(contest.work):
        if (found.device, found.dtype) == (contest.device, contest.dtype):
            kept = [group for group in found.groups if group.shape in shapes]
            return found if len(kept) == len(found.groups) else hold(kept) if kept else None
    return None


def _small(view: View) -> list[Card]:
    """The smallest input, where the cost of a call decides."""
    for work in ("training_forward_backward", "inference", "training_forward"):
        for contest in view.contests(work)[:1]:
            found = smallest(contest)
            if found is not None:
                return [_speed(view, f"Fastest in small steps, {shape_text(found.groups[0].shape)}", found)]
    return []


def _accurate(view: View) -> list[Card]:
    """The smallest worst error, over inputs that all were measured on."""
    exact = {who for who, worst in view.worst.items() if who == view.reference and not worst.over_bound}
    records = [record for record in view.agreements if record.implementation not in exact]
    if not records:
        return []
    users = {
        dtype: {r.implementation for r in records if r.text("dtype") == dtype} for dtype in values(records, "dtype")
    }
    dtype = max(users, key=lambda key: len(users[key]))
    worsts = by_implementation(_common([record for record in records if record.text("dtype") == dtype]))
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
    losers = [name(who) for who in right if who not in careful] if careful else []
    return [_accuracy(careful or right, visible(dtype), losers)]


def _accuracy(right: dict[str, Worst], dtype: str, losers: Sequence[Span]) -> Card:
    errors = {who: worst.over_bound or 0.0 for who, worst in right.items()}
    ranking = sorted(errors, key=lambda who: errors[who])
    best = [who for who in ranking if errors[who] <= SAME_ACCURACY * errors[ranking[0]]]
    listed = [say("{who} {error}", who=name(who), error=significant(errors[who], 2)) for who in ranking[:4]]
    worst = right[ranking[0]]
    told = say(
        "Worst error in {dtype} as a multiple of its bound: {errors}{rest}. The worst of {best} is its "
        "{quantity}.{tie}{apart}",
        dtype=dtype,
        errors=enumerate_spans(listed),
        rest=f", and {len(ranking) - 4} more" if len(ranking) > 4 else "",
        quantity=QUANTITIES.get(worst.quantity, visible(worst.quantity)),
        best=name(ranking[0]),
        apart=say(" Left out for losing digits on ill-conditioned input: {who}.", who=enumerate_spans(losers, 4))
        if losers
        else "",
        tie=" Less than a factor of two apart is no difference: other inputs could turn it." if len(best) > 1 else "",
    )
    return Card("Most accurate", _names(best), told, "good")


def _common(records: Sequence[Record]) -> list[Record]:
    """Records of the inputs that every implementation was measured on; all if there is no such input."""
    parameters = ("shape", "layout", "device", "center", "scale", "gradients", "input")
    covered: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for record in records:
        covered[record.implementation].add(key_of(record, parameters))
    common = set.intersection(*covered.values())
    return [record for record in records if not common or key_of(record, parameters) in common]


def _trains(view: View) -> list[Card]:
    of = only_compared(view.by_implementation("convergence"))
    if not of:
        return []
    alike = [who for who, records in of.items() if all(trains_alike(record, view.roundings) for record in records)]
    same = set(alike)
    others = [who for who in of if who not in same]
    chosen = [who for who in alike if who != view.reference] or alike
    trainings = count(sum(len(of[who]) for who in alike), "training")
    parts = [_alike(view, trainings)] if alike else []
    if others:
        parts.append(say(" {partings}.", partings=enumerate_spans([_parting(who, of[who]) for who in others], 4)))
    told = tuple(span for part in parts for span in part)
    choice = _names(chosen) if chosen else (Span("none to the last step"),)
    return [Card("Trains the same", choice, (*told, Span(_spread(of))), "good" if chosen else "")]


def _alike(view: View, trainings: str) -> Rich:
    first = view.roundings.first
    if first is None:
        return say("Their loss stays with the float64 reference's in every step of {trainings}.", trainings=trainings)
    return say(
        "Their loss stays with the float64 reference's for as long as rounding lets it: {reference}, the "
        "reference's own code in less precision, leaves it at step {first}.",
        reference=name(view.reference),
        first=f"{first:,}",
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
    of = view.by_implementation("checkpoint")
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
    told = say("Inference and resumed training are the same to the last bit.{rest}", rest=rest)
    return [Card("Restores everything", _names(whole), told, "good")]


def _names(implementations: Sequence[str]) -> Rich:
    return enumerate_spans([name(who) for who in implementations], 4)
