"""Fields: a stack of equally wide vectors, or a list of them, with their masks."""

from typing import Any

from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.typing import Tensor
from keras_hadamard.layers._masks import apply_mask


def field_shape(name: str, input_shape: Any) -> tuple[int | None, int, int]:
    """Batch, fields and width, after a check that the shapes are those of fields."""
    shape = tuple(input_shape)
    if shape and all(isinstance(s, list | tuple) for s in shape):
        widths = {s[-1] for s in shape}
        if any(len(s) != 2 for s in shape) or len(widths) > 1:
            raise received(
                f"the list of `{name}` to be of vectors (batch, width) of one width", shapes=shape
            )
        shape = (shape[0][0], len(shape), *widths)
    if len(shape) != 3 or shape[1] is None or shape[2] is None or shape[1] < 2:
        raise received(
            f"`{name}` to be called on (batch, fields, width) with two or more fields, or on a "
            "list of (batch, width)",
            shape=input_shape,
        )
    return shape[0], shape[1], shape[2]


def stacked(inputs: Any, mask: Any) -> Tensor:
    """(batch, fields, width), with zeros for masked fields."""
    if isinstance(inputs, list | tuple):
        return ops.stack(inputs, axis=1)
    return apply_mask(inputs, mask)
