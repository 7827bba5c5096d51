"""The polynomial of a rectified input."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import positive_int
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import BaseArguments, Shape, Tensor
from keras_hadamard.layers._kernel_free import KernelFreeLayer
from keras_hadamard.layers.high_order._widths import check_width
from keras_hadamard.layers.modulation._powers import add_coefficients


@serializable
class PolyReLU(KernelFreeLayer):
    """Activation that is a polynomial of the rectified input (PolyReLU).

    `y = w_1 u^3 + w_2 u^2 + w_3 u + b with u = relu(x)`, for a `degree` of 3: the highest power
    first, one set of coefficients for all features. `PolyNorm` normalises the powers.

    Args:
        degree: Integer, the highest power. Defaults to `3`.
        **kwargs: Arguments of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, ..., width)`.

    Output shape:
        The shape of the input.

    Weights:
        `degree + 1`. The coefficients start at `1 / degree`, `b` at zero.

    Masking:
        The mask is passed on.

    Numerics:
        Powers and sum are float32 under 16-bit policies: in float16 the cube of 41 is infinite. The
        output is not bounded, and may be too large for float16; `PolyNorm`'s is not.

    Raises:
        ValueError: If `degree` is not a positive integer or the width of the input is unknown.

    Example:

    >>> y = keras_hadamard.layers.PolyReLU()(keras.ops.array([[-1.0, 1.0, 2.0]]))
    >>> [round(float(v), 3) for v in y[0]]
    [0.0, 1.0, 4.667]

    Reference:
        - [Polynomial Composition Activations: Unleashing the Dynamics of Large Language Models
          (Zhuo et al., 2024)](https://arxiv.org/abs/2411.03884)
    """

    def __init__(self, degree: int = 3, **kwargs: Unpack[BaseArguments]) -> None:
        super().__init__(**kwargs)
        self.degree = positive_int("degree", degree)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        check_width(input_shape)
        self.coefficients, self.bias = add_coefficients(self, self.degree)

    def call(self, inputs: Tensor) -> Tensor:
        u = ops.relu(ops.cast(inputs, accumulation_dtype(inputs.dtype)))
        weights = ops.cast(self.coefficients, u.dtype)
        # Horner's scheme: no power is kept.
        total = weights[0] * u
        for i in range(1, self.degree):
            total = (total + weights[i]) * u
        return ops.cast(total + ops.cast(self.bias, u.dtype), inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_width(input_shape)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "degree": self.degree}
