"""What the exact experiments measure, against closed forms; TensorFlow's own in one worker process, as in a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.axes.outcome import Outcome, Surroundings
from benchmarks.claims.experiments import run_stage
from benchmarks.claims.experiments.average_decay import error_bounds
from benchmarks.claims.experiments.written_formula import formula
from benchmarks.harness.workers import WorkerSettings
from bn_impls.isolation.process import WorkerProcess
from bn_impls.numpy_reference import IMPLEMENTATION

START_S, ANSWER_S = 180.0, 120.0


@pytest.fixture
def ran(tmp_path: Path) -> Callable[..., Outcome]:
    """Experiment and parameters -> its outcome with the NumPy reference, in this process."""

    def run(experiment: str, **parameters: Any) -> Outcome:
        chosen = {"experiment": experiment, "style": "eager", "seed": 0, **parameters}
        return run_stage("run", IMPLEMENTATION, chosen, Surroundings(data_dir=None, download=False, scratch=tmp_path))

    return run


def test_gamma_and_beta_undo_the_batch_they_are_from(ran: Callable[..., Outcome]) -> None:
    """Exactly there; on another batch of n rows the error is sqrt(3 / n) deviations, within its own sampling error."""
    found = ran("undoing", batch_size=1000).metrics
    for dtype in ("float32", "float64"):
        assert found[f"{dtype}_same_batch_error_over_bound"] < 1
        assert found[f"{dtype}_inference_matched_error_over_bound"] < 1
        assert found[f"{dtype}_other_batch_error_rms_over_deviation"] == pytest.approx(math.sqrt(3 / 1000), rel=0.5)
    assert found["float64_same_batch_error_rms_over_deviation"] < 1e-13
    # fresh statistics (mean 0, variance 1): y - x = (g - 1) x + mean with g = gamma / sqrt(1 + eps)
    mean, deviation = np.array([0.0, 1.0, -3.0, 10.0]), np.array([1.0, 0.5, 2.0, 0.1])
    factor = np.sqrt((deviation**2 + 1e-3) / 1.001)
    squares = np.square((factor - 1) * deviation) + np.square(factor * mean)
    expected = math.sqrt((squares / deviation**2).mean())
    assert found["float32_inference_start_error_rms_over_deviation"] == pytest.approx(expected, rel=0.05)


def test_weights_may_be_scaled_where_epsilon_is_zero(ran: Callable[..., Outcome]) -> None:
    """Powers of two change no bit; with epsilon e and variance near 1, a scale a leaves a sqrt((1 + e) / (a^2 + e))."""
    found = ran("scale_invariance", epsilon=1e-3)
    assert found.metrics["float32_powers_of_two_bitwise"] and found.metrics["float64_powers_of_two_bitwise"]
    assert found.metrics["float64_output_difference_over_bound"] < 1
    assert found.metrics["float64_gradient_difference_over_bound"] < 1
    assert found.metrics["largest_deviation_from_closed_form_rel"] < 1e-5
    scale, size = found.arrays["scale"], found.arrays["output_size"]
    assert size == pytest.approx(scale * np.sqrt(1.001 / (scale**2 + 1e-3)), rel=0.2)  # variances are 1 but for chance


def test_epsilon_shrinks_what_has_little_variance(ran: Callable[..., Outcome]) -> None:
    """sqrt(v / (v + epsilon)), of the output and of the gradient: 0.0316 for v = 1e-6 and epsilon = 1e-3."""
    found = ran("epsilon_size")
    output, gradient = found.arrays["output_std"], found.arrays["gradient_size"]
    assert output[4, 0] == pytest.approx(0.03160696, rel=1e-5)
    assert gradient[4, 0] == pytest.approx(0.03160696, rel=1e-5)
    assert output[0, -1] == pytest.approx(1, abs=1e-6)
    assert found.metrics["output_deviation_from_closed_form_rel"] < 1e-5


def test_the_written_formula_is_layer_normalization(ran: Callable[..., Outcome]) -> None:
    """Two rows by hand; and the experiment's verdict of distance."""
    z = np.array([[1.0, 3.0], [10.0, 30.0]])
    assert formula(z, 0.0) == pytest.approx(np.array([[-1.0, 1.0], [-1.0, 1.0]]))
    found = ran("written_formula", keras_layer_normalization=False).metrics
    assert found["layer_norm_error_over_bound"] < 1
    assert found["batch_norm_difference_rms"] > 0.5


