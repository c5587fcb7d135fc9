"""How often a rule says what, with bounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import scipy

from benchmarks.calibration.pool import Unit
from benchmarks.calibration.rules import Verdicts, Words
from benchmarks.calibration.trials import draw
from benchmarks.calibration.workers import SLOWDOWNS

WORDS = ("faster", "slower", "same", "undecided")
ALARMS = ("faster", "slower")
HALVES = 200
TRIALS_OF_A_HALF = 200


@lru_cache(maxsize=4096)
def upper(count: int, trials: int) -> float:
    """Upper end of the 95 % Clopper-Pearson interval of a share."""
    return float(scipy.stats.binomtest(count, trials).proportion_ci(0.95, method="exact").high)


def rate(count: int, trials: int) -> dict[str, Any]:
    """A share with its counts and upper bound; the share of no trials is unknown."""
    known = {"rate": count / trials, "upper": upper(count, trials)} if trials else {"rate": None, "upper": None}
    return {"count": count, "trials": trials, **known}


@dataclass
class Tally:
    """What a rule said of trials of each slowdown: percent -> word -> number."""

    counts: dict[int, dict[str, int]] = field(default_factory=dict)

    def add(self, percent: int, words: Words) -> None:
        """Count the words of more trials."""
        mine = self.counts.setdefault(percent, dict.fromkeys(WORDS, 0))
        for word in WORDS:
            mine[word] += int(np.sum(words == word))

    def merged(self, others: Iterable[Tally]) -> Tally:
        """The counts of this one and of others."""
        total = Tally()
        for tally in (self, *others):
            for percent, counts in tally.counts.items():
                mine = total.counts.setdefault(percent, dict.fromkeys(WORDS, 0))
                for word in WORDS:
                    mine[word] += counts[word]
        return total

    def share(self, percent: int, *words: str) -> dict[str, Any]:
        """How often one of these words was said of a slowdown."""
        counts = self.counts.get(percent, {})
        return rate(sum(counts.get(word, 0) for word in words), sum(counts.values()))

    def as_json(self) -> dict[str, Any]:
        """Every rate; ``wrong_direction`` is over the trials of all slowdowns together."""
        slowed = [percent for percent in SLOWDOWNS if percent in self.counts]
        wrong = sum(self.counts[percent]["faster"] for percent in slowed)
        return {
            "false_alarm": self.share(0, *ALARMS),
            "detected": {str(percent): self.share(percent, "slower") for percent in slowed},
            "undecided": {str(percent): self.share(percent, "undecided") for percent in (0, *slowed)},
            "missed": {str(percent): self.share(percent, "same", "faster") for percent in slowed},
            "same": {str(percent): self.share(percent, "same") for percent in (0, *slowed)},
            "wrong_direction": rate(wrong, sum(sum(self.counts[percent].values()) for percent in slowed)),
        }


def too_small_to_halve(units: Iterable[Unit], rule: Verdicts) -> list[str]:
    """The names of units half of whose rounds are fewer than a trial's."""
    return [unit.name for unit in units if len(unit.rounds) // 2 < rule.rounds]


def half_pool_upper(units: Mapping[Unit, Any], rule: Verdicts, seed: int) -> float | None:
    """What the false-alarm rate might be in another pool: the 95 % quantile over random halves of this one.

    The rate of a half scatters around that of the whole as the whole's does around the truth (the delete-half
    jackknife; Shao and Tu 1995, The Jackknife and Bootstrap, chapter 2). Rounds are halved, as they are what is
    independent; trials are drawn anew from each half.

    Args:
        units: unit -> its log ratios, as :func:`benchmarks.calibration.rules.log_ratios` gives them.
        rule: that is asked.
        seed: of random numbers.

    Returns:
        The bound; None where a unit is too small to be halved, since without it the rate would be another one's.
    """
    if not units or too_small_to_halve(units, rule):
        return None
    generator, rates = np.random.default_rng(seed), []
    for _ in range(HALVES):
        alarms = []
        for unit, ratios in units.items():
            half = generator.permutation(len(unit.rounds))[: len(unit.rounds) // 2]
            trials = draw(unit, 0, rule.rounds, TRIALS_OF_A_HALF, generator, half)
            words = rule.words(ratios[trials.first, trials.second, trials.rounds])
            alarms.append(float(np.mean(np.isin(words, ALARMS))))
        rates.append(float(np.mean(alarms)))
    return float(np.quantile(rates, 0.95))
