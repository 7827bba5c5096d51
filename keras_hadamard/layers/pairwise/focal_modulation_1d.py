"""Focal modulation of sequences."""

from typing import Any, ClassVar

from keras_hadamard._export import serializable
from keras_hadamard._typing import Activation, Initializer
from keras_hadamard.layers.pairwise._focal_modulation import FocalModulation


@serializable
class FocalModulation1D(FocalModulation):
    """Focal modulation of sequences: every position is multiplied by what stands around it.

    `y = W_o (q * W_h m) with m = sum_l g_l * c_l + g_(L + 1) * act(mean(c_L))`, as in
    `FocalModulation2D`, of which it is the case of images of one row: `c_l = act(D_l(c_(l - 1)))`
    with a depthwise convolution `D_l` over `window + factor * (l - 1)` positions. It sees both
    sides of a position and the mean of all; there is no causal form.

    Args:
        levels: Integer, the number of depthwise convolutions. Defaults to `2`.
        window: Integer, the length of the first kernel. Defaults to `3`.
        factor: Integer, how much longer each next kernel is. Defaults to `2`.
        post_norm: Boolean, whether the product is normalised before `W_o`. Defaults to `False`.
        normalize_modulator: Boolean, whether `m` is divided by the number of its terms. Defaults to
            `False`.
        activation: Name or function of the contexts. Defaults to `"gelu"`.
        use_output_bias: Boolean, whether `W_o` has a bias, also with `use_bias=False`. Defaults to
            `True`.
        depthwise_initializer: Initialiser of the depthwise kernels. Defaults to `None`, that of the
            other kernels.
        **kwargs: Arguments of the projections (`use_bias`, but for `W_o`, `kernel_initializer` and
            `bias_initializer`, here PyTorch's default, their regularizers and constraints, as
            `keras.layers.Dense` has them) and of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        mask: Boolean tensor `(batch, length)`, the positions that are valid. Defaults to `None`.

    Input shape:
        `(batch, length, channels)`.

    Output shape:
        That of the input.

    Weights:
        `channels * (4 * channels + levels + 5 + sum(window + factor * l for l in range(levels))) +
        levels + 1`.

    Masking:
        Masked positions count as the padding does, on every level, and have no part in the mean:
        with a mask of the last positions the others are those of the shorter sequence. The mask is
        passed on.

    Numerics:
        Gates, sums, mean and product are computed in float32 under 16-bit policies. GELU is exact.

    Raises:
        ValueError: If an argument is out of range or the input is no sequence of known channels.

    Example:

    >>> x = keras.ops.ones((2, 10, 16))
    >>> keras_hadamard.layers.FocalModulation1D(levels=3)(x).shape
    TensorShape([2, 10, 16])

    Reference:
        - [Focal Modulation Networks (Yang et al., 2022)](https://arxiv.org/abs/2203.11926)
    """

    rank: ClassVar[int] = 1

    def __init__(
        self,
        levels: int = 2,
        window: int = 3,
        factor: int = 2,
        post_norm: bool = False,
        normalize_modulator: bool = False,
        activation: Activation = "gelu",
        use_output_bias: bool = True,
        depthwise_initializer: Initializer = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            levels,
            window,
            factor,
            post_norm,
            normalize_modulator,
            activation,
            use_output_bias,
            depthwise_initializer,
            None,
            **kwargs,
        )
