"""Fusion by a Tucker decomposition with a full core."""

from typing import Any

from keras_hadamard._export import serializable
from keras_hadamard._typing import Activation
from keras_hadamard.layers.fusion._core_fusion import CoreFusion


@serializable
class TuckerFusion(CoreFusion):
    """Tucker fusion: a full bilinear form of two projections.

    `y = act(P z + b)` with `z_k = sum_(i, j) C_(i, j, k) u_i v_j`, `u = a(W_1 x_1 + b_1)`,
    `v = a(W_2 x_2 + b_2)`: a Tucker decomposition of the tensor of all bilinear forms, with a core
    `C` of shape `(mm_dim, mm_dim, mm_dim)`.

    Args:
        units: Integer, the width of the output.
        mm_dim: Integer, the width of both projections and of the core's output. Defaults to
            `None`, which is `units`; the core has the cube of it.
        activation: Name or function of the output's activation. Defaults to `None`.
        projection_activation: Name or function of the projections' activation. Defaults to `None`.
        dropout: Float in [0, 1), dropout before the output projection. Defaults to `0.0`.
        projection_dropout: Float in [0, 1), dropout of both projections. Defaults to `0.0`.
        normalize: Boolean, whether the core's output gets the signed square root and L2
            normalisation. Defaults to `False`.
        normalize_axis: Integer, the axis of the L2 norm. Defaults to `-1`, the features. The
            authors' code uses `1`, which in sequences is the positions.
        use_core_bias: Boolean, whether the core's output has biases, as in the authors' code,
            which make lower orders of it. Defaults to `False`, a pure bilinear form.
        shared_projections: Boolean, whether both inputs, then of one width, have the same
            projection. Defaults to `False`. The authors' code has the option and, by an
            oversight, does not share.
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
        `mm_dim * (sum(widths) + modalities) + mm_dim**3 + (mm_dim + 1) * units`, with `mm_dim` =
        `units` where it is `None`.

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
    >>> keras_hadamard.layers.TuckerFusion(6, mm_dim=8)([image, question]).shape
    TensorShape([2, 6])

    Reference:
        - [MUTAN: Multimodal Tucker Fusion for VQA (Ben-younes et al., 2017)](
          https://arxiv.org/abs/1705.06676), where MUTAN factors the core
    """

    def __init__(
        self,
        units: int,
        mm_dim: int | None = None,
        activation: Activation = None,
        projection_activation: Activation = None,
        dropout: float = 0.0,
        projection_dropout: float = 0.0,
        normalize: bool = False,
        normalize_axis: int = -1,
        use_core_bias: bool = False,
        shared_projections: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units,
            mm_dim,
            activation=activation,
            projection_activation=projection_activation,
            dropout=dropout,
            projection_dropout=projection_dropout,
            normalize=normalize,
            normalize_axis=normalize_axis,
            use_core_bias=use_core_bias,
            shared_projections=shared_projections,
            seed=seed,
            **kwargs,
        )
