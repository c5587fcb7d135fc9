"""The ways to save: formats, whose they are, and the parts that users often save by themselves."""

from __future__ import annotations

from collections.abc import Mapping

FORMATS: Mapping[str, tuple[str, str]] = {
    "tf-checkpoint": ("tf.train.Checkpoint", "saves TensorFlow's variables"),
    "saved-model": ("SavedModel", "saves TensorFlow's variables and functions"),
    "keras": ("the .keras archive", "saves a Keras model"),
    "weights-h5": ("the .weights.h5 file", "saves the weights of a Keras model"),
    "tf1-saver": ("tf.train.Saver", "saves the variables of a TensorFlow 1 graph"),
    "state-dict": ("a state_dict in safetensors", "saves PyTorch's tensors"),
    "torch-pt": ("torch.save", "saves PyTorch's tensors"),
    "orbax": ("Orbax", "saves trees of JAX' arrays"),
    "npz": ("our own NPZ with a checksum", "saves the canonical state of anybody"),
    "onnx": ("an ONNX model", "holds a graph to infer from, and no optimizer"),
}
"""Format -> what it is called, and what it does."""

PARTS: Mapping[str, tuple[str, str]] = {
    "tf-checkpoint:network": ("tf.train.Checkpoint(network)", "the network alone"),
    "keras:network": ("model.save(include_optimizer=False)", "the model alone"),
    "tf1-saver:trainable": ("Saver(tf.trainable_variables())", "the trainable variables"),
    "tf1-saver:variables": ("Saver() of a graph whose step is fed", "the variables, not the step that Python counts"),
    "tf1-saver:variables_to_restore": (
        "Saver(ema.variables_to_restore())",
        "what the averages' documentation suggests",
    ),
    "tf1-saver:variables_to_restore-none": (
        "Saver(ema.variables_to_restore([]))",
        "all variables by their own names, as a plain Saver() does",
    ),
    "state-dict:network": ("model.state_dict()", "the network alone"),
    "state-dict:parameters": ("dict(model.named_parameters())", "the parameters, not the buffers"),
    "orbax:parameters": ("the tree of parameters", "the parameters, not the statistics"),
}
"""``format:part`` -> how users write it, and what they save by it."""


def title(way: str) -> str:
    """A format, or a part of one, as its users call it; an unknown one by its own name."""
    return (PARTS.get(way) or FORMATS.get(way) or (way,))[0]


def not_offered(way: str, name: str, framework: str) -> str:
    """Why an implementation has no checkpoint of this format.

    Args:
        way: one of :data:`FORMATS`.
        name: the implementation's.
        framework: what it belongs to.
    """
    called, does = FORMATS[way]
    special = SPECIAL.get((name, way))
    return f"{called} {does}; {special or f'the network of {name} is built with {framework}'}"


SPECIAL: Mapping[tuple[str, str], str] = {
    (name, way): reason
    for name, reason in {
        "tf-keras": "the network around this layer is a tf.Module and no Keras model",
        "keras-jax": "the network around this layer is a pure function of JAX' arrays and no Keras model",
        "keras-torch": "the network around this layer is a torch.nn.Module and no Keras model",
    }.items()
    for way in ("keras", "weights-h5")
} | {
    (name, "onnx"): f"{call} needs the package {package}, which this suite does not install"
    for name, call, package in (
        ("keras", 'Model.export(..., format="onnx")', "tf2onnx"),
        ("keras-jax", 'Model.export(..., format="onnx")', "tf2onnx"),
        ("flax", "an export of JAX' functions", "jax2onnx"),
        ("haiku", "an export of JAX' functions", "jax2onnx"),
        ("tf-manual", "an export of TensorFlow's functions", "tf2onnx"),
        ("tf-fused", "an export of TensorFlow's functions", "tf2onnx"),
        ("tf-keras", "an export of TensorFlow's functions", "tf2onnx"),
        ("sonnet", "an export of TensorFlow's functions", "tf2onnx"),
        ("tf1-manual", "an export of TensorFlow's graphs", "tf2onnx"),
        ("tf1-manual-two-call", "an export of TensorFlow's graphs", "tf2onnx"),
        ("tf1-layers", "an export of TensorFlow's graphs", "tf2onnx"),
    )
}
"""Where the framework has the format and the network here cannot use it."""
