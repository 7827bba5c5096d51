"""The star operation."""

from typing import Any, Unpack

from keras_hadamard._core.checks import one_of, positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers.high_order._widths import check_width
from keras_hadamard.ops import glu


@serializable
class StarOperation(BaseLayer):
    """Product, or for comparison sum, of two projections of each token, projected back (StarNet).

    `y = G (act(U x) * (V x))`, or `y = G (act(U x) + V x)`: `U` and `V` are
    `(width, expansion * width)`, `G` is `(expansion * width, units)`, all with biases. One product
    spans about `width ** 2 / 2` dimensions, so a few of them in a row can represent functions that
    sums cannot.

    Args:
        expansion: Integer, how many times wider than the input the product is. Defaults to `4`.
        mode: `"multiply"` or `"add"`. Defaults to `"multiply"`.
        activation: Name or function applied to the first projection. Defaults to `"relu6"`, as
            in StarNet; `None` makes the layer a polynomial of degree two.
        units: Integer, the width of the output. Defaults to `None`, which is that of the input.
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
        `expansion * width * (2 * width + units + 2) + units`, with `units` = `width` where it is
        `None`.

    Masking:
        The mask is passed on.

    Numerics:
        Activation and product are float32 inside under 16-bit policies. `"gelu"` is exact.

    Raises:
        ValueError: If an argument is out of range or the width of the input is unknown.

    Example:

    >>> x = keras.ops.ones((4, 7))
    >>> keras_hadamard.layers.StarOperation(expansion=3)(x).shape
    TensorShape([4, 7])

    Reference:
        - [Rewrite the Stars (Ma et al., 2024)](https://arxiv.org/abs/2403.19967)
    """

    def __init__(
        self,
        expansion: int = 4,
        mode: str = "multiply",
        activation: Activation = "relu6",
        units: int | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.expansion = positive_int("expansion", expansion)
        self.mode = one_of("mode", mode, ("multiply", "add"))
        self.activation = get_activation(activation)
        self.units = None if units is None else positive_int("units", units)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        check_width(input_shape)
        lead, width = input_shape[:-1], input_shape[-1] or 0
        hidden = self.expansion * width
        self.activated_projection, self.plain_projection = (
            self.project(hidden, name, input_shape=input_shape)
            for name in ("activated_projection", "plain_projection")
        )
        self.output_projection = self.project(
            width if self.units is None else self.units,
            "output_projection",
            input_shape=(*lead, hidden),
        )

    def call(self, inputs: Tensor) -> Tensor:
        u, v = self.activated_projection(inputs), self.plain_projection(inputs)
        if self.mode == "multiply":
            return self.output_projection(glu(v, u, activation=self.activation))
        return self.output_projection(self.activation(u) + v)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_width(input_shape)
        return tuple(input_shape) if self.units is None else (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "expansion": self.expansion,
            "mode": self.mode,
            "activation": serialize_activation(self.activation),
            "units": self.units,
        }
