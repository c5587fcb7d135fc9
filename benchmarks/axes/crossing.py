"""Checkpoint, from one implementation to another: train with A, infer and go on with B, through the canonical state.

Each implementation trains once, writes its canonical state and goes on without interruption. Each takes up the states
of all: it infers by them as they are, and goes on training from them, the moving variance converted to its own ddof.
Its losses and its inference 50 steps later stand beside those of the one that was never interrupted.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.axes.agreement import refused
from benchmarks.axes.checkpoint import judge as judge_restore
from benchmarks.axes.checkpoint import restored_figures, resumed_figures
from benchmarks.axes.checkpoint.subjects import OTHER_SEED
from benchmarks.axes.outcome import Outcome, Surroundings, labelled
from benchmarks.axes.reasons import Semantics, largest, reasons
from benchmarks.axes.replays import ROUNDINGS, Arrays, Replay, Updates, carelessness, moved, replay
from benchmarks.axes.training import Experiment
from bn_impls import canonical
from bn_impls.accuracy.bounds import roundoff, sum_factor
from bn_impls.accuracy.errors import distance, max_ulp, over
from bn_impls.accuracy.network_bounds import forward, inference, inference_bounds
from bn_impls.conversion import converted_weights
from bn_impls.converting import manifest
from bn_impls.converting.states import everything, load
from bn_impls.interface import Array, Conventions, Implementation, Layer, Trainer, Unsupported
from bn_impls.networks.description import BatchNorm, NamedLayer

STATE, CONTINUED, FACTS, NATIVE = "state.npz", "continued.npz", "facts.json", "native"
BOTH = 2  # sides, each of which may be off by a bound


class Crossing:
    """One implementation's part: a trainer that is built once, for its own training and for all that it takes up."""

    def __init__(
        self, name: str, implementation: Implementation, parameters: Mapping[str, Any], surroundings: Surroundings
    ) -> None:
        """Build the network; ``parameters`` are those of any case of this implementation, which has this name."""
        self.implementation, self.name = implementation, name
        self.experiment = Experiment.of(implementation, parameters, surroundings)
        settings = self.experiment.settings
        self.conventions = settings.conventions.of_input(2, settings.dtype)
        before, after = parameters["steps_before"], parameters["steps_after"]
        indices, masks = self.experiment.steps(before + after)
        self.head = indices[:before], {name: mask[:before] for name, mask in masks.items()}
        self.tail = indices[before:], {name: mask[before:] for name, mask in masks.items()}
        self.test = self.experiment.data.test.inputs
        self.trainer = self.experiment.trainer(implementation)
        self.labels: dict[str, dict[str, str]] | None = None
        self.wrong: str | None = None

    # ---- the source -------------------------------------------------------------------------------------------------

    def save(self, folder: Path) -> Outcome:
        """Train, write the canonical state, and go on without interruption."""
        if isinstance(self.trainer, Unsupported):
            return refused(self.trainer)
        self._begin(self.experiment.seed)
        self.trainer.train(*self.head)
        state = everything(self.trainer)
        canonical.write(folder / STATE, state)
        self._keep(self.trainer, folder / NATIVE)
        continued = {"inference": self.trainer.predict(self.test, "moving"), "losses": self.trainer.train(*self.tail)}
        continued["end_inference"] = self.trainer.predict(self.test, "moving")
        continued |= {f"end/{name}": array for name, array in self.trainer.export_weights().items()}
        replays = [replay(self.experiment, state, self.tail)]
        dtype = self.experiment.settings.dtype
        replays += [replay(self.experiment, state, self.tail, dtype, order=number) for number in range(ROUNDINGS)]
        canonical.write(folder / CONTINUED, continued | _packed(replays))
        taken = Taken(self, folder, asdict(self.conventions))
        updates = taken.updates(taken.semantics("within"), continued["end_inference"])
        (folder / FACTS).write_text(json.dumps({"conventions": asdict(self.conventions), "updates": updates}))
        return Outcome()

    def _keep(self, trainer: Trainer, folder: Path) -> None:
        """The same in the implementation's usual format, for the run folder."""
        folder.mkdir()
        usual, chosen = next(iter(trainer.formats.items()))
        chosen.save(folder)
        manifest.write(folder, manifest.Manifest.of(self.name, usual, self.experiment.settings))

    def _begin(self, seed: int) -> None:
        """Weights of a seed, an optimizer at its start, and statistics at theirs: nothing of what was before."""
        assert isinstance(self.trainer, Trainer)
        drawn = self.experiment.settings.network.initial_weights(seed)
        weights = self.trainer.export_weights()
        start = {"moving_mean": self.conventions.initial_mean, "moving_variance": self.conventions.initial_variance}
        blank = {n: np.full_like(a, start.get(n.rpartition("/")[2], 0)) for n, a in weights.items() if n not in drawn}
        self.trainer.import_weights({**blank, **drawn})
        self.trainer.import_optimizer({n: np.zeros_like(a) for n, a in self.trainer.export_optimizer().items()})

    # ---- the target -------------------------------------------------------------------------------------------------

    def restore(self, folder: Path) -> Outcome:
        """Take up another implementation's state."""
        facts = json.loads((folder / FACTS).read_text())
        taken = Taken(self, folder, facts["conventions"])
        if isinstance(self.trainer, Unsupported):
            return self._infer_only(taken, self.trainer.reason)
        self._begin(OTHER_SEED)
        began = time.perf_counter_ns()
        metrics = self._handed_over(self.trainer, taken)
        samples = {"durations_ns": [time.perf_counter_ns() - began]}
        metrics |= self._resumed(self.trainer, taken, facts["updates"])
        if self.labels is None:
            settings = self.experiment.settings
            claims = {"device": settings.device, "dtype": settings.dtype, "style": settings.style}
            self.labels, self.wrong = labelled(claims, self.trainer.observe())
        if self.wrong:
            return Outcome(status="failed", reason=f"a label is wrong: {self.wrong}", labels=self.labels)
        reason = judge(metrics)
        status = "disagrees" if reason else "ok"
        return Outcome(status=status, reason=reason, metrics=metrics, samples=samples, labels=self.labels)

    def _handed_over(self, trainer: Trainer, taken: Taken) -> dict[str, Any]:
        """The state as it is: what came over, and the inference by it."""
        load(trainer, taken.state)
        found = restored_figures(everything(trainer), taken.state)
        predicted = trainer.predict(self.test, "moving")
        return {f"handed_over_{name}": value for name, value in found.items()} | taken.inference_figures(predicted)

    def _resumed(self, trainer: Trainer, taken: Taken, source_updates: Updates) -> dict[str, Any]:
        """50 steps from the converted state, beside those of the source."""
        start = taken.converted(self.conventions)
        load(trainer, start)
        losses = trainer.train(*self.tail)
        end = trainer.predict(self.test, "moving")
        expected = taken.continued["losses"]
        envelope = taken.loss_envelope()
        beyond = np.flatnonzero(distance(losses, expected) > BOTH * envelope)
        updates = taken.updates(taken.semantics("within", self.conventions), end)
        source, target = taken.semantics(source_updates), taken.semantics(updates, self.conventions)
        rounding = taken.rounding(target)
        yardstick = taken.yardstick(self.conventions)
        found = reasons(source, target, taken.predict, rounding)
        return {
            **resumed_figures(losses, expected),
            "resumed_over_bound": float(np.max(over(distance(losses, expected), BOTH * envelope), initial=0.0)),
            "resumed_first_step_over_bound": int(beyond[0]) if len(beyond) else None,
            "continued_inference_difference_abs": largest(end, yardstick),
            "continued_inference_scale": float(np.abs(yardstick).max(initial=0.0)),
            "continued_over_bound": largest(end, yardstick) / (BOTH * rounding),
            "continued_residual_over_bound": largest(end, taken.predict(target)) / rounding,
            "reasons": [reason.as_json() for reason in found],
            "variance_rescaled": self.conventions.ddof != taken.conventions.ddof,
        }

    def _infer_only(self, taken: Taken, why: str) -> Outcome:
        """The network in NumPy around the implementation's inference, where it cannot train."""
        settings = self.experiment.settings
        layers: dict[str, Layer] = {}

        def normalize(named: NamedLayer, h: Array) -> Array:
            layer = layers.get(named.name)
            if layer is None:
                assert isinstance(named.layer, BatchNorm)
                built = self.implementation.build(
                    replace(settings.layer_configuration(named.layer, named.input_shape), input_shape=h.shape)
                )
                if isinstance(built, Unsupported):
                    raise _Refusal(built)
                layer = layers[named.name] = built
            names = ("gamma", "beta", "moving_mean", "moving_variance", "num_updates")
            layer.import_state({name: taken.state[f"{named.name}/{name}"] for name in names})
            return layer.to_numpy(layer.inference(layer.to_native(h)))

        began = time.perf_counter_ns()
        try:
            predicted = forward(settings.network, taken.state, self.test.astype(settings.dtype), normalize)
        except _Refusal as refusal:
            return refused(refusal.unsupported)
        finally:
            for layer in layers.values():
                layer.close()
        metrics = {**taken.inference_figures(predicted), "resumed_unsupported": why}
        samples = {"durations_ns": [time.perf_counter_ns() - began]}
        reason = judge(metrics)
        return Outcome(status="disagrees" if reason else "ok", reason=reason, metrics=metrics, samples=samples)

    def close(self) -> None:
        """Release the trainer."""
        if isinstance(self.trainer, Trainer):
            self.trainer.close()