def test_a_bias_is_subtracted_again(ran: Callable[..., Outcome]) -> None:
    """No output and no gradient; with stale statistics the shift is the bias over the deviation, which is near 1."""
    found = ran("bias").metrics
    for name in ("training_difference", "bias_gradient", "inference_followed_difference"):
        assert found[f"float32_{name}_over_bound"] < 1
        assert found[f"float64_{name}_over_bound"] < 1
    assert found["float64_inference_stale_shift"] == pytest.approx(0.5, rel=0.1)
    gradient = found["float32_bias_gradient_abs"]
    assert found["float32_adam_first_step_over_rate"] == pytest.approx(gradient / (gradient + 1e-7))


def test_one_row_says_nothing_in_training_mode(ran: Callable[..., Outcome]) -> None:
    """It comes out as beta; one map does not."""
    found = ran("batch_of_one").metrics
    assert found["training_refused"] is None
    assert found["training_output_from_beta_over_bound"] == 0
    assert found["inference_bitwise"]
    assert found["map_training_output_std"] == pytest.approx(1, abs=1e-3)


def test_an_average_is_as_good_as_so_many_batches(ran: Callable[..., Outcome]) -> None:
    """(1 + d) / (1 - d) = 3 for d = 0.5, within the sampling error of 128 channels."""
    found = ran("population", decay=0.5, batch_size=50, updates=40).metrics
    assert found["batches_as_good"] == pytest.approx(3, rel=0.4)
    assert found["batches_of_the_set"] == 1100


def test_the_bound_of_an_average_is_about_its_rounding() -> None:
    """The formula itself, evaluated in float32, stays below it and comes near it; a wrong decay does not."""
    values = np.random.default_rng(1).normal(3, 1, (300, 1)).astype(np.float32).astype(np.float64)
    exact, bound, _ = error_bounds(values, np.zeros(1), 0.9, given=True, dtype="float32")
    average, wrong = np.float32(0), 0.0
    worst, off = 0.0, 0.0
    for number, value in enumerate(values[:, 0]):
        decay = np.float32(min(0.9, (1 + number) / (10 + number)))
        average = np.float32(average - (average - np.float32(value)) * (np.float32(1) - decay))
        wrong = 0.9 * wrong + 0.1 * value
        worst = max(worst, abs(average - exact[number, 0]) / bound[number, 0])
        off = max(off, abs(wrong - exact[number, 0]) / bound[number, 0])
    assert 0.01 < worst < 1
    assert off > 1e3


def test_the_timed_pass_computes_the_exact_statistics_of_all_rows(ran: Callable[..., Outcome]) -> None:
    """Its logits are the float64 network's by exact statistics; the largest layer is 64 pixels of 1,445 rows."""
    found = ran(
        "statistics_cost", network="000", dataset="digits", batch_size=32, optimizer="adam", learning_rate=0.01,
        dtype="float32", device="cpu",
    ).metrics  # fmt: skip
    assert found["logits_difference_rel"] < 1e-4
    assert found["statistics_over_epoch_time_ratio"] == pytest.approx(found["statistics_ms"] / found["epoch_ms"])
    assert found["largest_layer_mib"] == 1445 * 64 * 4 / 2**20


@pytest.fixture(scope="module")
def tensorflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., dict[str, Any]]]:
    """Experiment and parameters -> reply of one worker of ``tf1-manual``, with its arrays."""
    scratch = tmp_path_factory.mktemp("worker")
    settings = WorkerSettings(threads=1, device="cpu", data_dir=None, download=False)
    process: WorkerProcess = settings.start("tf1-manual", scratch / "log")
    process.started(START_S)

    def ask(experiment: str, stage: str = "run", **parameters: Any) -> dict[str, Any]:
        chosen = {"experiment": experiment, "style": "session", "seed": 0, **parameters}
        request = {"do": "run", "axis": "claims", "stage": stage, "parameters": chosen, "scratch": str(scratch)}
        reply = process.ask(request, ANSWER_S)
        assert reply["status"] == "ok", reply["reason"]
        if "curves" in reply:
            with np.load(scratch / reply["curves"]) as archive:
                reply["arrays"] = {name: archive[name] for name in archive.files}
        return reply

    yield ask
    process.close()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tensorflow_forgets_the_start_by_the_closed_form(tensorflow: Callable[..., dict[str, Any]], dtype: str) -> None:
    """d^t without num_updates, 1 / binomial(t + 9, 9) with it; the document's formula within its rounding bound."""
    for given in (True, False):
        found = tensorflow("average_decay", decay=0.99, num_updates=given, dtype=dtype)
        assert found["metrics"]["error_over_bound"] < 1
        for updates in (1, 2, 10, 100):
            expected = 1 / math.comb(updates + 9, 9) if given else 0.99**updates
            assert found["arrays"]["share_of_start"][updates - 1] == pytest.approx(expected, rel=1e-4)


