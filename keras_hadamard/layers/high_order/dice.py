"""The activation of deep interest networks."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import fraction, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import BaseArguments, Shape, Tensor
from keras_hadamard.layers._kernel_free import KernelFreeLayer
from keras_hadamard.layers._normalization import BatchNormalization
from keras_hadamard.layers.high_order._widths import check_width


@serializable
class Dice(KernelFreeLayer):
    """Activation that is rectified where the data are, not at zero (Dice).

    `y = p * x + alpha * (1 - p) * x with p = sigmoid(N(x))`, where `N` is a batch normalisation
    without scale and shift, and `alpha` has one number a feature. With `p` of zero or one it is a
    PReLU.

    Args:
        momentum: Float, of the running mean and variance. Defaults to `0.99`.
        epsilon: Float, added to the variance. Defaults to `1e-09`.
        **kwargs: Arguments of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        training: Boolean, whether the statistics are those of the batch, which are recorded.
            Defaults to `None`.

    Input shape:
        `(batch, ..., width)`.

    Output shape:
        The shape of the input.

    Weights:
        `width`, and two running statistics a feature. `alpha` starts at zero.

    Masking:
        The mask is passed on; masked positions have a part in the statistics, as in the authors'
        code.

    Numerics:
        The statistics are computed in float32 under 16-bit policies.

    Raises:
        ValueError: If an argument is out of range or the width of the input is unknown.

    Example:

    >>> keras_hadamard.layers.Dice()(keras.ops.zeros((4, 7))).shape
    TensorShape([4, 7])

    Reference:
        - [Deep Interest Network for Click-Through Rate Prediction (Zhou et al., 2018)](
          https://arxiv.org/abs/1706.06978)
    """

    def __init__(
        self, momentum: float = 0.99, epsilon: float = 1e-9, **kwargs: Unpack[BaseArguments]
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.momentum = fraction("momentum", momentum)
        self.epsilon = float(epsilon)
        if not self.epsilon > 0:
            raise received("`epsilon` to be above 0", epsilon=epsilon)

    def build(self, input_shape: Shape) -> None:
        check_width(input_shape)
        self.norm = BatchNormalization(
            momentum=self.momentum,
            epsilon=self.epsilon,
            center=False,
            scale=False,
            name="norm",
            dtype=self.dtype_policy,
        )
        self.norm.build(input_shape)
        self.alpha = self.add_weight(name="alpha", shape=input_shape[-1:], initializer="zeros")

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        p = ops.sigmoid(self.norm(inputs, training=training))
        return inputs * (p + self.alpha * (1 - p))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_width(input_shape)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "epsilon": self.epsilon}
