"""The product of two projections beside one of them."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers.high_order._widths import check_width


@serializable
class FactorizedInteraction(BaseLayer):
    """Dense layer with a product of two projections (the block of FinalNet).

    With `[g; h] = W x + b` in two equal parts,

    - `"sum"`: `y = g + h * g`, each part as wide as the output;
    - `"concat"`: `y = [g; h * g]`, each part half as wide.

    L layers, one after the other, give the products of up to `2^L` features.

    Args:
        units: Integer, the width of the output; even for `"concat"`.
        residual_type: `"sum"` or `"concat"`. Defaults to `"sum"`.
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
        `2 * (width + 1) * units` for `"sum"`, half of that for `"concat"`.

    Masking:
        The mask is passed on.

    Numerics:
        Products are computed in the compute dtype.

    Raises:
        ValueError: If an argument is out of range or the width is unknown.

    Example:

    >>> x = keras.ops.ones((4, 7))
    >>> keras_hadamard.layers.FactorizedInteraction(6, "concat")(x).shape
    TensorShape([4, 6])

    Reference:
        - [FINAL: Factorized Interaction Layer for CTR Prediction (Zhu et al., 2023)](
          https://doi.org/10.1145/3539618.3591988)
    """

    def __init__(
        self, units: int, residual_type: str = "sum", **kwargs: Unpack[ProjectionArguments]
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.units = positive_int("units", units)
        self.residual_type = one_of("residual_type", residual_type, ("sum", "concat"))
        if residual_type == "concat" and units % 2:
            raise received('`units` to be even where `residual_type` is "concat"', units=units)

    def build(self, input_shape: Shape) -> None:
        check_width(input_shape)
        width = self.units if self.residual_type == "sum" else self.units // 2
        self.projection = self.project(width, "projection", blocks=2, input_shape=input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        g, h = ops.split(self.projection(inputs), 2, axis=-1)
        product = h * g
        return g + product if self.residual_type == "sum" else ops.concatenate([g, product], -1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_width(input_shape)
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "residual_type": self.residual_type,
        }
