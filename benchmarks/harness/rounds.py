"""Throughput in rounds: fresh workers each round, short passes in random order, every pass kept at once."""

from __future__ import annotations

import random
import statistics
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.cases import Case
from benchmarks.settings import Settings

if TYPE_CHECKING:
    from benchmarks.harness.scheduler import Scheduler

GROWTH = ("heap_grown_bytes", "python_blocks_grown")
START_COSTS = ("import_s", "start_cpu_s", "rss_before_mib")
LONG_SAMPLE_NS = 100_000_000  # a case whose one sample is longer gets one sample a pass


@dataclass(frozen=True)
class Rounds:
    """How much is measured.

    Attributes:
        rounds: fresh processes of each implementation: the unit of replication.
        passes: visits of each case in a round.
        samples: samples of a visit.
    """

    rounds: int
    passes: int
    samples: int

    @classmethod
    def of(cls, settings: Settings) -> Rounds:
        """The numbers of a run's size."""
        return cls(3, 3, 3) if settings.size == "quick" else cls(5, 5, 3)


def run(scheduler: Scheduler, cases: Sequence[Case], work: Rounds) -> None:
    """Run rounds until each case has enough whole ones; passes that an interrupted run left are kept and count.

    Args:
        scheduler: starts and asks workers.
        cases: of the throughput axis, without a record yet.
        work: how much.
    """
    timing = Timing(scheduler, work)
    left = {case.case_id: work.rounds for case in cases}

    def show(members: Sequence[Case], ended: Container[str] = ()) -> None:
        for case in members:
            now = 0 if case.case_id in ended else max(0, work.rounds - timing.whole_rounds(case))
            scheduler.display.advance(left[case.case_id] - now)
            left[case.case_id] = now

    show(cases)
    for case in cases:
        timing.finish(case)  # a run that was killed between the last pass and the record, or whose record is damaged
    pending = list(cases)
    while pending := [case for case in pending if timing.whole_rounds(case) < work.rounds]:
        names = {case.implementation for case in pending}
        scheduler.stop(list(scheduler.workers))
        scheduler.start(sorted(names))
        number = timing.next_round()
        groups = dict.fromkeys(case.group for case in pending)
        for group in groups:
            members = [case for case in pending if case.group == group]
            failed = timing.run_group(members, number)
            pending = [case for case in pending if case.case_id not in failed]
            show(members, failed)


def shuffled(cases: Iterable[Case], seed: tuple[int, ...]) -> list[Case]:
    """The cases in an order drawn from a seed, so that a run can be repeated."""
    order = sorted(cases, key=lambda case: case.case_id)
    random.Random(repr(seed)).shuffle(order)
    return order


def medians(facts: Sequence[Mapping[str, Any]], names: Iterable[str]) -> dict[str, float]:
    """The median over rounds of each figure that was recorded; rounds of an older run may lack it."""
    found = {name: [fact[name] for fact in facts if fact.get(name) is not None] for name in names}
    return {name: statistics.median(values) for name, values in found.items() if values}


class Timing:
    """The passes of a run, on disk and in memory."""

    def __init__(self, scheduler: Scheduler, work: Rounds) -> None:
        """Read what an interrupted run left."""
        self.scheduler, self.work = scheduler, work
        self.lines = scheduler.folder.passes()

    def _of(self, case: Case, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.lines.get(case.case_id, []) if line.get("kind") == kind]

    def whole_rounds(self, case: Case) -> int:
        """Rounds of a case that have all their passes, and what preparing showed."""
        found = [line["round"] for line in self._of(case, "pass")]
        prepared = {line["round"] for line in self._of(case, "prepared")}
        return sum(found.count(number) >= self.work.passes for number in prepared)

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
        prepared, ended = [], set()
        for case in shuffled(cases, (number,)):
            self.scheduler.display.now(f"{case.case_id}, round {number + 1}: preparing")
            scratch = str(self.scheduler.scratch_folder())
            reply = self._ask(case, {"do": "prepare", "parameters": dict(case.parameters), "scratch": scratch})
            if reply["status"] == "ok":
                prepared.append(case)
                self._keep(case, {"kind": "prepared", "round": number, **reply["facts"], "labels": reply["labels"]})
            else:
                ended |= self._end(case, reply)
                if reply.get("lost"):  # what the lost process held has to be prepared again in the next round
                    prepared = [other for other in prepared if other.implementation != case.implementation]
        for visit in range(self.work.passes):
            for case in shuffled(prepared, (number, visit)):
                if case not in prepared:
                    continue
                reply = self._visit(case, number, visit)
                if reply["status"] != "ok":
                    ended |= self._end(case, reply)
                    prepared = [
                        other
                        for other in prepared
                        if other != case and not (reply.get("lost") and other.implementation == case.implementation)
                    ]
        for case in prepared:
            self._ask(case, {"do": "release"})
            self.finish(case)
        return ended

    def finish(self, case: Case) -> None:
        """Write the record of a case that has all its rounds."""
        if self.whole_rounds(case) >= self.work.rounds:
            self.scheduler.record(case, self.outcome(case))

    def _ask(self, case: Case, request: dict[str, Any]) -> dict[str, Any]:
        return self.scheduler.ask(case.implementation, {**request, "case_id": case.case_id})

    def _end(self, case: Case, reply: dict[str, Any]) -> set[str]:
        self.scheduler.record(case, {key: reply[key] for key in ("status", "reason", "labels") if key in reply})
        return {case.case_id}

    def _visit(self, case: Case, number: int, visit: int) -> dict[str, Any]:
        """One pass, kept if it came out; returns the worker's reply."""
        self.scheduler.display.now(f"{case.case_id}, round {number + 1}, pass {visit + 1}")
        facts = self._of(case, "prepared")
        loops = facts[0]["loops"]  # the first round's, in every round
        long = self._of(case, "pass")
        slow = long and max(long[-1]["durations_ns"]) > LONG_SAMPLE_NS
        reply = self._ask(case, {"do": "pass", "loops": loops, "count": 1 if slow else self.work.samples})
        if reply["status"] == "ok":
            kept = ("loops", "durations_ns", "peak_rss_mib", *GROWTH)
            line = {key: reply[key] for key in kept}
            self._keep(case, {"kind": "pass", "round": number, "pass": visit, **line})
        return reply

    def outcome(self, case: Case) -> dict[str, Any]:
        """A case's metrics and samples from its passes."""
        passes, facts = self._of(case, "pass"), self._of(case, "prepared")
        steps = [duration / line["loops"] for line in passes for duration in line["durations_ns"]]
        return {
            "status": "ok",
            "metrics": {
                "step_ns_min": min(steps),
                "step_ns_median": statistics.median(steps),
                "build_s": statistics.median(fact["build_s"] for fact in facts),
                "first_call_s": statistics.median(fact["first_call_s"] for fact in facts),
                **medians(facts, START_COSTS),
                "peak_rss_mib": max(line["peak_rss_mib"] for line in passes),
                "threads_used": statistics.median(fact["threads_used"] for fact in facts),
                "rounds": len({line["round"] for line in passes}),
            },
            "samples": {
                "passes": [
                    {key: line[key] for key in ("round", "pass", "loops", "durations_ns", *GROWTH) if key in line}
                    for line in passes
                ]
            },
            "labels": facts[-1]["labels"],
        }
