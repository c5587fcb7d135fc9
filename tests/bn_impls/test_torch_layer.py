"""What is PyTorch's own: n - 1 in the moving variance, its counter, memory formats, compiled graphs, its files."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("safetensors", reason="safetensors is not installed")

from bn_impls import torch_boundary, torch_layer  # noqa: E402
from bn_impls.errors import BadCheckpoint  # noqa: E402
from bn_impls.interface import Configuration, Layer, NoDevice, Unsupported  # noqa: E402
from bn_impls.isolation.lines import decode  # noqa: E402
from bn_impls.isolation.serving import _guarded  # noqa: E402

FLOAT64 = 2.0**-52
TINY = 1e-300  # PyTorch takes no 0; 1 + TINY is 1
SETTINGS = Configuration(
    input_shape=(2, 1),
    layout="channels_last",
    dtype="float64",
    decay=0.75,
    epsilon=TINY,
    center=True,
    scale=True,
    conventions=torch_layer.OWN,
    style="eager",
    device="cpu",
)
TWO_VALUES = np.array([[1.0], [3.0]])  # mean 2, variance 1 over n and 2 over n - 1


def build(**changes: Any) -> Layer:
    """A layer with changed settings."""
    layer = torch_layer.build(replace(SETTINGS, **changes))
    assert isinstance(layer, Layer), layer
    return layer


@pytest.mark.parametrize("style", ["eager", "graph"])
def test_the_moving_variance_averages_the_variance_over_n_minus_1(style: Any) -> None:
    """0.75 * 1 + 0.25 * 2; with the one over n it would be 1.0."""
    layer = build(style=style)
    layer.training_step(layer.to_native(TWO_VALUES))
    after = layer.export_state()
    assert (after["moving_mean"].tolist(), after["moving_variance"].tolist()) == ([0.5], [1.25])


def test_a_compiled_module_has_no_gradients_of_gradients_and_says_so() -> None:
    """PyTorch refuses them itself; uncompiled, they are there."""
    offered = torch_layer.IMPLEMENTATION.variants["second_order"]
    assert isinstance(offered(SETTINGS), Layer)
    reason = offered(replace(SETTINGS, style="graph"))
    assert isinstance(reason, Unsupported) and "torch.compile does not support a backward pass" in reason.reason
    x = torch.tensor(TWO_VALUES, requires_grad=True)
    (dx,) = torch.autograd.grad(build(style="graph").training_step(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="double backward"):
        torch.autograd.grad(dx.sum(), x)


@pytest.mark.parametrize("style", ["eager", "graph"])
def test_the_output_is_normalized_by_the_variance_over_n(style: Any) -> None:
    """(1 - 2) / 1 and (3 - 2) / 1; with the one over n - 1 it would be +-0.707."""
    layer = build(style=style)
    output = layer.to_numpy(layer.training_step(layer.to_native(TWO_VALUES)))
    np.testing.assert_allclose(output, [[-1.0], [1.0]], rtol=2 * FLOAT64)


def test_the_decay_is_applied_as_given() -> None:
    """0.9 and 1 - 0.9 in float64; rounded to float32 the mean would be off by 5e-9."""
    layer = build(decay=0.9)
    layer.training_step(layer.to_native(TWO_VALUES))
    assert layer.export_state()["moving_mean"] == pytest.approx((1 - 0.9) * 2.0, rel=2 * FLOAT64, abs=0)


def test_the_count_is_the_modules_own() -> None:
    """It is num_batches_tracked that is exported and set."""
    layer = build()
    layer.import_state({**layer.export_state(), "num_updates": 40})
    x = layer.to_native(TWO_VALUES)
    layer.training_step(x)
    layer.training_step_with_gradients(x, x)
    layer.inference(x)
    assert layer.export_state()["num_updates"] == 42


def test_one_value_a_channel_is_refused_in_training_by_pytorch_itself() -> None:
    """The variance over n - 1 has no value; inference has one."""
    layer = build(input_shape=(1, 1))
    x = layer.to_native(np.array([[3.0]]))
    with pytest.raises(ValueError, match="Expected more than 1 value per channel"):
        layer.training_step(x)
    assert layer.to_numpy(layer.inference(x)).tolist() == [[3.0]]


@pytest.mark.parametrize(
    ("parts", "names"),
    [
        ({}, {"weight", "bias"}),
        ({"center": False}, {"weight"}),
        ({"scale": False}, {"bias"}),
        ({"center": False, "scale": False}, set()),
    ],
)
def test_a_parameter_that_is_off_does_not_exist(parts: Any, names: set[str]) -> None:
    """Not even frozen at 1 or 0."""
    module = torch_layer.batch_norm(replace(SETTINGS, **parts))
    assert {name for name, _ in module.named_parameters()} == names


def test_channels_last_images_keep_their_place_in_memory() -> None:
    """The tensor has the channels second, and strides that say so; the output has the same."""
    layer = build(input_shape=(2, 3, 4, 5))
    image = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    native = layer.to_native(image)
    output = layer.training_step(native)
    assert tuple(native.shape) == (2, 5, 3, 4)
    assert native.is_contiguous(memory_format=torch.channels_last)
    assert output.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_array_equal(layer.to_numpy(native), image, strict=True)


@pytest.mark.parametrize("shape", [(4, 3), (4, 5, 3), (4, 5, 2, 3), (4, 5, 2, 2, 3)])
def test_every_rank_reduces_all_axes_but_the_channels(shape: tuple[int, ...]) -> None:
    """Moving mean 0.25 times the batch's mean, for rank 2 to 5."""
    layer = build(input_shape=shape)
    x = np.random.default_rng(0).normal(size=shape)
    layer.training_step(layer.to_native(x))
    expected = 0.25 * x.mean(axis=tuple(range(len(shape) - 1)))
    np.testing.assert_allclose(layer.export_state()["moving_mean"], expected, atol=8 * FLOAT64, rtol=0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ddof": 0}, "divides the moving variance by n - 1; ddof 0 is not offered"),
        ({"warm_up": True}, "keeps its momentum constant"),
        ({"decay_in_float32": True}, "applies its momentum as given"),
    ],
)
def test_a_convention_that_pytorch_does_not_have_is_not_offered(change: Any, reason: str) -> None:
    """As a value with the reason."""
    found = torch_layer.build(replace(SETTINGS, conventions=replace(torch_layer.OWN, **change)))
    assert isinstance(found, Unsupported)
    assert reason in found.reason


