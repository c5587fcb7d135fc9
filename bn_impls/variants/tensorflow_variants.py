"""What the probe variants of TensorFlow 2's layers share: functions that are traced when they are first called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from bn_impls import tensorflow_boundary as boundary
from bn_impls.interface import Array, Configuration, Layer, Style, Unsupported
from bn_impls.tensorflow_layer import Counted, Uncounted

Make = Callable[[Configuration], Uncounted]


def traced(function: Callable[..., Any], style: Style) -> Callable[..., Any]:
    """The callable of a call style, traced at its first call."""
    if style == "eager":
        return function
    found: Callable[..., Any] = tf.function(function, jit_compile=style == "xla", autograph=False)
    return found


@dataclass(frozen=True)
class Family:
    """The variants of one layer class that every layer of TensorFlow 2 has in the same form.

    Attributes:
        make: the layer.
        refusal: why a configuration cannot be built, or None.
        set_count: tells a layer that keeps a count of its own how many updates there were.
    """

    make: Make
    refusal: Callable[[Configuration], Unsupported | None]
    set_count: Callable[[Any, int], None] = lambda layer, updates: None

    def build(self, settings: Configuration, layer: Uncounted, **parts: Any) -> Layer:
        """A layer of the interface; ``parts`` replace ``forward``, ``differentiate``, ``inference`` or ``raw``."""
        counted, style = Counted(settings, layer), settings.style

        def load(state: Any) -> None:
            counted.load_state(state)
            self.set_count(layer, state["num_updates"])

        forward = parts.get("forward", lambda x: layer(x, training=True))
        inference = parts.get("inference", lambda x: layer(x, training=False))
        return Layer(
            configuration=settings,
            inference=traced(inference, style) if "raw" not in parts else inference,
            training_step=counted.counter.wrap(traced(forward, style) if "raw" not in parts else forward),
            training_step_with_gradients=counted.counter.wrap(
                traced(parts.get("differentiate", counted.gradients), style)
            ),
            to_native=boundary.to_native(settings.device, settings.dtype),
            to_numpy=boundary.to_numpy,
            synchronize=boundary.synchronize,
            export_state=counted.export_state,
            load_state=load,
            observe=boundary.observe,
            formats=counted.formats(),
        )

    def offered(self, settings: Configuration, **parts: Any) -> Layer | Unsupported:
        """The same for a configuration that may be refused; each part is a function of the layer."""
        if reason := self._refused(settings):
            return reason
        with boundary.placed(settings.device):
            layer = self.make(settings)
        return self.build(settings, layer, **{name: part(layer) for name, part in parts.items()})

    def _refused(self, settings: Configuration) -> Unsupported | None:
        return boundary.refusal(settings.device, settings.style, settings.dtype) or self.refusal(settings)

    # ---- the variants -----------------------------------------------------------------------------------------------

    def forward_only(self, settings: Configuration) -> Layer | Unsupported:
        """The layer's own training call, which updates by itself."""
        return self.offered(settings)

    def evaluating(self, settings: Configuration) -> Layer | Unsupported:
        """``training=False`` under a tape."""

        def inference(layer: Uncounted) -> Callable[..., Any]:
            return lambda x: layer(x, training=False)

        def differentiate(layer: Uncounted) -> Callable[..., Any]:
            return boundary.gradients(inference(layer), (layer.gamma, layer.beta))

        return self.offered(settings, forward=inference, differentiate=differentiate)

    def tensor_flag(self, settings: Configuration) -> Layer | Unsupported:
        """``training`` is a tensor."""

        def flagged(layer: Uncounted) -> Callable[..., Any]:
            call = traced(lambda x, flag: layer(x, training=flag), settings.style)
            return lambda x, flag: call(x, tf.constant(bool(flag)))

        return self.offered(settings, forward=flagged, raw=lambda _: True)

    def masked(self, settings: Configuration) -> Layer | Unsupported:
        """``mask`` beside the input, as Keras' layers take it."""

        def forward(layer: Any) -> Callable[..., Any]:
            call = traced(lambda x, mask: layer(x, training=True, mask=mask), settings.style)
            return lambda x, mask: call(x, broadcast_mask(mask, x))

        return self.offered(settings, forward=forward, raw=lambda _: True)

    def differentiated_for(
        self, settings: Configuration, trainable: Callable[[Any], list[tf.Variable]]
    ) -> Layer | Unsupported:
        """Training calls that differentiate for the variables that a layer calls trainable, as users' loops do."""

        def differentiate(layer: Uncounted) -> Callable[..., Any]:
            known = {id(variable) for variable in trainable(layer)}
            parameters = [variable if id(variable) in known else None for variable in (layer.gamma, layer.beta)]
            return boundary.gradients(lambda x: layer(x, training=True), parameters)

        return self.offered(settings, differentiate=differentiate)

    def second_order(self, settings: Configuration) -> Layer | Unsupported:
        """A tape around a tape."""

        def twice(layer: Uncounted) -> Callable[..., Any]:
            def compute(x: tf.Tensor, dy: tf.Tensor, v: tf.Tensor) -> tuple[tf.Tensor, ...]:
                with tf.GradientTape() as outer:
                    outer.watch([x, dy])
                    with tf.GradientTape() as inner:
                        inner.watch(x)
                        y = layer(x, training=True)
                    dx = inner.gradient(y, x, output_gradients=dy)
                    product = tf.reduce_sum(v * dx)
                return dx, *outer.gradient(product, [x, dy])

            return compute

        return self.offered(settings, differentiate=twice)

    def inference_gradient(self, settings: Configuration) -> Layer | Unsupported:
        """A tape that watches the moving mean beside the input."""

        def through(layer: Uncounted) -> Callable[..., Any]:
            def compute(x: tf.Tensor, dy: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
                with tf.GradientTape() as tape:
                    tape.watch([x, layer.moving_mean])
                    y = layer(x, training=False)
                return y, *tape.gradient(y, [x, layer.moving_mean], output_gradients=dy)

            return compute

        return self.offered(settings, differentiate=through)

    def on_replicas(self, settings: Configuration, make: Make | None = None) -> Layer | Unsupported:
        """Halves of each batch on two logical CPU devices under ``MirroredStrategy``."""
        if reason := self._refused(settings):
            return reason
        strategy = mirrored()
        with strategy.scope():
            layer = (make or self.make)(settings)

        def of_halves(training: bool) -> Callable[[tf.Tensor], tf.Tensor]:
            def run(halves: Any) -> Any:
                return strategy.run(replica, args=(halves,))

            compiled = settings.style == "xla"  # each replica's part: a compiled function stays on one device
            replica = traced(lambda half: layer(half, training=training), "xla" if compiled else "eager")
            run = traced(run, "graph" if compiled else settings.style)

            def call(x: tf.Tensor) -> tf.Tensor:
                halves = tf.split(x, 2)
                given = strategy.experimental_distribute_values_from_function(
                    lambda context: halves[context.replica_id_in_sync_group]
                )
                return tf.concat(strategy.experimental_local_results(run(given)), 0)

            return call

        return self.build(settings, layer, forward=of_halves(True), inference=of_halves(False), raw=True)


def mirrored() -> tf.distribute.Strategy:
    """A strategy with two replicas on the CPU, split into two logical devices if it is not yet."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    if tf.config.get_logical_device_configuration(cpu) is None:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def broadcast_mask(mask: Array, x: tf.Tensor) -> tf.Tensor:
    """A mask (batch,) as Keras wants it: the input's shape without the channels."""
    shape = x.shape[:-1]
    wide = tf.reshape(tf.constant(mask), [-1, *[1] * (len(shape) - 1)])
    return tf.broadcast_to(wide, shape)
