"""An answer in sentences."""

from __future__ import annotations

from bn_impls.explain.answer import Answer, OneSide
from bn_impls.explain.attribution import SAME, Cause, Explained, Rounding
from bn_impls.explain.remedy import Remedy
from bn_impls.explain.wording import FIELD_WORDS, QUANTITY_WORDS, percent, size, value_words

LITTLE = 0.005  # a share below which a cause is not worth a sentence


def sentences(answer: Answer) -> list[str]:
    """The answer, the most important sentence first."""
    told = [_verdict(answer)]
    parts = [_cause_sentences(answer), _rounding_sentences(answer)]
    told += [sentence for part in (parts[::-1] if _rounding_leads(answer) else parts) for sentence in part]
    told += [_unexplained(answer, quantity) for quantity in answer.quantities if quantity.unexplained]
    told += [f"Gradients are not compared: {side.name}: {side.observed.not_offered}."
             for side in (answer.a, answer.b) if side.observed.not_offered]  # fmt: skip
    told += _undeclared(answer.a) + _undeclared(answer.b)
    for remedy in answer.remedies:
        told += _remedy(answer, remedy)
    return told


def _verdict(answer: Answer) -> str:
    a, b = answer.a.name, answer.b.name
    differing = [quantity for quantity in answer.quantities if not quantity.same]
    if not differing:
        worst = max(answer.quantities, key=lambda quantity: quantity.over_bound)
        return (
            f"{a} and {b} are the same here: every difference is within rounding. The largest is "
            f"{size(worst.difference)} in {QUANTITY_WORDS[worst.quantity]}, {worst.over_bound:.2g} times the derived "
            f"bound; {SAME:g} times are allowed for the two of them."
        )
    names = _listed([QUANTITY_WORDS[quantity.quantity] for quantity in differing])
    counts = {"explained": "explained", "unexplained": "not all explained"}
    return f"{a} and {b} differ in {names}; this is {counts[answer.verdict]}."


def _cause_sentences(answer: Answer) -> list[str]:
    """One sentence a cause, about the quantity that it says most of; what says little of anything is left out."""
    told = []
    for field in answer.causes():
        found = [(quantity, cause) for quantity in answer.quantities for cause in quantity.causes
                 if cause.field == field]  # fmt: skip
        quantity, cause = max(found, key=lambda pair: (round(abs(pair[1].share), 3), _relative(pair[0])))
        if abs(cause.share) < LITTLE:
            continue
        also = [f"{percent(c.share)} in {QUANTITY_WORDS[q.quantity]}" for q, c in found
                if q is not quantity and abs(c.share) >= LITTLE]  # fmt: skip
        told.append(_cause(answer, quantity, cause) + (f" Also {_listed(also)}." if also else ""))
    return told


def _rounding_leads(answer: Answer) -> bool:
    """Whether rounding has the largest share of the largest difference."""
    largest = max(answer.quantities, key=lambda quantity: quantity.over_bound)
    of_causes = [cause.share for cause in largest.causes]
    return sum(rounding.share for rounding in largest.rounding) > max(of_causes, default=0.0)


def _cause(answer: Answer, quantity: Explained, cause: Cause) -> str:
    a, b = answer.a.name, answer.b.name
    what, where = FIELD_WORDS[cause.field], QUANTITY_WORDS[quantity.quantity]
    how = f"{a}: {value_words(cause.field, cause.a)}; {b}: {value_words(cause.field, cause.b)}"
    if cause.share < 0:
        return (
            f"{_begin(what)} works the other way: without it the difference in {where} would be "
            f"{percent(-cause.share)} larger. {how}."
        )
    explained = min(cause.share, 1.0) * quantity.difference
    return (
        f"{_begin(what)} explains {percent(cause.share)} of the difference in {where} "
        f"({size(explained)} of {size(quantity.difference)}). {how}."
    )


