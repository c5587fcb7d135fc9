"""Document 003's pictures: its images, and what passes through its network; one training each, nothing is judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.cases import CHEAPEST, DATASET, case
from benchmarks.claims.model import Picture, Size
from benchmarks.claims.results import Array, Results
from benchmarks.claims.seeds import seeds
from benchmarks.claims.training import TRAINING
from benchmarks.networks import recipe
from benchmarks.report.figures import mosaic, recording
from benchmarks.trainings.recording import SATURATED

RECIPE = recipe("003")
EPOCHS = {"quick": 5, "full": 20}
EVERY = {"quick": 5, "full": 1}
"""Steps between two looks. The document keeps every step, too, and draws each fifth."""
NETWORKS: Mapping[str, Mapping[str, Any]] = {
    "without batch normalization": {"batch_norm": False, "options": {}},
    "with it before tanh": {"batch_norm": True, "options": {"order": "layer-norm-activation"}},
    "with it after tanh": {"batch_norm": True, "options": {"order": "layer-activation-norm"}},
}
ROWS = {
    "z1, before tanh": "activation_0/z",
    "a1, after tanh": "activation_0/a",
    "z2, before softmax": "logits/z",
    "a2, after softmax": "logits/a",
}
LAYERS, KERNELS = {"activation_0": "layer 1"}, {"dense_0/kernel": "layer 1", "dense_1/kernel": "layer 2"}
MIDDLE = slice(5, 96, 90)  # the 5th and the 95th percentile
CLASSES = ("temple", "flower", "portrait")
STAND_IN = (
    "They stand in for the document's three classes of CIFAR-10: patches of photographs of a temple in China "
    "(danielbuechele, CC BY 2.0), a flower (vultilion, CC BY 2.0) and Grace Hopper (US Navy, public domain)."
)
OF_EACH_CLASS = 8


def cases(size: Size) -> list[Case]:
    """Its three networks from one seed, and its images."""
    shared = {name: TRAINING[name] for name in ("dtype", "style", "device")}
    dataset = RECIPE.dataset_of(DATASET)
    return [
        case(
            "activations",
            CHEAPEST,
            ("network", "batch_norm", "seed"),
            **RECIPE.parameters(),
            **shared,
            **chosen,
            dataset=dataset,
            epochs=EPOCHS[size],
            every=EVERY[size],
            seed=seed,
        )
        for seed in seeds(size, 1, 1)
        for chosen in NETWORKS.values()
    ] + [
        case("example_images", CHEAPEST, network=RECIPE.name, dataset=dataset, of_each_class=OF_EACH_CLASS, seed=seed)
        for seed in seeds(size, 1, 1)
    ]


def recordings(results: Results) -> dict[str, Mapping[str, Array]]:
    """What was seen of each network, by its name.

    Raises:
        Missing: of one there is nothing.
    """
    return {name: results.one(experiment="activations", **chosen).curves for name, chosen in NETWORKS.items()}


def examples(results: Results) -> Picture:
    """The mosaic of its data."""
    found = results.one(experiment="example_images")
    images = found.curve("images")
    usual = found.parameters["dataset"] == RECIPE.dataset
    size = " x ".join(map(str, images.shape[2:4]))
    names = CLASSES if usual else [f"class {number}" for number in range(len(images))]
    return Picture(
        title="Images that document 003's network is trained on here",
        caption=f"The first {OF_EACH_CLASS} training images of each class, {size} pixels. "
        + (STAND_IN if usual else f"Data set: {found.parameters['dataset']}."),
        alternative=f"{len(images)} rows of {images.shape[1]} small images: {', '.join(names)}.",
        height_in=2.7,
        paint=lambda canvas: mosaic.paint(canvas, images, names),
    )


def distributions(results: Results) -> Picture:
    """Its ridgelines of z and a of both layers, for the three networks."""
    seen = recordings(results)
    told = "; ".join(
        f"{title}, {name}: {_range(arrays[key][0])} at first and {_range(arrays[key][-1])} after {_steps(arrays)} steps"
        for title, key in ROWS.items()
        for name, arrays in seen.items()
    )
    return Picture(
        title="What enters and leaves each activation over training",
        caption="Distributions of z and a over the units and a fixed batch of 64 images, normalized as in training: "
        f"{recording.MOST_RIDGES} of the steps, the first on top and dark. A row has one scale. The loss's arguments "
        "are in the right order; one seed.",
        alternative=f"From the 5th to the 95th percentile. {told}.",
        height_in=8.6,
        paint=lambda canvas: recording.paint_distributions(canvas, seen, ROWS),
    )


def course(results: Results) -> Picture:
    """Its loss, one unit's percentiles, saturation and gradient norms, for the three networks."""
    seen = recordings(results)
    told = "; ".join(
        f"{name}: loss from {_ends(arrays['losses'])}, saturated from "
        f"{_ends(100 * arrays['activation_0/saturated'])} %, gradient norm of layer 1 from "
        f"{_ends(arrays['dense_0/kernel/gradient_norm'])}"
        for name, arrays in seen.items()
    )
    return Picture(
        title="Loss, one unit, saturation and gradients over training",
        caption="The same trainings: the loss of each step; the 15th, 50th and 85th percentile of what enters the "
        f"first unit's tanh; the share of outputs of tanh beyond {SATURATED:g}; and the Euclidean norm of each "
        "kernel's gradient on the fixed batch.",
        alternative=f"First and last values. {told}.",
        height_in=7.6,
        paint=lambda canvas: recording.paint_course(canvas, seen, LAYERS, KERNELS),
    )


PICTURES = (examples, distributions, course)


def _range(percentiles: Array) -> str:
    low, high = percentiles[MIDDLE]
    return f"{low:.2g} to {high:.2g}"


def _ends(values: Array) -> str:
    return f"{values[0]:.2g} to {values[-1]:.2g}"


def _steps(arrays: Mapping[str, Array]) -> int:
    return int(np.max(arrays["steps"]))
