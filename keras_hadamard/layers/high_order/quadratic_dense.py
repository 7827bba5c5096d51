"""Dense layers of quadratic neurons."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import one_of, positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._bilinear import bilinear
from keras_hadamard.layers.high_order._widths import check_width
from keras_hadamard.ops import modulate

FORMS = ("full", "product", "product_linear", "product_square")


@serializable
class QuadraticDense(BaseLayer):
    """Dense layer whose neurons are quadratic in the input.

    `y = act((W_a x) * (W_b x) + W_c x + b)`, or `y = act(q)` with another of the published forms of
    the quadratic neuron:

    - `"full"`: `q_u = x^T W_u x + w_u x + b_u`, a matrix for every unit;
    - `"product"`: `q = (W_a x) * (W_b x)`;
    - `"product_linear"`: `q = (W_a x) * (W_b x) + W_c x + b`;
    - `"product_square"`: `q = (W_a x + b_a) * (W_b x + b_b) + W_c x^2 + b_c`.

    The products are the full form with matrices of rank one, at 2, 3 and 3 times the cost of
    `keras.layers.Dense`, where the full form costs `width + 1` times as much.

    Args:
        units: Integer, the width of the output.
        form: `"full"`, `"product"`, `"product_linear"` or `"product_square"`. Defaults to
            `"product_linear"`.
        activation: Name or function of the output's activation. Defaults to `None`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, ..., width)`.

    Output shape:
        `(batch, ..., units)`.

    Weights:
        `(3 * width + 1) * units` for `"product_linear"`.

    Masking:
        The mask is passed on.

    Numerics:
        The product and the sum with the linear part are float32 under 16-bit policies; the squares
        of the input in `"product_square"` are not. The full form has `units * width^2` weights and
        holds `units * width` values for every position. Every layer squares magnitudes: stacked
        layers need a normalisation between them.

    Raises:
        ValueError: If an argument is out of range or the width of the input is unknown.

    Example:

    >>> x = keras.ops.ones((4, 7))
    >>> keras_hadamard.layers.QuadraticDense(3)(x).shape
    TensorShape([4, 3])

    Reference:
        - [A New Type of Neurons for Machine Learning (Fan et al., 2018)](
          https://arxiv.org/abs/1704.08362)
        - [QuadraNet (Xu et al., 2023)](https://arxiv.org/abs/2311.17956)
    """

    def __init__(
        self,
        units: int,
        form: str = "product_linear",
        activation: Activation = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.units = positive_int("units", units)
        self.form = one_of("form", form, FORMS)
        self.activation = get_activation(activation)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        check_width(input_shape)
        width = input_shape[-1]
        self.factors: list[keras.layers.Dense] = []
        self.kernel: Any = None
        self.addend: Any = None
        if self.form == "full":
            self.kernel = self.add_weight(
                name="kernel",
                shape=(width, width, self.units),
                initializer=self.kernel_initializer,
                regularizer=self.kernel_regularizer,
                constraint=self.kernel_constraint,
            )
        else:
            bias = self.use_bias and self.form == "product_square"
            self.factors = [
                self.project(self.units, f"factor_{i}", use_bias=bias, input_shape=input_shape)
                for i in range(2)
            ]
        if self.form != "product":
            name = "square_projection" if self.form == "product_square" else "linear_projection"
            self.addend = self.project(self.units, name, input_shape=input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        if self.kernel is not None:
            return self.activation(bilinear(inputs, self.kernel, inputs) + self.addend(inputs))
        one, other = (factor(inputs) for factor in self.factors)
        addend = None
        if self.addend is not None:
            addend = self.addend(ops.square(inputs) if self.form == "product_square" else inputs)
        return self.activation(modulate(one, other, addend))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_width(input_shape)
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "form": self.form,
            "activation": serialize_activation(self.activation),
        }
