"""Keras 2's files, and TensorFlow checkpoints that its models read by name."""

from __future__ import annotations

import numpy as np
import tf_keras

from bn_impls.own_files.keras_models import own_files

KERAS_2 = own_files(tf_keras, lambda tensor: np.asarray(tensor.numpy()))
