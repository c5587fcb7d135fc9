"""Probe variants of TensorFlow 1's layer function."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import tensorflow as tf
import tensorflow.compat.v1 as v1
from tf_keras.src.legacy_tf_layers import normalization

from bn_impls.interface import Configuration, Layer, Unsupported
from bn_impls.keras2_kernels import kernel_refusal
from bn_impls.tf1_boundary import Drawn, Feeds
from bn_impls.tf1_boundary import refusal as tf1_refusal
from bn_impls.tf1_layers import draw, found_by_name
from bn_impls.variants.tf1_variants import Family, Untouched, as_drawn


def _style_refusal(settings: Configuration) -> Unsupported | None:
    return tf1_refusal(settings.device, settings.style, settings.dtype)


def _refusal(settings: Configuration) -> Unsupported | None:
    return _style_refusal(settings) or kernel_refusal(settings)


FAMILY = Family(draw, _refusal)
UNREFUSED = Family(draw, _style_refusal)
verbatim = UNREFUSED.verbatim
forward_only = FAMILY.forward_only
evaluating = FAMILY.evaluating
tensor_flag = FAMILY.tensor_flag
second_order = FAMILY.second_order
inference_gradient = FAMILY.inference_gradient
masked = Unsupported("tf.layers.batch_normalization takes no mask")
replicas = Unsupported("a session of TensorFlow 1 runs one graph; tf.distribute's replicas are TensorFlow 2's")
replicas_synchronized = replicas


def _drawing(**arguments: Any) -> Any:
    """The layer function with these arguments and no others."""

    def drawn(settings: Configuration, x: tf.Tensor, feeds: Feeds, name: str) -> Drawn:
        known = len(v1.get_collection(v1.GraphKeys.UPDATE_OPS))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns that it is deprecated
            y = normalization.batch_normalization(x, training=feeds.is_training, name=name, **arguments)
        return found_by_name(y, name, known)

    return drawn


def defaults(settings: Configuration) -> Layer | Unsupported:
    """Nothing given but ``training``."""
    return UNREFUSED.offered(settings, as_drawn(_drawing(axis=settings.usual_axis), Untouched))


def frozen(settings: Configuration) -> Layer | Unsupported:
    """``trainable=False``: optimizers see no variable of the layer."""
    given = {"momentum": settings.decay, "epsilon": settings.epsilon, "trainable": False}
    built = FAMILY.offered(settings, _drawing(axis=settings.usual_axis, **given))
    if isinstance(built, Unsupported):
        return built

    def without_parameters(x: Any, dy: Any) -> tuple[Any, ...]:
        return *built.differentiated(x, dy)[:2], None, None  # gamma and beta are not in TRAINABLE_VARIABLES

    return replace(built, training_step_with_gradients=without_parameters)
