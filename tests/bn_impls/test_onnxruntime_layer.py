"""What ONNX Runtime really does: divides by n, weighs the old value, rounds attributes to float32, has no gradients."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="ONNX is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

from bn_impls import onnx_boundary, onnxruntime_layer  # noqa: E402  # needs both
from bn_impls.accuracy.comparison import Comparison, judge, summarize  # noqa: E402
from bn_impls.errors import BadCheckpoint  # noqa: E402
from bn_impls.interface import Configuration, Layer, Unsupported  # noqa: E402
from bn_impls.networks.numpy_network import hosted_trainer  # noqa: E402

SETTINGS = Configuration(
    input_shape=(2, 1),
    layout="channels_last",
    dtype="float64",
    decay=0.75,
    epsilon=0.0,
    center=True,
    scale=True,
    conventions=onnxruntime_layer.OWN,
    style="graph",
    device="cpu",
)
TWO_VALUES = np.array([[1.0], [3.0]])  # mean 2, variance 1 over n and 2 over n - 1


def build(**changes: Any) -> Layer:
    """A layer with changed settings."""
    layer = onnxruntime_layer.build(replace(SETTINGS, **changes))
    assert isinstance(layer, Layer), layer
    return layer


@pytest.mark.parametrize("shape", [(2, 1), (2, 1, 1), (2, 1, 1, 1), (2, 1, 1, 1, 1)], ids=len)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_momentum_weighs_the_old_value_and_the_variance_is_over_n(shape: Any, dtype: str) -> None:
    """0.75 * 0 + 0.25 * 2, and 0.75 * 1 + 0.25 * 1; with the variance over n - 1 it would be 1.25."""
    layer = build(input_shape=shape, dtype=dtype)
    y = layer.training_step(layer.to_native(TWO_VALUES.reshape(shape)))
    after = layer.export_state()
    assert (after["moving_mean"].tolist(), after["moving_variance"].tolist()) == ([0.5], [1.0])
    assert layer.to_numpy(y).ravel().tolist() == [-1.0, 1.0]


def test_the_decay_is_rounded_to_float32_and_taken_from_1_as_it_is() -> None:
    """Old 1 and new 0 leave float32(0.9); old 0 and new 1 leave 1 - float32(0.9); both in float64."""
    kept = []
    for old, new in ((1.0, 0.0), (0.0, 1.0)):
        layer = build(decay=0.9)
        layer.import_state({**layer.export_state(), "moving_mean": np.array([old])})
        layer.training_step(np.full((2, 1), new))
        kept.append(float(layer.export_state()["moving_mean"][0]))
    assert kept == [float(np.float32(0.9)), 1.0 - float(np.float32(0.9))]
    assert kept[0] == SETTINGS.conventions.decay_of(0.9, 0)


def test_an_epsilon_that_float32_lacks_is_refused_in_float64() -> None:
    """As it would silently be another one; in float32 it is rounded like everything else."""
    found = onnxruntime_layer.build(replace(SETTINGS, epsilon=1e-3))
    assert isinstance(found, Unsupported)
    assert "an ONNX attribute is float32, which has no 0.001" in found.reason
    assert isinstance(onnxruntime_layer.build(replace(SETTINGS, epsilon=1e-3, dtype="float32")), Layer)
    assert isinstance(onnxruntime_layer.build(replace(SETTINGS, epsilon=2.0**-10)), Layer)


@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
def test_output_and_statistics_are_the_references_without_gradients(layout: Any) -> None:
    """What there is is judged; what there is not has no figure."""
    layer = build(input_shape=(7, 5, 3, 4), layout=layout, dtype="float32", epsilon=1e-3)
    comparison = Comparison(layer, 0)
    metrics = summarize([comparison.step(gradients=True) for _ in range(5)])
    assert judge(metrics, 5, 5, []) is None
    assert metrics["output_training_error_over_bound"] <= 1
    assert [name for name in metrics if name.startswith("gradient")] == []


def test_gradients_are_a_value_with_the_reason() -> None:
    """Not a missing method."""
    assert build().training_step_with_gradients == Unsupported(
        "ONNX Runtime's package for inference computes no gradients"
    )


def test_a_network_cannot_host_a_layer_without_gradients(networks: Any, named_offer: Any) -> None:
    """The same reason stands in the rows of convergence and checkpoint."""
    offer = replace(named_offer("onnxruntime"), style="eager")
    from bn_impls.networks.optimizers import SGD

    settings = offer.trainer_configuration(networks.every_layer, SGD(0.1), dtype="float32")
    built = hosted_trainer(settings, lambda layer: onnxruntime_layer.build(replace(layer, style="graph")))
    assert built == onnxruntime_layer.NO_GRADIENTS


# ---- the file -------------------------------------------------------------------------------------------------------


def saved(folder: Path) -> Layer:
    """A layer that was trained and saved."""
    layer = build(dtype="float32", epsilon=1e-3)
    layer.training_step(layer.to_native(TWO_VALUES))
    layer.formats["onnx"].save(folder)
    return layer


def test_the_saved_model_infers_by_itself(tmp_path: Path) -> None:
    """Any ONNX Runtime opens it, feeds x alone, and gets the layer's own output."""
    layer = saved(tmp_path)
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    x = layer.to_native(TWO_VALUES)
    np.testing.assert_array_equal(session.run(None, {"x": x})[0], layer.inference(x))


def test_the_saved_model_holds_the_statistics_and_the_count(tmp_path: Path) -> None:
    """As constants, and in the metadata."""
    saved(tmp_path)
    model = onnx.load(str(tmp_path / "model.onnx"))
    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor).tolist() for tensor in model.graph.initializer}
    assert arrays == {"scale": [1.0], "bias": [0.0], "mean": [0.5], "variance": [1.0]}
    assert [(entry.key, entry.value) for entry in model.metadata_props] == [("num_updates", "1")]


def test_a_model_of_another_epsilon_is_refused(tmp_path: Path) -> None:
    """It would infer something else."""
    saved(tmp_path)
    with pytest.raises(BadCheckpoint, match="its nodes are others"):
        build(dtype="float32", epsilon=1e-5).formats["onnx"].restore(tmp_path)


# ---- observation ----------------------------------------------------------------------------------------------------


def test_a_call_that_runs_no_session_is_unknown() -> None:
    """Nor is one that runs two."""
    layer, x = build(), np.ones((2, 1))
    for function, count in ((lambda x: x + 1, 0), (lambda x: layer.inference(layer.inference(x)), 2)):
        found = onnx_boundary.observe(function, x)
        assert found["style"].observed == "unknown"
        assert found["style"].evidence == f"{count} sessions were seen to run"
