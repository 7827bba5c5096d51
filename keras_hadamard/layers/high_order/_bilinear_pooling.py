"""Steps of the bilinear poolings: from feature maps to one normalised vector."""

from typing import Any

from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers._channels import channels_axis, to_last
from keras_hadamard.ops.l2_normalize import l2_normalize
from keras_hadamard.ops.signed_sqrt import signed_sqrt

# The least norm to divide by, as `l2_normalize` has it.
EPSILON = 1e-12


def map_channels(name: str, input_shape: Any, data_format: str) -> tuple[int, int]:
    """The channels of both maps, after a check that they fit together."""
    many = len(input_shape) > 0 and all(isinstance(s, list | tuple) for s in input_shape)
    shapes = [tuple(s) for s in input_shape] if many else [tuple(input_shape)]
    axis = channels_axis(data_format)
    if len(shapes) > 2 or any(len(s) != 4 or s[axis] is None for s in shapes):
        raise received(
            f"`{name}` to be called on one or two feature maps of rank 4 with known channels",
            shapes=shapes,
        )
    positions = [s[1:3] if axis == -1 else s[2:] for s in shapes]
    sides = zip(positions[0], positions[-1], strict=True)
    if any(None not in pair and pair[0] != pair[1] for pair in sides):
        raise received(f"the maps of `{name}` to have equal positions", shapes=shapes)
    return int(shapes[0][axis]), int(shapes[-1][axis])


def feature_rows(inputs: Any, data_format: str, compute_dtype: str) -> tuple[Tensor, Tensor]:
    """Both maps (a single map twice) as `(batch, positions, channels)` in at least float32."""
    maps = inputs if isinstance(inputs, list | tuple) else [inputs]
    rows = []
    for x in maps:
        x = to_last(x, data_format)
        batch, height, width, channels = ops.shape(x)
        x = ops.reshape(x, (batch, height * width, channels))
        # Sums over thousands of positions overflow float16.
        rows.append(ops.cast(x, accumulation_dtype(compute_dtype)))
    return rows[0], rows[-1]


def moments(x: Tensor, y: Tensor) -> Tensor:
    """The outer products of `(batch, positions, channels)` maps, summed over positions, flat."""
    products = ops.matmul(ops.transpose(x, (0, 2, 1)), y)
    return ops.reshape(products, (ops.shape(x)[0], x.shape[-1] * y.shape[-1]))


def mean_of_sum(z: Tensor, x: Tensor) -> Tensor:
    """The mean, from a sum over the positions of `x`."""
    return z / ops.cast(ops.maximum(ops.shape(x)[1], 1), z.dtype)


def root_and_norm(z: Tensor, use_signed_sqrt: bool, use_l2_normalization: bool) -> Tensor:
    """`sign(z) * sqrt(|z|)`, then division by the Euclidean norm; each step is optional."""
    if not use_l2_normalization:
        return signed_sqrt(z) if use_signed_sqrt else z
    if not use_signed_sqrt:
        return l2_normalize(z)
    # The squared norm of the roots is the sum of the magnitudes.
    norm = ops.sum(ops.abs(z), axis=-1, keepdims=True)
    return signed_sqrt(z / ops.maximum(norm, EPSILON**2))


def first_shape(input_shape: Any) -> Shape:
    """The shape of the first map."""
    return tuple(input_shape[0] if isinstance(input_shape[0], list | tuple) else input_shape)
