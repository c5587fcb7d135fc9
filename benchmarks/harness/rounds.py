"""Throughput in rounds: fresh workers each round, short passes in random order, every pass kept at once."""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.cases import Case
from benchmarks.harness import pacing, top_up
from benchmarks.harness.sentinel import Sentinel
from benchmarks.settings import Settings
from benchmarks.verdicts.passes import PassValues, pass_values

if TYPE_CHECKING:
    from benchmarks.harness.scheduler import Scheduler

GROWTH = ("heap_grown_bytes", "python_blocks_grown")
START_COSTS = ("import_s", "start_cpu_s", "rss_before_mib")


@dataclass(frozen=True)
class Rounds:
    """How much is measured.

    Attributes:
        rounds: fresh processes of each implementation: the unit of replication.
        passes: visits of each case in a round.
        samples: samples of a visit.
        top_up_s: seconds that the top-up round of what is undecided may take; 0 for none.
        asked: whether somebody asked for that many rounds, so that slow cases get them too.
    """

    rounds: int
    passes: int
    samples: int
    top_up_s: float = 0.0
    asked: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Rounds:
        """The numbers of a run's size."""
        rounds, passes, samples = (3, 3, 3) if settings.size == "quick" else (5, 5, 3)
        asked = settings.rounds > 0
        return cls(settings.rounds or rounds, passes, samples, 60 * settings.budget_min, asked)


def run(scheduler: Scheduler, cases: Sequence[Case], work: Rounds, afterwards: Callable[[], None]) -> None:
    """Run rounds until each case has enough whole ones, then one top-up of what is undecided.

    Passes that an interrupted run left are kept and count.

    Args:
        scheduler: starts and asks workers.
        cases: of the throughput axis, without a record yet.
        work: how much.
        afterwards: is called after the planned rounds, while the last one's workers are there.
    """
    timing = Timing(scheduler, work)
    timing.more_may_come = work.top_up_s > 0
    _repeat(timing, cases, {case.case_id: work.rounds for case in cases})
    afterwards()
    measured = [case for case in cases if case.case_id not in timing.recorded]
    if not measured:
        return
    timing.more_may_come = False
    if not any(timing.top_up_rounds(case) for case in measured):  # an interrupted run may have decided
        timing.plan_top_up(measured)
    again = {case.case_id: extra for case in measured if (extra := timing.top_up_rounds(case))}
    if again:
        scheduler.display.start(sum(again.values()))  # a count of its own: the planned rounds are done
    _repeat(timing, measured, again, time.monotonic() + work.top_up_s)
    for case in measured:
        timing.finish(case, cut=True)


def _repeat(timing: Timing, cases: Sequence[Case], left: dict[str, int], deadline: float = math.inf) -> None:
    """Rounds of cases until each has its number of whole ones, or the time is over.

    Args:
        timing: the passes of the run.
        cases: what is measured.
        left: case id -> rounds that the display still counts for it.
        deadline: time after which no round begins.
    """

    def show(members: Sequence[Case]) -> None:
        for case in members:
            before = left.get(case.case_id, 0)
            left[case.case_id] = 0 if case.case_id in timing.recorded else min(before, timing.missing_rounds(case))
            timing.scheduler.display.advance(before - left[case.case_id])

    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.group, []).append(case)
        timing.finish(case)  # a run that was killed between the last pass and the record, or whose record is damaged
    show(cases)

    def pending(members: Sequence[Case]) -> list[Case]:
        return [case for case in members if case.case_id not in timing.recorded and timing.missing_rounds(case)]

    while names := {case.implementation for case in pending(cases)}:
        if time.monotonic() > deadline:
            return
        timing.start(names)
        number = timing.next_round()
        for members in filter(None, map(pending, groups.values())):
            timing.run_group(members, number)
            show(members)


def shuffled(cases: Iterable[Case], seed: tuple[int, ...]) -> list[Case]:
    """The cases in an order drawn from a seed, so that a run can be repeated."""
    order = sorted(cases, key=lambda case: case.case_id)
    random.Random(repr(seed)).shuffle(order)
    return order


def _leave_out(implementation: str, prepared: dict[str, Case]) -> None:
    """Forget what a lost process had prepared."""
    for lost in [case_id for case_id, case in prepared.items() if case.implementation == implementation]:
        del prepared[lost]


def medians(facts: Sequence[Mapping[str, Any]], names: Iterable[str]) -> dict[str, float]:
    """The median over rounds of each figure that was recorded; rounds of an older run may lack it."""
    found = {name: [fact[name] for fact in facts if fact.get(name) is not None] for name in names}
    return {name: statistics.median(values) for name, values in found.items() if values}