class _Refusal(Exception):
    def __init__(self, unsupported: Unsupported) -> None:
        super().__init__(unsupported.reason)
        self.unsupported = unsupported


def _packed(replays: list[Replay]) -> dict[str, Array]:
    return {
        f"replay/{number}/{part}/{name}": array
        for number, one in enumerate(replays)
        for part, arrays in (("", {"losses": one.losses}), ("weights", one.weights), ("moments", one.moments))
        for name, array in arrays.items()
    }


def _unpacked(arrays: Arrays) -> list[Replay]:
    def part(number: int, kind: str) -> dict[str, Array]:
        prefix = f"replay/{number}/{kind}/"
        return {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}

    return [
        Replay(part(number, "")["losses"], part(number, "weights"), part(number, "moments"))
        for number in range(1 + ROUNDINGS)
    ]


class Taken:
    """A source's files, and what the reference makes of them."""

    def __init__(self, crossing: Crossing, folder: Path, conventions: Mapping[str, Any]) -> None:
        """Read and check them."""
        self.crossing, self.settings = crossing, crossing.experiment.settings
        self.state, self.continued = canonical.read(folder / STATE), canonical.read(folder / CONTINUED)
        self.conventions = Conventions(**conventions)
        self.replays = _unpacked(self.continued)
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
        _, bounds = inference_bounds(self.settings, self.state, self.crossing.test, "plain")
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
        return inference(self.settings.network, converted, self.crossing.test)

    def predict(self, semantics: Semantics, number: int = 0) -> Array:
        """The inference that a replay of the reference arrives at; number 0 is in float64."""
        key = (semantics, number)
        if key not in self.predicted:
            start = self.converted(semantics.conventions)
            one = self.replays[number]
            if semantics.updates == "after":
                one = replay(self.crossing.experiment, start, self.crossing.tail, after=semantics.conventions)
            statistics = moved(self.settings, semantics.conventions, start, one.moments)
            end = {**one.weights, **statistics}
            self.predicted[key] = inference(self.settings.network, end, self.crossing.test)
        return self.predicted[key]

    def rounding(self, semantics: Semantics) -> float:
        """How far rounding may carry one side's inference after the training: in training, and in inference."""
        within = Semantics(semantics.conventions)
        spread = [largest(self.predict(within, number), self.predict(within)) for number in range(1, 1 + ROUNDINGS)]
        _, bounds = inference_bounds(self.settings, self.state, self.crossing.test, "plain")
        return carelessness(self.settings) * max(spread) + float(bounds.max(initial=0.0))

    def updates(self, within: Semantics, end: Array) -> Updates:
        """When an implementation runs its updates, by where its inference ended: in the step, or after it."""
        rounding = self.rounding(within)
        if largest(end, self.predict(within)) <= rounding:
            return "within"
        after = within.changed("updates", "after")
        return "after" if largest(end, self.predict(after)) < largest(end, self.predict(within)) / 2 else "within"


def judge(metrics: Mapping[str, Any]) -> str | None:
    """What neither a convention nor rounding explains, or None."""
    wrong = []
    if "resumed_unsupported" not in metrics:
        handed = {name.removeprefix("handed_over_"): value for name, value in metrics.items()}
        if lost := judge_restore(handed):
            wrong.append(f"the state was not taken up: {lost}")
    if not metrics["inference_over_bound"] <= 1:
        wrong.append(f"inference by it is {metrics['inference_over_bound']:.3g} times what rounding explains")
    for name, what in (
        ("resumed_over_bound", "the losses of the resumed training are"),
        ("continued_residual_over_bound", "the inference after it is, all conventions considered,"),
    ):
        if name in metrics and not metrics[name] <= 1:
            wrong.append(f"{what} {metrics[name]:.3g} times what rounding explains")
    return "; ".join(wrong) or None
