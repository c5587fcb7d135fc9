"""Labels are seen, not believed: the real device, dtype and style of a callable, however it is dressed up."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bn_impls import numpy_boundary
from bn_impls.networks.optimizers import SGD

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bn_impls.conftest import LayerKit, NetworkKit, Offer

CALLABLES = ("inference", "training_step", "training_step_with_gradients")


def seen(layer: Any, function: Any, *inputs: Any) -> dict[str, str]:
    """What a layer's own eyes see of a call, without the evidence."""
    return {label: found.observed for label, found in layer.observe(function, *inputs).items()}


@pytest.mark.parametrize("name", CALLABLES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_callable_is_what_its_configuration_says(offer: Offer, name: str, dtype: str, layers: LayerKit) -> None:
    """Device, dtype and style, for each of the three callables."""
    layer = layers.built(offer, dtype=dtype)
    drawn = layers.draw(layer.configuration)
    inputs = (drawn.x, drawn.dy) if name == CALLABLES[2] else (drawn.x,)
    found = seen(layer, getattr(layer, name), *(layer.to_native(array) for array in inputs))
    assert {label: found[label] for label in ("device", "dtype", "style")} == {
        "device": "cpu", "dtype": dtype, "style": offer.style,
    }  # fmt: skip
    assert found.keys() <= {"device", "dtype", "style", "kernel", "onednn"}


def test_every_observation_names_its_evidence(offer: Offer, layers: LayerKit) -> None:
    """A label without evidence is a belief."""
    layer = layers.built(offer)
    x = layer.to_native(layers.draw(layer.configuration).x)
    assert all(found.evidence for found in layer.observe(layer.inference, x).values())


def test_observing_calls_exactly_once(offer: Offer, layers: LayerKit) -> None:
    """A training call that is observed counts as one."""
    layer = layers.built(offer)
    drawn = layers.draw(layer.configuration, num_updates=7)
    layer.import_state(drawn.state)
    layer.observe(layer.training_step, layer.to_native(drawn.x))
    assert layer.export_state()["num_updates"] == 8


def test_observing_leaves_nothing_behind(offer: Offer, layers: LayerKit) -> None:
    """A second look sees the same."""
    layer = layers.built(offer)
    x = layer.to_native(layers.draw(layer.configuration).x)
    assert layer.observe(layer.inference, x) == layer.observe(layer.inference, x)


@pytest.mark.parametrize("style", ["eager", "graph", "xla"])
def test_a_network_without_batch_normalization_is_observed_too(
    style: Any, named_offer: Callable[[str], Offer], networks: NetworkKit
) -> None:
    """The builder looks at its own call, not at the layer under test."""
    from dataclasses import replace

    plain = replace(networks.every_layer, layers=(networks.every_layer.layers[7], networks.every_layer.layers[-1]))
    offer = replace(named_offer("tf-manual"), style=style)
    assert offer.trainer(plain, SGD(0.1), dtype="float32").observe()["style"].observed == style


# ---- attempts to fool the observation on TensorFlow ------------------------------------------------------------------


@pytest.fixture(scope="module")
def dressed_up(named_offer: Callable[[str], Offer]) -> dict[str, tuple[Any, str]]:
    """Callables on TensorFlow that look like something else, and what they are."""
    named_offer("tf-manual").implementation()
    import tensorflow as tf

    def plain(x: Any) -> Any:
        return tf.sin(x) * 2.0

    signature = tf.TensorSpec([2], "float32")
    graph = tf.function(plain, autograph=False).get_concrete_function(signature)
    xla = tf.function(plain, autograph=False, jit_compile=True).get_concrete_function(signature)

    @functools.wraps(plain)
    def hides_a_graph(x: Any) -> Any:
        return graph(x)

    def shows_a_graph(x: Any) -> Any:
        return plain(x)

    shows_a_graph.__wrapped__ = graph  # type: ignore[attr-defined]
    shows_a_graph.graph = graph.graph  # type: ignore[attr-defined]

    def computes_in_numpy(x: Any) -> Any:
        return tf.constant(2 * np.sin(x.numpy()))

    return {
        "plain": (plain, "eager"),
        "graph": (graph, "graph"),
        "xla": (xla, "xla"),
        "a lambda around a graph": (lambda x: graph(x), "graph"),
        "a lambda around XLA": (lambda x: xla(x), "xla"),
        "a graph called by a wrapper of plain Python": (hides_a_graph, "graph"),
        "plain Python that carries a graph": (shows_a_graph, "eager"),
        "a tf.function that was not traced": (tf.function(plain, autograph=False), "graph"),
        "a tf.function for XLA that was not traced": (tf.function(plain, autograph=False, jit_compile=True), "xla"),
        "a graph and an operation": (lambda x: graph(x) + 1.0, "unknown"),
        "a graph and a compiled one": (lambda x: xla(graph(x)), "unknown"),
        "a graph of which XLA compiles a part": (tf.function(lambda x: xla(x) + 1.0, autograph=False), "unknown"),
        "nothing of TensorFlow": (computes_in_numpy, "unknown"),
        "nothing at all": (lambda x: x, "unknown"),
    }


DISGUISES = (
    "plain",
    "graph",
    "xla",
    "a lambda around a graph",
    "a lambda around XLA",
    "a graph called by a wrapper of plain Python",
    "plain Python that carries a graph",
    "a tf.function that was not traced",
    "a tf.function for XLA that was not traced",
    "a graph and an operation",
    "a graph and a compiled one",
    "a graph of which XLA compiles a part",
    "nothing of TensorFlow",
    "nothing at all",
)


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("look", [1, 2], ids=["first-call", "second-call"])
def test_a_disguised_callable_is_seen_as_what_runs(disguise: str, look: int, dressed_up: Any) -> None:
    """By the operations that run, also when tracing happens during the look."""
    import tensorflow as tf

    from bn_impls import tensorflow_boundary

    function, expected = dressed_up[disguise]
    x = tf.constant([1.0, 2.0])
    for _ in range(look):
        found = tensorflow_boundary.observe(function, x)
    assert found["style"].observed == expected, found["style"].evidence


def test_a_claim_is_refused_unless_the_compiler_bears_it_out(dressed_up: Any) -> None:
    """A graph that asks for XLA but was never compiled is none of XLA's; a compiled one is, without asking for it."""
    import tensorflow as tf
    from tensorflow.core.framework.function_pb2 import FunctionDef

    from benchmarks.axes.outcome import labelled
    from bn_impls.tensorflow_boundary import graph_style
    from bn_impls.tensorflow_programs import watch

    refused = {}
    for style, other in (("graph", "xla"), ("xla", "graph")):
        function, _ = dressed_up[style]
        _, programs = watch(functools.partial(function, tf.constant([1.0, 2.0])))
        definition = FunctionDef.FromString(function.function_def.SerializeToString())
        definition.attr["_XlaMustCompile"].b = style == "graph"
        refused[style] = labelled({"style": other}, {"style": graph_style(definition, programs)})[1]
        assert labelled({"style": style}, {"style": graph_style(definition, programs)})[1] is None
    assert all(refused.values()), refused


def test_graphs_that_are_switched_off_are_seen_as_eager(dressed_up: Any, named_offer: Any, networks: Any) -> None:
    """`tf.config.run_functions_eagerly` turns every graph into Python calls behind everyone's back."""
    from dataclasses import replace

    import tensorflow as tf

    from bn_impls import tensorflow_boundary

    function, _ = dressed_up["a tf.function that was not traced"]
    trainer = replace(named_offer("tf-manual"), style="graph").trainer(networks.every_layer, SGD(0.1))
    tf.config.run_functions_eagerly(True)
    try:
        of_a_call = tensorflow_boundary.observe(function, tf.constant([1.0, 2.0]))
        of_a_network = trainer.observe()
    finally:
        tf.config.run_functions_eagerly(False)
    assert (of_a_call["style"].observed, of_a_network["style"].observed) == ("eager", "eager")


# ---- NumPy ----------------------------------------------------------------------------------------------------------


def test_a_call_that_returns_no_array_is_unknown_to_numpy() -> None:
    """A list may come from anywhere."""
    found = numpy_boundary.observe(lambda x: x.tolist(), np.ones(2))
    assert {label: observation.observed for label, observation in found.items()} == dict.fromkeys(found, "unknown")


def test_the_dtype_that_numpy_sees_is_that_of_the_result() -> None:
    """Not that of the input."""
    found = numpy_boundary.observe(lambda x: x.astype(np.float32), np.ones(2))
    assert found["dtype"].observed == "float32"
