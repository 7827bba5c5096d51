"""A stack of crosses in one layer."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import non_negative, one_of, positive_int, received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._kernels import effective_kernel
from keras_hadamard.layers.high_order._cross import quarter, rank_argument
from keras_hadamard.layers.high_order._widths import check_width


@serializable
class CrossNetwork(BaseLayer):
    """Several crosses, each of which raises the degree of the polynomial by one (DCN, DCN-v2).

    From `x_0`, the input, in `num_layers` steps,

    - `"matrix"`: `x_(l+1) = x_0 * (W_l x_l + b_l) + x_l`, `W_l` `(width, width)`: DCN-v2;
    - `"low_rank"`: the same with `W_l = V_l U_l`, `U_l` `(width, projection_dim)`;
    - `"vector"`: `x_(l+1) = x_0 (w_l . x_l) + b_l + x_l`, `w_l` of `width` numbers: DCN, with the
      bias outside of the product.

    TensorFlow Recommenders' `MultiLayerDCN` is `"low_rank"`, with rank 1 by default.

    Args:
        num_layers: Integer, the number of crosses. Defaults to `3`.
        parameterization: `"matrix"`, `"low_rank"` or `"vector"`. Defaults to `"matrix"`.
        projection_dim: Integer, the rank for `"low_rank"`. Defaults to `None`, a quarter of the
            width, which the paper found to keep the accuracy.
        diag_scale: Float, added to the diagonal of the matrices. Defaults to `0.0`.
        pre_activation: Name or function of an activation of `W_l x_l + b_l`. Defaults to `None`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, ..., width)`.

    Output shape:
        `(batch, ..., width)`.

    Weights:
        `num_layers * width * (width + 1)` for `"matrix"`.

    Masking:
        The mask is passed on.

    Numerics:
        Matrix products are computed in the compute dtype. With `"vector"` every `x_l` is a number
        times `x_0` plus a constant, so that one projection and a recursion of numbers, at least
        float32, give the output. Values grow as the degree `num_layers + 1` of the polynomial.

    Raises:
        ValueError: If an argument is out of range or belongs to another parameterization, or the
            width is unknown.

    Example:

    >>> x = keras.ops.ones((4, 7))
    >>> keras_hadamard.layers.CrossNetwork(2, "low_rank", projection_dim=3)(x).shape
    TensorShape([4, 7])

    Reference:
        - [Deep & Cross Network for Ad Click Predictions (Wang et al., 2017)](
          https://arxiv.org/abs/1708.05123)
        - [DCN V2: Improved Deep & Cross Network (Wang et al., 2021)](
          https://arxiv.org/abs/2008.13535)
    """

    def __init__(
        self,
        num_layers: int = 3,
        parameterization: str = "matrix",
        projection_dim: int | None = None,
        diag_scale: float = 0.0,
        pre_activation: Activation = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.num_layers = positive_int("num_layers", num_layers)
        kinds = ("matrix", "low_rank", "vector")
        self.parameterization = one_of("parameterization", parameterization, kinds)
        self.projection_dim = rank_argument(projection_dim)
        self.diag_scale = non_negative("diag_scale", diag_scale)
        self.pre_activation = get_activation(pre_activation)
        self.supports_masking = True
        if projection_dim is not None and parameterization != "low_rank":
            raise received(
                '`projection_dim` only for parameterization "low_rank"',
                projection_dim=projection_dim,
                parameterization=parameterization,
            )
        plain = self.pre_activation is keras.activations.linear and not diag_scale
        if parameterization == "vector" and not plain:
            raise received(
                '`diag_scale` and `pre_activation` only for matrices, not for "vector"',
                diag_scale=diag_scale,
                pre_activation=pre_activation,
            )

    def build(self, input_shape: Shape) -> None:
        check_width(input_shape)
        width = input_shape[-1] or 0
        self.down_projections: list[keras.layers.Dense] = []
        self.projections: list[keras.layers.Dense] = []
        if self.parameterization == "vector":
            self._build_vectors(input_shape, width)
            return
        for n in range(self.num_layers):
            below = width
            if self.parameterization == "low_rank":
                below = quarter(self.projection_dim, width)
                self.down_projections.append(
                    self.project(
                        below, f"down_projection_{n}", use_bias=False, input_shape=input_shape
                    )
                )
            self.projections.append(
                self.project(
                    width,
                    f"projection_{n}",
                    activation=self.pre_activation,
                    input_shape=(*input_shape[:-1], below),
                )
            )

    def call(self, inputs: Tensor) -> Tensor:
        if self.parameterization == "vector":
            return self._cross_vectors(inputs)
        x = inputs
        for n, project in enumerate(self.projections):
            low = self.down_projections[n](x) if self.down_projections else x
            projected = project(low)
            if self.diag_scale:
                projected = projected + self.diag_scale * x
            x = inputs * projected + x
        return x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_width(input_shape)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_layers": self.num_layers,
            "parameterization": self.parameterization,
            "projection_dim": self.projection_dim,
            "diag_scale": self.diag_scale,
            "pre_activation": serialize_activation(self.pre_activation),
        }

    def _build_vectors(self, input_shape: Shape, width: int) -> None:
        self.vectors = self.project(
            1, "vectors", use_bias=False, blocks=self.num_layers, input_shape=input_shape
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.num_layers, width),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def _cross_vectors(self, inputs: Tensor) -> Tensor:
        """x_l = number_l * x_0 + constant_l, with number_0 = 1 and constant_0 = 0."""
        dtype = accumulation_dtype(self.compute_dtype)
        steps = ops.split(ops.cast(self.vectors(inputs), dtype), self.num_layers, axis=-1)
        kernel = effective_kernel(self.vectors, dtype)
        number: Tensor = 1.0
        constant: Tensor = None
        for n, step in enumerate(steps):
            grown = number + number * step
            if constant is not None:
                grown = grown + ops.sum(kernel[:, n] * constant)
            number = grown
            if self.bias is not None:
                bias = ops.cast(self.bias[n], dtype)
                constant = bias if constant is None else constant + bias
        output = number * ops.cast(inputs, dtype)
        return ops.cast(output if constant is None else output + constant, self.compute_dtype)
