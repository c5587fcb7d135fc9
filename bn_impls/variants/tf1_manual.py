"""Probe variants of document 004's function."""

from __future__ import annotations

from bn_impls.interface import Unsupported
from bn_impls.tf1_manual import configuration_refusal, draw
from bn_impls.variants.tf1_variants import Family

FAMILY = Family(draw, configuration_refusal)
verbatim = FAMILY.verbatim
forward_only = FAMILY.forward_only
evaluating = FAMILY.evaluating
tensor_flag = FAMILY.tensor_flag
second_order = FAMILY.second_order
inference_gradient = FAMILY.inference_gradient
defaults = Unsupported("tf.nn.batch_normalization and ExponentialMovingAverage have no default epsilon and decay")
frozen = Unsupported("functions have no switch that freezes: what is not given to the optimizer stays")
masked = Unsupported("tf.nn.moments takes no mask; tf.nn.weighted_moments would be another layer")
replicas = Unsupported("a session of TensorFlow 1 runs one graph; tf.distribute's replicas are TensorFlow 2's")
replicas_synchronized = replicas
