"""C15, document 002: printing the loss after each step only looks."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.cases import DATASET
from benchmarks.claims.exact import advice, ask_of
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import Band, draw_bands, name_bands, panel
from benchmarks.claims.results import Array, Missing, Results
from benchmarks.claims.seeds import seeds

STEPS = {"quick": 65, "full": 468}
"""Of the training whose logs are drawn; 468 are the document's one epoch of 60,000 digits."""
EVERY = 13
"""Steps that a point of a curve is the mean of."""
APART = {
    "printed_less_step_loss_nats": ("printed_less_step_loss_nats", 1),
    "printed_less_inference_loss_nats": ("printed_less_inference_loss_nats", 1),
    "printed_less_step_accuracy_points": ("printed_less_step_accuracy", 100),
    "validation_loss_off_by_up_to_percent": ("largest_validation_loss_change_rel", 100),
}
"""Figure of that training -> its metric, and what scales it."""
COUNT_LIMIT = 0.01
"""Updates a step that may be explained by rounding of the effective decay."""


def cases(size: Size) -> list[Case]:
    """The document's loop, and the same without its printing, on one batch; and a training with both logs."""
    counted = [
        one for logging in (True, False) for one in ask_of("logging_pass", ("keras",), logging=logging, batch_size=128)
    ]
    drawn = [
        one
        for seed in seeds(size, 1, 1)
        for one in ask_of(
            "logged_training",
            ("keras",),
            dataset=DATASET,
            steps=STEPS[size],
            batch_size=128,
            every=EVERY,
            seed=seed,
        )
    ]
    return counted + drawn


def apart(results: Results) -> dict[str, float]:
    """How far what is printed parts from what it should be; nothing where that training has no figures.

    The rule counts updates and does not need it.
    """
    try:
        trained = results.one(experiment="logged_training")
    except Missing:
        return {}
    return {name: factor * trained.number(metric) for name, (metric, factor) in APART.items()}


def judge(results: Results) -> Verdict:
    """By the number of updates that one step amounts to."""
    printing, silent = (results.one(logging=logging) for logging in (True, False))
    counts = {name: one.number("updates_per_step") for name, one in (("with", printing), ("without", silent))}
    figures = {
        "updates_per_step_with_logging": counts["with"],
        "updates_per_step_without_logging": counts["without"],
        "effective_decay_with_logging": printing.number("effective_decay_per_step"),
        "layer_decay": printing.number("layer_decay"),
        **apart(results),
    }
    if abs(counts["with"] - counts["without"]) <= COUNT_LIMIT:
        sentence = f"A step moves the statistics {counts['with']:.2f} times, whether or not its loss is printed."
        return Verdict(kind="confirmed", sentence=sentence, figures=figures)
    return Verdict(
        kind="refuted",
        sentence=f"Its loss_fn runs the network in training mode, so each printed step moves the statistics "
        f"{counts['with']:.2f} times instead of {counts['without']:.2f}: a decay of {figures['layer_decay']:g} acts as "
        f"{figures['effective_decay_with_logging']:.4f} a step. The printed loss is that of the batch just learned, "
        "after its step; the accuracy beside it is computed in inference mode.",
        figures=figures,
    )


def picture(results: Results) -> Picture:
    """Loss and accuracy as the document logs them beside the step's own, and what the logging does to inference."""
    trained = results.one(experiment="logged_training")
    looks = trained.curve("looks")

    def band(name: str, values: Array, place: int) -> Band:
        return Band(name, looks[: len(values)], values[None], place, place)

    def averaged(curve: str, factor: float = 1.0) -> Array:
        values = factor * trained.curve(curve)
        return np.asarray(values[: len(values) // EVERY * EVERY].reshape(-1, EVERY).mean(axis=1))

    panels = {
        "loss of the batch": [
            band("as the document logs it", averaged("printed_loss"), 0),
            band("of the step itself", averaged("step_loss"), 1),
            band("in inference mode before the step", averaged("inference_loss"), 2),
        ],
        "accuracy of the batch, %": [
            band("as the document logs it", averaged("printed_accuracy", 100), 0),
            band("of the step itself", averaged("step_accuracy", 100), 1),
            band("in inference mode before the step", averaged("inference_accuracy", 100), 2),
        ],
        "validation loss": [
            band("as the document logs it", trained.curve("validation_loss_logging"), 0),
            band("without its logging", trained.curve("validation_loss_silent"), 3),
        ],
    }

    def paint(canvas: Any) -> None:
        for axes, (title, bands) in zip(canvas.subplots(1, len(panels)), panels.items(), strict=True):
            draw_bands(axes, bands)
            panel(axes, title, "training step")
        name_bands(canvas, [one for bands in panels.values() for one in bands])

    own, inference, accuracy, off = apart(results).values()
    return Picture(
        title="Document 002's log beside what it should be",
        caption=f"Its network (256-256, batch 128) on {len(trained.curve('step_loss')):,} batches drawn from 4,000 "
        f"digits; each point is a mean over {EVERY} steps, one seed. The document takes the loss in training mode "
        "after the step and the accuracy in inference mode; the step has both from its own forward pass. Right: the "
        "validation loss in inference mode with the document's logging and without it.",
        alternative=f"The loss that the document logs differs from the step's own by {own:+.3f} nats, from that in "
        f"inference mode by {inference:+.3f} nats, its accuracy from the step's own by {accuracy:+.2f} points, means "
        f"over all steps; its logging changes the validation loss by up to {off:.0f} %.",
        height_in=2.9,
        paint=paint,
    )


CLAIM = Claim(
    id="C15",
    documents=("002",),
    statement="(Implied:) asking for the training loss after each step, to print it, changes nothing.",
    experiment="Run its loop with a learning rate of 0 on one batch, so that the batch's statistics stand still, with "
    "and without its printing, and solve the moving mean for the decay that one step applied. For the picture, a "
    "training of its network logs loss and accuracy as the document does and as it should.",
    rule=f"Confirmed if the number of updates a step is the same with and without printing within {COUNT_LIMIT:g}, "
    "refuted otherwise.",
    cases=cases,
    judge=judge,
    picture=picture,
    meaning=advice(
        confirmed="Log as you like.",
        refuted="Print the loss that the training step returned, or evaluate with training=False. A forward pass in "
        "training mode is an update of the moving statistics, whatever you want it for.",
    ),
)
