"""Who is fastest in one kind of work: one judgement for the cards, the table at a glance and the sections."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.report.contest import Contest, hold
from benchmarks.report.document import Rich, Span, enumerate_spans, link, say
from benchmarks.report.sections.fastest import all_the_same, choice, entry_name, evidence, exceptions
from benchmarks.report.view import View

NOT_DECIDED = (Span("not decided"),)


@dataclass(frozen=True)
class Winner:
    """Who wins and on what evidence; ``contest`` is without the speeds that the report itself distrusts."""

    contest: Contest
    choice: Rich
    evidence: Rich
    decided: bool


def winner(view: View, contest: Contest) -> Winner:
    """The fastest, if that rests on decided ratios of speeds that the report does not distrust itself."""
    if len(contest.entries) < 2:
        return Winner(contest, choice(contest), evidence(contest), False)
    trusted = _trusted(view, contest)
    entries = trusted.entries if trusted else ()
    left_out = [entry_name(entry) for entry in contest.entries if entry not in entries]
    aside = say(
        " Speeds not to be trusted ({link}) are those of {who}.",
            link=link("see Environment", "#environment"), who=enumerate_spans(left_out, 4),
    ) if left_out else ()  # fmt: skip
    if trusted is None or len(entries) < 2:
        untold = len(contest.tied) == len(contest.entries)
        few = say("Of {number} speeds too few are to be trusted.", number=str(len(contest.entries)))
        return Winner(contest, NOT_DECIDED, (*(evidence(contest) if untold else few), *aside), False)
    decided = trusted.rounds > 1 and (len(trusted.tied) < len(trusted.entries) or all_the_same(trusted))
    return Winner(trusted, choice(trusted) if decided else NOT_DECIDED, (*evidence(trusted), *aside), decided)


def sentence(found: Winner, shown: Contest) -> Rich:
    """The whole story in a few sentences.

    Args:
        found: who wins.
        shown: the contest with all speeds, which also tells who lacks an input.
    """
    held = found.contest
    if not found.decided:
        verb = ". "
    elif len(held.tied) > 1:
        verb = " are fastest. "
    else:
        verb = " is fastest: "
    return (*_lead(found, verb), *found.evidence, *_left_out(shown), *exceptions(held))


def _lead(found: Winner, verb: str) -> Rich:
    if len(found.contest.entries) < 2 or found.decided:
        return (*found.choice, Span(verb))
    return say("Who is fastest is not decided. ")


def _left_out(contest: Contest) -> Rich:
    if not contest.left_out:
        return ()
    who = enumerate_spans([entry_name(entry) for entry, _ in contest.left_out], 4)
    return say(" Not compared, for want of a published speed on each of these inputs: {who}.", who=who)


def _trusted(view: View, contest: Contest) -> Contest | None:
    """The same contest without distrusted speeds; None if there are none left."""
    shapes = {group.shape for group in contest.groups}
    for found in view.trusted_contests(contest.work):
        if (found.device, found.dtype) == (contest.device, contest.dtype):
            kept = [group for group in found.groups if group.shape in shapes]
            return found if len(kept) == len(found.groups) else hold(kept) if kept else None
    return None
