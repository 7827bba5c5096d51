"""Base class of layers that modulate one tensor by a condition."""

from typing import Any, ClassVar, Unpack

from keras_hadamard._core.checks import received
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._channels import channels_axis, image_format
from keras_hadamard.layers.fusion._fusion import check_tensors


class ConditionedLayer(BaseLayer):
    """Base of layers of `[x, condition]`: checks, the mask, the output's shape, `data_format`."""

    # The inputs of a call, and the allowed lengths of the list.
    takes: ClassVar[str] = "[x, condition]"
    counts: ClassVar[tuple[int, ...]] = (2,)

    def __init__(
        self, data_format: str | None = None, **kwargs: Unpack[ProjectionArguments]
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = image_format(data_format)
        self.supports_masking = True

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        # On every call: after building, unequal batches would broadcast and integers would be cast
        # silently.
        check_tensors(type(self).__name__, inputs, self.takes)
        self.shapes([tuple(x.shape) for x in inputs])
        return super().__call__(inputs, *args, **kwargs)

    def shapes(self, input_shape: Any) -> list[Shape]:
        """The shapes of the inputs, after a check that they fit together."""
        listed = isinstance(input_shape, list | tuple) and all(
            isinstance(s, list | tuple) for s in input_shape
        )
        if not listed or len(input_shape) not in self.counts:
            raise received(
                f"`{type(self).__name__}` to be called on a list {self.takes}", shape=input_shape
            )
        shapes = [tuple(s) for s in input_shape]
        x = shapes[0]
        if len(x) < 2 or x[channels_axis(self.data_format)] is None:
            raise received("`x` to be (batch, ..., features) of known width", x_shape=x)
        if any(s and not equal(s[0], x[0]) for s in shapes):
            raise received(
                f"the inputs of `{type(self).__name__}` to have one batch size", shapes=shapes
            )
        self.check_shapes(*shapes)
        return shapes

    def check_shapes(self, x: Shape, condition: Shape, *more: Shape) -> None:
        """Raises unless the condition is a vector or has the positions of `x`."""
        del more
        positions = x[1:-1] if channels_axis(self.data_format) == -1 else x[2:]
        fits = len(condition) in (2, len(x)) and condition[-1] is not None
        if fits and len(condition) > 2:
            pairs = zip(condition[1:-1], positions, strict=True)
            fits = all(n == 1 or equal(n, m) for n, m in pairs)
        if not fits:
            raise received(
                "`condition` to be (batch, width), or to have the positions of `x`",
                x_shape=x,
                condition_shape=condition,
            )

    def compute_mask(self, inputs: list[Tensor], mask: Any = None) -> Tensor | None:
        return mask[0] if isinstance(mask, list | tuple) else mask

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        return self.shapes(input_shape)[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


def equal(one: int | None, other: int | None) -> bool:
    """Whether two axes may have the same size, as far as it is known."""
    return one is None or other is None or one == other
