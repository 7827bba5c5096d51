"""Base class of the cross layers: `x0`, which all multiply by, and `x`, the previous output."""

from typing import Any, Unpack

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._masks import all_of


class Cross(BaseLayer):
    """Base of the layers that are called as `layer(x0, x)`, `layer([x0, x])` or `layer(x0)`."""

    def __init__(self, **kwargs: Unpack[ProjectionArguments]) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Tensor | None:
        return all_of(mask)

    def compute_output_shape(self, x0_shape: Any, x_shape: Any = None) -> Shape:
        return self.cross_shape(x0_shape, x_shape)

    def cross_shape(self, x0_shape: Any, x_shape: Any) -> Shape:
        """The shape of both inputs and of the output, after a check that they fit together."""
        name = type(self).__name__
        shapes = [x0_shape]
        if x0_shape and isinstance(x0_shape[0], list | tuple):
            shapes = list(x0_shape)
        if x_shape is not None:
            shapes.append(x_shape)
        if len(shapes) > 2:
            raise received(f"`{name}` to be called on x0, or on x0 and x", shapes=shapes)
        first, last = (tuple(shape) for shape in (shapes[0], shapes[-1]))
        if len(first) < 2 or first[-1] is None:
            raise received(f"`{name}`'s x0 to be (batch, ..., width) of known width", shape=first)
        if len(first) != len(last) or any(
            None not in (m, n) and m != n for m, n in zip(first, last, strict=True)
        ):
            raise received(
                f"`{name}`'s x0 and x to have the same shape", x0_shape=first, x_shape=last
            )
        return first


def unpack_inputs(x0: Any, x: Tensor | None) -> tuple[Tensor, Tensor]:
    """`x0` and `x`, from one list, or with `x0` as the default of `x`."""
    if isinstance(x0, list | tuple):
        x0, x = x0
    return x0, x0 if x is None else x


def quarter(projection_dim: int | None, width: int | None) -> int:
    """The rank: the given one, or a quarter of the width, which the paper finds sufficient."""
    return max(1, (width or 0) // 4) if projection_dim is None else projection_dim


def rank_argument(projection_dim: int | None) -> int | None:
    return None if projection_dim is None else positive_int("projection_dim", projection_dim)
