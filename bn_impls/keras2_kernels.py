"""Which kernel Keras 2's batch normalization calls, and what follows from it: for its layer and for ``tf.layers``.

Maps and volumes (rank 4 and 5) in 32 bits or fewer go to the fused kernel, which divides the moving variance by n - 1;
everything else is computed by moments, which divide by n.
"""

from __future__ import annotations

from bn_impls.interface import Configuration, OtherKernel, TrainerConfiguration, Unsupported

BY_RANK = OtherKernel(ranks=(4, 5), dtypes=("float32", "float16", "bfloat16"), ddof=1)


def kernel_refusal(settings: Configuration | TrainerConfiguration) -> Unsupported | None:
    """Why Keras 2 cannot do this, or None.

    Args:
        settings: of a layer, or of a network, whose batch normalization layers are then asked one by one.
    """
    conventions = settings.conventions
    if conventions.debias:
        return Unsupported("Keras 2 does not debias its averages")
    if conventions.warm_up:
        return Unsupported("Keras 2 keeps its momentum constant; warm-up is not offered")
    if conventions.decay_in_float32 or not conventions.complement_in_float32:
        return Unsupported("Keras 2 rounds 1 - momentum to float32, and nothing else; another rounding is not offered")
    if isinstance(settings, Configuration):
        return _of_layer(settings)
    return next(filter(None, map(_of_layer, settings.layer_configurations())), None)


def _of_layer(layer: Configuration) -> Unsupported | None:
    rank = len(layer.input_shape)
    fused = rank in BY_RANK.ranks and layer.dtype in BY_RANK.dtypes
    ddof = 1 if fused else 0
    if layer.conventions.ddof != ddof:
        divisor = "n - 1" if fused else "n"
        return Unsupported(
            f"Keras 2 divides by {divisor} for rank {rank} in {layer.dtype}; ddof {1 - ddof} is not offered"
        )
    return None
