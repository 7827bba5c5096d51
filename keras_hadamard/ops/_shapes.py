"""Static shapes of the arguments of an op: tensors, KerasTensors, variables, arrays."""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from keras_hadamard._core.typing import Shape, Tensor


def static_shape(x: Tensor) -> Shape:
    """The shape with None for what is unknown."""
    return tuple(x.shape if hasattr(x, "shape") else np.shape(x))


def axis_size(x: Tensor, axis: int) -> Any:
    """The size of an axis: an integer where it is known, otherwise a tensor."""
    return tf.shape(x)[axis] if x.shape[axis] is None else x.shape[axis]


def ceil_div(size: Any, by: int) -> Any:
    """`size / by`, rounded up. ONNX rounds the quotient of a negative number towards zero."""
    return (size + by - 1) // by


def compatible(one: Shape, other: Shape) -> bool:
    """Whether two shapes can be the same once everything is known."""
    return len(one) == len(other) and all(
        m is None or n is None or m == n for m, n in zip(one, other, strict=True)
    )


def broadcasts_to(shape: Shape, target: Shape) -> bool:
    """Whether a tensor of `shape` can broadcast to `target` once everything is known."""
    missing = len(target) - len(shape)
    return missing >= 0 and all(
        n == 1 or n is None or m is None or n == m
        for n, m in zip(shape, target[missing:], strict=True)
    )


def broadcastable(one: Shape, other: Shape) -> bool:
    """Whether tensors of two shapes can be broadcast once everything is known."""
    pairs = zip(reversed(one), reversed(other), strict=False)
    return all(None in (m, n) or 1 in (m, n) or m == n for m, n in pairs)


def known_size(shape: Shape) -> int | None:
    """How many entries there are, or None where that is unknown."""
    return None if None in shape else math.prod(n or 0 for n in shape)
