"""Superdiagonal fusion with full cores."""

from typing import Any

from keras_hadamard._export import serializable
from keras_hadamard._typing import Activation
from keras_hadamard.layers.fusion._core_fusion import CoreFusion


@serializable
class BlockTucker(CoreFusion):
    """Superdiagonal fusion with a full core in each chunk: `TuckerFusion` chunk by chunk.

    `y = act(P [n(z_1); ...; n(z_chunks)] + b)` with
    `z_(c,k) = sum_(i, j) C_(c,i,j,k) u_(c,i) v_(c,j)`, where `u = a(W_1 x_1 + b_1)` and
    `v = a(W_2 x_2 + b_2)` of width `mm_dim` are cut into chunks and `n` is signed square root and
    L2 norm. `BLOCK` gives each of these cores a low rank.

    Args:
        units: Integer, the width of the output.
        mm_dim: Integer, the width of both projections and of the core's output. Defaults to
            `1600`.
        chunks: Integer, into how many chunks the projections are cut, the last of them smaller if
            `mm_dim` is no multiple. Defaults to `20`.
        activation: Name or function of the output's activation. Defaults to `None`.
        projection_activation: Name or function of the projections' activation. Defaults to `None`.
        dropout: Float in [0, 1), dropout before the output projection. Defaults to `0.0`.
        projection_dropout: Float in [0, 1), dropout of both projections. Defaults to `0.0`.
        normalize: Boolean, whether the fused chunks get the signed square root and L2
            normalisation. Defaults to `True`; the authors' code always does.
        normalize_position: `"before_cat"` normalises every chunk by itself, `"after_cat"` the
            joined chunks. Defaults to `"before_cat"`, as in the authors' code.
        normalize_axis: Integer, the axis of the L2 norm. Defaults to `-1`, the features. The
            authors' code uses `1`, which in sequences is the positions.
        use_core_bias: Boolean, whether the core's outputs have biases, as in the authors' code,
            which make lower orders of it. Defaults to `False`, a pure bilinear form.
        shared_projections: Boolean, whether both inputs, then of one width, have the same
            projection. Defaults to `False`.
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
        `mm_dim * (sum(widths) + modalities) + mm_dim**3 / chunks**2 + (mm_dim + 1) * units`, where
        `mm_dim` is a multiple of `chunks`.

    Masking:
        A position is valid where it is valid in every input that has a mask; the mask is passed on.

    Numerics:
        The core is a matrix that the first input makes of its tensor, applied to the second, in the
        compute dtype. Signed square root and L2 norm are computed in float32 under 16-bit policies;
        both have finite gradients at exact zeros and zero rows.

    Raises:
        ValueError: If the inputs are no list of two, do not fit together, or an argument is out of
            range.

    Example:

    >>> image, question = keras.ops.ones((2, 7)), keras.ops.ones((2, 5))
    >>> keras_hadamard.layers.BlockTucker(6, mm_dim=10, chunks=4)([image, question]).shape
    TensorShape([2, 6])

    Reference:
        - [BLOCK: Bilinear Superdiagonal Fusion (Ben-younes et al., 2019)](
          https://arxiv.org/abs/1902.00038)
    """

    def __init__(
        self,
        units: int,
        mm_dim: int = 1600,
        chunks: int = 20,
        activation: Activation = None,
        projection_activation: Activation = None,
        dropout: float = 0.0,
        projection_dropout: float = 0.0,
        normalize: bool = True,
        normalize_position: str = "before_cat",
        normalize_axis: int = -1,
        use_core_bias: bool = False,
        shared_projections: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units,
            mm_dim,
            chunks=chunks,
            activation=activation,
            projection_activation=projection_activation,
            dropout=dropout,
            projection_dropout=projection_dropout,
            normalize=normalize,
            normalize_position=normalize_position,
            normalize_axis=normalize_axis,
            use_core_bias=use_core_bias,
            shared_projections=shared_projections,
            seed=seed,
            **kwargs,
        )
