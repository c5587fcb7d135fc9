"""The first sentence of a comparison: what it found, or why it cannot tell."""

from __future__ import annotations

from benchmarks.comparison.comparing import Comparison
from benchmarks.report.document import Rich, Span, code, say
from benchmarks.report.wording import count, listing, visible

MOST_UNDECIDED = 0.5  # of the speeds; with more of them, "no regression" would say more than was seen


def headline(comparison: Comparison) -> Rich:
    """Regressions; or that no speed was compared; or that most of them are undecided; or that there is none."""
    if comparison.regressions:
        return _regressions(comparison)
    if comparison.speeds_lost:
        return _unfinished(comparison)
    undecided, speeds = len(comparison.speeds.of("undecided")), len(comparison.speeds.changes)
    if comparison.speeds_decide and undecided > MOST_UNDECIDED * speeds:
        return say(
            "{answer}: {undecided:,} of {speeds} undecided, and no regression in the others of {cases}; measure both "
            "with more rounds.",
            answer=Span("Cannot tell", "warn"), undecided=undecided, speeds=count(speeds, "speed"),
            cases=_compared(comparison),
        )  # fmt: skip
    return say(
        "{answer} in {cases}{but}.",
        answer=Span("No regression found", "good"),
        cases=_compared(comparison),
        but="; speeds decide nothing here" if comparison.speeds_timed and not comparison.speeds_decide else "",
    )


def _compared(comparison: Comparison) -> str:
    return count(len(comparison.pairing.pairs), "case") + " that both runs recorded"


def _regressions(comparison: Comparison) -> Rich:
    shown = listing([visible(case_id) for case_id in comparison.regressions], 6)
    number = count(len(comparison.regressions), "regression")
    return say("{answer}: {cases}.", answer=Span(number, "bad"), cases=shown)


def _unfinished(comparison: Comparison) -> Rich:
    run = comparison.b
    return say(
        "{answer}: run B is unfinished ({lacking} of {cases} have no record). Finish it: {command}",
        answer=Span("Nothing about speed was compared", "warn"),
        lacking=f"{len(run.missing):,}",
        cases=count(len(run.plan.cases), "case"),
        command=code(f"bn-bench run --resume {visible(str(run.folder))}"),
    )
