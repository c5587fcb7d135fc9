"""C11, document 001: batch normalization is applied to the logits too (written, but never used in its loss)."""

from __future__ import annotations

import numpy as np

from benchmarks.cases import Case
from benchmarks.claims.cases import case
from benchmarks.claims.judging import Difference, combined, holds_not, on_what, paired
from benchmarks.claims.model import Claim, Picture, Size, Verdict
from benchmarks.claims.painting import Band, panels_of_bands
from benchmarks.claims.results import Results
from benchmarks.claims.seeds import seeds
from benchmarks.claims.training import training

EPOCHS = {"quick": 10, "full": 100}
MARGIN = 0.01
"""Share of the test digits that does not matter."""
GRAPH = "unused_logits"
LOGITS = ("plain", "normalized")
ACCURACY, LOSS = "final_test_accuracy_moving", "final_test_loss_moving"


def cases(size: Size) -> list[Case]:
    """The graph as written, and trainings with the logits plain and normalized."""
    trainings = [
        training("001", options={"logits": logits}, epochs=EPOCHS[size], evaluate_every=5, seed=seed)
        for seed in seeds(size, 5)
        for logits in LOGITS
    ]
    return [case(GRAPH, "tf1-layers"), *trainings]


def gain(results: Results, metric: str, margin: float) -> Difference:
    """Change by normalizing the logits that the loss reads."""
    arms = {logits: results.values(metric, experiment="training", options={"logits": logits}) for logits in LOGITS}
    return paired(arms["normalized"], arms["plain"], margin=margin, family=2, higher_is_better=metric == ACCURACY)


def judge(results: Results) -> Verdict:
    """Is it used as written; and would it do harm if it were?"""
    graph = results.one(experiment=GRAPH)
    lost, updates = int(graph.number("without_gradient")), int(graph.number("updates"))
    accuracy, loss = gain(results, ACCURACY, MARGIN), gain(results, LOSS, MARGIN)
    used = lost == 0
    kind = combined(used, holds_not(accuracy, "below"))
    names = ", ".join(map(str, (graph.record or {}).get("samples", {}).get("without_gradient", [])))
    mean = {
        logits: 100
        * float(np.mean([*results.values(ACCURACY, experiment="training", options={"logits": logits}).values()]))
        for logits in LOGITS
    }
    return Verdict(
        kind=kind,
        on=on_what(kind, "whether the loss reads them: as written it does not", [(accuracy, "below")]),
        sentence=f"In the document's graph the loss does not depend on {lost} of {int(graph.number('parameters'))} "
        f"parameters ({names}), though {updates} update operations run; used as meant, it changes the test accuracy "
        f"from {mean['plain']:.1f} to {mean['normalized']:.1f} %, {accuracy.told('points', 100)}, and the test loss by "
        f"{loss.told('nats', digits=3)}.",
        figures={
            "parameters_without_gradient": lost,
            "test_accuracy_change_points": 100 * accuracy.mean,
            "test_loss_change_nats": loss.mean,
        },
    )


def picture(results: Results) -> Picture:
    """Test accuracy over steps."""
    bands = []
    for place, logits in enumerate(LOGITS):
        chosen = {"experiment": "training", "options": {"logits": logits}}
        values = 100 * results.stack("test_accuracy_moving", **chosen)
        bands.append(Band(f"{logits} logits", results.stack("evaluated_steps", **chosen)[0], values, place, place))
    return Picture(
        title="Document 001's network with plain and with normalized logits",
        caption="Test accuracy in %; median and range over seeds.",
        alternative=f"At the end, normalized less plain: {gain(results, ACCURACY, MARGIN).told('points', 100)}.",
        height_in=2.6,
        paint=lambda canvas: panels_of_bands(canvas, {"test accuracy, %": bands}, "step"),
    )


def meaning(verdict: Verdict) -> str:
    """Advice."""
    return (
        "Feed the normalized tensor on, or delete the layer: a batch normalization whose output nobody reads trains "
        "nothing and costs time, and no framework warns. Normalizing logits fixes their scale by gamma, which usually "
        "is of no use before a softmax."
    )


CLAIM = Claim(
    id="C11",
    documents=("001",),
    statement="Batch normalization is applied to the logits as well.",
    experiment="The document's graph is built with the old tf.layers and asked for the gradient of its loss for every "
    "trainable parameter; then document 001's network is trained for 1,600 steps with plain and with normalized "
    "logits, paired by seed.",
    rule=f"Confirmed if the loss depends on all parameters and the test accuracy is not lower (by {100 * MARGIN:g} "
    "point, interval included); refuted if neither; depends if one holds.",
    cases=cases,
    judge=judge,
    picture=picture,
    meaning=meaning,
)
