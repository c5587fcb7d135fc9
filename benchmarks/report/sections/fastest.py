"""Saying who is fastest, and how sure that is."""

from __future__ import annotations

from benchmarks.report.contest import Contest
from benchmarks.report.document import Rich, Span, enumerate_spans, say, strong
from benchmarks.report.statistics import Estimate, compare
from benchmarks.report.view import View, entry
from benchmarks.report.wording import count, shape_text, significant, visible


def times_as_fast(slower_over_faster: Estimate) -> Rich:
    """``1.32 times as fast (95 % interval 1.21 to 1.44)`` from the ratio of the slower's time to the faster's."""
    factor = strong(f"{significant(slower_over_faster.ratio)} times as fast")
    if slower_over_faster.low is None or slower_over_faster.high is None:
        return (factor,)
    interval = f"{significant(slower_over_faster.low)} to {significant(slower_over_faster.high)}"
    return say("{factor} (95 % interval {interval})", factor=factor, interval=interval)


def basis(contest: Contest) -> str:
    """``float32 on cpu, 4 inputs, 3 rounds``."""
    inputs = (
        shape_text(contest.groups[0].shape) if len(contest.groups) == 1 else f"{len(contest.groups)} inputs"
    )
    if inputs == "any shape":
        inputs = "one network"
    return visible(f"{contest.dtype} on {contest.device}, {inputs}, {count(contest.rounds, 'round')}")


def names(contest: Contest, places: list[int]) -> Rich:
    """The entries as a list of names."""
    return enumerate_spans([entry(*contest.entries[place]) for place in places], 4)


def choice(contest: Contest) -> Rich:
    """Who to choose: the fastest, or all that cannot be told apart from it."""
    tied = sorted(contest.tied, key=contest.order().index)
    return names(contest, tied)


def evidence(contest: Contest) -> Rich:
    """By how much, over whom, and on what it rests."""
    best, order = contest.best, contest.order()
    if len(order) < 2:
        return say("The only one measured: nothing to compare with ({basis}).", basis=basis(contest))
    tied = contest.tied
    if len(tied) == len(order):
        found = contest.against(order[1], best)
        between = f"; the nearest differ by a factor of {_span(found)}" if found else ""
        return say("They cannot be told apart{between} ({basis}).", between=between, basis=basis(contest))
    rival = next(place for place in order if place not in tied)
    found = contest.against(rival, best)
    if found is None:
        return say("Nothing to compare with ({basis}).", basis=basis(contest))
    if len(tied) > 1:
        template = "They cannot be told apart; {best} is {factor} as {rival} ({basis})."
    elif found.has_interval:
        template = "{factor} as {rival}, the next ({basis})."
    else:
        template = (
            "{factor} as {rival}, the next, in the one round of this run: a hint, not a verdict ({basis})."
        )
    return say(
        template,
        best=entry(*contest.entries[best]),
        factor=times_as_fast(found),
        rival=entry(*contest.entries[rival]),
        basis=basis(contest),
    )


def _span(found: Estimate) -> str:
    if found.low is None or found.high is None:
        return significant(found.ratio)
    return f"{significant(found.ratio)}, interval {significant(found.low)} to {significant(found.high)}"


def left_out(contest: Contest) -> Rich:
    """Who is not in the comparison, and what they lack; empty if nobody."""
    if not contest.left_out:
        return ()
    who = enumerate_spans([entry(*who) for who, _ in contest.left_out], 4)
    return say(" Not compared, for lack of a published speed on each of these inputs: {who}.", who=who)


def sentence(view: View, contest: Contest) -> Rich:
    """The whole story as a sentence or two."""
    tied = contest.tied
    verb = "is fastest: " if len(tied) == 1 else "are fastest. "
    if len(contest.entries) < 2:
        verb = ". "
    return (
        *choice(contest),
        Span(f" {verb}" if verb != ". " else ". "),
        *evidence(contest),
        *left_out(contest),
        *exceptions(contest),
    )


def exceptions(contest: Contest) -> Rich:
    """Inputs on which another one is certainly faster than the overall fastest."""
    best = contest.entries[contest.best]
    parts = []
    for group in contest.groups if len(contest.groups) > 1 else ():
        speeds = {speed.entry: speed for speed in group.published}
        rivals = [
            (who, compare(speed.minima, speeds[best].minima)) for who, speed in speeds.items() if who != best
        ]
        faster = [(who, found) for who, found in rivals if found and found.told_apart and found.ratio < 1]
        if faster:
            who, found = min(faster, key=lambda pair: pair[1].ratio)
            parts.append(
                say("on {shape} {who} is {factor}", shape=shape_text(group.shape), who=entry(*who),
                    factor=times_as_fast(found.inverse()))
            )  # fmt: skip
    if not parts:
        return ()
    return say(" The order depends on the input: {parts}.", parts=enumerate_spans(parts, 3))
