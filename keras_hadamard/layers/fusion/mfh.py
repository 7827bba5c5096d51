"""Multimodal factorised high-order fusion."""

from typing import Any, ClassVar, Unpack

from keras import ops

from keras_hadamard._core.checks import fraction, positive_int, received
from keras_hadamard._core.dtypes import accumulation_dtype
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
class MFH(Fusion):
    """Multimodal factorised high-order fusion (MFH): a cascade of MFB blocks.

    `y = act(P [z_1; ...; z_order] + b)` with `z_i = norm(sum_f e_i)` over groups of `factor`
    neighbours and `e_i = drop(a(U_i x_1 + b_i) * a(V_i x_2 + c_i)) * e_(i-1)`, `e_0 = 1`, all of
    width `rank * factor`. Block `i` is of degree `i` in each modality; a block passes on its
    product before the sum and the normalisation, but after dropout. Without a `rank` there is no
    `P`: the joined blocks are the output.

    Args:
        units: Integer, the width of the output.
        rank: Integer, the width of each block's pooled product before the projection to `units`.
            Defaults to `None`: the joined blocks are the output, as in the paper, each of
            `units / order`. The BLOCK code projects.
        factor: Integer, how many products are summed for each feature. Defaults to `5`.
        order: Integer, the number of blocks. Defaults to `2`, the one that the BLOCK code has; `1`
            is MFB.
        activation: Name or function of the output's activation. Defaults to `None`, as in the
            paper; the BLOCK code uses `"relu"`.
        projection_activation: Name or function of the projections' activation. Defaults to `None`,
            as in the paper; the BLOCK code uses `"relu"`.
        dropout: Float in [0, 1), dropout of each block's product before it is summed and passed on.
            Defaults to `0.0`.
        projection_dropout: Float in [0, 1), dropout of every projection before the product.
            Defaults to `0.0`.
        normalize: Boolean, whether each pooled product gets the signed square root and L2
            normalisation. Defaults to `True`.
        normalize_axis: Integer, the axis of the L2 norm. Defaults to `-1`, the features of a block.
            The authors' code uses `1`, which in sequences is the positions.
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
        `units * factor * (sum(widths) + modalities)`; with a `rank`, `order * rank` replaces
        `units`, and the projection adds `(order * rank + 1) * units`.

    Masking:
        A position is valid where it is valid in every input that has a mask; the mask is passed on.

    Numerics:
        Products, signed square root and L2 norm are computed in float32 under 16-bit policies; all
        have finite gradients at exact zeros and zero rows. The products of block `i` are of degree
        `2 i`: they leave float32 for projections beyond `1e38 ** (1 / (2 * order))`.

    Raises:
        ValueError: If the inputs are not a list of two, do not fit together, an argument is out of
            range, or `units` is not a multiple of `order` and there is no `rank`.

    Example:

    >>> image, question = keras.ops.ones((2, 7)), keras.ops.ones((2, 5))
    >>> keras_hadamard.layers.MFH(6, rank=8, order=3)([image, question]).shape
    TensorShape([2, 6])

    Reference:
        - [Beyond Bilinear: Generalized Multimodal Factorized High-order Pooling (Yu et al., 2018)](
          https://arxiv.org/abs/1708.03619)
    """

    modalities: ClassVar[int | None] = 2
    width_argument: ClassVar[str | None] = "rank"

    def __init__(
        self,
        units: int,
        rank: int | None = None,
        factor: int = 5,
        order: int = 2,
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
        self.order = positive_int("order", order)
        if self.rank is None and self.units % self.order:
            raise received(
                f"`units` to be a multiple of order={order} where there is no `rank`", units=units
            )
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
        # The width of one block; the projections of all blocks are side by side in one kernel.
        width = self.rank or self.units // self.order
        self.projections = project_each(
            self,
            input_shape,
            width * self.factor,
            activation=self.projection_activation,
            blocks=self.order,
        )
        self.output_projection = None
        if self.rank is not None:
            self.output_projection = self.project(
                self.units, "output_projection", input_shape=(*positions, self.order * width)
            )

    def call(self, inputs: list[Tensor], training: bool | None = None) -> Tensor:
        u, v = apply_each(self.projections, inputs, self._projection_dropout, training)
        # The tensor passed on keeps the range of the products.
        dtype = accumulation_dtype(u.dtype)
        pooled, handed = [], None
        for x, y in zip(*(ops.split(p, self.order, axis=-1) for p in (u, v)), strict=True):
            x, y = drop_product(self._dropout, x, y, training)
            x, y = ops.cast(x, dtype), ops.cast(y, dtype)
            x = x if handed is None else x * handed
            z = factorized_bilinear_pool(x, y, factor=self.factor)
            pooled.append(power_normalize(z, self.normalize_axis) if self.normalize else z)
            handed = x * y
        z = ops.cast(ops.concatenate(pooled, axis=-1), u.dtype)
        return self.activation(z if self.output_projection is None else self.output_projection(z))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rank": self.rank,
            "factor": self.factor,
            "order": self.order,
            "activation": serialize_activation(self.activation),
            "projection_activation": serialize_activation(self.projection_activation),
            "dropout": self.dropout,
            "projection_dropout": self.projection_dropout,
            "normalize": self.normalize,
            "normalize_axis": self.normalize_axis,
            "seed": self.seed,
        }
