"""The answer first: which implementation for which use, are they the same, and what to watch out for."""

from __future__ import annotations

from benchmarks.report.contest import Contest
from benchmarks.report.document import (  # fmt: skip
    Block,
    Bullets,
    Cell,
    Column,
    Heading,
    Paragraph,
    Rich,
    Section,
    Span,
    Table,
    code,
    enumerate_spans,
    link,
    name,
    say,
    strong,
)
from benchmarks.report.errors import severity
from benchmarks.report.restores import lost, unknown
from benchmarks.report.sections import cards
from benchmarks.report.sections.agreement import differing_conventions
from benchmarks.report.sections.unmeasured import accounting
from benchmarks.report.sections.warnings import warnings
from benchmarks.report.tables import implementation_cell, table
from benchmarks.report.trainings import first_split
from benchmarks.report.view import View
from benchmarks.report.wording import count, significant


def build(view: View) -> Section:
    """The section."""
    blocks: list[Block] = [Paragraph(accounting(view.run))]
    if view.is_quick():
        blocks.append(Paragraph(say("This was a {quick}: few cases and few passes. Take its answers as hints, and run "
                                    "without {option} before you decide.", quick=strong("quick run"),
                                    option=code("--quick")), "note"))  # fmt: skip
    answers = cards.build(view)
    if answers.items:
        blocks.append(answers)
    blocks += [Heading("Are they the same?", "answer-same"), Paragraph(_same(view))]
    different = differing_conventions(view.measured("agreement"))
    if different:
        lead = say(
            "They do not share all conventions, and {link} lists them: ",
            link=link("a table", "#agreement-conventions"),
        )
        parts = [span for sentence in different for span in (*sentence, Span("; "))][:-1]
        blocks.append(Paragraph((*lead, *parts, Span("."))))
    blocks.append(_glance(view))
    found = warnings(view)
    if found:
        blocks += [Heading("What to watch out for", "answer-warnings"), Bullets(tuple(found))]
    blocks += [Heading("Is mine right?", "answer-mine"), Paragraph(_mine())]
    return Section("answer", "The answer", tuple(blocks))


def _same(view: View) -> Rich:
    """Whether all compute what the reference computes."""
    worsts = view.worst
    if not worsts:
        return say("This run holds no agreement case, so it cannot tell.")
    wrong = [who for who, worst in worsts.items() if worst.disagreeing]
    cases = sum(len(worst.records) for worst in worsts.values())
    if wrong:
        return say(
            "{no}: {who} computed something else than the float64 reference; {rest}.",
            no=strong("No"),
            who=enumerate_spans([name(who) for who in wrong], 4),
            rest=f"the other {len(worsts) - len(wrong)} of {count(len(worsts), 'implementation')} agree in every case"
            if len(wrong) < len(worsts) else "none agrees in every case",
        )  # fmt: skip
    largest = max((worst.over_bound for worst in worsts.values()), key=severity)
    return say(
        "{yes}: {all} what the float64 reference computes, in {cases}; no error exceeds {over} of its bound.",
        yes=strong("Yes, each under its own conventions"),
        all=f"all {len(worsts)} implementations compute"
        if len(worsts) > 1
        else "the one implementation measured computes",
        cases=count(cases, "case"),
        over=significant(largest, 2) if largest is not None else "1",
    )


def _mine() -> Rich:
    return say(
        "{check} runs the conformance kit on your own layer and says what is wrong and what right would be; {run} puts it "
        "into this report.",
        check=code("bn-bench check your_module:YOUR_LAYER"),
        run=code("bn-bench run --implementations your_module:YOUR_LAYER"),
    )


def _glance(view: View) -> Table:
    """Implementation by question: the whole run in one table."""
    training = next(iter(view.contests("training_forward_backward")), None)
    inference = next(iter(view.contests("inference")), None)
    columns = [
        Column("Implementation"),
        Column("Agrees"),
        Column("Error over bound", True, "the worst of all cases"),
        Column(
            "Training, ratio",
            True,
            "step time over the fastest's, geometric mean over the inputs, its fastest style",
        ),
        Column(
            "Inference, ratio",
            True,
            "step time over the fastest's, geometric mean over the inputs, its fastest style",
        ),
        Column("Trains the same"),
        Column("Restores everything"),
    ]
    rows = [
        (
            implementation_cell(view, who),
            *_agrees(view, who),
            _ratio(training, who),
            _ratio(inference, who),
            _trains(view, who),
            _restores(view, who),
        )
        for who in view.implementations
    ]
    bases = [contest for contest in (training, inference) if contest]
    note = say(
        "Ratios are step times over the fastest's, in each one's fastest style{basis}; × means times as long.",
        basis=f", {bases[0].dtype} on {bases[0].device}" if bases else "",
    )
    return table("glance-table", "At a glance", columns, rows, note, most=60)




def _agrees(view: View, who: str) -> tuple[Cell, Cell]:
    worst = view.worst.get(who)
    if worst is None:
        return Cell("not measured", None, "quiet"), BLANK
    over = worst.over_bound
    error = BLANK if over is None else Cell(significant(over, 2), over)
    if worst.disagreeing:
        return Cell(f"✗ in {len(worst.disagreeing)} of {len(worst.records)} not", "no", "bad"), error
    return Cell(f"✓ {count(len(worst.records), 'case')}", "yes", "good"), error


def _ratio(contest: Contest | None, who: str) -> Cell:
    """Time over the fastest entry's, in the fastest style of the implementation."""
    places = [i for i, (name, _) in enumerate(contest.entries) if name == who] if contest else []
    if contest is None or not places:
        return BLANK
    found = [(place, contest.against(place, contest.best)) for place in places]
    present = [(place, estimate) for place, estimate in found if estimate]
    if not present:
        return BLANK
    place, estimate = min(present, key=lambda pair: pair[1].ratio)
    style = contest.entries[place][1]
    styles = f" ({style})" if len(places) > 1 and style else ""
    if place == contest.best:
        return Cell(f"1×{styles}", 1.0, "good")
    tone = "good" if estimate.has_interval and not estimate.told_apart else ""
    return Cell(f"{significant(estimate.ratio)}×{styles}", estimate.ratio, tone)


def _trains(view: View, who: str) -> Cell:
    records = [record for record in view.measured("convergence") if record.implementation == who]
    if not records:
        return Cell("not measured", None, "quiet")
    if who == view.reference:
        return Cell("the reference", "", "quiet")
    splits = [split for record in records if (split := first_split(record)) is not None]
    if any(record.status == "disagrees" for record in records):
        return Cell("✗ disagrees", "c", "bad")
    if splits:
        return Cell(f"splits at step {min(splits):,}", "b", "warn")
    return Cell(f"✓ {count(len(records), 'training')}", "a", "good")


def _restores(view: View, who: str) -> Cell:
    records = [record for record in view.measured("checkpoint") if record.implementation == who]
    if not records:
        return Cell("not measured", None, "quiet")
    broken = list(dict.fromkeys(title for record in records for title in lost(record)))
    if broken:
        return Cell(f"✗ not {', '.join(broken)}", "c", "bad")
    if any(unknown(record) for record in records):
        return Cell("partly recorded", "b", "warn")
    return Cell(f"✓ {count(len(records), 'case')}", "a", "good")
