"""What the machine did while it measured: load, stolen time, and changes of speed that the sentinel saw.

The load average counts this run's own workers and all of their threads, so it says nothing of others. What other
programs took is recorded by itself, as a share of all processor time since the look before; runs of earlier versions
lack it, and nothing is said of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from benchmarks.report.document import Block, Bullets, Heading, Paragraph, Rich, Span

from benchmarks.report.document import enumerate_spans, link, say, verdict  # isort: skip
from benchmarks.report.drift import Look, Stretch
from benchmarks.report.speeds import Group
from benchmarks.report.view import View
from benchmarks.report.wording import count, duration, percent, significant

MOST_STRETCHES = 10
SHARED = 0.1  # share of processor time that others took, from which cores were shared
OFTEN = 0.1  # of the looks: shared at times
STOLEN = 0.05  # share of processor time from which a machine is too shared to be quiet


def machine_watch(view: View) -> list[Block]:
    """The blocks; none if nothing was timed."""
    drift = view.drift
    if not drift.looks:
        return []
    blocks: list[Block] = [Heading("The machine while it measured", "environment-watch")]
    blocks += [Paragraph(text, tone) for text, tone in (_load(view), _stolen(drift.looks)) if text]
    blocks.append(Paragraph(_sentinel(view)))
    if drift.lasting:
        blocks.append(Bullets(tuple(_changed(stretch) for stretch in drift.lasting[:MOST_STRETCHES])))
    if (more := len(drift.lasting) - MOST_STRETCHES) > 0:
        blocks.append(Paragraph(say("And {more} more.", more=more)))
    blocks += [Paragraph(say("{line}.", line=line), "note") for line in drift.damage[:1]]
    return blocks


def unquiet(view: View) -> Rich:
    """What stands beside the verdicts where the machine was not left alone; empty where nothing was noticed."""
    drift, found = view.drift, list[Rich]()
    if when := shared_cores(view):
        found.append(say("its cores were {shared} {when} ({load})", shared=verdict("shared", "warn"), when=when,
                         load=_others_words(view)))  # fmt: skip
    if drift.lasting:
        sizes = sorted(abs(stretch.ratio - 1) for stretch in drift.lasting)
        size = percent(sizes[0], 0) if len(sizes) == 1 else f"{percent(sizes[0], 0)} to {percent(sizes[-1], 0)}"
        found.append(say(
            "it {changed} by {size} in {times} ({looks} of {visits})", changed=verdict("changed its speed", "warn"),
            size=size, times=count(len(sizes), "stretch", "stretches"),
            looks=sum(len(stretch.looks) for stretch in drift.lasting), visits=count(len(drift.timed), "visit"),
        ))  # fmt: skip
    if not found:
        return ()
    return say(
        "The machine was not left alone while it measured: {what}. Both sides of a ratio are measured in turn, so each "
        "ratio is hit on both; its interval gets wider, and more stays undecided. More under {link}.",
        what=enumerate_spans(found), link=link("the machine while it measured", "#environment-watch"),
    )  # fmt: skip


def changed_groups(view: View, groups: Sequence[tuple[str, Group]]) -> Rich:
    """Which pieces of work were measured while the machine changed its speed; empty where none was.

    Args:
        view: the run.
        groups: each with its name for the reader.
    """
    told = []
    for label, group in groups:
        within, visits = view.drift.changed(group.speeds[0].record.group)
        if within:
            told.append(
                say("{label} ({within} of {visits})", label=label, within=within, visits=count(visits, "visit"))
            )
    if not told:
        return ()
    return say(
        "{warning} at some of the visits to {which}: look at the width of their intervals.",
        warning=verdict("The machine changed its speed", "warn"), which=enumerate_spans(told, 12),
    )  # fmt: skip


def shared_cores(view: View) -> str:
    """When other programs had to share the cores with this run: ``most of the time``, ``at times`` or nothing."""
    shares = [look.others for look in view.drift.looks if look.others is not None]
    if not shares:
        return ""
    if median(shares) > SHARED:
        return "most of the time"
    return "at times" if sum(share > SHARED for share in shares) > OFTEN * len(shares) else ""


def _others_words(view: View) -> str:
    """``other programs took 12 % of the processor time in the median``."""
    shares = [look.others for look in view.drift.looks if look.others is not None]
    return f"other programs took {percent(median(shares), 0)} of the processor time in the median" if shares else ""


def _load_words(view: View) -> str:
    """``load average 2.5 to 6.9, median 4.4, on 2 cores``."""
    loads, cores = view.drift.loads, view.run.environment.get("cores")
    on = f", on {count(cores, 'core')}" if isinstance(cores, int) else ""
    low, high, middle = (significant(value, 2) for value in (min(loads), max(loads), median(loads)))
    return f"load average {low} to {high}, median {middle}{on}"


def _load(view: View) -> tuple[Rich, str]:
    if not view.drift.loads:
        return (), ""
    when, words, others = shared_cores(view), _load_words(view), _others_words(view)
    text = say(
        "{words}, this run's own workers included{others}. {warning}",
        words=words[:1].upper() + words[1:],
        others=f"; {others}" if others else "",
        warning=Span(f"Cores were shared {when}: step times are longer and vary more.", "warn") if when else "",
    )
    return text, "note" if when else ""


def _stolen(looks: Sequence[Look]) -> tuple[Rich, str]:
    shares = [look.steal for look in looks if look.steal is not None]
    if not shares:
        return (), ""
    text = say(
        "Processor time that the host gave to others: {median} in the median, at most {most} between two visits.",
        median=percent(median(shares), 1), most=percent(max(shares), 1),
    )  # fmt: skip
    return text, "note" if median(shares) > STOLEN else ""


def _sentinel(view: View) -> Rich:
    drift = view.drift
    if drift.usual_ns is None or drift.noise is None or drift.threshold is None:
        return say("The sentinel was timed too seldom to say whether the machine kept its speed.")
    short = sum(len(stretch.looks) for stretch in drift.stretches if not stretch.lasting)
    kept = "The machine kept its speed."
    if shared_cores(view):
        kept = "It saw no lasting change of speed; but it is timed for a moment, and does not see who shares the cores."
    return say(
        "A sentinel, the same small piece of arithmetic timed at each of {looks}, took {usual}; neighbouring ones "
        "differ by {noise}. {speed}{disturbed}",
        looks=count(len(drift.timed), "visit"), usual=duration(drift.usual_ns * 1e-9), noise=percent(drift.noise, 1),
        speed=Span("The machine changed its speed:", "warn") if drift.lasting else kept,
        disturbed=f" {count(short, 'visit')} met a short disturbance." if short and not drift.lasting else "",
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
