"""Saying who is fastest, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.report.contest import Contest, Entry
from benchmarks.report.document import Rich, Span, enumerate_spans, name, say, strong
from benchmarks.report.speeds import NETWORK, Group
from benchmarks.report.wording import count, percent, ratio, shape_text, visible
from benchmarks.verdicts.judging import MARGIN, Verdict
from benchmarks.verdicts.ranking import verdicts_on
from benchmarks.verdicts.ratios import log_ratios_to

WIDE = 4.0  # upper over lower end, from which an interval says that the rounds differ


def entry_name(entry: Entry) -> Span:
    """An implementation in a call style, as it stands in sentences."""
    implementation, style = entry
    return name(f"{implementation} ({style})" if style else implementation)


def times_as_fast(slower_over_faster: Verdict) -> Rich:
    """``1.32 times as fast (95 % interval 1.21 to 1.44)``.

    Args:
        slower_over_faster: the slower's step time over the faster's.

    Returns:
        The words.
    """
    factor = strong(f"{ratio(slower_over_faster.ratio)} times as fast")
    if slower_over_faster.low is None or slower_over_faster.high is None:
        return (factor,)
    interval = f"{ratio(slower_over_faster.low)} to {ratio(slower_over_faster.high)}"
    return say("{factor} (95 % interval {interval})", factor=factor, interval=interval)


def choice(contest: Contest) -> Rich:
    """Who to choose: the fastest, and whoever cannot be told apart from it."""
    tied = set(contest.tied)
    places = [place for place in contest.order if place in tied]
    return enumerate_spans([entry_name(contest.entries[place]) for place in places], 4)


def evidence(contest: Contest) -> Rich:
    """By how much, over whom, and on what it rests."""
    best, order, tied = contest.best, contest.order, contest.tied
    rest = _basis(contest)
    if len(order) < 2:
        return say("The only one measured, so there is nothing to compare with ({basis}).", basis=rest)
    if len(tied) == len(order):
        return say("{tie}{between} ({basis}).", tie=_tie(contest), between=_between(contest), basis=rest)
    rival = next(place for place in order if place not in tied)
    found = contest.verdicts[rival]
    if found is None:
        return say("There is nothing to compare with ({basis}).", basis=rest)
    if len(tied) > 1:
        template = "{tie}. {best} is {factor} as {rival} ({basis})."
    elif found.low is not None:
        template = "{factor} as {rival}, the next ({basis})."
    else:
        template = "{factor} as {rival}, the next, in the one round of this run: a hint, no verdict ({basis})."
    return say(
        template,
        tie=_tie(contest),
        best=entry_name(contest.entries[best]),
        factor=times_as_fast(found),
        rival=entry_name(contest.entries[rival]),
        basis=rest,
    )


def all_the_same(contest: Contest) -> bool:
    """Whether those that share the first place are the same for certain."""
    found = [contest.verdicts[place] for place in contest.tied if place != contest.best]
    return all(verdict is not None and verdict.word == "same" for verdict in found)


def _tie(contest: Contest) -> str:
    """What is said of those that share the first place."""
    if all_the_same(contest):
        return f"They are the same within {percent(MARGIN, 0)}"
    return "They cannot be told apart"


def exceptions(contest: Contest) -> Rich:
    """Inputs on which another one is faster for certain than the overall fastest; empty if there are none."""
    groups: Sequence[Group] = contest.groups if len(contest.groups) > 1 else ()
    parts = [found for group in groups if (found := _exception(group, contest.entries[contest.best], len(groups)))]
    if not parts:
        return ()
    return say(" The order depends on the input: {parts}.", parts=enumerate_spans(parts, 3))


def _exception(group: Group, best: Entry, groups: int) -> Rich:
    """Who is faster on one of so many inputs, which are all looked through."""
    speeds = {speed.entry: speed.minima for speed in group.published}
    per_round = log_ratios_to(list(speeds.values()), list(speeds).index(best))
    verdicts = zip(speeds, verdicts_on(per_round, groups=groups, looks=group.looks), strict=True)
    faster = {who: found for who, found in verdicts if found and found.word == "faster"}
    if not faster:
        return ()
    who = min(faster, key=lambda entry: faster[entry].ratio)
    return say(
        "on {shape} {who} is {factor}",
        shape=shape_text(group.shape),
        who=entry_name(who),
        factor=times_as_fast(faster[who].inverse()),
    )


def _basis(contest: Contest) -> str:
    """``float32 on cpu, 4 inputs, 3 rounds``."""
    first = contest.groups[0]
    inputs = f"{len(contest.groups)} inputs"
    if contest.work == NETWORK:
        inputs = f"network {first.text('network')}" if len(contest.groups) == 1 else f"{len(contest.groups)} networks"
    elif len(contest.groups) < 3:
        inputs = " and ".join(shape_text(group.shape) for group in contest.groups)
    return visible(f"{contest.dtype} on {contest.device}, {inputs}, {count(contest.rounds, 'round')}")


def _between(contest: Contest) -> str:
    """How far the extremes are apart, and why that says nothing."""
    found = contest.verdicts[contest.order[-1]]
    if found is None or found.low is None or found.high is None:
        return ""
    ends = f"95 % interval {ratio(found.low)} to {ratio(found.high)}"
    if found.high > WIDE * found.low:
        return (
            f": the rounds of this run differ too much. The extremes are a factor of {ratio(found.ratio)} apart, {ends}"
        )
    return f": the extremes are a factor of {ratio(found.ratio)} apart, {ends}"
