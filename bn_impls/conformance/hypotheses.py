"""Plausible mistakes: each one choice of :class:`Semantics` changed, and a sentence for who made it.

In a sentence, ``{epsilon}``, ``{decay}``, ``{ddof}`` and ``{warm_up}`` stand for what the configuration declares.
"""

from __future__ import annotations

from dataclasses import dataclass

from bn_impls.interface import Configuration, Layout
from bn_impls.semantics.description import PLAIN, Semantics


@dataclass(frozen=True)
class Hypothesis:
    """A mistake that somebody may have made.

    Attributes:
        cause: its short name.
        semantics: what a layer with it computes.
        sentence: to its author, with what right would be.
        layout: the one that it assumes; None for the configured one.
    """

    cause: str
    semantics: Semantics
    sentence: str
    layout: Layout | None = None


def hypotheses(settings: Configuration) -> list[Hypothesis]:
    """The mistakes that are possible beside a configuration, the likelier first.

    Args:
        settings: of the layer under test; its own choice is no mistake.

    Returns:
        One for each single change.
    """
    return [*_ddof(settings), *_statistics(settings), *FIXED, *_constants(settings)]


def _ddof(settings: Configuration) -> list[Hypothesis]:
    declared = settings.conventions.ddof
    wrong, right = ("n", "n - 1") if declared else ("n - 1", "n")
    other = 1 - declared
    moving = (
        f"your moving variance divides by {wrong}; you declared ddof {declared}, so average the batch variance over "
        f"{right}, or declare ddof {other}"
    )
    both = (
        "the variance that normalizes the batch divides by n - 1; it divides by n in every API (ddof is a matter of "
        "the moving variance alone)"
    )
    return [
        Hypothesis("moving_ddof", Semantics(moving_ddof=0 if declared else 1), moving),
        Hypothesis("normalizing_ddof", Semantics(normalizing_ddof=1), both),
        Hypothesis("normalizing_ddof", Semantics(normalizing_ddof=1, moving_ddof=0 if declared else 1), both),
    ]


def _statistics(settings: Configuration) -> list[Hypothesis]:
    warm = settings.conventions.warm_up
    formula = "min(decay, (1 + t) / (10 + t))"
    return [
        Hypothesis(
            "decay_swapped",
            Semantics(decay_weighs="new"),
            "decay weighs the new value in your update, but should weigh the old one: "
            f"moving = {settings.decay:g} moving + {1 - settings.decay:g} batch "
            "(1 - decay is what PyTorch calls momentum)",
        ),
        Hypothesis(
            "warm_up",
            Semantics(warm_up="never" if warm else "count"),
            f"you declared a warm-up, but your decay is constant; it should be {formula} in update t"
            if warm
            else f"your decay warms up as {formula}; you declared warm_up False, so keep it constant or declare it",
        ),
        Hypothesis(
            "warm_up_late",
            Semantics(first_update=1),
            f"your warm-up is one update ahead: the first update has t = 0 in {formula}; use the count before the "
            "update, not after it",
        ),
        Hypothesis(
            "warm_up_late",
            Semantics(first_update=-1),
            f"your warm-up is one update behind: the update after t others has t in {formula}",
        ),
        Hypothesis(
            "replaces_first",
            Semantics(warm_up="replace"),
            "your first update puts the batch's statistics in the place of the moving ones; "
            "it should weigh them by 1 - decay, as every other update",
        ),
    ]


