r"""What of a layer's state hangs on conventions, and how it is converted from one implementation's to another's.

Decay, epsilon, gamma, beta, the moving mean and ``num_updates`` mean the same in every canonical state; each adapter
translates them at its boundary. The moving variance does not: it averages batch variances that divide by n or by n - 1.
With the decays d_i of the t updates so far, and v_0 before the first of them::

    v_t = P v_0 + sum_i w_i s_i^2,   P = d_1 d_2 ... d_t

so another ddof multiplies all but the start value's share: v' = P v_0 + (v_t - P v_0) f, f = (n - ddof) / (n - ddof').
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bn_impls.errors import BadConfiguration
from bn_impls.interface import Array, Conventions, TrainerConfiguration
from bn_impls.networks.description import BatchNorm

ONE_BY_ONE = 10_000
"""Decays of a warm-up that are multiplied as they were applied, rounding and all; 9! / 10,000^9 is left then."""


@dataclass(frozen=True)
class Normalization:
    """A batch normalization layer at its place.

    Attributes:
        name: of the layer.
        decay: the configured one.
        count: n, values of a channel in a batch.
    """

    name: str
    decay: float
    count: int


def normalizations(settings: TrainerConfiguration) -> Iterator[Normalization]:
    """Those of a network, in order."""
    for named in settings.network.named_layers():
        if isinstance(named.layer, BatchNorm):
            values = settings.batch_size * math.prod(named.input_shape[:-1])
            yield Normalization(named.name, named.layer.decay, values)


def start_share(conventions: Conventions, decay: float, updates: int) -> float:
    """P, the weight that the start value still has in a moving average; 0 where it is debiased.

    Args:
        conventions: of the average.
        decay: the configured one.
        updates: number of updates so far; a checkpoint's counter may be damaged, and is answered at any size.

    Returns:
        The product of the decays that were applied. Those of a warm-up are multiplied one by one where there are few;
        later ones, (1 + t) / (10 + t) from t = a to b - 1, have the product of (a + k) / (b + k) over k = 1 ... 9.
    """
    if updates <= 0:
        return 1.0
    constant, share = conventions.decay_of(decay, updates - 1), 1.0
    for update in range(min(updates, ONE_BY_ONE)):
        applied = conventions.decay_of(decay, update)
        if applied in (0.0, constant):  # decays never fall: from here to the last they are the same
            return share * float(applied) ** (updates - update)
        share *= applied
    warm = _warm_updates(decay, updates)
    return share * math.prod((ONE_BY_ONE + k) / (warm + k) for k in range(1, 10)) * constant ** (updates - warm)


def _warm_updates(decay: float, updates: int) -> int:
    """How many of the updates have a decay that warms up, (1 + t) / (10 + t): that is below the configured one."""
    return updates if decay == 1 else min(updates, max(ONE_BY_ONE, math.ceil((10 * decay - 1) / (1 - decay))))


def rescaled_variance(
    variance: Array, *, source: Conventions, target: Conventions, decay: float, updates: int, count: int
) -> Array:
    """The moving variance that training with the target's ddof would have led to.

    Args:
        variance: moving variance of the source, (C,).
        source: its conventions.
        target: those of the implementation that goes on.
        decay: the configured one.
        updates: number of updates so far.
        count: n, values of a channel in a batch.

    Returns:
        The rescaled variance, (C,), in its dtype; the same array where both divide alike.

    Raises:
        BadConfiguration: one value a channel, of which no unbiased variance can be taken.
    """
    if source.ddof == target.ddof:
        return variance
    if count < 2:
        raise BadConfiguration(f"got {count} value a channel, but a variance with ddof 1 needs 2; use a larger batch")
    kept = start_share(source, decay, updates) * source.initial_variance
    factor = (count - source.ddof) / (count - target.ddof)
    rescaled: Array = (kept + (variance.astype("float64") - kept) * factor).astype(variance.dtype)
    return rescaled


def converted_weights(
    settings: TrainerConfiguration, weights: Mapping[str, Array], source: Conventions, target: Conventions
) -> dict[str, Array]:
    """A network's weights as an implementation with other conventions would have them.

    Args:
        settings: network and batch size.
        weights: with statistics and counters, by ``layer/name``.
        source: conventions of the moving statistics so far.
        target: those of the implementation that goes on.

    Returns:
        The same arrays, but for the moving variances.
    """
    changed = dict(weights)
    for layer in normalizations(settings):
        name = f"{layer.name}/moving_variance"
        changed[name] = rescaled_variance(
            weights[name], source=source, target=target, decay=layer.decay,
            updates=int(weights[f"{layer.name}/num_updates"]), count=layer.count,
        )  # fmt: skip
    return changed
