"""The Keras builder: a functional Keras model and a Keras optimizer, trained by a loop of one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bn_impls import tensorflow_boundary as boundary
from bn_impls.interface import Array, Configuration, Trainer, TrainerConfiguration, Unsupported
from bn_impls.keras_checkpoints import keras_formats, without_optimizer
from bn_impls.networks.description import (
    Activation,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    MaxPool,
    NamedLayer,
    Unused,
)
from bn_impls.networks.optimizers import SGD, Optimizer
from bn_impls.networks.tensorflow_loop import Masks, TrainingLoop

MakeBatchNorm = Callable[[Configuration, str], keras.layers.Layer]


def keras_model(settings: TrainerConfiguration, make_batch_norm: MakeBatchNorm) -> keras.Model:
    """The network as a functional model.

    Each dropout layer is a product with a mask that is an input of the model. The output is the logits; where there is
    a batch normalization that nobody reads, its output follows in a list, or the model would not hold it.
    """
    x = keras.Input(settings.network.input_shape, dtype=settings.dtype, name="x")
    masks = {
        name: keras.Input(shape, dtype=settings.dtype, name=name)
        for name, shape in settings.network.dropout_shapes().items()
    }
    h, unused = x, []
    for named in settings.network.named_layers():
        if isinstance(named.layer, Dropout):
            h = keras.layers.Multiply(dtype=settings.dtype)([h, masks[named.name]])
        elif isinstance(named.layer, Unused):
            unused.append(_keras_layer(named, settings, make_batch_norm)(h))
        else:
            h = _keras_layer(named, settings, make_batch_norm)(h)
    return keras.Model({"x": x, **masks}, [h, *unused] if unused else h)


def _keras_layer(
    named: NamedLayer, settings: TrainerConfiguration, make_batch_norm: MakeBatchNorm
) -> keras.layers.Layer:
    common: dict[str, Any] = {"name": named.name, "dtype": settings.dtype}
    match named.layer:
        case Dense(units=units):
            return keras.layers.Dense(units, **common)
        case Conv(filters=filters, size=size):
            return keras.layers.Conv2D(filters, size, padding="same", **common)
        case MaxPool(size=size):
            return keras.layers.MaxPooling2D(size, **common)
        case Flatten():
            return keras.layers.Flatten(**common)
        case Activation(function=function):
            return keras.layers.Activation(function, **common)
        case (BatchNorm() as norm) | Unused(layer=norm):
            return make_batch_norm(settings.layer_configuration(norm, named.input_shape), named.name)
    raise TypeError(f"{named.name} is a {type(named.layer).__name__}, which this builder does not know")


def keras_optimizer(settings: Optimizer) -> keras.optimizers.Optimizer:
    """Keras' own optimizer; its Adam is the form of :mod:`bn_impls.networks.optimizers`.

    In every dtype Keras rounds the learning rate, and the betas in the correction, to float32: Adam's first steps are
    then up to 1.3e-5 / 2 too long or short (1 - beta_2 is off by float32's half ulp over 0.001), all steps of both
    optimizers up to 6e-8.
    """
    if isinstance(settings, SGD):
        return keras.optimizers.SGD(settings.rate)
    return keras.optimizers.Adam(
        settings.rate, beta_1=settings.beta_1, beta_2=settings.beta_2, epsilon=settings.epsilon
    )


def keras_loss(settings: TrainerConfiguration) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """(labels, logits) -> loss: Keras' own, its arguments swapped as in document 003 where the network says so."""
    if settings.network.loss == "cross_entropy":
        loss: Callable[..., tf.Tensor] = keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, dtype=settings.dtype
        )
        return loss

    def swapped(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        one_hot = keras.ops.one_hot(labels, logits.shape[-1], dtype=settings.dtype)
        return keras.ops.mean(keras.losses.categorical_crossentropy(keras.ops.softmax(logits), one_hot))

    return swapped


class KerasTraining:
    """A compiled model with its optimizer built, and the names of the description for its variables."""

    def __init__(self, settings: TrainerConfiguration, make_batch_norm: MakeBatchNorm) -> None:
        """Build model and optimizer."""
        self.model = keras_model(settings, make_batch_norm)
        self.optimizer = keras_optimizer(settings.optimizer)
        self.loss = keras_loss(settings)
        self.model.compile(self.optimizer, self.loss)
        self.optimizer.build(self.model.trainable_variables)
        statistics = [layer for layer in self.model.layers if isinstance(layer, keras.layers.BatchNormalization)]
        self.statistics = {f"{layer.name}/{name}": getattr(layer, name) for layer in statistics for name in STATISTICS}
        self.updates = {  # Keras' layer has no counter
            f"{layer.name}/num_updates": tf.Variable(0, trainable=False, dtype=tf.int64) for layer in statistics
        }
        self.weights = {variable.path: variable for variable in self.model.trainable_variables}
        self.slots = self._slots(settings.optimizer)

    def _slots(self, settings: Optimizer) -> dict[str, keras.Variable]:
        if isinstance(settings, SGD):
            return {}
        pairs = {"m": self.optimizer._momentums, "v": self.optimizer._velocities}  # Keras has no public name for them
        return {
            f"{name}/{slot}": variable
            for slot, variables in pairs.items()
            for name, variable in zip(self.weights, variables, strict=True)
        }

    def forward(self, x: tf.Tensor, training: bool, masks: Masks) -> tf.Tensor:
        """Logits."""
        outputs = self.model({"x": x, **masks}, training=training)
        return outputs[0] if isinstance(outputs, list) else outputs

    def step(self, x: tf.Tensor, labels: tf.Tensor, masks: Masks) -> tf.Tensor:
        """One step of the optimizer; returns the loss before it."""
        with tf.GradientTape() as tape:
            loss = self.loss(labels, self.forward(x, True, masks))
        values = [variable.value for variable in self.model.trainable_variables]
        none = tf.UnconnectedGradients.ZERO  # of a batch normalization that nobody reads
        gradients = tape.gradient(loss, values, unconnected_gradients=none)
        self.optimizer.apply(gradients, self.model.trainable_variables)
        for counter in self.updates.values():
            counter.assign_add(1)
        return loss

    def export_weights(self) -> dict[str, Array]:
        """Copies of weights and statistics."""
        variables = self.weights | self.statistics | self.updates
        return {name: np.asarray(variable.numpy()) for name, variable in variables.items()}

    def load_weights(self, weights: Mapping[str, Array]) -> None:
        """Set weights and statistics."""
        for name, variable in (self.weights | self.statistics | self.updates).items():
            variable.assign(weights[name])

    def export_optimizer(self) -> dict[str, Array]:
        """Copies of slots and step."""
        slots = {name: np.asarray(variable.numpy()) for name, variable in self.slots.items()}
        return slots | {"step": np.asarray(self.optimizer.iterations.numpy(), np.int64)}

    def load_optimizer(self, arrays: Mapping[str, Array]) -> None:
        """Set slots and step."""
        for name, variable in self.slots.items():
            variable.assign(arrays[name])
        self.optimizer.iterations.assign(arrays["step"])

    def checkpoint(self) -> tf.train.Checkpoint:
        """The model and its optimizer, as TensorFlow's users track them."""
        return tf.train.Checkpoint(model=self.model, optimizer=self.optimizer)

    def serving(self) -> Any:
        """Logits of any number of examples."""
        (x,) = (one for one in self.model.inputs if one.name == "x")
        masks = [one for one in self.model.inputs if one.name != "x"]

        def logits(x: tf.Tensor) -> tf.Tensor:
            rows = tf.shape(x)[:1]
            whole = {one.name: tf.ones(tf.concat([rows, one.shape[1:]], 0), one.dtype) for one in masks}
            return self.forward(x, False, whole)

        wanted = tf.TensorSpec([None, *x.shape[1:]], x.dtype, name="x")
        return tf.function(logits, autograph=False).get_concrete_function(wanted)

    def restored(self) -> None:
        """After a restore: the optimizer's step is the only counter that a Keras file holds."""
        for counter in self.updates.values():
            counter.assign(tf.cast(self.optimizer.iterations.value, tf.int64))


STATISTICS = ("moving_mean", "moving_variance")


def keras_trainer(configuration: TrainerConfiguration, make_batch_norm: MakeBatchNorm) -> Trainer | Unsupported:
    """Build the model around an implementation's layer.

    Args:
        configuration: which network, optimizer and conventions.
        make_batch_norm: makes the layer from its configuration and name.

    Returns:
        The trainer, or why there is none.
    """
    if reason := boundary.refusal(configuration.device, configuration.style, configuration.dtype):
        return reason
    with boundary.placed(configuration.device):
        training = KerasTraining(configuration, make_batch_norm)
    changed = [variable.value for variable in training.statistics.values()]
    loop = TrainingLoop(configuration, training.step, training.forward, changed)
    return Trainer(
        configuration=configuration,
        load_data=loop.load_data,
        train=loop.train,
        predict=loop.predict,
        export_weights=training.export_weights,
        load_weights=training.load_weights,
        export_optimizer=training.export_optimizer,
        load_optimizer=training.load_optimizer,
        observe=lambda: loop.observe(next(iter(training.weights.values())).value),
        formats={
            **keras_formats(lambda: training.model, training.restored),
            "tf-checkpoint": boundary.checkpoint_format(training.checkpoint(), training.restored),
            "saved-model": boundary.saved_model_format(training.model, training.serving, training.restored),
        },
        partial_formats={
            "keras:network": without_optimizer(lambda: training.model, training.restored),
            "tf-checkpoint:network": boundary.checkpoint_format(
                tf.train.Checkpoint(variables=training.model.variables), training.restored
            ),
        },
    )
