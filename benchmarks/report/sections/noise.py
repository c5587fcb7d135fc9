"""How far the verdicts of this run can be trusted: false-alarm rate and noise floor of the machine."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from statistics import median

from benchmarks.machine_kind import kind_words, same_kind
from benchmarks.report.calibration import Calibration
from benchmarks.report.document import Paragraph, Rich, code, name, say, strong, verdict
from benchmarks.report.view import View
from benchmarks.report.wording import count, percent, visible
from benchmarks.verdicts.judging import MARGIN, Verdict, Word

WORDS: dict[Word, str] = {"faster": "faster", "slower": "slower", "same": "the same", "undecided": "undecided"}


def noise(view: View) -> list[Paragraph]:
    """What stands beside the verdicts; nothing if nothing was compared."""
    verdicts = list(_against_baselines(view))
    if not verdicts:
        return []
    floor = noise_floor(view)
    too_noisy = floor is not None and floor > MARGIN
    return [Paragraph(_tally(view, verdicts)), Paragraph(trust(view), "note" if too_noisy else "")]


def trust(view: View) -> Rich:
    """The machine's false-alarm rate and noise floor, and what this run's own rounds say of its noise.

    The larger of the two floors decides whether the machine was too noisy: a calibration knows another hour.

    Returns:
        The sentences; empty if nothing was compared.
    """
    verdicts = list(_against_baselines(view))
    if not verdicts:
        return ()
    floor = noise_floor(view)
    told = (*_foreign(view), *_calibrated(view), *_own(derived_floor(verdicts)))
    return told if floor is None else (*told, *_too_noisy(floor))


def own_calibration(view: View) -> Calibration | None:
    """The calibration in the run folder, if it is of this kind of machine."""
    found = view.run.calibration
    return found if found is not None and same_kind(found.machine, view.run.environment) else None


def noise_floor(view: View) -> float | None:
    """The larger floor of those that are known: the calibration's and that by this run's own rounds."""
    calibration, derived = own_calibration(view), derived_floor(_against_baselines(view))
    known = [calibration.noise_floor] if calibration is not None else []
    return max([*known, *([] if derived is None else [derived])], default=None)


def _calibrated(view: View) -> Rich:
    calibration = own_calibration(view)
    if calibration is None:
        return say(
            "This machine has {not_calibrated}: how often it calls identical workers different is unknown, and "
            "{command} measures it.",
            not_calibrated=strong("not been calibrated"),
            command=code("bn-bench calibrate"),
        )
    return say(
        "Calibrated on this kind of machine{day}: of {trials} of identical workers, {rate} were called faster or "
        "slower (at most {upper}, with 95 % confidence); its noise floor was {floor}.",
        day=f", {calibration.recorded}" if calibration.recorded else "",
        trials=count(calibration.trials, "pair"),
        rate=strong(percent(calibration.false_alarm_rate)),
        upper=percent(calibration.false_alarm_upper),
        floor=strong(percent(calibration.noise_floor, 1)),
    )


def _foreign(view: View) -> Rich:
    """That the calibration in the folder is of another machine, where it is."""
    found = view.run.calibration
    if found is None or own_calibration(view) is not None:
        return ()
    return say(
        "The calibration in this run folder is of {another} ({its}; this run: {ours}) and does not count. ",
        another=verdict("another machine", "warn"),
        its=visible(kind_words(found.machine)),
        ours=visible(kind_words(view.run.environment)),
    )


def _own(floor: float | None) -> Rich:
    """The noise floor by this run's own rounds."""
    if floor is None:
        return say(" One round tells nothing of this run's own noise.")
    return say(
        " By this run's own rounds the noise floor is {floor}: half of the comparisons cannot show a smaller "
        "difference.",
        floor=strong(percent(floor, 1)),
    )


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
