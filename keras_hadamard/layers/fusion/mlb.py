"""Multimodal low-rank bilinear fusion."""

import functools
import operator
from typing import Any, ClassVar, Unpack

from keras_hadamard._core.checks import fraction, positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._dropout import dropped
from keras_hadamard.layers.fusion._fusion import Fusion
from keras_hadamard.layers.fusion._power_normalization import check_normalize_axis, power_normalize
from keras_hadamard.layers.fusion._projections import apply_each, dropout_layer, project_each


@serializable
class MLB(Fusion):
    """Multimodal low-rank bilinear fusion (MLB).

    `y = act(P (a(W_1 x_1 + b_1) * a(W_2 x_2 + b_2)) + b)` with `W_i` of shape `(width_i, rank)` and
    `P` of shape `(rank, units)`: a bilinear form of rank `rank` for each output. More than two
    modalities multiply into the same product.

    Args:
        units: Integer, the width of the output.
        rank: Integer, the width of the product. Defaults to `None`, which is `units`.
        activation: Name or function of the output's activation. Defaults to `None`, as in the
            paper; the authors of BLOCK use `"relu"` in their code for MLB.
        projection_activation: Name or function of the projections' activation. Defaults to
            `"tanh"`, as in the paper; the BLOCK code uses `"relu"`.
        dropout: Float in [0, 1), dropout after the product and normalisation. Defaults to `0.0`.
        projection_dropout: Float in [0, 1), dropout of every projection before they meet, as in the
            BLOCK code. Defaults to `0.0`. For dropout of the inputs put `keras.layers.Dropout` in
            front.
        normalize: Boolean, whether the product gets the signed square root and L2 normalisation.
            Defaults to `False`.
        normalize_axis: Integer, the axis of the L2 norm. Defaults to `-1`, the features. The
            authors' code uses `1`, which in sequences is the positions.
        seed: Integer, the seed of the dropouts. Defaults to `None`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: List of two or more tensors, of any widths.
        training: Boolean, whether dropout is active. Defaults to `None`.

    Input shape:
        Two or more tensors `(batch, width_i)` or `(batch, ..., width_i)` with equal positions. A
        vector among sequences or images is fused with each of their positions.

    Output shape:
        `(batch, ..., units)`.

    Weights:
        `rank * (sum(widths) + modalities) + (rank + 1) * units`, with `rank` = `units` where it is
        `None`.

    Masking:
        A position is valid where it is valid in every input that has a mask; the mask is passed on.

    Numerics:
        Signed square root and L2 norm are computed in float32 under 16-bit policies; both have
        finite gradients at exact zeros and zero rows.

    Raises:
        ValueError: If the inputs are not a list, do not fit together, or an argument is out of
            range.

    Example:

    >>> image, question = keras.ops.ones((2, 7)), keras.ops.ones((2, 5))
    >>> keras_hadamard.layers.MLB(6, rank=11)([image, question]).shape
    TensorShape([2, 6])

    Reference:
        - [Hadamard Product for Low-rank Bilinear Pooling (Kim et al., 2017)](
          https://arxiv.org/abs/1610.04325)
    """

    width_argument: ClassVar[str | None] = "rank"

    def __init__(
        self,
        units: int,
        rank: int | None = None,
        activation: Activation = None,
        projection_activation: Activation = "tanh",
        dropout: float = 0.0,
        projection_dropout: float = 0.0,
        normalize: bool = False,
        normalize_axis: int = -1,
        seed: int | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(units, **kwargs)
        self.rank = None if rank is None else positive_int("rank", rank)
        self.activation = get_activation(activation)
        self.projection_activation = get_activation(projection_activation)
        self.dropout = fraction("dropout", dropout)
        self.projection_dropout = fraction("projection_dropout", projection_dropout)
        self.normalize = bool(normalize)
        self.normalize_axis = check_normalize_axis(normalize_axis)
        self.seed = seed
        self._dropout = dropout_layer(self, self.dropout, "dropout", seed)
        self._projection_dropout = dropout_layer(
            self, self.projection_dropout, "projection_dropout", seed, offset=1
        )

    def build(self, input_shape: list[Shape]) -> None:
        positions = self.positions(input_shape)
        width = self.rank or self.units
        self.projections = project_each(
            self, input_shape, width, activation=self.projection_activation
        )
        self.output_projection = self.project(
            self.units, "output_projection", input_shape=(*positions, width)
        )

    def call(self, inputs: list[Tensor], training: bool | None = None) -> Tensor:
        projections = apply_each(self.projections, inputs, self._projection_dropout, training)
        z = functools.reduce(operator.mul, projections)
        if self.normalize:
            z = power_normalize(z, self.normalize_axis)
        z = dropped(self._dropout, z, training)
        return self.activation(self.output_projection(z))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rank": self.rank,
            "activation": serialize_activation(self.activation),
            "projection_activation": serialize_activation(self.projection_activation),
            "dropout": self.dropout,
            "projection_dropout": self.projection_dropout,
            "normalize": self.normalize,
            "normalize_axis": self.normalize_axis,
            "seed": self.seed,
        }