FIXED = (
    Hypothesis(
        "epsilon_outside",
        Semantics(epsilon_place="outside"),
        "you divide by sqrt(variance) + epsilon; epsilon belongs under the root: sqrt(variance + epsilon)",
    ),
    Hypothesis(
        "epsilon_missing",
        Semantics(epsilon_place="none"),
        "epsilon is missing: you divide by sqrt(variance), but should divide by sqrt(variance + epsilon)",
    ),
    Hypothesis(
        "epsilon_maximum",
        Semantics(epsilon_place="maximum"),
        "you divide by sqrt(max(variance, epsilon)), but should add: sqrt(variance + epsilon)",
    ),
    Hypothesis(
        "epsilon_summed",
        Semantics(epsilon_place="summed"),
        "you add epsilon to the sum of squares before it is divided by n, so its part is epsilon / n; add it to the "
        "variance: sqrt(variance + epsilon)",
    ),
    Hypothesis(
        "no_update",
        Semantics(updates=0),
        "this call leaves the moving statistics as they were; each training call should move them once",
    ),
    Hypothesis(
        "double_update",
        Semantics(updates=2),
        "this call moves the moving statistics twice; each training call should move them once",
    ),
    Hypothesis(
        "inference_updates",
        Semantics(inference_updates=True),
        "inference moves the moving statistics; it should change nothing",
    ),
    Hypothesis(
        "moving_in_training",
        Semantics(training_uses="before"),
        "training normalizes by the moving statistics from before the update; it should use the batch's own",
    ),
    Hypothesis(
        "update_before_use",
        Semantics(training_uses="after"),
        "training normalizes by the moving statistics, moved by this batch before their use; it should use the "
        "batch's own",
    ),
    Hypothesis(
        "inference_by_batch",
        Semantics(inference_uses="batch"),
        "inference normalizes by the batch's own statistics; it should use the moving ones",
    ),
    Hypothesis(
        "moving_deviation",
        Semantics(moving_of="deviation"),
        "your moving variance averages standard deviations; it should average variances (without the root)",
    ),
    Hypothesis(
        "moving_around_moving_mean",
        Semantics(moving_around="moving"),
        "your moving variance averages squared deviations from the moving mean; they should be taken from the batch's "
        "own mean",
    ),
    Hypothesis(
        "gamma_beta_swapped",
        Semantics(swapped=True),
        "gamma and beta are swapped: gamma should multiply and beta should be added",
    ),
    Hypothesis(
        "gamma_plus_one", Semantics(gamma="plus_one"), "you multiply by 1 + gamma; you should multiply by gamma"
    ),
    Hypothesis(
        "gamma_absolute",
        Semantics(gamma="absolute"),
        "you multiply by the absolute value of gamma; training may make a gamma negative, and it should multiply "
        "as it is",
    ),
    Hypothesis("gamma_ignored", Semantics(gamma="ignored"), "gamma is not used; it should multiply the output"),
    Hypothesis("beta_ignored", Semantics(beta="ignored"), "beta is not used; it should be added to the output"),
    Hypothesis(
        "constant_both",
        Semantics(constant="both"),
        "your input gradient treats mean and variance as constants: dx = gamma / s dy; both depend on x, so it lacks "
        "- gamma / s (dbeta / n + xhat dgamma / n)",
    ),
    Hypothesis(
        "constant_mean",
        Semantics(constant="mean"),
        "your input gradient treats the mean as a constant: it lacks the term - gamma / s dbeta / n",
    ),
    Hypothesis(
        "constant_variance",
        Semantics(constant="variance"),
        "your input gradient treats the variance as a constant: it lacks the term - gamma / s xhat dgamma / n",
    ),
    Hypothesis(
        "gradient_count",
        Semantics(gradient_ddof=1),
        "your input gradient divides dbeta and dgamma by n - 1; it should divide them by n",
    ),
    Hypothesis(
        "gamma_missing_in_gradient",
        Semantics(gamma_in_gradient=False),
        "gamma is missing in your input gradient; it should be gamma / s (dy - dbeta / n - xhat dgamma / n)",
    ),
    Hypothesis(
        "gamma_gradient_of_input",
        Semantics(gamma_gradient_of="input"),
        "your gradient of gamma is sum dy x; it should be sum dy xhat, with the normalized input",
    ),
    Hypothesis(
        "gamma_gradient_of_centered",
        Semantics(gamma_gradient_of="centered"),
        "your gradient of gamma is sum dy (x - mean); it should be sum dy xhat, divided by the deviation",
    ),
    Hypothesis(
        "gamma_gradient_of_output",
        Semantics(gamma_gradient_of="output"),
        "your gradient of gamma is sum dy y, with the layer's output; it should be sum dy xhat, with the input "
        "normalized but neither scaled nor offset",
    ),
    Hypothesis(
        "parameter_gradient_mean",
        Semantics(parameter_gradients="mean"),
        "your parameter gradient is the mean over the batch; it should be the sum",
    ),
    Hypothesis(
        "axis_last",
        Semantics(axes="last"),
        "you take the last axis for the channels; in this layout they are another one (Configuration.channel_axis)",
    ),
    Hypothesis(
        "axis_last",
        PLAIN,
        "you take the last axis for the channels of everything; ask Configuration.layout, or its channel_axis",
        layout="channels_last",
    ),
    Hypothesis(
        "axis_second",
        PLAIN,
        "you take axis 1 for the channels of everything; ask Configuration.layout, or its channel_axis",
        layout="channels_first",
    ),
    Hypothesis(
        "axis_second",
        Semantics(axes="second"),
        "you take axis 1 for the channels; in this layout they are another one (Configuration.channel_axis)",
    ),
    Hypothesis(
        "axis_elementwise",
        Semantics(axes="elementwise"),
        "you take the statistics over the batch axis alone; they go over all axes but the channels' "
        "(Configuration.reduction_axes)",
    ),
)


def _constants(settings: Configuration) -> list[Hypothesis]:
    """Constants written into the code where the configuration should be asked."""
    epsilons = (1e-3, 1e-5, 1e-8, 1e-12)
    decays = (0.9, 0.99, 0.999, 0.1, 0.5)
    return [
        *(
            Hypothesis(
                "epsilon_fixed",
                Semantics(epsilon=value),
                f"you use epsilon {value:g}, but the configuration says {settings.epsilon:g}; ask it",
            )
            for value in epsilons
            if value != settings.epsilon
        ),
        *(
            Hypothesis(
                "decay_fixed",
                Semantics(decay=value),
                f"you use a decay of {value:g}, but the configuration says {settings.decay:g}; ask it",
            )
            for value in decays
            if value != settings.decay
        ),
    ]
