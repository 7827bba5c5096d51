"""The polynomial of an input whose powers are normalised."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import positive_int
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import BaseArguments, Shape, Tensor
from keras_hadamard.layers._kernel_free import KernelFreeLayer
from keras_hadamard.layers.high_order._widths import check_width
from keras_hadamard.layers.modulation._expansion import expansion_ratio
from keras_hadamard.layers.modulation._powers import add_coefficients
from keras_hadamard.ops._poly_norm import poly_norm


@serializable
class PolyNorm(KernelFreeLayer):
    """Activation that sums the powers of the input, each normalised over the features (PolyNorm).

    `y = w_1 N(x^3) + w_2 N(x^2) + w_3 N(x) + b with N(u) = u / sqrt(mean(u^2) + epsilon)`, for a
    `degree` of 3: the highest power first, the mean over the features, and one set of coefficients
    for all features. It takes the place of the activation of a feed-forward network.

    Args:
        degree: Integer, the highest power. Defaults to `3`.
        epsilon: Float, added to the mean of the squares. Defaults to `1e-06`.
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
        Everything is float32 under 16-bit policies: in float16 the cube of 41 is infinite. The
        features are divided by the root of the mean of their squares before the powers if that is
        above one, so that all powers are finite where the squares are. The gradient keeps only the
        input.

    Raises:
        ValueError: If an argument is out of range or the width of the input is unknown.

    Example:

    >>> y = keras_hadamard.layers.PolyNorm()(keras.ops.array([[2.0, -2.0]]))
    >>> [round(float(v), 3) for v in y[0]]
    [1.0, -0.333]

    Reference:
        - [Polynomial Composition Activations: Unleashing the Dynamics of Large Language Models
          (Zhuo et al., 2024)](https://arxiv.org/abs/2411.03884)
    """

    def __init__(
        self, degree: int = 3, epsilon: float = 1e-6, **kwargs: Unpack[BaseArguments]
    ) -> None:
        super().__init__(**kwargs)
        self.degree = positive_int("degree", degree)
        self.epsilon = expansion_ratio("epsilon", epsilon)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        check_width(input_shape)
        self.coefficients, self.bias = add_coefficients(self, self.degree)

    def call(self, inputs: Tensor) -> Tensor:
        x = ops.cast(inputs, accumulation_dtype(inputs.dtype))
        weights, bias = (ops.cast(w, x.dtype) for w in (self.coefficients, self.bias))
        return ops.cast(poly_norm(x, weights, epsilon=self.epsilon) + bias, inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_width(input_shape)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "degree": self.degree, "epsilon": self.epsilon}
