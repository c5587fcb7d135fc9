"""Throughput: what stands inside the timed loop, and what is checked before anything is timed."""

from __future__ import annotations

import gc
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.axes import throughput
from benchmarks.axes.outcome import Outcome, labelled
from benchmarks.axes.stages import STAGES
from bn_impls.interface import Configuration, Implementation, Layer, Observation, Unsupported
from bn_impls.numpy_reference import IMPLEMENTATION


class Calls:
    """A good implementation that notes the calls of its layer."""

    def __init__(self, observed_style: str = "eager") -> None:
        """None yet."""
        self.names: list[str] = []
        self.inputs: list[Any] = []
        self.observed_style = observed_style

    def build(self, configuration: Configuration) -> Layer | Unsupported:
        """A layer whose callables note their names."""
        built = IMPLEMENTATION.build(configuration)
        assert isinstance(built, Layer)

        def noted(name: str, function: Any) -> Any:
            def call(*inputs: Any) -> Any:
                self.names.append(name)
                self.inputs.append(inputs)
                return function(*inputs)

            return call

        names = ("inference", "training_step", "training_step_with_gradients", "synchronize")
        seen = {name: Observation(getattr(configuration, name), "seen") for name in ("device", "dtype")}
        style = Observation(self.observed_style, "seen")
        return replace(
            built, **{name: noted(name, getattr(built, name)) for name in names},
            observe=lambda function, *inputs: {**seen, "style": style}, close=lambda: self.names.append("close"),
        )  # fmt: skip

    @property
    def implementation(self) -> Implementation:
        """It."""
        return replace(IMPLEMENTATION, build=self.build)


@pytest.mark.parametrize(
    ("work", "call", "inputs"),
    [
        ("inference", "inference", 1),
        ("training_forward", "training_step", 1),
        ("training_forward_backward", "training_step_with_gradients", 2),
    ],
)
def test_a_sample_is_so_many_calls_and_one_wait(
    work: str, call: str, inputs: int, layer_case: Any, surroundings: Any
) -> None:
    """Each work times its own callable, on the same tensors, and waits once, at the end."""
    calls = Calls()
    prepared = throughput.prepare(calls.implementation, layer_case(work=work), surroundings)
    assert isinstance(prepared, throughput.Prepared)
    assert set(calls.names) == {call, "synchronize"}
    calls.names.clear()
    calls.inputs.clear()
    durations = throughput.sample(prepared, 3, 2).durations_ns
    assert calls.names == [call, call, call, "synchronize"] * 2
    assert len(durations) == 2
    assert all(isinstance(ns, int) and ns > 0 for ns in durations)
    timed = [given for given, name in zip(calls.inputs, calls.names, strict=True) if name == call]
    assert {len(given) for given in timed} == {inputs}
    assert {tuple(map(id, given)) for given in timed} == {tuple(map(id, timed[0]))}
    prepared.timed.close()
    assert calls.names[-1] == "close"


def test_the_collector_is_off_while_samples_are_taken_and_on_again_after_an_error(
    layer_case: Any, surroundings: Any
) -> None:
    """A collection in the middle of a sample would be timed."""
    prepared = throughput.prepare(IMPLEMENTATION, layer_case(work="inference"), surroundings)
    assert isinstance(prepared, throughput.Prepared)
    seen: list[bool] = []

    def loop(loops: int) -> int:
        seen.append(gc.isenabled())
        if len(seen) == 2:
            raise RuntimeError("in the middle")
        return 1

    broken = replace(prepared, timed=replace(prepared.timed, loop=loop))
    with pytest.raises(RuntimeError, match="in the middle"):
        throughput.sample(broken, 1, 3)
    assert seen == [False, False]
    assert gc.isenabled()


def test_a_case_is_prepared_with_facts_and_verified_labels(layer_case: Any, surroundings: Any) -> None:
    """Device, dtype and style as observed; how long the first call took, and how many loops make a sample."""
    prepared = throughput.prepare(IMPLEMENTATION, layer_case(work="inference"), surroundings)
    assert isinstance(prepared, throughput.Prepared)
    assert set(prepared.facts) == {
        "build_s", "first_call_s", "threads_used", "loops", "warm_call_ns", "peak_rss_mib", "cores_allowed",
        "denormals_flushed",
    }  # fmt: skip
    assert isinstance(prepared.facts["loops"], int)
    assert prepared.facts["loops"] >= 1
    assert all(prepared.facts[name] > 0 for name in ("build_s", "first_call_s", "peak_rss_mib"))
    assert {name: label["observed"] for name, label in prepared.labels.items() if name != "threads"} == {
        "device": "cpu", "dtype": "float32", "style": "eager", "outputs": "y (8, 7, 7, 5)",
    }  # fmt: skip


