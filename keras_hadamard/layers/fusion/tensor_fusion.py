"""Tensor fusion: all products of all modalities."""

import math
from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._alignment import align, prepend_one
from keras_hadamard.layers.fusion._fusion import Fusion


@serializable
class TensorFusion(Fusion):
    """Tensor fusion (the fusion of TFN): a linear map of the outer product of all modalities.

    `y = act(W vec([1; x_1] (x) [1; x_2] (x) ...) + b)`, with the outer product `(x)` and `W` of
    `(width_1 + 1) * (width_2 + 1) * ... * units` weights: every product of one feature of each
    modality has its own weight, and through the constant ones also those of fewer modalities. Sizes
    that would not fit in memory are refused; `LMF` factors the same tensor.

    Args:
        units: Integer, the width of the output.
        activation: Name or function of the output's activation. Defaults to `None`.
        max_bytes: Integer, the maximum size of the kernel and the outer products of one batch
            together. Defaults to `1073741824`, one GiB.
        **kwargs: Arguments of the projection (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: List of two or more tensors, of any widths.

    Input shape:
        Two or more tensors `(batch, width_i)` or `(batch, ..., width_i)` with equal positions. A
        vector among sequences or images is fused with each of their positions.

    Output shape:
        `(batch, ..., units)`.

    Weights:
        `(prod(width + 1 for width in widths) + 1) * units`.

    Masking:
        A position is valid where it is valid in every input that has a mask; the mask is passed on.

    Numerics:
        In the compute dtype. Training also holds a second copy of the outer products, the kernel's
        gradient and the optimizer's slots; a batch or positions that are not known count as one.

    Raises:
        ValueError: If the inputs are not a list, do not fit together, an argument is out of range,
            or kernel and products have more than `max_bytes` bytes; the error names their sizes.

    Example:

    >>> text, sound, face = (keras.ops.ones((2, n)) for n in (7, 5, 3))
    >>> keras_hadamard.layers.TensorFusion(6)([text, sound, face]).shape
    TensorShape([2, 6])

    Reference:
        - [Tensor Fusion Network for Multimodal Sentiment Analysis (Zadeh et al., 2017)](
          https://arxiv.org/abs/1707.07250)
    """

    def __init__(
        self,
        units: int,
        activation: Activation = None,
        max_bytes: int = 2**30,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(units, **kwargs)
        self.activation = get_activation(activation)
        self.max_bytes = positive_int("max_bytes", max_bytes)

    def build(self, input_shape: list[Shape]) -> None:
        positions = self.positions(input_shape)
        self._check_bytes(input_shape)
        width = _products(input_shape)
        self.projection = self.project(
            self.units, "projection", activation=self.activation, input_shape=(*positions, width)
        )

    def call(self, inputs: list[Tensor]) -> Tensor:
        # The batch size may be known only now.
        self._check_bytes([tuple(x.shape) for x in inputs])
        first, *others = align([prepend_one(x) for x in inputs])
        product = first
        for x in others:
            product = ops.expand_dims(product, -1) * ops.expand_dims(x, -2)
            shape = ops.shape(product)
            product = ops.reshape(product, (*shape[:-2], shape[-2] * shape[-1]))
        return self.projection(product)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "activation": serialize_activation(self.activation),
            "max_bytes": self.max_bytes,
        }

    def _check_bytes(self, input_shape: list[Shape]) -> None:
        positions = self.positions(input_shape)
        width = _products(input_shape)
        kernel = width * self.units * _bytes(self.variable_dtype)
        products = width * math.prod(n or 1 for n in positions) * _bytes(self.compute_dtype)
        if kernel + products > self.max_bytes:
            raise received(
                f"a kernel and outer products of at most max_bytes={self.max_bytes:,}, not "
                f"{kernel:,} and {products:,} bytes; `LMF` factors the same tensor",
                shapes=[tuple(shape) for shape in input_shape],
                units=self.units,
            )


def _products(input_shape: list[Shape]) -> int:
    return math.prod(int(shape[-1] or 0) + 1 for shape in input_shape)


def _bytes(dtype: str) -> int:
    return {"float64": 8, "float32": 4}.get(dtype, 2)
