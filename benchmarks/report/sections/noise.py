"""How far the verdicts of this run can be trusted: false-alarm rate and noise floor of the machine."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from statistics import median

from benchmarks.report.document import Paragraph, Rich, code, name, say, strong, verdict
from benchmarks.report.view import View
from benchmarks.report.wording import count, percent
from benchmarks.verdicts.judging import MARGIN, Verdict, Word

WORDS: dict[Word, str] = {"faster": "faster", "slower": "slower", "same": "the same", "undecided": "undecided"}


def noise(view: View) -> list[Paragraph]:
    """What stands beside the verdicts; nothing if nothing was compared."""
    verdicts = list(_against_baselines(view))
    if not verdicts:
        return []
    floor = derived_floor(verdicts) if view.run.calibration is None else view.run.calibration.noise_floor
    too_noisy = floor is not None and floor > MARGIN
    return [Paragraph(_tally(view, verdicts)), Paragraph(trust(view), "note" if too_noisy else "")]


def trust(view: View) -> Rich:
    """The machine's false-alarm rate and noise floor, or what this run knows of them; empty if nothing was compared."""
    verdicts = list(_against_baselines(view))
    if not verdicts:
        return ()
    calibration = view.run.calibration
    if calibration is not None:
        told = say(
            "Calibrated on this machine: of {trials} of identical workers, {rate} were called faster or slower (at "
            "most {upper}, with 95 % confidence); its noise floor is {floor}.",
            trials=count(calibration.trials, "pair"),
            rate=strong(percent(calibration.false_alarm_rate)),
            upper=percent(calibration.false_alarm_upper),
            floor=strong(percent(calibration.noise_floor, 1)),
        )
        return (*told, *_too_noisy(calibration.noise_floor))
    floor = derived_floor(verdicts)
    if floor is None:
        return say(
            "This machine has {not_calibrated}, and one round tells nothing of its noise: {command} measures it.",
            not_calibrated=strong("not been calibrated"),
            command=code("bn-bench calibrate"),
        )
    told = say(
        "This machine has {not_calibrated}: how often it calls identical workers different is unknown, and {command} "
        "measures it. By this run's own rounds its noise floor is {floor}: half of the comparisons cannot show a "
        "smaller difference.",
        not_calibrated=strong("not been calibrated"),
        command=code("bn-bench calibrate"),
        floor=strong(percent(floor, 1)),
    )
    return (*told, *_too_noisy(floor))


def derived_floor(verdicts: Iterable[Verdict]) -> float | None:
    """The noise floor by the rounds of a run: the median half width of its intervals, as a relative difference.

    Args:
        verdicts: of a run.

    Returns:
        The floor; None if there are no intervals.
    """
    halves = [math.log(found.high / found.ratio) for found in verdicts if found.high is not None]
    return math.expm1(min(median(halves), 700.0)) if halves else None


def _against_baselines(view: View) -> Iterable[Verdict]:
    for group in view.speeds.groups:
        for speed in group.published:
            if speed.verdict and not speed.is_baseline:
                yield speed.verdict


def _tally(view: View, verdicts: list[Verdict]) -> Rich:
    tally = Counter(found.word for found in verdicts)
    parts = [f"{tally[word]:,} {told}" for word, told in WORDS.items() if tally[word]]
    looks = " and for the top-up round" if view.run.looks > 1 else ""
    return say(
        "Of {total} with {baseline}: {parts}. Same means within {margin}. Intervals hold at once, with 95 % "
        "confidence, for all rows of a group{looks}.",
        total=count(len(verdicts), "comparison"),
        baseline=name(view.speeds.baseline),
        parts=strong(", ".join(parts)),
        margin=percent(MARGIN, 0),
        looks=looks,
    )


def _too_noisy(floor: float) -> Rich:
    if floor <= MARGIN:
        return ()
    return say(
        " {verdict} to tell differences of {margin}: trust only what is called faster or slower.",
        verdict=verdict("This machine was too noisy", "warn"),
        margin=percent(MARGIN, 0),
    )
