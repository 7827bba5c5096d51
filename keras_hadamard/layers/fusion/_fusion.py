"""Base class of the fusion layers: a list of tensors in, one tensor of width `units` out."""

from typing import Any, ClassVar, Unpack

import keras

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._masks import all_of


class Fusion(BaseLayer):
    """Base of the fusion layers: checks, broadcasting of vectors, masks and the output's shape.

    A vector `(batch, width)` among sequences or images is fused with each of their positions.
    """

    # The number of inputs; None for two or more.
    modalities: ClassVar[int | None] = None
    # The argument that makes the layer wider at equal `units`, to fit a parameter budget.
    width_argument: ClassVar[str | None] = None

    def __init__(self, units: int, **kwargs: Unpack[ProjectionArguments]) -> None:
        super().__init__(**kwargs)
        self.units = positive_int("units", units)
        self.supports_masking = True

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        # On every call: once built, unequal batches would broadcast and integers be cast unasked.
        check_tensors(type(self).__name__, inputs, _wanted(self.modalities, 2))
        self.positions([tuple(x.shape) for x in inputs])
        return super().__call__(inputs, *args, **kwargs)

    def compute_mask(self, inputs: list[Tensor], mask: Any = None) -> Tensor | None:
        return all_of(mask)

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        return (*self.positions(input_shape), self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}

    def positions(self, input_shape: Any) -> Shape:
        """The output's axes before the last, after a check that the inputs fit together."""
        return positions_of(type(self).__name__, input_shape, self.modalities)


def positions_of(name: str, input_shape: Any, count: int | None, fewest: int = 2) -> Shape:
    """The common positions of `count` inputs, or of at least `fewest`."""
    many = isinstance(input_shape, list | tuple) and all(
        isinstance(s, list | tuple) for s in input_shape
    )
    wanted = _wanted(count, fewest)
    if not many or (len(input_shape) < fewest if count is None else len(input_shape) != count):
        raise received(f"`{name}` to be called on a list {wanted}", shape=input_shape)
    shapes = [tuple(s) for s in input_shape]
    if any(len(s) < 2 or s[-1] is None for s in shapes):
        raise received(
            f"every input of `{name}` to be (batch, ..., width) of known width", shapes=shapes
        )
    lead: list[int | None] = [None] * (max(len(s) for s in shapes) - 1)
    for shape in shapes:
        # A vector shares only the batch axis with the others.
        axes = shape[:1] if len(shape) == 2 else shape[:-1]
        if len(shape) not in (2, len(lead) + 1) or any(
            m is not None and n is not None and m != n for m, n in zip(lead, axes, strict=False)
        ):
            raise received(
                f"the inputs of `{name}` to have equal batch and positions, or to be vectors",
                shapes=shapes,
            )
        for i, n in enumerate(axes):
            lead[i] = n if lead[i] is None else lead[i]
    return tuple(lead)


def check_inputs(name: str, inputs: Any, count: int | None, fewest: int = 2) -> None:
    """Raises unless the inputs are float tensors that fit together."""
    check_tensors(name, inputs, _wanted(count, fewest))
    positions_of(name, [tuple(x.shape) for x in inputs], count, fewest)


def check_tensors(name: str, inputs: Any, takes: str) -> None:
    """Raises unless the inputs are a list of float tensors; `takes` describes them."""
    if not _is_list(inputs) or not all(hasattr(x, "shape") for x in inputs):
        got = getattr(inputs, "shape", type(inputs).__name__)
        raise received(f"`{name}` to be called on a list {takes}", inputs=got)
    dtypes = [keras.backend.standardize_dtype(x.dtype) for x in inputs]
    if not all("float" in dtype for dtype in dtypes):
        raise received(f"the inputs of `{name}` to be float tensors", dtypes=dtypes)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _wanted(count: int | None, fewest: int) -> str:
    few = "one or more" if fewest == 1 else "two or more"
    return f"of {few if count is None else count} tensors"
