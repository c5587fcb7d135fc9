"""What a layer gives: normalized by the batch in training, by the moving statistics in inference."""

from __future__ import annotations

from bn_impls.conformance.calls import Call
from bn_impls.conformance.diagnosis import Cause
from bn_impls.conformance.judging import each_offered, judged, unless_usual_is_wrong
from bn_impls.conformance.model import Check, Failure
from bn_impls.conformance.subject import TABLE, Subject, calls
from bn_impls.interface import Configuration


def _training(subject: Subject) -> Failure | None:
    layer = subject.build()
    return judged(layer, calls(layer.configuration, "training", "training"), only=("output",))


def _training_of_a_table(subject: Subject) -> Failure | None:
    layer = subject.build(input_shape=TABLE)
    return judged(layer, calls(layer.configuration, "training", seed=1), only=("output",))


def _inference(subject: Subject) -> Failure | None:
    layer = subject.build()
    return judged(layer, calls(layer.configuration, "inference", "inference", seed=2), only=("output",))


def _inference_of_a_table(subject: Subject) -> Failure | None:
    layer = subject.build(input_shape=TABLE)
    return judged(layer, calls(layer.configuration, "inference", seed=3), only=("output",))


def _small_variance(subject: Subject) -> Failure | None:
    layer = subject.build()
    return judged(layer, calls(layer.configuration, "training", "inference", seed=4, spread=0.1), only=("output",))


SMALL_EPSILON = Cause(
    "small_epsilon", "a large epsilon is right and a small one is not: it is raised to a least value; use it as given"
)


def _small_epsilon(subject: Subject) -> Failure | None:
    """Beside variances of its own size, where a little more shows; 0, where it is offered, beside usual ones."""

    def drawn(settings: Configuration) -> list[Call]:
        return calls(settings, "training", "gradients", seed=5, mean=0.0, spread=settings.epsilon**0.5 or 1.0)

    special = unless_usual_is_wrong(subject, SMALL_EPSILON)
    return each_offered(subject, "epsilon", (1e-3, 1e-5, 1e-8, 0.0), special, ("output",), drawn)


CHECKS = (
    Check("training_output", "training normalizes maps by the batch: y = gamma xhat + beta", _training),
    Check("training_output_table", "training normalizes a table (batch, channels) the same way", _training_of_a_table),
    Check("inference_output", "inference normalizes maps by the moving statistics", _inference),
    Check("inference_output_table", "inference normalizes a table the same way", _inference_of_a_table),
    Check(
        "small_variance_output", "a variance near epsilon is normalized with epsilon under the root", _small_variance
    ),
    Check("small_epsilon", "an epsilon of 1e-3, 1e-5, 1e-8 or 0 is used as given", _small_epsilon),
)
