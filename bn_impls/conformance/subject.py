"""The implementation under test, as the checks see it: configurations, layers, drawn inputs and states."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bn_impls.accuracy.dtypes import numpy_dtype
from bn_impls.conformance.calls import Call, Kind
from bn_impls.conformance.model import Failure, Found, NotOffered
from bn_impls.interface import Array, Configuration, Implementation, Layer, Style, Unsupported
from bn_impls.state import State

DECAY, EPSILON = 0.875, 0.02  # no API's defaults, so that ignoring them shows; float32 represents the first exactly
NARROW = 0.1
MAP = (6, 3, 2, 4)
TABLE = (10, 4)
SHAPES = (MAP, TABLE)
DTYPES = ("float64", "float32", "float16", "bfloat16")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is tested.

    Attributes:
        implementation: as loaded.
        style: in which its layers are called.
        styles: all that it declares.
        dtype: the most exact one that it offers; mistakes show best there.
        shape: of the usual input.
        decay: of the usual configuration.
        epsilon: the same.
        scratch: an empty folder.
        printed: the file that receives standard output; None where nobody watches it.
        import_changes: what the import changed of the global state, values before and after; None where nobody watched.
    """

    implementation: Implementation
    style: Style = "eager"
    styles: tuple[Style, ...] = ("eager",)
    dtype: str = "float64"
    shape: tuple[int, ...] = MAP
    decay: float = DECAY
    epsilon: float = EPSILON
    scratch: Path
    printed: Path | None = None
    import_changes: dict[str, tuple[str, str]] | None = None

    def configuration(self, **changes: Any) -> Configuration:
        """The usual configuration, with the declared conventions; ``changes`` replace fields."""
        usual: dict[str, Any] = {
            "input_shape": self.shape,
            "layout": "channels_last",
            "dtype": self.dtype,
            "decay": self.decay,
            "epsilon": self.epsilon,
            "center": True,
            "scale": True,
            "conventions": self.implementation.conventions,
            "style": self.style,
            "device": "cpu",
        }
        return Configuration(**usual | changes)

    def build(self, **changes: Any) -> Layer:
        """A fresh layer.

        Raises:
            NotOffered: the implementation says ``Unsupported``.
            Found: what it gives is no layer.
        """
        built: Any = self.implementation.build(self.configuration(**changes))
        if isinstance(built, Unsupported):
            raise NotOffered(built.reason)
        if not isinstance(built, Layer):
            got = f"a {type(built).__name__}"
            raise Found(
                Failure(
                    message=f"build gave {got}, but should give a Layer or Unsupported(reason)",
                    got=got, expected="a bn_impls.interface.Layer", cause="form",
                )
            )  # fmt: skip
        return built

    def settled(self) -> Subject:
        """The same, with the most exact dtype and the usual shape of those that it offers.

        Raises:
            NotOffered: it builds none.
        """
        reasons = []
        for dtype in DTYPES:
            for shape in SHAPES:
                try:
                    self.build(dtype=dtype, input_shape=shape).close()
                except NotOffered as refusal:
                    reasons.append(str(refusal))
                    continue
                except Exception:  # the checks say what is wrong, one by one
                    return self
                return replace(self, dtype=dtype, shape=shape)
        raise NotOffered(reasons[0])


def calls(
    settings: Configuration, *kinds: Kind, seed: int = 0, num_updates: int = 3, mean: float = 0.5, spread: float = 1.0
) -> list[Call]:
    """One drawn call of each kind.

    Args:
        settings: gives shape and dtype.
        kinds: of the calls.
        seed: of everything drawn.
        num_updates: in the imported state.
        mean: of the channels' means; each channel has its own around it.
        spread: of the channels' deviations, times 0.5 to 2.

    Returns:
        The calls, each with input and state of its own.
    """
    generator = np.random.default_rng(seed)
    return [_drawn(settings, kind, generator, num_updates, mean, spread) for kind in kinds]


def _drawn(
    settings: Configuration, kind: Kind, generator: np.random.Generator, num_updates: int, mean: float, spread: float
) -> Call:
    wide, channels, dtype = settings.parameter_shape, settings.channels, numpy_dtype(settings.dtype)
    means = mean * (1 + 0.5 * generator.uniform(-1, 1, channels))
    deviations = spread * generator.uniform(0.5, 2.0, channels)
    means[0] *= NARROW  # a variance below epsilon, so that its place shows, and no worse conditioned than the others
    deviations[0] *= NARROW
    x = means.reshape(wide) + deviations.reshape(wide) * generator.standard_normal(settings.input_shape)
    state = drawn_state(settings, generator, num_updates)
    return Call(kind, x.astype(dtype), generator.standard_normal(settings.input_shape).astype(dtype), state)


def drawn_state(settings: Configuration, generator: np.random.Generator, num_updates: int) -> State:
    """A state that the layer could have, representable in its dtype: no value is a start value."""
    channels, dtype = settings.channels, numpy_dtype(settings.dtype)

    def stored(values: Array) -> Array:
        return values.astype(dtype).astype(settings.parameter_dtype)

    variances = generator.uniform(1.5, 3.0, channels)
    variances[0] *= NARROW**2
    gamma, beta = generator.uniform(0.5, 1.5, channels), generator.normal(0.0, 0.5, channels)
    gamma[1::2] *= -1  # nothing keeps a gamma positive
    return State(
        gamma=stored(gamma if settings.scale else np.ones(channels)),
        beta=stored(beta if settings.center else np.zeros(channels)),
        moving_mean=stored(generator.normal(0.0, 1.0, channels)),
        moving_variance=stored(variances),
        num_updates=num_updates,
    )
