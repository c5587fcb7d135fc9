"""Every choice that tells one batch normalization from another, in one record.

The default of each field is what the reference does with a configuration; a value other than the default is another
API's choice, or a mistake. Fields whose default is None take their value from the configuration.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from bn_impls.interface import Configuration, Conventions


@dataclass(frozen=True, kw_only=True)
class Semantics:
    """How a layer computes.

    Attributes:
        epsilon: added to the variance.
        epsilon_place: ``inside`` sqrt(v + e), ``outside`` sqrt(v) + e, ``maximum`` sqrt(max(v, e)), ``none`` sqrt(v),
            ``summed`` sqrt((sum (x - m)^2 + e) / n) of a batch and sqrt(v + e) of moving statistics.
        decay: weight of the old moving value.
        decay_weighs: which value the decay multiplies, the ``old`` one or the ``new`` one.
        decay_rounding: what is rounded to float32: ``none``; ``both``, decay and 1 - decay; ``complement``, 1 - decay
            alone.
        normalizing_ddof: 1 if the variance that normalizes divides by n - 1.
        moving_ddof: the same for the variance that enters the moving average.
        moving_of: what is averaged beside the mean: the ``variance``, or its root, the ``deviation``.
        moving_around: from what the deviations of the averaged variance are taken: the ``batch``'s mean, or the
            ``moving`` one before its update.
        initial_mean: moving mean before the first update.
        initial_variance: moving variance before the first update.
        warm_up: ``never``; ``count``, min(decay, (1 + t) / (10 + t)); ``debias``, the average divided by 1 - decay^t
            where it is read; ``debiased``, the same with the divided average as the moving value, whose old weight is
            then decay (1 - decay^t) / (1 - decay^(t + 1)); ``replace``, the first batch takes the average's place.
        first_update: what a warm-up that counts takes for t in the first update.
        updates: of the moving statistics in a training call.
        inference_updates: whether an inference call moves the statistics too.
        training_uses: what normalizes in training: the ``batch``'s statistics, or the moving ones ``before`` or
            ``after`` their update, through which no gradient flows.
        inference_uses: ``moving`` statistics, or the ``batch``'s.
        variance: ``two_pass``; ``one_pass``, E[x^2] - E[x]^2; ``one_pass_clamped``, the same but never below 0.
        output: ``centered``, gamma (x - mean) / s + beta; ``multiplied_out``, x (gamma / s) + (beta - mean gamma / s).
        compute_dtype: in which moments and normalization are evaluated, sums included; None for the configured one,
            whose sums are as wide as NumPy takes them (float32 for float16).
        sums: of mean and variance: ``usual``, as NumPy takes them (row by row over the batch of a matrix, in blocks
            where values lie side by side), or ``in_order``, one term after the other.
        accumulation_dtype: in which the terms of mean and variance are summed; None as said under ``compute_dtype``.
        inference_dtype: in which inference is evaluated; None for ``compute_dtype``.
        gradient_dtype: in which the gradients are evaluated, the terms of their sums included; None for
            ``compute_dtype``.
        moving_dtype: in which the moving statistics are kept and moved.
        axes: what a channel is: the configured axis, the ``last``, the ``second``, or everything but the batch axis
            (``elementwise``, with gamma and beta on the configured axis).
        gamma: ``scale``; ``plus_one``, multiplies by 1 + gamma; ``absolute``, by its absolute value; ``ignored``,
            with a gradient of 0.
        beta: ``offset``; ``ignored``, with a gradient of 0.
        swapped: whether gamma offsets and beta scales.
        constant: statistics through which the input gradient does not flow: ``none``, ``mean``, ``variance``, ``both``.
        gradient: of the input: ``derived`` from the layer's own output, or the ``usual`` formula whatever the output,
            gamma / s (dy - mean dy - xhat mean(dy xhat)). They differ where epsilon or n stands elsewhere.
        gradient_ddof: 1 if the sums in the input gradient are divided by n - 1.
        gamma_in_gradient: whether the input gradient is multiplied by gamma.
        gamma_gradient_of: ``normalized``, sum dy xhat; ``centered``, sum dy (x - mean); ``input``, sum dy x;
            ``output``, sum dy y.
        parameter_gradients: ``sum`` over the batch, or ``mean``.
    """

    epsilon: float | None = None
    epsilon_place: Literal["inside", "outside", "maximum", "none", "summed"] = "inside"
    decay: float | None = None
    decay_weighs: Literal["old", "new"] = "old"
    decay_rounding: Literal["none", "both", "complement"] | None = None
    normalizing_ddof: Literal[0, 1] = 0
    moving_ddof: Literal[0, 1] | None = None
    moving_of: Literal["variance", "deviation"] = "variance"
    moving_around: Literal["batch", "moving"] = "batch"
    initial_mean: float | None = None
    initial_variance: float | None = None
    warm_up: Literal["never", "count", "debias", "debiased", "replace"] | None = None
    first_update: Literal[-1, 0, 1] = 0
    updates: Literal[0, 1, 2] = 1
    inference_updates: bool = False
    training_uses: Literal["batch", "before", "after"] = "batch"
    inference_uses: Literal["moving", "batch"] = "moving"
    variance: Literal["two_pass", "one_pass", "one_pass_clamped"] = "two_pass"
    output: Literal["centered", "multiplied_out"] = "centered"
    sums: Literal["usual", "in_order"] = "usual"
    compute_dtype: str | None = None
    accumulation_dtype: str | None = None
    inference_dtype: str | None = None
    gradient_dtype: str | None = None
    moving_dtype: str | None = None
    axes: Literal["configured", "last", "second", "elementwise"] = "configured"
    gamma: Literal["scale", "plus_one", "absolute", "ignored"] = "scale"
    beta: Literal["offset", "ignored"] = "offset"
    swapped: bool = False
    constant: Literal["none", "mean", "variance", "both"] = "none"
    gradient: Literal["derived", "usual"] = "derived"
    gradient_ddof: Literal[0, 1] = 0
    gamma_in_gradient: bool = True
    gamma_gradient_of: Literal["normalized", "centered", "input", "output"] = "normalized"
    parameter_gradients: Literal["sum", "mean"] = "sum"

    def changes(self) -> dict[str, Any]:
        """The fields that are not at their defaults."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }

    def changed(self, **values: Any) -> Semantics:
        """The same with other values of some fields."""
        return replace(self, **values)

    def resolved(self, configuration: Configuration) -> Semantics:
        """The same with what it leaves to a configuration written out, so that two can be compared.

        The other dtypes than that of the moving statistics stay open: None has a meaning of its own.
        """
        given = configuration.conventions
        rounding = "both" if given.decay_in_float32 else "complement" if given.complement_in_float32 else "none"
        settled: dict[str, Any] = {
            "epsilon": configuration.epsilon,
            "decay": configuration.decay,
            "decay_rounding": rounding,
            "moving_ddof": given.ddof,
            "initial_mean": given.initial_mean,
            "initial_variance": given.initial_variance,
            "warm_up": "debiased" if given.debias else "count" if given.warm_up else "never",
            "moving_dtype": configuration.dtype,
        }
        return replace(self, **{name: value for name, value in settled.items() if getattr(self, name) is None})

    def conventions(self) -> Conventions:
        """The part that :class:`bn_impls.interface.Conventions` knows, of resolved semantics."""
        assert self.moving_ddof is not None and self.initial_mean is not None and self.initial_variance is not None
        return Conventions(
            ddof=self.moving_ddof,
            initial_mean=self.initial_mean,
            initial_variance=self.initial_variance,
            warm_up=self.warm_up == "count",
            decay_in_float32=self.decay_rounding == "both",
            complement_in_float32=self.decay_rounding == "complement",
            debias=self.warm_up == "debiased",
        )


PLAIN = Semantics()
