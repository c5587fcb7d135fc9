"""How much of a run one slow case may take: fewer samples, then fewer passes, then fewer rounds.

A case that takes a thousand times as long as the others would otherwise take nearly all of a run's time, for a figure
that needs less of it: its ratio is far from 1, and clock and scheduler disturb long samples less than short ones. What
was left out stands in its record (``passes_left_out``). All limits follow from passes on disk, so that a resumed run
keeps to them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

LONG_SAMPLE_NS = 100_000_000  # a case whose one sample is longer gets one sample a pass
ROUND_NS = 2_000_000_000  # sampled time of a case in a round, after which it is visited no more in it
CASE_S = 60.0  # time of a case in all, preparing included, after which it gets no further round
FEWEST_ROUNDS = 2  # without two there is no interval

Line = Mapping[str, Any]
"""A line of ``passes.jsonl``."""


def samples_of_pass(prepared: Line, passes: Sequence[Line], planned: int) -> int:
    """How many samples the next pass takes.

    Args:
        prepared: what preparing showed in the first round.
        passes: the case's passes so far.
        planned: samples of a pass.
    """
    longest = max(passes[-1]["durations_ns"]) if passes else prepared.get("warm_call_ns", 0) * prepared["loops"]
    return 1 if longest > LONG_SAMPLE_NS else planned


def enough_passes(passes: Sequence[Line], planned: int) -> bool:
    """Whether a round of a case is whole.

    Args:
        passes: of this round.
        planned: passes of a round.
    """
    return len(passes) >= planned or (len(passes) > 0 and _sampled_ns(passes) >= ROUND_NS)


def enough_rounds(whole: int, lines: Sequence[Line]) -> bool:
    """Whether a case has taken so much time that it gets no further round, however many are planned.

    Args:
        whole: its whole rounds.
        lines: all its lines.
    """
    return whole >= FEWEST_ROUNDS and sum(line.get("took_s", 0.0) for line in lines) >= CASE_S


def passes_left_out(passes: Sequence[Line], rounds: int, planned: int) -> int:
    """Planned passes that a case did not get because it is slow.

    Args:
        passes: all its passes.
        rounds: planned.
        planned: passes of a round.
    """
    found: dict[int, list[Line]] = defaultdict(list)
    for line in passes:
        found[line["round"]].append(line)
    whole = [round_ for round_ in found.values() if enough_passes(round_, planned)]
    short = sum(planned - len(round_) for round_ in whole if len(round_) < planned)
    return short + planned * max(0, rounds - len(whole))


def _sampled_ns(passes: Sequence[Line]) -> float:
    return float(sum(sum(line["durations_ns"]) for line in passes))
