"""The dtype in which sums, norms and states are kept."""

from typing import Any

import keras
from keras import ops

from keras_hadamard._core.typing import Tensor

# Dtypes that are too small for sums.
_SMALL = ("float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "int8", "uint8", "int16", "uint16")


def accumulation_dtype(dtype: Any) -> str:
    """float32 for dtypes of 16 bits or fewer, otherwise the dtype itself."""
    name: str = keras.backend.standardize_dtype(dtype)
    return "float32" if name in (*_SMALL, "bool") else name


def upcast(*tensors: Tensor) -> list[Tensor]:
    """The tensors, cast to the dtype of their sums."""
    return [ops.cast(ops.convert_to_tensor(t), accumulation_dtype(t.dtype)) for t in tensors]
