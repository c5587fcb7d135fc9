"""Every mutant: where it is, its mistake in words, and the cause that the kit should name."""

from __future__ import annotations

from typing import NamedTuple

HERE, AXES = "tests.conformance.mutants", "tests.axes.batch_norm_mutants"


class Mutant(NamedTuple):
    """A batch norm with one mistake."""

    specification: str
    mistake: str
    cause: str

    @property
    def name(self) -> str:
        """As on the page."""
        return self.specification.partition(":")[2].lower().replace("_", " ")


def _in(module: str, *rows: tuple[str, str, str]) -> tuple[Mutant, ...]:
    return tuple(Mutant(f"{module}:{name}", mistake, cause) for name, mistake, cause in rows)


MUTANTS = (
    *_in(
        f"{HERE}.forward",
        ("EPSILON_MISSING", "divides by sqrt(variance)", "epsilon_missing"),
        ("EPSILON_AS_FLOOR", "divides by sqrt(max(variance, epsilon))", "epsilon_maximum"),
        ("EPSILON_WRITTEN_IN", "uses epsilon 1e-5 whatever is configured", "epsilon_fixed"),
        ("SWAPPED", "adds gamma, multiplies by beta", "gamma_beta_swapped"),
        ("ONE_PLUS_GAMMA", "multiplies by 1 + gamma", "gamma_plus_one"),
        ("BETA_FORGOTTEN", "never adds beta", "beta_ignored"),
        ("MOVING_IN_TRAINING", "normalizes by the moving statistics in training", "moving_in_training"),
        ("UPDATES_BEFORE_USE", "normalizes by statistics that this batch has moved", "update_before_use"),
        ("PAIRS_ONLY", "leaves the last row of an odd number out", "odd_sizes"),
        ("ONE_EXAMPLE_IS_SPECIAL", "takes a batch of one for inference", "batch_one"),
        ("HIDES_NAN", "replaces NaN by 0", "nan_hidden"),
        ("FIRST_CHANNEL_FOR_ALL", "uses the first channel's variance for all", "some_channels"),
        ("BATCH_AXIS_ONLY", "takes statistics of a map over the batch axis alone", "axis_elementwise"),
        ("ALWAYS_LAST", "takes the last axis for the channels with channels first", "axis_last"),
        ("FLOAT16_SUMS", "adds up in float16", "computed_in_float16"),
        ("FLOAT32_INSIDE", "computes float64 silently in float32", "computed_in_float32"),
        ("GIVES_FLOAT32", "gives float32 for float64", "dtype"),
        ("ONE_PASS", "takes E[x^2] - E[x]^2 for the variance", "one_pass_variance"),
        ("VARIANCE_OF_ONE", "takes 1 for the variance where the mean is large", "unknown"),
        ("WRONG_SHAPE", "gives a table back for a map", "shape"),
        ("NOISY", "adds noise to the output", "not_repeatable"),
        ("POSITIVE_GAMMA", "multiplies by the absolute value of gamma", "gamma_absolute"),
        ("NO_EPSILON_OF_ZERO", "takes an epsilon of 0 for none given, and uses 1e-5", "epsilon_fixed"),
        ("LEAST_EPSILON", "raises an epsilon of 1e-5 by a thousandth", "small_epsilon"),
        ("EIGHT_AT_ONCE", "leaves out what is left of channels in blocks of eight", "many_channels"),
    ),
    *_in(
        f"{HERE}.backward",
        ("SCALE_ONLY", "treats mean and variance as constants", "constant_both"),
        ("NO_GAMMA", "forgets gamma in the input's gradient", "gamma_missing_in_gradient"),
        ("CENTERED", "takes sum dy (x - mean) for gamma's gradient", "gamma_gradient_of_centered"),
        ("MEANS_OF_BOTH", "averages the parameters' gradients", "parameter_gradient_mean"),
        ("KEEPS_THE_FIRST", "takes gradients with what the first call left", "stale_gradient"),
        ("SCALES_THE_GRADIENT", "changes dy in place", "dy_changed"),
        ("FORGETS_TO_UPDATE", "moves nothing in a call with gradients", "no_update"),
        ("DIVIDES_BY_COUNT_LESS_ONE", "divides the gradient's terms by n - 1", "gradient_count"),
    ),
    *_in(
        f"{HERE}.statistics",
        ("AVERAGES_DEVIATIONS", "moves the variance towards the deviation", "moving_deviation"),
        ("NEVER_UPDATES", "counts updates and makes none", "no_update"),
        ("IGNORES_EVERYTHING", "neither counts nor moves", "no_update"),
        ("BIASED", "divides by n, declares ddof 1", "moving_ddof"),
        ("COUNTS_FIRST", "takes the decay of the next update", "warm_up_late"),
        ("NO_WARM_UP", "declares a warm-up and has none", "warm_up"),
        ("STARTS_COUNTING_AT_ONE", "starts num_updates at 1", "counter_start"),
        ("STARTS_ELSEWHERE", "starts the moving mean at 1", "initial_mean"),
        ("DECAY_WRITTEN_IN", "uses a decay of 0.99 whatever is configured", "decay_fixed"),
        ("FIRST_BATCH_REPLACES", "starts the averages with the first batch", "replaces_first"),
        ("COUNTS_ROWS", "counts examples, not calls", "counter"),
        ("DECAY_IN_FLOAT32", "rounds the decay to float32, declares none of it", "decay_rounded"),
        ("NO_DECAY_OF_ZERO", "takes a decay of 0 for none given, and uses 0.9", "decay_fixed"),
        ("COUNTS_IN_FLOAT32", "keeps the counter in float32", "counter"),
        ("STOPS_AFTER_5000", "moves nothing after 5,000 updates", "no_update"),
        ("ROUNDS_STATISTICS", "keeps the moving statistics in float16", "computed_in_float16"),
    ),
    *_in(
        f"{HERE}.memory",
        ("KEEPS_THE_CALLERS_ARRAYS", "keeps the arrays given to load_state", "import_aliases"),
        ("HANDS_ITSELF_OUT", "exports its own arrays", "export_aliases"),
        ("ONE_BUFFER", "writes every output into the same memory", "result_overwritten"),
        ("CACHES_THE_FACTOR", "computes gamma / s of inference once", "depends_on_previous_call"),
        ("CENTRES_IN_PLACE", "changes its input in place", "input_changed"),
        ("SHARED_STATISTICS", "keeps the moving mean in the class", "layers_share_state"),
        ("COUNTS_ON_FROM_ITS_OWN", "does not load the counter", "counter_lost"),
        ("ADDS_TO_THE_LAST", "adds beta's gradient to the last one", "stale_gradient"),
        ("SAVES_NO_COUNTER", "saves no step counter", "checkpoint_counter"),
        ("SAVES_NO_STATISTICS", "saves no moving statistics", "checkpoint_statistics"),
        ("RESTORES_A_FRESH_GAMMA", "restores gamma as 1", "checkpoint_parameters"),
        ("RESTORES_ANOTHER_COUNT", "restores another count than was saved", "checkpoint_counter_changed"),
        ("RESTORES_A_ROUNDED_MEAN", "restores a moving mean that is off in its last digit", "checkpoint_rounded"),
        ("TRUSTS_ANY_FILE", "goes on over a damaged checkpoint", "bad_checkpoint_accepted"),
    ),
    *_in(
        AXES,
        ("EPSILON_OUTSIDE", "divides by sqrt(variance) + epsilon", "epsilon_outside"),
        ("NORMALIZES_UNBIASED", "normalizes by the variance over n - 1", "normalizing_ddof"),
        ("SWAPPED_DECAY", "gives the new value the old one's weight", "decay_swapped"),
        ("OTHER_DDOF", "divides by n - 1, declares ddof 0", "moving_ddof"),
        ("UPDATES_TWICE", "moves the statistics twice a call", "double_update"),
        ("FORGETS_AN_UPDATE", "stops updating after eight", "no_update"),
        ("COUNTER_STUCK", "never counts", "counter"),
        ("STARTS_AT_ZERO", "starts the moving variance at 0, declares 1", "initial_variance"),
        ("SECRET_WARM_UP", "warms the decay up, declares none", "warm_up"),
        ("INFERENCE_UPDATES", "moves the statistics in inference", "inference_updates"),
        ("INFERENCE_BY_BATCH", "normalizes by the batch in inference", "inference_by_batch"),
        ("NO_GAMMA_TERM", "treats the variance as a constant", "constant_variance"),
        ("NO_BETA_TERM", "treats the mean as a constant", "constant_mean"),
        ("MEAN_GRADIENTS", "averages beta's gradient", "parameter_gradient_mean"),
        ("GAMMA_FROM_INPUT", "takes sum dy x for gamma's gradient", "gamma_gradient_of_input"),
        ("ONE_NAN", "gives one value that is not a number", "nan_given"),
        ("OVERWRITES", "centres its input in place, then adds 1", "input_changed"),
        ("LAST_AXIS_ONLY", "is wrong with channels first only", "channels_first"),
        ("NO_GRADIENT_OF_BETA", "gives no gradient of beta", "gradient_missing"),
        ("IGNORES_A_STATE", "does not load a state", "state_not_loaded"),
        ("HONEST_ONE_PASS", "takes E[x^2] - E[x]^2, clamped at 0", "one_pass_variance"),
    ),
)
