"""Probe variants of the ONNX operator."""

from __future__ import annotations

from dataclasses import replace

import onnx

from bn_impls.interface import Array, Configuration, Layer, Unsupported
from bn_impls.onnxruntime_layer import NO_GRADIENTS, BatchNorm, batch_norm, build, layer_of, refusal

verbatim = build
second_order = inference_gradient = NO_GRADIENTS
evaluating = Unsupported("inference mode is a model of its own, and nothing is differentiated in either")
frozen = Unsupported("the node trains nothing: scale and bias are inputs of the model")
masked = Unsupported("the operator BatchNormalization takes no mask")
tensor_flag = Unsupported("training_mode is an attribute of the node, fixed when the model is made")
replicas = Unsupported("a session computes on one device")
replicas_synchronized = Unsupported("the operator BatchNormalization knows of no replicas")


def _without_settings(settings: Configuration, *, training: bool) -> onnx.ModelProto:
    model = batch_norm(settings, training=training)
    node = model.graph.node[0]
    for attribute in [found for found in node.attribute if found.name in ("epsilon", "momentum")]:
        node.attribute.remove(attribute)
    return model


def defaults(settings: Configuration) -> Layer | Unsupported:
    """A node without ``epsilon`` and ``momentum``."""
    return refusal(settings) or layer_of(BatchNorm(settings, _without_settings))


def forward_only(settings: Configuration) -> Layer | Unsupported:
    """The node in training mode, its new statistics fed to no call."""
    if reason := refusal(settings):
        return reason
    layer = BatchNorm(settings)

    def training_step(x: Array) -> Array:
        y: Array = layer.trains.run(["y"], {"x": x, **layer.fed})[0]
        return y

    return replace(layer_of(layer), training_step=training_step)
