"""The answer first: which implementation for which use, are they the same, and what to watch out for."""

from __future__ import annotations

from collections import Counter

from benchmarks.report.document import Block, Heading, Paragraph, Rich, Section

from benchmarks.report.document import code, enumerate_spans, link, name, say, verdict  # isort: skip
from benchmarks.report.errors import severity
from benchmarks.report.kinds import measured_kinds, where, wrong_kinds
from benchmarks.report.sections import cards
from benchmarks.report.sections.advice import advice
from benchmarks.report.sections.apart import every_case, only_apart
from benchmarks.report.sections.conventions import differing
from benchmarks.report.sections.glance import glance
from benchmarks.report.sections.machine_watch import unquiet
from benchmarks.report.sections.noise import trust
from benchmarks.report.sections.unmeasured import accounting
from benchmarks.report.sections.warnings import unsteady_line
from benchmarks.report.sections.watch_out import watch_out
from benchmarks.report.view import View
from benchmarks.report.wording import count, listing, of_bound


def build(view: View) -> Section:
    """The section."""
    blocks: list[Block] = [*advice(view)]
    if view.is_quick():
        blocks.insert(0, Paragraph(_quick(), "note"))
    if view.run.missing:
        blocks.insert(0, Paragraph(accounting(view.run), "note"))
    answers = cards.build(view)
    if answers.items:
        blocks.append(answers)
        blocks.extend(Paragraph(told) for told in [trust(view), unsteady_line(view)] if told)
        blocks.extend(Paragraph(told, "note") for told in [unquiet(view)] if told)
    blocks += [Heading("Are they the same?", "answer-same"), Paragraph(_same(view))]
    blocks.extend(_conventions(view))
    blocks.append(glance(view))
    blocks.extend(watch_out(view))
    blocks += [Heading("Is mine right?", "answer-mine"), Paragraph(_mine())]
    return Section("answer", "The answer", tuple(blocks))


def _quick() -> Rich:
    return say(
        "This was a {quick}: few cases and few passes. Take its answers as hints, and run without {option} "
        "before you decide.",
        quick=verdict("quick run", "warn"),
        option=code("--quick"),
    )


def _same(view: View) -> Rich:
    """Whether all compute what the reference computes."""
    if not view.measured("agreement"):
        return say("No agreement case was measured in this run, so it cannot tell.")
    if not view.worst:
        return say("This run cannot tell: of agreement, it measured only {what}.", what=only_apart(view))
    wrong = [who for who, worst in view.worst.items() if worst.disagreeing]
    total = count(len(view.worst), "implementation")
    if wrong:
        right = len(view.worst) - len(wrong)
        return say(
            "{no}: {who} computed something else than the float64 reference; {rest}.",
            no=verdict("No", "bad"),
            who=enumerate_spans([name(who) for who in wrong], 4),
            rest=f"{right} of {total} {'agrees' if right == 1 else 'agree'} in {every_case(view)}",
        )
    second_order = _wrong_second_orders(view)
    cases = count(sum(len(worst.records) for worst in view.worst.values()), "case")
    largest = max((worst.over_bound for worst in view.worst.values()), key=severity)
    return say(
        "{yes}{but}: {total} measured, and in {cases} each computed what the float64 reference computes{over}.",
        yes=verdict("Yes, each under its own conventions, for output, gradients and statistics", "good"),
        total=total,
        cases=cases,
        but=say("; {no}", no=verdict(f"no for second-order gradients {second_order}", "bad")) if second_order else "",
        over="" if largest is None else f"; the largest error is {of_bound(largest)}",
    )


def _wrong_second_orders(view: View) -> str:
    """``of 4 everywhere and of 3 on dense inputs``; empty where none is wrong."""
    records = view.second_order
    wrong = dict.fromkeys(record.implementation for record in records if record.status == "disagrees")
    places = Counter(where(wrong_kinds(records, who), measured_kinds(records, who)) for who in wrong)
    return listing([f"of {number} {there}" for there, number in places.items()])


def _conventions(view: View) -> list[Block]:
    different = differing(view)
    if not different:
        return []
    told = say(
        "Their conventions differ in {what}: the table {link} has each of them.",
        what=listing(different, len(different)),
        link=link("Conventions", "#conventions-table"),
    )
    return [Paragraph(told)]


def _mine() -> Rich:
    return say(
        "{check} tests your own layer in seconds, and names the likely mistake and what right would be; {new} writes "
        "one to start from. {run} puts it through everything on this page.",
        check=code("bn-bench check your_module:YOUR_LAYER"),
        new=code("bn-bench new NAME"),
        run=code("bn-bench run --quick --implementations your_module:YOUR_LAYER,keras"),
    )
