r"""How far the logits of a network may be off by rounding, when its weights and moving statistics are exact.

The bounds of :mod:`bn_impls.accuracy.bounds`, carried from layer to layer by first-order analysis (Higham (2002),
section 3.1; notation as there). With e the bound of a layer's input x, u the unit roundoff::

    y = x W + b          e' = e |W| + (k + 1) u |x| |W| + u |b|,   k the factor of a sum of as many terms
    batch normalization  e' = |gamma| / s e + inference_bound(x)
    relu, max, flatten   e' = the same, or its largest in a window: they round nothing
    elu, tanh, sigmoid   e' = e + 4 u (|y| + 1): their slope is at most 1, and a library is right to 4 ulps
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from bn_impls.accuracy.bounds import Quality, inference_bound, roundoff, sum_factor
from bn_impls.interface import Array, TrainerConfiguration
from bn_impls.networks.description import Activation, BatchNorm, Conv, Dense, Dropout, NamedLayer, Network
from bn_impls.networks.numpy_layers import PLAIN_LAYERS, Context

Normalize = Callable[[NamedLayer, Array], Array]
INFERENCE = Context(training=False, statistics="moving", masks={})
FUNCTION_ULPS = 4


def forward(network: Network, weights: Mapping[str, Array], x: Array, normalize: Normalize) -> Array:
    """The network's logits, with batch normalization left to the caller; in the dtype of ``x``.

    Args:
        network: its description.
        weights: by ``layer/parameter``.
        x: inputs, (n, ...).
        normalize: a batch normalization layer and its input -> its output.

    Returns:
        Logits, (n, classes).
    """
    for named in network.named_layers():
        x = normalize(named, x) if isinstance(named.layer, BatchNorm) else _plain(named, weights, x)
    return x


def _plain(named: NamedLayer, weights: Mapping[str, Array], x: Array, *, magnitudes: bool = False) -> Array:
    """A layer without state; with ``magnitudes``, of its weights' absolute values and without its bias."""
    if isinstance(named.layer, Dropout):
        return x
    part = PLAIN_LAYERS[type(named.layer)](named, x.dtype.name)
    for parameter in part.parameters:
        own = weights[f"{named.name}/{parameter}"].astype(x.dtype)
        part.parameters[parameter] = (np.abs(own) if parameter == "kernel" else 0 * own) if magnitudes else own
    return np.asarray(part.forward(x, INFERENCE))


def inference(network: Network, weights: Mapping[str, Array], x: Array) -> Array:
    """Logits by the moving statistics, in float64.

    Args:
        network: its description.
        weights: with statistics, by ``layer/name``.
        x: inputs, (n, ...).

    Returns:
        Logits, (n, classes).
    """
    return forward(network, weights, x.astype(np.float64), lambda named, h: _normalized(named, weights, h)[0])


def _normalized(named: NamedLayer, weights: Mapping[str, Array], x: Array) -> tuple[Array, Array]:
    """Output, and gamma / s."""
    assert isinstance(named.layer, BatchNorm)
    own = {name: weights[f"{named.name}/{name}"].astype(np.float64) for name in _names(named.layer)}
    slope = own.get("gamma", 1.0) / np.sqrt(own["moving_variance"] + named.layer.epsilon)
    return (x - own["moving_mean"]) * slope + own.get("beta", 0.0), slope


def _names(layer: BatchNorm) -> list[str]:
    parameters = [name for name, used in (("gamma", layer.scale), ("beta", layer.center)) if used]
    return ["moving_mean", "moving_variance", *parameters]


def inference_bounds(
    settings: TrainerConfiguration, weights: Mapping[str, Array], x: Array, quality: Quality
) -> tuple[Array, Array]:
    """Logits by the moving statistics, and how far an evaluation of this quality may be off.

    Args:
        settings: network and dtype.
        weights: with statistics, by ``layer/name``, which the evaluation has exactly.
        x: inputs, (n, ...), which it has exactly too.
        quality: of the evaluation that is allowed.

    Returns:
        Logits in float64 and their bound, each (n, classes).
    """
    h, error, u = x.astype(np.float64), np.zeros(x.shape), roundoff(settings.dtype, quality)
    for named in settings.network.named_layers():
        h, error = _step(settings, named, weights, h, error, quality, u)
    return h, error


def _step(
    settings: TrainerConfiguration, named: NamedLayer, weights: Mapping[str, Array], x: Array, error: Array,
    quality: Quality, u: float,
) -> tuple[Array, Array]:  # fmt: skip
    layer = named.layer
    if isinstance(layer, BatchNorm):
        y, slope = _normalized(named, weights, x)
        return y, np.abs(slope) * error + _of_normalization(settings, named, weights, x, quality)
    y = _plain(named, weights, x)
    if isinstance(layer, Dense | Conv):
        terms = weights[f"{named.name}/kernel"].size // y.shape[-1]
        sizes = _plain(named, weights, np.abs(x), magnitudes=True)
        carried = _plain(named, weights, error, magnitudes=True)
        bias = np.abs(weights[f"{named.name}/bias"].astype(np.float64))
        return y, carried + (sum_factor(terms, quality) + 1) * u * sizes + u * (sizes + bias)
    if isinstance(layer, Activation):
        return y, error if layer.function == "relu" else error + FUNCTION_ULPS * u * (np.abs(y) + 1)
    return y, _plain(named, weights, error)


def _of_normalization(
    settings: TrainerConfiguration, named: NamedLayer, weights: Mapping[str, Array], x: Array, quality: Quality
) -> Array:
    assert isinstance(named.layer, BatchNorm)
    own = {name: weights[f"{named.name}/{name}"].astype(np.float64) for name in _names(named.layer)}
    exact = np.zeros(x.shape[-1])
    return inference_bound(
        settings.layer_configuration(named.layer, named.input_shape), quality, x, own["moving_mean"],
        own["moving_variance"], exact, exact, own.get("gamma", exact + 1), own.get("beta", exact),
    )  # fmt: skip
