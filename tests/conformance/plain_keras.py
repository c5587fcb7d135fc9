"""Batch normalization as users of Keras write it; nothing here knows bn-bench."""

import keras
from keras import ops


@keras.saving.register_keras_serializable()
class MyBN(keras.Layer):
    """A right one."""

    def __init__(self, momentum=0.99, epsilon=1e-3, **kwargs):
        super().__init__(**kwargs)
        self.momentum, self.epsilon = momentum, epsilon

    def build(self, input_shape):
        """Make the variables."""
        channels = (input_shape[-1],)
        self.gamma = self.add_weight(shape=channels, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=channels, initializer="zeros", name="beta")
        self.moving_mean = self.add_weight(shape=channels, initializer="zeros", trainable=False, name="moving_mean")
        self.moving_variance = self.add_weight(
            shape=channels, initializer="ones", trainable=False, name="moving_variance"
        )

    def call(self, x, training=False):
        """Normalize (N, ..., C)."""
        mean, variance = self.moving_mean, self.moving_variance
        if training:
            mean, variance = ops.moments(x, axes=list(range(len(x.shape) - 1)))
            self.moving_mean.assign(self.momentum * self.moving_mean + (1 - self.momentum) * mean)
            self.moving_variance.assign(self.momentum * self.moving_variance + (1 - self.momentum) * variance)
        return self.gamma * (x - mean) / ops.sqrt(variance + self.epsilon) + self.beta