def test_an_epsilon_of_0_is_not_offered() -> None:
    """PyTorch raises at the first training call; the layer says so before."""
    found = torch_layer.build(replace(SETTINGS, epsilon=0.0))
    assert found == Unsupported("torch.nn.BatchNorm refuses to train with epsilon 0; it needs one above 0")


def test_a_gpu_that_is_not_there_is_no_device() -> None:
    """Another machine may have one."""
    if torch.cuda.is_available():
        pytest.skip("PyTorch sees a GPU here")
    found = torch_layer.build(replace(SETTINGS, device="gpu"))
    assert found == NoDevice(f"PyTorch {torch.__version__} sees no GPU on this machine")


def test_graphs_are_not_offered_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.compile writes C++; the reason says what is missing."""
    monkeypatch.setenv("CXX", "no-such-compiler")
    found = torch_layer.build(replace(SETTINGS, style="graph"))
    assert isinstance(found, Unsupported)
    assert "C++ compiler" in found.reason


# ---- observation ----------------------------------------------------------------------------------------------------


def style_of(function: Any, *inputs: Any) -> str:
    """The style that is seen."""
    return torch_boundary.observe(function, *inputs)["style"].observed


def test_a_compiled_function_is_seen_as_a_graph_at_its_first_call() -> None:
    """What compiling itself computes does not count as single operations."""
    compiled = torch_boundary.styled(lambda x: torch.sin(x) * 2, "graph")
    x = torch.ones(3)
    assert [style_of(compiled, x), style_of(compiled, x)] == ["graph", "graph"]


def test_a_graph_and_an_operation_are_seen_as_a_mixture() -> None:
    """Neither label would be true."""
    compiled = torch_boundary.styled(lambda x: torch.sin(x) * 2, "graph")
    assert style_of(lambda x: compiled(x) + 1, torch.ones(3)) == "unknown"


def test_a_compiler_that_is_switched_off_is_seen() -> None:
    """`torch.compiler.set_stance("force_eager")` turns every graph into single operations."""
    compiled = torch_boundary.styled(lambda x: torch.sin(x) * 2, "graph")
    with torch.compiler.set_stance("force_eager"):
        assert style_of(compiled, torch.ones(3)) == "eager"


def test_nothing_of_pytorch_is_unknown() -> None:
    """A list may come from anywhere."""
    found = torch_boundary.observe(lambda x: [1.0], torch.ones(3))
    assert {label: seen.observed for label, seen in found.items()} == dict.fromkeys(found, "unknown")


def test_many_layers_stay_compiled() -> None:
    """PyTorch gives a function up after eight shapes, unless each layer has a cache of its own."""
    seen = []
    for rows in range(2, 12):
        layer = build(style="graph", input_shape=(rows, 1), dtype="float32")
        seen.append(style_of(layer.inference, layer.to_native(np.ones((rows, 1)))))
    assert seen == ["graph"] * 10


# ---- files ----------------------------------------------------------------------------------------------------------


def test_the_state_dict_is_a_safetensors_file_with_pytorchs_names(tmp_path: Path) -> None:
    """So that any PyTorch user can load it into an nn.BatchNorm1d."""
    from safetensors.torch import load_file

    layer = build()
    layer.training_step(layer.to_native(TWO_VALUES))
    layer.formats["state-dict"].save(tmp_path)
    module = torch.nn.BatchNorm1d(1, dtype=torch.float64)
    module.load_state_dict(load_file(tmp_path / "model.safetensors"))
    assert (module.running_mean.tolist(), module.running_var.tolist()) == ([0.5], [1.25])
    assert int(module.num_batches_tracked) == 1


@pytest.mark.parametrize("format_name", ["state-dict", "torch-pt"])
def test_a_file_of_another_dtype_is_refused(format_name: str, tmp_path: Path) -> None:
    """load_state_dict would round it silently."""
    build(dtype="float64").formats[format_name].save(tmp_path)
    with pytest.raises(BadCheckpoint, match=r"is torch.float64 \(1,\), but should be torch.float32 \(1,\)"):
        build(dtype="float32").formats[format_name].restore(tmp_path)


class Harmful:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        """Take the file."""
        self.path = path

    def __reduce__(self) -> Any:
        """What a plain unpickler would call."""
        return Path.touch, (self.path,)


@pytest.mark.parametrize("write", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))])
def test_code_in_a_pickle_does_not_run(write: Any, tmp_path: Path) -> None:
    """It is refused as a damaged checkpoint."""
    write({"weight": Harmful(tmp_path / "it-ran")}, tmp_path / "model.pt")
    with pytest.raises(BadCheckpoint):
        build().formats["torch-pt"].restore(tmp_path)
    assert not (tmp_path / "it-ran").exists()


def test_the_twin_for_inference_shares_the_state() -> None:
    """A shallow copy has its own mode, and the same tensors."""
    module = torch_layer.started(SETTINGS)
    twin = copy.copy(module).eval()
    module(torch.tensor(TWO_VALUES))
    assert twin.running_mean.tolist() == [0.5]
    assert (module.training, twin.training) == (True, False)


def test_what_no_memory_can_hold_is_out_of_memory() -> None:
    """PyTorch raises a RuntimeError on a CPU; 4 PB are beyond the address space, so that no machine grants them."""
    reply = decode(_guarded(lambda: {"shape": torch.empty(10**15).shape}, {}))
    assert (reply["status"], reply["reason"].split(":")[0]) == ("out_of_memory", "RuntimeError")
