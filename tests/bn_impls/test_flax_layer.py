"""What is Flax's own: one-pass variance, float32 statistics, pure functions of a state, XLA, Orbax."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed")
nnx = pytest.importorskip("flax.nnx", reason="Flax is not installed")
pytest.importorskip("orbax.checkpoint", reason="Orbax is not installed")

from bn_impls import flax_layer, jax_boundary  # noqa: E402
from bn_impls.errors import BadCheckpoint  # noqa: E402
from bn_impls.interface import Configuration, Layer, NoDevice, Unsupported  # noqa: E402
from bn_impls.isolation.lines import decode  # noqa: E402
from bn_impls.isolation.serving import _guarded  # noqa: E402

FLOAT64 = 2.0**-52
SETTINGS = Configuration(
    input_shape=(2, 1),
    layout="channels_last",
    dtype="float64",
    decay=0.75,
    epsilon=0.0,
    center=True,
    scale=True,
    conventions=flax_layer.OWN,
    style="xla",
    device="cpu",
)
TWO_VALUES = np.array([[1.0], [3.0]])  # mean 2, variance 1 over n and 2 over n - 1
both_styles = pytest.mark.parametrize("style", ["xla", "eager"])


def build(**changes: Any) -> Layer:
    """A layer with changed settings."""
    layer = flax_layer.build(replace(SETTINGS, **changes))
    assert isinstance(layer, Layer), layer
    return layer


@both_styles
def test_the_moving_variance_averages_the_variance_over_n(style: Any) -> None:
    """0.75 * 1 + 0.25 * 1; with the one over n - 1 it would be 1.25."""
    layer = build(style=style)
    layer.training_step(layer.to_native(TWO_VALUES))
    after = layer.export_state()
    assert (after["moving_mean"].tolist(), after["moving_variance"].tolist()) == ([0.5], [1.0])


def test_the_decay_is_applied_as_given() -> None:
    """0.9 and 1 - 0.9 in float64; rounded to float32 the mean would be off by 5e-9."""
    layer = build(decay=0.9)
    layer.training_step(layer.to_native(TWO_VALUES))
    assert layer.export_state()["moving_mean"] == pytest.approx((1 - 0.9) * 2.0, rel=2 * FLOAT64, abs=0)


def test_the_modules_own_statistics_are_float32_in_a_float64_network() -> None:
    """Flax's behaviour that the exhibit works around; if this fails, the work-around can go."""
    module = nnx.BatchNorm(1, dtype="float64", param_dtype="float64", rngs=nnx.Rngs(0))
    assert (module.scale.dtype, module.mean.dtype) == (np.float64, np.float32)


@both_styles
def test_the_default_variance_takes_one_pass(style: Any) -> None:
    """4096 and 4097 have variance 0.25; float32 has 4096.5^2 and the mean of the squares only to the nearest 2: 0."""
    layer = build(style=style, dtype="float32", decay=0.0)
    layer.training_step(layer.to_native(np.array([[4096.0], [4097.0]])))
    assert layer.export_state()["moving_variance"].tolist() == [0.0]


def test_two_passes_would_get_it_right() -> None:
    """The same values, use_fast_variance=False."""
    module = nnx.BatchNorm(1, momentum=0.0, use_fast_variance=False, rngs=nnx.Rngs(0))
    module(np.array([[4096.0], [4097.0]], np.float32), use_running_average=False)
    assert module.var.get_value().tolist() == [0.25]


def test_the_adapter_counts_what_the_module_does_not() -> None:
    """From where it was set; inference does not count."""
    layer = build()
    layer.import_state({**layer.export_state(), "num_updates": 40})
    x = layer.to_native(TWO_VALUES)
    layer.training_step(x)
    layer.training_step_with_gradients(x, x)
    layer.inference(x)
    assert layer.export_state()["num_updates"] == 42


