"""The dtype in which sums, norms and states are kept."""

from typing import Any

import keras
from keras import ops

from keras_hadamard._core.typing import Tensor

# What is too small to sum up in.
_SMALL = ("float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "int8", "uint8", "int16", "uint16")


def accumulation_dtype(dtype: Any) -> str:
    """float32 for what has 16 bits or fewer, otherwise the dtype itself."""
    name: str = keras.backend.standardize_dtype(dtype)
    return "float32" if name in (*_SMALL, "bool") else name


def upcast(*tensors: Tensor) -> list[Tensor]:
    """The tensors in the dtype in which they are summed up."""
    return [ops.cast(ops.convert_to_tensor(t), accumulation_dtype(t.dtype)) for t in tensors]
