"""The precision rule: what overflows or cancels in 16 bits is computed in float32."""

from typing import Any

import tensorflow as tf


def at_least_float32(dtype: Any) -> str:
    """float32 for the 16-bit floats, otherwise the dtype itself."""
    dtype = tf.as_dtype(dtype)
    return "float32" if dtype.size < 4 else str(dtype.name)