def test_a_layer_that_is_not_what_its_label_says_is_not_timed(layer_case: Any, surroundings: Any) -> None:
    """A failed row with the observation; the layer is closed."""
    calls = Calls(observed_style="graph")
    outcome = throughput.prepare(calls.implementation, layer_case(work="inference"), surroundings)
    assert isinstance(outcome, Outcome)
    assert (outcome.status, outcome.metrics) == ("failed", {})
    assert outcome.reason == "a label is wrong: style is claimed eager, but graph was observed (seen)"
    assert outcome.labels["style"] == {"claimed": "eager", "observed": "graph", "evidence": "seen"}
    assert calls.names[-1] == "close"


def test_a_call_that_leaves_results_out_is_not_timed(layer_case: Any, surroundings: Any) -> None:
    """A compiled step that drops the gradients of the parameters has less to do."""

    def build(configuration: Configuration) -> Layer | Unsupported:
        built = IMPLEMENTATION.build(configuration)
        assert isinstance(built, Layer)
        return replace(built, training_step_with_gradients=lambda *inputs: built.differentiated(*inputs)[:2])

    case = layer_case(work="training_forward_backward")
    whole = throughput.prepare(IMPLEMENTATION, case, surroundings)
    assert isinstance(whole, throughput.Prepared)
    assert whole.labels["outputs"]["observed"] == "y (8, 7, 7, 5), dx (8, 7, 7, 5), dgamma (5), dbeta (5)"
    outcome = throughput.prepare(replace(IMPLEMENTATION, build=build), case, surroundings)
    assert isinstance(outcome, Outcome)
    assert outcome.status == "failed"
    assert "outputs is claimed y (8, 7, 7, 5), dx (8, 7, 7, 5), dgamma (5), dbeta (5), but y (8, 7, 7, 5), dx" in str(
        outcome.reason
    )


def test_an_observation_without_a_claim_is_kept(layer_case: Any, surroundings: Any) -> None:
    """Such as the kernel: a figure without a verdict."""

    def build(configuration: Configuration) -> Layer | Unsupported:
        built = IMPLEMENTATION.build(configuration)
        assert isinstance(built, Layer)
        more = {"kernel": Observation("fused", "one operation ran")}
        return replace(built, observe=lambda function, *inputs: {**built.observe(function, *inputs), **more})

    prepared = throughput.prepare(replace(IMPLEMENTATION, build=build), layer_case(work="inference"), surroundings)
    assert isinstance(prepared, throughput.Prepared)
    assert prepared.labels["kernel"] == {"claimed": "nothing", "observed": "fused", "evidence": "one operation ran"}


def test_a_network_counts_fifty_steps_a_call(network_case: Any, surroundings: Any) -> None:
    """Its labels are observed of the training call."""
    case = network_case(work="network_training_step", shape=[32, 784], layout="channels_last")
    prepared = throughput.prepare(IMPLEMENTATION, case, surroundings)
    assert isinstance(prepared, throughput.Prepared)
    assert prepared.timed.steps == 50
    assert prepared.labels["dtype"]["observed"] == "float32"


@pytest.mark.parametrize("work", ["inference", "network_training_step"])
def test_what_is_not_offered_is_a_row_with_its_reason(
    work: str, layer_case: Any, network_case: Any, surroundings: Any
) -> None:
    """Layer and network."""
    case = layer_case(device="gpu") | network_case(device="gpu") | {"work": work}
    outcome = throughput.prepare(IMPLEMENTATION, case, surroundings)
    assert isinstance(outcome, Outcome)
    assert outcome.status == "unsupported"
    assert "CPU only" in str(outcome.reason)


def test_labels_by_hand() -> None:
    """Claims beside observations; what was not observed is wrong too."""
    seen = {"device": Observation("cpu", "where it is"), "style": Observation("xla", "compiled")}
    labels, wrong = labelled({"device": "cpu", "style": "graph", "dtype": "float32"}, seen)
    assert labels["device"] == {"claimed": "cpu", "observed": "cpu", "evidence": "where it is"}
    assert labels["dtype"]["observed"] == "not observed"
    assert wrong == (
        "style is claimed graph, but xla was observed (compiled); dtype is claimed float32, but not observed was "
        "observed (the implementation observes nothing of it)"
    )
    assert labelled({"device": "cpu"}, seen)[1] is None


def test_every_axis_that_runs_case_by_case_has_stages() -> None:
    """Checkpoint has two, in two processes; throughput is visited pass by pass instead."""
    once = dict.fromkeys(("agreement", "convergence", "claims"), ("run",))
    assert once | {"checkpoint": ("save", "restore")} == STAGES