def test_the_low_level_function_takes_the_variance_and_keeps_nothing(tensorflow: Callable[..., dict[str, Any]]) -> None:
    """Given the deviation s, an output has the deviation s / sqrt(s + epsilon)."""
    found = tensorflow("low_level")["metrics"]
    assert found["given_variance_error_over_bound"] < 1
    small, large = (found[f"input_{end}_std"] for end in ("smallest", "largest"))
    assert found["given_deviation_smallest_output_std"] == pytest.approx(small / math.sqrt(small + 1e-3), rel=1e-4)
    assert found["given_deviation_largest_output_std"] == pytest.approx(large / math.sqrt(large + 1e-3), rel=1e-4)
    assert found["variables_made_by_the_function"] == found["random_operations"] == 0
    assert found["average_of_variance_start"] == 0
    assert found["average_of_variable_start_is_its_value"]


def test_a_saver_keeps_the_averages_and_loses_the_step(tensorflow: Callable[..., dict[str, Any]]) -> None:
    """Document 004's program, restored from another start; a first update with step 0 keeps a tenth of an average."""
    tensorflow("plain_saver", "save", steps=15, batch_size=20)
    found = tensorflow("plain_saver", "restore", steps=15, batch_size=20)
    metrics, curves = found["metrics"], found["arrays"]
    assert metrics["averages"] == metrics["averages_bitwise"] == metrics["averages_nonzero"] == 4
    assert metrics["variables"] == metrics["variables_bitwise"]
    assert metrics["steps_in_checkpoint"] == 0
    assert metrics["variables_to_restore_error"] == "NotFoundError"
    assert metrics["names_not_in_checkpoint"] == metrics["names_that_are_averages_of_weights"] == 9
    assert metrics["variables_to_restore_of_nothing_error"] is None
    assert curves["kept"] == pytest.approx(curves["uninterrupted"], rel=1e-3)
    assert curves["reset"][0] == curves["uninterrupted"][0]
    assert abs(curves["reset"][1] / curves["uninterrupted"][1] - 1) > 1e-3
    assert curves["trained_steps"].tolist() == [10]
    assert curves["trained_course"][0] > curves["uninterrupted_course"][0]
    for arm in ("uninterrupted", "kept", "reset"):
        assert curves[f"{arm}_course"].shape == (51,)
        np.testing.assert_array_equal(curves[f"{arm}_course"][[0, 1, 10, 50]], curves[arm])


def test_the_document_logs_after_the_step_and_moves_the_statistics(tensorflow: Callable[..., dict[str, Any]]) -> None:
    """Large batches, so that a step lowers the loss of its own; inference differs by the second update alone."""
    found = tensorflow("logged_training", dataset="digits", steps=4, batch_size=1500, every=3)
    curves, metrics = found["arrays"], found["metrics"]
    assert curves["looks"].tolist() == [3, 4]
    assert (curves["printed_loss"] < curves["step_loss"]).all()
    assert (curves["validation_loss_logging"] != curves["validation_loss_silent"]).all()
    assert curves["inference_loss"][0] == pytest.approx(math.log(10), rel=0.5)
    apart = (curves["printed_loss"] - curves["step_loss"]).mean()
    assert metrics["printed_less_step_loss_nats"] == pytest.approx(apart)
    ratios = curves["validation_loss_logging"] / curves["validation_loss_silent"]
    assert metrics["largest_validation_loss_change_rel"] == pytest.approx(np.abs(ratios - 1).max())