def _rounding_sentences(answer: Answer) -> list[str]:
    told = []
    for side in ("a", "b"):
        found = [(quantity, rounding) for quantity in answer.quantities for rounding in quantity.rounding
                 if rounding.side == side]  # fmt: skip
        if found:
            quantity, rounding = max(found, key=lambda pair: (-abs(1 - pair[1].share), pair[0].over_bound))
            told.append(_rounding(getattr(answer, side).name, quantity, rounding))
    return told


def _rounding(name: str, quantity: Explained, rounding: Rounding) -> str:
    chosen = _listed(
        [f"{FIELD_WORDS[field]} ({value_words(field, value)})" for field, value in rounding.choices.items()]
    )
    return (
        f"{_begin(chosen)} of {name} accounts for {percent(rounding.share)} of the difference in "
        f"{QUANTITY_WORDS[quantity.quantity]}: it is rounding. {name} is {size(rounding.error)} off there; the "
        f"reference, rounding in this way, is {size(rounding.expected)} off."
    )


def _unexplained(answer: Answer, quantity: Explained) -> str:
    where = QUANTITY_WORDS[quantity.quantity]
    if quantity.missing:
        names = _lacking(answer, quantity)
        return f"No {where.removeprefix('the ')} comes from {names}, which should give one: nothing explains that."
    return (
        f"Nothing tried explains {size(quantity.unexplained)} of the difference in {where} "
        f"({size(quantity.difference)}): no choice of a batch norm known here, nor up to four together, gives it."
    )


def _lacking(answer: Answer, quantity: Explained) -> str:
    both = {"a": answer.a.name, "b": answer.b.name}
    return both.get(quantity.missing, f"{answer.a.name} and {answer.b.name}")


def _undeclared(side: OneSide) -> list[str]:
    told = [
        f"{side.name} does otherwise than declared: {FIELD_WORDS[field]}: declared, "
        f"{value_words(field, declared)}; found, {value_words(field, found)}."
        for field, (declared, found) in side.undeclared().items()
    ]
    for other in side.alternatives()[:3]:
        changes = _listed([f"{FIELD_WORDS[field]}: {value_words(field, value)}" for field, value in other.items()])
        told.append(f"These answers of {side.name} would also come from {changes}.")
    return told


def _remedy(answer: Answer, remedy: Remedy) -> list[str]:
    name = getattr(answer, remedy.side).name
    other = answer.b.name if remedy.side == "a" else answer.a.name
    told = []
    if remedy.left is not None and set(remedy.settings) - set(remedy.ignored):
        given = _listed(
            [f"{FIELD_WORDS[field]}: {value_words(field, value)}" for field, value in remedy.settings.items()]
        )
        told.append(f"To make {name} equal {other}, build it with {given}. {_after(answer, remedy)}")
    told += [f"{name} cannot be given {other}'s {FIELD_WORDS[field].removeprefix('the ')}: {reason}."
             for field, reason in remedy.refused.items()]  # fmt: skip
    told += [
        f"{name} can be built with {other}'s {FIELD_WORDS[field].removeprefix('the ')}, and then computes the same as "
        "before."
        for field in remedy.ignored
    ]
    if remedy.not_settings:
        fields = _listed([FIELD_WORDS[field] for field in remedy.not_settings])
        told.append(
            f"{_begin(fields)} is no setting of a layer: it is changed in {name}'s code, or by how it is called."
        )
    return told


def _after(answer: Answer, remedy: Remedy) -> str:
    assert remedy.left is not None
    before = {quantity.quantity: quantity for quantity in answer.quantities if not quantity.same}
    falls = [f"{size(quantity.difference)} to {size(remedy.left[name])} in {QUANTITY_WORDS[name]}"
             for name, quantity in before.items()]  # fmt: skip
    return f"Tried: the difference goes from {_listed(falls)}."


def _relative(quantity: Explained) -> float:
    return quantity.difference / quantity.scale if quantity.scale else 0.0


def _begin(words: str) -> str:
    """With a capital, but names that are written small stay so."""
    return words if words.split()[0] in ("ddof", "epsilon", "gamma") else words[0].upper() + words[1:]


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
