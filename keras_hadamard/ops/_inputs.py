"""Conversion of inputs: sparse tensors and variables to dense ones, and indices of every dtype."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_hadamard._core.typing import Tensor

_NARROW = ("bool", "int8", "int16", "uint8", "uint16")


def is_ragged(x: Any) -> bool:
    return isinstance(x, tf.RaggedTensor) or bool(getattr(x, "ragged", False))


def dense(x: Any) -> Any:
    """A sparse tensor as a dense one, the value of a variable, and everything else unchanged."""
    if isinstance(x, tf.SparseTensor):
        return ops.convert_to_tensor(x, sparse=False)
    if isinstance(x, tf.Variable | keras.Variable):
        return tf.convert_to_tensor(ops.convert_to_tensor(x))
    return x


def whole_ids(x: Tensor) -> Tensor:
    """Indices of any dtype as int32 or int64, so that no index changes its value.

    A number that is not an index becomes -1.
    """
    dtype = keras.backend.standardize_dtype(x.dtype)
    if dtype in ("int32", "int64"):
        return x
    if "float" in dtype:
        # A cast to integers gives a different number on each device.
        x = ops.where(ops.isnan(x), ops.cast(-1, dtype), x)
    return ops.cast(x, "int32" if dtype in _NARROW else "int64")


def as_int32(ids: Tensor) -> Tensor:
    """Indices as int32; one that does not fit becomes the nearest int32."""
    limits = np.iinfo("int32")
    return ops.cast(ops.clip(ids, limits.min, limits.max), "int32")


def values_of(x: Any) -> np.ndarray | None:
    """The values that are known now; None where a graph has yet to compute them."""
    if isinstance(x, keras.KerasTensor) or tf.is_symbolic_tensor(x):
        return None
    return np.asarray(x)
