"""What one implementation has left for the others, and what the reference makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.axes.reasons import Semantics, largest
from benchmarks.axes.replays import ROUNDINGS, Arrays, Replay, Updates, carelessness, moved, replay
from benchmarks.axes.training import Experiment
from bn_impls import canonical
from bn_impls.accuracy.bounds import roundoff, sum_factor
from bn_impls.accuracy.errors import distance, max_ulp, over
from bn_impls.accuracy.network_bounds import inference, inference_bounds
from bn_impls.conversion import converted_weights
from bn_impls.interface import Array, Conventions

STATE, CONTINUED = "state.npz", "continued.npz"
BOTH = 2  # sides, each of which may be off by a bound
Steps = tuple[Array, Mapping[str, Array]]
"""Row indices (steps, batch), and dropout masks by layer."""


class Taken:
    """A source's files, and what the reference makes of them."""

    def __init__(self, experiment: Experiment, tail: Steps, folder: Path, conventions: Mapping[str, Any]) -> None:
        """Read and check them.

        Args:
            experiment: the network, and its data.
            tail: the steps after the checkpoint.
            folder: what the source wrote.
            conventions: the source's.
        """
        self.experiment, self.settings, self.tail = experiment, experiment.settings, tail
        self.test = experiment.data.test.inputs
        self.state, self.continued = canonical.read(folder / STATE), canonical.read(folder / CONTINUED)
        self.conventions = Conventions(**conventions)
        self.replays = unpacked(self.continued)
        self.predicted: dict[tuple[Semantics, int], Array] = {}

    def semantics(self, updates: Updates, conventions: Conventions | None = None) -> Semantics:
        """The source's, or a target's."""
        return Semantics(conventions or self.conventions, updates)

    def converted(self, conventions: Conventions) -> dict[str, Array]:
        """The source's state with its moving variance as other conventions would have it."""
        return converted_weights(self.settings, self.state, self.conventions, conventions)

    # ---- inference as it was handed over ----

    def inference_figures(self, predicted: Array) -> dict[str, Any]:
        """The inference by the state as it is beside the source's own."""
        own = self.continued["inference"]
        _, bounds = inference_bounds(self.settings, self.state, self.test, "plain")
        gap = distance(predicted, own)
        return {
            "inference_bitwise": bool(np.array_equal(predicted, own)),
            "inference_error_ulp": max_ulp(predicted, own),
            "inference_difference_abs": float(gap.max(initial=0.0)),
            "inference_over_bound": float(np.max(over(gap, BOTH * bounds), initial=0.0)),
        }

    # ---- training, and the inference after it ----

    def loss_envelope(self) -> Array:
        """How far rounding may carry each loss of one side: never less than it did before, nor than a loss costs.

        A loss is a difference of logits, whose sums of C terms are rounded relative to the largest.
        """
        exact, logits = self.replays[0].losses, self.continued["inference"]
        spread = [distance(one.losses, exact) for one in self.replays[1:]]
        u, size = roundoff(self.settings.dtype, "plain"), float(np.abs(logits).max(initial=0.0))
        least = sum_factor(logits.shape[1], "plain") * u * size
        return np.asarray(
            np.maximum.accumulate(np.maximum(carelessness(self.settings) * np.max(spread, axis=0), least))
        )

    def yardstick(self, conventions: Conventions) -> Array:
        """The source's inference after its uninterrupted training, its variance as these conventions have it."""
        if conventions.ddof == self.conventions.ddof:
            return self.continued["end_inference"]
        end = {n.removeprefix("end/"): array for n, array in self.continued.items() if n.startswith("end/")}
        converted = converted_weights(self.settings, end, self.conventions, conventions)
        return inference(self.settings.network, converted, self.test)

    def predict(self, semantics: Semantics, number: int = 0) -> Array:
        """The inference that a replay of the reference arrives at; number 0 is in float64."""
        key = (semantics, number)
        if key not in self.predicted:
            start = self.converted(semantics.conventions)
            one = self.replays[number]
            if semantics.updates == "after":
                one = replay(self.experiment, start, self.tail, after=semantics.conventions)
            statistics = moved(self.settings, semantics.conventions, start, one.moments)
            end = {**one.weights, **statistics}
            self.predicted[key] = inference(self.settings.network, end, self.test)
        return self.predicted[key]

    def rounding(self, semantics: Semantics) -> float:
        """How far rounding may carry one side's inference after the training: in training, and in inference."""
        within = Semantics(semantics.conventions)
        spread = [largest(self.predict(within, number), self.predict(within)) for number in range(1, 1 + ROUNDINGS)]
        _, bounds = inference_bounds(self.settings, self.state, self.test, "plain")
        return carelessness(self.settings) * max(spread) + float(bounds.max(initial=0.0))

    def updates(self, within: Semantics, end: Array) -> Updates:
        """When an implementation runs its updates, by where its inference ended: in the step, or after it."""
        rounding = self.rounding(within)
        if largest(end, self.predict(within)) <= rounding:
            return "within"
        after = within.changed("updates", "after")
        return "after" if largest(end, self.predict(after)) < largest(end, self.predict(within)) / 2 else "within"


def packed(replays: list[Replay]) -> dict[str, Array]:
    """Replays of the reference as arrays of one file."""
    return {
        f"replay/{number}/{part}/{name}": array
        for number, one in enumerate(replays)
        for part, arrays in (("", {"losses": one.losses}), ("weights", one.weights), ("moments", one.moments))
        for name, array in arrays.items()
    }


def unpacked(arrays: Arrays) -> list[Replay]:
    """What :func:`packed` packed."""

    def part(number: int, kind: str) -> dict[str, Array]:
        prefix = f"replay/{number}/{kind}/"
        return {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}

    return [
        Replay(part(number, "")["losses"], part(number, "weights"), part(number, "moments"))
        for number in range(1 + ROUNDINGS)
    ]
