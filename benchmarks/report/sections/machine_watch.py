"""What the machine did while it measured: load, stolen time, and changes of speed that the sentinel saw."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from benchmarks.report.document import Block, Bullets, Heading, Paragraph, Rich, Span, say
from benchmarks.report.drift import Drift, Look, Stretch
from benchmarks.report.view import View
from benchmarks.report.wording import count, duration, percent, significant

MOST_STRETCHES = 10
STOLEN = 0.05  # share of processor time from which a machine is too shared to be quiet


def machine_watch(view: View) -> list[Block]:
    """The blocks; none if nothing was timed."""
    drift = view.drift
    if not drift.looks:
        return []
    blocks: list[Block] = [Heading("The machine while it measured", "environment-watch")]
    blocks += [Paragraph(text, tone) for text, tone in (_load(view, drift.looks), _stolen(drift.looks)) if text]
    blocks.append(Paragraph(_sentinel(drift)))
    lasting = [stretch for stretch in drift.stretches if stretch.lasting]
    if lasting:
        blocks.append(Bullets(tuple(_changed(stretch) for stretch in lasting[:MOST_STRETCHES])))
    blocks += [Paragraph(say("{line}.", line=line), "note") for line in drift.damage[:1]]
    return blocks


def _load(view: View, looks: Sequence[Look]) -> tuple[Rich, str]:
    loads = [look.load for look in looks if look.load is not None]
    if not loads:
        return (), ""
    cores = view.run.environment.get("cores")
    crowded = isinstance(cores, int) and median(loads) > cores + 1
    text = say(
        "Load average: {low} to {high}, median {median}{cores}. {warning}",
        low=significant(min(loads), 2), high=significant(max(loads), 2), median=significant(median(loads), 2),
        cores=f", on {count(cores, 'core')}" if isinstance(cores, int) else "",
        warning=Span("Other programs were running: step times are longer and vary more.", "warn") if crowded else "",
    )  # fmt: skip
    return text, "note" if crowded else ""


def _stolen(looks: Sequence[Look]) -> tuple[Rich, str]:
    shares = [look.steal for look in looks if look.steal is not None]
    if not shares:
        return (), ""
    text = say(
        "Processor time that the host gave to others: {median} in the median, at most {most} between two visits.",
        median=percent(median(shares), 1), most=percent(max(shares), 1),
    )  # fmt: skip
    return text, "note" if median(shares) > STOLEN else ""


def _sentinel(drift: Drift) -> Rich:
    if drift.usual_ns is None or drift.noise is None or drift.threshold is None:
        return say("The sentinel was timed too seldom to say whether the machine kept its speed.")
    short = sum(len(stretch.looks) for stretch in drift.stretches if not stretch.lasting)
    lasting = any(stretch.lasting for stretch in drift.stretches)
    return say(
        "A sentinel, the same small piece of arithmetic timed at each of {looks}, took {usual}; neighbouring ones "
        "differ by {noise}. {speed}{disturbed}",
        looks=count(len(drift.timed), "visit"), usual=duration(drift.usual_ns * 1e-9), noise=percent(drift.noise, 1),
        speed=Span("The machine changed its speed:", "warn") if lasting else "The machine kept its speed.",
        disturbed=f" {count(short, 'visit')} met a short disturbance." if short and not lasting else "",
    )  # fmt: skip


def _changed(stretch: Stretch) -> Rich:
    """``20 % slower during round 3 (12 visits)``."""
    first, last = stretch.rounds
    change = abs(stretch.ratio - 1)
    rounds = f"during round {first + 1}" if first == last else f"from round {first + 1} to round {last + 1}"
    return say(
        "{change} {rounds} ({visits}, of {first} to {last})",
        change=Span(f"{percent(change, 0)} {'slower' if stretch.ratio > 1 else 'faster'}", "warn"),
        rounds=rounds, visits=count(len(stretch.looks), "visit"),
        first=_place(stretch.looks[0]), last=_place(stretch.looks[-1]),
    )  # fmt: skip


def _place(look: Look) -> str:
    return f"{look.group.removeprefix('throughput:')} pass {look.visit + 1}"
