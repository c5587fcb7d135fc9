"""Ill-conditioned input in the agreement section: what each implementation makes of it. Graded, never judged."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.report.document import Block, Bullets, Heading, Paragraph, Rich, enumerate_spans

from benchmarks.report.document import name, say, strong, verdict  # isort: skip
from benchmarks.report.errors import severity
from benchmarks.report.grades import EMPTY, MATTERS, MEANS, ONE_VALUE, POISONS, Graded, usual, worst_of
from benchmarks.report.sections.conditioning_table import LOST, grades_table
from benchmarks.report.view import View
from benchmarks.report.wording import QUANTITIES, listing, significant, visible

IN_WORDS = {
    "variance_near_epsilon": "where the variance is near epsilon",
    "constant": "in a constant channel",
    "huge": "at huge values",
    "one_value": "at one value a channel",
}


def conditioning(view: View) -> list[Block]:
    """Heading, sentences and table; nothing where nothing was graded."""
    if not view.grades:
        return []
    lead = say(
        "Each condition has channels of its own in one input. A figure says how many times what a good two-pass "
        "evaluation in that dtype must cost the error is, for the worst quantity; {lost} means that the output's or "
        "the input gradient's error is as large as the value itself. A grade never makes a case disagree and never "
        "withholds a speed.",
        lost=strong(LOST),
    )
    sentences = (*summaries(view), *poisons(view), *unusual(view))
    return [
        Heading("Ill-conditioned input", "conditioning"),
        Paragraph(lead),
        *([Bullets(tuple(sentences))] if sentences else []),
        grades_table(view),
    ]


def summaries(view: View) -> list[Rich]:
    """Who loses digits where, and how near the others stay to what it must cost."""
    found, careful = [], []
    for who, of in usual(view.grades).items():
        sentence = losing(who, of)
        if sentence:
            found.append(sentence)
        elif worst_of(of) is not None:
            careful.append(who)
    if careful:
        largest = max((worst_of(usual(view.grades)[who]) for who in careful), key=severity)
        found.append(
            say(
                "{who} {stay} within {largest} times what each condition must cost.",
                who=enumerate_spans([name(who) for who in careful], 8),
                stay="stays" if len(careful) == 1 else "stay",
                largest=strong(significant(max(largest or 0.0, 1.0), 2)),
            )
        )
    return found


def losing(who: str, of: Sequence[Graded]) -> Rich | None:
    """Where an implementation's error matters; None where it does nowhere. Not of 16 bits, which have their table."""
    means = [condition for condition in MEANS if (worst_of(of, condition) or 0) > MATTERS]
    others = [condition for condition in IN_WORDS if (worst_of(of, condition) or 0) > MATTERS]
    parts: list[Rich] = []
    if means:
        first, gone = means[0], next((c for c in means if any(graded.lost(c) for graded in of)), None)
        parts.append(
            say(
                "at a mean of {mean} deviations its error is {over} times what it must be ({quantity}){gone}",
                mean=f"{MEANS[first]:,}",
                over=strong(significant(worst_of(of, first) or 0, 2)),
                quantity=_quantity(of, first),
                gone=say(
                    ", and at {mean} {lost}", mean=f"{MEANS[gone]:,}", lost=verdict(f"{LOST[:10]} are lost", "bad")
                )
                if gone
                else "",
            )
        )
    parts += [
        say("{where} {over} times ({quantity})", where=IN_WORDS[condition],
            over=strong(significant(worst_of(of, condition) or 0, 2)), quantity=_quantity(of, condition))
        for condition in others
    ]  # fmt: skip
    if not parts:
        return None
    return say("{who} {loses}: {parts}.", who=name(who), loses=verdict("loses digits", "warn"), parts=_joined(parts))


def _joined(parts: Sequence[Rich]) -> Rich:
    spans: Rich = parts[0]
    for part in parts[1:]:
        spans = (*spans, *say("; "), *part)
    return spans


def poisons(view: View) -> list[Rich]:
    """What a value that is not finite does beyond its own channel, and whether it is hidden there."""
    of = usual(view.grades)
    seen = {
        who: grades for who, grades in of.items() if any(_patterns(grades, c, "hidden") is not None for c in POISONS)
    }
    if not seen:
        return []
    odd = {who: kinds for who, grades in seen.items() if (kinds := _odd(grades))}
    sentences = [
        say("{who}: {kinds}.", who=name(who), kinds=verdict(listing(kinds), "warn")) for who, kinds in odd.items()
    ]
    if len(odd) < len(seen):
        sentences.append(
            say(
                "One NaN or infinity spoils its own channel and no other{all}.",
                all=f" in all {len(seen)} implementations"
                if not odd and len(seen) > 1
                else " in the others"
                if odd
                else "",
            )
        )
    return sentences


def _odd(of: Sequence[Graded]) -> list[str]:
    words = {"hidden": "is hidden in its", "spread": "spreads to its"}
    values = {"nan": "one NaN", "infinity": "one infinity"}
    return [
        f"{values[condition]} {text} {listing([QUANTITIES.get(q, visible(q)) for q in quantities])}"
        for condition in POISONS
        for kind, text in words.items()
        if (quantities := _patterns(of, condition, kind))
    ]


def unusual(view: View) -> list[Rich]:
    """What an empty batch leaves behind, and who refuses unusual batches."""
    of = usual(view.grades)
    by_effect: dict[str, list[str]] = {}
    for who, grades in of.items():
        for effect in dict.fromkeys(text for graded in grades for text in graded.of_empty("statistics")):
            by_effect.setdefault(effect, []).append(who)
    sentences = []
    if lost := by_effect.get("not finite"):
        sentences.append(
            say(
                "An empty batch makes the moving statistics of {who} {lost}: every later inference is NaN{kept}.",
                who=enumerate_spans([name(who) for who in lost], 8),
                lost=verdict("NaN or infinite for good", "warn"),
                kept=say("; {who} keeps them", who=enumerate_spans([name(w) for w in by_effect["unchanged"]], 4))
                if "unchanged" in by_effect
                else "",
            )
        )
    for condition, text in ((ONE_VALUE, "one value a channel"), (EMPTY, "an empty batch")):
        refusing = [who for who, grades in of.items() if any(graded.refused(condition) for graded in grades)]
        if refusing:
            names = enumerate_spans([name(who) for who in refusing], 8)
            verb = "refuses" if len(refusing) == 1 else "refuse"
            sentences.append(say("{who} {verb} to train on {what}.", who=names, verb=verb, what=text))
    return sentences


def _quantity(of: Sequence[Graded], condition: str) -> str:
    holder = max(of, key=lambda graded: severity(graded.over_bound(condition)))
    quantity = holder.quantity(condition)
    return QUANTITIES.get(quantity, visible(quantity))


def _patterns(of: Sequence[Graded], condition: str, kind: str) -> list[str] | None:
    lists = [found for graded in of if (found := graded.pattern(condition, kind)) is not None]
    return list(dict.fromkeys(quantity for each in lists for quantity in each)) if lists else None
