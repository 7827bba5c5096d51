"""The crosses of DCN-v3."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import fraction, one_of, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._dropout import dropped
from keras_hadamard.layers._normalization import normalization
from keras_hadamard.layers.high_order._widths import check_width


@serializable
class DeepCrossV3(BaseLayer):
    """Crosses whose projections multiply themselves, linear or exponential (DCN-v3, FCN).

    `x_(l+1) = u * ([h; h * m] + b_l) + x_l with h = W_l x_l, m = relu(LN(h))`, where `W_l` has the
    shape `(width, width / 2)` and `u` is

    - `"exponential"`: `x_l`, so that L crosses have the degree `2^L`;
    - `"linear"`: `x_0`, the input, so that each cross raises the degree by one.

    The degrees leave `m` out, which the authors call a mask: it is not zero or one, but multiplies.
    Their network averages the logits of a linear and an exponential stack, `Dense(1)` each.

    Args:
        num_layers: Integer, the number of crosses. Defaults to `3`.
        kind: `"exponential"` or `"linear"`. Defaults to `"exponential"`.
        normalize: Boolean, whether there is a layer normalisation in the mask. Defaults to `True`.
        dropout: Float, the rate of the dropout of each cross's output. The authors have 0.1.
            Defaults to `0.0`.
        seed: Integer, for the dropout. Defaults to `None`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        training: Boolean, whether dropout is active. Defaults to `None`.

    Input shape:
        `(batch, ..., width)` of even width.

    Output shape:
        `(batch, ..., width)`.

    Weights:
        `num_layers * (width * width // 2 + 2 * width)`, `num_layers * width` less without
        `normalize`.

    Masking:
        The mask is passed on.

    Numerics:
        Products are computed in the compute dtype, the normalisation in float32 under 16-bit
        policies. Values grow as the degree: features far above one overflow, and without
        `normalize` the mask adds to the degree.

    Raises:
        ValueError: If an argument is out of range or the width is unknown or odd.

    Example:

    >>> x = keras.ops.ones((4, 6))
    >>> keras_hadamard.layers.DeepCrossV3(2)(x).shape
    TensorShape([4, 6])

    Reference:
        - [FCN: Fusing Exponential and Linear Cross Network for Click-Through Rate Prediction (Li et
          al., 2024)](https://arxiv.org/abs/2407.13349)
    """

    def __init__(
        self,
        num_layers: int = 3,
        kind: str = "exponential",
        normalize: bool = True,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.num_layers = positive_int("num_layers", num_layers)
        self.kind = one_of("kind", kind, ("exponential", "linear"))
        self.normalize = bool(normalize)
        self.dropout = fraction("dropout", dropout)
        self.seed = seed

    def build(self, input_shape: Shape) -> None:
        check_width(input_shape)
        width = input_shape[-1] or 0
        if width % 2:
            raise received(f"the width of `{type(self).__name__}`'s input to be even", width=width)
        half = (*input_shape[:-1], width // 2)
        self.projections: list[keras.layers.Dense] = []
        self.norms: list[keras.layers.Layer] = []
        self.biases: list[Any] = []
        for n in range(self.num_layers):
            self.projections.append(
                self.project(width // 2, f"projection_{n}", use_bias=False, input_shape=input_shape)
            )
            self.norms.append(
                normalization(
                    "layer" if self.normalize else None,
                    f"norm_{n}",
                    policy=self.dtype_policy,
                    input_shape=half,
                )
            )
            if self.use_bias:
                # Not the projection's: it is added after the product.
                self.biases.append(
                    self.add_weight(
                        name=f"bias_{n}",
                        shape=(width,),
                        initializer=self.bias_initializer,
                        regularizer=self.bias_regularizer,
                        constraint=self.bias_constraint,
                    )
                )
        self.drop = keras.layers.Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = inputs
        for n in range(self.num_layers):
            h = self.projections[n](x)
            crossed = ops.concatenate([h, h * ops.relu(self.norms[n](h))], axis=-1)
            if self.biases:
                crossed = crossed + self.biases[n]
            x = (x if self.kind == "exponential" else inputs) * crossed + x
            x = dropped(self.drop, x, training)
        return x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_width(input_shape)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_layers": self.num_layers,
            "kind": self.kind,
            "normalize": self.normalize,
            "dropout": self.dropout,
            "seed": self.seed,
        }
