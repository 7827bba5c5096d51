"""Multimodal factorised high-order fusion."""

from typing import Any

from keras import ops

from keras_hadamard._checks import positive_int, received
from keras_hadamard._export import serializable
from keras_hadamard._typing import Activation, Tensor
from keras_hadamard.layers.fusion.mfb import MFB
from keras_hadamard.ops import factorized_bilinear_pool
from keras_hadamard.ops._precision import at_least_float32


@serializable
class MFH(MFB):
    """Multimodal factorised high-order fusion (MFH): a cascade of MFB blocks.

    `y = act(P [z_1; ...; z_order] + b)` with `z_i = norm(sum_f e_i)` over groups of `factor`
    neighbours and `e_i = drop(a(U_i x_1 + b_i) * a(V_i x_2 + c_i)) * e_(i-1)`, `e_0 = 1`, all of
    width `rank * factor`. Block `i` is of degree `i` in each modality; what a block hands on is its
    product before the sum and the normalisation, but after dropout. Without a `rank` there is no
    `P`: the blocks together are the output.

    Args:
        units: Integer, the width of the output.
        rank: Integer, the width of each block's pooled product before the projection to `units`.
            Defaults to `None`: the joined blocks are the output, as in the paper, each of
            `units / order`. The BLOCK code projects.
        factor: Integer, how many products are summed for each feature. Defaults to `5`.
        order: Integer, how many blocks there are. Defaults to `2`, the one that the BLOCK code has;
            `1` is MFB.
        activation: Name or function of the output's activation. Defaults to `None`, as in the
            paper; the BLOCK code uses `"relu"`.
        projection_activation: Name or function of the projections' activation. Defaults to `None`,
            as in the paper; the BLOCK code uses `"relu"`.
        dropout: Float in [0, 1), dropout of each block's product before it is summed and handed on.
            Defaults to `0.0`.
        projection_dropout: Float in [0, 1), dropout of every projection before they meet. Defaults
            to `0.0`.
        normalize: Boolean, whether each pooled product gets the signed square root and L2
            normalisation. Defaults to `True`.
        normalize_axis: Integer, the axis of the L2 norm. Defaults to `-1`, the features of a block.
            The authors' code uses `1`, which in sequences is the positions.
        seed: Integer, the seed of the dropouts. Defaults to `None`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as `keras.layers.Dense` has
            them) and of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: List of two tensors, of any widths.
        training: Boolean, whether dropout is active. Defaults to `None`.

    Input shape:
        Two tensors `(batch, width_i)` or `(batch, ..., width_i)` with equal positions. A
        vector among sequences or images is fused with each of their positions.

    Output shape:
        `(batch, ..., units)`.

    Weights:
        `units * factor * (sum(widths) + modalities)`; with a `rank`, `order * rank` stands for
        `units`, and the projection adds `(order * rank + 1) * units`.

    Masking:
        A position is valid where it is valid in every input that has a mask; the mask is passed on.

    Numerics:
        Products, signed square root and L2 norm are computed in float32 under 16-bit policies; all
        have finite gradients at exact zeros and zero rows. The products of block `i` are of degree
        `2 i`: they leave float32 for projections beyond `1e38 ** (1 / (2 * order))`.

    Raises:
        ValueError: If the inputs are no list of two, do not fit together, an argument is out of
            range, or `units` is no multiple of `order` where there is no `rank`.

    Example:

    >>> image, question = keras.ops.ones((2, 7)), keras.ops.ones((2, 5))
    >>> keras_hadamard.layers.MFH(6, rank=8, order=3)([image, question]).shape
    TensorShape([2, 6])

    Reference:
        - [Beyond Bilinear: Generalized Multimodal Factorized High-order Pooling (Yu et al., 2018)](
          https://arxiv.org/abs/1708.03619)
    """

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
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units,
            rank,
            factor,
            activation=activation,
            projection_activation=projection_activation,
            dropout=dropout,
            projection_dropout=projection_dropout,
            normalize=normalize,
            normalize_axis=normalize_axis,
            seed=seed,
            **kwargs,
        )
        self.order = positive_int("order", order)
        self.projection_blocks = self.order
        if rank is None and self.units % self.order:
            raise received(
                f"`units` to be a multiple of order={order} where there is no `rank`", units=units
            )

    @property
    def width(self) -> int:
        return self.units if self.given_width is None else self.order * self.given_width

    @property
    def projection_width(self) -> int:
        """The width of one block's projection."""
        return self.width // self.order * self.factor

    def combine(self, projections: list[Tensor], training: bool | None) -> Tensor:
        # What is handed on keeps the products' range.
        dtype = at_least_float32(projections[0].dtype)
        blocks = [ops.split(p, self.order, axis=-1) for p in projections]
        pooled, handed = [], None
        for factors in zip(*blocks, strict=True):
            x, y = (ops.cast(f, dtype) for f in self.drop_product(factors, training))
            x = x if handed is None else x * handed
            pooled.append(self.normalized(factorized_bilinear_pool(x, y, factor=self.factor)))
            handed = x * y
        return ops.cast(ops.concatenate(pooled, axis=-1), projections[0].dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "order": self.order}