def test_float32_stays_float32_beside_float64() -> None:
    """The switch for float64 is the process's; output, gradients and statistics of a float32 layer are float32."""
    layer = build(dtype="float32")
    x = layer.to_native(TWO_VALUES)
    results = [layer.to_numpy(result) for result in layer.training_step_with_gradients(x, x)]
    state = layer.export_state()
    assert {array.dtype.name for array in (*results, state["moving_mean"], state["moving_variance"])} == {"float32"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ddof": 1}, "divides by n; ddof 1 is not offered"),
        ({"warm_up": True}, "keeps its momentum constant"),
        ({"decay_in_float32": True}, "applies its momentum as given"),
    ],
)
def test_a_convention_that_flax_does_not_have_is_not_offered(change: Any, reason: str) -> None:
    """As a value with the reason."""
    found = flax_layer.build(replace(SETTINGS, conventions=replace(flax_layer.OWN, **change)))
    assert isinstance(found, Unsupported)
    assert reason in found.reason


def test_a_gpu_that_is_not_there_is_no_device() -> None:
    """Another machine may have one."""
    if jax.default_backend() == "gpu":
        pytest.skip("JAX sees a GPU here")
    found = flax_layer.build(replace(SETTINGS, device="gpu"))
    assert found == NoDevice(f"JAX {jax.__version__} sees no GPU on this machine")


# ---- observation ----------------------------------------------------------------------------------------------------


def style_of(function: Any, *inputs: Any) -> str:
    """The style that is seen."""
    return jax_boundary.observe(function, *inputs)["style"].observed


def work(x: Any) -> Any:
    """Two operations."""
    return jax.numpy.sin(x) * 2.0


def test_a_compiled_function_is_seen_as_xla_at_its_first_call() -> None:
    """One program runs, however it is dressed up."""
    compiled, x = jax.jit(work), jax.numpy.ones(3)
    assert [style_of(lambda x: compiled(x), x), style_of(compiled, x)] == ["xla", "xla"]


def test_operations_one_by_one_are_seen_as_eager() -> None:
    """Also where a compiled function is among them."""
    compiled, x = jax.jit(work), jax.numpy.ones(3)
    assert [style_of(work, x), style_of(lambda x: compiled(x) + 1.0, x)] == ["eager", "eager"]


def test_a_compiler_that_is_switched_off_is_seen() -> None:
    """`jax.disable_jit` turns every compiled function into single operations."""
    compiled, x = jax.jit(work), jax.numpy.ones(3)
    with jax.disable_jit():
        assert style_of(compiled, x) == "eager"


def test_nothing_of_jax_is_unknown() -> None:
    """An array of NumPy may come from anywhere."""
    found = jax_boundary.observe(lambda x: np.ones(3), 1.0)
    assert {label: seen.observed for label, seen in found.items()} == dict.fromkeys(found, "unknown")


# ---- files ----------------------------------------------------------------------------------------------------------


def test_a_file_of_another_dtype_is_refused(tmp_path: Path) -> None:
    """Orbax would round it silently."""
    build(dtype="float64").formats["orbax"].save(tmp_path)
    with pytest.raises(BadCheckpoint, match=r"is float64 \(1,\), but should be float32 \(1,\)"):
        build(dtype="float32").formats["orbax"].restore(tmp_path)


def test_a_file_that_orbax_would_not_miss_is_missed(tmp_path: Path) -> None:
    """Each file is compared with its digest before Orbax reads."""
    layer = build()
    layer.formats["orbax"].save(tmp_path)
    (tmp_path / "checkpoint" / "_CHECKPOINT_METADATA").write_text("{}")
    with pytest.raises(BadCheckpoint, match="_CHECKPOINT_METADATA is missing or damaged"):
        layer.formats["orbax"].restore(tmp_path)


@pytest.mark.parametrize("content", ["[]", "{", "{}", "null"])
def test_a_damaged_list_of_digests_is_refused(content: str, tmp_path: Path) -> None:
    """Whatever JSON it became."""
    layer = build()
    layer.formats["orbax"].save(tmp_path)
    (tmp_path / "sha256.json").write_text(content)
    with pytest.raises(BadCheckpoint):
        layer.formats["orbax"].restore(tmp_path)


def test_what_no_memory_can_hold_is_out_of_memory() -> None:
    """JAX raises a JaxRuntimeError; 400 TB are beyond the address space, so that no machine grants them."""
    reply = decode(_guarded(lambda: {"shape": jax.numpy.zeros(10**14).shape}, {}))
    assert (reply["status"], reply["reason"].split(":")[0]) == ("out_of_memory", "JaxRuntimeError")
