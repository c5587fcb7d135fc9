"""Whether a framework ran a fused batch normalization, by the names of the operations that it executed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bn_impls.interface import Observation

FUSED = re.compile(r"FusedBatchNorm|BatchNormalization|(native|cudnn|miopen|mkldnn)_batch_norm")
"""Kernels of TensorFlow, ONNX and PyTorch that normalize in one operation."""


def compiled(compiler: str, style: Observation) -> Observation:
    """What runs is the compiler's own code, whatever operations it was given: it takes a fused one apart."""
    return Observation(f"compiled by {compiler}", style.evidence)


def kernel(operations: Iterable[str]) -> Observation:
    """What the names of executed operations show.

    Args:
        operations: names, such as ``FusedBatchNormV3`` or ``aten::mul``.

    Returns:
        ``fused`` or ``separate operations``, with the names that show it.
    """
    names = sorted(set(operations))
    fused = [name for name in names if FUSED.search(name)]
    if fused:
        return Observation("fused", f"executed: {', '.join(fused[:4])}")
    if not names:
        return Observation("unknown", "no operation was seen to run")
    return Observation(
        "separate operations", f"{len(names)} kinds of operations, none a batch normalization: {', '.join(names[:6])}"
    )