class Timing:
    """The passes of a run, on disk and in memory."""

    def __init__(self, scheduler: Scheduler, work: Rounds) -> None:
        """Read what an interrupted run left."""
        self.scheduler, self.work = scheduler, work
        self.recorded: set[str] = set()
        self.more_may_come = False  # then no record is written yet
        self.start_s = 0.0
        self.lines = scheduler.folder.passes()
        self.sentinel = Sentinel()

    def _of(self, case: Case, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.lines.get(case.case_id, []) if line.get("kind") == kind]

    def whole_rounds(self, case: Case) -> int:
        """Rounds of a case that have all their passes, and what preparing showed."""
        prepared = {line["round"] for line in self._of(case, "prepared")}
        return sum(self._is_whole(case, number) for number in prepared)

    def _is_whole(self, case: Case, number: int) -> bool:
        """Whether a case has the passes that it gets in a round."""
        passes = [line for line in self._of(case, "pass") if line["round"] == number]
        return pacing.enough_passes(passes, self.work.passes)

    def top_up_rounds(self, case: Case) -> int:
        """Rounds that the top-up adds to a case; 0 where it is decided, or not decided yet."""
        return max((line["rounds"] for line in self._of(case, "top_up")), default=0)

    def is_exhausted(self, case: Case) -> bool:
        """Whether a case has taken so much time that it gets no further round; no case has if rounds were asked for."""
        enough = pacing.enough_rounds(self.whole_rounds(case), self.lines.get(case.case_id, []))
        return enough and not self.work.asked

    def missing_rounds(self, case: Case) -> int:
        """Rounds that a case lacks; none where it has taken too much time already."""
        if self.is_exhausted(case):
            return 0
        extra = 0 if self.more_may_come else self.top_up_rounds(case)
        return max(0, self.work.rounds + extra - self.whole_rounds(case))

    def plan_top_up(self, cases: Sequence[Case]) -> None:
        """Decide what is measured once more, and keep the decision."""
        baseline = self.scheduler.folder.settings.baseline
        values = {case.case_id: self.values(case) for case in cases}
        exhausted = {case.case_id for case in cases if self.is_exhausted(case)}
        last = self.next_round() - 1
        for case in top_up.choose(cases, values, baseline, self.lines, self.work.top_up_s, exhausted):
            self._keep(case, {"kind": "top_up", "round": last, "rounds": top_up.ROUNDS})

    def values(self, case: Case) -> PassValues:
        """What its passes say."""
        return pass_values({"passes": self._of(case, "pass")})

    def start(self, names: Iterable[str]) -> None:
        """Start a fresh worker of each implementation; each has an equal share in the time that takes."""
        chosen, began = sorted(set(names)), time.monotonic()
        self.scheduler.stop(list(self.scheduler.workers))
        self.scheduler.start(chosen)
        self.start_s = (time.monotonic() - began) / len(chosen)

    def next_round(self) -> int:
        """A number that no round of this run has."""
        return max((line["round"] for lines in self.lines.values() for line in lines), default=-1) + 1

    def _keep(self, case: Case, line: dict[str, Any]) -> None:
        self.scheduler.folder.append_pass({"case_id": case.case_id, **line})
        self.lines.setdefault(case.case_id, []).append(line)

    def run_group(self, cases: Sequence[Case], number: int) -> set[str]:
        """One round of cases that are compared with each other.

        Returns:
            Ids of the cases that ended here, because they cannot be measured.
        """
        prepared, ended = {}, set()
        for case, reply in self._prepare(cases, number):
            if reply["status"] == "ok":
                prepared[case.case_id] = case
                self._keep_preparation(case, number, reply)
            else:
                ended |= self._end(case, reply)
                if reply.get("lost"):  # what the lost process held has to be prepared again in the next round
                    _leave_out(case.implementation, prepared)
        for visit in range(self.work.passes):
            place = {"round": number, "pass": visit, "group": cases[0].group}
            self.scheduler.folder.append_look({**place, **self.sentinel.look()})
            for case in shuffled(prepared.values(), (number, visit)):
                if case.case_id not in prepared or self._is_whole(case, number):
                    continue
                reply = self._visit(case, number, visit)
                if reply["status"] != "ok":
                    ended |= self._end(case, reply)
                    prepared.pop(case.case_id)
                    if reply.get("lost"):
                        _leave_out(case.implementation, prepared)
        for case in prepared.values():
            self._ask(case, {"do": "release"})
            self.finish(case)
        return ended

    def _prepare(self, cases: Sequence[Case], number: int) -> list[tuple[Case, dict[str, Any]]]:
        """Ask for each case to be prepared: in the first round one after the other, later side by side.

        What a first call costs, how many threads it uses and how many loops make a sample are results of the first
        round; later rounds only have to arrive at the same state. Workers are started here and never in a lane: a
        process ends with the *thread* that started it. Where one is lost in a lane, what it has not been asked yet
        waits for the next round.

        Returns:
            The cases that were asked, in the order in which those of one implementation were, with the replies.
        """
        order = shuffled(cases, (number,))
        of: dict[str, list[Case]] = {}
        for case in order:
            of.setdefault(case.implementation, []).append(case)
        replies: dict[str, dict[str, Any]] = {}
        alone = len(of) == 1 or not all(self._of(case, "prepared") for case in cases)

        def ask_for(members: Sequence[Case]) -> None:
            for case in members:
                self.scheduler.show(f"{case.case_id}, round {number + 1}: preparing")
                scratch = str(self.scheduler.scratch_folder())
                request = {"do": "prepare", "parameters": dict(case.parameters), "scratch": scratch}
                reply = replies[case.case_id] = {**self._ask(case, request), "alone": alone}
                if reply.get("lost") and not alone:
                    return

        if not alone:
            self.scheduler.start(of)
        began = time.monotonic()
        if alone:
            ask_for(order)
        else:
            self.scheduler.side_by_side([partial(ask_for, of[name]) for name in of])
        took, asked = time.monotonic() - began, sum(reply["took_s"] for reply in replies.values())
        for reply in replies.values():
            reply["took_s"] *= took / asked  # its share of the wall time
        return [(case, replies[case.case_id]) for case in order if case.case_id in replies]

    def _keep_preparation(self, case: Case, number: int, reply: dict[str, Any]) -> None:
        facts = {**reply["facts"], "start_s": self.start_s, "took_s": reply["took_s"], "alone": reply["alone"]}
        self._keep(case, {"kind": "prepared", "round": number, **facts, "labels": reply["labels"]})

    def finish(self, case: Case, *, cut: bool = False) -> None:
        """Write the record of a case that has all its rounds; with ``cut``, of one that got no more of the top-up."""
        if self.more_may_come or case.case_id in self.recorded:
            return
        if not self.missing_rounds(case) or (cut and self.whole_rounds(case) >= self.work.rounds):
            self._record(case, self.outcome(case))

    def _record(self, case: Case, outcome: dict[str, Any]) -> None:
        self.scheduler.record(case, outcome)
        self.recorded.add(case.case_id)

    def _ask(self, case: Case, request: dict[str, Any]) -> dict[str, Any]:
        began = time.monotonic()
        reply = self.scheduler.ask(case.implementation, {**request, "case_id": case.case_id})
        took_s = time.monotonic() - began
        ledger = self.scheduler.ledger
        ledger.book("measured", sum(reply.get("durations_ns", ())) / 1e9)
        ledger.book("building", reply.get("prepare_s", 0.0))
        return {**reply, "took_s": took_s}

    def _end(self, case: Case, reply: dict[str, Any]) -> set[str]:
        """Write the record of a case that cannot be measured; what goes wrong in the top-up costs it nothing."""
        if self.whole_rounds(case) >= self.work.rounds:
            told = f"the top-up round {reply['status'].replace('_', ' ')}: {reply['reason']}"
            self._record(case, {**self.outcome(case), "reason": told})
        else:
            self._record(case, {key: reply[key] for key in ("status", "reason", "labels") if key in reply})
        return {case.case_id}

    def _visit(self, case: Case, number: int, visit: int) -> dict[str, Any]:
        """One pass, kept if it came out; returns the worker's reply."""
        self.scheduler.display.now(f"{case.case_id}, round {number + 1}, pass {visit + 1}")
        facts = self._of(case, "prepared")
        loops = facts[0]["loops"]  # the first round's, in every round
        count = pacing.samples_of_pass(facts[0], self._of(case, "pass"), self.work.samples)
        reply = self._ask(case, {"do": "pass", "loops": loops, "count": count})
        if reply["status"] == "ok":
            kept = ("loops", "durations_ns", "peak_rss_mib", "took_s", "refused", "collections", *GROWTH)
            line = {key: reply[key] for key in kept}
            self._keep(case, {"kind": "pass", "round": number, "pass": visit, **line})
        return reply

    def outcome(self, case: Case) -> dict[str, Any]:
        """A case's metrics and samples from its passes."""
        passes, facts = self._of(case, "pass"), self._of(case, "prepared")
        alone = [fact for fact in facts if fact.get("alone", True)]  # runs of older versions prepared nothing else
        steps = [duration / line["loops"] for line in passes for duration in line["durations_ns"]]
        return {
            "status": "ok",
            "metrics": {
                "step_ns_min": min(steps),
                "step_ns_median": statistics.median(steps),
                "build_s": statistics.median(fact["build_s"] for fact in alone),
                "first_call_s": statistics.median(fact["first_call_s"] for fact in alone),
                **medians(facts, START_COSTS),
                "peak_rss_mib": max(line["peak_rss_mib"] for line in passes),
                "threads_used": statistics.median(fact["threads_used"] for fact in alone),
                "rounds": len({line["round"] for line in passes}),
                "round_s": top_up.round_s(self.lines, [case]),
                "passes_left_out": pacing.passes_left_out(passes, self.work.rounds, self.work.passes),
                "samples_refused": sum(line.get("refused", 0) for line in passes),
                "collections": sum(line.get("collections", 0) for line in passes),
                "cores_allowed": facts[-1].get("cores_allowed"),
                "denormals_flushed": facts[-1].get("denormals_flushed"),
            },
            "samples": {
                "passes": [
                    {key: line[key] for key in ("round", "pass", "loops", "durations_ns", *GROWTH) if key in line}
                    for line in passes
                ]
            },
            "labels": alone[-1]["labels"],
        }
