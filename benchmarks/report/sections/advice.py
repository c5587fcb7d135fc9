"""Which API to use, a line for every framework: the plain choice, what is faster for which work, what to beware of."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from benchmarks.report.cautions import cautions, faults
from benchmarks.report.contest import Contest, Entry, contests
from benchmarks.report.document import Block, Paragraph, Rich, Terms, enumerate_spans, lines, name, say, verdict
from benchmarks.report.frameworks import choices
from benchmarks.report.kinds import ALL, DENSE, kind_of
from benchmarks.report.sections.fastest import entry_name, times_as_fast
from benchmarks.report.speeds import NETWORK, Group
from benchmarks.report.view import View
from benchmarks.verdicts.judging import Verdict, judge

MAPS = tuple(kind for kind in ALL if kind != DENSE)


@dataclass(frozen=True)
class Use:
    """A class of work.

    Attributes:
        what: it is, in words.
        work: as records name it.
        kinds: of inputs, whose speeds count.
        trains_on: kinds of inputs that it trains on, whose cautions count.
    """

    what: str
    work: str
    kinds: Collection[str]
    trains_on: Collection[str]

    def holds(self, group: Group) -> bool:
        """Whether a group of speeds belongs to it."""
        return kind_of(group) in self.kinds


USES = (
    Use("to train dense layers", "training_forward_backward", (DENSE,), (DENSE,)),
    Use("to train on maps", "training_forward_backward", MAPS, MAPS),
    Use("to train a whole network", NETWORK, ALL, ALL),
    Use("for inference on dense inputs", "inference", (DENSE,), ()),
    Use("for inference on maps", "inference", MAPS, ()),
)


@dataclass(frozen=True)
class Faster:
    """What is faster than the plain choice for a use; ``verdict`` is the plain choice's time over its."""

    use: Use
    entry: Entry
    plain: Entry
    verdict: Verdict


@dataclass(frozen=True)
class Advice:
    """What a user of one framework should take."""

    framework: str
    plain: str
    faster: tuple[Faster, ...]
    distrusted: tuple[tuple[Use, tuple[str, ...]], ...]  # whose speeds could not be compared for a use
    beware: tuple[tuple[str, str], ...]  # implementation, the most harmful thing to know of it


def advise(view: View) -> list[Advice]:
    """The advice of a run, a framework each.

    The plain choice is the framework's own layer, unless the records show that it is wrong, loses state or trains
    differently and another one does not. Something else is called faster only where that is decided, with all
    intervals of one class of work and framework holding at once.
    """
    measured = {record.implementation for record in view.run.records if record.measured}
    return [_advice(view, title, names, view.trusted_groups) for title, names in choices(measured).items()]


def advice(view: View) -> list[Block]:
    """The block; nothing where no known framework was measured on agreement."""
    found = advise(view) if view.worst else []
    if not found:
        return []
    lead = say(
        "By framework, from the records of this run; what is called faster is decided, with 95 % confidence for each "
        "use in a framework."
    )
    return [Paragraph(lead), Terms(tuple((one.framework, sentence(one)) for one in found))]


def sentence(one: Advice) -> Rich:
    """``keras. Faster than keras (graph): to train on maps tf-keras (graph), 4.4 times as fast (...). Beware ...``."""
    by_plain: dict[Entry, list[Rich]] = {}
    for fast in one.faster:
        part = say("{use} {who}, {factor}", use=fast.use.what, who=entry_name(fast.entry),
                   factor=times_as_fast(fast.verdict))  # fmt: skip
        by_plain.setdefault(fast.plain, []).append(part)
    told = [say("{plain}.", plain=name(one.plain))]
    for entry, parts in by_plain.items():
        told.append(say("Faster than {plain}: {parts}.", plain=entry_name(entry), parts=_joined(parts)))
    untold = [
        say("{use} {who}", use=use.what, who=enumerate_spans([name(who) for who in names]))
        for use, names in one.distrusted
    ]
    if untold:
        told.append(say("Not compared, as their speeds are not to be trusted: {all}.", all=_joined(untold)))
    whom: dict[str, list[str]] = {}
    for who, what in one.beware:
        whom.setdefault(what, []).append(who)
    told += [
        say("{word} of {who}: {what}.", word=verdict("Beware", "warn"), who=enumerate_spans(list(map(name, names))),
            what=what)
        for what, names in whom.items()
    ]  # fmt: skip
    return lines(told)


def _advice(view: View, title: str, names: Sequence[str], groups: Sequence[Group]) -> Advice:
    plain = min(names, key=lambda who: len(faults(view, who)))
    held = {use: _first(groups, names, use) for use in USES}
    faster = tuple(found for use, one in held.items() if one and (found := _faster(use, one, plain, names)))
    distrusted = tuple(
        (use, untold) for use, one in held.items() if (untold := _untold(_first(view.speeds.groups, names, use), one))
    )
    told: dict[str, Collection[str] | None] = {plain: None}
    for fast in faster:
        who = fast.entry[0]
        told[who] = {*(told.get(who) or ()), *fast.use.trains_on}
    beware = tuple((who, said[0]) for who, kinds in told.items() if (said := cautions(view, who, kinds, names)))
    return Advice(title, plain, faster, distrusted, beware)


def _first(groups: Sequence[Group], names: Sequence[str], use: Use) -> Contest | None:
    """The fullest contest of these implementations."""
    return next(iter(contests([_only(group, names) for group in groups if use.holds(group)], use.work)), None)


def _untold(all_of_them: Contest | None, trusted: Contest | None) -> tuple[str, ...]:
    """Who was measured, and is compared no more without the speeds that the report distrusts."""
    left = {who for who, _ in trusted.entries} if trusted else set()
    whole = dict.fromkeys(who for who, _ in all_of_them.entries) if all_of_them else {}
    return tuple(who for who in whole if who not in left) if len(whole) > 1 else ()


def _only(group: Group, names: Sequence[str]) -> Group:
    return replace(group, speeds=tuple(one for one in group.speeds if one.record.implementation in names))


def _faster(use: Use, contest: Contest, plain: str, names: Sequence[str]) -> Faster | None:
    """The plainest of those that are faster than the plain choice, and than which nothing is faster."""
    own = [place for place in contest.order if contest.entries[place][0] == plain]
    if not own:
        return None
    pairs = math.comb(len(contest.entries), 2)

    def against(slow: int, fast: int) -> Verdict | None:
        return judge(contest.beside(slow, fast), comparisons=max(pairs, 1), looks=contest.groups[0].looks)

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
    return Faster(use, contest.entries[place], contest.entries[own[0]], found[place])


def _joined(parts: Sequence[Rich]) -> Rich:
    spans: Rich = ()
    for part in parts:
        spans = (*spans, *say("; "), *part) if spans else part
    return spans
