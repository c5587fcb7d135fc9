"""Probe variants of the kernel of our own, which has the calls of the interface and no others."""

from __future__ import annotations

from bn_impls.interface import Unsupported
from bn_impls.numba_layer import build

verbatim = forward_only = build
defaults = Unsupported("the kernel has no default epsilon and decay")
frozen = Unsupported("the kernel has no switch that freezes: what is not given to the optimizer stays")
evaluating = Unsupported("gradients are written for the batch's statistics; by the moving ones there are none")
inference_gradient = evaluating
masked = Unsupported("the kernel takes no mask")
tensor_flag = Unsupported("training and inference are two functions; there is no flag")
second_order = Unsupported("gradients are written by hand, and those of gradients are not")
replicas = Unsupported("the kernel computes in one process")
replicas_synchronized = replicas
