"""What the probe variants in TensorFlow 1's style share: a graph with further fetches, and its callables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow.compat.v1 as v1

from bn_impls.interface import Configuration, Layer, Unsupported
from bn_impls.tf1_boundary import Draw, Drawn, Host, Tf1Layer, layer_around

Fetch = Callable[[Drawn, tf.Tensor, Sequence[tf.Tensor]], Sequence[tf.Tensor | None]]


@dataclass(frozen=True)
class Untouched(Drawn):
    """A batch normalization whose statistics start where the API starts them."""

    def start(self, conventions: Any) -> list[tf.Operation]:
        """Nothing is assigned."""
        return []


def as_drawn(draw: Draw, kind: type[Drawn] = Drawn, **changes: Any) -> Draw:
    """The same drawing, with parts of what it left replaced."""

    def changed(settings: Configuration, x: tf.Tensor, feeds: Any, name: str) -> Drawn:
        left = draw(settings, x, feeds, name)
        parts = {field: getattr(left, field) for field in left.__dataclass_fields__}
        return kind(**parts | changes)

    return changed


@dataclass(frozen=True)
class Family:
    """The variants of one drawing.

    Attributes:
        draw: the batch normalization.
        refusal: why a configuration cannot be built, or None.
        two_calls: whether the update is a session call of its own.
    """

    draw: Draw
    refusal: Callable[[Configuration], Unsupported | None]
    two_calls: bool = False

    def offered(self, settings: Configuration, draw: Draw | None = None) -> Layer | Unsupported:
        """A layer by another drawing."""
        layer: Layer | Unsupported = self.refusal(settings) or layer_around(
            Tf1Layer(settings, draw or self.draw, two_calls=self.two_calls)
        )
        return layer

    def verbatim(self, settings: Configuration) -> Layer | Unsupported:
        """Start values of the API's own."""
        return self.offered(settings, as_drawn(self.draw, Untouched))

    def forward_only(self, settings: Configuration) -> Layer | Unsupported:
        """The output fetched with training true, and no update operation run."""
        return self.refusal(settings) or layer_around(
            Tf1Layer(settings, as_drawn(self.draw, updates=[]), two_calls=False)
        )

    def evaluating(self, settings: Configuration) -> Layer | Unsupported:
        """Output and gradients fetched with training false."""
        if reason := self.refusal(settings):
            return reason
        layer = Tf1Layer(settings, as_drawn(self.draw, updates=[]), two_calls=False)

        def differentiate(x: Any, dy: Any) -> tuple[Any, ...]:
            (y, *found), _ = layer.run_gradients(x, *layer.host.values(False), dy)
            given = iter(found)
            return y, *(None if g is None else next(given) for g in layer.wanted)

        return layer_around(layer, training_step=layer.inference, training_step_with_gradients=differentiate)

    def tensor_flag(self, settings: Configuration) -> Layer | Unsupported:
        """The flag is the placeholder that it always is; the update runs with it where the form has it beside."""
        if reason := self.refusal(settings):
            return reason
        layer = Tf1Layer(settings, self.draw, two_calls=self.two_calls)

        def training_step(x: Any, flag: bool) -> Any:
            return layer.run_forward(x, *layer.host.values(bool(flag)))[0] if not flag else layer.training_step(x)

        return layer_around(layer, training_step=training_step)

    def second_order(self, settings: Configuration) -> Layer | Unsupported:
        """``tf.gradients`` of ``tf.gradients``."""

        def fetch(drawn: Drawn, x: tf.Tensor, given: Sequence[tf.Tensor]) -> Sequence[tf.Tensor | None]:
            dy, v = given
            (dx,) = tf.gradients(drawn.output, [x], grad_ys=dy)
            return [dx, *tf.gradients(tf.reduce_sum(v * dx), [x, dy])]

        return self._fetching(settings, fetch, arguments=2, training=True)

    def inference_gradient(self, settings: Configuration) -> Layer | Unsupported:
        """``tf.gradients`` for the input and the moving mean."""

        def fetch(drawn: Drawn, x: tf.Tensor, given: Sequence[tf.Tensor]) -> Sequence[tf.Tensor | None]:
            return [drawn.output, *tf.gradients(drawn.output, [x, drawn.moving_mean], grad_ys=given[0])]

        return self._fetching(settings, fetch, arguments=1, training=False)

    def _fetching(self, settings: Configuration, fetch: Fetch, arguments: int, training: bool) -> Layer | Unsupported:
        if reason := self.refusal(settings):
            return reason
        host = Host(settings.device, ["layer"])
        with host.drawing():
            x, *more = (v1.placeholder(settings.dtype, settings.input_shape) for _ in range(1 + arguments))
            drawn = self.draw(settings, x, host.feeds("layer"), "layer")
            fetched = fetch(drawn, x, more)
        host.open([])
        run = host.session.make_callable([f for f in fetched if f is not None], [x, *host.fed, *more])
        layer = Tf1Layer(settings, self.draw, two_calls=self.two_calls)  # whose state is fed in before each call

        def differentiate(first: Any, *others: Any) -> tuple[Any, ...]:
            own = host.variables
            values = layer.host.read(layer.host.variables)
            host.write([(own[name], np.asarray(value)) for name, value in values.items()])
            host.counts.update(layer.host.counts)
            found = iter(run(first, *host.values(training), *others))
            return tuple(None if f is None else next(found) for f in fetched)

        def close() -> None:
            host.close()
            layer.host.close()

        return layer_around(layer, training_step_with_gradients=differentiate, close=close)
