"""Which API to use, a line for every framework: the plain choice, what is faster for which work, what to beware of."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from benchmarks.report.cautions import cautions, faults
from benchmarks.report.contest import Contest, Entry, contests
from benchmarks.report.distrust import without_distrusted
from benchmarks.report.document import Block, Paragraph, Rich, Terms, enumerate_spans, name, say, verdict
from benchmarks.report.frameworks import choices
from benchmarks.report.sections.fastest import entry_name, times_as_fast
from benchmarks.report.speeds import NETWORK, Group
from benchmarks.report.view import View
from benchmarks.verdicts.judging import Verdict, judge


def _dense(group: Group) -> bool:
    return len(group.shape) == 2


def _any(group: Group) -> bool:
    return True


def _maps(group: Group) -> bool:
    return len(group.shape) > 2


CLASSES: tuple[tuple[str, str, Callable[[Group], bool]], ...] = (
    ("to train dense layers", "training_forward_backward", _dense),
    ("to train on maps", "training_forward_backward", _maps),
    ("to train a whole network", NETWORK, _any),
    ("for inference on dense inputs", "inference", _dense),
    ("for inference on maps", "inference", _maps),
)


@dataclass(frozen=True)
class Faster:
    """What is faster than the plain choice for a class of work; ``verdict`` is the plain choice's time over its."""

    what: str
    entry: Entry
    verdict: Verdict


@dataclass(frozen=True)
class Advice:
    """What a user of one framework should take."""

    framework: str
    plain: str
    faster: tuple[Faster, ...]
    beware: tuple[tuple[str, str], ...]  # implementation, the most harmful thing to know of it


def advise(view: View) -> list[Advice]:
    """The advice of a run, a framework each.

    The plain choice is the framework's own layer, unless the records show that it is wrong, loses state or trains
    differently and another one does not. Something else is called faster only where that is decided, with all
    intervals of one class of work and framework holding at once.
    """
    measured = {record.implementation for record in view.run.records if record.measured}
    groups = without_distrusted(view.run, view.speeds.groups)
    return [_advice(view, title, names, groups) for title, names in choices(measured).items()]


def advice(view: View) -> list[Block]:
    """The block; nothing where no known framework was measured on agreement."""
    found = advise(view) if view.worst else []
    if not found:
        return []
    lead = say("By framework, from the records of this run; all that is called faster is decided with 95 % confidence.")
    return [Paragraph(lead), Terms(tuple((one.framework, sentence(one)) for one in found))]


def sentence(one: Advice) -> Rich:
    """``keras. Faster: to train on maps tf-keras (graph), 4.4 times as fast (...). Beware of keras: ...``."""
    parts = [
        say("{what} {who}, {factor}", what=fast.what, who=entry_name(fast.entry), factor=times_as_fast(fast.verdict))
        for fast in one.faster
    ]
    faster = say(" Faster: {parts}.", parts=_joined(parts)) if parts else ()
    whom: dict[str, list[str]] = {}
    for who, what in one.beware:
        whom.setdefault(what, []).append(who)
    warned = [
        say("{who}: {what}", who=enumerate_spans([name(who) for who in names]), what=what)
        for what, names in whom.items()
    ]
    beware = say(" {word} of {parts}.", word=verdict("Beware", "warn"), parts=_joined(warned)) if warned else ()
    return (*say("{plain}.", plain=name(one.plain)), *faster, *beware)


def _advice(view: View, title: str, names: Sequence[str], groups: Sequence[Group]) -> Advice:
    plain = min(names, key=lambda who: len(faults(view, who)))
    faster = tuple(
        found
        for what, work, belongs in CLASSES
        for contest in contests([_only(group, names) for group in groups if belongs(group)], work)[:1]
        if (found := _faster(what, contest, plain, names))
    )
    told = dict.fromkeys([plain, *(fast.entry[0] for fast in faster)])
    beware = tuple((who, said[0]) for who in told if (said := cautions(view, who)))
    return Advice(title, plain, faster, beware)


def _only(group: Group, names: Sequence[str]) -> Group:
    return replace(group, speeds=tuple(one for one in group.speeds if one.record.implementation in names))


def _faster(what: str, contest: Contest, plain: str, names: Sequence[str]) -> Faster | None:
    """The plainest of those that are faster than the plain choice, and than which nothing is faster."""
    own = [place for place in contest.order if contest.entries[place][0] == plain]
    if not own:
        return None
    pairs = math.comb(len(contest.entries), 2)

    def against(slow: int, fast: int) -> Verdict | None:
        ratios = contest.per_round[slow] - contest.per_round[fast]
        return judge(ratios, comparisons=max(pairs, 1), looks=contest.groups[0].looks)

    found = {
        place: slower
        for place, (who, _) in enumerate(contest.entries)
        if who != plain and (slower := against(own[0], place)) and slower.word == "slower" and slower.low is not None
    }
    first = [
        place for place in found
        if not any((behind := against(place, other)) and behind.word == "slower" for other in found)
    ]  # fmt: skip
    if not first:
        return None
    place = min(first, key=lambda one: (names.index(contest.entries[one][0]), contest.order.index(one)))
    return Faster(what, contest.entries[place], found[place])


def _joined(parts: Sequence[Rich]) -> Rich:
    spans: Rich = ()
    for part in parts:
        spans = (*spans, *say("; "), *part) if spans else part
    return spans
