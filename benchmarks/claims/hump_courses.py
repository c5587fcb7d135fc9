"""What claim C28 reads from a training: where inference catches up, how high it rises before, and what was predicted.

Document 004's hump has two parts. The *delay*: inference falls far later than the same weights normalized by the rows'
own statistics do. The *rise*: a local maximum of the inference loss above that of equal odds, which a delay can have
or not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import scipy

from benchmarks.claims.hump_variants import STEPS_AN_EPOCH, VARIANTS, Variant
from benchmarks.claims.judging import Difference, holds, mean_of
from benchmarks.claims.results import Array, Result, Results

SMOOTHED_LOOKS = 5
"""Looks whose median is taken: one bad look says nothing. A hump of the document's five epochs is still seen."""
LATE_EPOCHS = 10.0
"""By how much inference must fall behind the rows' own statistics to be late: one and a half time constants (100 steps
of 14.44 an epoch) of the average at the decay of ``tf.layers``."""
PREDICTION_SLACK_EPOCHS = LATE_EPOCHS
"""Below what is told as late, epochs do not count for a prediction either."""
KNOWS_NOTHING_NATS = math.log(2)
"""The loss of equal odds for two classes."""
LEAST_RISE_NATS = 0.01
"""What counts as a rise above it: less would not be seen in a picture whose axis goes from 0 to ln 2."""
LEAST_FALL_NATS = 10 * LEAST_RISE_NATS
"""How far below ln 2 the loss by the rows' own statistics must end: without a fall there is no delay to ask for."""


@dataclass(frozen=True)
class Course:
    """What the validation loss in inference mode did in one training.

    Attributes:
        fall_epoch: where half the way is gone from ln 2 to the last loss by the rows' own statistics; one look after
            the last if nowhere.
        fell: whether it is anywhere.
        own_epoch: the same of the loss by the rows' own statistics.
        learned: whether that loss ends :data:`LEAST_FALL_NATS` below ln 2.
        rise_epoch: of the highest local maximum at least :data:`LEAST_RISE_NATS` above ln 2; NaN without one.
        rise_nats: by how much it is above ln 2; 0 without one.
        predicted_epoch: when the start value weighs as much as the true variance and epsilon of the first look's worst
            layer, which no training has changed yet. No later than that should inference catch up: the variance grows
            with the weights meanwhile.
    """

    fall_epoch: float
    fell: bool
    own_epoch: float
    learned: bool
    rise_epoch: float
    rise_nats: float
    predicted_epoch: float

    @property
    def behind_epochs(self) -> float:
        """The delay: how much later inference falls than it could."""
        return self.fall_epoch - self.own_epoch

    @property
    def earliest_epoch(self) -> float:
        """Before which a fall does not fit the prediction (:attr:`Courses.off`)."""
        return self.predicted_epoch / 2

    @property
    def latest_epoch(self) -> float:
        """When the start value is forgotten, and the training itself has got somewhere."""
        return max(self.predicted_epoch, self.own_epoch)


def course(result: Result) -> Course:
    """Read it from a training's curves."""
    variant = next(one for one in VARIANTS if one.name == result.parameters["variant"])
    epochs = result.curve("step") / STEPS_AN_EPOCH
    moving, batch = (smoothed(result.curve(f"validation_loss_{mode}")) for mode in ("moving", "batch"))
    level = (KNOWS_NOTHING_NATS + batch[-1]) / 2
    after = float(2 * epochs[-1] - epochs[-2])
    fall, own = (first_below(epochs, curve, level) for curve in (moving, batch))
    rise_epoch, rise = highest_rise(epochs, moving)
    scale = float(result.curve("inference_scale")[0].min())  # sqrt((v + epsilon) / (start + epsilon))
    share = scale**2 * (variant.start + variant.epsilon) / variant.start if variant.start else math.inf
    return Course(
        fall_epoch=after if math.isnan(fall) else fall,
        fell=not math.isnan(fall),
        own_epoch=own,
        learned=bool(batch[-1] <= KNOWS_NOTHING_NATS - LEAST_FALL_NATS),
        rise_epoch=rise_epoch,
        rise_nats=rise,
        predicted_epoch=variant.forgetting_epoch(share),
    )


def first_below(epochs: Array, curve: Array, level: float) -> float:
    """The first epoch at which a curve is at a level or below it; NaN if it never is."""
    below = np.flatnonzero(curve <= level)
    return float(epochs[below[0]]) if len(below) else math.nan


def highest_rise(epochs: Array, curve: Array) -> tuple[float, float]:
    """Epoch and height above ln 2 of a curve's highest local maximum; NaN and 0 if none is high enough."""
    places, _ = scipy.signal.find_peaks(curve, height=KNOWS_NOTHING_NATS + LEAST_RISE_NATS)
    if not len(places):
        return math.nan, 0.0
    place = places[curve[places].argmax()]
    return float(epochs[place]), float(curve[place] - KNOWS_NOTHING_NATS)


