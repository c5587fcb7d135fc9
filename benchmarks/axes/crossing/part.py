"""One implementation's part: it trains and hands its state over, and takes up those of the others."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.axes.agreement import refused
from benchmarks.axes.checkpoint import restored_figures, resumed_figures
from benchmarks.axes.checkpoint.subjects import OTHER_SEED
from benchmarks.axes.crossing.inferring import infer_only
from benchmarks.axes.crossing.judging import judge
from benchmarks.axes.crossing.taken import BOTH, CONTINUED, STATE, Taken, packed
from benchmarks.axes.outcome import Outcome, Surroundings, labelled
from benchmarks.axes.reasons import largest, reasons
from benchmarks.axes.replays import ROUNDINGS, Updates, replay
from benchmarks.axes.training import Experiment
from bn_impls import canonical
from bn_impls.accuracy.errors import distance, over
from bn_impls.converting import manifest
from bn_impls.interface import Implementation, Trainer, Unsupported

FACTS, NATIVE = "facts.json", "native"


class Part:
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
        state = canonical.everything(self.trainer)
        canonical.write(folder / STATE, state)
        self._keep(self.trainer, folder / NATIVE)
        continued = {"inference": self.trainer.predict(self.test, "moving"), "losses": self.trainer.train(*self.tail)}
        continued["end_inference"] = self.trainer.predict(self.test, "moving")
        continued |= {f"end/{name}": array for name, array in self.trainer.export_weights().items()}
        replays = [replay(self.experiment, state, self.tail)]
        dtype = self.experiment.settings.dtype
        replays += [replay(self.experiment, state, self.tail, dtype, order=number) for number in range(ROUNDINGS)]
        canonical.write(folder / CONTINUED, continued | packed(replays))
        taken = Taken(self.experiment, self.tail, folder, asdict(self.conventions))
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
        taken = Taken(self.experiment, self.tail, folder, facts["conventions"])
        if isinstance(self.trainer, Unsupported):
            return infer_only(self.implementation, taken, self.trainer.reason)
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
        canonical.load_everything(trainer, taken.state)
        found = restored_figures(canonical.everything(trainer), taken.state)
        predicted = trainer.predict(self.test, "moving")
        return {f"handed_over_{name}": value for name, value in found.items()} | taken.inference_figures(predicted)

    def _resumed(self, trainer: Trainer, taken: Taken, source_updates: Updates) -> dict[str, Any]:
        """50 steps from the converted state, beside those of the source."""
        start = taken.converted(self.conventions)
        canonical.load_everything(trainer, start)
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
