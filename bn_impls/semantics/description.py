"""Every choice that tells one batch normalization from another, in one record.

The default of each field is what the reference does with a configuration; a value other than the default is another
API's choice, or a mistake. Fields whose default is None take their value from the configuration.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Semantics:
    """How a layer computes.

    Attributes:
        epsilon: added to the variance.
        epsilon_place: ``inside`` sqrt(v + e), ``outside`` sqrt(v) + e, ``maximum`` sqrt(max(v, e)), ``none`` sqrt(v).
        decay: weight of the old moving value.
        decay_weighs: which value the decay multiplies, the ``old`` one or the ``new`` one.
        normalizing_ddof: 1 if the variance that normalizes divides by n - 1.
        moving_ddof: the same for the variance that enters the moving average.
        moving_of: what is averaged beside the mean: the ``variance``, or its root, the ``deviation``.
        initial_mean: moving mean before the first update.
        initial_variance: moving variance before the first update.
        warm_up: ``never``; ``count``, min(decay, (1 + t) / (10 + t)); ``debias``, the average divided by 1 - decay^t
            where it is read; ``replace``, the first batch takes the average's place.
        first_update: what a warm-up that counts takes for t in the first update.
        updates: of the moving statistics in a training call.
        inference_updates: whether an inference call moves the statistics too.
        training_uses: what normalizes in training: the ``batch``'s statistics, or the moving ones ``before`` or
            ``after`` their update.
        inference_uses: ``moving`` statistics, or the ``batch``'s.
        variance: ``two_pass``; ``one_pass``, E[x^2] - E[x]^2; ``one_pass_clamped``, the same but never below 0.
        compute_dtype: in which moments and normalization are evaluated.
        moving_dtype: in which the moving statistics are kept and moved.
        axes: what a channel is: the configured axis, the ``last``, the ``second``, or everything but the batch axis
            (``elementwise``).
        gamma: ``scale``; ``plus_one``, multiplies by 1 + gamma; ``ignored``.
        beta: ``offset``; ``ignored``.
        swapped: whether gamma offsets and beta scales.
        constant: statistics through which the input gradient does not flow: ``none``, ``mean``, ``variance``, ``both``.
        gradient_ddof: 1 if the sums in the input gradient are divided by n - 1.
        gamma_in_gradient: whether the input gradient is multiplied by gamma.
        gamma_gradient_of: ``normalized``, sum dy xhat; ``centered``, sum dy (x - mean); ``input``, sum dy x.
        parameter_gradients: ``sum`` over the batch, or ``mean``.
    """

    epsilon: float | None = None
    epsilon_place: Literal["inside", "outside", "maximum", "none"] = "inside"
    decay: float | None = None
    decay_weighs: Literal["old", "new"] = "old"
    normalizing_ddof: Literal[0, 1] = 0
    moving_ddof: Literal[0, 1] | None = None
    moving_of: Literal["variance", "deviation"] = "variance"
    initial_mean: float | None = None
    initial_variance: float | None = None
    warm_up: Literal["never", "count", "debias", "replace"] | None = None
    first_update: Literal[-1, 0, 1] = 0
    updates: Literal[0, 1, 2] = 1
    inference_updates: bool = False
    training_uses: Literal["batch", "before", "after"] = "batch"
    inference_uses: Literal["moving", "batch"] = "moving"
    variance: Literal["two_pass", "one_pass", "one_pass_clamped"] = "two_pass"
    compute_dtype: str | None = None
    moving_dtype: str | None = None
    axes: Literal["configured", "last", "second", "elementwise"] = "configured"
    gamma: Literal["scale", "plus_one", "ignored"] = "scale"
    beta: Literal["offset", "ignored"] = "offset"
    swapped: bool = False
    constant: Literal["none", "mean", "variance", "both"] = "none"
    gradient_ddof: Literal[0, 1] = 0
    gamma_in_gradient: bool = True
    gamma_gradient_of: Literal["normalized", "centered", "input"] = "normalized"
    parameter_gradients: Literal["sum", "mean"] = "sum"

    def changes(self) -> dict[str, Any]:
        """The fields that are not at their defaults."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }


PLAIN = Semantics()
