"""Multimodal factorised bilinear fusion."""

from typing import Any, ClassVar, Unpack

from keras_hadamard._core.checks import fraction, positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers.fusion._fusion import Fusion
from keras_hadamard.layers.fusion._power_normalization import check_normalize_axis, power_normalize
from keras_hadamard.layers.fusion._projections import (
    apply_each,
    drop_product,
    dropout_layer,
    project_each,
)
from keras_hadamard.ops import factorized_bilinear_pool


@serializable
class MFB(Fusion):
    """Multimodal factorised bilinear fusion (MFB).

    `z_j = sum_f u_(j,f) v_(j,f) with u = a(W_1 x_1 + b_1) and v = a(W_2 x_2 + b_2)` of width
    `rank * factor`: each of the `rank` outputs is a bilinear form of rank `factor`. Then the signed
    square root, L2 normalisation and, if `rank` is given, a projection to `units`.

    Args:
        units: Integer, the width of the output.
        rank: Integer, the width of the pooled product before the projection to `units`. Defaults to
            `None`: the pooled product is the output, as in the paper. The BLOCK code projects.
        factor: Integer, how many products are summed for each feature. Defaults to `5`.
        activation: Name or function of the output's activation. Defaults to `None`, as in the
            paper; the BLOCK code uses `"relu"`.
        projection_activation: Name or function of the projections' activation. Defaults to `None`,
            as in the paper; the BLOCK code uses `"relu"`.
        dropout: Float in [0, 1), dropout of the product before it is summed. Defaults to `0.0`.
        projection_dropout: Float in [0, 1), dropout of every projection before they meet, as in the
            BLOCK code. Defaults to `0.0`. For dropout of the inputs put `keras.layers.Dropout` in
            front.
        normalize: Boolean, whether the pooled product gets the signed square root and L2
            normalisation. Defaults to `True`.
        normalize_axis: Integer, the axis of the L2 norm. Defaults to `-1`, the features. The
            authors' code uses `1`, which in sequences is the positions.
        seed: Integer, the seed of the dropouts. Defaults to `None`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: List of two tensors, of any widths.
        training: Boolean, whether dropout is active. Defaults to `None`.

    Input shape:
        Two tensors `(batch, width_i)` or `(batch, ..., width_i)` with equal positions. A
        vector among sequences or images is fused with each of their positions.

    Output shape:
        `(batch, ..., units)`.

    Weights:
        `factor * units * (width_1 + width_2 + 2)` without a `rank`. With a `rank`, it replaces
        `units`, and the projection adds `(rank + 1) * units`.

    Masking:
        A position is valid where it is valid in every input that has a mask; the mask is passed on.

    Numerics:
        Products, signed square root and L2 norm are computed in float32 under 16-bit policies; all
        have finite gradients at exact zeros and zero rows.

    Raises:
        ValueError: If the inputs are not a list of two, do not fit together, or an argument is out
            of range.

    Example:

    >>> image, question = keras.ops.ones((2, 7)), keras.ops.ones((2, 5))
    >>> keras_hadamard.layers.MFB(6, factor=3)([image, question]).shape
    TensorShape([2, 6])

    Reference:
        - [Multi-modal Factorized Bilinear Pooling (Yu et al., 2017)](
          https://arxiv.org/abs/1708.01471)
    """

    modalities: ClassVar[int | None] = 2
    width_argument: ClassVar[str | None] = "rank"

    def __init__(
        self,
        units: int,
        rank: int | None = None,
        factor: int = 5,
        activation: Activation = None,
        projection_activation: Activation = None,
        dropout: float = 0.0,
        projection_dropout: float = 0.0,
        normalize: bool = True,
        normalize_axis: int = -1,
        seed: int | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(units, **kwargs)
        self.rank = None if rank is None else positive_int("rank", rank)
        self.factor = positive_int("factor", factor)
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
            self, input_shape, width * self.factor, activation=self.projection_activation
        )
        self.output_projection = None
        if self.rank is not None:
            self.output_projection = self.project(
                self.units, "output_projection", input_shape=(*positions, width)
            )

    def call(self, inputs: list[Tensor], training: bool | None = None) -> Tensor:
        u, v = apply_each(self.projections, inputs, self._projection_dropout, training)
        u, v = drop_product(self._dropout, u, v, training)
        z = factorized_bilinear_pool(u, v, factor=self.factor)
        if self.normalize:
            z = power_normalize(z, self.normalize_axis)
        return self.activation(z if self.output_projection is None else self.output_projection(z))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rank": self.rank,
            "factor": self.factor,
            "activation": serialize_activation(self.activation),
            "projection_activation": serialize_activation(self.projection_activation),
            "dropout": self.dropout,
            "projection_dropout": self.projection_dropout,
            "normalize": self.normalize,
            "normalize_axis": self.normalize_axis,
            "seed": self.seed,
        }
