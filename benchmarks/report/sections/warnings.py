"""What to watch out for, a sentence each, the gravest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchmarks.report.distrust import UNSTEADY, is_unsteady
from benchmarks.report.document import Rich, enumerate_spans, link, name, say, strong, verdict
from benchmarks.report.grades import usual
from benchmarks.report.restores import lost
from benchmarks.report.sections.conditioning import losing, unusual
from benchmarks.report.sections.fastest import entry_name, exceptions
from benchmarks.report.sections.memory import leaks
from benchmarks.report.sections.roofline import too_fast
from benchmarks.report.sections.second_order import wrong
from benchmarks.report.sections.semantics import semantic_warnings
from benchmarks.report.sections.winners import winner
from benchmarks.report.speeds import NETWORK
from benchmarks.report.trainings import first_split
from benchmarks.report.view import View
from benchmarks.report.wording import (
    QUANTITIES,
    WORKS,
    count,
    duration,
    of_bound,
    shape_text,
    shorten,
    significant,
    visible,
)
from benchmarks.verdicts.judging import Verdict
from benchmarks.verdicts.passes import PassValues
from benchmarks.verdicts.ranking import compare

SLOW_FIRST_CALL_S = 1.0
STYLE_MATTERS = 1.5  # times
MOST_OF_A_KIND = 5
PLACES = {
    "#agreement": "Agreement",
    "#conditioning": "Ill-conditioned input",
    "#checkpoint": "Checkpoint",
    "#semantics-warnings": "What they do",
    "#memory": "Memory",
    "#roofline": "How close to the machine's limit",
}


def warnings(view: View) -> list[Rich]:
    """All warnings that the records give reason for."""
    return [
        *_first(_disagreements(view), "#agreement"),
        *wrong(view),
        *_first(_ill_conditioned(view), "#conditioning"),
        *unusual(view),
        *_first(_restores(view), "#checkpoint"),
        *_splits(view),
        *_first(semantic_warnings(view, _measured_elsewhere(view)), "#semantics-warnings"),
        *_first(_inaccurate(view), "#agreement"),
        *_styles(view),
        *_orders(view),
        *_first(leaks(view), "#memory"),
        *_first(too_fast(view), "#roofline"),
        *_first_calls(view),
        *_measuring(view),
    ]


def _measured_elsewhere(view: View) -> set[str]:
    """Questions of the probes that a warning from measured cases answers already."""
    graded = {"variance_passes", "empty_batch", "batch_of_one"} if view.grades else set()
    return graded | ({"second_order"} if view.second_order else set())


def _first(sentences: list[Rich], where: str) -> list[Rich]:
    """A few of one kind, and how many more there are."""
    if len(sentences) <= MOST_OF_A_KIND:
        return sentences
    more = len(sentences) - MOST_OF_A_KIND + 1
    return [
        *sentences[:-more],
        say("{more} more of this kind: {link}.", more=f"{more:,}", link=link(f"see {PLACES[where]}", where)),
    ]


def _disagreements(view: View) -> list[Rich]:
    return [
        say(
            "{who} {verdict} with the reference in {wrong} of {cases}: {why}. Its speed is not shown there.",
            who=name(who),
            verdict=verdict("disagrees", "bad"),
            wrong=len(worst.disagreeing),
            cases=count(len(worst.records), "case"),
            why=shorten(visible(worst.disagreeing[0].reason or "no reason recorded"), 300).rstrip("."),
        )
        for who, worst in view.worst.items()
        if worst.disagreeing
    ]


def _ill_conditioned(view: View) -> list[Rich]:
    """Who is right around 0 and loses digits elsewhere."""
    return [sentence for who, of in usual(view.grades).items() if (sentence := losing(who, of))]


def _inaccurate(view: View) -> list[Rich]:
    """Who computes the right thing, but not as accurately as its dtype allows."""
    return [
        say(
            "{who} is right, but rounds more than it must: its worst error is {over} ({quantity}, {where}).",
            who=name(who),
            over=strong(of_bound(worst.over_bound)),
            quantity=QUANTITIES.get(worst.quantity, visible(worst.quantity)),
            where=f"{shape_text(worst.worst_record.shape)}, {visible(worst.worst_record.text('dtype'))}",
        )
        for who, worst in view.worst.items()
        if not worst.disagreeing
        and worst.over_bound is not None
        and worst.over_bound > 1
        and who not in view.yardsticks
    ]


def _restores(view: View) -> list[Rich]:
    missing: dict[str, list[str]] = {}
    for record in view.measured("checkpoint"):
        missing.setdefault(record.implementation, []).extend(lost(record))
    return [
        say("A checkpoint of {who} {verdict} {what}.", who=name(who), verdict=verdict("does not bring back", "bad"),
            what=enumerate_spans(list(dict.fromkeys(what))))
        for who, what in missing.items()
        if what
    ]  # fmt: skip


def _splits(view: View) -> list[Rich]:
    earliest: dict[str, int] = {}
    for record in view.measured("convergence"):
        split = first_split(record)
        if split is not None and not view.roundings.explains(record):
            earliest[record.implementation] = min(split, earliest.get(record.implementation, split))
    sentences = []
    if earliest:
        parts = [say("{who} at step {step}", who=name(who), step=f"{step:,}") for who, step in earliest.items()]
        sentences.append(
            say(
                "Training leaves the reference's loss earlier than rounding explains: {parts}.",
                parts=enumerate_spans(parts, 4),
            )
        )
    if view.roundings.first is not None:
        sentences.append(
            say(
                "Rounding alone makes a training leave the float64 reference, here from step {step} on. Do "
                "not expect the same losses from another API, even a correct one.",
                step=f"{view.roundings.first:,}",
            )
        )
    return sentences


def _styles(view: View) -> list[Rich]:
    """Where the call style of one implementation matters more than the choice of implementation."""
    widest: dict[str, tuple[float, Rich]] = {}
    for group in view.trusted_groups:
        by_name: dict[str, list[int]] = {}
        for index, speed in enumerate(group.published):
            by_name.setdefault(speed.record.implementation, []).append(index)
        for who, places in by_name.items():
            rows = sorted((group.published[place] for place in places), key=lambda row: row.step_ns)
            found = _extremes([row.minima for row in rows], group.looks) if len(rows) > 1 else None
            if found and _matters(found) and found.ratio > widest.get(who, (0.0, ()))[0]:
                sentence = say(
                    "The call style matters: {slow} takes {factor} times as long as {fast} at {shape}.",
                    slow=entry_name(rows[-1].entry),
                    factor=strong(significant(found.ratio)),
                    fast=entry_name(rows[0].entry),
                    shape=shape_text(group.shape) if group.work != NETWORK else "the network",
                )
                widest[who] = found.ratio, sentence
    return [sentence for _, sentence in sorted(widest.values(), key=lambda pair: -pair[0])[:4]]


def _extremes(rows: Sequence[PassValues], looks: int) -> Verdict | None:
    """The last against the first; they were chosen for being the extremes, as if every two were compared."""
    return compare(rows[-1], rows[0], comparisons=len(rows) * (len(rows) - 1) // 2, looks=looks)


def _matters(found: Verdict) -> bool:
    return found.ratio > STYLE_MATTERS and (found.low is None or found.word == "slower")


def _orders(view: View) -> list[Rich]:
    sentences = []
    for work in ("training_forward_backward", "inference"):
        for contest in view.contests(work)[:1]:
            held = winner(view, contest).contest
            found = exceptions(held)
            if found:
                best = entry_name(held.entries[held.best])
                sentences.append(say("{best} is the fastest overall in {work}, but not everywhere.{found}",
                                     best=best, work=work.replace("_", " "), found=found))  # fmt: skip
    return sentences


def unsteady_line(view: View) -> Rich:
    """How many speeds depend on the process, and where they are told; empty if none does."""
    found = unsteady(view)
    if not found:
        return ()
    return say(
        "{number} by more than a factor of {factor} from round to round, and {are} used for no answer: {link}.",
        number=count(len(found), "speed differs", "speeds differ"),
        factor=f"{UNSTEADY:g}",
        are="is" if len(found) == 1 else "are",
        link=link("see Environment", "#environment-unsteady"),
    )


def unsteady(view: View) -> list[Rich]:
    """Speeds that depend on the process: from round to round they differ by more than noise."""
    found = []
    for group in view.speeds.groups:
        for speed in group.published:
            if is_unsteady(speed):
                times = speed.fastest_calls.values()
                found.append((max(times) / min(times), group, speed))
    return [
        say(
            "From round to round {who} takes {fast} to {slow} ({work}, {where}): its processes differ, or the machine "
            "was busy. Do not trust its ratios there.",
            who=entry_name(speed.entry),
            fast=duration(min(speed.fastest_calls.values()) * 1e-9),
            slow=duration(max(speed.fastest_calls.values()) * 1e-9),
            work=WORKS.get(group.work, visible(group.work)).lower(),
            where=f"network {visible(group.text('network'))}" if group.work == NETWORK else shape_text(group.shape),
        )
        for _, group, speed in sorted(found, key=lambda entry: -entry[0])
    ]


def _first_calls(view: View) -> list[Rich]:
    slowest: dict[tuple[str, str], float] = {}
    for group in view.speeds.groups:
        for speed in group.published:
            first = speed.record.number("first_call_s")
            if first is not None and first > SLOW_FIRST_CALL_S:
                slowest[speed.entry] = max(first, slowest.get(speed.entry, 0.0))
    parts = [say("{who} {time}", who=entry_name(who), time=duration(time)) for who, time in slowest.items()]
    if not parts:
        return []
    return [say("The first call is slow, up to: {parts}.", parts=enumerate_spans(parts, 5))]


def _measuring(view: View) -> list[Rich]:
    """Weak spots of the run itself."""
    sentences = []
    if view.speeds.groups and view.rounds < 2:
        sentences.append(say("Speeds come from {one}: no interval, no rank.", one=strong("one round")))
    elif view.speeds.groups and view.rounds == 2:
        sentences.append(say("Speeds come from {two}: intervals are wide by necessity.", two=strong("two rounds")))
    if view.speeds.withheld:
        number = count(len(view.speeds.withheld), "measured speed")
        sentences.append(say("{number} not shown, for want of a passed agreement beside it.", number=number))
    statuses = Counter(record.status for record in view.run.records if not record.measured)
    if statuses:
        told = ", ".join(f"{number:,} {status.replace('_', ' ')}" for status, number in statuses.items())
        number = count(statuses.total(), "case")
        why = link("see What was not measured, and why", "#unmeasured")
        sentences.append(say("{number} not measured ({told}): {link}.", number=number, told=told, link=why))
    if view.run.damage:
        damage = count(len(view.run.damage), "damage", "damages")
        sentences.append(
            say(
                "The run folder has {damage}: {link}.",
                damage=damage,
                link=link("see Damage in the run folder", "#unmeasured-damage"),
            )
        )
    return sentences
