"""Keras 3's files, on whichever backend this process has."""

from __future__ import annotations

import keras
import numpy as np

from bn_impls.own_files.keras_models import own_files

KERAS_3 = own_files(keras, lambda tensor: np.asarray(keras.ops.convert_to_numpy(tensor)))
