"""The float64 reference's loss of every step, and how far rounding alone takes a training from it.

Training amplifies the smallest difference, so even a correct implementation parts from the reference some time. To tell
that from a different algorithm, the NumPy network is trained in the case's dtype as well, several times, from initial
kernels that each differ by one ulp of that dtype, up or down at random. Their differences to the float64 reference are
a band: what the roundings of every step and their growth come to. The float64 reference itself, started one ulp away,
would not do: it rounds nothing afterwards, and on network 000 it followed the reference for 1,125 steps where a correct
float32 network did for 205.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.axes.training import Experiment
from bn_impls.accuracy.errors import distance, over
from bn_impls.interface import Array, Trainer
from bn_impls.networks.numpy_network import hosted_trainer
from bn_impls.numpy_reference import IMPLEMENTATION as REFERENCE

PERTURBATIONS = 3  # trainings that make a band
ALLOWED = 100.0
"""Rounding may be so many ulps large: an implementation's sums run in another order, and Keras rounds Adam's constants
to float32 (6e-6, some fifty ulps). So it may take a loss so many times as far as the band, and :data:`FURTHER` times as
far as trainings come that start so many ulps away. The multiple alone would do for differences that grow smoothly. A
unit that crosses ReLU's kink makes them jump, and a large rounding meets kinks that a small one does not: without batch
normalization Keras came 13,000 times as far as the band on the 8 x 8 digits, after a jump at step 32, and 0.7 times as
far as trainings from 100 ulps away."""
FURTHER = 10.0
"""Three trainings do not find the largest difference: none of 60 trainings of the
implementations, on two sets of digits, came further than 0.85 times."""
LATER = 2
"""The band is read at so many times the step: a unit that crosses ReLU's kink makes the difference jump, and does so at
another step in each training."""


@dataclass(frozen=True)
class Reference:
    """What the exact network does.

    Attributes:
        losses: one a step.
        band: for each step, the largest relative difference of the trainings one ulp away in any step so far.
        wide: the same of trainings :data:`ALLOWED` ulps away.
    """

    losses: Array
    band: Array
    wide: Array

    @property
    def limit(self) -> Array:
        """For each step, the largest relative difference that is put down to rounding."""
        later = np.minimum(LATER * (np.arange(len(self.band)) + 1), len(self.band) - 1)
        return np.asarray(np.maximum(ALLOWED * self.band[later], FURTHER * self.wide[later]))

    def arrays(self) -> dict[str, Array]:
        """What a record keeps."""
        return {"reference_step_loss": self.losses, "rounding_band": self.band, "rounding_limit": self.limit}

    def beyond_rounding(self, losses: Array) -> int | None:
        """The first step whose loss is further away than rounding takes it; None: none."""
        found = np.flatnonzero(relative_difference(losses, self.losses) > self.limit)
        return int(found[0]) if len(found) else None


def reference(experiment: Experiment, epochs: int, cache: Path | None = None) -> Reference:
    """Train the exact network, and those in the case's dtype that start one ulp away, and :data:`ALLOWED`.

    Losses do not depend on the moving statistics, hence not on the implementation: the workers of a run share them.

    Args:
        experiment: data set, network, seed, dtype.
        epochs: how long.
        cache: folder for what other workers may need; None computes always.

    Returns:
        Losses and band.
    """
    path = None if cache is None else cache / f"reference-{_digest(experiment, epochs)}.npz"
    if path is not None and path.exists():
        with np.load(path, allow_pickle=False) as kept:
            return Reference(kept["losses"], kept["band"], kept["wide"])
    start = experiment.initial_weights()
    generator = np.random.default_rng((experiment.seed, 3))
    dtype = experiment.settings.dtype
    losses = numpy_losses(experiment, epochs, start, "float64")

    def band(ulps: float) -> Array:
        starts = (ulps_away(start, dtype, generator, ulps) for _ in range(PERTURBATIONS))
        return band_of(losses, [numpy_losses(experiment, epochs, one, _numpy_dtype(dtype)) for one in starts])

    result = Reference(losses, band(1), band(ALLOWED))
    if path is not None:
        _keep(path, result)
    return result


def numpy_losses(experiment: Experiment, epochs: int, weights: Mapping[str, Array], dtype: str) -> Array:
    """The NumPy network's loss of every step, in some dtype, from some weights, on the experiment's batches."""
    settings = replace(experiment.settings.exact(), dtype=dtype)
    trainer = hosted_trainer(settings, REFERENCE.build)
    assert isinstance(trainer, Trainer), trainer
    trainer.import_weights({**trainer.export_weights(), **weights})
    trainer.load_data(experiment.data.train.inputs, experiment.data.train.labels)
    return np.concatenate([trainer.train(indices, masks) for indices, masks in experiment.batches(epochs)])


def _numpy_dtype(dtype: str) -> str:
    return "float32" if dtype == "bfloat16" else dtype


def ulps_away(
    weights: Mapping[str, Array], dtype: str, generator: np.random.Generator, ulps: float = 1
) -> dict[str, Array]:
    """Move every kernel's elements by some ulps of a dtype, up or down at random; the other weights stay.

    Args:
        weights: float64 arrays by ``layer/parameter``.
        dtype: whose ulp; that of bfloat16 is 2^16 of float32's.
        generator: draws the directions.
        ulps: how many.
    """
    narrow = _numpy_dtype(dtype)
    step = ulps * (2.0**16 if dtype == "bfloat16" else 1.0)
    return {
        name: array + generator.choice([-step, step], array.shape) * np.spacing(np.abs(array).astype(narrow))
        if name.endswith("/kernel")
        else array
        for name, array in weights.items()
    }


def relative_difference(losses: Array, expected: Array) -> Array:
    """``|loss - expected| / |expected|`` of each step; infinity where one alone is not finite."""
    return over(distance(losses, expected), np.abs(expected))


def band_of(losses: Array, perturbed: Sequence[Array]) -> Array:
    """The largest relative difference of any perturbed training in any step so far, one value a step."""
    return np.asarray(np.maximum.accumulate(np.max([relative_difference(one, losses) for one in perturbed], axis=0)))


def _digest(experiment: Experiment, epochs: int) -> str:
    """Everything that the losses depend on, in short."""
    settings = experiment.settings
    facts = {
        "network": repr(settings.network),
        "optimizer": asdict(settings.optimizer),
        "batch_size": settings.batch_size,
        "dtype": settings.dtype,
        "data": experiment.data.description(),
        "seed": experiment.seed,
        "epochs": epochs,
        "numpy": np.__version__,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]


def _keep(path: Path, found: Reference) -> None:
    """Write beside and rename: another worker sees the whole file or none."""
    beside = path.with_name(f"{path.stem}-{os.getpid()}.tmp.npz")
    np.savez(beside, allow_pickle=False, losses=found.losses, band=found.band, wide=found.wide)
    beside.replace(path)