def smoothed(curve: Array) -> Array:
    """The running median; at the ends of as many looks as there are."""
    half = SMOOTHED_LOOKS // 2
    return np.array([np.median(curve[max(0, n - half) : n + half + 1]) for n in range(len(curve))])


@dataclass(frozen=True)
class Courses:
    """A variant's courses over seeds.

    Attributes:
        variant: that was trained.
        courses: one a seed.
    """

    variant: Variant
    courses: tuple[Course, ...]

    def mean(self, of: Iterable[float]) -> Difference:
        """A mean over seeds with its interval; all variants' hold at once."""
        return mean_of(of, family=len(VARIANTS))

    @property
    def fall(self) -> Difference:
        """Epoch of the fall."""
        return self.mean(one.fall_epoch for one in self.courses)

    @property
    def behind(self) -> Difference:
        """Delay in epochs; ``same`` means none."""
        return mean_of((one.behind_epochs for one in self.courses), margin=LATE_EPOCHS, family=len(VARIANTS))

    @property
    def late(self) -> bool | None:
        """Whether inference is worse than training for long; None where that is undecided."""
        return holds(self.behind, "above") if self.learned else None

    @property
    def learned(self) -> bool:
        """Whether every training learned enough to have a delay."""
        return all(one.learned for one in self.courses)

    @property
    def never(self) -> int:
        """Seeds whose inference loss does not fall."""
        return sum(not one.fell for one in self.courses)

    @property
    def risen(self) -> list[Course]:
        """Those that rise above ln 2."""
        return [one for one in self.courses if not math.isnan(one.rise_epoch)]

    @property
    def predicted_epoch(self) -> float:
        """Mean over seeds: initial weights differ."""
        return self._mean("predicted_epoch")

    def _mean(self, name: str) -> float:
        return float(np.mean([getattr(one, name) for one in self.courses]))

    @property
    def off(self) -> Difference:
        """Epochs from the middle of what the prediction allows to the fall; ``same`` means that it holds.

        Allowed is from half of the predicted epoch to all of it (or to the fall by the rows' own statistics, where that
        is later), either way :data:`PREDICTION_SLACK_EPOCHS` more. Not later, because what is left of the start value
        is then below what the variance was before training. Hardly
        sooner than half, because the square root of that share is left there: for a variance as large the document's
        weights of 0.001 must have grown 56-fold (epsilon 1e-5, 573 steps) or 178-fold (the defaults of ``tf.layers``,
        344 steps), and a step of Adam moves a weight by about 0.0001.
        """
        spans = [(one.fall_epoch, one.earliest_epoch, one.latest_epoch) for one in self.courses]
        margin = float(np.mean([(last - first) / 2 for _, first, last in spans])) + PREDICTION_SLACK_EPOCHS
        off = (fall - (first + last) / 2 for fall, first, last in spans)
        return mean_of(off, margin=margin, family=len(VARIANTS))

    @property
    def predicted(self) -> bool | None:
        """Whether the prediction holds; None where that is undecided."""
        return holds(self.off, "same") if self.learned else None

    def figures(self) -> dict[str, float]:
        """Means, counts of seeds, and 1 or 0 for what is decided; what is not finite is left out.

        The fall's mean has its interval. A rise's is over the seeds that have one, few and far from normal, so its
        smallest and largest stand beside it.
        """
        found: dict[str, float | None] = {
            "seeds": len(self.courses),
            "seeds_that_never_fall": self.never,
            "seeds_that_rise": len(self.risen),
            "predicted_epoch": self.predicted_epoch,
            "allowed_epoch_low": max(0.0, self._mean("earliest_epoch") - PREDICTION_SLACK_EPOCHS),
            "allowed_epoch_high": self._mean("latest_epoch") + PREDICTION_SLACK_EPOCHS,
            "prediction_holds": self.predicted,
            "is_late": self.late,
            "behind_epochs": self.behind.mean,
        }
        found |= {"fall_epoch": self.fall.mean, "fall_epoch_low": self.fall.low, "fall_epoch_high": self.fall.high}
        if self.risen:
            for name in ("rise_epoch", "rise_nats"):
                rises = [getattr(one, name) for one in self.risen]
                found |= {name: float(np.mean(rises)), f"{name}_low": min(rises), f"{name}_high": max(rises)}
        return {name: float(value) for name, value in found.items() if value is not None and math.isfinite(value)}


def courses_of(results: Results) -> Mapping[str, Courses]:
    """The courses of every variant that a run has, by its name."""
    return {
        variant.name: Courses(variant, tuple(map(course, found)))
        for variant in VARIANTS
        if (found := results.select(variant=variant.name))
    }
